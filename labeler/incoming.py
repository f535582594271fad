"""A request on its way to the app: read as far as it counts for the labels, then handed on."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope

from labeler.claims import Claim
from labeler.engine import Labeler
from labeler.headers import with_length
from labeler.request import unread
from labeler.scope import Wishes, joined, without_shortcuts
from labeler.values import Exchange

_LARGE = 1 << 20
"""Bytes of a request whose reading would keep others waiting: 1 MiB of short turns takes 60 ms."""
_SMALL = 1 << 16
"""Bytes of a piece of a request: smaller ones are put together, so that not each byte costs a message."""
_NOT_READ = unread("not read")


class Incoming:
    """Reads a request's body, up to the limit; the app gets what was read, without our own marks."""

    def __init__(self, labeler: Labeler, claim: Claim, scope: Scope, receive: Receive) -> None:
        self._labeler, self._claim, self._receive = labeler, claim, receive
        self.scope = without_shortcuts(scope, observe=labeler.service.mode == "observe")
        self._replay: list[Message] = []
        self._headers: dict[str, str] = {}
        self.request = _NOT_READ

    async def read(self) -> None:
        """Read it; do so once, before the app is called."""
        limit = self._labeler.service.limits.request
        message = await self._receive()
        body = message.get("body", b"")
        size = len(body)
        self._replay = [message]
        if message.get("more_body"):
            message, size = await self._pieces(body, limit)
        headers = self._headers = joined(self.scope["headers"])
        if message["type"] != "http.request" or size > limit:
            self.request = unread(f"longer than {limit} bytes" if size > limit else "the client left")
            return
        if size > len(body) or type(body) is not bytes:
            body = b"".join([message.get("body", b"") for message in self._replay])
        ask, query = self._labeler.request, self.scope.get("query_string", b"")
        if size > _LARGE:
            read = await asyncio.to_thread(ask, self._claim, headers, body, query)
        else:
            read = ask(self._claim, headers, body, query)
        self.request = read
        if read.body is not body:
            self._replay = [{"type": "http.request", "body": read.body, "more_body": False}]
            self.scope["headers"] = with_length(self.scope["headers"], len(read.body))

    async def _pieces(self, first: bytes, limit: int) -> tuple[Message, int]:
        """Read the rest of a body that comes in pieces, the small ones of which are put together; the last
        message, and the size."""
        kept: list[bytes | bytearray] = [first]
        size = len(first)
        message: Message = {"type": "http.request", "more_body": True}
        while message.get("more_body") and size <= limit:
            message = await self._receive()
            if message["type"] != "http.request":
                break
            piece = message.get("body", b"")
            size += len(piece)
            if len(kept[-1]) >= _SMALL:
                kept.append(piece)
            else:
                if type(kept[-1]) is not bytearray:
                    kept[-1] = bytearray(kept[-1])
                kept[-1] += piece
        self._replay = [{"type": "http.request", "body": bytes(one), "more_body": True} for one in kept]
        if message["type"] == "http.request":
            self._replay[-1]["more_body"] = message.get("more_body", False)
        else:
            self._replay.append(message)
        return message, size

    async def next(self) -> Message:
        """What the app receives."""
        return self._replay.pop(0) if self._replay else await self._receive()

    def exchange(self, wished: Wishes) -> Exchange:
        """What is known once the response begins."""
        claim, request = self._claim, self.request
        return Exchange(
            route=claim.path,
            method=self.scope["method"],
            headers=self._headers,
            model=request.asked.model,
            messages=request.asked.messages,
            named=wished.scenarios,
            assumed=claim.scenarios + claim.unread if request.unread else claim.scenarios,
            human=wished.human,
            unread=request.unread,
            number=self._labeler.number(),
            fields=request.fields,
            batch=request.asked.batch,
            tenants=(wished.tenant,) if wished.tenant else self._labeler.tenants(self._headers),
        )
