"""Run-length codes of BMP (BI_RLE8 and BI_RLE4), decoded."""

from __future__ import annotations

from labeler.errors import ContentError
from labeler.pixels.samples import spread

_END_OF_LINE, _END, _DELTA = 0, 1, 2
"""What the byte behind a zero says, if it is no length."""


def decoded(codes: bytes, width: int, height: int, bits: int) -> list[bytes]:
    """The rows of indices, from the bottom up; what the codes leave out is 0. ContentError where they
    end too early."""
    rows = [bytearray(width) for _ in range(height)]
    values = [spread(bytes((byte,)), bits) for byte in range(256)]
    at, x, y = 0, 0, 0
    while y < height:
        if at + 2 > len(codes):
            msg = "the BMP is cut off: its run-length codes have no end"
            raise ContentError(msg)
        count, value = codes[at], codes[at + 1]
        at += 2
        if count == 0 and value == _END:
            break
        if count == 0 and value == _END_OF_LINE:
            x, y = 0, y + 1
        elif count == 0 and value == _DELTA:
            right, up = codes[at : at + 2].ljust(2, b"\0")
            at, x, y = at + 2, x + right, y + up
        else:
            if count:
                pixels = values[value] * count
            else:
                count, size = value, (value * bits + 7) // 8
                pixels = spread(codes[at : at + size], bits)
                at += size + size % 2
            pixels = pixels[: min(count, max(width - x, 0))]
            rows[y][x : x + len(pixels)] = pixels
            x += count
    return [bytes(row) for row in rows]
