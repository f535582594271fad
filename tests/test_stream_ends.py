"""How a stream ends: errors, breaks, missing line ends, what cannot be read, heartbeats, cuts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.driver import checked, house, send
from tests.wire import (
    CALL,
    DONE,
    MARK,
    ROLE,
    USAGE,
    P,
    S,
    bytewise,
    chunk,
    documents,
    envelope,
    event,
    last_event,
    say,
    spoken,
    texts,
)

ERROR = {"error": {"message": "No.", "code": 500}}
ERRORS = [
    event(ERROR),
    event({"object": "error", "message": "No.", "code": 400}),
    event({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "No."}}),
    b"event: error\n" + event(ERROR),
    b"event:error\r\ndata:{}\r\n\r\n",
    b"event: error\ndata: upstream timeout\n\n",
    b'event: error\ndata: "timeout"\n\n',
    b'data: {"message":"No."}\nevent: error\n\n',
    event({**envelope([{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]), **ERROR}),
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("pieces", "text"), [([], ""), (["Hi"], f"{P}Hi"), (["【", "AI"], f"{P}【AI"), (["\n"], "\n")]
)
@pytest.mark.parametrize("after", [[], [DONE], [chunk({}, "stop"), USAGE, DONE]])
def test_no_disclaimer_after_an_error(error: bytes, pieces: list[str], text: str, after: list[bytes]) -> None:
    """R8: what was held leaves before the error, the error leaves as it came, and nothing that would
    make the answer look complete follows."""
    passed = checked([*texts(*pieces), error, *after], text)
    assert error in passed.body
    assert [body for body in passed.reply.bodies if error in body]


@pytest.mark.parametrize("ends", ["raises", "stops"])
@pytest.mark.parametrize(
    ("pieces", "text"), [(["Hi"], f"{P}Hi"), (["【", "AI"], f"{P}【AI"), (['{"a'], '{"a'), (["\n"], "\n")]
)
def test_a_stream_that_breaks_off_gets_no_disclaimer(ends: str, pieces: list[str], text: str) -> None:
    """R8: what was held leaves, the transfer stays unfinished, the outcome says why."""
    passed = send(texts(*pieces), ends=ends)
    assert spoken(passed.body) == text
    assert not passed.reply.whole
    assert isinstance(passed.reply.error, ConnectionError) == (ends == "raises")
    assert "broke" in passed.outcome.reason
    assert passed.outcome.state == ("degraded" if MARK in text else "skipped")


def test_half_an_event_leaves_where_the_stream_breaks_off() -> None:
    """The bytes of an event that never ended are not kept, and not labelled."""
    torn = chunk({"content": "you"})[:30]
    passed = send([*texts("Hi"), torn], ends="stops")
    assert passed.body.endswith(torn)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("last", [chunk({"content": "Hi"}), chunk({"content": "Hi"}, "stop"), DONE, USAGE])
def test_the_last_empty_line_may_be_missing(newline: str, missing: int, last: bytes) -> None:
    """A clean end of the bytes ends the last event too; the disclaimer stands in an event of its own."""
    before = b"" if b'"Hi"' in last else chunk({"content": "Hi"})
    body = (before + last[: len(last) - missing]).replace(b"\n", newline.encode())
    for chunks in ([body], bytewise(body)):
        passed = send(chunks)
        assert spoken(passed.body) == f"{P}Hi{S}"


@pytest.mark.parametrize("noise", [b": ping\n\n", b":\n\n", b"event: ping\n\n", b"data: \n\n"])
def test_comments_overtake_what_is_held(noise: bytes) -> None:
    """A heartbeat passes at once while the start is undecided, and the account still undoes it."""
    chunks = [*texts("【", "AI"), noise, noise, *texts("绘画】"), noise, chunk({}, "stop"), DONE]
    passed = send(chunks)
    assert send([b"".join(chunks)]).body == passed.body
    assert passed.reply.bodies[:2] == [noise, noise]
    assert spoken(passed.body) == f"{P}【AI绘画】{S}"
    assert noise in passed.reply.bodies[3]


@pytest.mark.parametrize(
    "body", [b"", b"\n", b": hi\n\n", DONE, b": hi\n\n" + DONE, USAGE + DONE, chunk(ROLE) + DONE]
)
def test_a_stream_without_text_passes(body: bytes) -> None:
    """Nothing visible, nothing to label, and nothing behind [DONE]."""
    passed = send([body])
    assert passed.body == body
    assert passed.reply.whole
    assert (passed.outcome.state, passed.outcome.edits) == ("skipped", ())


def test_text_after_the_end_is_ended_again() -> None:
    """An upstream that goes on after its finish does not leave its last words without a disclaimer."""
    passed = send([*say("Hi"), *texts(" and more"), chunk({}, "stop"), DONE])
    text = spoken(passed.body)
    assert text.startswith(f"{P}Hi{S} and more")
    assert text.endswith(S)
    assert documents(passed.body)[-1]["choices"][0]["finish_reason"] == "stop"


BROKEN = [
    pytest.param(b"data: {\n\n", id="no JSON"),
    pytest.param(b"data: Hi\n\n", id="text"),
    pytest.param(b"data: " + b"[" * 100_000 + b"\n\n", id="deep"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_read_breaks_a_stream_without_marker_off(broken: bytes) -> None:
    """`on_failure: block`, and the marker not given yet: an error event, and the transfer breaks."""
    reply = send([chunk(ROLE), broken, *say("Hello"), DONE]).reply
    assert last_event(reply.body)["error"]["code"] == "label_failed"
    assert b"Hello" not in reply.body
    assert not reply.whole


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_read_passes_behind_the_marker(broken: bytes) -> None:
    """Once the answer has its marker, the rest passes, and the outcome is `degraded`."""
    chunks = [*say("Hi", finish=None), broken, *say(" you"), DONE]
    for pieces in (chunks, [b"".join(chunks)]):
        passed = send(pieces)
        assert passed.reply.whole
        assert passed.body.endswith(b"".join(chunks[-4:]))
        assert passed.outcome.state == "degraded"


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_read_may_pass(tmp_path: Path, broken: bytes) -> None:
    """`on_failure: pass`: the rest leaves as it came, held events first."""
    chunks = [*texts("【"), broken, *say("Hi"), DONE]
    passed = send(chunks, labeler=house(tmp_path, "on_failure: pass"))
    assert passed.reply.whole
    assert passed.body.endswith(b"".join(chunks[1:]))
    assert passed.outcome.state in ("failed", "degraded")


@pytest.mark.parametrize("field", ["record: 500", "answer: 500"])
def test_limits_hold(tmp_path: Path, field: str) -> None:
    """An event longer than `limits.record` and a JSON answer longer than `limits.answer` are failures
    with the limit's name in the reason."""
    labeler = house(tmp_path, settings=f"limits: {{{field}}}")
    passed = send([*texts("[1", ", 2" * 300), DONE], labeler=labeler)
    assert not passed.reply.whole
    assert f"limits.{field.partition(':')[0]}" in passed.outcome.reason


@pytest.mark.parametrize("type_", ["application/json", "text/plain", "application/octet-stream", ""])
def test_a_stream_under_another_type_is_read_by_its_bytes(type_: str) -> None:
    """Some relays do not say that they stream; each event still leaves when it came."""
    chunks = [*say("Hi", " you"), DONE]
    passed = checked(chunks, f"{P}Hi you{S}", content_type=type_)
    assert passed.waiting == []
    checked(bytewise(b"".join(chunks)), f"{P}Hi you{S}", content_type=type_)


def test_a_complete_answer_under_the_type_of_streams_is_read_by_its_bytes() -> None:
    """A service that ignores `stream: true` and keeps the header answers with JSON: it is labelled, and
    an error leaves as it came."""
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}
    for body in (json.dumps(answer).encode(), json.dumps(answer, indent=2).encode() + b"\n"):
        for pieces in ([body], bytewise(body)):
            out = json.loads(send(pieces).body)
            assert out["choices"][0]["message"]["content"] == f"{P}Hi{S}"
    for error in (b'{"error": {"message": "No."}}', b'{\n  "error": "No."\n}\n\n'):
        passed = send([error])
        assert passed.body == error
        assert passed.reply.whole


def test_an_unknown_shape_is_not_passed_as_labelled() -> None:
    """A stream in which nothing looks like this dialect is a failure, not an answer without text."""
    passed = send([event({"answer": "Hi"}), event({"answer": " you"})])
    assert not passed.reply.whole
    assert passed.outcome.state == "failed"


def bare(*deltas: Any, newline: str = "\n") -> bytes:
    """A stream of short events: a text, a delta, or a finish."""
    out = ""
    for one in deltas:
        choice = {"delta": {"content": one}} if isinstance(one, str) else one
        out += f"data: {json.dumps({'choices': [choice]})}\n\n"
    return (out + "data: [DONE]\n\n").replace("\n", newline).encode()


END = {"delta": {}, "finish_reason": "stop"}


CUTS = {
    "LF": bare("Hi", " you", END),
    "CRLF": bare("Hi", " you", END, newline="\r\n"),
    "CR": bare("Hi", " you", END, newline="\r"),
    "held": bare("【", "AI", "绘", END),
    "held, CRLF": bare("<", "b>", END, newline="\r\n"),
    "held, CR": bare("<", "b>", END, newline="\r"),
    "held, third LF": bare("<", END).replace(b"\n\n", b"\n\n\n"),
    "thinking": bare("<think>", "a</think>", "Hi", END),
    "JSON": bare("{", '"a":1}', END),
    "no JSON": bare("[1", "] x", END),
    "tool": bare("Hi", {"delta": CALL}, END),
    "comments": b": a\n\n" + bare("<", "b>", END).replace(b"\n\ndata", b"\n\n: b\n\ndata"),
    "names": bare("H", "i", END).replace(b"data: ", b"event: answer\r\ndata:"),
    "two lines": bare("H", "i", END).replace(b'"delta"', b'\ndata: "delta"'),
    "BOM": b"\xef\xbb\xbf" + bare("Hi", END),
    "error": bare("<", "b", END).replace(b"data: [DONE]", b'event: error\ndata: {"a":1}'),
    "no end": bare("Hi")[:-16],
    "raw": 'data: {"choices":[{"delta":{"content":"é😀"}}]}\n\ndata: [DONE]\n\n'.encode(),
    "half a character": bare("\ud83d", "\ude00", END),
    "two answers": bare("<", {"index": 1, "delta": {"content": "B"}}, "b>", END, {"index": 1, **END}),
}


@pytest.mark.parametrize("name", CUTS)
def test_the_cut_does_not_matter(name: str) -> None:
    """Cut at any byte, or at all of them, a stream leaves the same."""
    body = CUTS[name]
    whole = send([body]).body
    assert send(bytewise(body)).body == whole
    for at in range(1, len(body)):
        assert send([body[:at], body[at:]]).body == whole, (body[:at], body[at:])
    assert send([whole]).body == whole


def test_a_first_event_without_its_last_line_end_has_its_marker() -> None:
    """An upstream that breaks off behind a whole line has said something: no client may see it unlabelled."""
    last = chunk({"content": "Hi"}, "stop").removesuffix(b"\n")
    passed = send([last], ends="raises")
    assert spoken(passed.body + b"\n").startswith(P)
    assert passed.outcome.state == "applied"
