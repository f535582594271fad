"""Who waits for an answer of the gateway: what it sends, and whether it is still there."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from starlette.types import Receive

_PATIENCE = 0.02
"""Seconds after which somebody looks whether the client is still there: most JSON answers are through
by then and spare the task."""

_AT_ONCE = 256 * 1024
"""Bytes of a request body that are handed over in one piece; more goes in portions, with backpressure."""


class Client:
    """The client's side of one exchange: its body, then the news that it has left.

    Made by the task that runs the exchange; that task is cancelled when the client goes.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._exchange = asyncio.current_task(self._loop)
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._held = memoryview(b"")
        self._more = True
        self._gone = False

    async def body(self) -> bytes | Client | None:
        """The body: none, whole, or this object as an async iterator over its pieces."""
        first = await self._piece()
        if not self._more and len(first) <= _AT_ONCE:
            self._timer = self._loop.call_later(_PATIENCE, self.watch)
            return first or None
        self._held = memoryview(first)
        return self

    def __aiter__(self) -> Client:
        return self

    async def __anext__(self) -> memoryview:
        while not self._held:
            if not self._more:
                self.watch()
                raise StopAsyncIteration
            self._held = memoryview(await self._piece())
        piece, self._held = self._held[:_AT_ONCE], self._held[_AT_ONCE:]
        return piece

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            await self._leave()
        self._more = message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    def watch(self) -> None:
        """Look from now on whether the client leaves; its body is read to the end."""
        if self._watcher is None:
            self._watcher = self._loop.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            await asyncio.sleep(_PATIENCE)  # some middlewares repeat the end of the body without waiting
        await self._leave()

    async def _leave(self) -> NoReturn:
        """End the exchange; never returns: whoever waits here is cancelled with it."""
        self._gone = True
        if self._exchange is not None:
            self._exchange.cancel()
        await self._loop.create_future()
        raise AssertionError

    def has_left(self) -> bool:
        """Whether a cancellation of the exchange was the client's leaving, and nothing else besides."""
        return self._gone and self._exchange is not None and self._exchange.uncancel() == 0

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
