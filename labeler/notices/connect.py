"""A connection to a webhook, directly or through the environment's proxy, within one deadline.

The timeouts of sockets hold for each step: a host with many addresses, a resolver that is away, or a
server that sends a byte now and then would keep the thread for much longer.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - getaddrinfo needs it, and a fork in the midst of its import breaks it
import io
import socket
import ssl
import string
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import HTTPResponse
from ipaddress import IPv6Address, ip_address
from threading import Thread
from time import monotonic
from typing import Any, NoReturn, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import idna

from labeler.errors import ContentError

_PORTS = {"https": 443, "http": 80}

_Found = Sequence[tuple[Any, ...]]
"""What `socket.getaddrinfo` tells."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart: `host` is ASCII and without brackets, `target` is path and query, `credentials`
    are those of the URL as the value of an Authorization field, "" for none."""

    scheme: str
    host: str
    port: int
    target: str
    credentials: str

    @property
    def authority(self) -> str:
        """Host and port, as CONNECT wants them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def site(self) -> str:
        """The host, and the port where it is not the scheme's own."""
        return self.authority.removesuffix(f":{_PORTS[self.scheme]}")


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


def address(url: str) -> Address:
    """Take an http or https URL apart; raises ContentError for any other, ValueError for a broken one."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or not url.isprintable() or " " in url:
        _refuse("its URL is no http or https URL")
    host = parts.hostname if parts.hostname.isascii() else idna.encode(parts.hostname, uts46=True).decode()
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=string.punctuation)
    return Address(parts.scheme, host, parts.port or _PORTS[parts.scheme], target, _credentials(parts))


def proxy(to: Address) -> Address | None:
    """The proxy that the environment names for an address, never one for the loopback.

    Reads `http_proxy`, `https_proxy` and `no_proxy` as urllib does. Raises ContentError where the proxy
    wants another protocol than plain HTTP, ValueError where its URL is broken.
    """
    named = getproxies().get(to.scheme)
    if not named or _loopback(to.host) or proxy_bypass(to.site):
        return None
    found = urlsplit(named if "://" in named else f"http://{named}")
    if found.scheme != "http" or not found.hostname:
        _refuse("the environment's proxy for it is no http:// URL")
    return Address("http", found.hostname, found.port or _PORTS["http"], "/", _credentials(found))


def connected(
    to: Address, through: Address | None, tls: Callable[[], ssl.SSLContext], clock: Clock
) -> socket.socket:
    """An open connection, with TLS where the address asks for it; raises OSError and HTTPException."""
    last = through or to
    connection = _first(_looked_up(last, clock), clock)
    if to.scheme == "http":
        return connection
    with connection:  # until TLS takes the socket over
        if through is not None:
            _tunnel(connection, to, through, clock)
        connection.settimeout(clock.left())
        return tls().wrap_socket(connection, server_hostname=to.host)


def exchange(
    connection: socket.socket, request: str, fields: Mapping[str, str], content: bytes, clock: Clock
) -> HTTPResponse:
    """Send a request and return what answers it, read up to the end of its headers.

    `request` is the method and its target. Raises OSError, HTTPException, and ContentError where a
    field cannot stand in a header.
    """
    lines = [f"{request} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if wrong := [line.partition(":")[0] for line in lines if not (line.isascii() and line.isprintable())]:
        _refuse(f"{wrong[0]} holds what no header can")
    connection.settimeout(clock.left())
    connection.sendall("\r\n".join((*lines, "", "")).encode("ascii") + content)
    wire = cast(socket.socket, _Wire(connection, clock))
    response = HTTPResponse(wire, method=request.partition(" ")[0])
    response.begin()
    return response


def _refuse(reason: str) -> NoReturn:
    raise ContentError(reason)  # the log puts the URL before it


def _credentials(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + b64encode(pair.encode()).decode("ascii")


def _loopback(host: str) -> bool:
    try:
        found = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    inner = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (inner or found).is_loopback


def _looked_up(to: Address, clock: Clock) -> _Found:
    """The addresses of a host. In a thread of its own, since the system's look-up knows no deadline."""
    found: Future[_Found] = Future()

    def look_up() -> None:
        try:
            found.set_result(socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - `result` raises it where it is dealt with
            found.set_exception(error)

    try:
        Thread(target=look_up, name="labeler-look-up", daemon=True).start()
    except RuntimeError:  # none can be started any more: the interpreter ends and waits for nobody long
        look_up()
    return found.result(clock.left())


def _first(addresses: _Found, clock: Clock) -> socket.socket:
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


def _tunnel(connection: socket.socket, to: Address, through: Address, clock: Clock) -> None:
    fields = {"Host": to.authority}
    if through.credentials:
        fields["Proxy-Authorization"] = through.credentials
    with exchange(connection, f"CONNECT {to.authority}", fields, b"", clock) as response:
        if not 200 <= response.status < 300:
            raise ConnectionError(0, f"the proxy answers with status {response.status}")


class _Wire(io.RawIOBase):
    """What `HTTPResponse` reads from instead of a socket: no longer than the deadline."""

    def __init__(self, connection: socket.socket, clock: Clock) -> None:
        self._connection, self._clock = connection, clock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._clock.left())
        return self._connection.recv_into(buffer)
