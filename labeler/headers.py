"""Response headers as raw lists: what has to go, change or come when a body is labelled."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

RawHeaders = list[tuple[bytes, bytes]]

_STALE = frozenset(
    {
        b"content-length",
        b"content-encoding",
        b"content-md5",
        b"content-digest",
        b"repr-digest",
        b"digest",
        b"etag",
        b"accept-ranges",
        b"signature",
        b"signature-input",
    }
)
"""A changed body is a changed representation (RFC 9110, 8.8; RFC 9530): these go together."""

_CODED = b"transfer-encoding"
"""Never beside a length (RFC 9112, 6.2)."""
_ORIGIN = b"access-control-allow-origin"
_EXPOSE = b"access-control-expose-headers"
_CREDENTIALS = b"access-control-allow-credentials"


def relabelled(
    headers: RawHeaders,
    added: RawHeaders,
    *,
    changed: bool = False,
    length: int | None = None,
    cors: bool = False,
) -> RawHeaders:
    """The headers of a labelled response. `changed`: its body is not the upstream's any more, and
    has `length` bytes, or a length that nobody knows yet. Our own names replace what the upstream
    sent under them, and are exposed to scripts where CORS is in use (`cors`: the request came with an
    origin, so a middleware further out may see to it)."""
    own = [name for name, _ in added]
    away = _gone(tuple(own), changed=changed, whole=length is not None)
    kept = [pair for pair in headers if pair[0].lower() not in away]
    cors = cors or any(pair[0].lower() == _ORIGIN for pair in kept)
    if changed and length is not None:
        kept.append((b"content-length", b"%d" % length))
    if cors and own:
        kept = _exposed(kept, own)
    return kept + added


@lru_cache(maxsize=64)
def _gone(own: tuple[bytes, ...], *, changed: bool, whole: bool) -> frozenset[bytes]:
    """The names that go: our own, and of a changed body what speaks of the one before."""
    return frozenset(own) | (_STALE if changed else set()) | ({_CODED} if whole else set())


def with_length(headers: Iterable[tuple[bytes, bytes]], length: int) -> RawHeaders:
    """A request's headers for a body of `length` bytes."""
    kept = [(name, value) for name, value in headers if name.lower() not in (b"content-length", _CODED)]
    return [*kept, (b"content-length", b"%d" % length)]


def blocked(headers: RawHeaders, length: int) -> RawHeaders:
    """The headers of the error that stands for a withheld response; CORS stays, so that a page's
    script can read it."""
    kept = [(name, value) for name, value in headers if name.lower().startswith(b"access-control-")]
    return [
        *kept,
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),
        (b"x-should-retry", b"false"),
    ]


def _exposed(headers: RawHeaders, own: list[bytes]) -> RawHeaders:
    """With our names among the exposed ones; beside credentials a `*` exposes nothing (Fetch, 4.10)."""
    ours = b", ".join(own)
    said = {name.lower() for name, _ in headers}
    if _EXPOSE not in said:
        return [*headers, (_EXPOSE, ours)]
    all_ = b"" if _CREDENTIALS in said else b"*"
    return [
        (name, value + b", " + ours if name.lower() == _EXPOSE and value.strip() != all_ else value)
        for name, value in headers
    ]
