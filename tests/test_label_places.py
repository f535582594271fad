"""Where the labels stand and where they must not: machines' answers, the policy's places, the sidecar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import http_sf
import pytest

from labeler import Labeler
from tests.driver import JSON, Passed, answer, house, send
from tests.wire import (
    CALL,
    DONE,
    MARK,
    NOTE,
    USAGE,
    P,
    S,
    content,
    documents,
    last_event,
    message,
    say,
    spoken,
)

SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}


MUTE = [
    {"response_format": {"type": "json_object"}},
    {"response_format": SCHEMA},
    {"response_format": {"type": "grammar", "grammar": "g"}},
    {"guided_json": {"type": "object"}, "guided_regex": "a+"},
    {"guided_choice": ["a"]},
    {"structured_outputs": {"regex": "a"}},
    {"regex": "a+"},
    {"json_schema": "{}", "ebnf": "r"},
    {"tool_choice": "required"},
    {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}},
    {"function_call": {"name": "f"}},
    {"messages": [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": "Once"}]},
    {"messages": [{"role": "assistant", "content": "Once", "partial": True}]},
    {"messages": [{"role": "assistant", "content": "Once", "prefix": True}]},
    {"messages": [{"role": "assistant", "content": [{"type": "text", "text": "Once"}]}]},
]


LOUD = [
    {"response_format": {"type": "text"}},
    {"response_format": None},
    {"tool_choice": "auto"},
    {"tool_choice": "none"},
    {"tool_choice": {"type": "auto"}},
    {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
    {"function_call": "auto"},
    {"tools": [{"type": "function"}]},
    {"guided_json": None, "regex": ""},
    {"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": ""}]},
    {"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": None}]},
    {"messages": [{"role": "assistant", "content": "Once"}, {"role": "user", "content": "继续"}]},
    {
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": CALL},
            {"role": "tool", "content": "1"},
        ]
    },
]


def beside(passed: Passed) -> str:
    """The words that the header says."""
    item: Any = http_sf.parse(passed.reply.headers["labeler"].encode("ascii"), tltype="item")
    return str(item[1].get("label", ""))


def test_the_header_says_what_the_text_cannot(tmp_path: Path) -> None:
    """`structured: header`: all words, those of the interface too, as far as they have room; not where the
    text has them, where the object beside the choices does, and where nothing was generated."""
    more = "disclaimers: [{words: One}, {words: Two, place: interface}, {words: %s}]" % ("长" * 200)
    labeler = house(tmp_path, more)
    json_mode = {"response_format": {"type": "json_object"}}
    for asked in (json_mode, {}):
        passed = send([message("{}")], asked, labeler=labeler, content_type=JSON)
        assert beside(passed) == f"{MARK} One Two"
    assert beside(send([message("Hi")], {}, labeler=labeler, content_type=JSON)) == "Two"
    failed = send([b'{"error": {}}'], json_mode, labeler=labeler, content_type=JSON, status=429)
    assert beside(failed) == ""
    (tmp_path / "field").mkdir()
    field = house(tmp_path / "field", "disclaimers: [{words: One}]\nstructured: field")
    assert beside(send([message("{}")], json_mode, labeler=field, content_type=JSON)) == ""


@pytest.mark.parametrize("request_", MUTE, ids=json.dumps)
@pytest.mark.parametrize("text", ["Hi", '{"a":1}', f"{P}Hi"])
def test_no_text_goes_into_answers_for_machines(request_: dict[str, Any], text: str) -> None:
    """Structured output, forced tool calls and prefill leave byte for byte; the header says why."""
    passed = send([message(text)], request_, content_type=JSON)
    assert passed.body == message(text)
    assert passed.reply.headers["labeler"].startswith("skipped;reason=")
    assert 'scenarios="general"' in passed.reply.headers["labeler"]
    assert beside(passed).startswith(MARK)


@pytest.mark.parametrize("request_", LOUD, ids=json.dumps)
def test_requests_that_force_nothing_are_answered_with_labels(request_: dict[str, Any]) -> None:
    """A field that allows text takes no label away."""
    assert content(answer(message("Hi"), request_)) == f"{P}Hi{S}"


def sidecar(body: bytes) -> Any:
    """The `aigc` object beside the choices."""
    return json.loads(body).get("aigc")


def test_a_structured_answer_may_carry_its_label_beside_the_choices(tmp_path: Path) -> None:
    """`structured: field`: an `aigc` object stands beside `choices`, and never within the content."""
    labeler = house(tmp_path, "structured: field")
    for request, text in (({"response_format": SCHEMA}, '{"a":1}'), ({}, '{"a":1}')):
        passed = send([message(text)], request, labeler=labeler, content_type=JSON)
        found = sidecar(passed.body)
        assert found["labels"] == [{"kind": "marker", "words": MARK, "policy": "house"}]
        assert found["scenarios"] == ["house"]
        assert found["number"] == passed.outcome.number
        assert content(passed.body) == text
        assert json.loads(passed.body) == {"aigc": found, **json.loads(message(text))}
        again = send([passed.body], request, labeler=labeler, content_type=JSON)
        assert again.body == passed.body
    assert sidecar(answer(message("Hi"), labeler=labeler)) is None


def test_a_policy_may_forbid_answers_that_cannot_be_labelled(tmp_path: Path) -> None:
    """`structured: block`: 502 in the dialect's error shape, and no retry."""
    labeler = house(tmp_path, "structured: block")
    for request, text in (({"response_format": SCHEMA}, '{"a":1}'), ({}, '{"a":1}')):
        reply = send([message(text)], request, labeler=labeler, content_type=JSON).reply
        assert reply.status == 502
        assert reply.headers["x-should-retry"] == "false"
        assert json.loads(reply.body)["error"]["code"] == "label_failed"
        assert reply.whole
    assert content(answer(message("Hi"), labeler=labeler)) == f"{P}Hi"


@pytest.mark.parametrize(
    ("place", "labelled"),
    [("start", f"{P}Hi"), ("end", f"Hi\n\n{MARK}"), ("both", f"{P}Hi\n\n{MARK}"), ("interface", "Hi")],
)
def test_the_policy_says_where_the_marker_stands(tmp_path: Path, place: str, labelled: str) -> None:
    """At the start, at the end, at both, or in the interface alone."""
    labeler = house(tmp_path, marker=f"{{words: {MARK}, place: {place}}}")
    assert content(answer(message("Hi"), labeler=labeler)) == labelled


def test_a_label_of_the_interface_stands_in_header_and_sidecar(tmp_path: Path) -> None:
    """`place: interface` (GB 45438-2025, 5.6): the text is untouched; the header and an object beside
    the choices hold the words that the page shows."""
    labeler = house(tmp_path, marker=f"{{words: {MARK}, place: interface}}")
    passed = send([message("Hi")], labeler=labeler, content_type=JSON)
    assert content(passed.body) == "Hi"
    assert sidecar(passed.body)["labels"][0]["words"] == MARK
    field = passed.reply.headers["labeler"]
    assert field.startswith("applied")
    assert 'label=%"%e3%80%90AI%e7%94%9f%e6%88%90%e3%80%91"' in field
    assert passed.outcome.state == "applied"


def test_several_disclaimers_stand_one_after_the_other(tmp_path: Path) -> None:
    """Each has a line of its own, in the policy's order, those at the start behind the marker; what is
    said already is left out, in whatever order."""
    labeler = house(tmp_path, "disclaimers: [{words: One}, {words: Two}, {words: Zero, place: start}]")
    assert content(answer(message("Hi"), labeler=labeler)) == f"{P}Zero\n\nHi\n\nOne\n\nTwo"
    assert content(answer(message("Hi\n\nTwo"), labeler=labeler)) == f"{P}Zero\n\nHi\n\nTwo\n\nOne"
    assert content(answer(message("Hi\n\nTwo\n\nOne"), labeler=labeler)) == f"{P}Zero\n\nHi\n\nTwo\n\nOne"
    assert content(answer(message("Zero\n\nHi"), labeler=labeler)) == f"Zero\n\n{P}Hi\n\nOne\n\nTwo"
    assert content(answer(message("Zero-sum"), labeler=labeler)) == f"{P}Zero\n\nZero-sum\n\nOne\n\nTwo"


@pytest.mark.parametrize("request_", MUTE, ids=json.dumps)
@pytest.mark.parametrize("pieces", [["Hi", " you"], ['{"a":', "1}"], [P, "Hi"]])
def test_no_text_goes_into_streams_for_machines(request_: dict[str, Any], pieces: list[str]) -> None:
    """Structured output, forced tool calls and prefill (R10) stream byte for byte, message by message."""
    chunks = [*say(*pieces), USAGE, DONE]
    passed = send(chunks, request_)
    assert passed.reply.bodies == [*chunks, b""]
    assert passed.reply.headers["labeler"].startswith("skipped;reason=")
    assert passed.outcome.state == "skipped"


def sidecars(body: bytes) -> list[Any]:
    """The `aigc` objects in a stream."""
    return [doc["aigc"] for doc in documents(body) if isinstance(doc, dict) and "aigc" in doc]


@pytest.mark.parametrize(
    ("request_", "chunks"),
    [
        ({"response_format": {"type": "json_object"}}, [*say('{"a":', "1}"), DONE]),
        ({"response_format": {"type": "json_object"}}, [*say("Hi"), DONE]),
        ({}, [*say('{"a":', "1}"), USAGE, DONE]),
        ({}, [*say('{"a":', "1}", finish=None), USAGE, DONE]),
        ({}, [*say('{"a":', "1}", finish=None), DONE]),
        ({}, [*say('{"a":', "1}", finish=None)]),
    ],
)
def test_a_structured_stream_may_carry_its_label_beside_the_choices(
    tmp_path: Path, request_: dict[str, Any], chunks: list[bytes]
) -> None:
    """`structured: field`: one event carries the `aigc` object, the text stays as it is, twice is once."""
    labeler = house(tmp_path, "structured: field")
    passed = send(chunks, request_, labeler=labeler)
    assert [one["labels"][0]["words"] for one in sidecars(passed.body)] == [MARK]
    assert spoken(passed.body) == spoken(b"".join(chunks))
    assert send([passed.body], request_, labeler=labeler).body == passed.body
    assert send([b"".join(chunks)], labeler=labeler).reply.whole


def test_a_policy_may_forbid_streams_that_cannot_be_labelled(tmp_path: Path) -> None:
    """`structured: block`: where the request says it 502 before anything starts; where it turns out to be
    JSON an error event and a broken transfer."""
    labeler = house(tmp_path, "structured: block")
    early = send([*say('{"a":1}'), DONE], {"response_format": {"type": "json_object"}}, labeler=labeler).reply
    assert (early.status, early.headers["x-should-retry"], early.whole) == (502, "false", True)
    late = send([*say('{"a":1}'), DONE], labeler=labeler).reply
    assert last_event(late.body)["error"]["code"] == "label_failed"
    assert not late.whole
    assert DONE not in late.body


@pytest.mark.parametrize(
    ("marker", "policy", "text"),
    [
        ("start", "", f"{P}Hi"),
        ("end", "", f"{P}Hi\n\n{MARK}"),
        ("end", "streams: end-only", f"Hi\n\n{MARK}"),
        ("both", "", f"{P}Hi\n\n{MARK}"),
        ("interface", "", "Hi"),
        ("start", "disclaimers: [{words: One}, {words: Zero, place: start}]", f"{P}Zero\n\nHi\n\nOne"),
        ("interface", "disclaimers: [{words: One}]", "Hi\n\nOne"),
    ],
)
def test_the_policy_says_where_the_labels_stand(tmp_path: Path, marker: str, policy: str, text: str) -> None:
    """A stream has an end-only explicit label at its start too, because it may be cut, unless the policy
    says `streams: end-only`."""
    labeler = house(tmp_path, policy, marker=f"{{words: {MARK}, place: {marker}}}")
    assert spoken(send([*say("H", "i"), DONE], labeler=labeler).body) == text


def test_an_end_only_disclaimer_that_is_explicit_is_said_early_too(tmp_path: Path) -> None:
    """What counts is that the words are an explicit label, not which kind of label they are."""
    text = 'id: house\nversion: "1"\ntitle: H\nmatch: {always: true}\nexamples: [{ask: Hi, scenarios: []}]\n'
    text += f"disclaimers: [{{words: {NOTE}, explicit: true}}]\n"
    (tmp_path / "house.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "labeler.yaml").write_text("policies: [house.yaml]\ndefault: house\n", encoding="utf-8")
    labeler = Labeler.load(tmp_path / "labeler.yaml")
    assert spoken(send([*say("Hi"), DONE], labeler=labeler).body) == f"{NOTE}\n\nHi\n\n{NOTE}"


def test_a_label_of_the_interface_stands_in_header_and_one_event(tmp_path: Path) -> None:
    """`place: interface`: the text is untouched, one object beside the choices and the header say it."""
    labeler = house(tmp_path, marker=f"{{words: {MARK}, place: interface}}")
    passed = send([*say("Hi"), USAGE, DONE], labeler=labeler)
    assert len(sidecars(passed.body)) == 1
    assert 'label=%"%e3%80%90AI%e7%94%9f%e6%88%90%e3%80%91"' in passed.reply.headers["labeler"]
    assert passed.outcome.state == "applied"
    assert send([passed.body], labeler=labeler).body == passed.body


def test_words_that_end_in_those_of_another_are_said_once(tmp_path: Path) -> None:
    """The longer ones are recognised first, so that a second pass adds nothing."""
    labeler = house(tmp_path, "disclaimers: [{words: 仅供参考}, {words: 内容由AI生成，仅供参考}]")
    once = labeler.text("Hi").content
    assert labeler.text(once).content == once
    assert "".join(labeler.stream(list(once))) == once
