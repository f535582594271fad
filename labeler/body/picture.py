"""A body that is one picture."""

from __future__ import annotations

from labeler.body.base import BROKEN_OFF, Body, Job
from labeler.body.pictures import Given
from labeler.body.splice import Piece
from labeler.values import SlotOutcome


class PictureBody(Body):
    """Keeps the picture to its end, labels it, and gives it whole."""

    kind = "picture"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._kept: list[bytes] = []
        self._size = 0
        self._piece = Piece(b"")

    def feed(self, data: bytes) -> bytes:
        if self.failure:
            return self._pass(data)
        self._size += len(data)
        self._kept.append(data)
        if self._size > self.job.limits.response:
            return self._fail(
                f"the picture is longer than {self.job.limits.response} bytes (limits.response)"
            )
        return b""

    def close(self, *, clean: bool = True) -> bytes:
        if self.failure:
            return b""
        if not clean:
            return self._fail(BROKEN_OFF)
        data = b"".join(self._kept)
        if not data:
            self.reason = "no body"
            return b""
        self._piece = Piece(data)
        self.pictures.add(Given("raw", data, alone=True), lambda new: self._piece.add(0, new, removed=data))
        return b""

    def settled(self) -> bytes:
        return self.output.write([self._piece])

    def slots(self) -> tuple[SlotOutcome, ...]:
        return ()

    def _fail(self, reason: str) -> bytes:
        self.failure = reason
        self.broken = self.job.on_failure == "block"
        kept, self._kept = b"".join(self._kept), []
        return self._pass(kept)
