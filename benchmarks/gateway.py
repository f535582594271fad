"""The gateway beside a bare streaming ASGI proxy written with aiohttp, the usual client for one.

    python -m benchmarks.gateway [--rounds N]

Upstream, bare proxy, gateway and the gateway's own proxy without labels run under uvicorn in processes
of their own; 32 requests are under way at any time. Ratios are of rates (ours / beside), for the time to
the first token beside / ours, so that more is better everywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import orjson
import uvicorn
import uvloop

from benchmarks.common import Row, Samples, interleave, median_ratio, print_table
from labeler import Labeler
from labeler.gateway.app import gateway
from labeler.gateway.proxy import Proxy

CONCURRENT = 32


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked: `calls` on each connection, each answered by `events` (0: JSON), `pace` seconds apart."""

    what: str
    aim: str
    calls: int
    events: int = 0
    pace: float = 0.0
    first: bool = False
    """Measure the time to the first token, not the rate."""


LOADS = {
    "json": Load("JSON answers of 1 KB", ">= 0.80", calls=40),
    "burst": Load("streams of 1,000 events at once", ">= 0.65", calls=2, events=1000),
    "paced": Load("streams of 50 events, 50/s", ">= 0.80", calls=1, events=50, pace=0.02),
    "first": Load("time to first token", ">= 0.80", calls=5, events=5, pace=0.02, first=True),
}

App = Callable[..., Any]


def _event(**delta: str) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-" + "0" * 36, "object": "chat.completion.chunk", "created": 1750000000}
    chunk = head | {"model": "some-model-2025-01-01", "system_fingerprint": "fp_0123456789"}
    return b"data: " + orjson.dumps(chunk | {"choices": [choice]}) + b"\n\n"


EVENT = _event(content="some words")
ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-" + "0" * 36,
        "object": "chat.completion",
        "created": 1750000000,
        "model": "some-model-2025-01-01",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Some words of an answer. " * 30},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 150, "total_tokens": 170},
    }
)


async def upstream(scope: Any, receive: Any, send: Any) -> None:
    """A model's API; the first segment of the path names the load."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    load = LOADS[scope["path"].split("/")[1]]
    headers = [(b"content-type", b"text/event-stream" if load.events else b"application/json")]
    if not load.events:
        headers.append((b"content-length", b"%d" % len(ANSWER)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(load.events):
        # a model's events leave one by one, also the fastest one's: each in a write of its own
        await asyncio.sleep(load.pace if number else 0)
        await send({"type": "http.response.body", "body": EVENT, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n" if load.events else ANSWER})


class BareProxy:
    """As little as forwards a request and streams the answer: no timeouts, no care for who leaves."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if self.session is None:
            connector = aiohttp.TCPConnector(limit=1000)
            self.session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        body = (await receive())["body"]
        headers = [(name.decode(), value.decode()) for name, value in scope["headers"] if name != b"host"]
        url = self.base + scope["raw_path"].decode()
        async with self.session.request(scope["method"], url, headers=headers, data=body) as answer:
            kept = [(k, v) for k, v in answer.raw_headers if k.lower() != b"transfer-encoding"]
            await send({"type": "http.response.start", "status": answer.status, "headers": kept})
            async for piece in answer.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def _app(name: str, base: str) -> App:
    if name == "upstream":
        return upstream
    if name == "bare":
        return BareProxy(base)
    if name == "unlabelled":
        return Proxy({"/": base})
    return gateway(Labeler.load(), base)


def _serve(name: str, base: str, report: Connection) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    report.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(
        _app(name, base), loop="uvloop", http="httptools", ws="none", log_level="error", proxy_headers=False
    )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _process(name: str, base: str = "") -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(name, base, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


class _Caller(asyncio.Protocol):
    """One keep-alive connection; as cheap as a client can be, so that it is not what is measured."""

    def __init__(self) -> None:
        self.done: asyncio.Future[float] | None = None
        self.began = self.first = 0.0
        self.length: int | None = None
        self.seen = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def call(self, request: bytes) -> asyncio.Future[float]:
        """Send a request; the future gives the seconds to the first byte of the body, at its end."""
        self.done = asyncio.get_running_loop().create_future()
        self.length, self.first = None, 0.0
        self.seen.clear()
        self.began = time.perf_counter()
        self.transport.write(request)
        return self.done

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if self.length is None and not self._head():
            return
        if not self.first and self.seen:
            self.first = time.perf_counter() - self.began
        if self.length == 0:
            ended = self.seen.endswith(b"0\r\n\r\n")
            del self.seen[:-5]
        else:
            ended = len(self.seen) == self.length
        if ended and self.done is not None:
            self.done.set_result(self.first)

    def _head(self) -> bool:
        head, end, body = bytes(self.seen).partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            self.connection_lost(ConnectionError(head.decode()))
            return False
        _, found, rest = head.lower().partition(b"\r\ncontent-length:")
        self.length = int(rest.split(b"\r\n")[0]) if found else 0
        self.seen[:] = body
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_exception(error or ConnectionError("closed in the middle of an answer"))


def _request(base: str, kind: str) -> bytes:
    question = [{"role": "user", "content": "Why is the sky blue?"}]
    asked = {"model": "some-model", "messages": question, "stream": LOADS[kind].events > 0}
    body = orjson.dumps(asked)
    head = f"POST /{kind}/v1/chat/completions HTTP/1.1\r\nHost: {urlsplit(base).netloc}\r\n"
    head += (
        f"Content-Type: application/json\r\nAuthorization: Bearer sk-0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _run(base: str, kind: str) -> float:
    """Calls per second over 32 connections, or first tokens per second of waiting (a median)."""
    loop = asyncio.get_running_loop()
    host, _, port = urlsplit(base).netloc.partition(":")
    load, request = LOADS[kind], _request(base, kind)
    made = [loop.create_connection(_Caller, host, int(port)) for _ in range(CONCURRENT)]
    callers = [caller for _, caller in await asyncio.gather(*made)]
    waits: list[float] = []

    async def work(number: int, caller: _Caller) -> None:
        if load.first:  # users do not all ask in the same instant
            await asyncio.sleep(load.events * load.pace * number / CONCURRENT)
        for _ in range(load.calls):
            waits.append(await caller.call(request))

    began = time.perf_counter()
    await asyncio.gather(*map(work, range(CONCURRENT), callers))
    rate = CONCURRENT * load.calls / (time.perf_counter() - began)
    for caller in callers:
        caller.done = None
        caller.transport.close()
    return 1 / median(waits) if load.first else rate


def _measure(base: str, kind: str) -> float:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(base, kind))


def rows(rounds: int = 15) -> list[Row]:
    """Measure everything and return the rows of the table."""
    found: list[Row] = []
    with ExitStack() as stack:
        bases = {"upstream": stack.enter_context(_process("upstream"))}
        for name in ("bare", "unlabelled", "gateway"):
            bases[name] = stack.enter_context(_process(name, bases["upstream"]))
        for kind, load in LOADS.items():
            functions = {name: partial(_measure, base, kind) for name, base in bases.items()}
            interleave(functions, 1)
            found += _compare(load, interleave(functions, rounds))
    return found


def _compare(load: Load, samples: Samples) -> Iterator[Row]:
    def shown(name: str) -> str:
        middle = median(samples[name])
        return f"{1000 / middle:.1f} ms" if load.first else f"{middle:,.0f}/s"

    for what, ours, beside, aim in (
        ("gateway", "gateway", "bare", load.aim),
        ("gateway without labels", "unlabelled", "bare", ""),
        ("bare proxy", "bare", "upstream", ""),
    ):
        ratio = median_ratio(samples, ours, beside)
        yield Row(f"{what}, {load.what}", shown(ours), f"{beside} {shown(beside)}", ratio, aim)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway")
    parser.add_argument("--rounds", type=int, default=15)
    print_table(rows(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
