"""Guards on real servers: what the `openai` SDK reads, and how an app or an upstream that goes on is ended."""

from __future__ import annotations

import asyncio
import gc
import http.client
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from labeler import Labeler, LabelMiddleware, Outcome
from labeler.gateway.app import gateway
from tests.asgi_tools import CHAT, ask
from tests.chat_service import client, user
from tests.guard_tools import ANSWER, BEFORE, DOSE, RULE, SAFE, guard, guarded, labelled
from tests.servers import serve, serve_raw
from tests.wire import chunk, message, say

PATIENCE = 5.0
"""Seconds within which what is to happen at once has happened on a busy machine."""


class Service:
    """A model that says the answer and then goes on: with more (`talks`), or with nothing (`stalls`)."""

    def __init__(self, then: str) -> None:
        self.then = then
        self.ended = threading.Event()
        self.sent = 0

    async def __call__(self) -> AsyncIterator[bytes]:
        try:
            for piece in say(*ANSWER[: len(BEFORE + DOSE)], finish=None):
                self.sent += 1
                yield piece
            while self.then == "talks":
                self.sent += 1
                yield chunk({"content": "再说。"})
                await asyncio.sleep(0.001)
            await asyncio.sleep(60)
        finally:
            self.ended.set()

    # The ways to serve it.

    def starlette(self, labeler: Labeler, *around: Middleware) -> Any:
        """As one writes it."""

        async def complete(request: Request) -> Response:
            if not (await request.json()).get("stream"):
                return Response(message(ANSWER), media_type="application/json")
            return StreamingResponse(self(), media_type="text/event-stream")

        routes = [Route(CHAT, complete, methods=["POST"])]
        return Starlette(routes=routes, middleware=[Middleware(LabelMiddleware, labeler=labeler), *around])

    def wrapped(self, labeler: Labeler) -> Any:
        """With a middleware of the old kind behind ours, which runs the app in a task of its own."""

        async def passes(request: Request, go_on: Callable[[Request], Any]) -> Any:
            return await go_on(request)

        return self.starlette(labeler, Middleware(BaseHTTPMiddleware, dispatch=passes))

    def bare(self, labeler: Labeler) -> Any:
        """An ASGI app that knows nothing of clients that leave."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            source = self()
            try:
                async for piece in source:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            finally:
                await source.aclose()  # type: ignore[attr-defined]

        return LabelMiddleware(app, labeler)


KINDS = ["starlette", "wrapped", "bare"]


@pytest.fixture
def outcomes() -> list[Outcome]:
    return []


@pytest.fixture
def labeler(tmp_path: Path, outcomes: list[Outcome]) -> Labeler:
    return Labeler(guarded(tmp_path, guard("stop")).service, on_outcome=outcomes.append)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nobody logs a guard's work at warning level, and no exception reaches the server."""
    yield
    pictures = "no provider is configured"
    loud = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one.getMessage() for one in loud if pictures not in one.getMessage()] == []


def settled(outcomes: list[Outcome]) -> Outcome:
    """The one outcome, and no second one a moment later."""
    until = time.monotonic() + PATIENCE
    while not outcomes and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    (one,) = outcomes
    return one


def streamed(base: str) -> tuple[str, str, str]:
    """What the SDK reads of a stream: the text, the finish, and the text of its own accumulator."""
    with client(base) as sdk:
        chunks = list(sdk.chat.completions.create(model="m", messages=user("你好"), stream=True))
        with sdk.chat.completions.stream(model="m", messages=user("你好")) as stream:
            deltas = [event.delta for event in stream if event.type == "content.delta"]
    text = "".join(one.choices[0].delta.content or "" for one in chunks)
    (finish,) = [one.choices[0].finish_reason for one in chunks if one.choices[0].finish_reason]
    return text, finish, "".join(deltas)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sdk_reads_a_stopped_stream(kind: str, labeler: Labeler) -> None:
    """Without an error: the sentence before, the safe words, `content_filter`."""
    with serve(getattr(Service("talks"), kind)(labeler)) as base:
        text, finish, accumulated = streamed(base)
    assert text == accumulated == labelled(BEFORE, SAFE)
    assert finish == "content_filter"


def test_the_sdk_reads_a_replaced_answer(labeler: Labeler, outcomes: list[Outcome]) -> None:
    """Complete: the safe words as the message."""
    with serve(Service("talks").starlette(labeler)) as base, client(base) as sdk:
        answer = sdk.chat.completions.create(model="m", messages=user("你好"))
    assert answer.choices[0].message.content == labelled(SAFE)
    assert answer.choices[0].finish_reason == "content_filter"
    assert settled(outcomes).reason == f"stop: {RULE}"


@pytest.mark.parametrize("then", ["talks", "stalls"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("implementation", ["h11", "httptools"])
def test_an_app_that_goes_on_is_ended(
    kind: str, then: str, implementation: str, labeler: Labeler, outcomes: list[Outcome]
) -> None:
    """The client has its whole response, the app's generator is closed at the sentence's end, and there is
    one outcome. (What Starlette's BaseHTTPMiddleware cancels is closed when garbage is collected.)"""
    service = Service(then)
    with serve(getattr(service, kind)(labeler), http=implementation) as base:
        with client(base) as sdk:
            chunks = list(sdk.chat.completions.create(model="m", messages=user("你好"), stream=True))
        until = time.monotonic() + PATIENCE
        while kind == "wrapped" and time.monotonic() < until and not service.ended.wait(0.05):
            gc.collect()
        assert service.ended.wait(PATIENCE)
        sent = service.sent
        one = settled(outcomes)
        assert service.sent == sent
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == labelled(BEFORE, SAFE)
    assert (one.state, one.reason) == ("applied", f"stop: {RULE}")


def test_the_connection_serves_on(labeler: Labeler, outcomes: list[Outcome]) -> None:
    """The next request goes over the same connection."""
    with serve(Service("talks").starlette(labeler)) as base:
        host = base.removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=PATIENCE)) as connection:
            for _ in range(3):
                connection.request("POST", CHAT, ask(stream=True), {"content-type": "application/json"})
                answer = connection.getresponse()
                assert answer.read().endswith(b"data: [DONE]\n\n")
    assert [one.reason for one in outcomes] == [f"stop: {RULE}"] * 3


class Upstream:
    """A raw server that says the answer and goes on, and notices when its client has left."""

    def __init__(self, then: str) -> None:
        self.then = then
        self.left = threading.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        try:  # the answer may be left before its last piece
            writer.write(head)
            for piece in say(*ANSWER, finish=None):
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
            while self.then == "talks":
                piece = chunk({"content": "再说。"})
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(0.001)
            while await reader.read(1000):
                pass
        finally:
            self.left.set()


@pytest.mark.parametrize("then", ["talks", "stalls"])
def test_the_gateway_leaves_the_upstream(then: str, labeler: Labeler, outcomes: list[Outcome]) -> None:
    """The call to the upstream is ended at the sentence's end, also where it has nothing more to say."""
    upstream = Upstream(then)
    with serve_raw(upstream) as behind, serve(gateway(labeler, behind)) as base:
        with client(base) as sdk:
            chunks = list(sdk.chat.completions.create(model="m", messages=user("你好"), stream=True))
        assert upstream.left.wait(PATIENCE)
        assert settled(outcomes).reason == f"stop: {RULE}"
    text = "".join(one.choices[0].delta.content or "" for one in chunks)
    assert text == labelled(BEFORE, SAFE)
    assert chunks[-1].choices[0].finish_reason == "content_filter"


def test_the_gateway_with_a_guard_that_holds(tmp_path: Path, outcomes: list[Outcome]) -> None:
    """The client gets words with a reference, the outcome what had been generated."""
    held = guarded(tmp_path, guard("hold", words="'已转人工，编号 {number}'"))
    labeler = Labeler(held.service, on_outcome=outcomes.append)
    with serve_raw(Upstream("talks")) as behind, serve(gateway(labeler, behind)) as base, client(base) as sdk:
        text = "".join(
            one.choices[0].delta.content or ""
            for one in sdk.chat.completions.create(model="m", messages=user("你好"), stream=True)
        )
    one = settled(outcomes)
    assert f"已转人工，编号 {one.number}" in text
    assert one.slots[0].guarded[0].text.startswith(BEFORE + DOSE)


def test_the_sdk_takes_its_own_view_of_filtered_tools(labeler: Labeler) -> None:
    """Where an application lets the SDK parse calls, a filtered answer is the SDK's own error for that."""
    tool: Any = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {}}}
    with (
        serve(Service("talks").starlette(labeler)) as base,
        client(base) as sdk,
        pytest.raises(openai.ContentFilterFinishReasonError),
    ):
        sdk.chat.completions.parse(model="m", messages=user("你好"), tools=[tool])
