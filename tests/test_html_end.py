"""Answers that are HTML documents: the disclaimer stands where a browser shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.driver import JSON, SHIPPED, house, send
from tests.wire import DONE, NOTE, P, S, content, message, say, spoken

PAGE = "<!DOCTYPE html>\n<html><body>\n<h1>Hi</h1>\n</body></html>"


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        PAGE.upper(),
        f"\n{PAGE}\n\n",
        "<html><body>Hi</body>\n</html>",
        "<html lang=zh><body >Hi</body ></html >",
        "<html><body><pre></body></html></pre></body></html>",
    ],
)
def test_a_complete_page_gets_the_disclaimer_in_its_body(page: str) -> None:
    """A paragraph before `</body>`, where a browser shows it; the marker stands before the page."""
    at = page.lower().rindex("</body")
    labelled = f"{P}{page[:at]}<p>{NOTE}</p>\n{page[at:]}"
    assert SHIPPED.text(page).content == labelled
    assert SHIPPED.text(labelled).content == labelled
    assert content(send([message(page)], content_type=JSON).body) == labelled


def test_a_streamed_page_gets_it_after_its_last_byte() -> None:
    """Nobody could know that the end was near."""
    assert "".join(SHIPPED.stream(list(PAGE))) == f"{P}{PAGE}{S}"
    assert spoken(send([*say(PAGE[:20], PAGE[20:]), DONE]).body) == f"{P}{PAGE}{S}"


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Hi",
        "<p>Hi</p>",
        "Look: <html><body>Hi</body></html>",
        f"```html\n{PAGE}\n```",
        f"{PAGE}\nThat was it.",
    ],
)
def test_what_is_no_complete_page_is_labelled_as_text(text: str) -> None:
    """A page cut off, a fragment, a page within a text."""
    assert SHIPPED.text(text).content == f"{P}{text}{S}"


def test_words_in_a_page_are_escaped(tmp_path: Path) -> None:
    """A disclaimer's characters are text in the page, not tags."""

    labeler = house(tmp_path, 'disclaimers: [{words: "A <b> & c"}]')
    assert "<p>A &lt;b&gt; &amp; c</p>\n</body>" in labeler.text(PAGE).content


def test_the_end_of_a_block_counts_wherever_it_stands_in_a_line() -> None:
    """A minified script on one line is closed, however long the line and however it is cut."""
    text = f"<script>{'x' * 10_000}</script> ok {'y' * 10_000}\n```python\nprint(1)"
    labelled = SHIPPED.text(text).content
    assert labelled.endswith(f"print(1)\n```{S}")
    for size in (7, 1000, 5000, 9000, len(text)):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert "".join(SHIPPED.stream(pieces)) == labelled
