"""The visible label in BMP."""

from __future__ import annotations

import struct
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeler.media.base import Head
from labeler.pixels import draw
from labeler.pixels.bmp_rle import decoded
from tests.pixel_pictures import LOOK, broken, has_label, label_box, outside, scene, seen

HEAD = Head(96, 80)
BOX = label_box(HEAD)


def bmp(picture: Image.Image, bits: int, **fields: object) -> bytes:
    """A BMP of a picture of mode RGB, RGBA or L (indices), with the header, masks, palette and order of rows
    that the fields ask for."""
    header, masks = cast("int", fields.get("header", 40)), cast("tuple[int, ...]", fields.get("masks", ()))
    palette, codes = cast("bytes", fields.get("palette", b"")), cast("bytes", fields.get("codes", b""))
    compression = cast("int", fields.get("compression", 3 if masks else 0))
    width, height = picture.size
    rows = codes or b"".join(
        _bmp_row(picture.crop((0, y, width, y + 1)), bits, masks)
        for y in (range(height) if fields.get("down") else range(height - 1, -1, -1))
    )
    packed = b"".join(mask.to_bytes(4, "little") for mask in masks)
    tail, entry = cast("bytes", fields.get("tail", b"")), 3 if header == 12 else 4
    start = 14 + header + (len(packed) if header == 40 else 0) + len(palette)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        up = -height if fields.get("down") else height
        info = struct.pack(
            "<IiiHHIIiiII", header, width, up, 1, bits, compression, len(rows), 1, 2, len(palette) // entry, 0
        )
    info = (info + packed).ljust(header + (len(packed) if header == 40 else 0), b"\0")
    if header == 124:
        info = info[:112] + struct.pack("<II", start + len(rows) - 14, len(tail)) + info[120:]
    size = start + len(rows) + len(tail)
    return b"BM" + struct.pack("<IHHI", size, 0, 0, start) + info + palette + rows + tail


def _bmp_row(line: Image.Image, bits: int, masks: tuple[int, ...]) -> bytes:
    if bits <= 8:
        text = "".join(f"{value:0{bits}b}" for value in line.tobytes())
        row = bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8))
    elif masks or bits == 16:
        masks, row = masks or (0x7C00, 0x3E0, 0x1F), b""
        pixels = np.asarray(line.convert("RGBA")).reshape(-1, 4).tolist()
        for pixel in pixels:
            value = 0
            for channel, mask in zip(pixel, masks, strict=False):
                low = (mask & -mask).bit_length() - 1
                value |= round(channel * (mask >> low) / 255) << low
            row += value.to_bytes(bits // 8, "little")
    else:
        row = line.convert("RGB").tobytes("raw", "BGR" if bits == 24 else "BGRX")
    return row + bytes(-len(row) % 4)


def unmasked(data: bytes, bits: int, masks: tuple[int, ...], down: bool) -> Image.Image:
    """The picture, 97 x 80, of a file whose pixels have masks (Pillow does not know all of them)."""
    start = int.from_bytes(data[10:14], "little")
    rows = np.frombuffer(data, "u1")[start:][: 80 * _stride(bits)].reshape(80, -1)[:, : 97 * bits // 8]
    values = (
        np.frombuffer(rows.tobytes(), f"<u{bits // 8}").reshape(80, 97)[:: 1 if down else -1].astype("i8")
    )
    channels = [(values & mask) * 255 // mask for mask in masks[:3]]
    return Image.fromarray(np.stack(channels, 2).astype("u1"))


def _stride(bits: int) -> int:
    return (97 * bits + 31) // 32 * 4


PLAIN_BMP = [
    {"bits": 24},
    {"bits": 24, "down": True, "header": 124, "tail": b"a profile"},
    {"bits": 24, "header": 12},
    {"bits": 32},
    {"bits": 16},
    {"bits": 16, "masks": (0xF800, 0x7E0, 0x1F)},
    {"bits": 16, "masks": (0xF00, 0xF0, 0xF, 0xF000), "header": 108},
    {"bits": 32, "masks": (0xFF, 0xFF00, 0xFF0000, 0xFF000000), "header": 124},
    {"bits": 32, "masks": (0x3FF00000, 0xFFC00, 0x3FF)},
]


@pytest.mark.parametrize("fields", PLAIN_BMP, ids=str)
def test_bmp_changes_in_place(fields: dict[str, object]) -> None:
    """Of a BMP with colours only the bytes below the label change."""
    fields = dict(fields)
    bits, masks = cast("int", fields.pop("bits")), cast("tuple[int, ...]", fields.get("masks", ()))
    data = bmp(scene(97, 80, "RGBA" if len(masks) == 4 else "RGB"), bits, **fields)
    head = Head(97, 80)
    left, top, right, bottom = label_box(head)
    result = draw(data, "bmp", head, LOOK, exact=True)
    assert (result.outside, len(result.data)) == ("identical", len(data))
    start = int.from_bytes(data[10:14], "little")
    for at in (at for at, (old, new) in enumerate(zip(data, result.data, strict=True)) if old != new):
        row, column = divmod(at - start, _stride(bits))
        row = row if fields.get("down") else 79 - row
        assert top <= row < bottom
        assert left <= column * 8 // bits < right
    picture = unmasked(result.data, bits, masks, bool(fields.get("down"))) if masks else seen(result.data)
    assert has_label(picture, head)


@pytest.mark.parametrize(("bits", "count"), [(1, 2), (4, 16), (4, 5), (8, 256), (8, 7)])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("header", [12, 40, 124])
def test_bmp_palettes(bits: int, count: int, plain: bool, header: int) -> None:
    """Black and white do in place; where colours lack, the palette or the bits grow, and all pixels stay."""
    entry = 3 if header == 12 else 4
    count = 1 << bits if header == 12 else count
    shades = [255 * index // (count - 1) if plain else 100 + index % 20 for index in range(count)]
    palette = b"".join(bytes((shade, shade, shade, 0)[:entry]) for shade in shades)
    indices = scene(97, 80, "L").point([min(value * count // 256, count - 1) for value in range(256)])
    data = bmp(indices, bits, palette=palette, header=header, tail=b"a profile")
    head = Head(97, 80)
    after = draw(data, "bmp", head, LOOK, exact=True).data
    assert outside(seen(after).convert("RGB"), label_box(head)) == outside(
        seen(data).convert("RGB"), label_box(head)
    )
    assert has_label(seen(after), head)
    assert after.endswith(b"a profile")
    if plain and count in (2, 256):
        assert len(after) == len(data)
    if header == 124:
        assert after[14 + int.from_bytes(after[126:130], "little") :] == b"a profile"


def test_bmp_with_a_full_palette_without_contrast_becomes_24_bits() -> None:
    """Where all 256 entries are used and none of them can be read on another, pixels get their colours."""
    palette = b"".join(bytes((150 + index % 90, 150 + index // 3, 170, 0)) for index in range(256))
    indices = Image.frombytes("L", (96, 80), bytes(at % 256 for at in range(96 * 80)))
    data = bmp(indices, 8, palette=palette)
    after = draw(data, "bmp", HEAD, LOOK, exact=True).data
    assert after[28] == 24
    assert outside(seen(after), BOX) == outside(seen(data).convert("RGB"), BOX)
    assert has_label(seen(after), HEAD)


@pytest.mark.parametrize("bits", [4, 8])
def test_bmp_run_lengths_become_rows(bits: int) -> None:
    """Runs, absolute codes, ends of lines and jumps are decoded; the rows are written uncompressed."""
    palette = b"".join(bytes((16 * index, 15 * index, 14 * index, 0)) for index in range(16))
    absolute = b"\x00\x05" + (b"\x12\x34\x50\x00" if bits == 4 else b"\x01\x02\x03\x04\x05\x00")
    jump = b"\x00\x02\x04\x01" + bytes((6, 0x77 if bits == 4 else 7)) + b"\0\0"
    line = bytes((91, 0x3A if bits == 4 else 9)) + absolute + b"\0\0"
    codes = line * 40 + jump + line * 38 + b"\0\1"
    data = bmp(
        Image.new("L", (96, 80)), bits, palette=palette, codes=codes, compression=2 if bits == 4 else 1
    )
    after = draw(data, "bmp", HEAD, LOOK, exact=True).data
    assert after[28:34] == b"\x08\0\0\0\0\0"
    assert has_label(seen(after), HEAD)
    if bits == 8:  # of 4 bits, Pillow and the documentation differ about jumps
        assert outside(seen(after).convert("RGB"), BOX) == outside(seen(data).convert("RGB"), BOX)


@pytest.mark.parametrize("bits", [4, 8])
def test_bmp_of_single_pixels(bits: int) -> None:
    """Codes for one pixel each, of which a small file has many."""
    codes = (b"\1\x55" * 500 + b"\0\0") * 400 + b"\0\1"
    rows = decoded(codes, 500, 400, bits)
    assert set(rows) == {bytes((5 if bits == 4 else 0x55,)) * 500}


BITMAPS = [
    bmp(scene(64, 64), 24),
    bmp(scene(64, 64), 16, masks=(0xF800, 0x7E0, 0x1F)),
    bmp(scene(64, 64, "L").point([v // 32 for v in range(256)]), 4, palette=bytes(32)),
    bmp(Image.new("L", (64, 64)), 8, palette=bytes(64), codes=b"\x40\x01\0\0" * 64 + b"\0\1", compression=1),
]


def test_truncated_bmp_are_content_errors() -> None:
    """Cut at any byte, a BMP is refused with words about it."""
    for data in BITMAPS:
        for cut_at in range(0, len(data), 1 if len(data) < 3000 else 31):
            assert "BMP" in broken(data[:cut_at], "bmp", Head(64, 64)), cut_at


@given(
    st.sampled_from(BITMAPS),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_mutated_bmp_raise_nothing_else(source: bytes, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes change, the drawer draws or raises ContentError."""
    data = bytearray(source)
    for at, value in changes:
        data[at % len(data)] = value
    broken(bytes(data), "bmp", Head(64, 64))
