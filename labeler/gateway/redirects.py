"""Redirects of an upstream: one to itself has to lead through the gateway, or the next answer leaves
unlabelled."""

from __future__ import annotations

import re
from collections.abc import Callable

from yarl import URL

from labeler.gateway.headers import Headers

STATUSES = frozenset((201, 301, 302, 303, 307, 308))
"""Those beside which `Location` has a meaning (RFC 9110, 10.2.2)."""

_ENDS = re.compile("[?#]")
_HOST = "//", "/\\"
"""What begins a host, for browsers in either form (URL Standard, 4.4)."""


def led_back(headers: Headers, target: URL, base: str, leads: Callable[[str], bool]) -> tuple[Headers, str]:
    """The headers of an answer to a request for `target`, in which a `Location` below the upstream's
    `base` is a path at the gateway, if one `leads` there; and the place elsewhere to which it leads, ""
    for none."""
    found, away = list(headers), ""
    for at, (name, value) in enumerate(headers):
        location = value.decode("latin-1")
        if name != b"location" or not (link := _url(location)):
            continue
        path = _path(link, target, URL(base, encoded=True))
        if path and leads(_ENDS.split(path, maxsplit=1)[0]):
            found[at] = (name, path.encode("latin-1"))
        elif link.absolute:
            away = location
    return found, away


def _url(location: str) -> URL | None:
    """None where no client can follow it."""
    try:
        return URL(location, encoded=True)
    except ValueError:
        return None


def _path(link: URL, target: URL, base: URL) -> str:
    """A location as the path (query, fragment) below `base`; "" where it stands elsewhere, or where a
    client resolves it to the same place by itself."""
    prefix = base.raw_path.rstrip("/")
    if not link.absolute and not prefix:
        return ""
    to = target.join(link)
    rest = to.raw_path.removeprefix(prefix) or "/"
    below = to.raw_path.startswith(prefix) and rest[:1] == "/" and not rest.startswith(_HOST)
    if not below or to.host != base.host or not _same_port(to, base):
        return ""
    query, fragment = to.raw_query_string, to.raw_fragment
    return rest + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")


def _same_port(one: URL, other: URL) -> bool:
    """Whether two URLs of one host name the same port; a server behind TLS often calls itself `http:`."""
    return one.port == other.port or (one.is_default_port() and other.is_default_port())
