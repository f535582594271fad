"""WebP: a RIFF file whose chunks hold the picture, EXIF and the XMP packet (RFC 9649).

Simple files (one VP8 or VP8L chunk) have no room for metadata; they become extended ones, with a VP8X
chunk made from the header of the bitstream. Everything that is not metadata stays byte for byte, and
so do chunks that nobody knows and what lies behind the RIFF structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media import exif, xmp
from labeler.media.base import Container, Found, Head
from labeler.media.carrier import others

_ALPHA, _EXIF, _XMP, _ANIMATION, _ICC = 0x10, 0x08, 0x04, 0x02, 0x20
"""Flags in the first byte of VP8X (RFC 9649, 2.7)."""
_PICTURE = (b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")
_PREFIX = b"Exif\0\0"
"""Belongs to JPEG; some writers put it into WebP, too."""
_LARGEST = 0xFFFFFFFE
_MOST = 100_000
"""Chunks in a file: each frame of an animation is one."""


class _Chunk(NamedTuple):
    """A chunk: its name, where its head starts, where its payload starts and ends, and where the next
    one starts (behind a byte of padding if the payload's length is odd)."""

    kind: bytes
    start: int
    body: int
    end: int
    next: int


class _Canvas(NamedTuple):
    """Size in pixels, and the flags of VP8X."""

    width: int
    height: int
    flags: int

    def chunk(self) -> bytes:
        """It as a VP8X chunk."""
        sizes = (self.width - 1).to_bytes(3, "little") + (self.height - 1).to_bytes(3, "little")
        return _packed(b"VP8X", bytes((self.flags, 0, 0, 0)) + sizes)


class Webp:
    """Lossy, lossless and animated WebP."""

    name = "webp"
    media_type = "image/webp"
    carries = True

    def head(self, data: bytes) -> Head:
        """The size of the canvas; frames are counted in animations."""
        chunks = _chunks(data)
        canvas = _canvas(data, chunks)
        frames = sum(chunk.kind == b"ANMF" for chunk in chunks) if canvas.flags & _ANIMATION else 1
        tiff = next((_tiff(data, chunk) for chunk in chunks if chunk.kind == b"EXIF"), b"")
        return Head(canvas.width, canvas.height, max(frames, 1), exif.orientation(tiff))

    def found(self, data: bytes) -> list[Found]:
        """Records in the chunks EXIF and XMP."""
        records = []
        for chunk in _chunks(data):
            if chunk.kind == b"XMP ":
                records += xmp.found(data[chunk.body : chunk.end])
            elif chunk.kind == b"EXIF":
                records += exif.aigc(_tiff(data, chunk))
        return records

    def packet(self, data: bytes) -> bytes:
        """The first XMP chunk."""
        chunks = (chunk for chunk in _chunks(data) if chunk.kind == b"XMP ")
        return next((data[chunk.body : chunk.end] for chunk in chunks), b"")

    def lost(self, data: bytes) -> int:
        """Those in further chunks."""
        return others(data[chunk.body : chunk.end] for chunk in _chunks(data) if chunk.kind == b"XMP ")

    def write(self, data: bytes, packet: bytes) -> bytes:
        """The packet becomes the last chunk (RFC 9649, 2.7.1.5: metadata stand behind the picture)."""
        chunks = _chunks(data)
        canvas = _canvas(data, chunks)
        if not packet and chunks[0].kind != b"VP8X":
            return data
        flags = canvas.flags | _XMP if packet else canvas.flags & ~_XMP
        rest = chunks[1:] if chunks[0].kind == b"VP8X" else chunks
        parts = [canvas._replace(flags=flags).chunk(), *(_kept(data, chunk) for chunk in rest)]
        if packet:
            parts.append(_packed(b"XMP ", packet))
        size = 4 + sum(map(len, parts))
        if size > _LARGEST:
            msg = "the WebP would pass 4 GiB, more than the format allows"
            raise ContentError(msg)
        head = b"RIFF" + size.to_bytes(4, "little") + b"WEBP"
        return b"".join((head, *parts, memoryview(data)[chunks[-1].next :]))

    def signed(self, data: bytes) -> bool:
        """A chunk C2PA (C2PA 2.1, A.3.7)."""
        return any(chunk.kind == b"C2PA" for chunk in _chunks(data))

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """The chunks of the bitstream with alpha, animation and colour profile, and the canvas of an
        animation (that of a still says nothing new)."""
        chunks = _chunks(data)
        if _canvas(data, chunks).flags & _ANIMATION:
            yield memoryview(data)[chunks[0].body + 4 : chunks[0].body + 10]
        for chunk in chunks:
            if chunk.kind in _PICTURE:
                yield memoryview(data)[chunk.body : chunk.end]


def _chunks(data: bytes) -> list[_Chunk]:
    """All chunks of the RIFF structure."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        msg = "this is no WebP file"
        raise ContentError(msg)
    stop = 8 + int.from_bytes(data[4:8], "little")
    chunks: list[_Chunk] = []
    at = 12
    while at + 8 <= stop and len(chunks) < _MOST:
        body = at + 8
        end = body + int.from_bytes(data[at + 4 : body], "little")
        if end > min(stop, len(data)):
            msg = f"the WebP ends inside its {_named(data[at : at + 4])} chunk"
            raise ContentError(msg)
        chunks.append(_Chunk(data[at : at + 4], at, body, end, min(end + (end & 1), len(data))))
        at = end + (end & 1)
    if not 0 < len(chunks) < _MOST:
        msg = f"the WebP has {'too many' if chunks else 'no'} chunks"
        raise ContentError(msg)
    return chunks


def _named(kind: bytes) -> str:
    return kind.decode("ascii", "backslashreplace").strip()


def _canvas(data: bytes, chunks: list[_Chunk]) -> _Canvas:
    """Size and flags, from VP8X or else from the bitstream."""
    first = chunks[0]
    payload = data[first.body : min(first.end, first.body + 10)]
    if first.kind == b"VP8X" and len(payload) == 10:
        width = int.from_bytes(payload[4:7], "little") + 1
        return _Canvas(width, int.from_bytes(payload[7:10], "little") + 1, payload[0])
    extra = _EXIF if any(chunk.kind == b"EXIF" for chunk in chunks) else 0
    if first.kind == b"VP8L" and len(payload) >= 5 and payload[0] == 0x2F:
        bits = int.from_bytes(payload[1:5], "little")
        flags = extra | (_ALPHA if bits >> 28 & 1 else 0)
        return _Canvas((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, flags)
    if first.kind == b"VP8 " and len(payload) == 10 and payload[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(payload[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        if width and height:
            return _Canvas(width, height, extra)
    msg = f"the WebP has a broken head ({_named(first.kind)} chunk)"
    raise ContentError(msg)


def _packed(kind: bytes, payload: bytes) -> bytes:
    return b"".join((kind, len(payload).to_bytes(4, "little"), payload, b"\0" * (len(payload) & 1)))


def _kept(data: bytes, chunk: _Chunk) -> bytes | memoryview:
    """What stays of a chunk: no XMP, EXIF without an AIGC record, all else as it is."""
    if chunk.kind == b"XMP ":
        return b""
    if chunk.kind == b"EXIF" and exif.aigc(tiff := _tiff(data, chunk)):
        return _packed(b"EXIF", data[chunk.body : chunk.end - len(tiff)] + exif.without_aigc(tiff))
    if chunk.end & 1 and chunk.next == chunk.end:  # the file ends without the byte of padding
        return _packed(chunk.kind, data[chunk.body : chunk.end])
    return memoryview(data)[chunk.start : chunk.next]


def _tiff(data: bytes, chunk: _Chunk) -> bytes:
    return data[chunk.body : chunk.end].removeprefix(_PREFIX)


WEBP: Container = Webp()
