"""Parts of rows as a TIFF stores them: bits of a byte taken apart, differences of the predictor undone."""

from __future__ import annotations

import sys
from array import array
from itertools import accumulate
from typing import Literal

from labeler.pixels.samples import gathered, spread
from labeler.pixels.tiff_page import Page

_CODES: dict[int, Literal["B", "H", "I"]] = {8: "B", 16: "H", 32: "I"}


def cut(row: bytes, page: Page, left: int, right: int) -> bytes:
    """The pixels from `left` to `right` of a row of one part, as samples; less than 8 bits become a byte."""
    if page.depth < 8:
        return spread(row, page.depth)[left:right]
    size = page.stored * page.depth // 8
    if page.predictor == 1:
        return row[left * size : right * size]
    samples = _samples(row, page)
    return _packed(_summed(samples, page, left, right), page)


def put(row: bytes, page: Page, left: int, pixels: bytes) -> bytes:
    """The row with other pixels from `left` on."""
    if page.depth < 8:
        values = bytearray(spread(row, page.depth))
        values[left : left + len(pixels)] = pixels
        return gathered(values, page.depth)[: len(row)]
    size = page.stored * page.depth // 8
    if page.predictor == 1:
        return b"".join((row[: left * size], pixels, row[left * size + len(pixels) :]))
    return _with_differences(row, page, left, pixels)


def _samples(row: bytes, page: Page) -> array[int]:
    samples = array(_CODES[page.depth], row)
    if page.little != (sys.byteorder == "little"):
        samples.byteswap()
    return samples


def _packed(samples: array[int], page: Page) -> bytes:
    if page.little != (sys.byteorder == "little"):
        samples.byteswap()
    return samples.tobytes()


def _summed(samples: array[int], page: Page, left: int, right: int) -> array[int]:
    """The samples of some pixels, from the differences to their left neighbours (TIFF 6.0, section 14)."""
    stride, mask = page.stored, (1 << page.depth) - 1
    values = array(samples.typecode, bytes((right - left) * stride * samples.itemsize))
    for channel in range(stride):
        lane = samples[channel::stride]
        sums = accumulate(lane[left:right], lambda total, step: total + step & mask, initial=sum(lane[:left]))
        next(sums)
        values[channel::stride] = array(samples.typecode, sums)
    return values


def _with_differences(row: bytes, page: Page, left: int, pixels: bytes) -> bytes:
    samples, new = _samples(row, page), _samples(pixels, page)
    stride, mask = page.stored, (1 << page.depth) - 1
    right = left + len(new) // stride
    old = _summed(samples, page, left, right)
    for channel in range(stride):
        was, now = old[channel::stride], new[channel::stride]
        before = was[0] - samples[left * stride + channel] & mask
        steps = (value - last & mask for value, last in zip(now, (before, *now), strict=False))
        samples[left * stride + channel : right * stride : stride] = array(samples.typecode, steps)
        if right * stride < len(samples):
            at = right * stride + channel
            samples[at] = samples[at] + was[-1] - now[-1] & mask
    return _packed(samples, page)
