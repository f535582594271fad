"""Where the items of a meta box are: its iloc box, read and written (ISO/IEC 14496-12, 8.11.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media.bmff_boxes import NAME, Box, Fields, coded, packed

FILE, IDAT = 0, 1
"""Construction methods of iloc: offsets from the start of the file, and from that of the idat box. What
is left, 2, is an offset into another item, which has the bytes."""
_MOST = 20_000
"""Items of a meta box, and extents of all of them together."""
LARGE = 0xF0000000
"""Offsets from here on are written with 64 bits."""


class Extent(NamedTuple):
    """An extent: the number in the item that it is made of (construction method 2), its offset from the
    source's start, and its length."""

    part: int
    offset: int
    length: int


class Place(NamedTuple):
    """An entry of iloc. `reference` is not 0 for bytes in another file."""

    item: int
    construction: int
    reference: int
    extents: tuple[Extent, ...]


def located(data: bytes, iloc: Box, idat: Box | None) -> Iterator[Place]:
    """Read an iloc box, of any version; base offsets are added in.

    ContentError where it lists an item twice, or too many of them.
    """
    fields = Fields(data, iloc)
    version = fields.number(1)
    fields.number(3)
    widths = [fields.number(1), fields.number(1)]
    offset, length, base, index = (half for width in widths for half in (width >> 4, width & 15))
    index = index if version else 0
    if version > 2 or not {offset, length, base, index} <= {0, 4, 8}:
        msg = f"the {NAME} file has an iloc box of an unknown form (version {version})"
        raise ContentError(msg)
    wide = 4 if version == 2 else 2
    seen, left = set(), _MOST
    for _ in range(fields.number(wide)):
        item = fields.number(wide)
        construction = fields.number(2) & 15 if version else FILE
        reference, start, count = fields.number(2), fields.number(base), fields.number(2)
        left -= max(count, 1)
        if item in seen:
            raise twice(item)
        if left < 0:
            msg = f"the {NAME} file has too many items or extents"
            raise ContentError(msg)
        seen.add(item)
        extents = [
            Extent(fields.number(index), start + fields.number(offset), fields.number(length))
            for _ in range(count)
        ]
        yield Place(item, construction, reference, tuple(_filled(extents, construction, idat)))


def _filled(extents: list[Extent], construction: int, idat: Box | None) -> list[Extent]:
    """The extents with a length: 0 means all of an idat box."""
    if construction != IDAT or idat is None or len(extents) != 1 or extents[0].length:
        return extents
    return [extents[0]._replace(length=max(idat.end - idat.body - extents[0].offset, 0))]


def twice(item: int) -> ContentError:
    """The error for a box that has two entries for one item."""
    return ContentError(f"the {NAME} file lists its item {item} twice")


def iloc(version: int, places: Iterable[Place], *, large: bool) -> bytes:
    """An iloc box without base offsets, with offsets and lengths of 32 bits, or of 64 where the file is large
    or one asks for them."""
    entries = list(places)
    extents = [extent for place in entries for extent in place.extents]
    large = large or any(extent.offset + extent.length >= LARGE for extent in extents)
    number = 8 if large else 4
    most = max((extent.part for extent in extents), default=0)
    index = 8 if most >> 32 else 4 if most else 0
    wide = 4 if version == 2 else 2
    parts = [bytes((version, 0, 0, 0, number << 4 | number, index)), coded(len(entries), wide)]
    for item, construction, reference, pieces in entries:
        parts.append(coded(item, wide))
        if version:
            parts.append(coded(construction, 2))
        parts += coded(reference, 2), coded(len(pieces), 2)
        for extent in pieces:
            parts += coded(extent.part, index), coded(extent.offset, number), coded(extent.length, number)
    return packed(b"iloc", *parts)
