"""What an answer itself adds to the verdict on its request, and who reads it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from labeler.policy.decide import facts_of
from labeler.policy.policies import PolicySet
from labeler.policy.reader import AnswerReader, Rules
from labeler.policy.topics.scan import Found
from labeler.values import Because, Exchange, Stamp, Verdict


class AnswerReading:
    """How the answers to one request are read."""

    __slots__ = ("_exchange", "_policies", "_rules", "_scanned", "_verdict", "stops")

    def __init__(
        self, policies: PolicySet, verdict: Verdict, exchange: Exchange, rules: Rules, *, scanned: bool
    ) -> None:
        self._policies, self._verdict, self._exchange = policies, verdict, exchange
        self._rules, self._scanned = rules, scanned
        self.stops = rules.stops

    def new(self) -> AnswerReader:
        """The reader of one more answer."""
        policies = self._policies
        scanner = policies.scanner() if self._scanned else None
        languages = (self._verdict.language, policies.settings.language)
        return AnswerReader(self._rules, scanner, self._added, languages, self._exchange.number)

    def idle(self, text: str) -> bool:
        """Whether it is certain at a glance that a reader would find nothing in a complete text."""
        return not self._rules.worth_a_look(text) and (not self._scanned or self._policies.idle(text))

    def _added(self, found: Found) -> tuple[tuple[Stamp, ...], tuple[Because, ...]]:
        before = self._verdict
        whole = extend(self._policies, before, self._exchange, found)
        return whole.stamps[len(before.stamps) :], whole.because[len(before.because) :]


def reading(policies: PolicySet, verdict: Verdict, exchange: Exchange) -> AnswerReading | None:
    """Who reads the answers to a request; None where no policy asks anything of them."""
    if exchange.human:
        return None
    rules = policies.guards(verdict.scenarios)
    scanned = policies._answers is not None and exchange.named is None
    if not rules.all and not scanned:
        return None
    return AnswerReading(policies, verdict, exchange, rules, scanned=scanned)


def added(
    policies: PolicySet, exchange: Exchange, found: Found, known: Container[str]
) -> tuple[Because, ...]:
    """Why which scenarios apply besides those that are `known` from the request, because of its answer."""
    if not found or exchange.human or exchange.named is not None:
        return ()
    facts = facts_of(policies, exchange, found)
    return tuple(
        Because(name, rule, words)
        for name, match in policies._answering
        if name not in known
        for rule, words in match(facts) or ()
    )


def extend(policies: PolicySet, verdict: Verdict, exchange: Exchange, found: Found) -> Verdict:
    """The verdict on a request, with what its answer adds: `found` is what `PolicySet.scanner` found.

    Scenarios whose policy matches because of an `answer` condition are added, and of their labels the
    disclaimers that stand at the end; all else stays. Nothing is added to what a person wrote, nor to
    scenarios that were named.
    """
    because = added(policies, exchange, found, verdict.scenarios)
    if not because:
        return verdict
    reached = {*verdict.scenarios, *(one.scenario for one in because)}
    scenarios = policies.ordered(reached)
    said = {(stamp.kind, stamp.words) for stamp in verdict.stamps}
    stamps = tuple(
        replace(stamp, place="end")
        for stamp in policies.assembled(scenarios, verdict.language).stamps
        if stamp.kind == "disclaimer" and stamp.place in ("end", "both")
        if (stamp.kind, stamp.words) not in said
    )
    return replace(
        verdict,
        scenarios=scenarios,
        stamps=(*verdict.stamps, *stamps),
        because=(*verdict.because, *because),
    )
