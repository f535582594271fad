"""What an answer itself adds to the verdict on its request, and who reads it."""

from __future__ import annotations

from dataclasses import replace

from labeler.labels.reading import Reading
from labeler.policy.decide import facts_of
from labeler.policy.policies import PolicySet
from labeler.policy.reader import AnswerReader
from labeler.policy.topics.scan import Found
from labeler.values import Because, Exchange, Stamp, Verdict


def reading(policies: PolicySet, verdict: Verdict, exchange: Exchange) -> Reading | None:
    """Who reads the answers to a request; None where no policy asks anything of them."""
    if exchange.human:
        return None
    rules = policies.guards(verdict.scenarios)
    scanned = policies._answers is not None and exchange.named is None
    if not rules.all and not scanned:
        return None
    languages = (verdict.language, policies.settings.language)

    def added(found: Found) -> tuple[tuple[Stamp, ...], tuple[Because, ...]]:
        whole = extend(policies, verdict, exchange, found)
        return whole.stamps[len(verdict.stamps) :], whole.because[len(verdict.because) :]

    def new() -> AnswerReader:
        return AnswerReader(rules, policies.scanner() if scanned else None, added, languages, exchange.number)

    def idle(text: str) -> bool:
        return not rules.worth_a_look(text) and (not scanned or policies.idle(text))

    return Reading(new, rules.stops, idle)


def extend(policies: PolicySet, verdict: Verdict, exchange: Exchange, found: Found) -> Verdict:
    """The verdict on a request, with what its answer adds: `found` is what `PolicySet.scanner` found.

    Scenarios whose policy matches because of an `answer` condition are added, and of their labels the
    disclaimers that stand at the end; all else stays. Nothing is added to what a person wrote, nor to
    scenarios that were named.
    """
    if not found or exchange.human or exchange.named is not None:
        return verdict
    facts = facts_of(policies, exchange, found)
    because = tuple(
        Because(name, rule, words)
        for name, match in policies._answering
        if name not in verdict.scenarios
        for rule, words in match(facts) or ()
    )
    if not because:
        return verdict
    reached = {*verdict.scenarios, *(one.scenario for one in because)}
    scenarios = tuple(name for name in policies._policies if name in reached)
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
