"""PNG and APNG (W3C PNG, 3rd edition): a signature, then chunks with a length, a name and a CRC.

The XMP packet stands in an iTXt chunk (XMP part 3, 1.1.5). A run of IDAT or fdAT chunks counts as one
part: its CRCs are not checked, for nothing in it changes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media import carrier, exif, plain
from labeler.media.base import Container, Found, Head, Unreadable
from labeler.media.carrier import Carrier
from labeler.media.once import once

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">I4s")
_XMP = b"XML:com.adobe.xmp"
_RAW = b"Raw profile type "
"""ImageMagick's keyword for profiles in hexadecimal digits."""
_RAW_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_RAW_EXIF = b"Exif\0\0"
_RUNS = (b"IDAT", b"fdAT")
_BEFORE = (b"IDAT", b"fcTL", b"iDOT")
"""Chunks before the first of which the packet goes; Apple's iDOT counts the bytes from itself to the IDAT chunks."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_ESSENCE = frozenset(b"IHDR PLTE tRNS IDAT acTL fcTL fdAT gAMA cHRM sRGB iCCP cICP sBIT mDCV cLLI".split())
_LARGEST = 2**31 - 1
_MOST = 8 << 20
"""Bytes that the compressed texts of one file may have, inflated: 8 MiB."""
_START = 64
"""Bytes of a text by which it is told whether it may be a record."""


class _Chunk(NamedTuple):
    """A chunk or a run of them: its name, where it starts, where its payload starts and ends (of a
    run, the last one's), and where the next one starts."""

    kind: bytes
    start: int
    body: int
    end: int
    next: int


class Png:
    """PNG, still and animated."""

    name = "png"
    media_type = "image/png"
    carries = True

    def head(self, data: bytes) -> Head:
        """The size from IHDR, the frames of acTL, the orientation of eXIf."""
        chunks = _chunks(data)
        width, height = struct.unpack_from(">II", data, chunks[0].body)
        if not 0 < width <= _LARGEST or not 0 < height <= _LARGEST:
            msg = f"the PNG says that it is {width} x {height} pixels large"
            raise ContentError(msg)
        bodies = {
            chunk.kind: data[chunk.body : chunk.end] for chunk in chunks if chunk.kind in (b"acTL", b"eXIf")
        }
        frames = int.from_bytes(bodies.get(b"acTL", b"")[:4], "big")
        tiff = bodies.get(b"eXIf", b"").removeprefix(_RAW_EXIF)
        return Head(width, height, max(frames, 1), exif.orientation(tiff))

    def found(self, data: bytes) -> list[Found]:
        """Records in XMP, in eXIf, in texts whose keyword has `AIGC`, and in texts that are one."""
        return carrier.found(_carriers(data))

    def packet(self, data: bytes) -> bytes:
        """The text of the first chunk with XMP's keyword, or an XMP profile of ImageMagick."""
        return carrier.packet(_carriers(data))

    def lost(self, data: bytes) -> int:
        """Those in further chunks with XMP."""
        return carrier.lost(_carriers(data))

    def write(self, data: bytes, packet: bytes) -> bytes:
        """The packet takes the old one's place, or stands before the first picture's chunks: behind them
        some readers do not look."""
        carriers = _carriers(data)
        first = next(chunk.start for chunk in _chunks(data) if chunk.kind in _BEFORE)
        place = min([first, *(old.start for old in carriers if old.packet)])
        return carrier.replaced(data, carriers, _xmp(packet), place)

    def signed(self, data: bytes) -> bool:
        """A chunk caBX (C2PA 2.1, A.3.4)."""
        return any(chunk.kind == b"caBX" for chunk in _chunks(data))

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """The chunks that hold pixels, palette, transparency, colour space and timing."""
        view = memoryview(data)
        return (view[chunk.start : chunk.next] for chunk in _chunks(data) if chunk.kind in _ESSENCE)


@once
def _chunks(data: bytes) -> list[_Chunk]:
    """All chunks up to IEND, runs as one; checks that they are inside the file."""
    if not data.startswith(_SIGNATURE):
        msg = "this is no PNG file"
        raise ContentError(msg)
    chunks: list[_Chunk] = []
    at, size, unpack = len(_SIGNATURE), len(data), _HEAD.unpack_from
    while at + 12 <= size:
        length, kind = unpack(data, at)
        stop = at + length + 12
        if kind in _RUNS:
            while stop + 12 <= size:
                length, following = unpack(data, stop)
                if following != kind:
                    break
                stop += length + 12
        if stop > size:
            msg = f"the PNG ends inside its {kind.decode('ascii', 'backslashreplace')} chunk"
            raise ContentError(msg)
        chunks.append(_Chunk(kind, at, at + 8, stop - 4, stop))
        if kind == b"IEND":
            return _checked(chunks)
        at = stop
    msg = "the PNG ends before its IEND chunk"
    raise ContentError(msg)


def _checked(chunks: list[_Chunk]) -> list[_Chunk]:
    first = chunks[0]
    if first.kind == b"CgBI":
        msg = "this is a PNG in Apple's own form (CgBI), which only iOS reads: convert it to a standard PNG"
        raise ContentError(msg)
    if first.kind != b"IHDR" or first.end - first.body != 13:
        msg = "the PNG does not start with an IHDR chunk of 13 bytes"
        raise ContentError(msg)
    if not any(chunk.kind == b"IDAT" for chunk in chunks):
        msg = "the PNG has no picture (IDAT chunk)"
        raise ContentError(msg)
    return chunks


def _packed(kind: bytes, body: bytes) -> bytes:
    if len(body) > _LARGEST:
        msg = f"{len(body)} bytes of metadata are more than a PNG chunk can hold"
        raise ContentError(msg)
    return b"".join(
        (_HEAD.pack(len(body), kind), body, zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big"))
    )


def _xmp(packet: bytes) -> bytes:
    return _packed(b"iTXt", b"%s\0\0\0\0\0%s" % (_XMP, packet)) if packet else b""


class _Inflater:
    """Inflates texts: `_MOST` bytes in all of those whose keyword tells of XMP or a record, and as many of
    the others."""

    def __init__(self) -> None:
        self.left = self.spare = _MOST

    def told(self, data: bytes) -> tuple[bytes, str]:
        """A text as far as it goes, and why no further; a broken one stays compressed."""
        stream = zlib.decompressobj()
        try:
            text = stream.decompress(data, self.left + 1)
        except zlib.error as error:
            return data, f"the compressed text is broken: {error}"
        if len(text) > self.left:
            msg = f"the compressed texts of the PNG inflate to more than {_MOST >> 20} MiB"
            raise ContentError(msg)
        self.left -= len(text)
        return text, "" if stream.eof else "the compressed text is cut off"

    def other(self, data: bytes) -> bytes:
        """A text that may be a record; else, and where it is broken or too long, no more than its start."""
        stream = zlib.decompressobj()
        try:
            text = stream.decompress(data, _START)
            if plain.begins(text) and self.spare > 0:
                text += stream.decompress(stream.unconsumed_tail, self.spare)
        except zlib.error:
            return b""  # nobody can read it
        self.spare -= len(text)
        return text


@once
def _carriers(data: bytes) -> tuple[Carrier, ...]:
    """What holds XMP or AIGC records, in the order of the file."""
    return tuple(_carrying(data))


def _carrying(data: bytes) -> Iterator[Carrier]:
    inflater = _Inflater()
    for chunk in _chunks(data):
        body = data[chunk.body : chunk.end] if chunk.kind == b"eXIf" or chunk.kind in _TEXTS else b""
        if chunk.kind == b"eXIf":
            tiff = body.removeprefix(_RAW_EXIF)
            if records := exif.aigc(tiff):
                stays = _packed(b"eXIf", body[: len(body) - len(tiff)] + exif.without_aigc(tiff))
                yield Carrier(chunk.start, chunk.next, records=tuple(records), stays=stays)
        elif body:
            yield from _in_text(chunk, *_text(chunk.kind, body, inflater))


def _text(kind: bytes, body: bytes, inflater: _Inflater) -> tuple[bytes, bytes, str]:
    """Keyword and text of a text chunk, and what is wrong with it."""
    keyword, _, text = body.partition(b"\0")
    compressed = kind == b"zTXt"
    if compressed:
        text = text[1:]
    elif kind == b"iTXt":
        compressed = text[:1] == b"\1"
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not compressed:
        return keyword, text, ""
    if keyword == _XMP or _says_aigc(keyword) or keyword.startswith(_RAW):
        return keyword, *inflater.told(text)
    return keyword, inflater.other(text), ""


def _says_aigc(keyword: bytes) -> bool:
    return b"AIGC" in keyword.upper()


def _in_text(chunk: _Chunk, keyword: bytes, text: bytes, fault: str) -> Iterator[Carrier]:
    if keyword == _XMP:
        yield Carrier(chunk.start, chunk.next, text)
    elif keyword.startswith(_RAW):
        yield from _in_profile(chunk, keyword, text)
    else:
        words, told = _decoded(text), _says_aigc(keyword)
        record = plain.keyed(words) if told else plain.record(words)
        if record or told:
            name = f"PNG {chunk.kind.decode()} {keyword.decode('latin-1')}"
            found = Unreadable(name, fault) if fault else Found(name, record)
            yield Carrier(chunk.start, chunk.next, records=(found,))


def _decoded(text: bytes) -> str:
    """UTF-8, which many write into tEXt, or the Latin-1 that it should be."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _in_profile(chunk: _Chunk, keyword: bytes, text: bytes) -> Iterator[Carrier]:
    """A profile of ImageMagick: a line break, its name, its length, and its bytes as digits."""
    lines = text.split(b"\n", 3)
    try:
        profile = bytes.fromhex(lines[-1].decode("ascii"))
    except ValueError:
        return  # nobody can read it
    if keyword == _RAW + b"xmp" or profile.startswith(_RAW_XMP):
        yield Carrier(chunk.start, chunk.next, profile.removeprefix(_RAW_XMP))
    elif records := exif.aigc(tiff := profile.removeprefix(_RAW_EXIF)):
        profile = profile[: len(profile) - len(tiff)] + exif.without_aigc(tiff)
        digits = profile.hex("\n", -36).encode()
        text = b"\n".join((*lines[:-1], digits, b""))
        stays = _packed(b"zTXt", keyword + b"\0\0" + zlib.compress(text))
        yield Carrier(chunk.start, chunk.next, records=tuple(records), stays=stays)


PNG: Container = Png()
