"""The visible label in JPEG pictures: exact with libturbojpeg, careful without it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from math import log10
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageSequence, ImageStat
from PIL.MpoImagePlugin import MpoImageFile

from labeler.errors import ContentError
from labeler.pixels import turbo
from labeler.pixels.base import composite
from labeler.pixels.mark import GRID, mark
from labeler.values import Look, Position
from tests.jpeg_tools import (
    KINDS,
    LOOK,
    NATURAL,
    SIZE,
    decoded,
    draw,
    encoded,
    needs_turbo,
    opened,
    photo,
    sample,
    without_turbo,
)


@pytest.fixture(params=[pytest.param("libturbojpeg", marks=needs_turbo), "Pillow"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What draws: the system's library, or Pillow where that is missing."""
    if request.param == "Pillow":
        without_turbo(monkeypatch)
    return str(request.param)


def psnr(one: Image.Image, other: Image.Image, mask: Image.Image | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all channels, where the mask is set."""
    rms = ImageStat.Stat(ImageChops.difference(one, other), mask).rms
    mean = sum(value**2 for value in rms) / len(rms)
    return 10 * log10(255**2 / mean) if mean else float("inf")


def outside(size: tuple[int, int]) -> Image.Image:
    """A mask of the pixels that no MCU of the label reaches."""
    mask = Image.new("1", size, 1)
    left, top, right, bottom = mark(LOOK, *size, grid=GRID).box
    mask.paste(0, (left - 33, top - 33, right + 33, bottom + 33))
    return mask


def changed_blocks(old: bytes, new: bytes) -> Iterator[tuple[int, int, int, int]]:
    """The regions (left, top, right, bottom in pixels) of all blocks whose coefficients differ."""
    image = opened(old)
    factors = [layer[1:3] for layer in image.layer] if len(image.layer) > 1 else [(1, 1)]
    planes = zip(turbo.coefficients(old), turbo.coefficients(new), factors, strict=True)
    for rows, others, (across, down) in planes:
        wide = 8 * max(factor[0] for factor in factors) // across
        high = 8 * max(factor[1] for factor in factors) // down
        assert [len(row) for row in rows] == [len(row) for row in others]
        for y in range(0, image.height, high):
            row, other = rows[y // high], others[y // high]
            for x in range(0, image.width, wide):
                at = x // wide * turbo.BLOCK
                if row[at : at + turbo.BLOCK] != other[at : at + turbo.BLOCK]:
                    yield x, y, x + wide, y + high


def assert_only_label_changed(old: bytes, new: bytes, look: Look = LOOK) -> None:
    label = mark(look, *opened(old).size, grid=GRID).box
    blocks = list(changed_blocks(old, new))
    assert blocks
    for left, top, right, bottom in blocks:
        assert left < label[2]
        assert top < label[3]
        assert right > label[0]
        assert bottom > label[1]


@needs_turbo
@pytest.mark.parametrize("kind", KINDS)
def test_blocks_beside_the_label_keep_their_coefficients(kind: str) -> None:
    """With libturbojpeg, a block that the label does not touch has the coefficients that it had."""
    drawn = draw(sample(kind), exact=True)
    assert drawn.outside == "identical"
    assert_only_label_changed(sample(kind), drawn.data)


@pytest.mark.parametrize("kind", KINDS)
def test_label_is_drawn(kind: str, library: str) -> None:
    """The label looks as if it had been laid over the decoded pixels, whatever the colour space."""
    drawn = decoded(draw(sample(kind)).data)
    expected = decoded(sample(kind))
    label = mark(LOOK, *expected.size, grid=GRID)
    composite(expected, label)
    assert drawn.mode == expected.mode
    assert psnr(drawn.crop(label.box), expected.crop(label.box)) > 24


@pytest.mark.parametrize("kind", ["grey", "4:2:0", "RGB", "CMYK", "YCCK"])
def test_white_words_come_out_white(kind: str, library: str) -> None:
    """White words on a black plate are white on black in every colour space, inverted CMYK included."""
    look = Look(opacity=1)
    drawn = decoded(draw(sample(kind), look).data)
    tile = drawn.crop(mark(look, *drawn.size, grid=GRID).box).convert("L")
    histogram = tile.histogram()
    assert sum(histogram[236:]) > 20
    assert sum(histogram[:20]) > 100


@needs_turbo
@pytest.mark.parametrize(
    "position",
    ["top-left", "top", "top-right", "left", "right", "bottom-left", "bottom", "bottom-right"],
)
def test_label_at_every_position(position: Position) -> None:
    """Wherever the label is, only its blocks change."""
    look = Look(position=position)
    assert_only_label_changed(sample("4:2:0"), draw(sample("4:2:0"), look, exact=True).data, look)


@needs_turbo
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_label_fills_whole_blocks_of_a_large_picture(subsampling: str) -> None:
    """On a picture with room the plate's edges lie between blocks: none is changed that it does not fill."""
    old = encoded(photo((900, 700)), subsampling=subsampling)
    left, top, right, bottom = mark(LOOK, 900, 700, grid=GRID).box
    for x, y, end, foot in changed_blocks(old, draw(old, exact=True).data):
        assert left <= x < end <= right
        assert top <= y < foot <= bottom


@pytest.mark.parametrize("orientation", range(1, 9))
def test_label_stands_where_the_viewer_sees_the_corner(orientation: int, library: str) -> None:
    """In every EXIF orientation the label is in the bottom right corner of the turned picture."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = Image.new("RGB", (320, 200), "grey")
    data = draw(encoded(grey, exif=exif), orientation=orientation).data
    shown = ImageOps.exif_transpose(decoded(data))
    difference = ImageChops.difference(shown, Image.new("RGB", shown.size, "grey")).convert("L")
    box = difference.point(lambda value: 255 * (value > 20)).getbbox()
    assert box is not None
    assert box[0] > shown.width // 2
    assert box[1] > shown.height // 2
    assert box[2] - box[0] > box[3] - box[1]  # it reads from left to right


@pytest.mark.parametrize("kind", NATURAL)
def test_without_the_library_the_rest_stays_close(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libturbojpeg the rest has at least 45 dB, and a note says what to install."""
    without_turbo(monkeypatch)
    old = sample(kind)
    drawn = draw(old)
    assert drawn.outside == "re-encoded"
    assert "libturbojpeg0" in drawn.notes[0]
    before = decoded(old)
    assert psnr(before, decoded(drawn.data), outside(before.size)) >= 45


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"progressive": True}, {"optimize": True}, {"keep_rgb": True}]
)
def test_only_the_label_costs_bytes(options: dict[str, Any], library: str) -> None:
    """The file is at most 2 % larger than Pillow makes the same picture with its label (10 % where an
    old library cannot optimise)."""
    old = encoded(photo((640, 480)), **options)
    plain = decoded(old)
    composite(plain, mark(LOOK, *plain.size, grid=GRID))
    limit = 1.1 if library == "libturbojpeg" and "optimize" in options and not turbo.optimises() else 1.02
    assert len(draw(old).data) < limit * len(encoded(plain, **options))


@needs_turbo
def test_growth_is_told() -> None:
    """A file that grew because an old library cannot optimise says so; no other has a note."""
    flat = Image.new("RGB", (640, 480), "white")
    notes = draw(encoded(flat, optimize=True), exact=True).notes
    told = [note for note in notes if "does not optimise Huffman tables" in note]
    assert bool(told) is not turbo.optimises()
    assert draw(encoded(flat), exact=True).notes == ()


def test_exact_needs_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rest must stay identical, a missing library is an error that says what to install."""
    without_turbo(monkeypatch)
    with pytest.raises(ContentError, match=r"libturbojpeg0 \(Debian\)"):
        draw(sample("4:2:0"), exact=True)


@pytest.mark.parametrize("progressive", [False, True])
def test_progressive_stays_progressive(progressive: bool, library: str) -> None:
    """A baseline picture stays baseline, a progressive one progressive."""
    image = decoded(draw(encoded(photo(SIZE), progressive=progressive)).data)
    assert bool(image.info.get("progressive")) is progressive


@pytest.mark.parametrize("kind", ["4:2:0", "grey", "CMYK", "YCCK", "RGB", "progressive"])
def test_metadata_stays(kind: str, library: str) -> None:
    """All APPn and COM segments, and what follows the picture's end, are kept byte for byte and in
    order."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    segments = [
        (0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>\xff\xd9\xff\xda"),
        (0xE2, b"ICC_PROFILE\0\1\1" + icc),
        (0xE2, b"MPF\0II*\0" + bytes(40)),
        (0xED, b"Photoshop 3.0\0"),
        (0xFE, "一条评论".encode()),
        (0xEB, b"JP\0\1\0\0\0\1"),
        (0xFE, b""),
    ]
    extra = b"".join(bytes((255, code)) + (len(b) + 2).to_bytes(2) + b for code, b in segments)
    old = sample(kind)
    old = old[:2] + extra + old[2:] + b"\0trailer" + sample("64 x 64")
    new = draw(old).data
    assert new.endswith(b"\xff\xd9\0trailer" + sample("64 x 64"))
    assert applications(new) == applications(old)
    assert len(applications(new)) >= len(segments)
    assert decoded(new).info.get("icc_profile") == icc


def album() -> bytes:
    """A file of three pictures, with an index of them (MPF)."""
    first, *others = (photo((333, 251), seed=seed) for seed in (1, 2, 3))
    file = BytesIO()
    first.save(file, "MPO", save_all=True, append_images=others, quality=90)
    return file.getvalue()


def shown(data: bytes) -> list[bytes]:
    """The pixels of the pictures of a file, as Pillow finds them by its index."""
    with Image.open(BytesIO(data)) as image:
        return [frame.tobytes() for frame in ImageSequence.Iterator(image)]


def sizes(data: bytes) -> list[int]:
    """How long the pictures are, as the index says."""
    with Image.open(BytesIO(data)) as image:
        assert isinstance(image, MpoImageFile)
        assert image.mpinfo
        return [entry["Size"] for entry in image.mpinfo[0xB002]]


def test_further_pictures_are_found(library: str) -> None:
    """The index tells how long the first picture is now, and where the others are."""
    old = album()
    new = draw(old).data
    assert shown(new)[0] != shown(old)[0]
    assert shown(new)[1:] == shown(old)[1:]
    assert sizes(new)[0] == sizes(old)[0] + len(new) - len(old) != sizes(old)[0]
    assert sizes(new)[1:] == sizes(old)[1:]


def test_an_index_that_comes_nearer_to_the_start(library: str) -> None:
    """A table in front of the index comes behind it, and the other pictures are that much further away."""
    old = album()
    table = old[old.index(b"\xff\xdb") : old.index(b"\xff\xc0")]
    at = old.index(b"\xff\xe2")
    assert shown(draw(old[:at] + table + old[at:]).data)[1:] == shown(old)[1:]


def test_a_broken_index_is_told(library: str) -> None:
    """Where nobody can tell what the index says, it stays as it is, with a note."""
    old = album()
    at = old.index(b"MPF\0") + 4
    torn = old[:at] + bytes(60) + old[at + 60 :]
    drawn = draw(torn)
    assert any("the MPF index of the JPEG is broken" in note for note in drawn.notes)
    assert applications(drawn.data) == applications(torn)


def test_one_broken_entry_of_an_index_is_told(library: str) -> None:
    """Where only some of the pictures are where the index says, these are found, with a note of the others."""
    old = album()
    cut = old[: old.rindex(b"\xff\xd8\xff")]
    drawn = draw(cut)
    assert [note for note in drawn.notes if "no picture starts, which stay as they are: 1" in note]
    for data in (cut, drawn.data):
        with Image.open(BytesIO(data)) as image:
            image.seek(1)
            assert image.tobytes() == shown(old)[1]


def applications(data: bytes) -> list[tuple[str, bytes]]:
    return list(opened(data).applist)


def test_label_does_not_change_between_runs() -> None:
    """The same picture and look give the same bytes."""
    assert draw(sample("4:2:0")) == draw(sample("4:2:0"))


@needs_turbo
def test_threads_do_not_disturb_each_other() -> None:
    """Pictures that are drawn at the same time come out as if they had been drawn alone."""
    kinds = [*KINDS] * 3
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda kind: draw(sample(kind)), kinds))
    assert together == [draw(sample(kind)) for kind in kinds]


@needs_turbo
@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(64, 150), st.integers(64, 150)),
    st.sampled_from(["L", "RGB", "CMYK"]),
    st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]),
    st.integers(1, 100),
    st.booleans(),
    st.sampled_from(["top-left", "top", "right", "bottom", "bottom-right"]),
)
def test_any_picture_keeps_its_other_blocks(
    size: tuple[int, int], mode: str, subsampling: str, quality: int, progressive: bool, position: Position
) -> None:
    """Whatever the size, mode, sampling and quality: only the label's blocks change."""
    options = {"subsampling": subsampling} if mode == "RGB" else {}
    old = encoded(photo(size, mode), quality=quality, progressive=progressive, **options)
    look = Look(position=position)
    drawn = draw(old, look, exact=True)
    assert_only_label_changed(old, drawn.data, look)
