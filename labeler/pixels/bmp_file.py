"""The parts of a BMP: its header, its palette, its rows (Windows GDI: BITMAPFILEHEADER to BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels.contrast import RGB

RGB_, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6
"""Compressions."""
_CORE, _INFO, _V5 = 12, 40, 124
"""Lengths of headers."""
_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 24: (0xFF0000, 0xFF00, 0xFF, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
"""Of red, green, blue and alpha, where the file has none of its own."""


class Bitmap(NamedTuple):
    """A file. `header` is the header's length, `bits` are those of a pixel, `palette` is where the colours
    start, of `entry` bytes each; `start` and `end` are where the rows are; `masks` those of red, green, blue
    and alpha in a pixel of 16 bits or more."""

    data: bytes
    header: int
    width: int
    height: int
    downwards: bool
    bits: int
    compression: int
    palette: int
    entry: int
    colours: list[RGB]
    start: int
    end: int
    masks: tuple[int, int, int, int]

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return stride(self.width, self.bits)

    def row(self, y: int) -> int:
        """Where the row that is seen as the one of number `y` starts."""
        return self.start + (y if self.downwards else self.height - 1 - y) * self.stride

    def rebuilt(self, bits: int, colours: Sequence[RGB], rows: Sequence[bytes]) -> bytes:
        """The file uncompressed, with other bits, palette and rows (as seen, without padding). What stands
        behind the rows stays there; a colour profile is still found."""
        padding = bytes(stride(self.width, bits) - len(rows[0]))
        pixels = b"".join(row + padding for row in (rows if self.downwards else reversed(rows)))
        palette = b"".join(bytes((*reversed(colour), 0)[: self.entry]) for colour in colours)
        if self.header == _CORE and bits <= 8:  # has no field that tells how many there are
            palette = palette.ljust(self.entry << bits, b"\0")
        start = self.palette + len(palette)
        head = bytearray(self.data[: self.palette])
        moved = start + len(pixels) - self.end
        struct.pack_into("<I4xI", head, 2, len(self.data) + moved & 0xFFFFFFFF, start)
        if self.header == _CORE:
            struct.pack_into("<H", head, 24, bits)
        else:
            struct.pack_into("<HII", head, 28, bits, RGB_, len(pixels))
            struct.pack_into("<II", head, 46, len(colours), 0)
        if self.header >= _V5:
            (profile,) = struct.unpack_from("<I", head, 14 + 112)
            if 14 + profile >= self.end:
                struct.pack_into("<I", head, 14 + 112, profile + moved & 0xFFFFFFFF)
        return b"".join((head, palette, pixels, self.data[self.end :]))


def stride(width: int, bits: int) -> int:
    """Bytes of a row, a multiple of four."""
    return (width * bits + 31) // 32 * 4


def parsed(data: bytes, head: Head) -> Bitmap:
    """The file; ContentError where it is cut off or of a kind that is not known."""
    if len(data) < 26 or data[:2] != b"BM":
        _refuse("ends inside its header")
    start, header = struct.unpack_from("<II", data, 10)
    core = header == _CORE
    if not core and (header < _INFO or len(data) < 14 + header):
        _refuse(f"has an unknown header ({header} bytes)" if header < _INFO else "ends inside its header")
    width, height, _, bits = struct.unpack_from("<HHHH" if core else "<iiHH", data, 18)
    compression, size, used = (0, 0, 0) if core else struct.unpack_from("<II8xI", data, 30)
    if (width, abs(height)) != head[:2]:
        _refuse(f"is {width} x {height} pixels large, but was told to be {head.width} x {head.height}")
    masks, masked = _masks(data, header, bits, compression)
    palette, entry = 14 + header + masked, 3 if core else 4
    colours = _colours(data[palette:start], entry, min(used or 1 << bits, 1 << bits)) if bits <= 8 else []
    rle = compression in (RLE8, RLE4)
    end = start + (size if rle else stride(width, bits) * abs(height))
    if not palette <= start < end <= len(data):
        _refuse("is cut off: its rows lie behind its end")
    return Bitmap(
        *(
            data,
            header,
            width,
            abs(height),
            height < 0,
            bits,
            compression,
            palette,
            entry,
            colours,
            start,
            end,
        ),
        masks,
    )


def _masks(data: bytes, header: int, bits: int, compression: int) -> tuple[tuple[int, int, int, int], int]:
    """The masks, and how many bytes of them stand behind the header."""
    fine = {1: (RGB_,), 2: (RGB_,), 4: (RGB_, RLE4), 8: (RGB_, RLE8), 24: (RGB_,)}
    if compression not in fine.get(bits, (RGB_, BITFIELDS, ALPHA_BITFIELDS)) or bits not in (*fine, 16, 32):
        _refuse(f"has {bits} bits in a pixel with compression {compression}")
    if compression not in (BITFIELDS, ALPHA_BITFIELDS):
        return _MASKS.get(bits, (0, 0, 0, 0)), 0
    count = 4 if compression == ALPHA_BITFIELDS or header >= 56 else 3
    if len(data) < 54 + 4 * count:
        _refuse("ends inside its header")
    red, green, blue, *alpha = struct.unpack_from(f"<{count}I", data, 54)
    masks = red, green, blue, alpha[0] if alpha else 0
    if not all(_sound(mask, bits) for mask in masks) or not all(masks[:3]):
        _refuse("has masks of colours that make no sense")
    return masks, 4 * count if header == _INFO else 0


def _sound(mask: int, bits: int) -> bool:
    """Whether the bits of a mask stand together, and in the pixel."""
    field = mask >> shift(mask)
    return mask >> bits == 0 and field & field + 1 == 0


def shift(mask: int) -> int:
    """How many bits stand below the mask's."""
    return (mask & -mask).bit_length() - 1 if mask else 0


def _colours(palette: bytes, entry: int, count: int) -> list[RGB]:
    count = min(count, len(palette) // entry)
    return [(palette[at + 2], palette[at + 1], palette[at]) for at in range(0, count * entry, entry)]


def _refuse(why: str) -> NoReturn:
    msg = f"the BMP {why}"
    raise ContentError(msg)
