"""The notices that wait in one process, shared by those who hand them over and the thread that sends them."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Condition
from time import monotonic

from labeler.notices.dropped import Dropped
from labeler.notices.schedule import Delivery, Schedule


class Queue:
    """Holds up to `room` deliveries, the one that is being tried and those to be tried again included."""

    def __init__(self, room: int) -> None:
        self.dropped = Dropped()
        self._room = room
        self._changed = Condition()
        self._schedule = Schedule()
        self._held = self._sent = self._failed = self._lost = 0
        self._busy = self._closed = False

    def put(self, delivery: Delivery) -> bool:
        """Let a delivery wait for its first try; False where there is no room, or no more is taken."""
        with self._changed:
            if self._closed or self._held >= self._room:
                return False
            self._held += 1
            self._schedule.put(delivery, monotonic())
            self._changed.notify_all()
            return True

    def take(self) -> Delivery | None:
        """Wait for the next delivery that is due; None when the queue has ended."""
        while True:
            self.dropped.tell()
            with self._changed:
                if self._closed and not self._held:
                    return None
                delivery = self._schedule.take(monotonic())
                if delivery is not None:
                    self._busy = True
                    return delivery
                pauses = (self._schedule.pause(monotonic()), self.dropped.pause())
                self._changed.wait(min((pause for pause in pauses if pause is not None), default=None))

    def tried(self, delivery: Delivery, took: float, *, sent: bool, again: float | None) -> bool:
        """Tell what became of a delivery that was taken: a try that took so many seconds sent it, or it
        is to be tried `again` in so many, or it failed. False where it was given up meanwhile."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            if not self._held:
                return False
            self._schedule.charge(delivery, took)
            if again is not None:
                self._schedule.put(delivery, monotonic() + again)
                return True
            self._held -= 1
            self._sent += sent
            self._failed += not sent
            return True

    def drain(self, timeout: float) -> None:
        """Wait until all is sent, for `timeout` seconds at most, and not for what is due later than that."""
        end = monotonic() + timeout
        with self._changed:
            while self._hopeful(left := end - monotonic()):
                self._changed.wait(left)

    def close(self, timeout: float) -> int:
        """Take no more, drain, and give the rest up; returns how many these were."""
        with self._changed:
            self._closed = True
        self.drain(timeout)
        with self._changed:
            lost, self._held = self._held, 0
            self._lost += lost
            self._schedule = Schedule()
            self._changed.notify_all()
        self.dropped.tell(finally_=True)
        return lost

    @property
    def closed(self) -> bool:
        """Whether no more is taken."""
        return self._closed

    @property
    def counts(self) -> Mapping[str, int]:
        """What `Notifier.counts` tells."""
        with self._changed:
            return {
                "queued": self._held,
                "sent": self._sent,
                "failed": self._failed,
                "dropped": self.dropped.total + self._lost,
            }

    def _hopeful(self, left: float) -> bool:
        """Whether something is under way, or due within so many seconds."""
        pause = self._schedule.pause(monotonic())
        return left > 0 and (self._busy or (pause is not None and pause <= left))
