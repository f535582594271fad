"""How large the primary picture of a meta box is, and how viewers turn it: its properties ispe, clap, irot
and imir (ISO/IEC 23008-12, 6.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media.bmff_boxes import NAME, Box, Fields, inside, only
from labeler.media.bmff_items import Meta

_TURNS = (
    *((1, 0, 0, 1), (-1, 0, 0, 1), (-1, 0, 0, -1), (1, 0, 0, -1)),
    *((0, 1, 1, 0), (0, -1, 1, 0), (0, -1, -1, 0), (0, 1, -1, 0)),
)
"""EXIF orientations 1 to 8 as matrices that lead from a stored point (x right, y down) to a shown one."""
_LEFT, _UPSIDE_DOWN, _MIRRORED = 8, 4, 2
"""A quarter turn anticlockwise (irot), and imir's two axes: top to bottom and left to right."""


class Shape(NamedTuple):
    """Width and height in pixels, those of the part that is shown (`clap`), and the orientation as EXIF
    counts it."""

    width: int
    height: int
    cut: tuple[int, int]
    orientation: int


def shape(data: bytes, meta: Meta) -> Shape | None:
    """The shape of the primary item, None where it has none."""
    size, cut, turned = None, None, 1
    for box in _properties(data, meta) if meta.iprp else ():
        if box.kind == b"ispe":
            fields = Fields(data, box, 4)
            size = fields.number(4), fields.number(4)
        elif box.kind == b"clap":
            cut = _cut(Fields(data, box))
        elif box.kind == b"irot":
            for _ in range(Fields(data, box).number(1) & 3):
                turned = _then(turned, _LEFT)
        elif box.kind == b"imir":
            turned = _then(turned, _MIRRORED if Fields(data, box).number(1) & 1 else _UPSIDE_DOWN)
    if size is None:
        return None
    sound = cut and 0 < cut[0] <= size[0] and 0 < cut[1] <= size[1]
    return Shape(*size, cut if cut and sound else size, turned)


def _properties(data: bytes, meta: Meta) -> Iterator[Box]:
    """The properties of the primary item, in the order in which they apply."""
    parts = inside(data, meta.iprp) if meta.iprp else []
    ipco = only(parts, b"ipco")
    known = inside(data, ipco) if ipco else []
    for ipma in parts:
        if ipma.kind == b"ipma":
            for number in _numbers(data, ipma, meta.primary):
                if 0 < number <= len(known):
                    yield known[number - 1]


def _numbers(data: bytes, ipma: Box, item: int) -> list[int]:
    """The numbers of an item's properties in an ipma box; the highest bit only says how much they matter."""
    fields = Fields(data, ipma)
    version = fields.number(1)
    wide = 2 if fields.number(3) & 1 else 1
    for _ in range(fields.number(4)):
        this, count = fields.number(4 if version else 2), fields.number(1)
        if this == item:
            return [fields.number(wide) & ((1 << 8 * wide - 1) - 1) for _ in range(count)]
        fields.at += count * wide
    return []


def _cut(fields: Fields) -> tuple[int, int] | None:
    """The size of the clean aperture, None for one that is none."""
    width, below, height, under = (fields.number(4) for _ in range(4))
    return (width // below, height // under) if below and under else None


def _then(turned: int, turn: int) -> int:
    """The orientation that two turns give, one after the other."""
    a, b, c, d = _TURNS[turn - 1]
    e, f, g, h = _TURNS[turned - 1]
    return _TURNS.index((a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)) + 1


def checked(width: int, height: int) -> tuple[int, int]:
    """The size; ContentError where the picture would have no pixel."""
    if not width or not height:
        msg = f"the {NAME} file says that its picture is {width} x {height} pixels large"
        raise ContentError(msg)
    return width, height
