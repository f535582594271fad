"""Fonts: the one that travels along or a house's own, which characters it has, and how high they are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from unicodedata import name

from PIL import Image, ImageDraw, ImageFont

from labeler.errors import PolicyError, Problem

SHIPPED = Path(__file__).with_name("fonts") / "AIGCLabelerSans.ttf"
_REFERENCE = 200
"""A font size, in pixels, that is large enough to tell proportions."""
_SAMPLE = 40
"""A font size at which glyphs differ and are quick to draw."""
_NOWHERE = "\uffff"
"""A code point that is no character, so that every font draws its sign for missing ones."""
_INK = [0] * 128 + [255] * 128
"""A pixel counts as drawn from half its cover on."""


@lru_cache(maxsize=64)
def font(path: str, px: int) -> ImageFont.FreeTypeFont:
    """The font file at `path` ("": the shipped one) with an em of `px` pixels.

    PolicyError where there is no such file or it is no font that FreeType reads.
    """
    try:
        return ImageFont.truetype(str(path or SHIPPED), px)
    except OSError as error:
        there = Path(path).is_file()
        message = "is no font that can be read: name a TTF, OTF or TTC file" if there else "no such file"
        raise PolicyError(Problem(path, 0, 0, "font", message)) from error


def missing(path: str, words: str) -> str:
    """The characters of `words` that the font has no glyph for, each once; white space needs none."""
    face = font(path, _SAMPLE)
    sign = bytes(face.getmask(_NOWHERE))
    blank = (b"", sign)
    return "".join(
        one for one in dict.fromkeys(words) if not one.isspace() and bytes(face.getmask(one)) in blank
    )


@lru_cache(maxsize=1024)
def height(path: str, px: int, character: str) -> int:
    """How many rows of pixels the character's ink takes at that size."""
    face = font(path, px)
    left, top, right, bottom = map(int, face.getbbox(character))
    image = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), character, 255, face)
    box = image.point(_INK).getbbox()
    return box[3] - box[1] if box else 0


def measured(path: str, words: str) -> str:
    """The characters of `words` whose height the 5 % rule is held to (GB 45438-2025, 5.2, speaks of the
    height of the text and says no more of it).

    These are all digits and cased letters, low ones such as `e` too, and of the other letters
    (ideographs, kana, hangul) those that fill half an em and are no small kana: 「一」, 「ー」 and 「っ」
    are low by nature, as punctuation is, and would make their neighbours far too large.
    """
    return "".join(one for one in dict.fromkeys(words) if _counts(path, one))


def _counts(path: str, one: str) -> bool:
    if not one.isalnum() or not (rows := height(path, _REFERENCE, one)):
        return False
    if one.isdecimal() or one.lower() != one.upper():
        return True
    return rows * 2 >= _REFERENCE and " LETTER SMALL " not in name(one, "")


@lru_cache(maxsize=256)
def fitting(path: str, words: str, rows: int) -> int:
    """The smallest font size, in pixels, at which each of the `measured` characters is `rows` high."""
    heights = {one: height(path, _REFERENCE, one) for one in measured(path, words)}
    lowest = min(heights.values(), default=_REFERENCE)
    near = [one for one in heights if heights[one] * rows <= lowest * (rows + 2)]  # rounding may move those
    px = max(1, (rows - 1) * _REFERENCE // (lowest + 1))
    while any(height(path, px, one) < rows for one in near):
        px += 1
    return px
