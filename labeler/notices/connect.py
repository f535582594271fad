"""A connection to a webhook, directly or through the environment's proxy, within one deadline.

The timeouts of sockets hold for each step: a host with many addresses, a resolver that is away, or a
server that sends a byte now and then would keep the thread for much longer.
"""

from __future__ import annotations

import socket
import ssl
import string
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from ipaddress import IPv6Address, ip_address
from typing import NoReturn, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import idna

from labeler.deadline import Clock, Wire, first, looked_up
from labeler.errors import ContentError

_PORTS = {"https": 443, "http": 80}


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
    connection = first(looked_up(last.host, last.port, clock), clock)
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
    wire = cast(socket.socket, Wire(connection, clock))
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


def _tunnel(connection: socket.socket, to: Address, through: Address, clock: Clock) -> None:
    fields = {"Host": to.authority}
    if through.credentials:
        fields["Proxy-Authorization"] = through.credentials
    with exchange(connection, f"CONNECT {to.authority}", fields, b"", clock) as response:
        if not 200 <= response.status < 300:
            raise ConnectionError(0, f"the proxy answers with status {response.status}")
