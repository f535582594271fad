"""The visible label in GIF: stills, and animations of every disposal."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import draw
from labeler.pixels.gif_blocks import parsed
from labeler.values import Look
from tests.pixel_pictures import LOOK, broken, frames, has_label, label_box, saved, scene, seen, shown_outside

HEAD = Head(96, 80)
BOX = label_box(HEAD)
Colour = tuple[int, int, int]


def drawn(data: bytes, head: Head = HEAD, look: Look = LOOK) -> bytes:
    """The labelled file; nothing but the label may have changed."""
    result = draw(data, "gif", head, look, exact=True)
    assert (result.outside, result.notes) == ("identical", ())
    return result.data


def coded(indices: Image.Image, left: int, top: int, control: bytes, table: bytes = b"") -> bytes:
    """One frame, with its control extension."""
    numbers = (left, top, *indices.size)
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    head = b"," + b"".join(number.to_bytes(2, "little") for number in numbers) + bytes((flags,))
    pixels = Image.frombytes("L", indices.size, indices.tobytes()).tobytes("gif", "L", 8, 0)
    return (b"!\xf9\x04" + control + b"\0" if control else b"") + head + table + b"\x08" + pixels + b"\0"


def animation(table: bytes, *parts: bytes) -> bytes:
    """A file of 96 x 80 pixels."""
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    screen = (96).to_bytes(2, "little") + (80).to_bytes(2, "little") + bytes((flags, 0, 0))
    return b"GIF89a" + screen + table + b"!\xff\x0bNETSCAPE2.0\x03\x01\x07\0\0" + b"".join(parts) + b";"


def shown(data: bytes) -> list[Image.Image]:
    """The frames as browsers show them: RGBA, and what is cleared becomes transparent."""
    gif = parsed(data)
    canvas = Image.new("RGBA", (96, 80))
    result = []
    for frame in gif.frames:
        table = frame.table or gif.table
        picture = frame.indices()
        solid = picture.point([0 if index == frame.transparent else 255 for index in range(256)])
        flat = table.ljust(768, b"\0")
        channels = [picture.point(list(flat[channel::3])) for channel in range(3)]
        before = canvas.copy()
        canvas.paste(Image.merge("RGB", channels), frame.box, solid)
        result.append(canvas.copy())
        if frame.disposal == "clear":
            canvas.paste((0, 0, 0, 0), frame.box)
        elif frame.disposal == "restore":
            canvas = before
    return result


@pytest.mark.parametrize("colours", [2, 4, 13, 16, 128, 256])
def test_stills_keep_every_pixel(colours: int) -> None:
    """A still GIF of any number of colours keeps its pixels outside of the label."""
    data = saved(scene().quantize(colours), "GIF", comment=b"a comment", interlace=colours > 16)
    after = drawn(data)
    assert shown_outside(seen(after), BOX) == shown_outside(seen(data), BOX)
    assert has_label(seen(after), HEAD)
    assert seen(after).info["comment"] == b"a comment"
    assert Image.open(BytesIO(after)).n_frames == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0)])
def test_flat_pictures_get_the_colours_they_lack(colour: Colour) -> None:
    """In a table of one colour the label's own colours are added."""
    picture = Image.new("P", (96, 80))
    picture.putpalette(bytes(colour))
    data = saved(picture, "GIF")
    after = seen(drawn(data))
    assert has_label(after, HEAD)
    assert after.convert("RGB").getpixel((0, 0)) == colour


def test_transparent_stills_get_a_plate() -> None:
    """On transparent ground the plate is solid, and the rest stays transparent."""
    picture = scene(mode="RGBA").quantize(64)
    data = saved(picture, "GIF", transparency=picture.info.get("transparency", 0))
    after = drawn(data)
    assert shown_outside(seen(after), BOX) == shown_outside(seen(data), BOX)
    assert has_label(seen(after), HEAD)


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_frame_of_an_animation_shows_the_label(mode: str, disposal: int) -> None:
    """Frames, durations and loops stay as Pillow wrote them; the label is in every frame."""
    pictures = [scene(mode=mode, turn=turn) for turn in range(4)]
    options = {"append_images": pictures[1:], "duration": [40, 90, 50, 1000], "loop": 5, "disposal": disposal}
    data = saved(pictures[0], "GIF", save_all=True, **options)
    after = drawn(data, Head(96, 80, 4))
    assert len(frames(after)) == len(frames(data)) == 4
    for old, new in zip(frames(data), frames(after), strict=True):
        assert shown_outside(new, BOX) == shown_outside(old, BOX)
        assert has_label(new, HEAD)
    was, is_ = Image.open(BytesIO(data)), Image.open(BytesIO(after))
    for at in range(4):
        was.seek(at)
        is_.seek(at)
        assert is_.info["duration"] == was.info["duration"]
        assert is_.info["loop"] == was.info["loop"] == 5


def test_an_animation_hardly_grows() -> None:
    """A small moving thing on a still ground: only the first frame is coded anew."""
    ground, thing = scene(320, 240).quantize(200), scene(24, 24, turn=2).quantize(200)
    pictures = [ground.copy() for _ in range(12)]
    for at, picture in enumerate(pictures):
        picture.paste(thing, (10 + 4 * at, 20))
    data = saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=50)
    head = Head(320, 240, 12)
    after = drawn(data, head)
    assert len(after) <= len(data) * 1.1
    assert parsed(after).pieces[-5:] == parsed(data).pieces[-5:]
    assert all(has_label(frame, head) for frame in frames(after))


FRAMES = st.tuples(
    st.integers(0, 95),
    st.integers(0, 79),
    st.integers(1, 96),
    st.integers(1, 80),
    st.integers(0, 3),
    st.integers(-1, 9),
)


@given(st.lists(FRAMES, min_size=1, max_size=4), st.booleans())
@settings(max_examples=80)
def test_any_order_of_rectangles_and_disposals(plan: list[tuple[int, ...]], own: bool) -> None:
    """Whatever a frame covers, leaves out and clears: the label is in all frames, and nothing else changes."""
    table = bytes(range(48))
    parts = []
    for number, (left, top, right, bottom, disposal, transparent) in enumerate(plan):
        size = max(right - left, 1), max(bottom - top, 1)
        indices = scene(*size, "L", number).point([value // 16 for value in range(256)])
        control = bytes((disposal << 2 | (transparent >= 0), 7, 0, max(transparent, 0)))
        parts.append(
            coded(indices, left, top, control, bytes(range(100, 196)) if own and number % 2 else b"")
        )
    data = animation(table, *parts)
    after = draw(data, "gif", Head(96, 80, len(plan)), LOOK, exact=True)
    for old, new in zip(shown(data), shown(after.data), strict=True):
        assert shown_outside(new, BOX) == shown_outside(old, BOX)
        assert has_label(new, HEAD)


def test_frames_without_control_can_grow() -> None:
    """A first frame that is smaller than the screen gets room for the label, and a transparent index."""
    data = animation(bytes(range(12)), coded(Image.new("L", (5, 5), 1), 3, 4, b""))
    old, new = shown(data)[0], shown(drawn(data))[0]
    assert shown_outside(new, BOX) == shown_outside(old, BOX)
    assert has_label(new, HEAD)


def test_what_a_larger_frame_clears_is_painted_again() -> None:
    """A frame that had to grow for the label, and is then cleared, took more away than before: the next one
    brings it back."""
    table = bytes(range(48))
    full = scene(96, 80, "L").point([value // 16 for value in range(256)])
    parts = [
        coded(full, 0, 0, b"\x04\x05\0\0"),
        coded(full.crop((40, 50, 96, 80)), 40, 50, b"\x08\x05\0\0"),
        coded(full.crop((0, 0, 9, 9)), 0, 0, b"\x09\x05\0\x03"),
        coded(full.crop((0, 0, 5, 5)), 2, 1, b"\x05\x05\0\x03"),
    ]
    own = coded(full.crop((0, 0, 5, 5)), 2, 1, b"\x05\x05\0\x03", bytes(range(90, 138)))
    for data in (animation(table, *parts), animation(table, *parts[:3], own)):
        for old, new in zip(shown(data), shown(drawn(data, Head(96, 80, 4))), strict=True):
            assert shown_outside(new, BOX) == shown_outside(old, BOX)
            assert has_label(new, HEAD)


def test_a_small_frame_of_256_colours_gives_one_up_for_transparency() -> None:
    """A first frame that must grow needs a transparent index, even if it uses all."""
    table = bytes(at // 3 if at % 3 else 255 - at // 3 for at in range(768))
    data = animation(table, coded(Image.frombytes("L", (16, 16), bytes(range(256))), 0, 0, b""))
    result = draw(data, "gif", HEAD, LOOK)
    assert result.outside == "re-encoded"
    assert has_label(shown(result.data)[0], HEAD)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (animation(b"", coded(Image.new("L", (96, 80)), 0, 0, b"")), "table of colours"),
        (animation(bytes(6)), "no frame"),
        (animation(bytes(6), coded(Image.new("L", (96, 80)), 1, 0, b"")), "reaches out"),
        (animation(bytes(6), b"\x77"), "unknown block"),
        (b"GIF89a", "inside its head"),
        (b"PNG", "no GIF"),
    ],
)
def test_broken_files_are_named(data: bytes, words: str) -> None:
    """The error says what is wrong with the file."""
    assert words in broken(data, "gif", HEAD)


def crowded(low: int, high: int) -> bytes:
    """A still that uses 256 colours, all between two shades of grey."""
    table = bytes(low + (at // 3 * 7 + at % 3 * 31) % (high - low) for at in range(768))
    return animation(
        table, coded(Image.frombytes("L", (96, 80), bytes(at % 256 for at in range(96 * 80))), 0, 0, b"")
    )


def test_a_full_table_with_contrast_is_enough() -> None:
    """Where all 256 colours are used, the label takes the nearest ones."""
    after = drawn(crowded(0, 255))
    assert has_label(seen(after), HEAD)
    assert shown_outside(seen(after), BOX) == shown_outside(seen(crowded(0, 255)), BOX)


def test_a_full_table_without_contrast_gives_two_colours_up() -> None:
    """Where no two of 256 used colours contrast, two rare ones give way, and the result says so."""
    data = crowded(150, 250)
    result = draw(data, "gif", HEAD, LOOK)
    assert result.outside == "re-encoded"
    assert "nearest colour" in result.notes[0]
    assert has_label(seen(result.data), HEAD)
    with pytest.raises(ContentError, match="256 colours"):
        draw(data, "gif", HEAD, LOOK, exact=True)


def test_comments_and_unknown_blocks_stay() -> None:
    """Extensions between the frames, plain text, a stray zero and what follows the trailer stay."""
    parts = [
        b"!\xfe\x03abc\0",
        coded(scene(96, 80, "L").point([v // 16 for v in range(256)]), 0, 0, b"\x04\x05\0\0"),
        b"!\xf9\x04\x04\x05\0\0\0" + b"!\x01\x0c" + bytes(12) + b"\x02hi\0",
        b"\0!\xab\x01x\0",
    ]
    data = animation(bytes(range(48)), *parts) + b"behind"
    after = drawn(data)
    assert after.endswith(parts[2] + parts[3] + b";behind")
    assert parts[0] in after
    assert b"!\xf9\x04\x04\x05\0\0\0," in after


def test_truncated_files_are_content_errors() -> None:
    """Cut at any byte before the trailer, a GIF is refused with words about it."""
    picture = scene(64, 64).quantize(16)
    data = saved(picture, "GIF", save_all=True, append_images=[picture.rotate(90)], duration=50)
    for cut in range(len(data) - 1):
        assert "GIF" in broken(data[:cut], "gif", Head(64, 64, 2)) or _complete(data[:cut]), cut


def _complete(data: bytes) -> bool:
    """Whether the cut fell between two blocks behind a frame, which viewers show."""
    return len(parsed(data).frames) >= 1


MOVING = animation(
    bytes(range(48)),
    coded(Image.new("L", (60, 50), 3), 10, 10, b"\x09\x05\0\x02"),
    coded(
        scene(90, 70, "L").point([value // 16 for value in range(256)]),
        6,
        10,
        b"\x0d\x05\0\x04",
        bytes(range(96)),
    ),
)


@given(st.lists(st.tuples(st.integers(0, len(MOVING) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_files_raise_nothing_else(changes: list[tuple[int, int]]) -> None:
    """Whatever bytes change in an animation, the drawer draws or raises ContentError."""
    data = bytearray(MOVING)
    for at, value in changes:
        data[at] = value
    broken(bytes(data), "gif", Head(96, 80, 2))
