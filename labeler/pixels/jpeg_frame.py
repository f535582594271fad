"""The marker segments of a JPEG (ITU-T T.81, annex B), as far as a new picture in the old file needs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from labeler.errors import ContentError
from labeler.media.once import once

MOST_SCANS = 100
"""Scans that a picture may have (encoders make about ten); each costs a pass over all coefficients."""

MOST_SEGMENTS = 10_000
"""Segments that a file may have; those of a long colour profile or C2PA manifest are a few hundred."""

_SOI, _EOI, _SOS, _DHT = 0xD8, 0xD9, 0xDA, 0xC4
_APPLICATION, _COMMENT = range(0xE0, 0xF0), 0xFE
_JFIF, _ADOBE = 0xE0, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # but RSTn, stuffed zeros and fill bytes


class Component(NamedTuple):
    """The sampling factors of one plane; (1, 1) where it is alone (T.81, A.2.2)."""

    across: int
    down: int


class Segment(NamedTuple):
    """A marker and where it stands; `end` is behind its parameters."""

    code: int
    start: int
    end: int


class Frame(NamedTuple):
    """A JPEG's picture and what surrounds it.

    `optimised` says that its Huffman tables are not those of T.81, annex K.3. `metadata` are the APPn and
    COM segments, `trailer` is what follows EOI (further pictures, of a gain map or of a phone).
    """

    width: int
    height: int
    progressive: bool
    optimised: bool
    components: tuple[Component, ...]
    metadata: bytes
    trailer: bytes

    @property
    def sampling(self) -> tuple[int, int]:
        """The largest factors; 8 times these are an MCU's sides."""
        return max(part.across for part in self.components), max(part.down for part in self.components)


def frame(data: bytes) -> Frame:
    """Read the segments of a whole file; ContentError where it is cut or of a kind that nothing shows."""
    segments = _all(data)
    frames = [segment for segment in segments if segment.code in _FRAMES]
    if len(frames) != 1:
        msg = f"the JPEG has {len(frames)} frame headers (SOF) instead of one"
        raise ContentError(msg)
    if sum(segment.code == _SOS for segment in segments) > MOST_SCANS:
        msg = f"the JPEG has more than {MOST_SCANS} scans"
        raise ContentError(msg)
    width, height, components = _header(frames[0], data)
    return Frame(
        width,
        height,
        frames[0].code == _PROGRESSIVE,
        not _tables(data, segments) <= _standard_tables(),
        components,
        b"".join(data[start:end] for code, start, end in segments if _is_metadata(code)),
        data[segments[-1].end :],
    )


def replaced(old: Frame, new: bytes) -> bytes:
    """The old file with the picture of a new one, whose own metadata (in front of it) is left out."""
    start = next(segment.start for segment in _segments(new) if not _is_metadata(segment.code))
    end = len(new) if new.endswith(b"\xff\xd9") else _all(new)[-1].end
    return b"".join((new[:2], old.metadata, memoryview(new)[start:end], old.trailer))


def bare(data: bytes) -> bytes:
    """The file without metadata, but for the JFIF and Adobe segments, which tell the colour space."""
    kept, at = [], 0
    for code, start, end in _all(data):
        if _is_metadata(code) and code not in (_JFIF, _ADOBE):
            kept.append(data[at:start])
            at = end
    return b"".join((*kept, data[at:]))


@once
def _all(data: bytes) -> list[Segment]:
    return list(_segments(data))


def _segments(data: bytes) -> Iterator[Segment]:
    """The segments behind SOI, up to and with EOI; what separates them is left out."""
    if data[:2] != b"\xff\xd8":
        msg = "the JPEG does not begin with its SOI marker"
        raise ContentError(msg)
    at = 2
    for _ in range(MOST_SEGMENTS):
        segment = _segment(data, at)
        yield segment
        if segment.code == _EOI:
            return
        at = segment.end
    msg = f"the JPEG has more than {MOST_SEGMENTS} segments"
    raise ContentError(msg)


def _segment(data: bytes, at: int) -> Segment:
    """The next segment."""
    found = _MARKER.search(data, at)
    if found is None:
        msg = "the JPEG ends before its EOI marker: it is cut"
        raise ContentError(msg)
    code, end = data[found.end() - 1], found.end()
    if code == _SOI:
        msg = "the JPEG has a second SOI marker before its end"
        raise ContentError(msg)
    return Segment(code, found.start(), end if code == _EOI else end + _length(data, end))


def _length(data: bytes, at: int) -> int:
    length = int.from_bytes(data[at : at + 2])
    if length < 2 or at + length > len(data):
        msg = "the JPEG ends inside a segment of its header"
        raise ContentError(msg)
    return length


def _header(segment: Segment, data: bytes) -> tuple[int, int, tuple[Component, ...]]:
    body = data[segment.start + 4 : segment.end]
    if segment.code not in (_BASELINE, _EXTENDED, _PROGRESSIVE) or body[:1] != b"\x08":
        msg = "the JPEG is arithmetic coded, lossless, hierarchical or not of 8 bits: browsers do not show it"
        raise ContentError(msg)
    height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    factors = [Component(byte >> 4, byte & 15) for byte in body[7::3]]
    numbers = width, height, *(number for part in factors for number in part)
    if not factors or len(body) != 6 + 3 * body[5] or not all(numbers):
        msg = "the JPEG has a broken frame header (SOF)"
        raise ContentError(msg)
    return width, height, tuple(factors) if len(factors) > 1 else (Component(1, 1),)


def _tables(data: bytes, segments: list[Segment]) -> set[bytes]:
    """The Huffman tables, each with its class and number; a DHT segment holds one or more (T.81, B.2.4.2)."""
    tables = set()
    for _, start, end in (segment for segment in segments if segment.code == _DHT):
        at = start + 4
        while at < end:
            size = 17 + sum(data[at + 1 : at + 17])
            tables.add(data[at : at + size])
            at += size
    return tables


@cache
def _standard_tables() -> set[bytes]:
    """The tables of T.81, annex K.3, as libjpeg writes them where it is not asked to optimise."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return _tables(file.getvalue(), list(_segments(file.getvalue())))


def _is_metadata(code: int) -> bool:
    return code in _APPLICATION or code == _COMMENT
