"""What reads an answer while it passes: it may add labels at the end, or stop the answer."""

from __future__ import annotations

from typing import Protocol

from labeler.values import Because, Guarded, Stamp


class Reader(Protocol):
    """Reads the visible text of one answer; makes one verdict of it, however it is cut.

    `stops` says whether it may stop the answer at all; `unread` how many characters at the end of the text
    so far nobody may see: before their sentence has been read to its end, or because it stops the answer.
    """

    stops: bool

    @property
    def unread(self) -> int: ...

    def feed(self, text: str) -> Guarded | None:
        """Take the next piece; what stops the answer here, or None."""
        ...

    def end(self) -> Guarded | None:
        """The text pauses or is complete; what stops the answer at its last sentence, or None. More may come."""
        ...

    @property
    def more(self) -> tuple[Stamp, ...]:
        """What is to be said at the end besides, once the text is complete."""
        ...

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """Every guard that found something."""
        ...

    @property
    def because(self) -> tuple[Because, ...]:
        """The scenarios that the answer itself added, and why."""
        ...


class Reading(Protocol):
    """How the answers of one response are read; `stops` says whether a guard may stop one."""

    stops: bool

    def new(self) -> Reader:
        """The reader of one more answer."""
        ...

    def idle(self, text: str) -> bool:
        """Whether it is certain at a glance that a reader would find nothing in a complete text."""
        ...


def told(reader: Reader | None) -> tuple[tuple[Because, ...], tuple[Guarded, ...]]:
    """What a reader found: the scenarios that the answer added, and what guards did."""
    return (reader.because, reader.guarded) if reader is not None else ((), ())
