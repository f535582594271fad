"""The visible label in BMP: pixels below it change in place, every other byte of the file stays.

Only where the palette lacks the label's colours, and in run-length codes, are the rows written anew, without
compression and with as many bits as it takes.
"""

from __future__ import annotations

import sys
from array import array
from typing import Literal

from PIL import Image

from labeler.media.base import Head
from labeler.pixels.base import Drawn, composite
from labeler.pixels.bmp_file import RLE4, RLE8, Bitmap, parsed, shift
from labeler.pixels.bmp_rle import decoded
from labeler.pixels.mark import Mark, mark
from labeler.pixels.palette import Painted, coloured, painted, tile
from labeler.pixels.samples import Layout, drawn, gathered, spread
from labeler.values import Look

_CODES: dict[int, Literal["H", "I"]] = {16: "H", 32: "I"}


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The picture with its label; see `labeler.pixels.base.Drawer`. Always `identical`."""
    bitmap = parsed(data, head)
    label = mark(look, head.width, head.height, head.orientation)
    if bitmap.bits <= 8:
        return Drawn(_indexed(bitmap, label, look), "identical")
    ink = (
        _bytewise
        if all(mask in (0, *(0xFF << at for at in range(0, 32, 8))) for mask in bitmap.masks)
        else _bitwise
    )
    size = bitmap.bits // 8
    return Drawn(
        _replaced(bitmap, label, size, ink(_cut(bitmap, label, size), bitmap, label.image)), "identical"
    )


def _cut(bitmap: Bitmap, label: Mark, size: int) -> bytes:
    """The pixels below the label, of `size` bytes each."""
    left, top, right, bottom = label.box
    rows = (bitmap.row(y) for y in range(top, bottom))
    return b"".join(bitmap.data[row + left * size : row + right * size] for row in rows)


def _replaced(bitmap: Bitmap, label: Mark, size: int, pixels: bytes) -> bytes:
    """The file with other pixels below the label."""
    left, top, right, bottom = label.box
    result, width = bytearray(bitmap.data), (right - left) * size
    for number, y in enumerate(range(top, bottom)):
        row = bitmap.row(y)
        result[row + left * size : row + right * size] = pixels[number * width : (number + 1) * width]
    return bytes(result)


def _bytewise(pixels: bytes, bitmap: Bitmap, label: Image.Image) -> bytes:
    """Draws on pixels whose colours are bytes."""
    size, places = bitmap.bits // 8, [shift(mask) // 8 for mask in bitmap.masks if mask]
    alpha: Literal["", "straight"] = "straight" if len(places) == 4 else ""
    ordered, result = bytearray(len(pixels) // size * len(places)), bytearray(pixels)
    for at, place in enumerate(places):
        ordered[at :: len(places)] = pixels[place::size]
    new = drawn(bytes(ordered), label, Layout("RGB", alpha, len(places)))
    for at, place in enumerate(places):
        result[place::size] = new[at :: len(places)]
    return bytes(result)


def _bitwise(pixels: bytes, bitmap: Bitmap, label: Image.Image) -> bytes:
    """Draws on pixels whose colours are a few bits each; only those that the label covers change."""
    values = array(_CODES[bitmap.bits], pixels)
    if sys.byteorder == "big":
        values.byteswap()
    fields = [(shift(mask), mask >> shift(mask)) for mask in bitmap.masks if mask]
    flat = bytes((value >> low & most) * 255 // most for value in values for low, most in fields)
    new = drawn(flat, label, Layout("RGB", "straight" if len(fields) == 4 else "", len(fields)))
    everything = sum(bitmap.masks)
    for at, covered in enumerate(label.getchannel("A").tobytes()):
        if covered:
            channels = zip(fields, new[at * len(fields) : (at + 1) * len(fields)], strict=True)
            packed = sum(round(channel * most / 255) << low for (low, most), channel in channels)
            values[at] = values[at] & ~everything | packed
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def _indexed(bitmap: Bitmap, label: Mark, look: Look) -> bytes:
    """Draws on indices: in place if the palette's colours do, else in a picture of 8 or 24 bits."""
    indices = _indices(bitmap)
    fit = _fitted(bitmap, indices, label, look)
    if fit is None:
        picture = coloured(indices, bitmap.colours)
        composite(picture, label)
        return bitmap.rebuilt(24, [], _lines(picture.tobytes("raw", "BGR"), 3 * bitmap.width))
    indices.paste(fit.indices, label.box, _covered(label))
    lines = _lines(indices.tobytes(), bitmap.width)
    if fit.colours == bitmap.colours and bitmap.compression not in (RLE8, RLE4):
        return _in_place(bitmap, label, lines)
    return bitmap.rebuilt(8, fit.colours, lines)


def _indices(bitmap: Bitmap) -> Image.Image:
    """All pixels as indices (L)."""
    if bitmap.compression in (RLE8, RLE4):
        codes = bitmap.data[bitmap.start : bitmap.end]
        rows = decoded(codes, bitmap.width, bitmap.height, bitmap.bits)
        rows = rows if bitmap.downwards else rows[::-1]
    else:
        stored = (bitmap.data[bitmap.row(y) :][: bitmap.stride] for y in range(bitmap.height))
        rows = [spread(row, bitmap.bits)[: bitmap.width] for row in stored]
    return Image.frombytes("L", (bitmap.width, bitmap.height), b"".join(rows))


def _covered(label: Mark) -> Image.Image:
    return label.image.getchannel("A").point(lambda alpha: 255 if alpha else 0)


def _fitted(bitmap: Bitmap, indices: Image.Image, label: Mark, look: Look) -> Painted | None:
    """The label in colours of the palette, or in entries that no pixel uses."""
    ground = coloured(indices.crop(label.box), bitmap.colours)
    composite(ground, Mark(0, 0, label.image))
    wanted, usable = tile(ground, label.image, look), range(len(bitmap.colours))
    fit = painted(wanted, bitmap.colours, usable, ())
    if fit and fit.faithful:
        return fit
    rest = Image.new("L", indices.size, 255)
    rest.paste(0, label.box, _covered(label))
    used = indices.histogram(rest)
    return painted(wanted, bitmap.colours, usable, [index for index in range(256) if not used[index]])


def _lines(pixels: bytes, length: int) -> list[bytes]:
    return [pixels[at : at + length] for at in range(0, len(pixels), length)]


def _in_place(bitmap: Bitmap, label: Mark, lines: list[bytes]) -> bytes:
    """The file with the rows that the label touches."""
    result, count = bytearray(bitmap.data), 8 // bitmap.bits
    for y in range(label.box[1], label.box[3]):
        packed = gathered(lines[y].ljust(-(-bitmap.width // count) * count, b"\0"), bitmap.bits)
        result[bitmap.row(y) : bitmap.row(y) + len(packed)] = packed
    return bytes(result)
