"""A service's whole configuration as one immutable value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from labeler.config.model import Gateway, Headers, Limits, ModelRule, RouteRule, Tenant
from labeler.config.people import Filing, Notices, Sessions
from labeler.config.pictures import Pictures
from labeler.config.provider import Provider
from labeler.errors import Problem
from labeler.labels.security import Empty, Seal
from labeler.policy.patterns import Test, route_glob
from labeler.policy.policies import PolicySet

UNCOUNTED = (
    "nothing names a session, so nobody counts hours, and every answer reminds: give `sessions:` in labeler.yaml "
    "a header, cookie or field, unless the app names them"
)
_KEPT = 256  # results for paths up to this many characters are remembered


class Router:
    """Route rules, compiled; finds the first one that a path fits. Safe to share between threads."""

    def __init__(self, rules: Iterable[RouteRule]) -> None:
        self._tests = tuple(test for rule in rules for test in _tests(rule))
        self._remembered = lru_cache(maxsize=4096)(self._find)

    def __call__(self, path: str, written: str) -> RouteRule | None:
        """`written` is the path as the client wrote it, which alone can take labels away."""
        return self._remembered(path, written) if len(written) <= _KEPT else self._find(path, written)

    def _find(self, path: str, written: str) -> RouteRule | None:
        tests = self._tests
        return next((rule for test, exact, rule in tests if test(written if exact else path)), None)


def _tests(rule: RouteRule) -> Iterator[tuple[Test, bool, RouteRule]]:
    """What takes labels away holds for the very path that the operator wrote, all else in any case: a client
    chooses the spelling."""
    if rule.exempt or rule.assume_visible:
        yield route_glob(rule.path, exact=True), True, rule
    if not rule.exempt:
        yield route_glob(rule.path), False, rule.model_copy(update={"assume_visible": False})


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """What labeler.yaml, its policies and the environment say together."""

    policies: PolicySet
    provider: Provider | None = None
    seal: Seal = field(default_factory=Empty)
    """Seals the AIGC records of the provider, with its key."""
    models: tuple[ModelRule, ...] = ()
    default: str = "general"
    language: str = "zh"
    messages: int = 3
    mode: Literal["enforce", "observe"] = "enforce"
    unclaimed: Literal["pass", "block"] = "pass"
    headers: Headers = field(default_factory=Headers)
    limits: Limits = field(default_factory=Limits)
    pictures: Pictures = field(default_factory=Pictures)
    routes: tuple[RouteRule, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    sessions: Sessions = field(default_factory=Sessions)
    notices: Notices = field(default_factory=Notices)
    filing: tuple[Filing, ...] = ()
    gateway: Gateway = field(default_factory=Gateway)
    apart: frozenset[str] = frozenset()
    """Ids of the policies that `policies:` does not name by a word for many."""
    _router: Router = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_router", Router(self.routes))

    @property
    def warnings(self) -> Iterator[Problem]:
        """What is allowed, and more often forgotten than meant."""
        if self.mode == "observe":
            yield Problem("mode: observe", 0, 0, "", "nothing is labelled, only reported")
        for source in self.policies.sources:
            picture = source.policy.picture
            if picture and picture.record == "required" and not self.provider:
                message = "without a `provider:` in labeler.yaml every picture fails"
                yield source.document.problem(("picture", "record"), message)
            if source.policy.remind and not self.sessions.named and source.policy.id in self._meant:
                yield source.document.problem(("remind",), UNCOUNTED)

    @property
    def _meant(self) -> set[str]:
        """Ids of the policies that labeler.yaml names, wherever."""
        models = {name for rule in self.models for name in rule.scenarios}
        routes = {name for rule in self.routes for name in (*rule.scenarios, *rule.unread)}
        return {self.default, *self.apart, *models, *routes}

    def rule(self, path: str, written: str = "") -> RouteRule | None:
        """The first of the operator's rules that a path fits, or None. Rules that take labels away look at
        the path as it was `written`, where that is another one."""
        return self._router(path, written or path)
