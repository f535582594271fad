"""Memory: a stream of any length passes in the same few bytes, and soon enough."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.asgi_tools import (
    CHAT,
    DONE,
    EVENTS,
    GENERAL,
    JSON,
    MARK,
    TEXT,
    Message,
    Receive,
    Scope,
    Scripted,
    Send,
    Service,
    answer,
    ask,
    call,
    event,
    part,
    scope_of,
    service,
    start,
)

TOTAL = 50_000_000
SPARE = 1_000_000
"""What a stream may take at its peak, in bytes, however long it is."""


def lines(char: str) -> str:
    """Eight thousand characters in short lines, as an answer has them."""
    return (char * 79 + "\n") * 100


CUT = event(lines("w"))
STREAMS: dict[str, tuple[str, dict[str, str], tuple[bytes, bytes, bytes]]] = {
    "events": (CHAT, EVENTS, (b"", event("word " * 20) * 40, DONE)),
    "large events": (CHAT, EVENTS, (b"", event(lines("字")), DONE)),
    "cut events": (CHAT, EVENTS, (CUT[:300], CUT[300:] + CUT[:300], CUT[300:] + DONE)),
    "text": ("/t", TEXT, (b"", lines("字").encode(), b"")),
    "text in one line": ("/t", TEXT, (b"", b"word" * 4000, b"")),
}
"""Each with how it begins, what comes again and again, and how it ends."""


class Measured:
    """An app that sends a long stream, and a client that keeps only its begin and its end."""

    def __init__(self, headers: dict[str, str], first: bytes, piece: bytes, last: bytes) -> None:
        self._opening = start(200, headers)
        self._first, self._piece, self._last = first, piece, last
        self.begin, self.end, self.received = b"", b"", 0

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(self._opening)
        await send(part(self._first))
        for _ in range(TOTAL // len(self._piece)):
            await send(part(self._piece))
        await send(part(self._last, more=False))

    async def take(self, message: Message) -> None:
        body = message.get("body", b"")
        if len(self.begin) < 20_000:
            self.begin += body
        self.end = (self.end + body)[-2000:]
        self.received += len(body)


def pass_through(one: Service, measured: Measured, path: str) -> int:
    """Drive one stream; the peak of memory that it took, in bytes."""

    async def receive() -> Message:
        return {"type": "http.request", "body": ask(), "more_body": False}

    async def run() -> int:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        await one.before(measured.app)(scope_of(path), receive, measured.take)
        return tracemalloc.get_traced_memory()[1] - before

    return asyncio.run(run())


@pytest.mark.parametrize("name", STREAMS)
def test_a_long_stream_passes_in_constant_memory(tmp_path: Path, name: str) -> None:
    """50 MB of a stream take less than 1 MB at a time, in less than ten seconds of work, and come out labelled."""
    path, headers, pieces = STREAMS[name]
    one = service(tmp_path, "routes: [{path: /t, dialect: text}]")
    measured = Measured(headers, *pieces)
    tracemalloc.start()
    try:
        peak = pass_through(one, measured, path)
    finally:
        tracemalloc.stop()
    assert peak < SPARE
    assert measured.received > TOTAL - 2 * len(pieces[1])
    words = (lambda text: text.encode("ascii", "backslashreplace")) if headers is EVENTS else str.encode
    assert words(MARK[:-2]) in measured.begin
    assert words(GENERAL) in measured.end
    assert one.outcome.state == "applied"
    assert len(one.outcome.edits) == 2


PACKED: dict[str, Callable[[], bytes]] = {
    "white space": lambda: b" " * 100_000_000,
    "text": lambda: b'{"choices":[{"message":{"content":"' + b"a" * 100_000_000,
}


@pytest.mark.parametrize("name", PACKED)
def test_a_small_body_does_not_unfold_without_end(tmp_path: Path, name: str) -> None:
    """A compressed body of a hundred kilobytes that holds 100 MB stops at the limit of an answer."""
    packed = gzip.compress(PACKED[name](), 1)
    one = service(tmp_path, "limits: {response: 1 MB}")
    tracemalloc.start()
    try:
        got = call(
            one.before(Scripted(start(200, {**JSON, "content-encoding": "gzip"}), part(packed))), ask()
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert got.status in (200, 502)
    assert peak < 30_000_000


@pytest.mark.parametrize("wbits", [-15, 15, 31], ids=["raw deflate", "deflate", "gzip"])
@pytest.mark.parametrize("size", [2**18 - 1, 2**18, 2**18 + 21, 2**18 + 240, 2**20 + 100])
def test_nothing_is_lost_where_a_body_unfolds_in_steps(tmp_path: Path, wbits: int, size: int) -> None:
    """However long a compressed text is, its last character comes out."""
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(b"a" * size) + packer.flush()
    headers = {**TEXT, "content-encoding": "gzip" if wbits == 31 else "deflate"}
    one = service(tmp_path, "routes: [{path: /t, dialect: text}]")
    got = one.call(Scripted(*answer(packed, headers)), path="/t")
    assert got.body.decode() == f"{MARK}{'a' * size}\n\n{GENERAL}"


def test_a_long_request_passes_as_it_comes() -> None:
    """Beyond the limit of a request the rest is not kept: it reaches the app piece by piece."""
    piece = b"x" * 100_000
    left = iter([*[piece] * 1000, b""])
    sizes: list[int] = []

    async def receive() -> Message:
        body = next(left)
        return {"type": "http.request", "body": body, "more_body": bool(body)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive()).get("more_body"):
            sizes.append(len(message["body"]))
        await send(start(204, {}))

    async def drop(message: Message) -> None:
        pass

    one = service()
    tracemalloc.start()
    try:
        asyncio.run(one.before(app)(scope_of(), receive, drop))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [len(piece)] * 1000
    assert peak < 2 * one.labeler.service.limits.request
