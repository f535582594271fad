"""What a label changes in the filtered stream of a PNG, and nothing but that.

Only the rows under the label are decoded for good. A row's filter (W3C PNG, 9) may refer to the row
above, so those further up are gone through as well, but no further than to the last one that refers to
none. An interlaced picture (Adam7) is seven small ones, each with its share of the label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from PIL import Image

from labeler.errors import ContentError
from labeler.pixels.mark import Mark
from labeler.pixels.png_deflate import BAND, Inflater
from labeler.pixels.png_file import Header
from labeler.pixels.png_filters import refiltered
from labeler.pixels.png_rows import Planes, raw, unfiltered

Lay = Callable[[Planes, Mark], None]
"""Puts a mark onto pixels, in place; it is in their columns and rows, and some of these lie around it."""
_ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_ALONE = b"\0\1"
"""Filters that do not refer to the row above: None and Sub."""
_FILTERS = b"\0\1\2\3\4"
_WAITING = 4 * BAND
"""Bytes of rows that are decoded at once, if none turns up meanwhile that makes it needless: 1 MiB."""


class Change(NamedTuple):
    """Bytes of the stream, from `start` on, that others of the same length replace."""

    start: int
    old: bytes
    new: bytes

    @property
    def end(self) -> int:
        """Behind the last byte."""
        return self.start + len(self.old)


class Pass(NamedTuple):
    """One of the pictures that a stream consists of: seven if it is interlaced, else one.

    It has the pixels `x + dx * column`, `y + dy * row` of the whole. `stride` is the length of a row in
    bytes without the filter's, `start` where the pass stands in the stream.
    """

    x: int
    y: int
    dx: int
    dy: int
    width: int
    height: int
    stride: int
    start: int

    @property
    def size(self) -> int:
        """Bytes in the stream."""
        return (self.stride + 1) * self.height

    def share(self, label: Mark) -> Mark | None:
        """The part of the label that falls on pixels of this pass, in its columns and rows."""
        if self.dx == self.dy == 1:
            return label
        left, top, right, bottom = label.box
        columns = range(-((self.x - left) // self.dx), -((self.x - right) // self.dx))
        rows = range(-((self.y - top) // self.dy), -((self.y - bottom) // self.dy))
        if not columns or not rows:
            return None
        x, y = self.x + self.dx * columns[0] - left, self.y + self.dy * rows[0] - top
        # Pillow looks for the source of a pixel's middle
        matrix = self.dx, 0, x + 0.5 - self.dx / 2, 0, self.dy, y + 0.5 - self.dy / 2
        size = len(columns), len(rows)
        tile = label.image.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST)
        return Mark(columns[0], rows[0], tile)


def passes(header: Header) -> list[Pass]:
    """The passes that have pixels, in the order of the stream."""
    found, start = list[Pass](), 0
    for x, y, dx, dy in _ADAM7 if header.interlaced else ((0, 0, 1, 1),):
        width, height = -((x - header.width) // dx), -((y - header.height) // dy)
        if width > 0 and height > 0:
            found.append(Pass(x, y, dx, dy, width, height, (width * header.bits + 7) // 8, start))
            start += found[-1].size
    return found


def length(header: Header) -> int:
    """Bytes of the whole stream."""
    return sum(part.size for part in passes(header))


def changes(stream: Inflater, header: Header, label: Mark, lay: Lay) -> list[Change]:
    """What the label changes, in order. The stream is read no further than to the last change."""
    found = list[Change]()
    for part in passes(header):
        if share := part.share(label):
            stream.skip(part.start - stream.position)
            found.append(_change(stream, header, part, share, lay))
    return found


def _change(stream: Inflater, header: Header, part: Pass, label: Mark, lay: Lay) -> Change:
    """The row below the label and the column on its right change too, where their filters refer to it."""
    left, top, right, bottom = label.box
    above = _row_above(stream, header, part, top)
    start = stream.position
    old = stream.read((min(bottom + 1, part.height) - top) * (part.stride + 1))
    _last_alone(old, part)
    planes = unfiltered(old, above, part.width, header)
    lay(planes, Mark(label.left, 1, label.image))
    step = max(1, header.bits // 8)
    columns = range(left * header.bits // 8, min(right * header.bits // 8 + 1 + step, part.stride))
    return Change(start, old, refiltered(old, raw(planes, header), part.stride, step, columns))


def _row_above(stream: Inflater, header: Header, part: Pass, top: int) -> bytes:
    """The unfiltered row above row `top`, to which the stream goes on."""
    row, waiting = bytes(part.stride), list[bytes]()
    for band in _bands(stream, part, top):
        alone = _last_alone(band, part)
        waiting = [*waiting, band] if alone < 0 else [band[alone * (part.stride + 1) :]]
        if sum(map(len, waiting)) >= _WAITING:
            row, waiting = _last(b"".join(waiting), row, header, part), []
    return _last(b"".join(waiting), row, header, part) if waiting else row


def _bands(stream: Inflater, part: Pass, rows: int) -> Iterator[bytes]:
    """The next rows of a pass, many at a time."""
    many = max(1, BAND // (part.stride + 1))
    for row in range(0, rows, many):
        yield stream.read(min(many, rows - row) * (part.stride + 1))


def _last(rows: bytes, above: bytes, header: Header, part: Pass) -> bytes:
    """The last of the rows, unfiltered."""
    planes = unfiltered(rows, above, part.width, header)
    size = planes[0].size
    return raw([plane.crop((0, size[1] - 1, *size)) for plane in planes], header)


def _last_alone(rows: bytes, part: Pass) -> int:
    """The number of the last row whose filter does not refer to the one above; -1 without one."""
    filters = rows[:: part.stride + 1]
    if filters.translate(None, _FILTERS):
        msg = "the PNG has a row with a filter that no standard knows"
        raise ContentError(msg)
    return max(map(filters.rfind, (_ALONE[:1], _ALONE[1:])))
