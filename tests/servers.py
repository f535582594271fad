"""Real servers on the loopback for the tests: an ASGI app under uvicorn, or a raw byte server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def serve(app: Any, **options: Any) -> Iterator[str]:
    """Run an ASGI app in a thread and yield its base URL, without a slash at the end.

    `options` go to `uvicorn.Config`. Leaving the block shuts the server down, lifespan included.
    """
    defaults: dict[str, Any] = {"log_config": None, "access_log": False, "ws": "none"}
    config = uvicorn.Config(app, **(defaults | {"timeout_graceful_shutdown": 2} | options))
    server = _Prompt(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        server.settled.wait(10)
        if not server.started:
            raise RuntimeError("the server did not start; its log says why")  # noqa: EM101
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)
    if thread.is_alive():
        raise RuntimeError("the server did not stop within 10 s")  # noqa: EM101


class _Prompt(uvicorn.Server):
    """A server that says when it has started and ends soon after it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(0.01)


@contextmanager
def serve_raw(talk: Talk) -> Iterator[str]:
    """Run a raw asyncio server in a thread and yield its base URL: for answers that break HTTP's rules.

    `talk` is called for each connection; the connection is closed when it returns.
    """
    loop = asyncio.new_event_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass  # the other side left first, as some tests want
        finally:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
