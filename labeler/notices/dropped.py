"""Notices that found no room: each is counted, and the log hears of them once in a while."""

from __future__ import annotations

import logging
from threading import Lock
from time import monotonic

log = logging.getLogger("labeler")

_BETWEEN = 60.0
"""Seconds between two lines in the log."""


class Dropped:
    """Counts from any thread; `total` is how many there were so far."""

    def __init__(self) -> None:
        self.total = 0
        self._told = 0
        self._next = 0.0
        self._lock = Lock()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self.total += 1
        self.tell()

    def tell(self, *, finally_: bool = False) -> None:
        """Say how many there were since the last time, unless that was a moment ago; `finally_` in any case."""
        with self._lock:
            now = monotonic()
            if self.total == self._told or (now < self._next and not finally_):
                return
            number, self._told, self._next = self.total - self._told, self.total, now + _BETWEEN
        log.warning("notices dropped: %d, since too many wait already or the notifier is closed", number)

    def pause(self) -> float | None:
        """Seconds until something is to be told; None where there is nothing."""
        with self._lock:
            return None if self.total == self._told else max(0.0, self._next - monotonic())
