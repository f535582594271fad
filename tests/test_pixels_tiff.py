"""The visible label in TIFF."""

from __future__ import annotations

from io import BytesIO
from itertools import product
from typing import cast

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import draw
from labeler.values import Look, Position
from tests.pixel_pictures import (
    LOOK,
    decibels,
    frames,
    has_label,
    label_box,
    outside,
    saved,
    scene,
    seen,
)
from tests.tiff_files import Kind, Pixels, pixels, read, written

HEAD = Head(96, 80)
BOX = label_box(HEAD)


def drawn(data: bytes, head: Head = HEAD, look: Look = LOOK) -> bytes:
    """The labelled file; nothing but the label may have changed."""
    result = draw(data, "tiff", head, look, exact=True)
    assert (result.outside, result.notes) == ("identical", ())
    return result.data


def as_picture(
    content: list[list[tuple[int, ...]]], kind: Kind, palette: list[int] | None = None
) -> Image.Image:
    """What the pixels look like, in 8 bits."""
    size, shift = (len(content[0]), len(content)), max(kind.depth - 8, 0)
    flat = [[min(sample >> shift, 255) for sample in pixel] for row in content for pixel in row]
    if palette:
        count = len(palette) // 3
        flat = [[palette[pixel[0] + count * channel] >> 8 for channel in range(3)] for pixel in flat]
        return Image.frombytes("RGB", size, bytes(sample for pixel in flat for sample in pixel))
    top = min((1 << kind.depth) - 1, 255)
    if kind.photometric == 5:
        colours = [[255 - min(255, ink + pixel[3]) for ink in pixel[:3]] for pixel in flat]
        return Image.frombytes("RGB", size, bytes(sample for pixel in colours for sample in pixel))
    if kind.photometric == 0:
        flat = [[top - pixel[0]] for pixel in flat]
    greys = [pixel[:1] * 3 if kind.photometric < 2 else pixel[:3] for pixel in flat]
    return Image.frombytes("RGB", size, bytes(sample * 255 // top for pixel in greys for sample in pixel))


RGB_KINDS = [
    Kind(depth=depth, compression=compression, predictor=predictor, planes=planes, tile=tile, order=order)
    for depth, (compression, predictor), planes, tile, order in product(
        (8, 16, 32), ((1, 1), (8, 1), (8, 2)), (1, 3), ((0, 0), (32, 16)), "<>"
    )
]
OTHER_KINDS = [
    *(Kind(1, 1, photometric, order=">") for photometric in (0, 1)),
    *(Kind(depth, 1, photometric, compression=8) for depth in (2, 4) for photometric in (0, 1)),
    *(Kind(depth, 1, photometric) for depth in (8, 16, 32) for photometric in (0, 1)),
    *(Kind(depth, 4, 5, predictor=2, compression=8) for depth in (8, 16)),
    *(Kind(8, 4, 2, extra=(extra,)) for extra in (0, 1, 2)),
    *(Kind(16, 2, 1, extra=(extra,), order=">", planes=planes) for extra in (0, 1, 2) for planes in (1, 2)),
    Kind(16, 4, 2, extra=(2,), big=True),
    Kind(8, 5, 2, extra=(2, 0), planes=5),
    Kind(1, 1, 1, tile=(16, 16), big=True, order=">"),
    Kind(8, 3, 2, compression=8, big=True, tile=(128, 128)),
]


@pytest.mark.parametrize("kind", RGB_KINDS + OTHER_KINDS, ids=str)
def test_every_kind_keeps_every_bit_beside_the_label(kind: Kind) -> None:
    """All depths, sample orders, byte orders, strips and tiles: only pixels of the label change."""
    content = pixels(96, 80, kind)
    data = written(
        content, kind, {270: (2, b"a description, long enough to stand elsewhere\0"), 65000: (4, [7])}
    )
    before, tags = read(data, kind)
    after, new_tags = read(drawn(data), kind)
    left, top, right, bottom = BOX
    for y, (old, new) in enumerate(zip(before, after, strict=True)):
        if top <= y < bottom:
            old, new = old[:left] + old[right:], new[:left] + new[right:]
        assert new == old, y
    assert has_label(as_picture(after, kind), HEAD)
    moving = {273, 278, 279, 324, 325}
    assert {k: v for k, v in new_tags.items() if k not in moving} == {
        k: v for k, v in tags.items() if k not in moving
    }


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palettes_take_unused_entries(depth: int) -> None:
    """Where the palette's colours do not do, entries that no pixel uses become the label's."""
    count = 1 << depth
    kind = Kind(depth, 1, 3, compression=8)
    content: Pixels = [[(value[0] % max(count // 2, 1),) for value in row] for row in pixels(96, 80, kind)]
    colours = [200 << 8, 100 << 8] * (count * 3 // 2)
    if depth == 1:
        colours = [0, 65535] * 3
    data = written(content, kind, {320: (3, colours)})
    after, tags = read(drawn(data), kind)
    palette = np.frombuffer(tags[320], "<u2").tolist()
    assert has_label(as_picture(after, kind, palette), HEAD)
    used = {pixel[0] for row in content for pixel in row}
    assert all(palette[index + count * c] == colours[index + count * c] for index in used for c in range(3))


def test_a_palette_without_contrast_is_refused() -> None:
    """Two greys that nobody could tell apart take no label; the error says what helps."""
    data = written(pixels(96, 80, Kind(1, 1)), Kind(1, 1, 3), {320: (3, [40000, 42000] * 3)})
    with pytest.raises(ContentError, match=r"no two colours .*: store the picture as RGB"):
        drawn(data)


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "I;16B", "RGB", "RGBA", "CMYK", "P", "LA"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"])
def test_files_of_pillow_keep_their_pixels(mode: str, compression: str) -> None:
    """What Pillow and libtiff write, they read again: equal beside the label, in strips of their size."""
    picture = (
        scene(mode="L").convert("I").point(lambda v: v * 250).convert("I;16")
        if mode.startswith("I")
        else scene(mode=mode)
    )
    picture = (
        picture
        if mode != "I;16B"
        else Image.frombytes(mode, picture.size, bytes(reversed(picture.tobytes())))
    )
    data = saved(picture, "TIFF", compression=compression, strip_size=1024)
    after = drawn(data)
    assert outside(seen(after), BOX) == outside(seen(data), BOX)
    assert len(after) <= len(data) * 1.2 + 2048
    if not mode.startswith("I"):
        assert has_label(seen(after).convert("RGBA"), HEAD)


@pytest.mark.parametrize("options", [0, 1, 4, 5])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
def test_fax_codes_keep_their_pixels(compression: str, order: int, options: int) -> None:
    """Fax compressions with all their options, bits in both orders."""
    tags = {266: order} | ({292: options} if compression == "group3" else {})
    data = saved(scene(mode="1"), "TIFF", compression=compression, tiffinfo=tags)
    after = drawn(data)
    assert outside(seen(after), BOX) == outside(seen(data), BOX)
    assert has_label(seen(after), HEAD)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_files_of_opencv_keep_their_pixels(kind: str, compression: int) -> None:
    """Another writer and reader: 8 and 16 bits, with predictor."""
    array = np.asarray(scene()).astype(kind) * (257 if kind == "uint16" else 1)
    data = cv2.imencode(".tiff", array, [cv2.IMWRITE_TIFF_COMPRESSION, compression])[1].tobytes()
    before, after = (
        cv2.imdecode(np.frombuffer(file, "u1"), cv2.IMREAD_UNCHANGED) for file in (data, drawn(data))
    )
    changed = np.argwhere((cast("np.ndarray", before) != after).any(axis=2))
    left, top, right, bottom = BOX
    assert len(changed)
    assert (changed.min(axis=0) >= (top, left)).all()
    assert (changed.max(axis=0) < (bottom, right)).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "YCbCr"])
@pytest.mark.parametrize("size", [1024, 1 << 16])
@pytest.mark.parametrize("position", ["top-left", "bottom-right"])
def test_jpeg_streams_are_encoded_again(position: Position, size: int, mode: str) -> None:
    """JPEG in TIFF: the streams below the label change a little, the others not, and the result says so."""
    data = saved(scene(mode=mode), "TIFF", compression="tiff_jpeg", quality=90, strip_size=size)
    look = Look(position=position)
    result = draw(data, "tiff", HEAD, look)
    assert result.outside == "re-encoded"
    assert "JPEG streams" in result.notes[0]
    assert decibels(seen(data), seen(result.data), label_box(HEAD, look)) >= 34
    assert has_label(seen(result.data), HEAD, look)
    with pytest.raises(ContentError, match="JPEG streams"):
        draw(data, "tiff", HEAD, LOOK, exact=True)


def test_jpeg_streams_with_other_tables_get_tables_of_their_own() -> None:
    """Where the page's Huffman tables are not the usual ones, all of its streams are encoded again."""
    stream = saved(scene(mode="L"), "JPEG", optimize=True)
    start = stream.index(b"\xff\xc4")
    end = start + 2
    while stream[start:][:2] == b"\xff\xc4":
        start += 2 + int.from_bytes(stream[start + 2 : start + 4], "big")
    tables = b"\xff\xd8" + stream[end - 2 : start] + b"\xff\xd9"
    kind = Kind(8, 1, 1, 7, rows=80)
    data = written([[(0,)] * 96] * 80, kind, {347: (7, tables)}, parts=[stream[: end - 2] + stream[start:]])
    after = draw(data, "tiff", HEAD, LOOK).data
    assert decibels(seen(data), seen(after), BOX) >= 34
    assert has_label(seen(after), HEAD)


@pytest.mark.parametrize("rows", [13, 80])
def test_numbers_that_are_too_narrow_become_wider(rows: int) -> None:
    """Strips that move behind the first 64 KB, in a file whose offsets have 16 bits."""
    kind = Kind(8, 3, 2, 8, rows=rows, places=3)
    data = written([[(200, 100, 50)] * 96] * 80, kind, {65000: (7, bytes(70000))})
    before, _ = read(data, kind)
    after, tags = read(drawn(data), kind)
    assert has_label(as_picture(after, kind), HEAD)
    assert [row[: BOX[0]] for row in after] == [row[: BOX[0]] for row in before]
    assert len(tags[273]) == 4 * 16


def test_a_page_of_one_strip_does_not_double() -> None:
    """Where the only strip has grown, it is cut, so that its old place does not stay empty."""
    data = saved(scene(400, 300), "TIFF", compression="tiff_lzw", tiffinfo={278: 300})
    data += b"something behind the strip, so that it cannot grow in place"
    after = drawn(data, Head(400, 300))
    assert len(after) <= len(data) * 1.15
    assert outside(seen(after), label_box(Head(400, 300))) == outside(seen(data), label_box(Head(400, 300)))
    assert has_label(seen(after), Head(400, 300))


def test_every_page_shows_the_label() -> None:
    """Pages of several sizes each get their own label; previews that are too small are told of."""
    pages = [scene(), scene(200, 64, turn=2), scene(70, 90, "L")]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    for old, new in zip(frames(data), frames(drawn(data, Head(96, 80, 3))), strict=True):
        head = Head(*old.size)
        assert has_label(new, head)
        assert outside(new, label_box(head)) == outside(old, label_box(head))
    preview = scene(16, 16)
    preview.encoderinfo = {"tiffinfo": {254: 1}}
    data = saved(scene(), "TIFF", save_all=True, append_images=[preview])
    assert "preview" in draw(data, "tiff", Head(96, 80, 2), LOOK).notes[0]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_is_kept_and_counts(orientation: int) -> None:
    """The label is where the viewer sees the corner."""
    data = saved(scene(), "TIFF", tiffinfo={274: orientation})
    head = Head(96, 80, 1, orientation)
    stored = Image.frombytes("RGB", (96, 80), cut(drawn(data, head), data))
    assert has_label(stored, head)


def cut(file: bytes, like: bytes) -> bytes:
    """The pixels of an uncompressed file of one strip, as they are stored."""
    tags = cast("TiffImagePlugin.TiffImageFile", Image.open(BytesIO(like))).tag_v2
    return file[tags[273][0] :][: tags[279][0]]


def test_shared_strips_are_not_written_twice() -> None:
    """Two pages that point to the same strips: one label each, and the file stays readable."""
    picture = scene(mode="L")
    data = bytearray(saved(picture, "TIFF", save_all=True, append_images=[picture, scene(mode="L", turn=3)]))
    tags = [seen_at(bytes(data), page) for page in range(2)]
    first, second = (b"".join(place.to_bytes(4, "little") for place in tag[273]) for tag in tags)
    assert data.count(second) == 1
    data[data.index(second) : data.index(second) + len(second)] = first
    after = frames(drawn(bytes(data), Head(96, 80, 3)))
    assert after[0].tobytes() == after[1].tobytes()
    assert all(has_label(frame, HEAD) for frame in after)


def seen_at(data: bytes, page: int) -> TiffImagePlugin.ImageFileDirectory_v2:
    """The tags of a page."""
    picture = cast("TiffImagePlugin.TiffImageFile", Image.open(BytesIO(data)))
    picture.seek(page)
    return picture.tag_v2
