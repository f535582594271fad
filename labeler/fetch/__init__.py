"""Fetch a picture that an answer only points to, from nowhere but where the operator allows it.

The URL comes from a model, so it is hostile until shown otherwise (server-side request forgery): the
host must be on the operator's list, it is looked up once, all of its addresses are checked, and the
connection goes to one of exactly these, so that no second look-up can bring another (DNS rebinding).
A redirect is a new URL that is checked the same way. One deadline holds for everything together.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import NoReturn, cast

from labeler.deadline import Addresses, Clock, Wire, explained, first, looked_up, shown
from labeler.errors import ContentError, PolicyError, Problem
from labeler.fetch.addresses import refusal
from labeler.fetch.sites import Site, glob, site

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PIECE = 65536
_AROUND = 1 << 20  # bytes that headers and chunk sizes may take beside the content


@dataclass(frozen=True, slots=True)
class Fetching:
    """From where pictures may be fetched, and how much patience there is.

    `hosts` are globs over host names (`*` is any run of characters, dots too); one without a port at
    its end (`pictures.local:8080`, `[::1]:*`) stands for the scheme's own port. Nothing may be fetched
    where there are none. `limit` is in bytes, `timeout` in seconds for everything together. `private`
    lets addresses be reached that are not public, for an upstream in the house; link-local ones and
    those of the clouds' metadata services stay forbidden. `redirects` is how many are followed,
    `connections` how many pictures are fetched at the same time.

    Raises PolicyError for a glob that no host can fit.
    """

    hosts: tuple[str, ...] = ()
    limit: int = 32 << 20
    timeout: float = 20.0
    private: bool = False
    redirects: int = 3
    connections: int = 16

    def __post_init__(self) -> None:
        for pattern in self.hosts:
            try:
                glob(pattern)
            except ValueError:
                wrong = f"'{pattern}' is no host name"
                hint = "write for example *.example.com or pictures.local:8080, without https://"
                raise PolicyError(Problem("fetching", 0, 0, "hosts", wrong, hint)) from None


def fetch(url: str, rule: Fetching) -> bytes:
    """Return the bytes behind a URL as the server sent them; takes `rule.timeout` seconds at most.

    Raises ContentError, which says what forbids it or what went wrong. The message shows scheme,
    host and path of the URL, never its query, which often is a signature.
    """
    clock = Clock(rule.timeout)
    for _ in range(rule.redirects + 1):
        try:
            answer = _ask(site(url, rule.hosts), rule, clock)
        except (ContentError, OSError, HTTPException, ValueError) as error:
            why = str(error) if isinstance(error, ContentError) else explained(error, rule.timeout)
            raise _failed(url, why) from error
        if isinstance(answer, bytes):
            return answer
        url = answer
    raise _failed(url, f"it is behind more than {rule.redirects} redirects")


def allowed(url: str, rule: Fetching) -> Site:
    """Where a URL leads; raises ContentError, as `fetch` does, for one that the rule forbids to ask at all."""
    try:
        return site(url, rule.hosts)
    except ContentError as error:
        raise _failed(url, str(error)) from None


def _failed(url: str, reason: str) -> ContentError:
    return ContentError(f"{shown(url)} was not fetched: {reason}")


def _refuse(reason: str) -> NoReturn:
    raise ContentError(reason)  # `fetch` puts the URL before it


def _ask(where: Site, rule: Fetching, clock: Clock) -> bytes | str:
    """Ask one server: the bytes, or the URL to which they have moved."""
    with _connected(where, _looked_up(where, rule, clock), clock) as connection:
        connection.settimeout(clock.left())
        connection.sendall(_request(where))
        wire = cast(socket.socket, Wire(connection, clock, rule.limit + _AROUND))
        with HTTPResponse(wire, method="GET") as response:
            response.begin()
            location = response.getheader("Location")
            if response.status in _REDIRECTS and location:
                return where.joined(location)
            return _body(response, rule.limit)


def _looked_up(where: Site, rule: Fetching, clock: Clock) -> Addresses:
    """All that the host's name stands for, asked once; raises ContentError where one of it is forbidden."""
    addresses = looked_up(where.name, where.port, clock)
    for *_, (address, *_) in addresses:
        if wrong := refusal(address, private=rule.private):
            _refuse(f"{where.name} stands for {address}, {wrong}")
    return addresses


def _connected(where: Site, addresses: Addresses, clock: Clock) -> socket.socket:
    connection = first(addresses, clock)
    if where.scheme == "http":
        return connection
    with connection:  # until TLS takes the socket over
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        connection.settimeout(clock.left())
        return context.wrap_socket(connection, server_hostname=where.name)


def _request(where: Site) -> bytes:
    lines = (
        f"GET {where.target} HTTP/1.1",
        f"Host: {where.authority}",
        "User-Agent: aigc-labeler",
        "Accept: image/*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


def _body(response: HTTPResponse, limit: int) -> bytes:
    if response.status != 200:
        _refuse(f"its server answers with status {response.status}")
    for name, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
        if response.getheader(name, plain).strip().lower() != plain:
            _refuse(f"its server sends it in a {name} that was not asked for")
    content = bytearray()
    while (response.length or 0) + len(content) <= limit and (piece := response.read(_PIECE)):
        content += piece
    if (response.length or 0) + len(content) > limit:
        _refuse(f"it is larger than {limit} bytes")
    if response.length:
        _refuse(f"it ends {response.length} bytes early")
    return bytes(content)
