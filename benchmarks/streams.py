"""A streamed chat answer of 1,000 events, driven in process: what labelling adds to each event,
when the first token leaves, and how much memory a long stream takes."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from functools import partial
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.common import Nothing, Row, asking, interleave, median_difference_ratio
from labeler import Labeler, LabelMiddleware

EVENTS = 1_000
_REQUEST = json.dumps(
    {"model": "qwen3-max", "stream": True, "messages": [{"role": "user", "content": "孩子发烧39度怎么办"}]}
).encode()
_SCOPE: Scope = {
    "type": "http",
    "http_version": "1.1",
    "method": "POST",
    "path": "/v1/chat/completions",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
}


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One event of about 250 bytes, as the large services write it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    envelope = {
        "id": "chatcmpl-9f9d90210f194076abeee223863eaaf0",
        "object": "chat.completion.chunk",
        "created": 1780944348,
        "model": "qwen3-max",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [choice],
    }
    return b"data: " + json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def answer(count: int = EVENTS) -> list[bytes]:
    """A whole stream: role, `count` pieces of text, finish, `[DONE]`."""
    pieces = [event({"content": f"字词{number}，"}) for number in range(count)]
    return [event({"role": "assistant", "content": ""}), *pieces, event({}, "stop"), b"data: [DONE]\n\n"]


def replaying(chunks: list[bytes], times: int = 1) -> ASGIApp:
    """An app that answers with these body messages."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, chunk in enumerate(chunks):
            for _ in range(times if 1 < number < len(chunks) - 2 else 1):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


class SplitAndParse:
    """The floor (a): splits the records, parses each with orjson, and changes nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rest = b""

        async def look(message: Message) -> None:
            nonlocal rest
            if message["type"] == "http.response.body":
                *records, rest = (rest + message.get("body", b"")).split(b"\n\n")
                for record in records:
                    if record.startswith(b"data: {"):
                        orjson.loads(record[6:])
            await send(message)

        await self.app(scope, receive, look)


class Forward:
    """(b): only forwards `send`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def forward(message: Message) -> None:
            await send(message)

        await self.app(scope, receive, forward)


async def drive(app: Any, sent: list[Message] | None = None) -> float:
    """Run one request in process; seconds."""

    async def send(message: Message) -> None:
        if sent is not None:
            sent.append(message)

    start = time.perf_counter()
    await app(dict(_SCOPE), asking(_REQUEST), send)
    return time.perf_counter() - start


def rows(rounds: int) -> list[Row]:
    """All figures of streams in process."""
    labeler = Labeler.load()
    app = replaying(answer())
    apps = {
        "bare": app,
        "ours": LabelMiddleware(app, labeler=labeler),
        "parse": SplitAndParse(app),
        "forward": Forward(app),
        "base": Nothing(app),
    }
    with asyncio.Runner() as runner:
        samples = interleave({name: partial(_timed, runner, one) for name, one in apps.items()}, rounds)
        found = [_added(samples, *beside) for beside in _BESIDE]
        found.append(_first_token(runner, labeler))
        found.append(_memory(runner, labeler))
    return found


def _timed(runner: asyncio.Runner, app: Any) -> float:
    return runner.run(drive(app))


_BESIDE = (
    ("parse", "split + orjson of each event", "<= 2"),
    ("base", "BaseHTTPMiddleware that does nothing", "<= 0.33"),
    ("forward", "a wrapper that forwards `send`", ""),
)


def _added(samples: dict[str, list[float]], beside: str, what: str, aim: str) -> Row:
    ours, other, ratio = median_difference_ratio(samples, "ours", beside, "bare")
    each = 1e6 / EVENTS
    return Row(
        f"stream, added per event beside {what}",
        f"{ours * each:.2f} µs",
        f"{other * each:.2f} µs",
        ratio,
        aim,
    )


def _first_token(runner: asyncio.Runner, labeler: Labeler) -> Row:
    """The body messages that leave before the first visible text, with us and without."""
    counts = []
    for app in (LabelMiddleware(replaying(answer(5)), labeler=labeler), replaying(answer(5))):
        sent: list[Message] = []
        runner.run(drive(app, sent))
        bodies = [message["body"] for message in sent if message["type"] == "http.response.body"]
        counts.append(next(at for at, body in enumerate(bodies) if "字词0".encode() in body))
    return Row("events before the first token", f"{counts[0]}", f"{counts[1]}", counts[0] / counts[1], "<= 1")


def _memory(runner: asyncio.Runner, labeler: Labeler) -> Row:
    """The peak of a stream of 50 MB beside that of 5 MB."""
    peaks = []
    for times in (200, 20):
        app = LabelMiddleware(replaying(answer(), times), labeler=labeler)
        tracemalloc.start()
        runner.run(drive(app))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    large, small = (f"{peak / 1e6:.2f} MB" for peak in peaks)
    return Row("peak memory, stream of 50 MB beside 5 MB", large, small, peaks[0] / peaks[1], "<= 1.2")


if __name__ == "__main__":
    from benchmarks.common import print_table

    print_table(rows(25))
