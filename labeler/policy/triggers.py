"""Which policies a request can fall under at all, told from what was found in it: most fall under none.

A first look that may name one too many and never one too few; the policy's own condition decides.
"""

from __future__ import annotations

from collections.abc import Iterable

from labeler.policy.condition import Condition
from labeler.policy.match import Facts
from labeler.policy.patterns import Test, name_glob, route_glob

_PAIRS = 1024
_KEPT = 512  # characters of a route and a model together that are remembered


class Triggers:
    """The conditions of several policies, by what makes them worth a look. Safe to share."""

    def __init__(self, conditions: Iterable[tuple[Condition, Iterable[int]]]) -> None:
        """Each policy's condition with the numbers of its expressions, in order."""
        self._always: frozenset[int] = frozenset()
        self._headers: dict[str, set[int]] = {}
        self._topics: dict[str, set[int]] = {}
        self._patterns: dict[int, int] = {}
        self._routes: list[tuple[Test, int]] = []
        self._models: list[tuple[Test, int]] = []
        self._named: dict[tuple[str, str], frozenset[int]] = {}
        for at, (condition, numbers) in enumerate(conditions):
            self._patterns |= dict.fromkeys(numbers, at)
            if _negates(condition):
                self._always |= {at}
            for leaf in condition.leaves():
                self._add(at, leaf)

    def reached(self, facts: Facts) -> list[int]:
        """The policies that are worth a look, in order."""
        headers, route, model = facts.exchange.headers, facts.exchange.route, facts.exchange.model
        found = self._by_name(route, model)
        for name, policies in self._headers.items():
            if name in headers:
                found |= policies
        if facts.messages:
            for topic in facts.topics():
                found |= self._topics.get(topic, _NONE)
            if patterns := facts.patterns_found():
                found |= {self._patterns[number] for number in patterns}
        return sorted(found)

    def _add(self, at: int, leaf: Condition) -> None:
        if leaf.route is not None:
            self._routes.append((route_glob(leaf.route), at))
        elif leaf.model is not None:
            self._models.append((name_glob(leaf.model), at))
        elif leaf.header is not None:
            self._headers.setdefault(leaf.header.name.lower(), set()).add(at)
        elif leaf.topic is not None:
            self._topics.setdefault(leaf.topic, set()).add(at)
        elif leaf.pattern is None and leaf.answer is None:
            self._always |= {at}

    def _by_name(self, route: str, model: str) -> frozenset[int]:
        """Those that are always worth a look, and the policies one of whose globs fits; remembered for each
        pair."""
        known = self._named.get((route, model))
        if known is None:
            known = self._always | frozenset(at for test, at in self._routes if test(route))
            known |= frozenset(at for test, at in self._models if test(model))
            if len(self._named) < _PAIRS and len(route) + len(model) <= _KEPT:
                self._named[route, model] = known
        return known


_NONE: frozenset[int] = frozenset()


def _negates(condition: Condition) -> bool:
    """Whether something holds where nothing is found."""
    inside = (*(condition.any or ()), *(condition.all or ()))
    return condition.not_ is not None or any(map(_negates, inside))
