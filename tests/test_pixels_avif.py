"""The visible label in AVIF: encoded again as it was coded, still and moving."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageStat

from labeler.errors import ContentError
from labeler.media import CONTAINERS
from labeler.media.base import Head
from labeler.pixels import avif as avif_pixels
from labeler.pixels import draw
from labeler.pixels.av1 import Coding, coding
from labeler.pixels.mark import GRID, mark
from tests.media_tools import PACKET, exif
from tests.pixel_pictures import (
    LOOK,
    broken,
    decibels,
    frames,
    has_label,
    label_box,
    saved,
    scene,
    seen,
)

AVIF = CONTAINERS["avif"]
HEAD = Head(192, 160)
BOX = label_box(HEAD)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def avif(mode: str = "RGB", **options: object) -> bytes:
    """A picture of 192 x 160 pixels by Pillow."""
    return saved(scene(192, 160, mode), "AVIF", **options)


def animation(mode: str = "RGB", **options: object) -> bytes:
    """Three frames of 96 x 80 pixels."""
    pictures = [scene(96, 80, mode, turn) for turn in range(3)]
    return saved(
        pictures[0], "AVIF", save_all=True, append_images=pictures[1:], duration=[40, 90, 1000], **options
    )


def coded(data: bytes) -> Coding:
    """How the primary picture is coded."""
    found = coding(bytes(next(iter(AVIF.essence(data)))))
    assert found
    return found


@pytest.mark.parametrize("quality", [60, 75, 90])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_rest_of_the_picture_stays_close(mode: str, quality: int) -> None:
    """The label is there; beside it the picture has lost next to nothing; the result says what was done."""
    data = avif(mode, quality=quality)
    drawn = draw(data, "avif", HEAD, LOOK)
    assert drawn.outside == "re-encoded"
    assert drawn.notes[0].startswith("AVIF: encoded again, quality ")
    assert AVIF.head(drawn.data) == AVIF.head(data) == HEAD
    assert has_label(seen(drawn.data), HEAD)
    assert not has_label(seen(data), HEAD)
    assert decibels(seen(data), seen(drawn.data), BOX) >= 36


@pytest.mark.parametrize("quality", [60, 75, 90])
def test_grain_stays(quality: int) -> None:
    """A grainy picture loses no more than when Pillow encodes it again with the same quality."""
    smooth = Image.effect_noise((24, 20), 90).resize((384, 320), Image.Resampling.BICUBIC)
    noise = Image.effect_noise((384, 320), 12)
    grainy = Image.merge("RGB", [ImageChops.add(smooth, noise, offset=-128)] * 3)
    data = saved(grainy, "AVIF", quality=quality)
    head, old = Head(384, 320), seen(data)
    again = seen(saved(old, "AVIF", quality=quality))
    drawn = seen(draw(data, "avif", head, LOOK).data)
    box = label_box(head)
    assert decibels(old, drawn, box) >= min(40, decibels(old, again, box) - 0.5)


def page() -> Image.Image:
    """A page of small text, 1000 x 800 pixels."""
    picture = Image.new("RGB", (1000, 800), "white")
    pen = ImageDraw.Draw(picture)
    for top in range(0, 800, 14):
        pen.text((5, top), "The quick brown fox jumps over the lazy dog 0123456789 " * 3, fill="black")
    return picture


@pytest.mark.parametrize("quality", [55, 80, 92])
def test_a_page_of_text_hardly_grows(quality: int) -> None:
    """It is coded with the tools for screens that made it small the first time."""
    data = saved(page(), "AVIF", quality=quality)
    head = Head(1000, 800)
    drawn = draw(data, "avif", head, LOOK).data
    assert len(drawn) < 1.15 * len(data)
    assert decibels(seen(data), seen(drawn), mark(LOOK, *head[:2], grid=GRID).box) >= 39


def test_a_page_of_text_is_labelled_without_tools_for_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the encoder has none, the file grows; that is all."""
    monkeypatch.setattr(avif_pixels, "_SCREEN", {"advanced": {"no-such-tool": "1"}})
    head = Head(1000, 800)
    data = saved(page(), "AVIF", quality=80)
    drawn = draw(data, "avif", head, LOOK).data
    assert decibels(seen(data), seen(drawn), mark(LOOK, *head[:2], grid=GRID).box) >= 39


def test_alpha_stays() -> None:
    """Beside the label, what was clear is clear, and what was solid is solid."""
    data = avif("RGBA", quality=90)
    drawn = draw(data, "avif", HEAD, LOOK).data
    old, new = (seen(one) for one in (data, drawn))
    assert new.mode == old.mode == "RGBA"
    changed = ImageChops.difference(old.getchannel("A"), new.getchannel("A"))
    changed.paste(0, BOX)
    assert ImageStat.Stat(changed).mean[0] < 1
    assert seen(draw(avif(), "avif", HEAD, LOOK).data).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_stays_and_the_label_stands_upright(orientation: int) -> None:
    """The container's own rotation and mirroring outlive the label, which is drawn for them."""
    data = avif(exif=exif(orientation=orientation))
    head = AVIF.head(data)
    assert head == HEAD._replace(orientation=orientation)
    drawn = draw(data, "avif", head, LOOK)
    assert AVIF.head(drawn.data) == head
    assert has_label(seen(drawn.data), head)
    assert decibels(seen(data), seen(drawn.data), label_box(head)) >= 36
    assert seen(drawn.data).getexif().get(0x0112, 1) == orientation


@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:2:2", "4:4:4"])
def test_chroma_is_sampled_as_it_was(subsampling: str) -> None:
    """An encoder's choice is not overruled."""
    data = avif(subsampling=subsampling)
    assert coded(data).subsampling == subsampling
    assert coded(draw(data, "avif", HEAD, LOOK).data).subsampling == subsampling


def test_metadata_stay() -> None:
    """EXIF, ICC profile and XMP as they were, byte for byte."""
    tiff = exif(b"ASCII\0\0\0a comment", b"a cat\0", orientation=1)
    data = avif(exif=b"Exif\0\0" + tiff, icc_profile=ICC, xmp=PACKET)
    old, new = (seen(one).info for one in (data, draw(data, "avif", HEAD, LOOK).data))
    for key in ("exif", "icc_profile", "xmp"):
        assert old[key], key
        assert new[key] == old[key], key


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_frame_of_an_animation_shows_the_label(mode: str) -> None:
    """Frames and their durations stay."""
    data = animation(mode, quality=85)
    head = AVIF.head(data)
    assert head == (96, 80, 3, 1)
    drawn = draw(data, "avif", head, LOOK).data
    assert AVIF.head(drawn) == head
    before, after = frames(data), frames(drawn)
    assert len(after) == len(before) == 3
    for old, new in zip(before, after, strict=True):
        assert has_label(new, head)
        assert decibels(old, new, label_box(head)) >= 32
    assert durations(drawn) == durations(data) == [40, 90, 1000]


def durations(data: bytes) -> list[int]:
    """How long each frame is shown, in ms."""
    found = []
    with Image.open(BytesIO(data)) as picture:
        for at in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(at)
            picture.load()
            found.append(picture.info["duration"])
    return found


def test_exactness_is_refused() -> None:
    """`exact` and a lossy format exclude each other."""
    with pytest.raises(ContentError, match="without a change to the rest"):
        draw(avif(), "avif", HEAD, LOOK, exact=True)


def test_a_label_goes_into_a_file_with_a_record_and_the_other_way_round() -> None:
    """What the container writes, the drawer reads, and what the drawer writes, the container."""
    record = AVIF.write(avif("RGBA"), PACKET)
    drawn = draw(record, "avif", HEAD, LOOK).data
    assert AVIF.packet(drawn) == PACKET
    again = AVIF.write(draw(avif("RGBA"), "avif", HEAD, LOOK).data, PACKET)
    assert AVIF.packet(again) == PACKET
    assert has_label(seen(again), HEAD)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (Head(96, 80, 2), "more frames than its header says"),
        (Head(96, 96, 3), "its header says 96 x 96"),
    ],
)
def test_a_header_that_lies_is_refused(head: Head, words: str) -> None:
    """Nothing is decoded that the caller has not allowed."""
    assert words in broken(animation(), "avif", head)


def test_truncated_files_are_content_errors() -> None:
    """Cut anywhere, an AVIF is refused with words about it."""
    data = saved(scene(48, 40), "AVIF")
    for cut in range(0, len(data), 3):
        assert "AVIF" in broken(data[:cut], "avif", Head(48, 40)), cut


SMALL = saved(scene(48, 40, "RGBA"), "AVIF", xmp=PACKET)


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=60)
def test_mutated_files_raise_nothing_else(changes: list[tuple[int, int]]) -> None:
    """Whatever bytes change, the drawer draws or raises ContentError."""
    data = bytearray(SMALL)
    for at, value in changes:
        data[at] = value
    broken(bytes(data), "avif", Head(48, 40))
