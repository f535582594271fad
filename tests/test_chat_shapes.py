"""What a second look at the wire found: labels that are claimed and not there, shapes that pass
unlabelled, requests that cost more than their length."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labeler.values import SlotOutcome
from tests.driver import CHAT, JSON, LEGACY, SHIPPED, Passed, house, send
from tests.wire import (
    CALL,
    DONE,
    MARK,
    NOTE,
    USAGE,
    P,
    S,
    bytewise,
    chunk,
    content,
    documents,
    envelope,
    event,
    message,
    say,
    spoken,
    texts,
)

STRANGERS = [
    b"data: 3\n\n",
    b"data: null\n\n",
    b'data: "x"\n\n',
    b'event: flowResponses\ndata: [{"moduleName": "AI"}]\n\n',
]
HELD = ["【AI", "\n", "<"]


def claimed(passed: Passed) -> None:
    """Every label that the outcome says was said stands in the body."""
    assert passed.outcome is not None
    slots: tuple[SlotOutcome, ...] = passed.outcome.slots
    for words in {stamp.words for slot in slots for stamp in slot.said}:
        assert json.dumps(words)[1:-1].encode() in passed.body, (words, passed.outcome)


@pytest.mark.parametrize("other", STRANGERS)
@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("path", [CHAT, LEGACY])
def test_an_event_that_is_no_object_costs_nobody_the_marker(other: bytes, held: str, path: str) -> None:
    """R1: what stands between the events of an answer whose start is undecided takes no label away."""
    chunks = [*texts(held), other, *texts("绘画"), DONE]
    if path == LEGACY:
        pieces = (held, "绘画")
        first, last = (event({"choices": [{"index": 0, "text": text}]}) for text in pieces)
        chunks = [first, other, last, DONE]
    for cut in (chunks, [b"".join(chunks)], bytewise(b"".join(chunks))):
        passed = send(cut, path=path)
        claimed(passed)
        assert MARK in spoken(passed.body)


@pytest.mark.parametrize("held", [*HELD, "["])
@pytest.mark.parametrize("ends", ["stops", "raises"])
def test_a_torn_event_behind_held_text_claims_no_label_that_is_not_there(held: str, ends: str) -> None:
    """R8: a stream that breaks off within an event is accounted for as it left."""
    claimed(send([*texts(held), chunk({"content": "you"})[:30]], ends=ends))


@pytest.mark.parametrize("held", [*HELD, "["])
@pytest.mark.parametrize("broken", [b"data: {\n\n", event({"text": "v"}), chunk({"content": "x"})[:30]])
def test_a_failure_behind_held_text_claims_no_label_that_is_not_there(
    tmp_path: Path, held: str, broken: bytes
) -> None:
    """`on_failure: pass`: what passes unlabelled is not called labelled."""
    claimed(send([*texts(held), broken], labeler=house(tmp_path, "on_failure: pass")))


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize("before", [[], ["A"]])
def test_text_behind_a_tool_call_has_its_disclaimer(finish: str, before: list[str]) -> None:
    """Tools that the service itself runs: an answer that ends in text ends with the disclaimer."""
    passed = send([*texts(*before), chunk(CALL), *texts("Hi"), chunk({}, finish), DONE])
    assert spoken(passed.body) == P + "".join(before) + "Hi" + S


@pytest.mark.parametrize(
    ("path", "events"),
    [
        pytest.param(CHAT, [b'data: "Hello"\n\n', b'data: " you"\n\n'], id="strings"),
        pytest.param(CHAT, [event([{"choices": [{"delta": {"content": "Hi"}}]}])], id="lists"),
        pytest.param(CHAT, [event({"choices": [{"index": 0, "text": "Hi"}]})], id="legacy on the chat path"),
        pytest.param(LEGACY, texts("Hi"), id="chat on the legacy path"),
    ],
)
@pytest.mark.parametrize("end", [[], [DONE]])
def test_text_in_another_shape_does_not_pass_as_no_text(
    path: str, events: list[bytes], end: list[bytes]
) -> None:
    """What is visible and was not labelled is a failure (or is labelled), never `no text`."""
    passed = send([*events, *end], path=path)
    assert passed.outcome is not None
    assert passed.outcome.state != "skipped"


ODD = [
    (CHAT, {"delta": {"content": [{"type": "x", "x": "Hi"}]}}, "choices[0].delta.content[0]"),
    (CHAT, {"delta": {"content": [["Hi"]]}}, "choices[0].delta.content[0]"),
    (CHAT, {"delta": {"text": "Hi"}}, "choices[0].delta.text"),
    (CHAT, {"delta": {"role": "assistant", "content": "", "text": "Hi"}}, "choices[0].delta.text"),
    (CHAT, {"delta": "Hi"}, "choices[0].delta"),
    (CHAT, {"message": {"content": {"x": "Hi"}}}, "choices[0].message.content"),
    (CHAT, {"messages": [{"text": "Hi"}]}, "choices[0]"),
    (CHAT, {"delta": {}, "text": "Hi"}, "choices[0]"),
    (CHAT, "Hi", "choices[0]"),
    (LEGACY, {"text": ["Hi"]}, "choices[0].text"),
    (LEGACY, {"messages": [{"text": "Hi"}]}, "choices[0]"),
]


@pytest.mark.parametrize(("path", "choice", "place"), ODD, ids=repr)
def test_an_event_that_nobody_can_read_is_the_policys_word(
    tmp_path: Path, path: str, choice: Any, place: str
) -> None:
    """`block` breaks the stream off, `pass` lets it go as it came; the reason names the place."""
    chunks = [event(envelope([choice])), DONE]
    blocked = send(chunks, path=path)
    assert (blocked.reply.whole, blocked.outcome.state) == (False, "failed")
    assert blocked.outcome.reason.startswith(f"unknown shape: {place} ")
    assert b"Hi" not in blocked.body
    passed = send(chunks, path=path, labeler=house(tmp_path, "on_failure: pass"))
    assert (passed.body, passed.outcome.state) == (b"".join(chunks), "failed")


@pytest.mark.parametrize(("path", "choice"), [(path, choice) for path, choice, _ in ODD], ids=repr)
def test_an_answer_for_a_machine_may_have_any_shape(path: str, choice: Any) -> None:
    """No text goes into structured output, so nobody has to find any."""
    chunks = [event(envelope([choice])), DONE]
    passed = send(chunks, {"response_format": {"type": "json_object"}}, path=path)
    assert passed.body == b"".join(chunks)
    assert (passed.outcome.state, passed.outcome.reason) == ("skipped", "structured output")


@pytest.mark.parametrize("text", [["Hi"], {"content": "Hi"}])
def test_a_completion_whose_text_is_none_is_withheld(text: Any) -> None:
    """Legacy: `text` is a string, or nobody knows where the words are."""
    passed = send([json.dumps({"choices": [{"text": text}]}).encode()], path=LEGACY, content_type=JSON)
    assert passed.reply.status == 502
    assert passed.outcome.reason == "unknown shape: choices[0].text is no text"


@pytest.mark.parametrize("request_", [{"prompt": "def f():", "suffix": "return"}, {"prompt": "def f():"}])
def test_a_route_of_fill_in_the_middle_is_left_alone(request_: dict[str, Any]) -> None:
    """`…/fim/completions` (Mistral) answers in the shape of chat; its code is not touched."""
    path = "/v1/fim/completions"
    passed = send([message("x = 1")], request_, path=path, content_type=JSON)
    assert (passed.reply.status, passed.body) == (200, message("x = 1"))
    chunks = [*say("x = 1"), DONE]
    assert send(chunks, request_, path=path).body == b"".join(chunks)


@pytest.mark.parametrize("more", [{}, {"message": None}])
def test_a_choice_without_message_has_no_text(more: dict[str, Any]) -> None:
    """A filtered choice that says nothing is no reason to withhold the answer."""
    body = json.dumps({"choices": [{"index": 0, "finish_reason": "content_filter", **more}]}).encode()
    passed = send([body], content_type=JSON)
    assert (passed.reply.status, passed.body) == (200, body)


def test_an_error_within_a_choice_gets_no_disclaimer() -> None:
    """R8: OpenRouter reports in the choice that an answer broke; it must not look complete."""
    broken = {"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "No."}}
    end = event(envelope([{**broken, "delta": {"content": ""}}]))
    assert spoken(send([*texts("Hi"), end, DONE]).body) == f"{P}Hi"
    body = json.dumps({"choices": [{**broken, "message": {"content": "Hi"}}]}).encode()
    assert content(send([body], content_type=JSON).body) == f"{P}Hi"


def test_citations_of_a_snapshot_move_with_its_text() -> None:
    """The copy of the answer beside the deltas has annotations of its own."""
    note = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2}}
    whole = {"content": "Hi", "annotations": [note]}
    last = {"index": 0, "delta": {"content": "Hi"}, "message": whole, "finish_reason": "stop"}
    [choice] = documents(send([event(envelope([last])), DONE]).body)[0]["choices"]
    moved = choice["message"]["annotations"][0]["url_citation"]
    text = choice["message"]["content"]
    assert text[moved["start_index"] : moved["end_index"]] == "Hi"


def test_usage_in_the_middle_ends_nothing() -> None:
    """Services that report usage as they go have one disclaimer, at the end."""
    chunks = [*texts("Hi"), USAGE, *texts(" you"), USAGE, chunk({}, "stop"), USAGE, DONE]
    assert spoken(send(chunks).body) == f"{P}Hi you{S}"


@pytest.mark.parametrize("side", [{"type": "status", "message": "searching"}, {"event": "node", "name": "v"}])
def test_side_events_of_a_known_stream_pass(side: dict[str, str]) -> None:
    """Events are chosen by `choices`; what a service tells besides costs no label."""
    other = b"event: status\n" + event(side)
    assert spoken(send([*texts("Hi"), other, *texts(" you"), chunk({}, "stop"), DONE]).body) == (
        f"{P}Hi you{S}"
    )
    passed = send([other, *say("Hi"), DONE])
    assert spoken(passed.body) == f"{P}Hi{S}"
    assert passed.reply.whole


def test_text_behind_an_error_gets_no_disclaimer() -> None:
    """R8: an answer that had an error does not look complete, whatever else comes."""
    chunks = [*texts("Hi"), event({"error": {"message": "No."}}), *texts(" you"), chunk({}, "stop"), DONE]
    assert spoken(send(chunks).body) == f"{P}Hi you"


@pytest.mark.parametrize("text", ['\ufeff{"a":1}', '{"a":' * 1100 + "1" + "}" * 1100], ids=["BOM", "deep"])
def test_json_that_only_some_parsers_read_stays_json(text: str) -> None:
    """At its end valid JSON stays as it is, whichever parser the client has."""
    assert content(send([message(text)], content_type=JSON).body) == text
    assert spoken(send([*say(text), DONE]).body) == text


def test_a_limit_does_not_depend_on_the_cut(tmp_path: Path) -> None:
    """An event that is too long is too long in two pieces as well."""
    labeler = house(tmp_path, settings="limits: {record: 500}")
    one = chunk({"content": "x" * 560})
    reasons = set()
    for pieces in ([one], [one[:400], one[400:]], bytewise(one)):
        outcome = send([*texts("Hi"), *pieces, DONE], labeler=labeler).outcome
        assert outcome is not None
        reasons.add(outcome.reason)
    assert len(reasons) == 1


@pytest.mark.parametrize("text", [f"{MARK}Hi", f"{P}Hi", f"{MARK}\nHi", f"{MARK} Hi"])
def test_a_second_label_stands_apart_from_one_that_is_there(tmp_path: Path, text: str) -> None:
    """A label has a line of its own and an empty line on both sides, behind a mark of the upstream's too."""
    labeler = house(tmp_path, "disclaimers: [{words: Zero, place: start}]")
    for out in (
        content(send([message(text)], labeler=labeler, content_type=JSON).body),
        spoken(send([*say(*text), DONE], labeler=labeler).body),
    ):
        assert [block.strip() for block in out.split("\n\n") if block.strip()] == [MARK, "Zero", "Hi"]


def test_a_grammar_is_structured_output() -> None:
    """llama.cpp's `grammar` constrains an answer as `ebnf` and `guided_grammar` do."""
    passed = send([message("yes")], {"grammar": 'root ::= "yes" | "no"'}, content_type=JSON)
    assert passed.body == message("yes")


def history(turns: int) -> None:
    """A conversation of labelled answers goes to the upstream."""
    messages = [{"role": "assistant", "content": f"{P}Hi{S}"}] * turns
    passed = send([message("Hi")], {"messages": messages}, content_type=JSON)
    assert passed.asked.count(b'"Hi"') == turns


def piled(marks: int) -> None:
    """One turn in which labels have piled up."""
    turn = {"role": "assistant", "content": "Hi" + S * marks}
    passed = send([message("Hi")], {"messages": [turn]}, content_type=JSON)
    assert NOTE not in json.loads(passed.asked)["messages"][0]["content"]


def citations(notes: int) -> None:
    """An answer with many citations."""
    note = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2}}
    labelled = SHIPPED.body(
        message("Hi", annotations=[note] * notes), request=b"{}", dialect="openai-chat"
    ).content
    assert labelled.count(b'"start_index": %d' % len(P)) == notes


@pytest.mark.parametrize(("job", "size"), [(history, 1500), (piled, 40_000), (citations, 1000)])
def test_work_grows_with_the_length_and_no_faster(job: Callable[[int], None], size: int) -> None:
    """Client and upstream choose how many turns, marks and citations there are; nobody waits for it."""
    job(size)
