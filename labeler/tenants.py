"""Whose request it is: by the API key that it comes with, of which only the hash is known here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from labeler.config import Service

_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")


class Tenants:
    """The tenants of one service. Safe to share between threads."""

    def __init__(self, service: Service) -> None:
        self._names = {key: one.name for one in service.tenants for key in one.keys}

    def __call__(self, headers: Mapping[str, str]) -> tuple[str, ...]:
        """The tenants whose keys a request has; which one the upstream reads, is not known here."""
        if not self._names:
            return ()
        hashes = [hashlib.sha256(key.encode("latin-1", "replace")).hexdigest() for key in _keys(headers)]
        return tuple(dict.fromkeys(self._names[one] for one in hashes if one in self._names))


def _keys(headers: Mapping[str, str]) -> Iterable[str]:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield token.strip()
    yield from (headers[name].strip() for name in _HEADERS if name in headers)
