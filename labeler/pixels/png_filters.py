"""The filters of PNG (W3C PNG, 9.2) on some columns of many rows at once.

The bytes of rows are pixels of an image here (L), so that Pillow does the arithmetic.
"""

from __future__ import annotations

from PIL import Image, ImageChops

NONE, SUB, UP, AVERAGE, PAETH = range(5)
"""The first byte of each row."""


def refiltered(old: bytes, pixels: bytes, stride: int, step: int, columns: range) -> bytes:
    """The filtered rows `old` with other pixels in some columns.

    `pixels` are the unfiltered bytes of the row above and of all rows, `stride` of each; a pixel has
    `step` of them. `columns` are those bytes of a row that differ from what was filtered or have a
    neighbour that does. Every row keeps its filter, so that the other columns stay as they are.
    """
    result, filters = bytearray(old), old[:: stride + 1]
    start, width = columns.start, len(columns)
    for kind in set(filters):
        rows = [row for row, one in enumerate(filters) if one == kind]
        here, left, upper, corner = (
            _rows(pixels, stride, which, start - x, width)
            for which in ([row + 1 for row in rows], rows)
            for x in (0, step)
        )
        new = ImageChops.subtract_modulo(here, _expected(kind, left, upper, corner)).tobytes()
        for number, row in enumerate(rows):
            place = row * (stride + 1) + 1 + start
            result[place : place + width] = new[number * width : (number + 1) * width]
    return bytes(result)


def _rows(pixels: bytes, stride: int, rows: list[int], start: int, width: int) -> Image.Image:
    """So many bytes of these rows, one below the other; 0 before a row begins."""
    before, first = bytes(max(0, -start)), max(0, start)
    parts = [before + pixels[row * stride + first : row * stride + start + width] for row in rows]
    return Image.frombytes("L", (width, len(rows)), b"".join(parts))


def _expected(kind: int, left: Image.Image, upper: Image.Image, corner: Image.Image) -> Image.Image:
    if kind == NONE:
        return Image.new("L", left.size)
    if kind == SUB:
        return left
    if kind == UP:
        return upper
    if kind == AVERAGE:
        return ImageChops.add(left, upper, 2)
    return _paeth(left, upper, corner)


def _paeth(left: Image.Image, upper: Image.Image, corner: Image.Image) -> Image.Image:
    """Whichever of the three comes closest to left + upper - corner, in this order (9.4).

    The corner does only if it lies between the two others and their distances from it differ by less
    than the smaller one; else it is the one that is further from the corner.
    """
    to_left, to_upper = ImageChops.difference(left, corner), ImageChops.difference(upper, corner)
    closest = left.copy()
    closest.paste(upper, mask=_above(to_upper, to_left))
    between = _above(ImageChops.darker(to_upper, to_left), ImageChops.difference(to_upper, to_left))
    between.paste(0, mask=_above(ImageChops.darker(left, upper), corner))
    between.paste(0, mask=_above(corner, ImageChops.lighter(left, upper)))
    closest.paste(corner, mask=between)
    return closest


def _above(one: Image.Image, other: Image.Image) -> Image.Image:
    """A mask of the pixels where one image is above the other."""
    return ImageChops.subtract(one, other).point([0] + [255] * 255)
