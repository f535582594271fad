"""EXIF: the orientation, and AIGC records in its texts.

Everything is read from the TIFF structure (behind `Exif\\0\\0`) in either byte order. A broken
structure says nothing: viewers show such a picture, too. Nothing outside of it is read. Entries and
directories may share bytes, of which a small file could make endless reading: no more is read than a few
times the structure's length, and no more than `_MOST` entries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from labeler.media import plain
from labeler.media.base import Found

_ORIENTATION = 0x0112
_DESCRIPTION = 0x010E
_EXIF_IFD = 0x8769
_COMMENT = 0x9286
_SHORT = 3
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value by its type (TIFF 6.0; 13 is a pointer to a directory)."""
_CARRIERS = {_COMMENT: "EXIF UserComment", _DESCRIPTION: "EXIF ImageDescription"}
_MOST = 20_000
"""Entries that are looked at: a camera writes fewer than 200."""
_TIMES, _FREE = 4, 64
"""How many times its own length is read of a structure, and how many bytes beside."""


def orientation(tiff: bytes) -> int:
    """How viewers turn the picture: 1 to 8 (EXIF 2.32, 4.6.4), 1 where the first directory says nothing
    sensible; the second one tells of the thumbnail."""
    order = byte_order(tiff)
    for entry in entries(tiff, order, first=True):
        if entry.tag == _ORIENTATION and entry.kind == _SHORT and entry.start < entry.end:
            value: int = struct.unpack_from(f"{order}H", tiff, entry.start)[0]
            return value if 1 <= value <= 8 else 1
    return 1


def aigc(tiff: bytes) -> list[Found]:
    """Every AIGC record in UserComment and ImageDescription."""
    return [Found(_CARRIERS[entry.tag], text) for entry, text in _records(tiff)]


def without_aigc(tiff: bytes) -> bytes:
    """The same with the values of those records filled with NUL: same length, offsets untouched."""
    blanked = bytearray(tiff)
    for entry, _ in _records(tiff):
        blanked[entry.start : entry.end] = bytes(entry.end - entry.start)
    return bytes(blanked)


class Entry(NamedTuple):
    """One value: its tag, its type, and where its bytes stand."""

    tag: int
    kind: int
    start: int
    end: int


def byte_order(tiff: bytes) -> str:
    """The byte order as struct knows it, "" where this is no TIFF structure."""
    return {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(tiff[:4]), "")


def entries(tiff: bytes, order: str, *, first: bool = False) -> Iterator[Entry]:
    """The entries of all directories, each directory once, or of the `first` alone; one that ends outside is
    left out, and so is what overlapping directories have too many of."""
    if not order or len(tiff) < 8:
        return
    ahead, seen = [struct.unpack_from(f"{order}I", tiff, 4)[0]], set[int]()
    left = min(_MOST, _bound(tiff) // 12)
    while ahead and left > 0:
        at = ahead.pop()
        if at in seen or at < 8 or at + 2 > len(tiff):
            continue
        seen.add(at)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        end = at + 2 + 12 * count
        if end > len(tiff):
            continue
        if end + 4 <= len(tiff):
            ahead.append(struct.unpack_from(f"{order}I", tiff, end)[0])
        for place in range(at + 2, min(end, at + 2 + 12 * left), 12):
            entry = _entry(tiff, order, place)
            if entry and entry.tag == _EXIF_IFD and entry.end - entry.start == 4:
                ahead.append(struct.unpack_from(f"{order}I", tiff, entry.start)[0])
            elif entry:
                yield entry
        left = 0 if first else left - count


def _entry(tiff: bytes, order: str, place: int) -> Entry | None:
    """The entry at `place`, None where its value is of no known type or stands outside."""
    tag, kind, count, offset = struct.unpack_from(f"{order}HHII", tiff, place)
    size = _SIZES.get(kind, 0) * count
    start = place + 8 if size <= 4 else offset
    return Entry(tag, kind, start, start + size) if size and start + size <= len(tiff) else None


def _bound(tiff: bytes) -> int:
    """Bytes that are read of a structure, however often entries name them."""
    return _TIMES * len(tiff) + _FREE


def _records(tiff: bytes) -> Iterator[tuple[Entry, str]]:
    """The entries that hold a record, each value once, as far as the bound goes."""
    order, seen, left = byte_order(tiff), set[tuple[int, int, int]](), _bound(tiff)
    for entry in entries(tiff, order):
        value = entry.tag, entry.start, entry.end
        if entry.tag not in _CARRIERS or value in seen:
            continue
        seen.add(value)
        left -= entry.end - entry.start
        if left < 0:
            return
        if text := _record(tiff[entry.start : entry.end], entry.tag, order):
            yield entry, text


def _record(value: bytes, tag: int, order: str) -> str:
    """The record in a value, "" for none. A comment has a head of 8 bytes that names its coding, which
    some writers leave out or ignore."""
    if tag != _COMMENT or not value.startswith((b"ASCII\0\0\0", b"UNICODE\0", bytes(8))):
        return plain.record(value.decode("utf-8", "replace"))
    text = value[8:]
    native = "utf-16-le" if order == "<" else "utf-16-be"
    codings = ("utf-8", native, "utf-16-be", "utf-16-le")
    return next(filter(None, (plain.record(text.decode(coding, "replace")) for coding in codings)), "")
