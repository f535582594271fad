"""What an ASGI scope says: the request's headers, the app's wishes, and ways past the labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from starlette.types import Scope

from labeler.errors import PolicyError, Problem

BYPASSES = ("http.response.pathsend", "http.response.zerocopysend")
"""Extensions by which an app could send a file that nobody labels."""

_SHORTCUTS = frozenset({b"range", b"if-range", b"if-none-match", b"if-modified-since", b"accept-encoding"})
"""By which a client could have a part of the answer, an old copy, or one that cannot be read, and so no
label."""


def without_shortcuts(scope: Scope, *, observe: bool) -> Scope:
    """A copy of the scope with room for the app's wishes, in which neither the app can send files past
    us nor the client ask for an answer that cannot be labelled."""
    copy = {**scope, "labeler": scope.get("labeler", {})}
    if not observe:
        copy["headers"] = [pair for pair in scope["headers"] if pair[0] not in _SHORTCUTS]
    extensions = scope.get("extensions")
    if extensions:
        copy["extensions"] = {name: value for name, value in extensions.items() if name not in BYPASSES}
    return copy


def joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Request headers by name in lower case; the values of a repeated one with commas (RFC 9110, 5.2), of
    `Cookie`, which HTTP/2 splits, with semicolons (RFC 9113, 8.2.3)."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    several: dict[str, list[str]] = {}
    for name, value in pairs:
        several.setdefault(name, []).append(value)
    return {name: ("; " if name == "cookie" else ", ").join(values) for name, values in several.items()}


class Wishes(NamedTuple):
    """What the app says about its answer: the scenarios (None: it does not say), whether a person wrote it,
    whose request it is, and which session it belongs to."""

    scenarios: tuple[str, ...] | None = None
    human: bool = False
    tenant: str = ""
    session: str = ""


def wishes(said: Any) -> Wishes:
    """What the app set as `scope["labeler"]`. PolicyError if it is wrong."""
    if not said:
        return _NONE
    if not isinstance(said, Mapping) or not said.keys() <= set(Wishes._fields):
        problem = "it is none of {'scenarios': [...]}, {'human': True}, {'tenant': '...'}, {'session': '...'}"
        raise _wrong(problem)
    scenarios, human = said.get("scenarios"), said.get("human", False)
    if isinstance(scenarios, str):
        scenarios = [scenarios]
    sound = scenarios is None or (
        isinstance(scenarios, list | tuple) and all(isinstance(one, str) for one in scenarios)
    )
    named = said.get("tenant", ""), said.get("session", "")
    if not isinstance(human, bool) or not sound or not all(isinstance(one, str) for one in named):
        problem = "scenarios is a list of policy ids, human is true or false, tenant and session are text"
        raise _wrong(problem)
    return Wishes(None if scenarios is None else tuple(scenarios), human, *named)


_NONE = Wishes()


def _wrong(problem: str) -> PolicyError:
    return PolicyError(Problem('scope["labeler"]', 0, 0, "", problem, "set it in the app"))
