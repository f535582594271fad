"""The visible label in WebP: lossless, lossy, animated."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import draw, vp8
from labeler.pixels.mark import mark
from tests.pixel_pictures import (
    LOOK,
    Box,
    broken,
    decibels,
    frames,
    has_label,
    label_box,
    on_white,
    outside,
    saved,
    scene,
    seen,
    shown_outside,
)

HEAD = Head(96, 80)
BOX = label_box(HEAD)
META = {
    "icc_profile": b"an ICC profile, odd",
    "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0",
    "xmp": b"<xmp/>",
}


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a file, at the first level."""
    found, at = [], 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def anmf(box: Box, picture: Image.Image, flags: int, **options: object) -> tuple[bytes, bytes]:
    """A frame of an animation; corners are even."""
    numbers = (box[0] // 2, box[1] // 2, box[2] - box[0] - 1, box[3] - box[1] - 1, 70)
    head = b"".join(number.to_bytes(3, "little") for number in numbers) + bytes((flags,))
    inner = [chunk for chunk in chunks(saved(picture, "WEBP", **options)) if chunk[0] != b"VP8X"]
    return b"ANMF", head + riff(inner)[12:]


def riff(parts: list[tuple[bytes, bytes]]) -> bytes:
    """A WebP file of these chunks."""
    packed = [kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2) for kind, body in parts]
    body = b"WEBP" + b"".join(packed)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def animation(*parts: tuple[bytes, bytes]) -> bytes:
    """An animation of 96 x 80 pixels out of ANMF chunks."""
    canvas = bytes((0x12, 0, 0, 0)) + (95).to_bytes(3, "little") + (79).to_bytes(3, "little")
    return riff([(b"VP8X", canvas), (b"ANIM", bytes((1, 2, 3, 4, 5, 0))), *parts])


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossless_stays_lossless_and_identical(mode: str) -> None:
    """A lossless WebP keeps every pixel outside of the label, the colour of transparent ones, too."""
    data = saved(scene(mode=mode), "WEBP", lossless=True, exact=True)
    drawn = draw(data, "webp", HEAD, LOOK, exact=True)
    assert (drawn.outside, drawn.notes) == ("identical", ())
    assert [kind for kind, _ in chunks(drawn.data)] == [b"VP8L"]
    assert outside(seen(drawn.data), BOX) == outside(seen(data), BOX)
    assert has_label(seen(drawn.data), HEAD)


@pytest.mark.parametrize("quality", [60, 80, 90])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_lossy_keeps_its_quality(mode: str, quality: int) -> None:
    """A lossy WebP is encoded again at its own quality, and the result says so."""
    data = saved(scene(192, 160, mode=mode), "WEBP", quality=quality)
    head = Head(192, 160)
    drawn = draw(data, "webp", head, LOOK)
    assert drawn.outside == "re-encoded"
    assert abs(int(drawn.notes[0].rpartition(" ")[2]) - quality) <= 6
    assert decibels(seen(data), seen(drawn.data), label_box(head)) >= 36
    assert has_label(seen(drawn.data), head)
    assert (b"ALPH" in dict(chunks(drawn.data))) == (mode == "RGBA")


@pytest.mark.parametrize("quality", [0, 30, 60, 75, 80, 85, 90, 95, 100])
def test_quality_is_told_from_the_bitstream(quality: int) -> None:
    """The quantisers in the VP8 head give the encoder's quality back, to a few steps."""
    data = saved(scene(256, 256), "WEBP", quality=quality)
    frame = dict(chunks(data))[b"VP8 "]
    assert abs(vp8.quality(frame) - quality) <= 6


def test_lossy_is_refused_where_exactness_is_required() -> None:
    """`exact` and a lossy WebP exclude each other."""
    with pytest.raises(ContentError, match="lossy WebP"):
        draw(saved(scene(), "WEBP", quality=80), "webp", HEAD, LOOK, exact=True)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 90}])
def test_metadata_stay_byte_for_byte(options: dict[str, object]) -> None:
    """ICC, EXIF and XMP, chunks that nobody knows, and what lies behind the file stay as they are."""
    data = saved(scene(mode="RGBA"), "WEBP", **options, **META)
    parts = [*chunks(data), (b"JUNK", b"odd"), (b"C2PA", b"signed")]
    data = riff(parts) + b"behind the end"
    drawn = draw(data, "webp", HEAD, LOOK).data
    picture = (b"ALPH", b"VP8 ", b"VP8L")
    assert drawn.endswith(b"behind the end")
    kept = [chunk for chunk in chunks(drawn.removesuffix(b"behind the end")) if chunk[0] not in picture]
    assert kept == [chunk for chunk in parts if chunk[0] not in picture]


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 85}, {"allow_mixed": True}])
def test_every_frame_of_an_animation_shows_the_label(options: dict[str, object]) -> None:
    """Frames, durations and loops of an animation stay; the label is in every frame as shown."""
    pictures = [scene(turn=turn) for turn in range(4)]
    data = saved(
        pictures[0],
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=[40, 90, 40, 1000],
        loop=3,
        **options,
    )
    drawn = draw(data, "webp", Head(96, 80, 4), LOOK)
    before, after = frames(data), frames(drawn.data)
    assert len(after) == len(before) == 4
    for old, new in zip(before, after, strict=True):
        assert has_label(new, HEAD)
        if options.get("lossless"):
            assert shown_outside(new, BOX) == shown_outside(old, BOX)
        else:
            assert decibels(old, new, BOX) >= 34
    was, is_ = Image.open(BytesIO(data)), Image.open(BytesIO(drawn.data))
    assert is_.info["loop"] == was.info["loop"] == 3
    assert [durations(is_), drawn.outside == "identical"] == [durations(was), "lossless" in options]


def durations(picture: Image.Image) -> list[int]:
    """How long each frame is shown, in ms."""
    found = []
    for at in range(picture.n_frames):  # type: ignore[attr-defined]
        picture.seek(at)
        picture.load()
        found.append(picture.info["duration"])
    return found


FRAMES = st.tuples(
    st.integers(0, 40),
    st.integers(0, 35),
    st.integers(1, 96),
    st.integers(1, 80),
    st.integers(0, 3),
    st.integers(0, 9),
)


@given(st.lists(FRAMES, min_size=1, max_size=4))
@settings(max_examples=60)
def test_any_order_of_rectangles_and_disposals(plan: list[tuple[int, int, int, int, int, int]]) -> None:
    """Whatever a frame covers, blends and clears: the label is in all frames, and nothing else changes."""
    parts = []
    for left, top, right, bottom, flags, turn in plan:
        box = (2 * left, 2 * top, max(right, 2 * left + 1), max(bottom, 2 * top + 1))
        picture = scene(box[2] - box[0], box[3] - box[1], "RGBA", turn)
        picture.putalpha(picture.getchannel("A").point(lambda alpha: 255 if alpha else 0))
        parts.append(anmf(box, picture, flags, lossless=True, exact=True))
    data = animation(*parts)
    after = draw(data, "webp", Head(96, 80, len(plan)), LOOK, exact=True)
    for old, new in zip(frames(data), frames(after.data), strict=True):
        assert shown_outside(new, BOX) == shown_outside(old, BOX)
        assert has_label(new, HEAD)


def dotted(colour: str = "red") -> Image.Image:
    """A picture of 96 x 80 pixels with a spot far from the label and nothing around it."""
    picture = Image.new("RGBA", (96, 80))
    picture.paste(colour, (4, 4, 20, 20))
    return picture


@pytest.mark.parametrize("box", [(0, 0, 96, 80), (0, 0, 96, 72), (40, 40, 96, 80)])
@pytest.mark.parametrize("flags", [2, 3])
def test_a_frame_that_clears_the_canvas_shows_the_label(box: Box, flags: int) -> None:
    """Where such a frame is transparent, it takes away the label of the frame before it."""
    ground = anmf((0, 0, 96, 80), scene(), 0, lossless=True)
    clearing = anmf(box, dotted().crop(box), flags, lossless=True, exact=True)
    data = animation(ground, clearing, ground)
    drawn = draw(data, "webp", Head(96, 80, 3), LOOK, exact=True)
    assert drawn.outside == "identical"
    for old, new in zip(frames(data), frames(drawn.data), strict=True):
        assert shown_outside(new, BOX) == shown_outside(old, BOX)
        assert has_label(new, HEAD)


def test_half_transparent_frames_show_the_label_once() -> None:
    """Blended over each other, they show what lies below them, but not another label."""
    veil = Image.new("RGBA", (96, 80), (20, 90, 160, 60))
    data = animation(*[anmf((0, 0, 96, 80), veil, 0, lossless=True, exact=True)] * 3)
    label = mark(LOOK, *HEAD[:2], grid=1)
    for old, new in zip(frames(data), frames(draw(data, "webp", Head(96, 80, 3), LOOK).data), strict=True):
        old.alpha_composite(label.image, label.box[:2])
        change = ImageChops.difference(on_white(old), on_white(new))
        assert max(high for _, high in ImageStat.Stat(change).extrema) <= 3


def test_frames_beside_the_label_stay_byte_for_byte() -> None:
    """A frame that neither touches the label nor follows a cleared one is not encoded again."""
    first = anmf((0, 0, 96, 80), scene(), 0, lossless=True)
    second = anmf((0, 0, 20, 20), scene(20, 20, turn=3), 0, quality=80)
    drawn = draw(animation(first, second), "webp", Head(96, 80, 2), LOOK, exact=True)
    assert [chunk for chunk in chunks(drawn.data) if chunk[0] == b"ANMF"][1] == second


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ((b"ANMF", b"short"), "without a head"),
        ((b"ANMF", bytes(16)), "without a picture"),
        (anmf((2, 0, 98, 80), scene(), 0), "reaches out"),
        (anmf((0, 0, 50, 50), scene(), 0), "its header says 50 x 50"),
    ],
)
def test_broken_frames_are_named(part: tuple[bytes, bytes], words: str) -> None:
    """The error says what is wrong with the frame."""
    assert words in broken(animation(part), "webp", HEAD)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 60}])
def test_truncated_files_are_content_errors(options: dict[str, object]) -> None:
    """Cut at any byte, a WebP is refused with words about it."""
    data = saved(scene(64, 64, "RGBA"), "WEBP", **options)
    end = len(data) - len(chunks(data)[-1][1]) % 2  # the last byte may be padding
    for cut in range(end):
        assert "WebP" in broken(data[:cut], "webp", Head(64, 64)), cut


MOVING = animation(
    anmf((0, 0, 96, 80), scene(mode="RGBA"), 1, lossless=True),
    anmf((2, 2, 90, 70), scene(88, 68), 2, quality=50),
)


@given(st.lists(st.tuples(st.integers(0, len(MOVING) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_files_raise_nothing_else(changes: list[tuple[int, int]]) -> None:
    """Whatever bytes change in an animation, the drawer draws or raises ContentError."""
    data = bytearray(MOVING)
    for at, value in changes:
        data[at] = value
    broken(bytes(data), "webp", Head(96, 80, 2))
