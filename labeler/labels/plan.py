"""What is said in one answer, sorted by where it is said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from labeler.values import Stamp, Verdict

GAP = "\n\n"
"""A label stands on a line of its own, an empty line between it and the answer."""


@dataclass(frozen=True)
class Plan:
    """The stamps of one answer: before it, after it, and beside it (headers, sidecar field)."""

    opening: tuple[Stamp, ...] = ()
    closing: tuple[Stamp, ...] = ()
    aside: tuple[Stamp, ...] = ()

    @cached_property
    def said(self) -> tuple[Stamp, ...]:
        """All that stands in the text, each once."""
        return tuple(dict.fromkeys(self.opening + self.closing))

    @cached_property
    def head(self) -> str:
        """What stands before an ordinary answer."""
        return "".join([stamp.words + GAP for stamp in self.opening])

    @cached_property
    def foot(self) -> str:
        """What stands behind an ordinary answer."""
        return "".join([GAP + stamp.words for stamp in self.closing])

    @cached_property
    def starts(self) -> frozenset[str]:
        """The characters with which the words before an answer begin."""
        return frozenset(stamp.words[:1] for stamp in self.opening)

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """The words with which the labels behind an answer end."""
        return tuple(stamp.words for stamp in self.closing)

    def with_more(self, stamps: tuple[Stamp, ...]) -> Plan:
        """This plan with more to be said after the answer; what is said there already stays single."""
        return Plan(self.opening, tuple(dict.fromkeys(self.closing + stamps)), self.aside) if stamps else self

    @property
    def silent(self) -> bool:
        """True where nothing goes into the text itself."""
        return not (self.opening or self.closing)


def plan(verdict: Verdict, *, stream: bool) -> Plan:
    """Sort a verdict's stamps; in a stream an end-only explicit label is said at the start too,
    because a cut stream would leave unlabelled, unless the policy says `streams: end-only`."""
    stamps, early = verdict.stamps, stream and not verdict.end_only_streams
    known = _plans.get((id(stamps), early))
    if known is not None and known[0] is stamps:
        return known[1]
    if len(_plans) >= _KEPT:
        _plans.clear()
    made = _sorted(stamps, early)
    _plans[id(stamps), early] = stamps, made
    return made


_KEPT = 1024
# By identity, because a verdict's stamps are assembled once for each set of scenarios and hashing
# their words costs more than sorting them. The entry keeps the tuple, so that its id stays its own.
_plans: dict[tuple[int, bool], tuple[tuple[Stamp, ...], Plan]] = {}


def _sorted(stamps: tuple[Stamp, ...], start_too: bool) -> Plan:
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
