"""A PNG writer and a reader of their own, word for word as the standard has them, for every colour type,
depth, filter and interlacing. The reader checks all lengths and checksums, and knows 16 bits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
Pixel = tuple[int, ...]
Rows = list[list[Pixel]]


class Kind(NamedTuple):
    """How a picture is stored, and how it is compressed: deflate's level and strategy, the filters of
    which each row has one, and the size of its IDAT chunks."""

    colour: int = 2
    depth: int = 8
    interlaced: bool = False
    filters: tuple[int, ...] = (0, 1, 2, 3, 4)
    level: int = 6
    strategy: int = 0
    cut: int = 4000
    key: bool = False
    entries: int = 256

    @property
    def bits(self) -> int:
        """Bits of a pixel."""
        return SAMPLES[self.colour] * self.depth


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and its CRC."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a file, whose CRCs are right."""
    assert data[:8] == SIGNATURE
    found, at = list[tuple[bytes, bytes]](), 8
    while at < len(data) and (not found or found[-1][0] != b"IEND"):
        size = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert data[at : at + 12 + size] == chunk(kind, body)
        found.append((kind, body))
        at += 12 + size
    assert found[-1][0] == b"IEND"
    return found


def rows(kind: Kind, width: int, height: int, seed: int = 0) -> Rows:
    """Samples that go up and down with some noise, such as all filters like in turn."""
    random, most = Random(seed), (1 << kind.depth) - 1
    top = min(most, kind.entries - 1) if kind.colour == 3 else most
    waves = [(random.random() / 9, random.random() / 9, random.random()) for _ in range(SAMPLES[kind.colour])]

    def sample(x: int, y: int, wave: tuple[float, float, float]) -> int:
        value = abs((x * wave[0] + y * wave[1] + wave[2]) % 2 - 1) + random.random() / 40
        return min(top, int(value * (top + 1)))

    return [[tuple(sample(x, y, wave) for wave in waves) for x in range(width)] for y in range(height)]


def passes(kind: Kind, width: int, height: int) -> Iterator[tuple[range, range]]:
    """The columns and the rows of each pass that has any."""
    for x, y, dx, dy in ADAM7 if kind.interlaced else ((0, 0, 1, 1),):
        columns, lines = range(x, width, dx), range(y, height, dy)
        if columns and lines:
            yield columns, lines


def predicted(filter_: int, row: bytes | bytearray, above: bytes, step: int, at: int) -> int:
    """What a filter expects at a byte."""
    left = row[at - step] if at >= step else 0
    upper, corner = above[at], above[at - step] if at >= step else 0
    if filter_ < 4:
        return (0, left, upper, (left + upper) // 2)[filter_]
    estimate = left + upper - corner
    return min((left, upper, corner), key=lambda value: abs(estimate - value))


def packed(row: list[Pixel], depth: int) -> bytes:
    """The bytes of a row."""
    samples = [sample for pixel in row for sample in pixel]
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    digits = "".join(f"{sample:0{depth}b}" for sample in samples)
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def unpacked(line: bytes, kind: Kind, width: int) -> list[Pixel]:
    """The samples of a row."""
    count = SAMPLES[kind.colour]
    if kind.depth == 8:
        samples = list(line)
    elif kind.depth == 16:
        samples = list(struct.unpack(f">{width * count}H", line))
    else:
        digits = "".join(f"{byte:08b}" for byte in line)
        samples = [int(digits[at : at + kind.depth], 2) for at in range(0, width * kind.bits, kind.depth)]
    return [tuple(samples[at : at + count]) for at in range(0, len(samples), count)]


def stream(pixels: Rows, kind: Kind, seed: int = 0) -> bytes:
    """The filtered bytes of a picture."""
    random, step, out = Random(seed), max(1, kind.bits // 8), bytearray()
    for columns, lines in passes(kind, len(pixels[0]), len(pixels)):
        above = bytes((len(columns) * kind.bits + 7) // 8)
        for y in lines:
            row, filter_ = packed([pixels[y][x] for x in columns], kind.depth), random.choice(kind.filters)
            out.append(filter_)
            out += bytes(
                (value - predicted(filter_, row, above, step, at)) & 0xFF for at, value in enumerate(row)
            )
            above = row
    return bytes(out)


def deflated(data: bytes, kind: Kind) -> bytes:
    """A zlib stream, with many small blocks."""
    deflate = zlib.compressobj(kind.level, zlib.DEFLATED, 15, 1, kind.strategy)
    return deflate.compress(data) + deflate.flush()


def written(
    pixels: Rows, kind: Kind, before: bytes = b"", after: bytes = b"", rest: bytes = b"", seed: int = 0
) -> bytes:
    """A file; `before` and `after` are chunks around the picture data, `rest` stands behind the end."""
    head = struct.pack(
        ">IIBBBBB", len(pixels[0]), len(pixels), kind.depth, kind.colour, 0, 0, kind.interlaced
    )
    data = deflated(stream(pixels, kind, seed), kind)
    parts = [data[at : at + kind.cut] for at in range(0, len(data), kind.cut)]
    body = b"".join(chunk(b"IDAT", part) for part in parts)
    whole = (
        chunk(b"IHDR", head),
        colours(pixels, kind, seed),
        before,
        body,
        after,
        chunk(b"IEND", b""),
        rest,
    )
    return SIGNATURE + b"".join(whole)


def colours(pixels: Rows, kind: Kind, seed: int) -> bytes:
    """PLTE and tRNS."""
    random = Random(seed)
    if kind.colour == 3:
        count = min(kind.entries, 1 << kind.depth)
        alphas = bytes(random.choice((0, 128, 255)) for _ in range(count // 2))
        return chunk(b"PLTE", random.randbytes(3 * count)) + (chunk(b"tRNS", alphas) if kind.key else b"")
    if kind.key and kind.colour in (0, 2):
        key = pixels[len(pixels) // 2][len(pixels[0]) // 2]
        return chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    return b""


def read(data: bytes) -> Rows:
    """The pixels as red, green, blue and alpha of 16 bits."""
    parts = chunks(data)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    kind = Kind(colour, depth, bool(interlaced))
    return decoded(
        b"".join(body for name, body in parts if name == b"IDAT"), kind, width, height, dict(parts)
    )


def decoded(compressed: bytes, kind: Kind, width: int, height: int, parts: dict[bytes, bytes]) -> Rows:
    """The same, of one picture's zlib stream."""
    inflate = zlib.decompressobj()
    raw = inflate.decompress(compressed)
    assert inflate.eof
    assert not inflate.unused_data
    pixels: Rows = [[()] * width for _ in range(height)]
    step, at = max(1, kind.bits // 8), 0
    for columns, lines in passes(kind, width, height):
        stride = (len(columns) * kind.bits + 7) // 8
        above = bytes(stride)
        for y in lines:
            filter_, row = raw[at], bytearray(raw[at + 1 : at + 1 + stride])
            assert len(row) == stride
            for place in range(stride):
                row[place] = (row[place] + predicted(filter_, row, above, step, place)) & 0xFF
            for x, pixel in zip(columns, unpacked(bytes(row), kind, len(columns)), strict=True):
                pixels[y][x] = rgba(pixel, kind, parts)
            above, at = bytes(row), at + 1 + stride
    assert at == len(raw)
    return pixels


def rgba(pixel: Pixel, kind: Kind, parts: dict[bytes, bytes]) -> Pixel:
    """A pixel's colour and opacity, 16 bits of each."""
    most, transparent = (1 << kind.depth) - 1, parts.get(b"tRNS", b"")
    if kind.colour == 3:
        index = pixel[0]
        alpha = transparent[index] if index < len(transparent) else 255
        return (*(value * 257 for value in parts[b"PLTE"][3 * index : 3 * index + 3]), alpha * 257)
    wide = [value * 65535 // most for value in pixel]
    if kind.colour in (4, 6):
        return (*(wide[:-1] * 3)[:3], wide[-1])
    keyed = transparent == struct.pack(f">{len(pixel)}H", *pixel)
    return (*(wide * 3)[:3], 0 if keyed else 65535)


def image(pixels: Rows) -> Image.Image:
    """Pixels as a viewer with 8 bits shows them (RGBA)."""
    flat = bytes(value >> 8 for row in pixels for pixel in row for value in pixel)
    return Image.frombytes("RGBA", (len(pixels[0]), len(pixels)), flat)
