"""The dry run: an answer that is decided on and reported, and changed in nothing."""

from __future__ import annotations

from labeler.answer import Answer, Step
from labeler.body import Work
from labeler.headers import RawHeaders
from labeler.response import Start


class ObservedAnswer(Answer):
    """What comes leaves as it came (`mode: observe`); the account says what would have been done."""

    @property
    def over(self) -> bool:
        return False

    @property
    def stopped(self) -> bool:
        return False

    @property
    def started(self) -> bool:
        return True

    @property
    def changes(self) -> bool:
        return False

    def begin(self, status: int, headers: RawHeaders) -> Step:
        super().begin(status, headers)
        return Start(status, headers), b""

    def feed(self, data: bytes) -> Step:
        super().feed(data)
        return self._watched(data)

    def close(self, *, clean: bool = True) -> Step:
        super().close(clean=clean)
        return self._watched(b"")

    def finish(self, data: bytes) -> Step:
        super().finish(data)
        return self._watched(data)

    def settle(self, work: Work) -> Step:
        super().settle(work)
        return self._watched(b"")

    def _watched(self, data: bytes) -> Step:
        self.broken = False
        return None, data
