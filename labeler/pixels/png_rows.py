"""Pixels out of what is deflated in a PNG.

Pillow's zip codec takes the filters away (W3C PNG, 9). For some rows alone, it is handed them as a stream
of their own, stored instead of deflated. Samples of 16 bits are two images, of the high and of the low
bytes: Pillow has no modes for them, but its codec filters whole samples, whichever byte it hands out.
"""

from __future__ import annotations

import struct

from PIL import Image

from labeler.pixels.base import reading
from labeler.pixels.png_file import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, Header

Planes = list[Image.Image]
"""The pixels of some rows: one image, or the high and the low bytes of 16-bit samples."""
MODES = {GREY: "L", RGB: "RGB", PALETTE: "P", GREY_ALPHA: "LA", RGBA: "RGBA"}
_BYTES = {GREY: "LA", GREY_ALPHA: "RGBA"}
"""Modes with a channel for each byte of a pixel of 16-bit samples."""
_MOST = 0xFFFF
"""Bytes of a stored block."""


def unfiltered(rows: bytes, above: bytes, width: int, header: Header) -> Planes:
    """The pixels of filtered rows, and before them those of the unfiltered row `above` them."""
    stream = _stored(memoryview(b"".join((b"\0", above, rows))))
    return decoded(stream, (width, len(rows) // (len(above) + 1) + 1), header._replace(interlaced=False))


def decoded(stream: bytes, size: tuple[int, int], header: Header) -> Planes:
    """The pixels in a zlib stream. No more of it is inflated than they need; ContentError where it has
    less."""
    mode, raw_mode = MODES[header.colour], _raw_mode(header)
    with reading("PNG"):
        if header.depth == 16 and header.colour in _BYTES:
            both = _unzipped(_BYTES[header.colour], size, stream, _BYTES[header.colour], header)
            return [Image.merge(mode, both.split()[byte::2]) for byte in (0, 1)]
        if header.depth == 16:
            return [_unzipped(mode, size, stream, f"{mode};16{end}", header) for end in "BL"]
        if raw_mode == "L;1":
            return [_unzipped("1", size, stream, "1", header).convert("L")]
        return [_unzipped(mode, size, stream, raw_mode, header)]


def _unzipped(mode: str, size: tuple[int, int], stream: bytes, raw_mode: str, header: Header) -> Image.Image:
    return Image.frombytes(mode, size, stream, "zip", raw_mode, header.interlaced)


def raw(planes: Planes, header: Header) -> bytes:
    """The bytes of pixels, unfiltered."""
    if len(planes) == 1:
        return planes[0].tobytes("raw", _raw_mode(header))
    high, low = (plane.tobytes() for plane in planes)
    pixels = bytearray(2 * len(high))
    pixels[0::2], pixels[1::2] = high, low
    return bytes(pixels)


def _stored(data: memoryview) -> bytes:
    """A zlib stream of stored blocks (RFC 1951, 3.2.4), without the checksum that Pillow does not look for."""
    parts: list[bytes | memoryview] = [b"\x78\x01"]
    for at in range(0, len(data), _MOST):
        part = data[at : at + _MOST]
        parts += b"\0" + struct.pack("<HH", len(part), len(part) ^ _MOST), part
    return b"".join(parts)


def _raw_mode(header: Header) -> str:
    mode = MODES[header.colour]
    return mode if header.depth >= 8 else f"{mode};{header.depth}"
