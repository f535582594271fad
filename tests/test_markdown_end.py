"""Labels in Markdown and HTML as a reader sees them: rendered, they are paragraphs of their own, and
the answer between them is what it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.driver import SHIPPED
from tests.wire import MARK, NOTE, P, S

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

Rendered = list[tuple[str, str]]


def rendered(text: str) -> Rendered:
    """The blocks of a text and what is written in them."""
    return [(token.type, token.content.rstrip()) for token in MARKDOWN.parse(text)]


def paragraph(words: str) -> Rendered:
    """A paragraph that holds nothing else."""
    return [("paragraph_open", ""), ("inline", words), ("paragraph_close", "")]


def streamed(text: str) -> str:
    """The labelled text where it comes character by character."""
    return "".join(SHIPPED.stream(list(text)))


def check(text: str) -> None:
    """Marker, the text's own blocks as they were, disclaimer: complete and streamed."""
    inside = rendered(text)
    assert rendered(SHIPPED.text(text).content) == [*paragraph(MARK), *inside, *paragraph(NOTE)]
    out = rendered(streamed(text))
    if out[:3] != paragraph(MARK):  # what could have been JSON has both labels at its end
        assert text.lstrip().startswith(("[", "{"))
        assert out == [*inside, *paragraph(MARK), *paragraph(NOTE)]
    else:
        assert out == [*paragraph(MARK), *inside, *paragraph(NOTE)]


@pytest.mark.parametrize(
    ("text", "closer"),
    [
        ("```\ncode", "\n```"),
        ("```\ncode\n", "```"),
        ("```py\ncode\n\n", "```"),
        ("```", "\n```"),
        ("~~~\ncode", "\n~~~"),
        ("````md\n```\na\n```", "\n````"),
        ("~~~~\n~~~\n````", "\n~~~~"),
        ("  ```\n  code", "\n  ```"),
        ("a\n```\ncode", "\n```"),
        ("- a\n\n  ```\n  code", "\n  ```"),
        ("- ```\n  code", "\n  ```"),
        ("1. a\n   ```\n   code", "\n   ```"),
        ("10) ```\n    code", "\n    ```"),
        ("- a\n  - b\n\n    ~~~\n    code", "\n    ~~~"),
        ("- - ```\n    code", "\n    ```"),
        ("-\t```\n\tcode", "\n    ```"),
        ("```\r\ncode\r\n", "```"),
        ("```\na\n```\nb\n```\nc", "\n```"),
    ],
)
def test_an_open_fence_is_closed_first(text: str, closer: str) -> None:
    """The closer is as long and as far in as the opener, stands on its own line, and belongs to the
    label: at the top, in list items, with tildes."""
    assert SHIPPED.text(text).content == P + text + closer + S
    assert streamed(text) == P + text + closer + S
    assert SHIPPED.text(P + text + closer + S).content == P + text + closer + S
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "```\ncode\n```",
        "```\ncode\n`````",
        "~~~\n```\n~~~",
        "    ```\n    code",
        "a ``` b",
        "``` a`b",
        "```a```",
        "> ```\n> code",
        "> - ```\n>   code",
        "- > ```\n  > code",
        "- ```\n  code\n\nparagraph",
        "- ```\n  code\nparagraph",
        "- a\n\n      ```",
        "``\ncode",
        "\\```\ncode",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "| a | b |\n|---|---|\n| 1",
        "- a\n- b",
        "1. a\n2. b\n   - c",
        "> quote",
        "# Heading",
        "Heading\n===",
        "---",
        "    code",
        "a  ",
        "a\\",
        "<div>\na",
        "[a]: http://x",
        "a\n[^1]",
        "**a",
        "`a",
        "![a](b",
        "* * *\n```\na\n```",
        "- ---\n\n    ~~~",
        "    1. ```",
        "+ 1. a\n\n  ~~~\n  code\n\ntext",
        "<pre>a</pre>",
        "<!-- a -->",
        "-     ```",
        "<details>\n\n```\na\n```\n\n</details>",
    ],
)
def test_what_needs_no_closer_gets_none(text: str) -> None:
    """Closed fences, fences that are none, quotations, tables, lists, headings: an empty line ends them."""
    assert SHIPPED.text(text).content == P + text + S
    assert streamed(text) == P + text + S
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "<pre>\ncode",
        "<pre>a</pre>\n<pre>",
        "<!-- a",
        "<script>\n\nx",
        "- <pre>\n  a",
        "a\n<style>",
        "<?x",
        "<!DOCTYPE x",
    ],
)
def test_an_open_html_block_is_closed_first(text: str) -> None:
    """`<pre>`, comments and the like go on over empty lines; the disclaimer must not vanish in one."""
    for out in (SHIPPED.text(text).content, streamed(text)):
        assert rendered(out)[:3] == paragraph(MARK)
        assert rendered(out)[-3:] == paragraph(NOTE)


@pytest.mark.parametrize(
    "text", ["<div>\n```\n</div>", "<p>\n~~~", "<table>\n```\n</table>", "<div>\n```\n</div>\n\nHi"]
)
def test_a_fence_within_html_is_none(text: str) -> None:
    """In an HTML block nothing is a fence; a closer would open one and hide the disclaimer in it."""
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "# T",
        "T\n---",
        "- a",
        "1. a",
        "| a |\n|---|\n| b |",
        "```\na\n```",
        "> q",
        "    code",
        "<div>x</div>",
        "---",
        "[a]: b\n\n[a]",
    ],
)
def test_what_begins_an_answer_stays_what_it_is(text: str) -> None:
    """Behind the marker's empty line a heading is a heading, a list a list, code is code."""
    check(text)


# Markdown as models write it: blocks, nested in lists and quotations, and then cut off anywhere.
INFO = st.sampled_from(["", "py", " c++", "x y"])
CODE = st.lists(
    st.sampled_from(["a", "", "  b", "- c", "# d", "``", "~~", "| e |", "1. f", "> g"]), max_size=4
)
PLAIN = st.sampled_from(
    [
        "a",
        "b **c**\nd",
        "# h",
        "## h `i`",
        "---",
        "***",
        "| a | b |\n|---|:-:|\n| 1 | 2 |",
        "h\n===",
        "a ``` b",
        "``i``",
        "a\\",
        "e  ",
    ]
)
FENCES = st.tuples(st.sampled_from(["```", "~~~", "````", "~~~~~"]), INFO, CODE, st.booleans()).map(
    lambda made: "\n".join([made[0] + made[1], *made[2], *([made[0]] if made[3] else [])])
)
HEADS = st.sampled_from(["- ", "* ", "+ ", "1. ", "10) ", "-   ", "> "])


def nested(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Blocks one after the other, within a list item, or within a quotation."""
    gaps = st.sampled_from(["\n\n", "\n\n\n"])
    joined = st.tuples(st.lists(inside, min_size=1, max_size=3), gaps).map(lambda made: made[1].join(made[0]))
    return joined | st.tuples(HEADS, joined).map(within)


def within(block: tuple[str, str]) -> str:
    """Lines behind the head of a list item, or each behind that of a quotation."""
    head, text = block
    rest = head if head == "> " else " " * len(head)
    lines = text.split("\n")
    return "\n".join([head + lines[0], *((rest + line).rstrip() for line in lines[1:])])


TEXTS = st.tuples(nested(st.recursive(PLAIN | FENCES, nested, max_leaves=6)), st.integers(0, 30)).map(
    lambda made: made[0][: len(made[0]) - made[1]] or made[0]
)


@settings(max_examples=400)
@given(TEXTS)
@example("- a\n\n  ```\n  b\n  - ```")
@example("1. a\n\n   - ~~~\n     b\n\n     c")
def test_whatever_the_text_the_labels_stand_apart(text: str) -> None:
    """Lists, fences, tables, quotations and headings, nested and cut off anywhere."""
    if text.strip():
        check(text)


@settings(max_examples=150)
@given(TEXTS)
def test_twice_is_once(text: str) -> None:
    """A labelled text is not labelled again."""
    done = SHIPPED.text(text).content
    assert SHIPPED.text(done).content == done
    done = streamed(text)
    assert streamed(done) == done


def test_a_long_answer_ends_as_well_as_a_short_one() -> None:
    """A fence that was opened long before the end is closed, in constant memory; a disclaimer at the end
    of a long text is found."""
    text = "```\n" + "x = 1\n" * 20_000
    assert streamed(text) == f"{P}{text}```{S}"
    assert SHIPPED.text(text).content == f"{P}{text}```{S}"
    long = "词" * 50_000 + S
    assert streamed(long) == P + long
    assert SHIPPED.text(long).content == P + long


@pytest.mark.parametrize(
    "line", ["- " * 20_000 + "x", "* " * 20_000, "> " * 20_000, "1. " * 20_000, "<a " + "b " * 20_000]
)
def test_a_strange_line_costs_no_more_than_others(line: str) -> None:
    """Anybody can ask a model for forty thousand dashes, at which a quadratic look would take half a minute."""
    text = f"~~~\n~~~\n<!-- -->\n{line}\n"
    assert SHIPPED.text(text).content.startswith(P)
    assert "".join(SHIPPED.stream([text[at : at + 500] for at in range(0, len(text), 500)])).startswith(P)
