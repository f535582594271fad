"""What every body is: bytes in, labelled bytes out, and an account of what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labeler.body.splice import Ledgered
from labeler.dialects.base import Dialect
from labeler.labels.plan import Plan
from labeler.values import OnFailure, SlotOutcome


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes are kept at most: a whole body, one event of a stream, one JSON answer."""

    response: int = 64 << 20
    record: int = 64 << 20
    answer: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """What one body has to do.

    `mute` says why no text may be inserted. `sidecar` is the `aigc` object (JSON) that is put
    beside the choices, b"" for none. `number` is the content number of the response.
    """

    dialect: Dialect
    plan: Plan
    on_failure: OnFailure = "block"
    mute: str = ""
    sidecar: bytes = b""
    number: str = ""
    limits: Limits = Limits()


class Body:
    """Feed it the (content-decoded) bytes of one response; send what it gives.

    `failure` says why labelling failed, "" where it did not. `broken` is true where the transfer
    must be broken off after the bytes that were given last: the policy's word is `block`.
    """

    kind: Literal["json", "events", "text"]

    def __init__(self, job: Job) -> None:
        self.job = job
        self.output = Ledgered()
        self.notes: list[str] = []
        self.failure = ""
        self.broken = False

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes."""
        raise NotImplementedError

    def close(self, *, clean: bool = True) -> bytes:
        """End the body; `clean` is false where the upstream broke off."""
        raise NotImplementedError

    def slots(self) -> tuple[SlotOutcome, ...]:
        """What became of each answer, in order."""
        raise NotImplementedError

    def number(self, index: int, count: int) -> str:
        """The content number of one answer: `<number>-<i>` where a response has several."""
        return f"{self.job.number}-{index}" if count > 1 else self.job.number
