"""What the stores of sessions have in common: the question, its answer, and the name of a session."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple, Protocol


class Due(NamedTuple):
    """What is due in one session."""

    reminder: bool
    """The session has gone on for another `every` since its start or the last reminder."""
    first: bool
    """The session begins with this request."""
    note: str = ""
    """Why a reminder is given without knowledge: `sessions: redis away: <kind of error>`."""
    spans: int = 0
    """How often `every` fits into the session so far, of a reminder that is given because it was counted."""


class Sessions(Protocol):
    """The sessions of one service, to be used by any number of event loops and threads at once.

    Use is continuous while no gap between two requests is longer than `idle`; after a longer one a new
    session begins. A reminder that is due is given to one request and no other. Times are seconds of the
    wall clock. The clocks of replicas may differ and go backwards: that moves a reminder by as much as
    they differ, and never further.
    """

    async def touch(self, session: str, every: float, now: float) -> Due:
        """A request of a session arrives at `now`; a reminder is due after each `every` seconds."""

    async def owe(self, session: str, *, first: bool) -> None:
        """What was due in a session could not be said: it is due again with its next request. `first`: that
        was its beginning."""

    async def close(self) -> None:
        """Close what the running event loop has open."""


def digest_of(session: str) -> bytes:
    """SHA-256 of a session's id, which may name a person and be of any length: stores keep this instead."""
    return sha256(session.encode("utf-8", "surrogatepass")).digest()
