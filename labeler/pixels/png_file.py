"""A PNG file as its chunks (W3C PNG, 3rd edition): read strictly, written with what has changed.

What decides the pixels must be sound, CRCs included; every other chunk leaves as the bytes it came in.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.pixels.png_deflate import crc32

Piece = bytes | memoryview
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
"""Colour types (table 11.1)."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
_SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
_LARGEST = 2**31 - 1
_IHDR = struct.Struct(">IIBBBBB")
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_CHECKED = (*_CRITICAL, b"tRNS", b"acTL", b"fcTL", b"fdAT")
_OFFSETS = b"iDOT"
"""Apple's chunk, which tells decoders where in the picture data they can start."""
_ONCE = (b"IHDR", b"PLTE", b"tRNS", b"acTL")
CUT = 1 << 20
"""Picture data are cut into chunks of this many bytes or a little more: 1 MiB."""


class Header(NamedTuple):
    """IHDR: the size in pixels and how they are stored."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def bits(self) -> int:
        """Bits of a pixel."""
        return self.depth * _SAMPLES[self.colour]

    @property
    def samples(self) -> int:
        """Samples of a pixel."""
        return _SAMPLES[self.colour]

    @property
    def body(self) -> bytes:
        """The chunk's payload."""
        return _IHDR.pack(self.width, self.height, self.depth, self.colour, 0, 0, self.interlaced)


class Chunk(NamedTuple):
    """A chunk: its name, its payload, and all of its bytes with length and CRC."""

    kind: bytes
    body: memoryview
    whole: memoryview


class Picture(NamedTuple):
    """A file: its header, its chunks in order, and the bytes behind IEND."""

    header: Header
    chunks: tuple[Chunk, ...]
    rest: memoryview

    def body(self, kind: bytes) -> bytes:
        """The payload of the first chunk of a kind, b"" without one."""
        return next((bytes(chunk.body) for chunk in self.chunks if chunk.kind == kind), b"")

    def numbers(self, kind: bytes) -> list[int]:
        """Where the chunks of a kind are in `chunks`."""
        return [number for number, chunk in enumerate(self.chunks) if chunk.kind == kind]

    @property
    def spans(self) -> list[memoryview]:
        """The picture data (of an animation, those of viewers without), a zlib stream in spans."""
        return [chunk.body for chunk in self.chunks if chunk.kind == b"IDAT"]

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """The entries of PLTE."""
        flat = self.body(b"PLTE")
        return list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))

    @property
    def key(self) -> tuple[int, ...]:
        """The colour that tRNS makes transparent in grey and RGB pictures; () without one. Samples of
        less than 8 bits are as large as in 8."""
        body, depth = self.body(b"tRNS"), self.header.depth
        if not body or self.header.colour not in (GREY, RGB):
            return ()
        most = (1 << depth) - 1
        samples = struct.unpack(f">{self.header.samples}H", body)
        return tuple((sample & most) * max(1, 255 // most) for sample in samples)


def parsed(data: bytes) -> Picture:
    """The file's chunks; ContentError where it is cut off, damaged, or not what it claims to be."""
    view = memoryview(data)
    if view[:8] != _SIGNATURE:
        msg = "the picture does not start as a PNG does"
        raise ContentError(msg)
    chunks, at = list[Chunk](), 8
    while not chunks or chunks[-1].kind != b"IEND":
        chunks.append(_chunk(view, at))
        at += len(chunks[-1].whole)
    header = _header(chunks[0])
    _check(header, chunks)
    return Picture(header, tuple(chunks), view[at:])


def _chunk(view: memoryview, at: int) -> Chunk:
    size, kind = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8])
    whole = view[at : at + 12 + size]
    if len(kind) < 4:
        msg = "the PNG has no end (IEND)"
        raise ContentError(msg)
    if not kind.isalpha() or not kind.isascii():
        msg = f"the PNG has something that is no chunk at byte {at}"
        raise ContentError(msg)
    name = kind.decode("ascii")
    if len(whole) < 12 + size:
        msg = f"the PNG ends inside its {name} chunk"
        raise ContentError(msg)
    if kind[:1].isupper() and kind not in _CRITICAL:
        msg = f"the PNG has a chunk {name} that is needed to show it and that no standard knows"
        raise ContentError(msg)
    if kind in _CHECKED and crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
        msg = f"the PNG is damaged: the CRC of its {name} chunk at byte {at} is wrong"
        raise ContentError(msg)
    return Chunk(kind, whole[8:-4], whole)


def _header(chunk: Chunk) -> Header:
    if chunk.kind != b"IHDR" or len(chunk.body) != _IHDR.size:
        msg = "the PNG does not start with its header (IHDR)"
        raise ContentError(msg)
    width, height, depth, colour, deflate, filters, interlace = _IHDR.unpack(chunk.body)
    if not 0 < width <= _LARGEST or not 0 < height <= _LARGEST:
        msg = f"the PNG says that it is {width} x {height} pixels large"
        raise ContentError(msg)
    if depth not in _DEPTHS.get(colour, ()):
        msg = f"the PNG has colour type {colour} with {depth} bits, which the standard does not know"
        raise ContentError(msg)
    if deflate or filters or interlace > 1:
        msg = f"the PNG has methods that no standard knows ({deflate}, {filters}, {interlace})"
        raise ContentError(msg)
    return Header(width, height, depth, colour, interlace == 1)


def _check(header: Header, chunks: list[Chunk]) -> None:
    kinds = [chunk.kind for chunk in chunks]
    for kind in _ONCE:
        if kinds.count(kind) > 1:
            msg = f"the PNG has more than one {kind.decode()} chunk"
            raise ContentError(msg)
    if b"IDAT" not in kinds:
        msg = "the PNG has no picture data (IDAT)"
        raise ContentError(msg)
    first = kinds.index(b"IDAT")
    count = kinds.count(b"IDAT")
    if any(kind != b"IDAT" for kind in kinds[first : first + count]):
        msg = "the PNG has other chunks between its IDAT chunks"
        raise ContentError(msg)
    if any(kind in kinds[first:] for kind in (b"PLTE", b"tRNS")):
        msg = "the PNG has its colours behind the picture data"
        raise ContentError(msg)
    _check_colours(header, {chunk.kind: len(chunk.body) for chunk in chunks})


def _check_colours(header: Header, sizes: Mapping[bytes, int]) -> None:
    colours = sizes.get(b"PLTE", 0)
    if header.colour == PALETTE and (not 3 <= colours <= 3 << header.depth or colours % 3):
        msg = f"the PNG has a palette of {colours} bytes for {header.depth} bits"
        raise ContentError(msg)
    most = {PALETTE: range(colours // 3 + 1), GREY: (2,), RGB: (6,)}.get(header.colour, ())
    if b"tRNS" in sizes and sizes[b"tRNS"] not in most:
        msg = f"the PNG has a tRNS chunk of {sizes[b'tRNS']} bytes, which does not fit its colour type"
        raise ContentError(msg)


def written(picture: Picture, new: Mapping[int, Iterable[Piece]]) -> bytes:
    """The file with other bytes in place of some chunks, which are named by their number. All else is
    byte for byte as it was; but where picture data change, a chunk with offsets into them goes."""
    redrawn = any(picture.chunks[number].kind == b"IDAT" for number in new)
    parts: list[Piece] = [_SIGNATURE]
    for number, old in enumerate(picture.chunks):
        if not redrawn or old.kind != _OFFSETS:
            parts += new.get(number, (old.whole,))
    return b"".join((*parts, picture.rest))


def replaced(picture: Picture, bodies: Mapping[bytes, Piece | None]) -> dict[int, Iterable[Piece]]:
    """For `written`: other payloads for the chunks of some kinds (None: without the chunk)."""
    new: dict[int, Iterable[Piece]] = {}
    for number, old in enumerate(picture.chunks):
        if old.kind in bodies:
            body = bodies[old.kind]
            new[number] = () if body is None else chunk(old.kind, body)
    return new


def run(numbers: Sequence[int], chunks: Iterable[Iterable[Piece]]) -> dict[int, Iterable[Piece]]:
    """For `written`: new chunks in place of some that follow each other."""
    new: dict[int, Iterable[Piece]] = dict.fromkeys(numbers, ())
    new[numbers[0]] = [piece for whole in chunks for piece in whole]
    return new


def chunk(kind: bytes, *body: Piece) -> Iterator[Piece]:
    """A chunk in pieces."""
    crc = crc32(kind)
    for piece in body:
        crc = crc32(piece, crc)
    yield sum(map(len, body)).to_bytes(4, "big") + kind
    yield from body
    yield crc.to_bytes(4, "big")


def cut(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pieces in groups of about `CUT` bytes, each for one chunk."""
    group, size = list[Piece](), 0
    for piece in pieces:
        for at in range(0, len(piece), CUT):
            group.append(piece[at : at + CUT] if len(piece) > CUT else piece)
            size += len(group[-1])
            if size >= CUT:
                yield group
                group, size = [], 0
    if group:
        yield group
