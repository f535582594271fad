"""Servers of the demo's own: an ASGI app under uvicorn on a free port of the loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from labeler.errors import LabelerError

_PATIENCE = 10.0
"""Seconds that a server gets to start."""


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Run an ASGI app in a thread; gives its base URL, without a slash at the end."""
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _await(server, thread)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_PATIENCE)


def _await(server: uvicorn.Server, thread: threading.Thread) -> None:
    end = time.monotonic() + _PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end:
            message = "a server of the demo did not start; the lines above say why"
            raise LabelerError(message)
        time.sleep(0.01)
