"""Contrast as WCAG 2 measures it, of words on a plate over a ground that nobody knows beforehand."""

from __future__ import annotations

import re

RGB = tuple[int, int, int]
LEAST = 4.5
"""WCAG 2.2, 1.4.3: the least contrast of text."""


def rgb(colour: str) -> RGB:
    """The three channels, 0 to 255, of `#rrggbb`; ValueError for anything else."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        msg = f"{colour!r} is no colour: write it as #rrggbb"
        raise ValueError(msg)
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def luminance(colour: RGB) -> float:
    """Relative luminance, 0 (black) to 1 (white)."""
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def contrast(one: RGB, other: RGB) -> float:
    """The ratio of two colours' luminance, 1 (none) to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def over(ground: RGB, plate: RGB, opacity: float) -> RGB:
    """The colour of a plate that lies on a ground."""
    red, green, blue = (round(p * opacity + g * (1 - opacity)) for p, g in zip(plate, ground, strict=True))
    return red, green, blue


def worst(colour: RGB, plate: RGB, opacity: float) -> float:
    """The least contrast of `colour` on the plate, whatever lies under it.

    Each channel of the plate grows with the ground's, and luminance with each channel: over all
    grounds the plate is darkest on black and lightest on white. Where the words' own luminance lies
    between the two, some ground takes all contrast away.
    """
    dark, light = (over(ground, plate, opacity) for ground in ((0, 0, 0), (255, 255, 255)))
    if luminance(dark) <= luminance(colour) <= luminance(light):
        return 1.0
    return min(contrast(colour, dark), contrast(colour, light))
