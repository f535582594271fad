"""Which header fields a proxy hands on (RFC 9110, 7.6.1)."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_ANSWERED_HERE = frozenset((b"host", b"expect", b"accept-encoding"))


def end_to_end(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Drop the hop-by-hop fields and those that `Connection` names; names come out in lower case.

    Order and repeated fields (`Set-Cookie`) stay.
    """
    fields = [(name.lower(), value) for name, value in raw]
    kept = [field for field in fields if field[0] not in _HOP_BY_HOP]
    if len(kept) == len(fields):
        return kept
    options = b",".join(value for name, value in fields if name == b"connection").lower().split(b",")
    named = {option.strip() for option in options}
    return [field for field in kept if field[0] not in named]


def credentials(url: str) -> tuple[str, str]:
    """A URL without user name and password, and the `Authorization` that they stand for, "" for none."""
    scheme, netloc, *rest = urlsplit(url)
    userinfo, there, host = netloc.rpartition("@")
    if not there:
        return url, ""
    user, _, password = map(unquote_to_bytes, userinfo.partition(":"))
    basic = base64.b64encode(user + b":" + password).decode()
    return urlunsplit((scheme, host, *rest)), f"Basic {basic}"


def request_headers(raw: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """The fields that go upstream, as text.

    `Host` is left to the client library, `Expect` was answered by the server in front, and the answer
    is asked for uncompressed, because it is going to be read. A body that came in chunks has no length,
    whatever a `Content-Length` beside it says (RFC 9112, 6.3).

    Raises UnicodeDecodeError (a ValueError) for a value that is not UTF-8: the client library writes
    UTF-8 only, and a mangled value would be worse than none.
    """
    raw = list(raw)
    chunked = any(name == b"transfer-encoding" for name, _ in raw)  # ASGI has names in lower case
    dropped = _ANSWERED_HERE | {b"content-length"} if chunked else _ANSWERED_HERE
    kept = [(name.decode(), value.decode()) for name, value in end_to_end(raw) if name not in dropped]
    return [("accept-encoding", "identity"), *kept]


def response_headers(raw: Iterable[tuple[bytes, bytes]], status: int) -> Headers:
    """The fields that go back to the client.

    A 204 or 304 has no body, so a length beside it (RFC 9110, 8.6 lets a 304 tell that of the 200)
    would have servers wait for one.
    """
    kept = end_to_end(raw)
    if status in (204, 304):
        return [field for field in kept if field[0] != b"content-length"]
    return kept
