"""What happens where an answer cannot be labelled: the policy's word, before the start and in the middle."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import openai
import pytest

from labeler import BlockedError
from tests.asgi_tools import (
    DONE,
    EVENTS,
    GENERAL,
    JSON,
    MARK,
    Got,
    Scripted,
    acall,
    answer,
    ask,
    bytewise,
    chat,
    event,
    events,
    part,
    said,
    scope_of,
    service,
    start,
)
from tests.servers import serve

GZIP = {"content-encoding": "gzip"}
BROKEN_EVENT = b"data: {nope\n\n"
HELLO = chat("Hello")
STREAM = b"".join(events("Hel", "lo"))


def withheld(got: Got) -> dict[str, Any]:
    """The error of a 502 that stands for a withheld answer, checked for all that holds for each."""
    assert got.status == 502
    assert got.complete
    assert got.headers["content-type"] == "application/json"
    assert got.headers["content-length"] == str(len(got.body))
    assert got.headers["x-should-retry"] == "false"
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["labeler"].startswith("failed;reason=")
    assert "ai-disclosure" not in got.headers
    error = json.loads(got.body)["error"]
    assert error["code"] == "label_failed"
    assert error.keys() == {"message", "type", "param", "code"}
    return dict(error)


CANNOT = {
    "unknown content type": (b"<html>", {"content-type": "text/html"}, "neither JSON nor an event stream"),
    "no content type": (b"hello", {}, "neither JSON nor an event stream"),
    "broken JSON": (HELLO[:-2], JSON, "no JSON"),
    "unknown shape": (b'{"type": "message", "content": []}', JSON, "unknown shape"),
    "list": (b"[1]", JSON, "unknown shape"),
    "nested too deep": (b"[" * 3000, JSON, "no JSON"),
    "UTF-16": (HELLO.decode().encode("utf-16-le"), JSON, "JSON"),
    "br": (b"\x0b\x02\x80", {**JSON, "content-encoding": "br"}, "content-encoding br"),
    "two codings": (
        gzip.compress(HELLO),
        {**JSON, "content-encoding": "gzip, br"},
        "content-encoding gzip, br",
    ),
    "unknown coding of events": (
        b"data: {}\n\n",
        {**EVENTS, "content-encoding": "zstd"},
        "content-encoding zstd",
    ),
    "over the limit": (chat("x" * 5000), JSON, "longer than 4000 bytes (limits.response)"),
}
LIMITS = "limits: {response: 4000, record: 4000, answer: 2000}"


@pytest.mark.parametrize("pieces", [lambda body: body, bytewise], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("body", "headers", "reason"), CANNOT.values(), ids=CANNOT.keys())
def test_block_before_the_start(
    tmp_path: Path,
    body: bytes,
    headers: dict[str, str],
    reason: str,
    pieces: Callable[[bytes], bytes | Iterable[bytes]],
) -> None:
    """`block`: what cannot be labelled is a 502 in the dialect's error shape, and not a byte of it leaves."""
    one = service(tmp_path, LIMITS)
    got = one.call(Scripted(*answer(pieces(body), {**headers, "etag": '"1"', "set-cookie": "a=b"})))
    assert reason in withheld(got)["message"]
    assert got.error is None
    assert not {"etag", "set-cookie", "content-encoding"} & got.headers.keys()
    assert one.outcome.state == "failed"
    assert reason in one.outcome.reason
    assert one.labeler.counts == {f"failed: {one.outcome.reason.partition(':')[0]}": 1}


@pytest.mark.parametrize("pieces", [lambda body: body, bytewise], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("body", "headers", "reason"), CANNOT.values(), ids=CANNOT.keys())
def test_pass_before_the_start(
    tmp_path: Path,
    body: bytes,
    headers: dict[str, str],
    reason: str,
    pieces: Callable[[bytes], bytes | Iterable[bytes]],
) -> None:
    """`pass`: the same answers leave byte for byte with their headers, and header and outcome say why."""
    one = service(tmp_path, LIMITS, on_failure="pass")
    sent = {**headers, "etag": '"1"', "content-length": str(len(body))}
    got = one.call(Scripted(*answer(pieces(body), sent)))
    assert (got.status, got.body, got.complete, got.error) == (200, body, True, None)
    assert sent.items() <= got.headers.items()
    assert got.headers["labeler"].startswith('failed;reason="')
    assert one.outcome.state == "failed"
    assert reason in one.outcome.reason
    assert one.outcome.edits == ()


def test_a_withheld_answer_ends_at_once() -> None:
    """The 502 is complete before the app goes on, and whatever the app still does adds nothing to it."""
    one = service()
    html = answer([b"<html>", b"x" * 100], {"content-type": "text/html"})
    got = one.call(Scripted(*html[:-1], RuntimeError("later")))
    withheld(got)
    assert isinstance(got.error, RuntimeError)
    assert one.outcome.state == "failed"


CUT: dict[str, Callable[[], list[Any]]] = {
    "the app fails": lambda: [RuntimeError("upstream")],
    "the app just ends": list,
}


@pytest.mark.parametrize("ending", CUT.values(), ids=CUT.keys())
def test_json_that_breaks_off(tmp_path: Path, ending: Callable[[], list[Any]]) -> None:
    """A JSON answer that stops in its middle: `block` lets the app's error speak, or gives a 502 where there
    is none; `pass` gives its bytes, broken off."""
    strict = service()
    got = strict.call(Scripted(start(200, JSON), part(HELLO[:40]), *ending()))
    if got.error:
        assert (str(got.error), got.messages) == ("upstream", [])
    else:
        assert "broken off" in withheld(got)["message"]
    assert strict.outcome.state == "failed"
    mild = service(tmp_path, on_failure="pass")
    got = mild.call(Scripted(start(200, JSON), part(HELLO[:40]), *ending()))
    assert (got.status, got.body, got.complete) == (200, HELLO[:40], False)
    assert mild.outcome.state == "failed"


@pytest.mark.parametrize("ending", CUT.values(), ids=CUT.keys())
def test_a_stream_that_breaks_off(ending: Callable[[], list[Any]]) -> None:
    """A stream cut after its marker gets no disclaimer and no end: it must not look complete."""
    one = service()
    got = one.call(Scripted(start(200, EVENTS), part(event("Hel")), part(event("lo")), *ending()))
    assert (got.complete, said(got.body)) == (False, f"{MARK}Hello")
    assert (one.outcome.state, one.outcome.reason) == ("degraded", "broken off before its end")


def test_a_stream_that_breaks_off_while_undecided() -> None:
    """What is held because it could still be the mark leaves labelled when the app breaks off."""
    one = service()
    got = one.call(Scripted(start(200, EVENTS), part(event("【")), RuntimeError("upstream")))
    assert (got.complete, said(got.body)) == (False, f"{MARK}【")
    assert isinstance(got.error, RuntimeError)
    assert one.outcome.state == "degraded"


STREAM_FAULTS = {
    "broken JSON": [BROKEN_EVENT],
    "an event over the limit": [b"data: " + b"x" * 5000],
    "an unending event": [b"data: "] + [b"x" * 500] * 10,
}


@pytest.mark.parametrize("fault", STREAM_FAULTS.values(), ids=STREAM_FAULTS.keys())
def test_block_in_a_stream_before_the_marker(tmp_path: Path, fault: list[bytes]) -> None:
    """`block`, no marker yet: an error event as the last thing, then a broken transfer."""
    one = service(tmp_path, LIMITS)
    got = one.call(Scripted(*answer([event(None), *fault, event("secret"), DONE], EVENTS)))
    assert (got.status, got.complete) == (200, False)
    assert isinstance(got.error, BlockedError)
    last = got.body.split(b"\n\n")[-2]
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "label_failed"
    assert b"secret" not in got.body
    assert b"[DONE]" not in got.body
    assert one.outcome.state == "failed"
    assert one.outcome.stream


@pytest.mark.parametrize("fault", STREAM_FAULTS.values(), ids=STREAM_FAULTS.keys())
@pytest.mark.parametrize("policy", ["block", "pass"])
def test_fault_in_a_stream_after_the_marker(tmp_path: Path, fault: list[bytes], policy: str) -> None:
    """Once the answer has its marker the rest passes as it came, whatever the policy; `degraded`."""
    one = service(tmp_path, LIMITS) if policy == "block" else service(tmp_path, LIMITS, on_failure="pass")
    rest = [*fault, event("more"), DONE]
    got = one.call(Scripted(*answer([event("Hello"), *rest], EVENTS)))
    assert (got.complete, got.error) == (True, None)
    assert got.body.endswith(b"".join(rest))
    assert said(got.body[: -len(b"".join(rest))]) == f"{MARK}Hello"
    assert one.outcome.state == "degraded"


@pytest.mark.parametrize("fault", STREAM_FAULTS.values(), ids=STREAM_FAULTS.keys())
def test_pass_in_a_stream_before_the_marker(tmp_path: Path, fault: list[bytes]) -> None:
    """`pass`: the stream leaves byte for byte, and the outcome is `failed`."""
    one = service(tmp_path, LIMITS, on_failure="pass")
    pieces = [event(None), *fault, event("more"), DONE]
    got = one.call(Scripted(*answer(pieces, EVENTS)))
    assert (got.body, got.complete, got.error) == (b"".join(pieces), True, None)
    assert one.outcome.state == "failed"


def test_one_of_two_answers_lacks_its_marker(tmp_path: Path) -> None:
    """With n = 2, `block` holds until every answer that has begun carries its marker; both tell why they
    did not come to their end."""
    second = event("x").replace(b'"index": 0', b'"index": 1')
    one = service()
    undecided = second.replace(b'"content": "x"', b'"content": "\\u3010"')
    got = one.call(Scripted(*answer([event("first"), undecided, BROKEN_EVENT, DONE], EVENTS)))
    assert isinstance(got.error, BlockedError)
    assert b"label_failed" in got.body
    reason = one.outcome.reason
    assert (one.outcome.state, "no JSON" in reason) == ("failed", True)
    slots = one.outcome.slots
    assert [(slot.state, slot.reason) for slot in slots] == [("degraded", reason), ("skipped", reason)]


def test_a_stream_of_another_dialect() -> None:
    """Events in a shape that the route's dialect does not know do not leave unlabelled under `block`."""
    one = service()
    foreign = b'data: {"type": "content_block_delta", "delta": {"text": "secret"}}\n\n'
    got = one.call(Scripted(*answer([foreign] * 3, EVENTS)))
    assert b"secret" not in got.body
    assert isinstance(got.error, BlockedError)
    assert one.outcome.state == "failed"


ODD = {
    "index": b'{"choices": [{"index": [1], "delta": {"content": "x"}}]}',
    "delta": b'{"choices": [{"delta": "x"}]}',
    "number": b'{"choices": 1}',
    "object": b'{"choices": {"a": 1}}',
    "nested": b"[" * 50_000,
}


@pytest.mark.parametrize("doc", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("before", [[], [event("Hello")]], ids=["first", "later"])
def test_events_of_odd_types(doc: bytes, before: list[bytes]) -> None:
    """An event whose members have wrong types is a shape that nobody knows, never an exception of ours."""
    one = service()
    got = one.call(Scripted(*answer([*before, b"data: %s\n\n" % doc, event("more"), DONE], EVENTS)))
    assert got.error is None or isinstance(got.error, BlockedError)
    assert got.complete == (got.error is None)
    assert b"\\u3010AI\\u751f\\u6210\\u3011" in got.body.partition(b"more")[0] or b"more" not in got.body
    assert len(one.outcomes) == 1


@pytest.mark.parametrize("pieces", [lambda body: body, bytewise], ids=["whole", "byte by byte"])
def test_json_called_an_event_stream(
    pieces: Callable[[bytes], bytes | Iterable[bytes]],
) -> None:
    """JSON under `text/event-stream`: an error object passes untouched, an answer never leaves unlabelled."""
    error = b'{"error": {"message": "overloaded"}}'
    got = service().call(Scripted(*answer(pieces(error), EVENTS)))
    assert (got.body, got.complete, got.error) == (error, True, None)
    got = service().call(Scripted(*answer(pieces(chat("secret")), EVENTS)))
    assert b"secret" not in got.body or said(got.body).startswith(MARK)


@pytest.mark.parametrize("body", [DONE, b": ping\n\n", b": ping\n\n" + DONE])
def test_events_without_any_answer(body: bytes) -> None:
    """A stream in which nothing is said has nothing to label: it passes, complete."""
    one = service()
    got = one.call(Scripted(*answer(body, EVENTS)))
    assert (got.body, got.complete, got.error) == (body, True, None)
    assert one.outcome.state == "skipped"


def test_text_that_begins_as_json_and_grows(tmp_path: Path) -> None:
    """An answer that may be JSON is kept up to limits.answer; beyond it, the policy's word counts."""
    one = service(tmp_path, LIMITS)
    got = one.call(Scripted(*answer(events('{"a": "', *["x" * 500] * 6), EVENTS)))
    assert isinstance(got.error, BlockedError)
    assert "limits.answer" in one.outcome.reason
    assert [slot.reason for slot in one.outcome.slots] == [one.outcome.reason]


def test_upstream_error_is_no_failure_of_ours() -> None:
    """An error event of the upstream's own passes as it is; nothing is broken off, nothing added."""
    one = service()
    error = b'data: {"error": {"message": "overloaded"}}\n\n'
    got = one.call(Scripted(*answer([event("Hel"), error], EVENTS)))
    assert (got.complete, got.error) == (True, None)
    assert got.body.endswith(error)
    assert said(got.body.removesuffix(error)) == f"{MARK}Hel"
    assert one.outcome.state == "degraded"


# Plain text.

ROUTE = "routes: [{path: /say, dialect: text}]"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"content-type": "text/html"}, "content type text/html"),
        ({"content-type": "application/json"}, "content type application/json"),
        ({"content-type": "text/plain; charset=martian"}, "charset martian"),
        ({"content-type": "text/plain; charset=latin-1"}, "latin-1"),
    ],
)
def test_text_that_cannot_be_labelled(tmp_path: Path, headers: dict[str, str], reason: str) -> None:
    """A route of plain text withholds another type, and a charset that has no room for the label."""
    one = service(tmp_path, ROUTE)
    got = one.call(Scripted(*answer(b"secret", headers)), path="/say")
    assert b"secret" not in got.body
    assert got.status == 502 or not got.complete
    assert one.outcome.state == "failed"
    assert reason in one.outcome.reason


def test_text_in_another_charset(tmp_path: Path) -> None:
    """A label is written in the charset of the answer."""
    headers = {"content-type": 'text/plain; charset="GBK"'}
    got = service(tmp_path, ROUTE).call(
        Scripted(*answer(bytewise("你好".encode("gbk")), headers)), path="/say"
    )
    assert got.body.decode("gbk") == f"{MARK}你好\n\n{GENERAL}"


# As the official SDK sees it.


def client(url: str, retries: int = 2) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=retries)


def test_the_sdk_does_not_try_a_withheld_answer_again() -> None:
    """A withheld answer is one request to the app: x-should-retry stops the SDK from asking again."""
    one = service()
    app = Scripted(*answer(b"<html>", {"content-type": "text/html"}))
    calls: list[object] = []

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            calls.append(scope)
            await Scripted(*app.messages)(scope, receive, send)

    with serve(one.before(counted), lifespan="off") as url, client(url) as sdk:
        with pytest.raises(openai.InternalServerError, match="withheld") as caught:
            sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert caught.value.code == "label_failed"
    assert len(calls) == 1


def test_the_sdk_sees_a_broken_transfer() -> None:
    """A stream that is broken off raises in the SDK: by its error event."""
    one = service()
    app = Scripted(*answer([event(None), BROKEN_EVENT, event("secret")], EVENTS))
    with serve(one.before(app), lifespan="off") as url, client(url) as sdk:
        stream = sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        with pytest.raises(openai.APIError, match="withheld"):
            list(stream)


def test_failure_of_one_request_is_its_own() -> None:
    """A broken stream does not touch another one that runs at the same time."""
    one = service()

    async def both() -> tuple[Got, Got]:
        bad = Scripted(*answer([event(None), BROKEN_EVENT], EVENTS))
        good = Scripted(*answer(events("Hel", "lo"), EVENTS))
        return await asyncio.gather(
            acall(one.before(bad), scope_of(), ask()), acall(one.before(good), scope_of(), ask())
        )

    broken, fine = asyncio.run(both())
    assert isinstance(broken.error, BlockedError)
    assert said(fine.body) == f"{MARK}Hello\n\n{GENERAL}"
    assert sorted(outcome.state for outcome in one.outcomes) == ["applied", "failed"]


def test_a_json_answer_that_breaks_off_before_its_first_byte_is_a_failure() -> None:
    """The upstream's head alone is no answer without a body."""
    one = service()
    got = one.call(Scripted(start(200), ConnectionError("gone")))
    assert (one.outcome.state, one.outcome.reason) == ("failed", "broken off before its end")
    assert isinstance(got.error, ConnectionError)


def test_endless_white_space_is_a_failure() -> None:
    """Where no media type tells what a body is, blanks before it are not kept for ever."""
    one = service()
    blanks = [b" " * 1000] * 100
    got = one.call(Scripted(*answer(blanks, {"content-type": "text/html"})))
    assert (got.status, one.outcome.state) == (502, "failed")
