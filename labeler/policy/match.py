"""The conditions of a policy, compiled once into functions over the facts of a request."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass

from labeler.framing.json_text import values_at
from labeler.policy.condition import Answer, Condition, Header, Member
from labeler.policy.patterns import compile_pattern, name_glob, route_glob, well_formed
from labeler.policy.topics import Engine
from labeler.policy.topics.scan import SEAM, Found, word_list
from labeler.values import Exchange

Evidence = tuple[str, tuple[str, ...]]
"""The field of the policy that matched, as in `match.any[0].topic`, and what it found."""

Match = Callable[["Facts"], "tuple[Evidence, ...] | None"]
"""The evidence that the condition holds, or None."""

_SHOWN = 64  # characters of a field that a reason quotes

READ = 20_000
"""Characters read of each message; of a longer one the first and the last half of these."""


@dataclass(slots=True)
class Facts:
    """What conditions look at. `messages` are the user's that count, oldest first; empty where nothing
    was read. `patterns` tells the numbers of the policies' expressions that a text has. `answer` is what
    was found in the answer; None while there is none."""

    exchange: Exchange
    messages: tuple[str, ...]
    engine: Engine
    patterns: Callable[[str], Collection[int]]
    decay: float = 1.0
    answer: Found | None = None
    _texts: list[str] | None = None
    _text: str | None = None
    _topics: Found | None = None
    _patterns: Collection[int] | None = None

    def texts(self) -> list[str]:
        """What is read of each message."""
        if self._texts is None:
            self._texts = [well_formed(_excerpt(message)) for message in self.messages]
        return self._texts

    def text(self) -> str:
        """The messages, a line feed between them, in Unicode NFKC."""
        if self._text is None:
            whole = "\n".join(self.texts())
            self._text = whole if whole.isascii() else unicodedata.normalize("NFKC", whole)
        return self._text

    def patterns_found(self) -> Collection[int]:
        """The numbers of the policies' expressions that the messages have."""
        if self._patterns is None:
            self._patterns = self.patterns(self.text())
        return self._patterns

    def topics(self) -> Found:
        """The topics of the messages, each message scored apart, and the words that speak for each."""
        if self._topics is None:
            self._topics = self.engine.find(*self.texts(), decay=self.decay)
        return self._topics


def _excerpt(message: str) -> str:
    half = READ // 2
    return message if len(message) <= READ else f"{message[:half]}{SEAM}{message[-half:]}"


def compile_match(
    condition: Condition, patterns: list[str], path: str = "match", *, adds: bool = True
) -> Match:
    """The function for a condition that was validated; its expressions join `patterns`. Not `adds`: where it
    holds, the policy does not apply."""
    for joined, inside, name in ((_any, condition.any, "any"), (_all, condition.all, "all")):
        if inside is not None:
            places = enumerate(inside)
            return joined(
                [compile_match(one, patterns, f"{path}.{name}[{i}]", adds=adds) for i, one in places]
            )
    if condition.not_ is not None:
        return _not(compile_match(condition.not_, patterns, f"{path}.not", adds=not adds), f"{path}.not")
    return _leaf(condition, patterns, path, adds=adds)


def _leaf(condition: Condition, patterns: list[str], path: str, *, adds: bool) -> Match:
    if condition.route is not None:
        test = route_glob(condition.route, exact=not adds)
        return _name(f"{path}.route", test, lambda facts: facts.exchange.route)
    if condition.model is not None:
        return _name(f"{path}.model", name_glob(condition.model), lambda facts: facts.exchange.model)
    if condition.header is not None:
        return _header(f"{path}.header", condition.header)
    if condition.field is not None:
        return _field(f"{path}.field", condition.field)
    if condition.tenant is not None:
        return _tenant(f"{path}.tenant", name_glob(condition.tenant))
    if condition.topic is not None:
        return _topic(f"{path}.topic", condition.topic)
    if condition.pattern is not None:
        patterns.append(condition.pattern)
        return _pattern(f"{path}.pattern", len(patterns) - 1, compile_pattern(condition.pattern))
    if condition.answer is not None:
        return _answer(f"{path}.answer", condition.answer)
    return lambda _: ((f"{path}.always", ()),)


def _any(matches: list[Match]) -> Match:
    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        for one in matches:
            if (evidence := one(facts)) is not None:
                return evidence
        return None

    return match


def _all(matches: list[Match]) -> Match:
    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        gathered: tuple[Evidence, ...] = ()
        for one in matches:
            if (evidence := one(facts)) is None:
                return None
            gathered += evidence
        return gathered

    return match


def _not(inside: Match, rule: str) -> Match:
    return lambda facts: ((rule, ()),) if inside(facts) is None else None


def _name(rule: str, test: Callable[[str], bool], get: Callable[[Facts], str]) -> Match:
    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        name = get(facts)
        return ((rule, (name,)),) if test(name) else None

    return match


def _header(rule: str, header: Header) -> Match:
    name = header.name.lower()
    glob = name_glob(header.value or "*")
    search = compile_pattern(header.pattern or "")

    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        whole = facts.exchange.headers.get(name)
        if whole is None:
            return None
        for value in (whole, *map(str.strip, whole.split(","))):  # a repeated header: any value counts
            if glob(value) and search(well_formed(value)) is not None:
                return ((rule, (f"{name}: {value}",)),)
        return None

    return match


def _field(rule: str, member: Member) -> Match:
    names = member.path.split(".")
    glob = name_glob(member.value or "*")
    search = compile_pattern(member.pattern or "")

    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        for value in values_at(facts.exchange.fields, names):
            if glob(value) and search(well_formed(value)) is not None:
                return ((rule, (f"{member.path}: {value[:_SHOWN]}",)),)
        return None

    return match


def _tenant(rule: str, glob: Callable[[str], bool]) -> Match:
    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        name = next(filter(glob, facts.exchange.tenants), None)
        return ((rule, (name,)),) if name is not None else None

    return match


def _topic(rule: str, topic: str) -> Match:
    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        words = facts.topics().get(topic) if facts.messages else None
        return ((rule, words),) if words else None

    return match


def _answer(rule: str, answer: Answer) -> Match:
    name = answer.topic or word_list(answer.words or ()).id

    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        words = facts.answer.get(name) if facts.answer else None
        return ((rule, words),) if words else None

    return match


def _pattern(rule: str, number: int, search: Callable[[str], str | None]) -> Match:
    def match(facts: Facts) -> tuple[Evidence, ...] | None:
        if not facts.messages or number not in facts.patterns_found():
            return None
        found = search(facts.text())
        return ((rule, (found,)),) if found is not None else None

    return match
