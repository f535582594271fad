"""Complete chat answers (JSON): where the labels go, and that nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.driver import JSON, answer, send
from tests.wire import DONE, MARK, NOTE, P, S, chunk, content, message, spoken, visible

TOOLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "【AI生成】"}'}}]


def between(text: str) -> bytes:
    """The bytes of an answer with `text` as its content, spliced and not dumped anew."""
    return message("@@").replace(b'"@@"', json.dumps(text).encode())


@pytest.mark.parametrize(
    "text",
    [
        "Hi",
        "AI生成内容需要标识，办法如下",
        "「AI生成内容需要标识」是什么意思",
        "AI生成",
        "【AI生成内容】",
        "【人工智能生成】",
        "[AI生成]",
        "看，【AI生成】\n\n",
        f"{NOTE}\n\n以上是常见的写法",
        "[链接](https://a.b)",
        "[1] 引用",
        "{name}，你好",
        "{",
        "[",
        '{"a": 1',
        "'{}'",
        '"text"',
        "3.5",
        "null",
        "  缩进",
        "\n\n# 标题",
        "😀",
        "\u2028",
        '"content":"',
        "a\\",
        "\\" * 9,
        '"' * 40,
        '"\\' * 20,
        "\x00",
    ],
)
def test_an_answer_gets_marker_and_disclaimer(text: str) -> None:
    """The marker stands on its own line before the text, the disclaimer after an empty line behind it,
    and every other byte stays; only the exact mark counts as already said."""
    spliced = b'"%s%s%s"' % tuple(json.dumps(part)[1:-1].encode() for part in (P, text, S))
    expected = message("@@").replace(b'"@@"', spliced)
    assert answer(between(text)) == expected


@pytest.mark.parametrize(
    ("text", "labelled"),
    [
        (f"{P}Hi", f"{P}Hi{S}"),
        (f"{MARK}Hi", f"{MARK}Hi{S}"),
        (f"\n {MARK}\nHi", f"\n {MARK}\nHi{S}"),
        (f"Hi{S}", f"{P}Hi{S}"),
        (f"Hi\n{NOTE}", f"{P}Hi\n{NOTE}"),
        (f"Hi{S}\n \n", f"{P}Hi{S}\n \n"),
        (f"{P}Hi{S}", f"{P}Hi{S}"),
        (f"{P}{MARK}Hi{S}", f"{P}{MARK}Hi{S}"),
        (MARK, f"{MARK}{S}"),
    ],
)
def test_what_is_already_said_is_not_said_twice(text: str, labelled: str) -> None:
    """An answer that begins with the mark, or ends with the same disclaimer, gets only what it lacks."""
    assert content(answer(message(text))) == labelled


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", '[{"a": "【AI生成】"}]', ' {"a":\n1}\n', "[1, 2]", "{}"])
def test_an_answer_that_is_json_stays_as_it_is(text: str) -> None:
    """JSON that only the prompt asked for is for a machine; the label stands in the headers."""
    passed = send([message(text)], content_type=JSON)
    assert passed.body == message(text)
    assert passed.reply.headers["labeler"].startswith('skipped;reason="JSON answer"')


@pytest.mark.parametrize(
    ("text", "labelled"),
    [
        ("<think>\nhm\n</think>\n\nHi", f"<think>\nhm\n</think>\n\n{P}Hi{S}"),
        ("<think>hm</think>Hi", f"<think>hm</think>\n\n{P}Hi{S}"),
        ("\n<think>hm</think>\n  indented", f"\n<think>hm</think>\n{P}  indented{S}"),
        ("<think></think>Hi", f"<think></think>\n\n{P}Hi{S}"),
        (f"<think>hm</think>\n\n{P}Hi", f"<think>hm</think>\n\n{P}Hi{S}"),
        (f"<think>{MARK}</think>\n\nHi", f"<think>{MARK}</think>\n\n{P}Hi{S}"),
        ("<think>hm", f"<think>hm\n\n{MARK}{S}"),
        ("<think>hm</think>", "<think>hm</think>"),
        ("<think>hm</think>\n\n", "<think>hm</think>\n\n"),
        ('<think>hm</think>{"a":1}', '<think>hm</think>{"a":1}'),
        ("<thinking>hm</thinking>", f"{P}<thinking>hm</thinking>{S}"),
        ("Tag: <think>x</think>", f"{P}Tag: <think>x</think>{S}"),
    ],
)
def test_inline_reasoning_comes_before_the_marker(text: str, labelled: str) -> None:
    """R11: the marker goes behind `</think>`; an answer that is all reasoning has no visible text, but
    where its end is missing all of it may be shown: then its labels stand at the end."""
    assert content(answer(message(text))) == labelled


@pytest.mark.parametrize("text", [None, "", " \n\t"])
@pytest.mark.parametrize("more", [{}, {"refusal": "No."}, {"tool_calls": TOOLS}, {"reasoning_content": "hm"}])
def test_without_visible_text_nothing_changes(text: Any, more: dict[str, Any]) -> None:
    """Refusals, reasoning and tool calls alone leave byte for byte, and the header says why."""
    passed = send([message(text, **more)], content_type=JSON)
    assert passed.body == message(text, **more)
    reason = "tool call" if "tool_calls" in more else "no text"
    assert f'reason="{reason}"' in passed.reply.headers["labeler"]


@pytest.mark.parametrize("more", [{"tool_calls": TOOLS}, {"function_call": {"name": "f", "arguments": "{}"}}])
def test_text_before_a_tool_call_gets_the_marker_alone(more: dict[str, Any]) -> None:
    """The turn goes on, so no disclaimer stands between the text and the call."""
    out = answer(message("Let me look", **more))
    assert content(out) == f"{P}Let me look"
    assert json.loads(out)["choices"][0]["message"].items() >= more.items()


@pytest.mark.parametrize("more", [{"tool_calls": []}, {"tool_calls": None}, {"function_call": None}])
def test_empty_tool_fields_are_no_call(more: dict[str, Any]) -> None:
    """Some services send the fields with every answer."""
    assert content(answer(message("Hi", **more))) == f"{P}Hi{S}"


def test_a_list_of_parts_is_one_answer() -> None:
    """Mistral: the marker goes into the first part of text, the disclaimer into the last; thinking and
    references stay."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "A"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "B"},
    ]
    out = content(answer(message(parts)))
    assert [part.get("text") for part in out] == [None, f"{P}A", None, f"B{S}"]
    assert out[0] == parts[0]
    assert out[2] == parts[2]


def test_a_part_may_nest_its_text() -> None:
    """FastGPT: `text: {content}`."""
    out = content(answer(message([{"type": "text", "text": {"content": "A"}}])))
    assert out == [{"type": "text", "text": {"content": f"{P}A{S}"}}]


PARTS: list[Any] = [
    ["Hi", " you"],
    [{"text": "Hi"}, {"text": " you"}],
    [{"type": "output_text", "text": "Hi"}, {"type": "text", "text": " you"}],
    [{"type": "thinking", "thinking": "hm"}, "Hi", {"text": {"content": " you"}}],
    {"text": "Hi you"},
    {"type": "output_text", "text": "Hi you", "annotations": []},
]


@pytest.mark.parametrize("parts", PARTS, ids=repr)
def test_what_reads_as_text_is_labelled_as_text(parts: Any) -> None:
    """Strings and parts that have a `text`, of type text or of none, in a list or alone, whole or streamed."""
    assert visible(content(answer(message(parts)))) == f"{P}Hi you{S}"
    stream = send([chunk({"content": parts}), chunk({}, "stop"), DONE])
    assert spoken(stream.body) == f"{P}Hi you{S}"


SILENT: list[Any] = [
    [],
    [None, "", {}],
    [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}],
    [{"type": "reasoning", "text": "hm"}, {"type": "refusal", "refusal": "No."}],
    [{"reasoning": {"content": "hm"}}, {"tools": [{"id": "1"}]}],
    [{"type": "reference", "reference_ids": [1]}, {"type": "tool", "tools": [{"id": "1"}]}],
    [{"type": "input_audio", "input_audio": {"data": "AAAA"}}, {"type": "text", "text": None, "index": 1}],
]


@pytest.mark.parametrize("parts", SILENT, ids=repr)
def test_parts_that_are_no_text_stay_as_they_are(parts: Any) -> None:
    """Reasoning, refusals, references, tools and sound are known, and none of them is visible text."""
    for chunks, kind in (
        ([message(parts)], JSON),
        ([chunk({"content": parts}), chunk({}, "stop"), DONE], "text/event-stream"),
    ):
        passed = send(chunks, content_type=kind)
        assert passed.body == b"".join(chunks)
        assert (passed.outcome.state, passed.outcome.reason) == ("skipped", "no text")


def test_every_choice_is_an_answer_of_its_own() -> None:
    """R12: each choice has its labels and its content number; one without text has a reason; two with
    the same text are both labelled."""
    messages = [
        {"index": 2, "message": {"content": "B"}},
        {"index": 0, "message": {"content": "B"}},
        {"index": 1, "message": {"content": None, "tool_calls": TOOLS}, "finish_reason": "tool_calls"},
    ]
    passed = send([json.dumps({"choices": messages}).encode()], content_type=JSON)
    assert [content(passed.body, at) for at in range(3)] == [f"{P}B{S}", f"{P}B{S}", None]
    number = passed.outcome.number
    assert [(one.slot, one.state, one.reason, one.number) for one in passed.outcome.slots] == [
        (0, "applied", "", f"{number}-0"),
        (1, "skipped", "tool call", f"{number}-1"),
        (2, "applied", "", f"{number}-2"),
    ]
    assert f'number="{number}"' in passed.reply.headers["labeler"]


@pytest.mark.parametrize("index", [{"index": 0}, {"index": None}, {"index": "0"}, {}])
def test_choices_of_one_index_are_still_several(index: dict[str, Any]) -> None:
    """Some servers number none of them, or all of them 0."""
    choices = [{**index, "message": {"content": text}} for text in ("A", "B")]
    passed = send([json.dumps({"choices": choices}).encode()], content_type=JSON)
    assert [content(passed.body, at) for at in (0, 1)] == [f"{P}A{S}", f"{P}B{S}"]
    assert [slot.number[-2:] for slot in passed.outcome.slots] == ["-0", "-1"]


def test_a_single_choice_has_the_number_of_the_response() -> None:
    """Without n > 1 nothing is added to the content number."""
    outcome = send([message("Hi")], content_type=JSON).outcome
    assert outcome.slots[0].number == outcome.number


DUPLICATES = '{"choices":[{"message":{"content":"A","role":"assistant","content":"B"}}],"id":1,"id":2}'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(DUPLICATES, id="duplicate keys"),
        pytest.param(
            '{"choices":[{"message":{"content":"B"}}],"choices":[{"message":{"content":"B"}}]}', id="twice"
        ),
        pytest.param('{"choices":[{"message":{"\\u0063ontent":"B"}}]}', id="escaped name"),
        pytest.param('{"x":{"content":"B"},"choices":[{"message":{"\\u0063ontent":"B"}}]}', id="decoy"),
        pytest.param(
            '{"choices":[{"message":{"\\u0063ontent":"B"}, "x":{"content":"B"}}]}', id="decoy behind"
        ),
        pytest.param('{"choices":[{"message":{"content":"\\u0042"}}]}', id="escaped text"),
        pytest.param(
            '{\n  "choices" : [\r\n {"message"\t: {"content" :\n "B" } } ]\n}\n', id="pretty-printed"
        ),
        pytest.param('\ufeff{"choices":[{"message":{"content":"B"}}]}', id="BOM"),
        pytest.param(
            '{"created":12345678901234567890123,"choices":[{"message":{"content":"B"}}]}', id="big int"
        ),
        pytest.param('{"score":NaN,"p":0.000017,"choices":[{"message":{"content":"B"}}]}', id="NaN"),
        pytest.param('{"s":"\\ud83d","choices":[{"message":{"content":"B"}}]}', id="lone surrogate"),
        pytest.param(
            '{"choices":[{"delta":{"content":"B"},"message":{"content":"B"}}]}', id="two of one name"
        ),
        pytest.param(' \n\r\t{"choices":[{"message":{"content":"B"}}]}', id="blank lines before"),
    ],
)
def test_only_the_labels_are_new(body: str) -> None:
    """Whatever the document looks like, the labels stand in the text that a parser reads, and all other
    bytes stay (R2)."""
    passed = send([body.encode()], content_type=JSON)
    assert json.loads(passed.body.decode("utf-8-sig"))["choices"][0]["message"]["content"] == f"{P}B{S}"
    words = b"".join(edit.inserted for edit in passed.outcome.edits)
    assert json.loads(b'"%s"' % words) == P + S


@pytest.mark.parametrize("text", ["B\ud83d", "\ude00B", "\ud83d"])
def test_half_characters_stay_halves(text: str) -> None:
    """A lone surrogate in the text survives as the escape that it is (R3)."""
    assert content(answer(between(text))) == f"{P}{text}{S}"
    assert answer(between(text)).isascii()


def test_inserted_words_are_ascii() -> None:
    """R3: what is inserted is ASCII, so that clients that split lines at U+2028 stay whole."""
    outcome = send([message("Hi")], content_type=JSON).outcome
    assert all(edit.inserted.isascii() for edit in outcome.edits)
