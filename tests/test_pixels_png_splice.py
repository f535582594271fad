"""The compressed data of a PNG: blocks that the label does not touch stay as they were, bit for bit."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import draw
from labeler.pixels.png_deflate import backend
from labeler.values import Look, Position
from tests.media_tools import hostile
from tests.pixel_pictures import has_label, label_box, outside, saved, seen
from tests.png_tools import SIGNATURE, chunk, chunks

WIDTH, HEIGHT = 300, 500
HEAD = Head(WIDTH, HEIGHT)
POSITIONS: tuple[Position, ...] = ("top-left", "top", "left", "right", "bottom", "bottom-right")
STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)
NAMES = {"L": 0, "LA": 4, "RGB": 2, "RGBA": 6}


@pytest.fixture(params=["fast", "plain"])
def extra(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """With the extra `fast`, and as if it were not installed."""
    if request.param == "plain":
        for name in ("isal", "isal.isal_zlib", "indexed_gzip"):
            monkeypatch.setitem(sys.modules, name, None)
    backend.cache_clear()
    yield request.param == "fast"
    backend.cache_clear()


def noise(mode: str = "RGB", seed: int = 0, bits: int = 3) -> Image.Image:
    """A slope with some bits of noise, which compresses about as photographs do."""
    size, random = (WIDTH, HEIGHT), Random(seed)
    slope = Image.linear_gradient("L").rotate(seed).resize(size)
    grain = [
        Image.frombytes("L", size, random.randbytes(WIDTH * HEIGHT)).point(
            [n >> 8 - bits for n in range(256)]
        )
        for _ in mode
    ]
    bands = [
        Image.blend(slope, layer.point([n << 8 - bits for n in range(256)]), bits / 32) for layer in grain
    ]
    return Image.merge(mode, bands) if len(bands) > 1 else bands[0]


def compressed(data: bytes) -> bytes:
    """The zlib stream of a file."""
    return b"".join(body for kind, body in chunks(data) if kind == b"IDAT")


def filtered(picture: Image.Image) -> bytes:
    """The rows as Pillow filters them."""
    return zlib.decompress(compressed(saved(picture, "png")))


def stored(picture: Image.Image, compressed: bytes, cut: int = 8192) -> bytes:
    """A file around a zlib stream."""
    head = struct.pack(">2I5B", *picture.size, 8, NAMES[picture.mode], 0, 0, 0)
    parts = (compressed[at : at + cut] for at in range(0, len(compressed), cut))
    body = b"".join(chunk(b"IDAT", part) for part in parts)
    return SIGNATURE + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def check(data: bytes, position: Position) -> bytes:
    """Label a file; Pillow and zlib (which checks all of the stream) see no change beside the label."""
    look = Look(position=position)
    result = draw(data, "png", HEAD, look, exact=True)
    assert (result.outside, result.notes) == ("identical", ())
    old, new, box = seen(data), seen(result.data), label_box(HEAD, look)
    assert outside(old, box) == outside(new, box)
    assert has_label(new, HEAD, look)
    inflate = zlib.decompressobj()
    inflate.decompress(compressed(result.data))
    assert inflate.eof
    assert not inflate.unused_data
    return result.data


@st.composite
def streams(draw_: st.DrawFn) -> tuple[Image.Image, bytes]:
    """A picture and its rows, deflated in blocks of many kinds and lengths."""
    picture = noise(
        draw_(st.sampled_from(sorted(NAMES))), draw_(st.integers(0, 999)), draw_(st.integers(1, 6))
    )
    level, memory = draw_(st.integers(0, 9)), draw_(st.sampled_from((1, 2, 4, 8, 9)))
    deflate = zlib.compressobj(level, zlib.DEFLATED, 15, memory, draw_(st.sampled_from(STRATEGIES)))
    flush = draw_(st.sampled_from((zlib.Z_NO_FLUSH, zlib.Z_BLOCK, zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH)))
    rows, step = filtered(picture), draw_(st.integers(9000, 90000))
    parts = [
        deflate.compress(rows[at : at + step]) + deflate.flush(flush) for at in range(0, len(rows), step)
    ]
    return picture, b"".join(parts) + deflate.flush()


@settings(max_examples=30)
@given(streams(), st.sampled_from(POSITIONS), st.sampled_from((97, 8192, 1 << 20)))
def test_all_streams(stream: tuple[Image.Image, bytes], position: Position, cut: int) -> None:
    """Whatever blocks a stream has, and wherever it is cut into chunks, only the label changes."""
    check(stored(*stream, cut), position)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("level", [0, 1, 6])
def test_with_and_without_the_extra(extra: bool, position: Position, level: int) -> None:
    """The extra `fast` makes no difference to what is seen."""
    check(saved(noise(), "png", compress_level=level), position)


def test_top_keeps_the_rest() -> None:
    """Under a label at the top the compressed data stay byte for byte."""
    pytest.importorskip("indexed_gzip")
    data = saved(noise(), "png")
    old, new = compressed(data), compressed(check(data, "top"))
    assert new[-len(old) // 2 : -4] == old[-len(old) // 2 : -4]


def test_bottom_keeps_the_rest() -> None:
    """So do those above a label at the bottom."""
    pytest.importorskip("indexed_gzip")
    data = saved(noise(), "png")
    old, new = compressed(data), compressed(check(data, "bottom"))
    assert new[2 : len(old) // 2] == old[2 : len(old) // 2]


def test_middle_keeps_both() -> None:
    """A label half way down leaves both ends."""
    pytest.importorskip("indexed_gzip")
    data = saved(noise(), "png")
    old, new = compressed(data), compressed(check(data, "left"))
    assert new[2 : len(old) // 4] == old[2 : len(old) // 4]
    assert new[-len(old) // 4 : -4] == old[-len(old) // 4 : -4]


@pytest.mark.parametrize("position", POSITIONS)
def test_size(extra: bool, position: Position) -> None:
    """With or without the extra, noisy or flat, the file is hardly larger than Pillow makes the same
    picture."""
    flat = noise(bits=1).resize((60, 100)).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)
    for picture in (noise(), flat):
        result = check(saved(picture, "png"), position)
        assert len(result) < 1.05 * len(saved(seen(result), "png"))


@pytest.mark.parametrize("position", ["top", "bottom-right"])
def test_drawings_stay_small(extra: bool, position: Position) -> None:
    """What is deflated anew of a flat drawing does not make the file a tenth larger, whether it is all
    deflated with care or, with the extra, only a part of it."""
    side = 1400
    picture = noise(bits=1).resize((side // 4, side // 4)).resize((side, side), Image.Resampling.NEAREST)
    data, head, look = saved(picture, "png"), Head(side, side), Look(position=position)
    assert 6 < 3 * side * side / len(data) < 40
    drawn = draw(data, "png", head, look, exact=True).data
    box = label_box(head, look)
    assert outside(picture, box) == outside(seen(drawn), box)
    assert has_label(seen(drawn), head, look)
    assert len(drawn) < 1.1 * len(data)


@pytest.mark.parametrize("position", ["top", "bottom"])
def test_one_block(extra: bool, position: Position) -> None:
    """A stream of one block has no place to cut, and is deflated anew."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "teal")
    assert len(compressed(saved(picture, "png"))) < 4000
    check(saved(picture, "png"), position)


@pytest.mark.parametrize("window", [9, 12, 15])
def test_small_windows(window: int) -> None:
    """A stream that says it needs a small window is not followed by data that need a larger one."""
    picture = noise()
    deflate = zlib.compressobj(6, zlib.DEFLATED, window)
    data = deflate.compress(filtered(picture)) + deflate.flush()
    result = compressed(check(stored(picture, data), "top"))
    assert result[0] == 0x78


@pytest.mark.parametrize("strategy", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("level", [1, 9])
def test_opencv_files(strategy: int, level: int) -> None:
    """OpenCV's files, and what OpenCV (libpng) sees in ours."""
    cv2, numpy = pytest.importorskip("cv2"), pytest.importorskip("numpy")
    options = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy]
    data = cv2.imencode(".png", numpy.asarray(noise(seed=strategy)), options)[1].tobytes()
    for position in POSITIONS:
        result = check(data, position)
        back = cv2.imdecode(numpy.frombuffer(result, numpy.uint8), cv2.IMREAD_COLOR_RGB)
        assert (back == numpy.asarray(seen(result))).all()


def test_isal_reads_and_writes() -> None:
    """ISA-L, another inflater than zlib's, reads the seams; and its own streams are cut like others."""
    isal = pytest.importorskip("isal.isal_zlib")
    for seed in range(12):
        picture = noise("L", seed)
        data = isal.compress(filtered(picture), seed % 4)
        for position in ("top", "bottom"):
            result = compressed(check(stored(picture, data), position))
            assert isal.decompress(result) == zlib.decompress(result)


SAMPLE = compressed(saved(noise(), "png"))


@settings(max_examples=80)
@given(st.sampled_from(POSITIONS), hostile(SAMPLE))
def test_hostile_streams(position: Position, data: bytes) -> None:
    """A damaged stream in chunks whose CRCs are right is refused with a ContentError, or drawn on where
    the damage is not seen."""
    with suppress(ContentError):
        draw(stored(noise(), data), "png", HEAD, Look(position=position))


def test_cut_off_streams() -> None:
    """So is a stream that ends too early, wherever the label is."""
    for position in POSITIONS:
        for end in range(1, len(SAMPLE) // 8, len(SAMPLE) // 90):
            with pytest.raises(ContentError, match=r"ends inside its picture data|damaged"):
                draw(stored(noise(), SAMPLE[:end]), "png", HEAD, Look(position=position))
