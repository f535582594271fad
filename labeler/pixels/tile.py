"""The drawing itself: plate, outline and words on a transparent tile."""

from __future__ import annotations

from itertools import product
from math import ceil

from PIL import Image, ImageDraw, ImageFilter

from labeler.pixels.contrast import rgb
from labeler.pixels.font import font
from labeler.pixels.layout import Block
from labeler.values import Look

Size = tuple[int, int]
"""Width and height in pixels."""

_FINE = 4
"""Corners are drawn so many times larger and then reduced, which makes them smooth."""

_SHARPNESS = 90
"""An em beside the radius by which soft edges are blurred."""


def stroke(look: Look, rows: int) -> int:
    """The width of the outline in pixels: an eighth of the characters' height."""
    return ceil(rows / 8) if look.outline else 0


def drawn(look: Look, px: int, rows: int, block: Block, size: Size, *, soft: bool) -> Image.Image:
    """The block of lines at font size `px` in the middle of a tile of `size` pixels; RGBA. `soft` words
    have edges that cost a lossy codec half as much, and that only a magnifying glass shows."""
    tile = Image.new("RGBA", size)
    pad = min(size[0] - block.width, size[1] - block.height) // 2
    if look.plate:
        plate = _rounded(size, min(pad * 2, px // 4)).point([round(n * look.opacity) for n in range(256)])
        tile = _filled(look.plate, plate)
    if look.outline:
        tile.alpha_composite(_filled(look.outline, _written(look, px, block, size, stroke(look, rows))))
    words = _written(look, px, block, size, 0)
    if soft:
        words = words.filter(ImageFilter.GaussianBlur(px / _SHARPNESS))
    tile.alpha_composite(_filled(look.colour, words))
    return tile


def _filled(colour: str, mask: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", mask.size, rgb(colour))
    layer.putalpha(mask)
    return layer


def _written(look: Look, px: int, block: Block, size: Size, outline: int) -> Image.Image:
    """The words as a mask of the tile's size, each line on the side of the picture's edge."""
    mask = Image.new("L", size)
    left, top = (size[0] - block.width) // 2, (size[1] - block.height) // 2
    draw = ImageDraw.Draw(mask)
    for number, line in enumerate(block.lines):
        spare = block.width - line.width
        side = (
            0 if look.position.endswith("left") else spare if look.position.endswith("right") else spare // 2
        )
        at = left + side - line.left, top - block.lines[0].top + number * block.pitch
        draw.text(at, line.text, 255, font(look.font, px), "ls", stroke_width=outline)
    return mask


def _rounded(size: Size, radius: int) -> Image.Image:
    """A rectangle with smooth round corners, as a mask."""
    mask = Image.new("L", size, 255)
    if radius:
        circle = Image.new("L", (radius * 2 * _FINE, radius * 2 * _FINE))
        ImageDraw.Draw(circle).ellipse((0, 0, circle.width - 1, circle.height - 1), 255)
        circle = circle.reduce(_FINE)
        for right, bottom in product((0, 1), repeat=2):
            x, y = right * radius, bottom * radius
            at = right * (size[0] - radius), bottom * (size[1] - radius)
            mask.paste(circle.crop((x, y, x + radius, y + radius)), at)
    return mask
