"""What is said in one answer, sorted by where it is said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from labeler.values import Stamp, Verdict

GAP = "\n\n"
"""A label stands on a line of its own, an empty line between it and the answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The stamps of one answer: before it, after it, and beside it (headers, sidecar field)."""

    opening: tuple[Stamp, ...] = ()
    closing: tuple[Stamp, ...] = ()
    aside: tuple[Stamp, ...] = ()

    @property
    def silent(self) -> bool:
        """True where nothing goes into the text itself."""
        return not (self.opening or self.closing)


def plan(verdict: Verdict, *, stream: bool) -> Plan:
    """Sort a verdict's stamps; in a stream an end-only explicit label is said at the start too,
    because a cut stream would leave unlabelled, unless the policy says `streams: end-only`."""
    return _plan(verdict.stamps, stream and not verdict.end_only_streams)


@lru_cache(maxsize=1024)
def _plan(stamps: tuple[Stamp, ...], start_too: bool) -> Plan:
    opened = any(stamp.explicit and stamp.place in ("start", "both") for stamp in stamps)
    early = start_too and not opened
    return Plan(
        opening=tuple(
            stamp
            for stamp in stamps
            if stamp.place in ("start", "both") or (early and stamp.explicit and stamp.place == "end")
        ),
        closing=tuple(stamp for stamp in stamps if stamp.place in ("end", "both")),
        aside=tuple(stamp for stamp in stamps if stamp.place == "interface"),
    )
