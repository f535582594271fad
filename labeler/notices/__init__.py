"""Tell a house's own systems about events, never in an answer's way.

A notice is handed over in the request and sent by a background thread, at least once where the webhook
is there: one that took a notice but did not say so in time gets it again (`Labeler-Event` and
`Labeler-Delivery` together name it). Notices may overtake each other. They live in memory: one that
cannot be delivered before the process ends is lost, and the log says how many.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Mapping
from random import uniform
from time import monotonic
from weakref import WeakSet

from labeler.deadline import shown
from labeler.errors import PolicyError, Problem
from labeler.notices.notice import Event, Notice
from labeler.notices.post import Failure, Post
from labeler.notices.queue import Queue
from labeler.notices.schedule import Delivery

__all__ = ["Event", "Notice", "Notifier"]

log = logging.getLogger("labeler")

_BACK_OFF = 0.5
"""Seconds before the second try; twice as many before each further one, give or take a quarter."""

_DOUBLINGS = 7
"""How often that doubles at most: to about a minute."""

_LONGEST_WAIT = 60.0
"""Seconds that a server's Retry-After is respected for."""

_AT_EXIT = 2.0
"""Seconds that the interpreter's end waits for the notices of all notifiers together."""


class Notifier:
    """Sends notices to webhooks from one background thread.

    `queue` is how many notices may wait, those that are tried again included; `retries` how often one
    is tried again after a connection error or a status of 408, 425, 429 or 5xx. `timeout` is in seconds
    for one try with all its steps. With a `secret` the notices are signed.

    The thread starts with the first notice. A process that is forked begins with an empty queue: what
    waits belongs to its parent. Raises PolicyError for numbers that make no sense.
    """

    def __init__(
        self, *, queue: int = 1000, retries: int = 5, timeout: float = 5.0, secret: str = ""
    ) -> None:
        for field, value, least in (
            ("queue", queue, 1),
            ("retries", retries, 0),
            ("timeout", timeout, 0.001),
        ):
            if not value >= least:
                raise PolicyError(Problem("notices", 0, 0, field, f"{value} is less than {least}"))
        self._room, self._retries = queue, retries
        self._post = Post(timeout, secret)
        self._queue = Queue(queue)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        _LIVE.add(self)

    def send(self, url: str, notice: Notice) -> bool:
        """Hand a notice over; False where it is dropped: the queue is full, or this notifier is closed.

        Never blocks and never raises; what becomes of the notice is in the log and in `counts`.
        """
        taken = self._running() and self._queue.put(Delivery(url, notice))
        if not taken:
            self._queue.dropped.add()
        return taken

    def drain(self, timeout: float = 5.0) -> None:
        """Let what waits leave, and go on; blocks for `timeout` seconds at most, and no longer than there is
        something that can still be sent by then."""
        self._queue.drain(timeout)

    def close(self, timeout: float = 5.0) -> int:
        """Take no more notices and send those that wait; returns how many were lost (the log says it too).

        Blocks for `timeout` seconds at most, and no longer than there is something that can still be
        sent by then: a notice that is to be tried again later than that is lost at once.
        """
        end = monotonic() + timeout
        lost = self._queue.close(timeout)
        if self._thread is not None:
            self._thread.join(max(0.0, end - monotonic()))
        if lost:
            log.warning("notices lost: %d that could not be sent within %g s", lost, timeout)
        return lost

    @property
    def counts(self) -> Mapping[str, int]:
        """How many notices are `queued` now, and how many of this process were `sent`, `failed` (refused,
        or tried often enough) and `dropped` (no room, or lost at the end)."""
        return self._queue.counts

    def _running(self) -> bool:
        """Start the thread where it is not there; False where it cannot be, or is not wanted any more."""
        with self._starting:
            if self._thread is None and not self._queue.closed:
                thread = threading.Thread(target=self._run, name="labeler-notices", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the process has too many, or the interpreter ends
                    return False
                self._thread = thread
            return self._thread is not None

    def _run(self) -> None:
        while (delivery := self._queue.take()) is not None:
            began = monotonic()
            try:
                failure = self._post.deliver(delivery.url, delivery.notice)
            except Exception as error:  # the thread outlives what nobody foresaw
                log.exception("a notice broke the notifier")
                failure = Failure(f"it broke the notifier ({type(error).__name__})", again=False)
            self._settle(delivery, failure, monotonic() - began)

    def _settle(self, delivery: Delivery, failure: Failure | None, took: float) -> None:
        """Note what became of a try."""
        delivery.tries += 1
        if failure is None:
            self._queue.tried(delivery, took, sent=True, again=None)
            return
        again = failure.again and delivery.tries <= self._retries
        pause = _pause(delivery, failure) if again else None
        if self._queue.tried(delivery, took, sent=False, again=pause) and not again:
            log.warning(
                "the notice %s (%s) did not reach %s (tries: %d): %s",
                delivery.notice.number,
                delivery.notice.event,
                shown(delivery.url),
                delivery.tries,
                failure.reason,
            )

    def _begin_anew(self) -> None:
        """A forked process has the locks of its parent, in whatever state, but not its threads."""
        closed = self._queue.closed
        self._queue = Queue(self._room)
        self._thread = None
        self._starting = threading.Lock()
        if closed:
            self._queue.close(0)


def _pause(delivery: Delivery, failure: Failure) -> float:
    """Seconds until a delivery is tried again."""
    back_off = _BACK_OFF * 2.0 ** min(delivery.tries - 1, _DOUBLINGS) * uniform(0.75, 1.25)
    return max(back_off, min(failure.wait, _LONGEST_WAIT))


_LIVE: WeakSet[Notifier] = WeakSet()


def _after_fork() -> None:
    for notifier in list(_LIVE):
        notifier._begin_anew()


def _drain() -> None:
    end = monotonic() + _AT_EXIT
    for notifier in list(_LIVE):
        notifier.close(max(0.0, end - monotonic()))


atexit.register(_drain)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
