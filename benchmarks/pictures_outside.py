"""What became of a picture outside its label, told by OpenCV's decoders and libturbojpeg's coefficients."""

from __future__ import annotations

from io import BytesIO
from itertools import zip_longest
from math import inf, log10
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeler.pixels.jpeg_frame import frame
from labeler.pixels.turbo import BLOCK, coefficients

Box = tuple[int, int, int, int]


def decibels(before: bytes, after: bytes, box: Box, *, coded: bool) -> float:
    """The peak signal-to-noise ratio of two files outside a box (left, top, right, bottom), infinite where
    all is identical. `coded`: of a JPEG the coefficients are compared, not the pixels."""
    if coded and before.startswith(b"\xff\xd8"):
        return inf if _same_coefficients(before, after, box) else 0.0
    one, other = map(_decoded, (before, after))
    if one.shape != other.shape or one.dtype != other.dtype:
        return 0.0
    left, top, right, bottom = box
    other[top:bottom, left:right] = one[top:bottom, left:right]
    size = (one.shape[0] * one.shape[1] - (right - left) * (bottom - top)) * one[0, 0].size
    peak = np.iinfo(one.dtype).max
    total = sum(float(((a.astype(np.float64) - b) ** 2).sum()) for a, b in zip(one, other, strict=True))
    return 10 * log10(peak**2 * size / total) if total else inf


def _decoded(data: bytes) -> NDArray[Any]:
    """Rows of pixels of samples. Pillow has no colours of 16 bits, and OpenCV's wheel no AVIF."""
    if data.startswith(b"\x89PNG"):
        return np.array(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    with Image.open(BytesIO(data)) as image:
        return np.array(image)


def _same_coefficients(before: bytes, after: bytes, box: Box) -> bool:
    left, top, right, bottom = box
    said = frame(before)
    for part, *planes in zip(said.components, coefficients(before), coefficients(after), strict=True):
        wide, high = (
            8 * most // own for most, own in zip(said.sampling, (part.across, part.down), strict=True)
        )
        under = range(top // high, -(-bottom // high))
        cut = left // wide * BLOCK, -(-right // wide) * BLOCK
        for number, (one, other) in enumerate(zip_longest(*planes)):
            if number in under:
                one, other = (row[: cut[0]] + row[cut[1] :] for row in (one, other))
            if one != other:
                return False
    return True
