"""The drawing itself: plate, outline and words on a transparent tile."""

from __future__ import annotations

from itertools import product
from math import ceil

from PIL import Image, ImageDraw

from labeler.pixels.contrast import rgb
from labeler.pixels.font import font
from labeler.pixels.layout import Block
from labeler.values import Look

_FINE = 4
"""Corners are drawn so many times larger and then reduced, which makes them smooth."""


def stroke(look: Look, rows: int) -> int:
    """The width of the outline in pixels: an eighth of the characters' height."""
    return ceil(rows / 8) if look.outline else 0


def drawn(look: Look, px: int, rows: int, block: Block, pad: int) -> Image.Image:
    """The block of lines at font size `px`, `pad` pixels around its ink; RGBA."""
    size = block.width + 2 * pad, block.height + 2 * pad
    tile = Image.new("RGBA", size)
    if look.plate:
        plate = _rounded(size, min(pad * 2, px // 4)).point([round(n * look.opacity) for n in range(256)])
        tile = _filled(look.plate, plate)
    if look.outline:
        tile.alpha_composite(_filled(look.outline, _written(look, px, block, pad, stroke(look, rows))))
    tile.alpha_composite(_filled(look.colour, _written(look, px, block, pad, 0)))
    return tile


def _filled(colour: str, mask: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", mask.size, rgb(colour))
    layer.putalpha(mask)
    return layer


def _written(look: Look, px: int, block: Block, pad: int, outline: int) -> Image.Image:
    """The words as a mask of the tile's size, each line on the side of the picture's edge."""
    mask = Image.new("L", (block.width + 2 * pad, block.height + 2 * pad))
    draw = ImageDraw.Draw(mask)
    for number, line in enumerate(block.lines):
        spare = block.width - line.width
        side = (
            0 if look.position.endswith("left") else spare if look.position.endswith("right") else spare // 2
        )
        at = pad + side - line.left, pad - block.lines[0].top + number * block.pitch
        draw.text(at, line.text, 255, font(look.font, px), "ls", stroke_width=outline)
    return mask


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
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
