"""Every covered response has exactly one Outcome, whatever happens to it, and it says what was done."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from labeler import BlockedError, Outcome, undo
from tests.asgi_tools import (
    CHAT,
    DONE,
    EVENTS,
    JSON,
    TEXT,
    Message,
    Receive,
    Scripted,
    Send,
    Service,
    acall,
    answer,
    ask,
    chat,
    event,
    events,
    part,
    said,
    scope_of,
    service,
    start,
)

HELLO = chat("Hello")
HUMAN = [lambda scope: scope.update(labeler={"human": True})]
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def choices(*messages: dict[str, Any]) -> bytes:
    doc = json.loads(HELLO)
    doc["choices"] = [
        {"index": at, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        for at, message in enumerate(messages)
    ]
    return json.dumps(doc).encode()


TOOLS: dict[str, Any] = {"content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
ENDS: dict[str, tuple[list[Any], str, str]] = {
    "json": (answer(HELLO), "applied", ""),
    "json in pieces": (answer([HELLO[:9], HELLO[9:]]), "applied", ""),
    "events": (answer(events("Hello"), EVENTS), "applied", ""),
    "events without DONE": (answer([event("Hello")], EVENTS), "applied", ""),
    "two choices": (answer(choices({"content": "a"}, {"content": "b"})), "applied", ""),
    "a choice without text": (answer(choices({"content": "a"}, TOOLS)), "applied", ""),
    "tool call": (answer(choices(TOOLS)), "skipped", "tool call"),
    "json answer": (answer(chat('{"a": 1}')), "skipped", "JSON answer"),
    "empty text": (answer(chat("")), "skipped", "no text"),
    "no choices": (answer(choices()), "skipped", "no text"),
    "events without text": (answer([event(None, "stop"), DONE], EVENTS), "skipped", "no text"),
    "empty events": (answer([], EVENTS), "skipped", "no text"),
    "no body": (answer(b""), "skipped", "no body"),
    "error body with 200": (answer(b'{"error": {"message": "x"}}'), "skipped", "error body"),
    "human": ([*HUMAN, *answer(HELLO)], "skipped", "human"),
    "204": (answer(b"", {}, 204), "skipped", "no body"),
    "205": (answer(b"", {}, 205), "skipped", "no body"),
    "304": (answer(b"", {"expires": "0"}, 304), "skipped", "no body"),
    "206": (answer(b'{"choi', JSON, 206), "skipped", "partial content"),
    "302": (answer(b"", {"location": "/"}, 302), "skipped", "status 302"),
    "404": (answer(b'{"detail": "no"}', JSON, 404), "skipped", "status 404"),
    "429": (answer(b'{"error": {}}', JSON, 429), "skipped", "status 429"),
    "500 of the app": ([*answer(b"oops", TEXT, 500), RuntimeError("x")], "skipped", "status 500"),
    "error in the stream": (
        [start(200, EVENTS), part(event("a")), RuntimeError("x")],
        "degraded",
        "broken off",
    ),
    "error before text": ([start(200, EVENTS), part(event(None)), RuntimeError("x")], "skipped", "no text"),
    "error after the end": ([*answer(HELLO), RuntimeError("background task")], "applied", ""),
    "blocked": (answer(b"<html>", {}), "failed", "neither JSON"),
}


@pytest.mark.parametrize(("messages", "state", "reason"), ENDS.values(), ids=ENDS.keys())
def test_one_outcome(messages: list[Any], state: str, reason: str) -> None:
    """Each way in which a response can go has one outcome, with its state, reason and content number."""
    one = service()
    got = one.call(Scripted(*messages))
    outcome = one.outcome
    assert (outcome.state, outcome.route, outcome.dialect) == (state, CHAT, "openai-chat")
    assert reason in outcome.reason
    assert bool(outcome.reason) == bool(reason)
    assert UUID7.fullmatch(outcome.number)
    assert f'number="{outcome.number}"' in got.headers["labeler"]
    assert sum(one.labeler.counts.values()) == 1


UNTOUCHED = ("human", "204", "205", "304", "206", "302", "404", "429", "no body", "error body with 200")


@pytest.mark.parametrize("name", [*UNTOUCHED, "tool call", "json answer", "empty text", "no choices"])
def test_what_gets_no_label_leaves_as_it_came(name: str) -> None:
    """A response without a label leaves with its own status, headers and bytes; ours only come in addition."""
    messages, state, reason = ENDS[name]
    sent = [message for message in messages if isinstance(message, dict)]
    sent[0] = {**sent[0], "headers": [*sent[0]["headers"], (b"ETag", b'W/"1"'), (b"Digest", b"x")]}
    one = service()
    got = one.call(Scripted(*[m for m in messages if callable(m)], *sent))
    assert got.status == sent[0]["status"]
    assert got.start["headers"][: len(sent[0]["headers"])] == sent[0]["headers"]
    assert got.body == sent[1]["body"]
    assert got.complete
    assert got.headers["labeler"].startswith(f"{state};reason=")
    assert reason in got.headers["labeler"]
    assert one.outcome.edits == ()


@pytest.mark.parametrize("name", ["human", "204", "304", "404", "429"])
def test_no_disclosure_of_what_is_not_generated(name: str) -> None:
    """AI-Disclosure says that content is generated; it does not stand on what is none."""
    got = service().call(Scripted(*ENDS[name][0]))
    assert "ai-disclosure" not in got.headers


def test_head(tmp_path: Path) -> None:
    """HEAD has no content, and nothing is refused. On a route whose content would be labelled, what tells
    of it as it was without labels goes; elsewhere the app's own headers pass."""
    one = service(tmp_path, "routes: [{path: /say, dialect: text}]\nunclaimed: block")
    headers = {**TEXT, "content-length": "5", "etag": '"a"', "accept-ranges": "bytes"}
    stale = {"content-length", "etag", "accept-ranges"}
    for path, gone in (("/say", stale), (CHAT, set()), ("/other", set())):
        got = one.call(Scripted(*answer(b"", headers)), b"", path, method="HEAD")
        assert got.status == 200
        assert headers.keys() - got.headers.keys() == gone
        assert got.messages[-1] == part(b"", more=False)


@pytest.mark.parametrize("ending", [[RuntimeError("x")], []], ids=["fails", "returns"])
def test_stopped_right_after_the_start(ending: list[Any]) -> None:
    """An app that stops after its start has one outcome, and its response does not look complete."""
    one = service()
    got = one.call(Scripted(start(200, JSON), *ending))
    assert [repr(got.error)] == [repr(error) for error in ending or [None]]
    assert got.messages == [] or (got.status == 502) or not got.complete
    assert one.outcome.state in ("skipped", "failed")


def test_error_before_the_start() -> None:
    """An app that fails before its response has started fails as without us."""
    error = RuntimeError("x")
    one = service()
    got = one.call(Scripted(error))
    assert got.error is error
    assert got.messages == []


@pytest.mark.parametrize("messages", [answer(HELLO), answer(events("Hello"), EVENTS)], ids=["json", "events"])
@pytest.mark.parametrize("kind", ["http.response.start", "http.response.body"])
@pytest.mark.parametrize(
    "error", [OSError("the client left"), asyncio.CancelledError()], ids=["OSError", "cancel"]
)
def test_the_client_leaves(messages: list[Message], kind: str, error: BaseException) -> None:
    """A send that fails, or a task that is cancelled in it, still ends in one outcome; the error stays."""
    one = service()

    async def refuse(message: Message) -> None:
        if message["type"] == kind:
            raise error

    async def run() -> None:
        got = await acall(one.before(Scripted(*messages)), scope_of(), ask(), refuse)
        if got.error:
            raise got.error

    with pytest.raises(type(error)) as caught:
        asyncio.run(run())
    assert isinstance(error, asyncio.CancelledError) or caught.value is error
    assert len(one.outcomes) == 1


def test_the_client_leaves_while_text_is_held() -> None:
    """The first failing send is the error that leaves, also where something was still held back."""
    one = service()
    error = OSError("the client left")
    sent: list[Message] = []

    async def refuse(message: Message) -> None:
        sent.append(message)
        if len(sent) > 1:
            raise error

    app = Scripted(start(200, EVENTS), part(event("【")), part(event("x")), part(DONE, more=False))
    got = asyncio.run(acall(one.before(app), scope_of(), ask(), refuse))
    assert got.error is error
    assert len(one.outcomes) == 1


def test_the_client_leaves_a_complete_answer() -> None:
    """An answer that was labelled whole counts as such, even if its client did not wait for it."""
    one = service()

    async def refuse(message: Message) -> None:
        raise OSError

    asyncio.run(acall(one.before(Scripted(*answer(HELLO))), scope_of(), ask(), refuse))
    assert (one.outcome.state, one.outcome.reason) == ("applied", "")


def test_the_apps_error_wins_over_a_closed_connection() -> None:
    """An app that fails on a closed connection, with text held back, ends in its own error and an outcome."""
    one = service()
    error = ValueError("the app's own")
    sent: list[Message] = []

    async def refuse(message: Message) -> None:
        sent.append(message)
        if len(sent) > 1:
            raise OSError

    app = Scripted(start(200, EVENTS), part(event("【")), error)
    got = asyncio.run(acall(one.before(app), scope_of(), ask(), refuse))
    assert got.error is error
    assert len(one.outcomes) == 1


def test_cancelled_while_the_app_waits() -> None:
    """A cancelled request has its outcome: what had been said of the answer, and that it broke off."""
    one = service()

    async def run() -> None:
        started = asyncio.Event()

        async def app(scope: Any, receive: Receive, send: Send) -> None:
            await send(start(200, EVENTS))
            await send(part(event("Hello")))
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(acall(one.before(app), scope_of(), ask()))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert (one.outcome.state, one.outcome.reason) == ("degraded", "broken off before its end")


def test_an_app_that_catches_everything() -> None:
    """An app that swallows the BlockedError of its send does not turn a broken answer into a good one."""
    one = service()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, EVENTS))
        for piece in (b"data: {nope\n\n", event("secret"), DONE):
            try:
                await send(part(piece))
            except BlockedError:
                continue
        await send(part(b"", more=False))

    got = asyncio.run(acall(one.before(app), scope_of(), ask()))
    assert isinstance(got.error, BlockedError)
    assert not got.complete
    assert b"secret" not in got.body
    assert one.outcome.state == "failed"


# What an outcome holds.


def call(messages: list[Any], body: bytes | None = None) -> tuple[Outcome, bytes]:
    one = service()
    got = one.call(Scripted(*messages), body)
    return one.outcome, got.body


def test_numbers_of_several_answers() -> None:
    """Several answers are numbered `<number>-<i>`; a single one has the response's own number."""
    outcome, _ = call(answer(choices({"content": "a"}, {"content": "b"}, TOOLS)))
    assert [slot.number for slot in outcome.slots] == [f"{outcome.number}-{at}" for at in range(3)]
    assert [slot.state for slot in outcome.slots] == ["applied", "applied", "skipped"]
    outcome, _ = call(answer(HELLO))
    assert [slot.number for slot in outcome.slots] == [outcome.number]


def test_numbers_can_be_sorted() -> None:
    """Content numbers are UUIDs of version 7: no two are the same, and they sort by their time."""
    one = service()
    numbers = [one.labeler.number() for _ in range(2000)]
    assert len(set(numbers)) == 2000
    assert all(UUID7.fullmatch(number) and uuid.UUID(number).variant == uuid.RFC_4122 for number in numbers)
    times = [number[:13] for number in numbers]
    assert times == sorted(times)


STATES = [
    ([("a", ""), ("b", "")], "applied"),
    ([("a", ""), ("", "")], "applied"),
    ([("", ""), ("", "")], "skipped"),
    ([("a", "cut"), ("b", "")], "degraded"),
    ([("a", "cut"), ("", "")], "degraded"),
]


@pytest.mark.parametrize(("slots", "state"), STATES)
def test_states_are_summed_up(slots: list[tuple[str, str]], state: str) -> None:
    """`degraded` before `applied` before `skipped`: the whole is what its weakest labelled answer is."""
    pieces = []
    for at, (text, fate) in enumerate(slots):
        for piece in (event(text) if text else event(None), b"" if fate else event(None, "stop")):
            pieces.append(piece.replace(b'"index": 0', b'"index": %d' % at))
    one = service()
    one.call(Scripted(start(200, EVENTS), *(part(piece) for piece in pieces if piece), RuntimeError("x")))
    assert one.outcome.state == state


@pytest.mark.parametrize(
    ("messages", "original"),
    [(answer(HELLO), HELLO), (answer(events("Hel", "lo"), EVENTS), b"".join(events("Hel", "lo")))],
    ids=["json", "events"],
)
def test_edits_undo(messages: list[Any], original: bytes) -> None:
    """The edits of an outcome lead back from what left to what the app sent, byte for byte."""
    outcome, body = call(messages)
    assert outcome.edits
    assert undo(body, outcome.edits) == original
    assert "Hello" in said(body)


def test_what_an_outcome_knows() -> None:
    """The verdict with its rules, the words that were said, and whether it was a stream, are all there."""
    outcome, _ = call(answer(HELLO), ask("孩子发烧39度怎么办"))
    assert outcome.verdict is not None
    assert outcome.verdict.scenarios == ("general", "medical")
    assert {because.scenario for because in outcome.verdict.because} == {"general", "medical"}
    assert [stamp.policy for stamp in outcome.slots[0].said] == ["general", "medical"]
    assert (outcome.stream, outcome.observed) == (False, False)
    assert call(answer(events("Hello"), EVENTS))[0].stream


def test_counts() -> None:
    """`counts` adds up by state and reason, without the part of a reason that varies."""
    one: Service = service()
    for messages in (answer(HELLO), answer(HELLO), answer(chat("")), answer(HELLO[:-3]), answer(HELLO[:-9])):
        one.call(Scripted(*messages))
    one.call(Scripted(*answer(b"x")), path="/other")
    assert one.labeler.counts == {
        "applied": 2,
        "skipped: no text": 1,
        "skipped: unclaimed": 1,
        "failed: the answer is no JSON": 2,
    }
