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
    height = len(old) // (stride + 1)
    rows = Image.frombytes("L", (stride, height + 1), pixels)
    here, left, upper, corner = (
        rows.crop((columns.start - x, 1 - y, columns.stop - x, height + 1 - y))
        for x, y in ((0, 0), (step, 0), (0, 1), (step, 1))
    )
    filters = old[:: stride + 1]
    expected = Image.new("L", here.size)
    for kind in set(filters) - {NONE}:
        expected.paste(_expected(kind, left, upper, corner), mask=_rows(filters, kind, len(columns)))
    result = Image.frombytes("L", (stride + 1, height), old)
    result.paste(ImageChops.subtract_modulo(here, expected), (1 + columns.start, 0))
    return result.tobytes()


def _rows(filters: bytes, kind: int, width: int) -> Image.Image:
    """A mask of the rows with a filter."""
    column = Image.frombytes("L", (1, len(filters)), filters)
    return column.point([255 * (value == kind) for value in range(256)]).resize(
        (width, len(filters)), Image.Resampling.NEAREST
    )


def _expected(kind: int, left: Image.Image, upper: Image.Image, corner: Image.Image) -> Image.Image:
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
