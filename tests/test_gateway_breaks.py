"""What the proxy does when one side fails, is silent, is slow or leaves."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

import pytest

from labeler import Labeler
from labeler.gateway.app import gateway
from labeler.gateway.proxy import Proxy
from tests.servers import Talk, serve, serve_raw


@contextmanager
def connected(base: str) -> Iterator[HTTPConnection]:
    """A connection to a server by its base URL."""
    address = urlsplit(base)
    assert address.hostname
    with closing(HTTPConnection(address.hostname, address.port, timeout=5)) as connection:
        yield connection


@contextmanager
def get(base: str) -> Iterator[HTTPResponse]:
    """The start of an answer to a plain request."""
    with connected(base) as connection:
        connection.request("GET", "/v1/models")
        with closing(connection.getresponse()) as answer:
            yield answer


def says(*pieces: bytes, pause: float = 0.0) -> Talk:
    """A server that reads a request's head, writes these bytes and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        await asyncio.sleep(pause)

    return talk


def test_refused_connection_is_a_502(caplog: pytest.LogCaptureFixture) -> None:
    """An upstream that is not there gives a 502 in OpenAI's shape, whose text does not tell its address."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with serve(Proxy({"/": f"http://127.0.0.1:{port}"})) as base, get(base) as answer:
        error = json.loads(answer.read())["error"]
    assert answer.status == 502
    assert sorted(error) == ["code", "message", "param", "type"]
    assert (error["code"], error["param"]) == ("upstream_unreachable", None)
    assert str(port) not in error["message"]
    assert answer.getheader("x-should-retry") is None
    assert [str(port) in line for line in caplog.messages if "/v1/models" in line] == [True]


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n"])
def test_answer_that_breaks_before_its_start_is_a_502(wire: bytes) -> None:
    """A connection that closes or talks nonsense before there is an answer gives a 502."""
    with serve_raw(says(wire)) as upstream, serve(Proxy({"/": upstream})) as base, get(base) as answer:
        assert json.loads(answer.read())["error"]["type"] == "upstream_error"
    assert answer.status == 502


def test_silent_upstream_is_a_504() -> None:
    """Without the start of an answer within the read timeout the client gets a 504."""
    with (
        serve_raw(says(pause=5)) as upstream,
        serve(Proxy({"/": upstream}, read_timeout=0.2)) as base,
        get(base) as answer,
    ):
        assert json.loads(answer.read())["error"]["code"] == "upstream_timeout"
    assert answer.status == 504


def test_full_pool_is_a_504() -> None:
    """A request that finds no free connection within the read timeout gets a 504 too."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
    with serve_raw(says(head, pause=5)) as upstream:
        proxy = Proxy({"/": upstream}, read_timeout=0.3, connections=1)
        with serve(proxy) as base, get(base) as first, get(base) as second:
            assert (first.status, second.status) == (200, 504)


def test_slow_upload_is_no_silence() -> None:
    """The read timeout does not run while the client's body is still going up."""

    async def count(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % size})

    def slowly() -> Iterator[bytes]:
        for _ in range(6):
            time.sleep(0.1)
            yield b"piece"

    with (
        serve(count) as upstream,
        serve(Proxy({"/": upstream}, read_timeout=0.3)) as base,
        connected(base) as connection,
    ):
        connection.request("POST", "/", body=slowly(), encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"30")


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf of it",
        CHUNKED + b"a\r\nhalf of it\r\n",
        CHUNKED + b"14\r\nhalf of it",
    ],
    ids=["length", "chunks", "chunk"],
)
def test_broken_body_breaks_the_clients_transfer(wire: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A truncated answer never ends cleanly, and one line of the log says what happened."""
    head, body = wire.split(b"half")
    with (
        serve_raw(says(head, b"half" + body)) as upstream,
        serve(Proxy({"/": upstream})) as base,
        get(base) as answer,
    ):
        assert answer.status == 200
        with pytest.raises((IncompleteRead, ConnectionError)):
            answer.read()
    lines = [record for record in caplog.records if record.name == "labeler.gateway"]
    assert ["broke off" in record.getMessage() for record in lines] == [True]


def test_a_json_answer_that_breaks_off_is_a_502() -> None:
    """Nothing of it has left, so an error in the API's shape stands for it, and not the server's own."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n"
    with (
        serve_raw(says(head + b'{"choices":[')) as upstream,
        serve(gateway(Labeler.load(), upstream)) as base,
        connected(base) as connection,
    ):
        connection.request("POST", "/v1/chat/completions", b"{}")
        answer = connection.getresponse()
        error = json.loads(answer.read())["error"]
    assert (answer.status, error["code"]) == (502, "label_failed")
    assert "broken off before its end" in error["message"]
    assert answer.getheader("x-should-retry") == "false"


def test_what_arrived_before_the_break_is_handed_on() -> None:
    """The pieces before the break reach the client."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"9\r\ndata: 1\n\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)

    with (
        serve_raw(talk) as upstream,
        serve(Proxy({"/": upstream})) as base,
        get(base) as answer,
        pytest.raises(IncompleteRead) as cut,
    ):
        answer.read()
    assert cut.value.partial == b"data: 1\n\n"


def test_upstream_that_falls_silent_in_a_body_breaks_the_transfer() -> None:
    """The read timeout also bounds the time between two pieces."""
    wire = CHUNKED + b"4\r\nhalf\r\n"
    with (
        serve_raw(says(wire, pause=5)) as upstream,
        serve(Proxy({"/": upstream}, read_timeout=0.2)) as base,
        get(base) as answer,
        pytest.raises((IncompleteRead, ConnectionError)),
    ):
        answer.read()


class Watchful:
    """An upstream that never ends its answer and notes that it was left."""

    def __init__(self, start: bool) -> None:
        self.start = start
        self.asked, self.left = threading.Event(), threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        if self.start:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        self.asked.set()
        while message["type"] != "http.disconnect":
            message = await receive()
        self.left.set()


@pytest.mark.parametrize("start", [False, True], ids=["before the answer", "in the answer"])
def test_client_that_leaves_ends_the_upstream_call(start: bool) -> None:
    """The upstream sees the disconnect at once, whether its answer has begun or not."""
    watchful = Watchful(start)
    with serve(watchful) as upstream, serve(Proxy({"/": upstream})) as base, connected(base) as connection:
        connection.request("POST", "/", body=b"{}")
        assert watchful.asked.wait(5)
        if start:
            answer = connection.getresponse()
            assert answer.read1() == b"data: 1\n\n"
            answer.close()
        began = time.monotonic()
        connection.close()
        assert watchful.left.wait(5)
    assert time.monotonic() - began < 1.5  # the servers' own shutdown included


def test_client_that_leaves_while_uploading_ends_the_upstream_call() -> None:
    """So it does while the client is still sending its body."""
    watchful = Watchful(start=False)
    with serve(watchful) as upstream, serve(Proxy({"/": upstream})) as base, connected(base) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "1000")
        connection.endheaders()
        connection.send(b"begun")
        assert watchful.asked.wait(5)
        connection.close()
        assert watchful.left.wait(5)


def test_cancellation_from_outside_is_not_swallowed() -> None:
    """A server that cancels the request's task gets its cancellation back."""

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    async def run(upstream: str) -> None:
        proxy = Proxy({"/": upstream})
        lifespan = Lifespan(proxy)
        await lifespan.start()
        scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b""}
        task = asyncio.create_task(proxy(scope | {"headers": []}, receive, send))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await lifespan.stop()

    with serve_raw(says(pause=5)) as upstream:
        asyncio.run(run(upstream))


class Lifespan:
    """Drives an app's lifespan by hand."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self.outbox: asyncio.Queue[Any] = asyncio.Queue()

    async def start(self) -> None:
        self.task = asyncio.create_task(self.app({"type": "lifespan"}, self.inbox.get, self.outbox.put))
        await self.inbox.put({"type": "lifespan.startup"})
        assert (await self.outbox.get())["type"] == "lifespan.startup.complete"

    async def stop(self) -> None:
        await self.inbox.put({"type": "lifespan.shutdown"})
        assert (await self.outbox.get())["type"] == "lifespan.shutdown.complete"
        await self.task


def test_slow_client_holds_the_upstream_back() -> None:
    """Nobody in between piles up what a client does not take."""
    sent = 0

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while sent < 500:
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
            sent += 1

    with (
        serve(flood, timeout_graceful_shutdown=0) as upstream,
        serve(Proxy({"/": upstream})) as base,
        get(base),
    ):
        before = -1
        while sent != before:
            before = sent
            time.sleep(0.15)
        assert before < 50
