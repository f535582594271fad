"""The visible label in animated PNG: in every frame as it is shown, and nowhere else."""

from __future__ import annotations

import struct
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import draw
from labeler.pixels.mark import mark
from labeler.values import Look
from tests.media_tools import hostile
from tests.pixel_pictures import LOOK, broken, frames, has_label, label_box, outside, saved, scene, seen
from tests.png_tools import SIGNATURE, Kind, chunk, chunks, colours, decoded, deflated, image, rows, stream

WIDTH, HEIGHT = 72, 66
HEAD = Head(WIDTH, HEIGHT, 3)
BOX = label_box(HEAD)
NONE, BACKGROUND, PREVIOUS = range(3)
Box = tuple[int, int, int, int]
WHOLE = (0, 0, WIDTH, HEIGHT)
KINDS = (
    Kind(0),
    Kind(2),
    Kind(4),
    Kind(6),
    Kind(3, key=True),
    Kind(0, 4),
    Kind(2, key=True),
    Kind(6, 8, True),
)


class Frame(NamedTuple):
    """A frame of a test's animation: its rectangle, what becomes of it, and whether it blends."""

    box: Box = WHOLE
    disposal: int = NONE
    over: bool = False
    seed: int = 0


def boxes() -> st.SearchStrategy[Box]:
    """Rectangles in the picture."""
    sides = [st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True) for side in (WIDTH, HEIGHT)]
    return st.tuples(*sides).map(lambda at: (min(at[0]), min(at[1]), max(at[0]), max(at[1])))


def animation(kind: Kind, shown: list[Frame], hidden: bool = False, plays: int = 7) -> bytes:
    """A file with these frames; the first one is the picture for viewers without animation, unless that
    is a `hidden` one of its own."""
    sequence = count()
    head = struct.pack(">2I5B", WIDTH, HEIGHT, kind.depth, kind.colour, 0, 0, kind.interlaced)
    first = rows(kind, WIDTH, HEIGHT)
    parts = [
        chunk(b"IHDR", head),
        colours(first, kind, 0),
        chunk(b"acTL", struct.pack(">2I", len(shown), plays)),
    ]
    if hidden:
        parts.append(chunk(b"IDAT", deflated(stream(first, kind), kind)))
    for number, frame in enumerate(shown):
        left, top, right, bottom = frame.box
        width, height = right - left, bottom - top
        place = (width, height, left, top, 3 + number, 10, frame.disposal, frame.over)
        parts.append(chunk(b"fcTL", struct.pack(">5I2H2B", next(sequence), *place)))
        data = deflated(stream(rows(kind, width, height, frame.seed), kind), kind)
        if number or hidden:
            half = len(data) // 2
            for piece in (data[:half], data[half:]):
                parts.append(chunk(b"fdAT", struct.pack(">I", next(sequence)) + piece))
        else:
            parts.append(chunk(b"IDAT", data))
    return SIGNATURE + b"".join((*parts, chunk(b"tEXt", b"Comment\0words"), chunk(b"IEND", b"")))


class Shown(NamedTuple):
    """What a file shows: each frame on the canvas and for how long, and the picture without animation."""

    canvases: list[Image.Image]
    timing: list[bytes]
    still: Image.Image


def show(data: bytes) -> Shown:
    """The animation as the standard composes it (11.3.8), RGBA."""
    parts = chunks(data)
    table = dict(parts)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">2I5B", table[b"IHDR"])
    kind = Kind(colour, depth, bool(interlaced))
    controls, datas, sequence = list[bytes](), list[bytes](), count()
    for name, body in parts:
        if name in (b"fcTL", b"fdAT"):
            assert body[:4] == struct.pack(">I", next(sequence))
        if name == b"fcTL":
            controls.append(body)
            datas.append(b"")
        elif name == b"fdAT":
            datas[-1] += body[4:]
        elif name == b"IDAT" and controls:
            datas[-1] += body
    assert struct.unpack(">I", table[b"acTL"][:4]) == (len(controls),)
    canvas, canvases = Image.new("RGBA", (width, height)), []
    for number, (control, compressed) in enumerate(zip(controls, datas, strict=True)):
        _, *size, left, top, _, disposal, over = struct.unpack(">5I4s2B", control)
        picture = image(decoded(compressed, kind, size[0], size[1], table))
        before = canvas.copy()
        if over and number:
            canvas.alpha_composite(picture, (left, top))
        else:
            canvas.paste(picture, (left, top))
        canvases.append(canvas.copy())
        box = (left, top, left + size[0], top + size[1])
        if disposal == PREVIOUS and number:
            canvas = before
        elif disposal:
            canvas.paste((0, 0, 0, 0), box)
    still = b"".join(body for name, body in parts if name == b"IDAT")
    return Shown(
        canvases, [body[20:24] for body in controls], image(decoded(still, kind, width, height, table))
    )


def bare(picture: Image.Image) -> Image.Image:
    """The picture without the colours that nobody sees."""
    ground = Image.new("RGBA", picture.size)
    ground.alpha_composite(picture)
    return ground


def check(data: bytes, head: Head, look: Look = LOOK, notes: tuple[str, ...] | None = None) -> bytes:
    """Label a file: every frame as shown is what it was with the label on it, the timing is the same."""
    result = draw(data, "png", head, look, exact=True)
    assert result.outside == "identical"
    assert notes is None or result.notes == notes
    old, new = show(data), show(result.data)
    label = mark(look, WIDTH, HEIGHT)
    for before, after in zip((*old.canvases, old.still), (*new.canvases, new.still), strict=True):
        assert outside(bare(before), label.box) == outside(bare(after), label.box)
        expected = before.copy()
        expected.alpha_composite(label.image, (label.left, label.top))
        if data[25] in (2, 6) and b"tRNS" not in data:
            off = ImageChops.difference(bare(after), bare(expected)).tobytes()
            assert max(off) <= 3
        assert has_label(after, head, look)
    assert new.timing == old.timing
    assert chunk(b"tEXt", b"Comment\0words") in result.data
    assert dict(chunks(result.data))[b"acTL"] == dict(chunks(data))[b"acTL"]
    return result.data


@settings(max_examples=60)
@given(
    st.sampled_from(KINDS),
    st.lists(
        st.builds(Frame, boxes(), st.integers(0, 2), st.booleans(), st.integers(0, 99)),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_all_animations(kind: Kind, shown: list[Frame], hidden: bool) -> None:
    """Frames of all sizes, disposals and blendings show the label, and are otherwise as they were."""
    shown = shown if hidden else [shown[0]._replace(box=WHOLE), *shown[1:]]
    check(animation(kind, shown, hidden), Head(WIDTH, HEIGHT, len(shown)))


def test_whole_frames_keep_their_kind() -> None:
    """Frames that replace the whole picture keep their colour type and their bits."""
    for kind in (Kind(0), Kind(2), Kind(2, 16), Kind(6, 16, True), Kind(4)):
        data = animation(kind, [Frame(), Frame(seed=1), Frame(seed=2)])
        assert check(data, HEAD, notes=())[24:26] == bytes((kind.depth, kind.colour))


def test_frames_beside_the_label_stay() -> None:
    """A frame that paints elsewhere stays byte for byte."""
    kind = Kind(6)
    aside = Frame((0, 0, 30, 20), over=True, seed=5)
    data = animation(kind, [Frame(), aside, aside])
    old = deflated(stream(rows(kind, 30, 20, 5), kind), kind)
    assert check(data, HEAD, notes=()).count(old) == 2


def test_sixteen_bits_that_cannot_stay() -> None:
    """Frames of 16 bits that blend with others get 8, which `exact` refuses."""
    data = animation(Kind(6, 16), [Frame(), Frame(over=True, seed=1), Frame(seed=2)])
    with pytest.raises(ContentError, match="16 bits"):
        draw(data, "png", HEAD, LOOK, exact=True)
    result = draw(data, "png", HEAD, LOOK)
    assert result.outside == "re-encoded"
    assert all(has_label(canvas, HEAD) for canvas in show(result.data).canvases)


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("blend", [0, 1])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pillow_files(mode: str, blend: int, disposal: int) -> None:
    """Pillow reads as many frames as before, in those which it wrote itself."""
    pictures = [scene(WIDTH, HEIGHT, mode, turn) for turn in range(3)]
    options = {"append_images": pictures[1:], "disposal": disposal, "blend": blend, "duration": [50, 120, 70]}
    data = saved(pictures[0], "png", save_all=True, **options)
    result = draw(data, "png", HEAD, LOOK, exact=True).data
    assert len(frames(result)) == len(frames(data)) == 3
    assert all(has_label(frame, HEAD) for frame in frames(result))


def test_chunks_of_an_animation_without_acTL() -> None:
    """Without acTL before the picture data, the frames are nothing that a viewer shows; they stay."""
    data = animation(Kind(), [Frame(), Frame(seed=1)])
    control = chunk(b"acTL", dict(chunks(data))[b"acTL"])
    result = draw(data.replace(control, b""), "png", Head(WIDTH, HEIGHT), LOOK, exact=True).data
    assert [part for part in chunks(result) if part[0] == b"fdAT"] == [
        part for part in chunks(data) if part[0] == b"fdAT"
    ]
    assert has_label(seen(result), HEAD)


SAMPLES = [
    animation(Kind(6), [Frame(), Frame((5, 5, 70, 60), BACKGROUND, True), Frame((0, 0, 9, 9))]),
    animation(Kind(3), [Frame(), Frame(seed=2), Frame((3, 3, 20, 20), PREVIOUS)], hidden=True),
]


def with_crcs(parts: list[tuple[bytes, bytes]]) -> bytes:
    """A file of chunks."""
    return SIGNATURE + b"".join(chunk(*part) for part in parts)


PARTS = chunks(SAMPLES[0])


def told(count: int, parts: list[tuple[bytes, bytes]]) -> bytes:
    """A file that says how many frames it has."""
    return with_crcs(
        [(name, struct.pack(">2I", count, 0) if name == b"acTL" else body) for name, body in parts]
    )


def controlled(**fields: int) -> bytes:
    """The first sample with another second frame."""
    number = [place for place, part in enumerate(PARTS) if part[0] == b"fcTL"][1]
    names = ("sequence", "width", "height", "left", "top", "delay", "unit", "disposal", "blending")
    old = dict(zip(names, struct.unpack(">5I2H2B", PARTS[number][1]), strict=True))
    body = struct.pack(">5I2H2B", *(old | fields).values())
    return with_crcs([*PARTS[:number], (b"fcTL", body), *PARTS[number + 1 :]])


FAULTS = {
    "not in order": controlled(sequence=7),
    "a frame is empty": controlled(width=0),
    "reaches out of the picture": controlled(left=60),
    "disposal or blending is unknown": controlled(disposal=3),
    "not as many frames as it says": told(4, PARTS),
    "a frame without data": told(2, [*PARTS[:5], *PARTS[-2:]]),
    "no control chunk": told(1, [*PARTS[:4], (b"fdAT", struct.pack(">I", 1) + b"data"), *PARTS[-2:]]),
    "a wrong length": with_crcs([(name, body + b"?" if name == b"fcTL" else body) for name, body in PARTS]),
}


@pytest.mark.parametrize(("fault", "data"), FAULTS.items())
def test_faults_are_named(fault: str, data: bytes) -> None:
    """What is wrong with an animation is said in words."""
    assert fault in broken(data, "png", HEAD)


@settings(max_examples=100)
@given(hostile(*SAMPLES))
def test_hostile(data: bytes) -> None:
    """Damaged files are drawn or refused with a ContentError."""
    broken(data, "png", HEAD)
