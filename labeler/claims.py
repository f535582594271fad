"""Who reads the responses of a path: what the operator's rules and the dialects say together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from labeler.config import Service
from labeler.dialects import DIALECTS, Dialect, claimed
from labeler.policy.patterns import plain_path

_FETCHED = ("GET", "POST", "HEAD")  # the answer to HEAD says nothing of the file as it was without labels
_METHODS = {"text": _FETCHED, "picture": _FETCHED}
_KEPT = 256  # characters of a path whose claim is remembered


@dataclass(frozen=True, slots=True)
class Claim:
    """What the operator's rules and the dialects say about a path: who reads it, which scenarios
    it adds, or why it is exempt. Without a dialect and a reason nobody claims it. `path` is without
    what servers take as nothing (`//`, `/./`, a slash or a line feed at the end). `assume_visible`: its
    pictures carry a visible label of the upstream's own. `rule` is the operator's glob that fits."""

    path: str = ""
    dialect: Dialect | None = None
    scenarios: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    exempt: str = ""
    assume_visible: bool = False
    rule: str = ""


class Claims:
    """The claims of one service. Safe to share between threads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._remembered = lru_cache(maxsize=4096)(self._find)

    def __call__(self, path: str, method: str) -> Claim:
        """Who reads the responses of a path, or why nobody does. Some servers hand on `post` as a method."""
        claim = self._remembered(path) if len(path) <= _KEPT else self._find(path)
        name = claim.dialect.name if claim.dialect and not claim.exempt else ""
        methods = _METHODS.get(name, ("POST",)) if name else (method,)
        if method not in methods and method.upper() not in methods:
            return Claim(claim.path)
        return claim

    def _find(self, path: str) -> Claim:
        # Many servers take `//`, `/.`, `;x` and a slash at the end as none, and some any case; a regular
        # expression's `$` (Starlette) stands before a last line feed too: the client must not choose a
        # spelling that nobody claims, nor one that is exempt.
        written, path = plain_path(path), plain_path(path.rstrip("\n"))
        rule = self._service.rule(path, written)
        dialect = claimed(path.lower())
        if rule is None:
            return Claim(path, dialect)
        if rule.dialect:
            dialect = DIALECTS[rule.dialect]
        said = (rule.scenarios, rule.unread, rule.exempt, rule.assume_visible, rule.path)
        return Claim(path, dialect, *said)
