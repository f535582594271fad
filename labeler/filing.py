"""The filing notice: which filed or registered models the service uses, in words and as a header."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from labeler.config import Service
from labeler.labels.header import display_string

Filed = Callable[[str], "bytes | None"]
"""The value of `Labeler-Filing` for a model's name, None where none is known."""


def filed(service: Service) -> Filed | None:
    """What tells the filing of a request's model; None where the service names no filing."""
    if not service.filing:
        return None

    @lru_cache(maxsize=256)
    def value(model: str) -> bytes | None:
        found = [one for one in service.filing if one.covers(model)]
        return ", ".join(display_string(one.words) for one in found).encode("ascii") if found else None

    return value


def disclosure(service: Service) -> dict[str, Any]:
    """What `/.well-known/aigc-disclosure` tells: provider, filings with the words for a page, policies."""
    provider, policies = service.provider, service.policies
    return {
        "provider": {"name": provider.name, "code": provider.producer or None} if provider else None,
        "models": [
            {"title": one.title, "number": one.number, "kind": one.kind, "notice": one.words}
            for one in service.filing
        ],
        "policies": [
            {"id": one.id, "version": one.version, "title": one.title, "jurisdiction": one.jurisdiction}
            for one in policies.policies
        ],
        "revision": policies.revision,
        "mode": service.mode,
    }
