"""Sessions: since when somebody has been talking to a service without a break, and what is due because of it.

Services that keep people company tell them at the start that they talk to an AI and not to a person, and
again at every further two hours of continuous use (人工智能拟人化互动服务管理暂行办法, Art. 18). A session's
state is three times: its last request, its start or last reminder, and its start. It is kept in this process
(`labeler.sessions.memory`) or in Redis (`labeler.sessions.redis`), where replicas share it and it outlives
them.
"""

from __future__ import annotations

import math

from labeler.errors import PolicyError, Problem
from labeler.sessions.base import Due, Sessions
from labeler.sessions.memory import MemorySessions

__all__ = ["Due", "Sessions", "sessions"]

_REDIS = ("redis://", "rediss://", "unix://")


def sessions(
    store: str,
    idle: float,
    *,
    prefix: str = "labeler:",
    limit: int = 100_000,
    timeout: float = 0.25,
) -> Sessions:
    """The sessions in a store: `memory`, or the URL of a Redis server (redis://, rediss://, unix://).

    `idle` is the longest gap between two requests of one session, in seconds. `limit` bounds the sessions
    kept in memory. Keys in Redis begin with `prefix`, and no answer takes longer than `timeout` seconds
    there. Nothing is connected before the first request. Raises PolicyError for any other store, a URL
    that cannot be used, and a number that is not positive; MissingExtra where redis is not installed.
    """
    for field, value in (("idle", idle), ("limit", limit), ("timeout", timeout)):
        if not 0 < value < math.inf:
            raise PolicyError(Problem("sessions", 0, 0, field, f"{value} is not a positive number"))
    if store == "memory":
        return MemorySessions(idle, limit)
    if store.startswith(_REDIS):
        from labeler.sessions.redis import RedisSessions  # an extra: only who names a server needs it

        return RedisSessions(store, idle, prefix, timeout)
    wrong, hint = "neither `memory` nor the URL of a Redis server", "redis://, rediss:// or unix://"
    raise PolicyError(Problem("sessions", 0, 0, "store", wrong, hint))
