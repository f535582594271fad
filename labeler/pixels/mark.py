"""The visible label as pixels: made once for a look and a size of picture, then remembered.

GB 45438-2025, 5.2: text at an edge or in a corner, its height at least 5 % of the shortest side.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from threading import Lock
from typing import NamedTuple

from PIL import Image

from labeler.cache import Cache
from labeler.errors import ContentError, PolicyError
from labeler.pixels.contrast import LEAST, contrast, rgb, worst
from labeler.pixels.font import fitting, font, missing
from labeler.pixels.layout import Block, Breaks, arrange
from labeler.pixels.tile import Size, drawn, stroke
from labeler.values import Look

LEAST_SIZE = 0.05
MOST_MARGIN = 0.2
GRID = 16
"""Pixels along a side of the blocks in which lossy codecs work: an MCU of JPEG where chroma is halved, a
macroblock of VP8."""
LEAST_EM = 12
"""Pixels: at smaller font sizes the strokes of ideographs run together."""


class Mark(NamedTuple):
    """A label for one size of picture: an RGBA tile and where its top left corner stands, in stored
    pixels. The tile is shared: read it, do not change it."""

    left: int
    top: int
    image: Image.Image

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        return self.left, self.top, self.left + self.image.width, self.top + self.image.height


_marks: Cache[Mark] = Cache(32 << 20)
_drawing = Lock()  # FreeType's fonts are not for several threads at once


def mark(look: Look, width: int, height: int, orientation: int = 1, *, grid: int = 1) -> Mark:
    """The label for pictures of `width` by `height` stored pixels that viewers turn as EXIF's
    `orientation` (1 to 8) says: it stands upright in the corner that they see. For a codec that works in
    blocks of `grid` pixels its edges lie between these, where there is room, and its words have soft ones:
    the codec then spends much less on them.

    ContentError where the words do not fit at the height that the rule asks for.
    """
    key = look, width, height, orientation, grid
    found = _marks.get(key)
    if found is None:
        with _drawing:
            found = _made(look, width, height, orientation, grid)
        _marks.put(key, found, found.image.width * found.image.height * 4)
    return found


def check(look: Look) -> list[str]:
    """What is wrong with a look, for people who write policies; empty if it can be drawn and read."""
    return [*_wrong_numbers(look), *_wrong_words(look), *_wrong_colours(look)]


def _wrong_numbers(look: Look) -> Iterator[str]:
    if look.size < LEAST_SIZE:
        yield f"size {look.size} is below {LEAST_SIZE} of the shortest side (GB 45438-2025, 5.2)"
    if not 0 <= look.margin <= MOST_MARGIN:
        yield f"margin {look.margin} is not between 0 and {MOST_MARGIN} of the shortest side"
    if not 0 <= look.opacity <= 1:
        yield f"opacity {look.opacity} is not between 0 and 1"


def _wrong_words(look: Look) -> Iterator[str]:
    if not look.words.strip():
        yield "the visible label has no words"
    try:
        with _drawing:
            lacking = missing(look.font, look.words)
    except PolicyError as error:
        yield from (f"font {one.file}: {one.message}" for one in error.problems)
        return
    if lacking:
        whose = f"the font {look.font}" if look.font else "the font that travels along"
        yield f"{whose} has no glyph for 「{lacking}」: name one that has with `font:`, or choose other words"


def _wrong_colours(look: Look) -> Iterator[str]:
    try:
        colour, plate, outline = (
            rgb(one) if one else None for one in (look.colour, look.plate, look.outline)
        )
    except ValueError as error:
        yield str(error)
        return
    if colour is None:
        yield "the visible label has no colour"
        return
    if plate is None and outline is None:
        yield "the visible label has neither a plate nor an outline: on some pictures nobody could read it"
        return
    on_plate = worst(colour, plate, look.opacity) if plate else 1.0
    on_outline = contrast(colour, outline) if outline else 1.0
    if max(on_plate, on_outline) < LEAST:
        yield (
            f"the words' contrast can be as low as {max(on_plate, on_outline):.1f}, less than {LEAST}: give "
            "them a plate or an outline of another colour, or raise the plate's opacity"
        )


def _made(look: Look, width: int, height: int, orientation: int, grid: int) -> Mark:
    shown = (width, height) if orientation < 5 else (height, width)
    left, top, tile = _stored(_upright(look, *shown, grid), shown, orientation)
    if grid == 1 or tile.width % grid or tile.height % grid:
        return Mark(left, top, tile)
    return Mark(_near(left, grid, width - tile.width), _near(top, grid, height - tile.height), tile)


def _near(at: int, grid: int, most: int) -> int:
    """The line of the grid next to `at` that is not beyond `most`."""
    return min((at + grid // 2) // grid, most // grid) * grid


def _stored(seen: Mark, shown: Size, orientation: int) -> Mark:
    """A label as it is seen in a picture of `shown` pixels, in stored pixels."""
    left, top, tile = seen
    if orientation == 1:
        return seen
    right, bottom = shown[0] - left - tile.width, shown[1] - top - tile.height
    turn, x, y = {
        2: (Image.Transpose.FLIP_LEFT_RIGHT, right, top),
        3: (Image.Transpose.ROTATE_180, right, bottom),
        4: (Image.Transpose.FLIP_TOP_BOTTOM, left, bottom),
        5: (Image.Transpose.TRANSPOSE, top, left),
        6: (Image.Transpose.ROTATE_90, top, right),
        7: (Image.Transpose.TRANSVERSE, bottom, right),
        8: (Image.Transpose.ROTATE_270, bottom, left),
    }[orientation]
    return Mark(x, y, tile.transpose(turn))


def _upright(look: Look, width: int, height: int, grid: int) -> Mark:
    """The label as it is seen."""
    rows = ceil(round(look.size * min(width, height), 6))
    px = max(LEAST_EM, fitting(look.font, look.words, rows))
    layout = next(_layouts(look, px, rows, width, height), None)
    if layout is None:
        raise ContentError(_no_room(look, px, rows, width, height))
    size, spare = _size(layout, width, height, grid)
    tile = drawn(look, px, rows, layout.block, size, soft=spare and grid > 1)
    if layout.turned:
        tile = tile.transpose(Image.Transpose.ROTATE_90)
    return _placed(tile, look.position, layout.margin, width, height)


def _size(layout: _Layout, width: int, height: int, grid: int) -> tuple[Size, bool]:
    """The tile's size before it is turned, in whole steps of the grid where the plate has that much to
    spare; and whether it has."""
    block, pad, margin, turned = layout
    least = block.width + 2 * pad, block.height + 2 * pad
    across, down = (ceil(side / grid) * grid for side in least)
    room = (height, width) if turned else (width, height)
    spare = 2 * pad >= grid and across + 2 * margin <= room[0] and down + 2 * margin <= room[1]
    return ((across, down) if spare else least), spare


def _no_room(look: Look, px: int, rows: int, width: int, height: int) -> str:
    words = " / ".join(look.words.splitlines())
    if px == LEAST_EM:
        why = f"at a font size of {px} pixels, below which nobody could read them, they do not fit"
    else:
        why = f"with characters {rows} pixels high ({look.size:.3g} of the shortest side) they do not fit"
    return f"a {width} x {height} picture is too small for the words 「{words}」: {why}; choose shorter ones"


class _Layout(NamedTuple):
    block: Block
    pad: int
    margin: int
    turned: bool


_WAYS: tuple[tuple[bool, bool, Breaks], ...] = (
    *((True, False, "words"), (True, False, "hyphens"), (False, False, "words"), (False, False, "hyphens")),
    *((True, True, "words"), (False, True, "words"), (False, False, "anywhere")),
)
"""Ways to lay the words out, the best first: roomy (with margin and a generous plate) or tight; along the
other side, for narrow pictures; where lines may break."""


def _layouts(look: Look, px: int, rows: int, width: int, height: int) -> Iterator[_Layout]:
    """The ways in which the words fit, the best first."""
    least, face = max(1, stroke(look, rows)), font(look.font, px)
    for roomy, turned, breaks in _WAYS:
        pad = max(least, round(px * (0.35 if roomy else 0.12)))
        margin = round(look.margin * min(width, height)) if roomy else 0
        room = (height, width) if turned else (width, height)
        across, down = (side - 2 * (pad + margin) for side in room)
        block = arrange(face, look.words, across, down, breaks)
        if block:
            yield _Layout(block, pad, margin, turned)


def _placed(tile: Image.Image, position: str, margin: int, width: int, height: int) -> Mark:
    sides = position.split("-")
    left = _along(width - tile.width, margin, "left" in sides, "right" in sides)
    top = _along(height - tile.height, margin, "top" in sides, "bottom" in sides)
    return Mark(left, top, tile)


def _along(spare: int, margin: int, near: bool, far: bool) -> int:
    return margin if near else spare - margin if far else spare // 2
