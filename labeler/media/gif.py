"""GIF (CompuServe 1989): a header, a palette, then blocks up to the trailer.

The XMP packet stands unchunked in an application extension (XMP part 3, 1.1.2): its bytes pass for
lengths of sub-blocks, and a trailer of 258 bytes leads every reader to the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media import carrier, plain
from labeler.media.base import Container, Found, Head
from labeler.media.carrier import Carrier

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_TEXT, _CONTROL, _COMMENT, _APPLICATION = 0x01, 0xF9, 0xFE, 0xFF
_XMP = b"XMP DataXMP"
_TIMING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_MAGIC = bytes((1, *range(0xFF, -1, -1), 0))
_FRAME = struct.Struct("<4HB")


class _Block(NamedTuple):
    """A block: `_IMAGE` or the label of its extension, where it starts, where its sub-blocks start
    (of an application extension: behind the identifier), where it ends, and that identifier."""

    kind: int
    start: int
    body: int
    end: int
    application: bytes = b""


class Gif:
    """GIF, still and animated."""

    name = "gif"
    media_type = "image/gif"
    carries = True

    def head(self, data: bytes) -> Head:
        """The logical screen, enlarged to the frames that go beyond it, as decoders do; GIF is never turned."""
        frames = [block for block in _blocks(data) if block.kind == _IMAGE]
        width, height = struct.unpack_from("<HH", data, 6)
        for block in frames:
            left, top, wide, high, _ = _FRAME.unpack_from(data, block.start + 1)
            width, height = max(width, left + wide), max(height, top + high)
        if not frames or not width or not height:
            msg = f"the GIF has {len(frames)} pictures and says that it is {width} x {height} pixels large"
            raise ContentError(msg)
        return Head(width, height, len(frames))

    def found(self, data: bytes) -> list[Found]:
        """Records in XMP and in comments."""
        return carrier.found(_carriers(data, _blocks(data)))

    def packet(self, data: bytes) -> bytes:
        """The first application extension with XMP."""
        return carrier.packet(_carriers(data, _blocks(data)))

    def lost(self, data: bytes) -> int:
        """Those in further application extensions."""
        return carrier.lost(_carriers(data, _blocks(data)))

    def write(self, data: bytes, packet: bytes) -> bytes:
        """The packet stands before the first picture; GIF87a, which knows no extensions, becomes GIF89a."""
        blocks = list(_blocks(data))
        place = next((block.start for block in blocks if block.kind in (_IMAGE, _CONTROL, _TEXT)), None)
        if place is None:
            msg = "the GIF has no picture"
            raise ContentError(msg)
        version = [Carrier(3, 6, stays=b"89a")] if packet else []
        return carrier.replaced(data, [*version, *_carriers(data, blocks)], _coded(packet), place)

    def signed(self, data: bytes) -> bool:
        """An application extension C2PA_GIF (C2PA 2.1, A.3.3)."""
        return any(block.application.startswith(b"C2PA_GIF") for block in _blocks(data))

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """Screen, palettes, pictures and timing, without the version of the format."""
        view = memoryview(data)
        yield view[6 : _start(data)]
        for block in _blocks(data):
            if block.kind in (_IMAGE, _CONTROL, _TEXT) or block.application in _TIMING:
                yield view[block.start : block.end]


def _start(data: bytes) -> int:
    """Where the blocks start: behind the header, the logical screen and the global palette."""
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        msg = "this is no GIF file"
        raise ContentError(msg)
    start = 13 + _palette(data[10]) if len(data) >= 13 else 13
    if start > len(data):
        msg = "the GIF ends inside its header"
        raise ContentError(msg)
    return start


def _palette(flags: int) -> int:
    """Bytes of the palette that follows these flags."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks(data: bytes) -> Iterator[_Block]:
    """All blocks up to the trailer, or to the end where it is missing, which decoders forgive."""
    at, size = _start(data), len(data)
    while at < size and data[at] != _TRAILER:
        if data[at] == 0:
            at += 1  # a surplus terminator, which some writers leave
            continue
        block = _block(data, at)
        yield block
        at = block.end


def _block(data: bytes, start: int) -> _Block:
    try:
        if data[start] == _IMAGE:
            body = start + 11 + _palette(data[start + 9])
            return _Block(_IMAGE, start, body, _end(data, body))
        if data[start] == _EXTENSION:
            kind, body = data[start + 1], start + 2
            if kind == _APPLICATION and data[body] == 11:
                body += 12
                return _Block(kind, start, body, _end(data, body), data[body - 11 : body])
            return _Block(kind, start, body, _end(data, body))
    except IndexError:
        msg = f"the GIF ends inside {'a picture' if data[start] == _IMAGE else 'an extension'}"
        raise ContentError(msg) from None
    msg = f"the GIF is broken: no block starts at byte {start}"
    raise ContentError(msg)


def _end(data: bytes, at: int) -> int:
    """Where a chain of sub-blocks ends, its terminator included; IndexError where it does not."""
    while length := data[at]:
        at += length + 1
    return at + 1


def _joined(data: bytes, at: int) -> bytes:
    """The bytes of a chain of sub-blocks."""
    pieces = []
    while length := data[at]:
        pieces.append(data[at + 1 : at + 1 + length])
        at += length + 1
    return b"".join(pieces)


def _carriers(data: bytes, blocks: Iterator[_Block] | list[_Block]) -> Iterator[Carrier]:
    """What holds XMP or AIGC records, in the order of the file."""
    for block in blocks:
        if block.application == _XMP:
            yield Carrier(block.start, block.end, _packet(data, block))
        elif block.kind == _COMMENT:
            text = _joined(data, block.body).decode("utf-8", "replace")
            if record := plain.record(text):
                yield Carrier(block.start, block.end, records=(Found("GIF comment", record),))


def _packet(data: bytes, block: _Block) -> bytes:
    """The packet up to the trailer's first byte, 1, which no XML has; some writers cut it into
    sub-blocks like any other data, so that a length comes before its `<`."""
    raw = data[block.body : block.end]
    if raw[1:2] in (b"<", b"\xef"):
        return _joined(data, block.body)
    return raw.partition(b"\1")[0].rstrip(b"\0")


def _coded(packet: bytes) -> bytes:
    if not packet:
        return b""
    if b"\0" in packet or b"\1" in packet:
        msg = "an XMP packet with NUL bytes (UTF-16?) cannot stand in a GIF"
        raise ContentError(msg)
    return b"".join((bytes((_EXTENSION, _APPLICATION, len(_XMP))), _XMP, packet, _MAGIC))


GIF: Container = Gif()
