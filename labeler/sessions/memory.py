"""Sessions in this process: for a service of one process that may forget them when it ends."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import NamedTuple

from labeler.sessions.base import Due, digest_of


class _State(NamedTuple):
    last: float  # the last request
    since: float  # the session's start or its last reminder
    began: float


class MemorySessions:
    """Keeps the `limit` sessions that were used last."""

    def __init__(self, idle: float, limit: int) -> None:
        self._idle, self._limit = idle, limit
        self._states: OrderedDict[bytes, _State] = OrderedDict()
        self._lock = threading.Lock()

    async def touch(self, session: str, every: float, now: float) -> Due:
        """A request of a session arrives at `now`; a reminder is due after each `every` seconds."""
        key = digest_of(session)
        with self._lock:
            due, state = _touched(self._states.get(key), self._idle, every, now)
            self._states[key] = state
            self._states.move_to_end(key)
            if len(self._states) > self._limit:
                self._states.popitem(last=False)
        return due

    async def owe(self, session: str, *, first: bool) -> None:
        """What was due in a session could not be said: it is due again with its next request."""
        key = digest_of(session)
        with self._lock:
            state = self._states.pop(key, None)
            if state is not None and not first:
                self._states[key] = state._replace(since=-math.inf)

    async def close(self) -> None:
        """Nothing is open."""


def _touched(state: _State | None, idle: float, every: float, now: float) -> tuple[Due, _State]:
    """What is due, and the state from now on; `labeler.sessions.redis` says the same in Lua.

    A clock that is behind the others moves `since` and `began` back, so that the session never seems shorter
    than it is, and leaves `last` where it was, unless the difference is one that `idle` cannot explain.
    """
    if state is None or now - state.last > idle:
        return Due(reminder=False, first=True), _State(now, now, now)
    since, began = min(state.since, now), min(state.began, now)
    last = state.last if 0 <= state.last - now <= idle else now
    if now - since < every:
        return Due(reminder=False, first=False), _State(last, since, began)
    spans = math.floor((now - began) / every)
    return Due(reminder=True, first=False, spans=spans), _State(last, now, began)
