"""A quick way of a lossy encoder on trial: what it makes of a few bands of the picture.

Quick ways are as good as slow ones on photographs; on drawings and writing their files become much larger.
"""

from __future__ import annotations

from math import inf, log10

from PIL import Image, ImageChops, ImageStat

LEAST = 40
"""Decibels: how like the old picture the new one has to be at least, outside the label."""
_ROWS = 64
"""Of a band: whole blocks of all encoders."""
_APART = 1024
"""Rows from one band to the next at most."""


def bands(image: Image.Image) -> Image.Image:
    """Two bands of 64 rows or more, evenly spread, one below the other; of a low picture all of it."""
    if image.height <= 2 * _ROWS:
        return image
    step = min(_APART, image.height // 2)
    tops = range((step - _ROWS) // 2, image.height - _ROWS + 1, step)
    part = Image.new(image.mode, (image.width, _ROWS * len(tops)))
    for number, top in enumerate(tops):
        part.paste(image.crop((0, top, image.width, top + _ROWS)), (0, _ROWS * number))
    return part


def even(part: Image.Image) -> bool:
    """Whether most pixels are like the one before them, as in drawings: there no quick way does."""
    grey = part.convert("L")
    change = ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)).histogram()
    return change[0] > sum(change) / 2


def decibels(image: Image.Image, other: Image.Image) -> float:
    """The peak signal-to-noise ratio of two pictures' colours, infinite where they are the same."""
    difference = ImageStat.Stat(ImageChops.difference(image.convert("RGB"), other.convert("RGB")))
    mean = sum(difference.sum2) / sum(difference.count)
    return 10 * log10(255**2 / mean) if mean else inf
