"""Connections within a deadline that look-up, connection and answer share; nothing of them can wait for longer."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - getaddrinfo needs it, and a fork in the midst of its import breaks it
import io
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from labeler.errors import ContentError

Addresses = Sequence[tuple[Any, ...]]
"""What `socket.getaddrinfo` tells."""


_SHOWN = 200  # characters of a URL that a message shows


class Clock:
    """A deadline that all steps of one try share."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def left(self) -> float:
        """The seconds until the deadline; raises TimeoutError when it has passed."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def looked_up(name: str, port: int, clock: Clock) -> Addresses:
    """The addresses of a host, asked once. In a thread of its own, since the system's look-up knows no
    deadline."""
    found: Future[Addresses] = Future()

    def look_up() -> None:
        try:
            found.set_result(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - `result` raises it where it is dealt with
            found.set_exception(error)

    try:
        Thread(target=look_up, name="labeler-look-up", daemon=True).start()
    except RuntimeError:  # none can be started any more: the interpreter ends and waits for nobody long
        look_up()
    return found.result(clock.left())


def first(addresses: Addresses, clock: Clock) -> socket.socket:
    """A connection to the first address that takes one; each gets its share of the time left."""
    failure = OSError()
    for tried, (family, kind, protocol, _, where) in enumerate(addresses):
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # a kind of address that this machine does not speak
            failure = error
            continue
        try:
            connection.settimeout(clock.left() / (len(addresses) - tried))
            connection.connect(where)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


class Wire(io.RawIOBase):
    """What `HTTPResponse` reads from instead of a socket: no longer than the deadline and no more than
    `most` bytes, whatever the server makes http.client ask for."""

    def __init__(self, connection: socket.socket, clock: Clock, most: float = float("inf")) -> None:
        self._connection, self._clock, self._left = connection, clock, most

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `HTTPResponse` asks a socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """As of a raw stream."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As of a raw stream; raises ContentError where there is too much."""
        self._connection.settimeout(self._clock.left())
        count = self._connection.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            msg = "its server sends far more than it should"
            raise ContentError(msg)
        return count


def explained(error: Exception, seconds: float) -> str:
    """What went wrong, for people, where the deadline was so many seconds."""
    match error:
        case TimeoutError():
            return f"it took longer than {seconds:g} s"
        case ssl.SSLCertVerificationError():
            return f"its server's certificate is refused ({error.verify_message})"
        case socket.gaierror():
            return "its host cannot be looked up"
        case OSError():
            return f"the connection failed ({error.strerror or type(error).__name__})"
    return f"its server breaks the rules of HTTP/1.1 ({type(error).__name__})"


def shown(url: str) -> str:
    """A URL as a message may show it: without user name, password and query, which often are secrets."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where what stands behind the colon is no port but a password
        if not parts.netloc and "@" in url:
            return "a broken URL"
    except ValueError:
        return "a broken URL"
    plain = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return "".join(c if c.isprintable() else "?" for c in plain[:_SHOWN])
