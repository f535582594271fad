"""A real Redis server for the tests: on a free port and a Unix socket, to be stopped, frozen and replaced."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

BINARY = shutil.which("redis-server")


class RedisServer:
    """A server whose data lie in `folder` and outlive a restart."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._socket = folder, folder / "redis.sock"
        self._processes: list[subprocess.Popen[str]] = []
        self._port = _free_port()

    @property
    def unix(self) -> str:
        """The URL of its Unix socket."""
        return f"unix://{self._socket}"

    @property
    def tcp(self) -> str:
        """The URL of its port on the loopback."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it; returns once it takes connections."""
        assert BINARY is not None
        options = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "unixsocket": str(self._socket),
            "dir": str(self._folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "no",
        }
        command = [BINARY, *(word for name, value in options.items() for word in (f"--{name}", value))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._processes.append(process)
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return
        raise RuntimeError("the server did not start: " + "".join(said))

    def stop(self) -> None:
        """Stop all that was started, whatever state it is in; the data stay."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.communicate(timeout=10)
        self._processes.clear()

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Let it keep its connections and answer nobody."""
        self._processes[-1].send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._processes[-1].send_signal(signal.SIGCONT)

    def replace(self) -> None:
        """Let an empty server take its socket over, while it keeps the connections that it has, frozen."""
        self.freeze()
        self._folder /= "next"
        self._folder.mkdir()
        self._port = _free_port()
        self.start()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running server; skips the test where Debian's package redis-server is not installed."""
    if BINARY is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="redis") as folder:  # a socket's path has to be short
        server = RedisServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def eventually(server: RedisServer, true: Callable[[redis.Redis], bool]) -> None:
    """Something is true of the server, or soon will be."""
    with redis.Redis.from_url(server.unix) as client:
        end = time.monotonic() + 10
        while not true(client):
            assert time.monotonic() < end
            time.sleep(0.01)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
