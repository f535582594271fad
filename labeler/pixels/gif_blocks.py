"""The blocks of a GIF (GIF89a specification): frames with their control extensions, the rest as it is.

Only frames are understood; comments, application extensions (loops, XMP) and plain text pass as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from labeler.errors import ContentError
from labeler.pixels.animation import Box, Disposal
from labeler.pixels.base import reading
from labeler.pixels.contrast import RGB

_TABLE, _SIZE, _INTERLACED = 0x80, 0x07, 0x40
"""Flags of the screen's and of a frame's descriptor."""
_DISPOSALS: dict[int, Disposal] = {2: "clear", 3: "restore"}


class Frame(NamedTuple):
    """A frame: its rectangle, the flags of its descriptor, its own table of colours (b"": the global one
    counts), the bits of its codes, and the coded pixels in sub-blocks.

    `at` is its place among the pieces of the file, `control_at` that of its control extension, whose four
    bytes are `control`; None and b"" without one.
    """

    box: Box
    flags: int
    table: bytes
    bits: int
    coded: bytes | memoryview
    at: int
    control: bytes
    control_at: int | None

    @property
    def transparent(self) -> int | None:
        """The index of pixels that show what is below."""
        return self.control[3] if self.control and self.control[0] & 1 else None

    @property
    def disposal(self) -> Disposal:
        """What becomes of it."""
        return _DISPOSALS.get(self.control[0] >> 2 & 7, "keep") if self.control else "keep"

    def indices(self) -> Image.Image:
        """Its pixels as indices (L)."""
        left, top, right, bottom = self.box
        interlaced = bool(self.flags & _INTERLACED)
        with reading("GIF"):
            return Image.frombytes(
                "L", (right - left, bottom - top), bytes(self.coded), "gif", self.bits, interlaced
            )

    def with_indices(self, indices: Image.Image) -> Frame:
        """The frame with other pixels (L)."""
        _, most = indices.getextrema()
        bits = max(self.bits, int(most).bit_length(), 2)  # type: ignore[arg-type]
        coded = indices.tobytes("gif", "L", bits, bool(self.flags & _INTERLACED)) + b"\0"
        return self._replace(bits=bits, coded=coded)

    def with_table(self, colours: Sequence[RGB]) -> Frame:
        """The frame with a table of colours of its own."""
        table = packed_table(colours)
        flags = self.flags & ~(_SIZE | 0x20) | _TABLE | table_size(table)
        return self._replace(flags=flags, table=table)

    def with_transparent(self, index: int) -> Frame:
        """The frame with another transparent index."""
        control = self.control or b"\0\0\0\0"
        return self._replace(control=bytes((control[0] | 1, control[1], control[2], index)))

    def bytes(self) -> bytes:
        """Descriptor, table and coded pixels, without the control extension."""
        left, top, right, bottom = self.box
        sides = b"".join(side.to_bytes(2, "little") for side in (left, top, right - left, bottom - top))
        return b"".join((b",", sides, bytes((self.flags,)), self.table, bytes((self.bits,)), self.coded))


class Gif(NamedTuple):
    """A file: its first 13 bytes, the global table of colours, all blocks, and the frames among them."""

    screen: bytes
    table: bytes
    pieces: list[bytes | memoryview]
    frames: list[Frame]

    def bytes(self) -> bytes:
        """The file."""
        return b"".join((self.screen, self.table, *self.pieces))

    def put(self, frame: Frame) -> None:
        """Write a changed frame into the pieces."""
        control = b"!\xf9\x04" + frame.control + b"\0" if frame.control else b""
        self.pieces[frame.at] = frame.bytes()
        if frame.control_at is not None:
            self.pieces[frame.control_at] = control
        else:
            self.pieces[frame.at] = control + self.pieces[frame.at]

    def with_table(self, colours: Sequence[RGB]) -> Gif:
        """The file with another global table of colours."""
        table = packed_table(colours)
        flags = self.screen[10] & ~_SIZE | _TABLE | table_size(table)
        return self._replace(screen=self.screen[:10] + bytes((flags,)) + self.screen[11:], table=table)


def colours(table: bytes) -> list[RGB]:
    """A table's colours."""
    return [(table[at], table[at + 1], table[at + 2]) for at in range(0, len(table), 3)]


def packed_table(colours: Sequence[RGB]) -> bytes:
    """The colours as a table, whose length is a power of two, filled up with black."""
    room = max(2, 1 << (len(colours) - 1).bit_length())
    return bytes(channel for colour in colours for channel in colour).ljust(3 * room, b"\0")


def table_size(table: bytes) -> int:
    """The field that tells a table's length."""
    return (len(table) // 3).bit_length() - 2


def parsed(data: bytes) -> Gif:
    """The pieces of a file; ContentError where it ends too early."""
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < 13:
        msg = "the GIF ends inside its head" if data[:3] == b"GIF" else "this is no GIF file"
        raise ContentError(msg)
    at = 13 + _table_length(data[10])
    blocks = _Blocks(data, at)
    blocks.read()
    return Gif(data[:13], data[13:at], blocks.pieces, blocks.frames)


def _table_length(flags: int) -> int:
    return 3 << (flags & _SIZE) + 1 if flags & _TABLE else 0


class _Blocks:
    """Walks over the blocks and cuts them into pieces."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._view, self._at = data, memoryview(data), at
        self._control_at: int | None = None
        self.pieces: list[bytes | memoryview] = []
        self.frames: list[Frame] = []

    def read(self) -> None:
        """All blocks; the last piece is the trailer and what follows it, if there is any."""
        self._need(self._at)
        while self._at < len(self._data):
            kind = self._data[self._at]
            if kind == 0x3B:
                self.pieces.append(self._view[self._at :])
                break
            if kind == 0x2C:
                self._frame()
            elif kind == 0x21:
                self._extension()
            elif kind == 0:  # some writers end blocks twice
                self._piece(self._at + 1)
            else:
                msg = f"the GIF has an unknown block (0x{kind:02x})"
                raise ContentError(msg)

    def _need(self, end: int) -> int:
        if end > len(self._data):
            msg = "the GIF is cut off"
            raise ContentError(msg)
        return end

    def _piece(self, end: int) -> None:
        self.pieces.append(self._view[self._at : self._need(end)])
        self._at = end

    def _behind(self, at: int) -> int:
        """The end of a chain of sub-blocks."""
        while self._data[self._need(at + 1) - 1]:
            at += 1 + self._data[at]
        return at + 1

    def _extension(self) -> None:
        self._need(self._at + 3)
        label, size = self._data[self._at + 1 : self._at + 3]
        if label == 0xF9 and size == 4:
            self._control_at = len(self.pieces)
        elif label == 0x01:  # plain text: the control extension was for it
            self._control_at = None
        self._piece(self._behind(self._at + 2))

    def _frame(self) -> None:
        start = self._need(self._at + 10)
        left, top, width, height = (
            int.from_bytes(self._data[at : at + 2], "little") for at in range(self._at + 1, start - 1, 2)
        )
        flags = self._data[start - 1]
        codes = self._need(start + _table_length(flags) + 1)
        end = self._behind(codes)
        frame = Frame(
            (left, top, left + width, top + height),
            flags,
            self._data[start : codes - 1],
            self._data[codes - 1],
            self._view[codes:end],
            len(self.pieces),
            bytes(self.pieces[self._control_at][3:7]) if self._control_at is not None else b"",
            self._control_at,
        )
        self.frames.append(frame)
        self._piece(end)
        self._control_at = None
