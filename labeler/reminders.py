"""Who is to be reminded that they talk to a machine, and when (拟人化互动服务管理暂行办法, Art. 18)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from typing import NamedTuple

from labeler.config import UNCOUNTED, Service
from labeler.framing.json_text import values_at
from labeler.policy import decide
from labeler.sessions import Sessions, sessions
from labeler.values import Exchange, Outcome, Stamp, Verdict

log = logging.getLogger("labeler")
NO_SESSION = "sessions: the request names none"


class Given(NamedTuple):
    """What is to be said in a session: its name in the store, whether it begins, and the words."""

    session: str
    first: bool
    stamps: tuple[Stamp, ...] = ()


class Reminded(NamedTuple):
    """An exchange, what is decided on it, notes for its outcome, and what the answer has to say for whom."""

    exchange: Exchange
    verdict: Verdict
    notes: tuple[str, ...] = ()
    given: tuple[Given, ...] = ()


class Reminders:
    """The sessions of one service. What is not known is given rather than missed."""

    def __init__(self, service: Service) -> None:
        said = service.sessions
        self._policies, self._named = service.policies, said
        self._remind = service.policies.reminding
        self._store: Sessions | None = sessions(said.store, said.idle) if self._remind else None
        self._warned = bool(said.named)

    def concern(self, verdict: Verdict) -> bool:
        """Whether any policy that applies reminds."""
        return not self._remind.keys().isdisjoint(verdict.scenarios)

    async def __call__(self, exchange: Exchange, verdict: Verdict, session: str = "") -> Reminded:
        """Add the reminders that are due to what was decided on an exchange. `session` is the app's word."""
        names = [name for name in verdict.scenarios if name in self._remind]
        if self._store is None or not names:
            return Reminded(exchange, verdict)
        session = json.dumps(session) if session else self._session(exchange)
        if not session:
            self._warn(names)
            return self._due(exchange, verdict, dict.fromkeys(names, 0), (NO_SESSION,))
        due: dict[str, int] = {}
        notes: dict[str, None] = {}
        given: dict[str, Given] = {}
        now = time.time()
        for name in names:
            remind = self._remind[name]
            key = f"{name}\n{session}"
            told = await self._store.touch(key, remind.every, now)
            if told.reminder or (told.first and remind.first):
                due[name] = told.spans
                if not told.note:  # else the store knows nothing of it
                    given[name] = Given(key, told.first)
            notes |= {told.note: None} if told.note else {}
        reminded = self._due(exchange, verdict, due, tuple(notes))
        more = reminded.verdict.stamps[len(verdict.stamps) :]
        return reminded._replace(
            given=tuple(
                one._replace(stamps=tuple(stamp for stamp in more if stamp.policy == name))
                for name, one in given.items()
            )
        )

    async def ended(self, given: Iterable[Given], outcome: Outcome) -> None:
        """What was due and an answer did not say (it was an error, a tool call, JSON, or broke off) the next
        one has to."""
        said = {stamp for slot in outcome.slots for stamp in slot.said}
        aside = outcome.state not in ("skipped", "failed")
        for session, first, stamps in given:
            told = all(aside if stamp.place == "interface" else stamp in said for stamp in stamps)
            if self._store is not None and not told:
                await self._store.owe(session, first=first)

    def _due(
        self, exchange: Exchange, verdict: Verdict, due: dict[str, int], notes: tuple[str, ...]
    ) -> Reminded:
        if not due:
            return Reminded(exchange, verdict, notes)
        exchange = exchange._replace(due=due)
        return Reminded(exchange, decide(self._policies, exchange), notes)

    def _warn(self, names: list[str]) -> None:
        if not self._warned:
            self._warned = True
            log.warning("%s reminds, but %s", ", ".join(names), UNCOUNTED)

    async def close(self) -> None:
        """Let the store go; call it in each event loop that has used it."""
        if self._store is not None:
            await self._store.close()

    def _session(self, exchange: Exchange) -> str:
        """What names the session, by tenant: two customers may number theirs alike."""
        said = self._named
        if said.header:
            found = exchange.headers.get(said.header.lower(), "")
        elif said.cookie:
            found = _cookie(exchange.headers.get("cookie", ""), said.cookie)
        else:
            found = next(values_at(exchange.fields, said.field.split(".")), "") if said.field else ""
        return json.dumps([*exchange.tenants, found]) if found else ""


def _cookie(header: str, name: str) -> str:
    """The first cookie of that name, whatever else a client sends: `http.cookies` drops all of them where one is
    written as no standard has it."""
    pairs = (part.partition("=") for part in header.split(";"))
    return next((value.strip().strip('"') for key, _, value in pairs if key.strip() == name), "")
