"""The pictures that are measured: photo-like and flat ones, made here, and files of them."""

from __future__ import annotations

import struct
import zlib
from heapq import heapify, heappop, heappush
from io import BytesIO
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from labeler.pixels.font import font

Samples = NDArray[np.uint8]
_WORDS = "AI生成 Settings, 0123456789"
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column and row, and the steps (PNG, 8.2)."""


def photo(side: int) -> Image.Image:
    """Smooth shapes and noise at several scales, and fine grain; the colours vary less than the light, as
    in photographs, and it is as compressible as one."""
    random = np.random.default_rng(side)
    light, colour = (np.zeros((side, side, bands), np.float32) for bands in (1, 3))
    for cells, height in ((4, 45), (16, 25), (64, 14), (side // 8, 10)):
        light += _noise(random, cells, side, 1) * height
        colour += _noise(random, cells, side, 3) * (height / 3)
    grain = random.integers(-3, 4, (side, side, 1), np.int8)
    return Image.fromarray((light + colour + 120 + grain).clip(0, 255).astype(np.uint8))


def _noise(random: np.random.Generator, cells: int, side: int, bands: int) -> NDArray[np.float32]:
    """Smooth noise, `cells` hills along a side; about half of it lies between -1 and 1."""
    hills = random.normal(128, 40, (bands, cells, cells)).clip(0, 255).astype(np.uint8)
    large = [Image.fromarray(band).resize((side, side), Image.Resampling.BICUBIC) for band in hills]
    return np.stack([(np.asarray(band, np.float32) - 128) / 40 for band in large], -1)


def flat(side: int) -> Image.Image:
    """A user interface: areas of one colour, a gradient, frames and text."""
    random = np.random.default_rng(side)
    image = Image.new("RGB", (side, side), "#f4f5f7")
    draw = ImageDraw.Draw(image)
    image.paste(Image.linear_gradient("L").rotate(90).resize((side, side // 12)).convert("RGB"), (0, 0))
    unit = side // 16
    for row in range(2, 15):
        for column in range(1, 15, 4):
            left, top = column * unit, row * unit
            shade = "#" + "".join(f"{value:02x}" for value in random.integers(90, 256, 3))
            draw.rounded_rectangle((left, top, left + 3 * unit, top + unit * 3 // 4), unit // 8, shade)
            words = "".join(random.permutation(list(_WORDS)))
            draw.text((left + unit // 8, top + unit // 4), words[:14], "#202124", font("", unit // 4))
    return image


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    """A file as Pillow writes it."""
    out = BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def interlaced(image: Image.Image) -> bytes:
    """A PNG in the seven passes of Adam7."""
    pixels = np.asarray(image)
    rows = b"".join(_rows(pixels[y::down, x::across]) for x, y, across, down in _PASSES)
    return _png(image.size, 8, 2, 1, zlib.compress(rows, 6))


def sixteen_bits(image: Image.Image) -> bytes:
    """A PNG with three samples of 16 bits a pixel, the lower ones noise."""
    low = np.random.default_rng(0).integers(0, 256, (*reversed(image.size), 3), np.uint8)
    pixels = np.stack((np.asarray(image), low), -1).reshape(image.height, image.width, 6)
    return _png(image.size, 16, 2, 0, zlib.compress(_rows(pixels), 6))


def one_block(image: Image.Image) -> bytes:
    """A PNG whose picture data are one block of literals, as quick encoders write it."""
    rows = _rows(np.asarray(image))
    return _png(image.size, 8, 2, 0, b"\x78\x01" + _literals(rows) + zlib.adler32(rows).to_bytes(4, "big"))


def in_small_chunks(png: bytes, size: int = 8192) -> bytes:
    """The same PNG with the picture data in IDAT chunks of that many bytes, as libpng cuts them."""
    at, data, parts, end = 8, b"", [png[:8]], b""
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        elif kind == b"IEND":
            end = png[at : at + 12]
        else:
            parts.append(png[at : at + length + 12])
        at += length + 12
    parts += (_chunk(b"IDAT", data[start : start + size]) for start in range(0, len(data), size))
    return b"".join((*parts, end))


def _rows(pixels: Samples) -> bytes:
    """Rows with the filter Sub (1), which needs no other row."""
    packed = pixels.reshape(*pixels.shape[:1], -1)
    before = np.zeros_like(packed)
    width = pixels.shape[2]
    before[:, width:] = packed[:, :-width]
    filtered = np.empty((packed.shape[0], packed.shape[1] + 1), np.uint8)
    filtered[:, 0] = 1
    filtered[:, 1:] = packed - before
    return filtered.tobytes()


def _png(size: tuple[int, int], depth: int, colour: int, interlace: int, stream: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlace)
    chunks = (b"IHDR", header), (b"IDAT", stream), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*one) for one in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def _literals(data: bytes) -> bytes:
    """Raw deflate of one final dynamic block (RFC 1951, 3.2.7) that has no back references."""
    values = np.frombuffer(data, np.uint8)
    counts = [*map(int, np.bincount(values, minlength=256)), 1]
    lengths = _lengths([max(one, len(data) >> 10, 1) for one in counts])
    codes = _codes(lengths)
    head = [(1, 1), (2, 2), (0, 5), (0, 5), (15, 4)]
    head += [(0 if symbol > 15 else 4, 3) for symbol in (*range(16, 19), 0, *_ORDER)]
    head += [(_turned(length, 4), 4) for length in (*lengths, 0)]
    bits = [np.array([value >> at & 1 for value, width in head for at in range(width)], np.uint8)]
    steps = 1 << 20
    for start in range(0, len(values), steps):
        bits.append(_bits(values[start : start + steps], lengths, codes))
    bits.append(_bits(np.array([256]), lengths, codes))
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes()


_ORDER = (8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def _bits(values: NDArray[Any], lengths: list[int], codes: list[int]) -> Samples:
    wide, code = np.array(lengths)[values], np.array(codes)[values]
    at = np.arange(15)
    bits = (code[:, None] >> np.maximum(wide[:, None] - 1 - at, 0)) & 1
    found: Samples = bits[at < wide[:, None]].astype(np.uint8)
    return found


def _lengths(counts: list[int]) -> list[int]:
    """The lengths of a Huffman code."""
    fresh = count()
    heap: list[tuple[int, int, tuple[int, ...]]]
    heap = [(weight, next(fresh), (symbol,)) for symbol, weight in enumerate(counts)]
    heapify(heap)
    lengths = [0] * len(counts)
    while len(heap) > 1:
        (one, _, left), (other, _, right) = heappop(heap), heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heappush(heap, (one + other, next(fresh), left + right))
    return lengths


def _codes(lengths: list[int]) -> list[int]:
    """The canonical code (RFC 1951, 3.2.2)."""
    codes, code = [0] * len(lengths), 0
    for wanted in range(1, 16):
        for symbol, length in enumerate(lengths):
            if length == wanted:
                codes[symbol] = code
                code += 1
        code <<= 1
    return codes


def _turned(code: int, width: int) -> int:
    return int(f"{code:0{width}b}"[::-1], 2)
