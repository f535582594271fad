"""The decision: what is known about a request in, what has to be said out. Pure, and made once."""

from __future__ import annotations

from collections.abc import Iterable

from labeler.errors import PolicyError, Problem
from labeler.policy.assemble import reminder
from labeler.policy.language import language_of
from labeler.policy.match import Facts
from labeler.policy.policies import PolicySet
from labeler.policy.topics.scan import Found
from labeler.values import Because, Exchange, Stamp, Verdict


def decide(policies: PolicySet, exchange: Exchange) -> Verdict:
    """What has to be said in the answer to a request, and because of what.

    The default policy always applies, and so do the operator's scenarios for the model and those
    that the exchange assumes. `named` scenarios replace what the request's route, headers and words
    would tell. Of each of the user's messages that count, the first and last 10,000 characters are
    read. Raises PolicyError where a named or assumed scenario does not exist.
    """
    language = _language(policies, exchange)
    if exchange.human:
        human = (Because("", "human: the app says that a person wrote the answer"),)
        return Verdict((), (), human, policies.revision, language, on_failure="pass")
    because = reasons(policies, exchange)
    scenarios = policies.ordered({one.scenario for one in because})
    base = policies.assembled(scenarios, language)
    if len(because) == 1 and not exchange.due:
        return base
    return Verdict(
        base.scenarios,
        (*base.stamps, *_due(policies, exchange, base)) if exchange.due else base.stamps,
        because,
        base.revision,
        base.language,
        base.on_failure,
        base.structured,
        base.end_only_streams,
        base.picture,
    )


def _due(policies: PolicySet, exchange: Exchange, base: Verdict) -> Iterable[Stamp]:
    """The reminders that are due, of the policies that apply."""
    for name in base.scenarios:
        if name in exchange.due:
            policy, default = policies._policies[name], policies.settings.language
            yield from reminder(policy, base.language, default, exchange.due[name])


def reasons(policies: PolicySet, exchange: Exchange) -> tuple[Because, ...]:
    """Why which scenarios apply to a request, the default first; `decide` without what is then said."""
    because = [policies._default]
    if policies._models or exchange.assumed or exchange.named:
        because += _told(policies, exchange)
    if exchange.named is None:
        because += _detected(policies, exchange)
    return tuple(because)


def _language(policies: PolicySet, exchange: Exchange) -> str:
    return exchange.language or language_of(exchange.messages, policies.settings.language)


def _told(policies: PolicySet, exchange: Exchange) -> list[Because]:
    """What the app and the operator say about the request."""
    because = [
        Because(name, f"models: {glob}", (exchange.model,))
        for glob, test, scenarios in policies._models
        if test(exchange.model)
        for name in scenarios
    ]
    for name in exchange.assumed:
        _known(policies, name, "Exchange.assumed")
        because.append(Because(name, "routes: scenarios of the route, or for a request that was not read"))
    for name in exchange.named or ():
        _known(policies, name, 'scenarios of the call, or of scope["labeler"]')
        because.append(Because(name, "named by the app or the call"))
    return because


def _known(policies: PolicySet, name: str, origin: str) -> None:
    if name not in policies._policies:
        hint = f"known: {', '.join(policies._policies)}"
        raise PolicyError(
            Problem(origin, 0, 0, "scenarios", f"there is no scenario '{str(name)[:64]}'", hint)
        )


def _detected(policies: PolicySet, exchange: Exchange) -> list[Because]:
    facts = facts_of(policies, exchange, None)
    found: list[Because] = []
    for at in policies._triggers.reached(facts):
        name, match = policies._matches[at]
        found += [Because(name, rule, words) for rule, words in match(facts) or ()]
    return found


def facts_of(policies: PolicySet, exchange: Exchange, answer: Found | None) -> Facts:
    """What the conditions look at."""
    settings = policies.settings
    count = exchange.batch or settings.messages
    messages = () if exchange.unread else exchange.messages[-count:]
    return Facts(exchange, messages, policies._engine, policies._patterns, settings.decay, answer)
