"""What the tests of fetching share: a picture, who serves it, and a resolver that they rule."""

from __future__ import annotations

import asyncio
import socket
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from labeler.errors import ContentError
from labeler.fetch import Fetching, fetch
from tests.servers import Talk, serve_raw

PICTURE = bytes(range(256)) * 400
HOUSE = Fetching(hosts=("127.0.0.1:*", "pictures.example:*"), private=True, timeout=5)


async def picture(request: Request) -> Response:
    return Response(PICTURE, media_type="image/png")


async def pieces(request: Request) -> Response:
    async def run() -> AsyncIterator[bytes]:
        for start in range(0, len(PICTURE), 1000):
            yield PICTURE[start : start + 1000]

    return StreamingResponse(run(), media_type="image/png")


async def moved(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"], int(request.query_params.get("status", "302")))


async def asked(request: Request) -> Response:
    """What was asked: the target as it came, and the headers."""
    lines = [request.scope["raw_path"].decode() + "?" + request.scope["query_string"].decode()]
    return PlainTextResponse(
        "\n".join([*lines, *(f"{name}: {value}" for name, value in request.headers.items())])
    )


APP = Starlette(
    routes=[
        Route("/a.png", picture),
        Route("/pieces", pieces),
        Route("/moved", moved),
        Route("/asked/{rest:path}", asked),
    ]
)


def says(*head: bytes, forever: bytes = b"", pause: float = 0.0) -> Talk:
    """A server that reads a request, writes these bytes and then, if told so, others without an end."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(head))
        while forever:
            writer.write(forever)
            await writer.drain()
            await asyncio.sleep(pause)
        await writer.drain()

    return talk


class Held:
    """A server of one picture that keeps everybody waiting until it is `released`; `asked` are the targets."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.asked: list[str] = []
        self.waiting = 0
        self.released = Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split()[1].decode())
        self.waiting += 1
        try:
            while not self.released.is_set():
                await asyncio.sleep(0.01)
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + self._content)
            await writer.drain()
        finally:
            self.waiting -= 1


@contextmanager
def holding(content: bytes) -> Iterator[tuple[str, Held]]:
    """Such a server and its URL; at the end everybody is served."""
    held = Held(content)
    with serve_raw(held) as base:
        try:
            yield base, held
        finally:
            held.released.set()
            while held.waiting:
                time.sleep(0.01)


def refused(url: str, rule: Fetching = HOUSE) -> str:
    """Why a URL is not fetched; nothing of its query may show in the error or its causes."""
    with pytest.raises(ContentError) as caught:
        fetch(url, rule)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    shown, _, reason = str(caught.value).partition(" was not fetched: ")
    assert len(shown) <= 200
    return reason


@contextmanager
def resolving(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, ...]) -> Iterator[list[str]]:
    """A resolver that gives these addresses for names under .example, the first answer first; yields what it is asked."""
    real, names = socket.getaddrinfo, []

    def look_up(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *rest, **options)
        names.append(host)
        answer = answers[min(len(names), len(answers)) - 1]
        return [found for text in answer for found in real(text, port, *rest, **options)]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield names
