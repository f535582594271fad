"""The tracks of an image sequence: how many frames they have and where these are (ISO/IEC 14496-12, 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from labeler.errors import ContentError
from labeler.media.bmff_boxes import NAME, Box, Fields, inside, only
from labeler.media.bmff_items import Meta, meta
from labeler.media.spans import Run

_MOST = 200_000
"""Frames of a track, chunks of a track."""
_TIMING = (b"stsd", b"stts", b"ctts")
"""Boxes that say how frames are coded and how long each is shown."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track: what it is (`pict`, or `auxv` for alpha), size in pixels, frames, its own meta box, the boxes
    with the places of its chunks and with its timing."""

    box: Box
    handler: bytes
    size: tuple[int, int]
    meta: Meta | None
    places: Box
    wide: int
    timing: tuple[Box, ...]
    sizes: Box
    groups: Box

    def frames(self, data: bytes) -> int:
        """How many samples stsz tells of."""
        return Fields(data, self.sizes, 8).number(4)

    def chunks(self, data: bytes) -> list[int]:
        """The offsets of the chunks, from the start of the file."""
        return _table(data, self.places, self.wide)

    def run(self, data: bytes) -> Run:
        """Where the samples are, chunk by chunk."""
        offsets = self.chunks(data)
        ends, at = _Ends(data, self.sizes), 0
        spans = []
        for offset, samples in zip(offsets, self._samples(data, len(offsets)), strict=True):
            size = ends(at + samples) - ends(at)
            at += samples
            if size:
                spans.append((offset, offset + size))
        return tuple(spans)

    def _samples(self, data: bytes, chunks: int) -> Iterator[int]:
        """How many samples each chunk has: stsc says it for the first of equal ones."""
        fields = Fields(data, self.groups, 4)
        groups = [(fields.number(4), fields.number(4), fields.number(4)) for _ in range(_count(fields))]
        firsts = [first for first, _, _ in groups]
        if not chunks:
            return
        if firsts[:1] != [1] or any(one >= other for one, other in pairwise(firsts)):
            msg = f"the {NAME} file has a broken stsc box"
            raise ContentError(msg)
        for (first, samples, _), following in zip(groups, [*firsts[1:], chunks + 1], strict=True):
            for _ in range(first, min(following, chunks + 1)):
                yield samples


def track(data: bytes, box: Box) -> Track | None:
    """Read a trak box; None for one without samples of its own."""
    found = inside(data, box)
    own = only(found, b"meta")
    mdia = _below(data, found, b"mdia")
    stbl = _below(data, _below(data, mdia, b"minf"), b"stbl")
    hdlr = only(mdia, b"hdlr")
    sizes, groups, places = (only(stbl, kind) for kind in (b"stsz", b"stsc", b"stco"))
    wide = only(stbl, b"co64")
    for strange in stbl:
        if strange.kind in (b"stz2", b"saio"):
            msg = f"the {NAME} file has a track with a {strange.name} box, which is not supported"
            raise ContentError(msg)
    table = wide or places
    if hdlr is None or sizes is None or groups is None or table is None:
        return None
    return Track(
        box,
        Fields(data, hdlr, 8).four(),
        _size(data, only(stbl, b"stsd")),
        meta(data, own) if own else None,
        table,
        8 if wide else 4,
        tuple(part for part in stbl if part.kind in _TIMING),
        sizes,
        groups,
    )


def _below(data: bytes, found: list[Box], kind: bytes) -> list[Box]:
    box = only(found, kind)
    return inside(data, box) if box else []


def _size(data: bytes, stsd: Box | None) -> tuple[int, int]:
    """Width and height of the first sample entry (12.1.3), 0 where there is none."""
    if stsd is None or stsd.end - stsd.body < 8 + 8 + 28:
        return 0, 0
    fields = Fields(data, stsd, 8 + 8 + 24)
    return fields.number(2), fields.number(2)


def _count(fields: Fields) -> int:
    """The next number, which counts what follows."""
    count = fields.number(4)
    if count > _MOST:
        msg = f"the {NAME} file has too many frames"
        raise ContentError(msg)
    return count


def _table(data: bytes, box: Box, wide: int) -> list[int]:
    fields = Fields(data, box, 4)
    return [fields.number(wide) for _ in range(_count(fields))]


class _Ends:
    """Where a sample ends if all stand one behind the other: `ends(n)` for the first n."""

    def __init__(self, data: bytes, stsz: Box) -> None:
        fields = Fields(data, stsz, 4)
        self._each = fields.number(4)
        if self._each:
            self._count, self._sums = fields.number(4), [0]
        else:
            self._count = _count(fields)
            self._sums = list(accumulate((fields.number(4) for _ in range(self._count)), initial=0))

    def __call__(self, samples: int) -> int:
        if samples > self._count:
            msg = f"the {NAME} file has chunks with more frames than it tells of"
            raise ContentError(msg)
        return self._each * samples if self._each else self._sums[samples]
