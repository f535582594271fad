"""The visible label in PNG pictures of every kind: all that it does not cover stays as it was."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import draw
from labeler.values import Look, Position
from tests.media_tools import hostile
from tests.pixel_pictures import LOOK, Box, broken, has_label, label_box, saved, scene, seen
from tests.png_tools import Kind, Rows, chunk, chunks, image, read, rows, written

HEAD = Head(72, 66)
BOX = label_box(HEAD)
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
POSITIONS: Sequence[Position] = (
    "top-left",
    "top",
    "top-right",
    "left",
    "right",
    "bottom-left",
    "bottom-right",
)
OTHERS = b"".join(
    chunk(kind, body)
    for kind, body in (
        (b"gAMA", struct.pack(">I", 45455)),
        (b"iCCP", b"name\0\0not a profile"),
        (b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        (b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0"),
        (b"tEXt", b"Comment\0words"),
        (b"prIv", b"anything"),
    )
)


@st.composite
def kinds(draw_: st.DrawFn) -> Kind:
    """Pictures of all colour types, as all sorts of encoders would write them."""
    colour = draw_(st.sampled_from(sorted(DEPTHS)))
    return Kind(
        colour,
        draw_(st.sampled_from(DEPTHS[colour])),
        draw_(st.booleans()),
        tuple(draw_(st.sets(st.integers(0, 4), min_size=1))),
        draw_(st.sampled_from((0, 1, 6, 9))),
        draw_(st.integers(0, 4)),
        draw_(st.sampled_from((1, 100, 1 << 20))),
        draw_(st.booleans()),
        draw_(st.sampled_from((2, 200, 256))),
    )


def outside(pixels: Rows, box: Box) -> Rows:
    """The pixels that the label does not cover, 16 bits of each sample."""
    left, top, right, bottom = box
    return [row[:left] + row[right:] if top <= number < bottom else row for number, row in enumerate(pixels)]


def check(data: bytes, head: Head = HEAD, look: Look = LOOK) -> bytes:
    """Label a file: the label is there and can be read, all other pixels are the same, to the last bit."""
    result = draw(data, "png", head, look, exact=True)
    assert result.outside == "identical"
    pixels, box = read(result.data), label_box(head, look)
    assert outside(pixels, box) == outside(read(data), box)
    assert has_label(image(pixels), head, look)
    assert seen(result.data).size == (head.width, head.height)
    return result.data


@settings(max_examples=35)
@given(kinds(), st.sampled_from(POSITIONS), st.integers(66, 80), st.integers(66, 80), st.integers(0, 99))
def test_all_kinds(kind: Kind, position: Position, width: int, height: int, seed: int) -> None:
    """In pictures of every colour type, depth, filter, interlacing and compression only the label changes."""
    data = written(rows(kind, width, height, seed), kind, seed=seed)
    check(data, Head(width, height), Look(position=position))


@pytest.mark.parametrize("kind", [Kind(2), Kind(0, 4), Kind(3, 4, entries=9), Kind(3), Kind(6, 16, True)])
def test_other_chunks_stay(kind: Kind) -> None:
    """Profiles, EXIF, texts, gamma, resolution, private chunks and trailing bytes stay byte for byte."""
    behind = chunk(b"tIME", bytes((7, 231, 1, 2, 3, 4, 5)))
    data = written(rows(kind, 72, 66), kind, OTHERS, behind, b"trailing")
    result = check(data)
    assert OTHERS in result
    assert result.endswith(behind + chunk(b"IEND", b"") + b"trailing")


def test_offsets_into_the_old_picture_data_go() -> None:
    """Apple's decoders start in the middle of the picture data, where iDOT says that they can."""
    kind, offsets = Kind(2), chunk(b"iDOT", struct.pack(">7I", 2, 0, 33, 40, 33, 33, 1234))
    result = check(written(rows(kind, 72, 66), kind, OTHERS + offsets))
    assert b"iDOT" not in result
    assert OTHERS in result


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int) -> None:
    """The label lies where viewers that obey the EXIF orientation see the asked corner."""
    head = Head(80, 72, 1, orientation)
    kind = Kind()
    check(written(rows(kind, 80, 72), kind), head)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pillow_files(mode: str) -> None:
    """Pictures of Pillow's encoder, of each of its modes, keep all pixels but the label's."""
    check(saved(scene(72, 66, mode), "png"))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_opencv_reads(channels: int, bits: int) -> None:
    """OpenCV (libpng) writes and reads the pictures, 16 bits included, and sees no other change."""
    cv2, numpy = pytest.importorskip("cv2"), pytest.importorskip("numpy")
    random = numpy.random.default_rng(bits + channels)
    pixels = random.integers(0, 1 << bits, (66, 72, channels)).astype(f"uint{bits}")
    data = cv2.imencode(".png", pixels)[1].tobytes()
    result = check(data)
    back = cv2.imdecode(numpy.frombuffer(result, numpy.uint8), cv2.IMREAD_UNCHANGED)
    assert back.dtype == pixels.dtype
    left, top, right, bottom = BOX
    before, after = pixels.reshape(66, 72, -1).copy(), back.reshape(66, 72, -1).copy()
    before[top:bottom, left:right] = after[top:bottom, left:right] = 0
    assert (before == after).all()


def test_palette_grows() -> None:
    """A palette with room takes the label's colours; the indices stay indices."""
    kind = Kind(3, 8, entries=20)
    before = chunk(b"hIST", bytes(range(40)))
    old, new = written(rows(kind, 72, 66), kind, before), check(written(rows(kind, 72, 66), kind, before))
    palettes = [dict(chunks(data))[b"PLTE"] for data in (old, new)]
    assert palettes[1].startswith(palettes[0])
    assert len(palettes[0]) < len(palettes[1]) <= 768
    assert dict(chunks(new))[b"hIST"] == bytes(range(40)).ljust(2 * len(palettes[1]) // 3, b"\0")


def recoloured(data: bytes, table: bytes) -> bytes:
    """The file with another palette of the same size."""
    return data.replace(chunk(b"PLTE", dict(chunks(data))[b"PLTE"]), chunk(b"PLTE", table))


def test_palette_with_unused_entries() -> None:
    """In a full palette, colours that no pixel has make room."""
    kind = Kind(3, 8)
    pixels: Rows = [[(pixel[0] % 100,) for pixel in row] for row in rows(kind, 72, 66)]
    result = check(recoloured(written(pixels, kind), bytes(range(100, 164)) * 12))
    assert result[25] == 3
    assert len(dict(chunks(result))[b"PLTE"]) == 768


def test_full_palette_becomes_colours() -> None:
    """A palette without room, whose colours do not do for the label, becomes colours; bKGD goes along."""
    kind = Kind(3, 1, key=False, entries=2)
    data = written(rows(kind, 72, 66), kind, chunk(b"bKGD", b"\1") + chunk(b"sBIT", b"\5\6\5"))
    result = check(recoloured(data, bytes((120, 120, 120, 130, 130, 130))))
    found = dict(chunks(result))
    assert result[24:26] == b"\x08\x02"
    assert b"PLTE" not in found
    assert found[b"bKGD"] == bytes((0, 130)) * 3
    assert found[b"sBIT"] == b"\5\6\5"


def test_grey_bits_become_bytes() -> None:
    """Grey of less than 8 bits has 8 afterwards, with alpha where one grey was transparent."""
    kind = Kind(0, 2, key=True)
    data = written(rows(kind, 72, 66), kind, chunk(b"bKGD", b"\0\2") + chunk(b"sBIT", b"\2"))
    result = check(data)
    found = dict(chunks(result))
    assert result[24:26] == b"\x08\x04"
    assert b"tRNS" not in found
    assert (found[b"bKGD"], found[b"sBIT"]) == (b"\0\xaa", b"\2\x08")


@pytest.mark.parametrize("depth", [8, 16])
def test_transparent_colour(depth: int) -> None:
    """On a ground of the one transparent colour the label is opaque, even in its own colours."""
    kind = Kind(2, depth)
    white = (255 if depth == 8 else 65535,) * 3
    for key in (white, (0, 0, 0)):
        pixels: Rows = [[key] * 72 for _ in range(66)]
        result = check(written(pixels, kind, chunk(b"tRNS", struct.pack(">3H", *key))))
        left, top, right, bottom = BOX
        alphas = [pixel[3] for row in read(result)[top:bottom] for pixel in row[left:right]]
        assert alphas.count(0) < len(alphas) / 20  # the plate's round corners


def test_exact_is_kept() -> None:
    """`exact` is no obstacle for any still picture."""
    for mode in ("1", "P", "RGBA"):
        assert draw(saved(scene(72, 66, mode), "png"), "png", HEAD, LOOK, exact=True).outside == "identical"


def small() -> list[bytes]:
    """One small file for each way in which the label is drawn."""
    ways = (
        Kind(2),
        Kind(6, 16, True),
        Kind(0, 1),
        Kind(3, 4),
        Kind(3, 8, True, entries=256),
        Kind(0, key=True),
    )
    return [written(rows(kind, 72, 66), kind, OTHERS) for kind in ways]


SMALL = small()


@pytest.mark.parametrize("sample", SMALL)
def test_cut_off(sample: bytes) -> None:
    """A file that ends anywhere before its end is refused, and the message says where it ends."""
    ends = {*range(0, 400, 7), *range(400, len(sample), 97), *range(len(sample) - 20, len(sample))}
    for end in ends:
        assert broken(sample[:end], "png", HEAD).startswith(("the PNG", "the picture"))


@settings(max_examples=150)
@given(hostile(*SMALL))
def test_hostile(data: bytes) -> None:
    """Damaged files are drawn or refused with a ContentError, whatever is wrong with them."""
    broken(data, "png", HEAD)


@settings(max_examples=150)
@given(st.sampled_from(SMALL), st.data())
def test_hostile_behind_the_checksums(sample: bytes, data: st.DataObject) -> None:
    """So are files whose chunks hold nonsense but whose CRCs are right."""
    parts = [list(part) for part in chunks(sample)]
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from(parts))
        at, new = data.draw(st.integers(0, len(part[1]))), data.draw(st.binary(max_size=6))
        part[1] = part[1][:at] + new + part[1][at + data.draw(st.integers(0, 6)) :]
    whole = sample[:8] + b"".join(chunk(kind, body) for kind, body in parts)
    broken(whole, "png", HEAD)


ONE = Kind(cut=1 << 20)
PLAIN = written(rows(ONE, 72, 66), ONE, chunk(b"prIv", b""))
SIZE = 66 * (72 * 3 + 1)


def altered(kind: bytes, body: bytes, sample: bytes = PLAIN) -> bytes:
    """A file with another payload in its chunks of a kind."""
    parts = [(name, body if name == kind else old) for name, old in chunks(sample)]
    return sample[:8] + b"".join(chunk(*part) for part in parts)


def head_of(*fields: int) -> bytes:
    """The plain file with another header."""
    return altered(b"IHDR", struct.pack(">2I5B", *fields, 0, 0, 0))


def data_of(size: int, first: int = 0) -> bytes:
    """The plain file with a number of bytes as its picture."""
    return altered(b"IDAT", zlib.compress(bytes((first,)) + bytes(size - 1)))


FAULTS = {
    "has no end": PLAIN[:-12],
    "ends inside its IDAT": PLAIN[:900],
    "the CRC of its IEND": PLAIN[:-1] + b"?",
    "is no chunk": PLAIN.replace(b"prIv", b"pr v"),
    "chunk PRIV that is needed": PLAIN.replace(b"prIv", b"PRIV"),
    "more than one IHDR": PLAIN[:33] + PLAIN[8:],
    "0 x 66 pixels": head_of(0, 66, 8, 2),
    "72 x 67 pixels large, not 72 x 66": head_of(72, 67, 8, 2),
    "colour type 2 with 4 bits": head_of(72, 66, 4, 2),
    "no picture data": altered(b"IDAT", b"").replace(chunk(b"IDAT", b""), b""),
    "ends inside its picture data": altered(b"IDAT", b""),
    "less picture data": data_of(SIZE - 1),
    "more picture data": data_of(SIZE + 1),
    "more picture data than": altered(b"IDAT", zlib.compress(bytes(SIZE)) + b"?"),
    "data of the PNG (IDAT) are damaged": altered(b"IDAT", zlib.compress(bytes(SIZE))[:-1] + b"?"),
    "a filter that no standard knows": data_of(SIZE, 5),
    "a colour that its palette lacks": altered(b"PLTE", bytes(9), SMALL[3]),
    "palette of 4 bytes": altered(b"PLTE", bytes(4), SMALL[3]),
    "tRNS chunk of 3 bytes": altered(b"tRNS", bytes(3), SMALL[5]),
}


@pytest.mark.parametrize(("fault", "data"), FAULTS.items())
def test_faults_are_named(fault: str, data: bytes) -> None:
    """What is wrong with a picture is said in words."""
    assert fault in broken(data, "png", HEAD)


@pytest.mark.parametrize("position", ["top", "bottom"])
def test_bomb(position: Position) -> None:
    """No more is inflated than what the size in the header asks for."""
    deflate = zlib.compressobj()
    packed = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(64)) + deflate.flush()
    width, height = 500, 500
    bomb = altered(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0), altered(b"IDAT", packed))
    tracemalloc.start()
    try:
        with suppress(ContentError):
            draw(bomb, "png", Head(width, height), Look(position=position))
        assert tracemalloc.get_traced_memory()[1] < 4 * width * height * 3
    finally:
        tracemalloc.stop()
