"""JPEG (ITU-T T.81): segments of at most 64 KiB up to the first scan, then coded pixels.

The XMP packet stands in an APP1 segment, behind JFIF and EXIF and before MPF (CIPA DC-007), whose
offsets to further pictures count from itself. Behind the first SOS nothing is looked at, for metadata
stand before it, but that there is an end: decoders tell whether the scans are complete.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media import carrier, exif, mpf, plain
from labeler.media.base import Container, Found, Head
from labeler.media.carrier import Carrier
from labeler.media.edits import Edit, edited
from labeler.media.jpeg_extension import EXTENSION, Extension, extensions
from labeler.media.once import once

_SOI, _EOI, _SOS, _COM, _APP0, _APP1, _APP2, _APP11, _APP14, _APP15 = (
    0xD8, 0xD9, 0xDA, 0xFE, 0xE0, 0xE1, 0xE2, 0xEB, 0xEE, 0xEF,
)  # fmt: skip
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 without DHT, JPG and DAC, which stand between them (T.81, table B.1)."""
_ALONE = frozenset((0x01, _SOI, *range(0xD0, 0xD8)))
"""Markers without a length: TEM, SOI and RST0 to RST7."""
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF = b"Exif\0"
_ICC = b"ICC_PROFILE\0"
_ROOM = 65_502
"""Bytes that a packet may have (XMP part 3, 1.1.3)."""


class _Segment(NamedTuple):
    """A segment: its marker, where it starts, where its payload starts and where it ends."""

    marker: int
    start: int
    body: int
    end: int


class Jpeg:
    """JPEG of every process: baseline, progressive, lossless, arithmetic."""

    name = "jpeg"
    media_type = "image/jpeg"
    carries = True

    def head(self, data: bytes) -> Head:
        """The size from the frame header, the orientation of EXIF."""
        segments = _segments(data)
        frame = next((segment for segment in segments if segment.marker in _FRAMES), None)
        if frame is None or frame.end - frame.body < 6:
            msg = "the JPEG has no frame header (SOF) before its first scan"
            raise ContentError(msg)
        height, width = struct.unpack_from(">HH", data, frame.body + 1)
        if not width or not height:
            msg = f"the JPEG says that it is {width} x {height} pixels large"
            raise ContentError(msg)
        tiff = next((_tiff(data, segment) for segment in segments if _is_exif(data, segment)), b"")
        return Head(width, height, 1, exif.orientation(tiff))

    def found(self, data: bytes) -> list[Found]:
        """Records in XMP (its extension, too), in EXIF, in comments and application segments."""
        segments = _segments(data)
        carriers = carrier.found(_carriers(data))
        return carriers + [record for part in _extensions(data, segments) for record in part.found()]

    def packet(self, data: bytes) -> bytes:
        """The first APP1 segment with XMP; its extension stays where it is."""
        return carrier.packet(_carriers(data))

    def lost(self, data: bytes) -> int:
        """Those in further APP1 segments, without extensions, which stay."""
        return carrier.lost(_carriers(data))

    def write(self, data: bytes, packet: bytes) -> bytes:
        """The packet goes into one APP1 segment: ContentError where it is longer than 65,502 bytes, and where
        the file is cut, so that a record does not pass it off as whole."""
        segments = _segments(data)
        if data.rfind(b"\xff\xd9", segments[-1].end) < 0:
            msg = "the JPEG ends before its EOI marker: it is cut"
            raise ContentError(msg)
        carriers = list(_carriers(data))
        for part in _extensions(data, segments):
            if part.found():
                pieces, packet = part.without_aigc(packet)
                carriers += (Carrier(start, start + len(new), stays=new) for start, new in pieces)
        new = carrier.replaced(data, carriers, _coded(packet), _place(data, segments))
        return reindexed(data, new)[0]

    def signed(self, data: bytes) -> bool:
        """JUMBF boxes in APP11 (C2PA 2.1, A.3.1)."""
        return any(
            segment.marker == _APP11
            and data.startswith(b"JP", segment.body)
            and data.find(b"c2pa", segment.body, segment.end) > 0
            for segment in _segments(data)
        )

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """Tables, frame header and scans, and what changes colours: Adobe's segment, the ICC profile."""
        view, segments = memoryview(data), _segments(data)
        for segment in segments[:-1]:
            if not _is_metadata(segment) or _is_colour(data, segment):
                yield view[segment.start : segment.end]
        yield view[segments[-1].start :]


def reindexed(old: bytes, new: bytes) -> tuple[bytes, str]:
    """`new`, which is `old` with changes in its first picture, with the MPF index that fits it; and what has to
    be said of what stays in it as it was."""
    before = [segment for segment in _segments(old) if _is_index(old, segment)]
    if not before:
        return new, ""
    edits, notes, longer, name = list[Edit](), list[str](), len(new) - len(old), len(mpf.NAME)
    now = (segment for segment in _segments(new) if _is_index(new, segment))
    for (_, _, was, stop), (_, _, start, end) in zip(before, now, strict=False):
        index, note = mpf.moved(old, was + name, stop, longer, longer - (start - was))
        edits.append((start + name, end, index))
        notes.append(note)
    return edited(new, edits), next(filter(None, notes), "")


@once
def _segments(data: bytes) -> list[_Segment]:
    """All segments up to the first SOS, which is the last one."""
    if not data.startswith(b"\xff\xd8"):
        msg = "this is no JPEG file"
        raise ContentError(msg)
    segments: list[_Segment] = []
    at, size = 2, len(data)
    while True:
        start = at
        while at + 1 < size and data[at] == data[at + 1] == 0xFF:
            at += 1  # fill bytes (T.81, B.1.1.2)
        if at + 4 > size:
            msg = "the JPEG ends before its first scan"
            raise ContentError(msg)
        if data[at] != 0xFF or data[at + 1] in (0, _EOI):
            msg = f"the JPEG is broken: no segment starts at byte {start}"
            raise ContentError(msg)
        marker, at = data[at + 1], at + 2
        if marker in _ALONE:
            continue
        end = at + int.from_bytes(data[at : at + 2], "big")
        if end < at + 2 or end > size:
            msg = f"the JPEG ends inside its {_named(marker)} segment"
            raise ContentError(msg)
        segments.append(_Segment(marker, start, at + 2, end))
        if marker == _SOS:
            return segments
        at = end


def _named(marker: int) -> str:
    names = {_SOS: "SOS", _COM: "COM", 0xC4: "DHT", 0xDB: "DQT", 0xDD: "DRI"}
    if _APP0 <= marker <= _APP15:
        return f"APP{marker - _APP0}"
    return names.get(marker) or ("SOF" if marker in _FRAMES else f"0x{marker:02X}")


def _is_metadata(segment: _Segment) -> bool:
    return segment.marker == _COM or _APP0 <= segment.marker <= _APP15


def _is_colour(data: bytes, segment: _Segment) -> bool:
    return segment.marker == _APP14 or (segment.marker == _APP2 and data.startswith(_ICC, segment.body))


def _is_exif(data: bytes, segment: _Segment) -> bool:
    return segment.marker == _APP1 and data.startswith(_EXIF, segment.body)


def _is_index(data: bytes, segment: _Segment) -> bool:
    return segment.marker == _APP2 and data.startswith(mpf.NAME, segment.body)


def _tiff(data: bytes, segment: _Segment) -> bytes:
    """What stands behind `Exif`, a NUL and a byte of padding."""
    return data[segment.body + len(_EXIF) + 1 : segment.end]


def _extensions(data: bytes, segments: list[_Segment]) -> list[Extension]:
    spans = (segment[2:] for segment in segments if segment.marker == _APP1)
    return extensions(data, [span for span in spans if data.startswith(EXTENSION, span[0])])


@once
def _carriers(data: bytes) -> tuple[Carrier, ...]:
    """What holds XMP or AIGC records, in the order of the file."""
    return tuple(_carrying(data))


def _carrying(data: bytes) -> Iterator[Carrier]:
    """The same, as they are found. Behind MPF nothing may change its length: there NUL bytes take the
    place of what goes."""
    fixed = False
    for segment in filter(_is_metadata, _segments(data)):
        fixed |= _is_index(data, segment)
        for found in _in_segment(data, segment):
            if fixed and not found.stays:
                blank = bytes(segment.end - segment.body)
                found = found._replace(stays=data[segment.start : segment.body] + blank)
            yield found


def _in_segment(data: bytes, segment: _Segment) -> Iterator[Carrier]:
    _, start, body, end = segment
    if segment.marker == _APP1 and data.startswith(_XMP, body):
        yield Carrier(start, end, data[body + len(_XMP) : end])
    elif _is_exif(data, segment):
        tiff = _tiff(data, segment)
        if records := exif.aigc(tiff):
            stays = data[start : end - len(tiff)] + exif.without_aigc(tiff)
            yield Carrier(start, end, records=tuple(records), stays=stays)
    elif record := plain.record(_plain(data, segment)):
        yield Carrier(start, end, records=(Found(f"JPEG {_named(segment.marker)}", record),))


def _plain(data: bytes, segment: _Segment) -> str:
    """The text of a comment, or of an application segment that starts as a record does."""
    if segment.marker == _COM or data.startswith((b"AIGC", b"{"), segment.body):
        return data[segment.body : segment.end].decode("utf-8", "replace")
    return ""


def _place(data: bytes, segments: list[_Segment]) -> int:
    """Behind the leading JFIF and EXIF segments."""
    place = 2
    for segment in segments:
        if segment.marker != _APP0 and not _is_exif(data, segment):
            break
        place = segment.end
    return place


def _coded(packet: bytes) -> bytes:
    """The packet as a segment; the padding for editing in place goes where it makes it too long."""
    if not packet:
        return b""
    if len(packet) > _ROOM:
        head, end, tail = packet.rpartition(b"<?xpacket end")
        packet = head.rstrip() + end + tail
    if len(packet) > _ROOM:
        msg = f"the XMP packet would have {len(packet)} bytes; a JPEG has room for {_ROOM}"
        raise ContentError(msg)
    return b"\xff\xe1%s%s%s" % ((2 + len(_XMP) + len(packet)).to_bytes(2, "big"), _XMP, packet)


JPEG: Container = Jpeg()
