"""Whom the house is told about: users who ask for a person, and answers that are held for review."""

from __future__ import annotations

import time
from collections.abc import Iterator

from labeler.config import Service
from labeler.notices import Event, Notice, Notifier
from labeler.policy import PolicySet
from labeler.policy.guard import any_of
from labeler.policy.patterns import well_formed
from labeler.policy.topics import fold
from labeler.values import Exchange, Outcome, SlotOutcome

QUESTION = 4000
"""Characters of the user's last message that a notice holds."""


class Telling:
    """Sends what happened to the webhooks of a service, never in an answer's way."""

    def __init__(self, service: Service) -> None:
        self._service = service
        said = service.notices
        self._handoffs = {
            one.id: (one.handoff.webhook, any_of(one.handoff.asks))
            for one in service.policies.policies
            if one.handoff is not None and one.handoff.webhook
        }
        self._review = said.review
        self._notifier = (
            Notifier(queue=said.queue, retries=said.retries, timeout=said.timeout, secret=said.secret)
            if self._handoffs or (self._review and _holds(service.policies))
            else None
        )

    @property
    def wanted(self) -> bool:
        """Whether there is anybody to be told."""
        return self._notifier is not None

    def __call__(self, exchange: Exchange, outcome: Outcome) -> None:
        """Tell about one response, at its end."""
        if self._notifier is None or outcome.observed:
            return
        for url, notice in self._notices(exchange, outcome):
            self._notifier.send(url, notice)

    def close(self) -> None:
        """Let what waits leave, for some seconds."""
        if self._notifier is not None:
            self._notifier.drain()

    def _notices(self, exchange: Exchange, outcome: Outcome) -> Iterator[tuple[str, Notice]]:
        scenarios = outcome.verdict.scenarios if outcome.verdict else ()
        asked = fold(well_formed(exchange.messages[-1][:QUESTION])) if exchange.messages else ""
        for name in scenarios:
            url, asks = self._handoffs.get(name, ("", None))
            if asks is not None and asks(asked) is not None:
                yield url, self._notice("handoff", exchange, scenarios, name)
        if self._review is not None:
            for slot in outcome.slots:
                for notice in self._held(exchange, scenarios, slot):
                    yield self._review, notice

    def _held(self, exchange: Exchange, scenarios: tuple[str, ...], slot: SlotOutcome) -> Iterator[Notice]:
        for one in slot.guarded:
            if one.action == "hold":
                yield self._notice("held", exchange, scenarios, one.policy, one.guard, one.text)

    def _notice(
        self,
        event: Event,
        exchange: Exchange,
        scenarios: tuple[str, ...],
        policy: str,
        guard: str = "",
        text: str = "",
    ) -> Notice:
        return Notice(
            event=event,
            number=exchange.number,
            time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            policy=policy,
            guard=guard,
            route=exchange.route,
            model=exchange.model,
            tenant=", ".join(exchange.tenants),
            scenarios=scenarios,
            question=exchange.messages[-1][:QUESTION] if exchange.messages else "",
            text=text,
        )


def _holds(policies: PolicySet) -> bool:
    return any(guard.action == "hold" for one in policies.policies for guard in one.guards.values())
