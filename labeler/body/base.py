"""What every body is: bytes in, labelled bytes out, and an account of what was done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from labeler.body.pictures import Draw, Pictures, Work, spelled
from labeler.body.splice import Ledgered
from labeler.dialects.base import Dialect, Part, Unknown
from labeler.errors import ContentError, LabelerError
from labeler.labels.plan import Plan
from labeler.labels.reading import Reader, Reading
from labeler.values import OnFailure, SlotOutcome, Structured

UPSTREAM_ERROR = "the upstream reported an error"
BROKEN_OFF = "broken off before its end"
"""By the upstream or the app, or because the client left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bytes are kept at most: a whole body, one event of a stream, one JSON answer."""

    response: int = 64 << 20
    record: int = 64 << 20
    answer: int = 8 << 20


class Job(NamedTuple):
    """What one body has to do.

    `mute` says why no text may be inserted. `sidecar` is the `aigc` object (JSON) that can stand
    beside the choices, b"" for none; `beside`: it always does, else only where the text turns out
    to be JSON and `structured` says `field`. `number` is the content number of the response. `draw`
    labels pictures; `reads` is how the answers are read, None where nobody reads.
    """

    dialect: Dialect
    plan: Plan
    on_failure: OnFailure = "block"
    mute: str = ""
    sidecar: bytes = b""
    beside: bool = False
    structured: Structured = "header"
    number: str = ""
    limits: Limits = Limits()
    draw: Draw | None = None
    reads: Reading | None = None

    def reader(self) -> Reader | None:
        """The reader of one more answer."""
        return self.reads.new() if self.reads is not None else None

    @property
    def stops(self) -> bool:
        """Whether a guard may stop an answer."""
        return self.reads is not None and self.reads.stops


class Stopped(LabelerError):
    """A guard stops an answer; raised and caught within a body."""


class Body(ABC):
    """Feed it the (content-decoded) bytes of one response; send what it gives.

    Pictures come out as work: take it from `pictures` after each call, run it, and hand each one back
    to `settle`, in any order. What stands behind a picture waits for it, also behind `close`.

    `failure` says why labelling failed, "" where it did not. `broken` is true where the transfer
    must be broken off after the bytes that were given last: the policy's word is `block`. `degraded`:
    labelling failed after the label had been given. `reason` says why a body has no answers at all.
    """

    kind: Literal["json", "events", "text", "picture"]
    _unseen = False  # a picture came that nobody here can read

    def __init__(self, job: Job) -> None:
        self.job = job
        self.output = Ledgered()
        self.pictures = Pictures(job.draw)
        self.notes: list[str] = []
        self.reason = ""
        self.failure = ""
        self.broken = False
        self.degraded = False
        self.stopped = False
        """A guard has ended the response: what still comes is not wanted."""

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Take the next bytes."""

    def passes(self, data: Any) -> bool:
        """Take the next bytes if they leave at once and as they came; else, and where they are no `bytes`,
        nothing happens."""
        return False

    @abstractmethod
    def close(self, *, clean: bool = True) -> bytes:
        """End the body; `clean` is false where the upstream broke off."""

    def settle(self, work: Work) -> bytes:
        """Take a picture back; what can leave now."""
        reason = self.pictures.settle(work)
        if reason and self.job.on_failure == "block":
            self.pictures.abandon(reason)
            return self.withheld(reason)
        return b"" if self.pictures.busy else self.settled()

    def settled(self) -> bytes:
        """Every picture so far is back: what waited for them."""
        return b""

    def withheld(self, reason: str) -> bytes:
        """A picture cannot be labelled, and the policy's word is `block`."""
        self.failure, self.broken = reason, True
        return b""

    @abstractmethod
    def slots(self) -> tuple[SlotOutcome, ...]:
        """What became of each answer, in order."""

    def _pass(self, data: bytes) -> bytes:
        """Let bytes go as they came, unless the transfer is to be broken off."""
        if self.broken or self.stopped:
            return b""
        self.output.passed(len(data))
        return data

    def muted(self) -> tuple[SlotOutcome, ...]:
        """The one answer that a muted job has: labelled beside its text, or not at all."""
        said = self.job.plan.aside if self.job.plan.silent else ()
        return (SlotOutcome(0, self.job.number, "applied" if said else "skipped", self.job.mute, said),)

    def known(self, parts: Iterable[Part]) -> list[Part]:
        """The parts of a document. Raises ContentError for one that its dialect cannot read, unless it is
        a text and none are labelled here."""
        found = list(parts)
        for part in found:
            if type(part) is Unknown and (not self.job.mute or (part.picture and self.pictures.wanted)):
                self._unseen = part.picture
                msg = f"unknown shape: {spelled(part.path)} {part.what}"
                raise ContentError(msg)
        return found

    def json_answer(self) -> bytes:
        """What to put beside an answer whose text is JSON; ContentError where the policy forbids it."""
        if self.job.structured == "block":
            msg = "the answer is JSON, and the policy says `structured: block`"
            raise ContentError(msg)
        return self.job.sidecar if self.job.structured == "field" else b""

    def number(self, index: int, count: int) -> str:
        """The content number of one answer: `<number>-<i>` where a response has several."""
        return f"{self.job.number}-{index}" if count > 1 else self.job.number
