"""GIF: facts, records and packets by blocks; only metadata change, whatever the carrier was."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from PIL import Image, ImageSequence

from labeler.errors import ContentError
from labeler.media.gif import GIF
from labeler.media.xmp import AIGC, VISIBLE, merged, values
from tests.media_tools import FAULT, FIELDS, OTHER, PACKET, TORN, WRAPPED, essence, hostile, use

MAGIC = bytes([1, *range(255, -1, -1), 0])


def blocked(data: bytes, size: int = 255) -> bytes:
    """A chain of sub-blocks."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def gif(*extra: bytes, late: bytes = b"", frames: int = 3) -> bytes:
    """An animation of 6 x 4 pixels; the blocks come before its first picture, or before the trailer."""
    colours = ["red", "green", "blue"][:frames]
    pictures = [Image.new("RGB", (6, 4), colour) for colour in colours]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "gif", save_all=True, append_images=pictures[1:], duration=70, loop=0)
    data = buffer.getvalue()
    at = data.index(b"\x21\xf9") if b"\x21\xf9" in data else data.index(b"\x2c", 13)
    return data[:at] + b"".join(extra) + data[at:-1] + late + b";"


def application(name: bytes, data: bytes) -> bytes:
    return b"\x21\xff\x0b" + name + data


def comment(text: str) -> bytes:
    return b"\x21\xfe" + blocked(text.encode(), 60)


CARRIERS = {
    "XMP": (application(b"XMP DataXMP", PACKET + MAGIC), "XMP element", FIELDS),
    "XMP in sub-blocks": (application(b"XMP DataXMP", blocked(PACKET)), "XMP element", FIELDS),
    "XMP in blocks of 60": (application(b"XMP DataXMP", blocked(PACKET, 60)), "XMP element", FIELDS),
    "XMP broken": (application(b"XMP DataXMP", TORN + MAGIC), "XMP", FAULT),
    "comment": (comment(WRAPPED), "GIF comment", WRAPPED),
    "comment with a key": (comment(f"AIGC{FIELDS}"), "GIF comment", FIELDS),
}
OTHERS = (comment("made by a cat"), application(b"ICCRGBG1012", blocked(b"profile" * 100)))
SAMPLES = [
    gif(*OTHERS, CARRIERS["XMP"][0], late=CARRIERS["comment"][0], frames=2),
    gif(CARRIERS["XMP in sub-blocks"][0], frames=1),
]


def test_head() -> None:
    """The logical screen, and as many frames as there are pictures."""
    assert GIF.head(gif()) == (6, 4, 3, 1)
    assert GIF.head(gif(frames=1)) == (6, 4, 1, 1)


def test_head_is_as_large_as_the_largest_frame() -> None:
    """A frame that goes beyond the screen enlarges it, as in decoders: a small screen hides no bomb."""
    data = bytearray(gif(frames=1))
    data[6:10] = b"\1\0\1\0"
    assert GIF.head(bytes(data)) == (6, 4, 1, 1)


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("late", [False, True])
def test_found(name: str, late: bool) -> None:
    """A record is found in every carrier, before and behind the pictures."""
    part, carrier, text = CARRIERS[name]
    assert GIF.found(gif(*OTHERS, late=part) if late else gif(*OTHERS, part)) == [(carrier, text)]


def test_nothing_found() -> None:
    """Other comments and extensions are no records."""
    assert GIF.found(gif(*OTHERS)) == []
    assert GIF.packet(gif(*OTHERS)) == b""


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("late", [False, True])
def test_write_leaves_one_record_and_all_else(name: str, late: bool) -> None:
    """Whatever carried the old record, the new packet has the only one; nothing else changes."""
    part = CARRIERS[name][0]
    data = gif(*OTHERS, late=part) if late else gif(*OTHERS, part)
    new = GIF.write(data, OTHER)
    written = application(b"XMP DataXMP", OTHER + MAGIC)
    assert new == gif(*OTHERS, written)
    assert GIF.packet(new) == OTHER
    assert GIF.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert essence(GIF, new) == essence(GIF, data)
    assert GIF.write(new, OTHER) == new


def test_pillow_reads_it() -> None:
    """Another reader finds the extension, and behind it the same frames with their timing."""
    packet = merged(b"", {AIGC: FIELDS, VISIBLE: "AI生成" * 200})
    data = GIF.write(gif(), packet)
    with Image.open(io.BytesIO(data)) as read, Image.open(io.BytesIO(gif())) as old:
        assert read.info["extension"] == (b"XMP DataXMP", data.index(b"XMP DataXMP") + 11)
        assert read.info["loop"] == 0
        frames = [(frame.info["duration"], frame.tobytes()) for frame in ImageSequence.Iterator(read)]
        assert frames == [(frame.info["duration"], frame.tobytes()) for frame in ImageSequence.Iterator(old)]
    assert values(GIF.packet(data), VISIBLE) == [("element", "AI生成" * 200)]


def test_87a_becomes_89a() -> None:
    """GIF87a has no extensions: where one is written, the version says so."""
    old = b"GIF87a" + gif(frames=1)[6:].replace(gif(frames=1)[gif(frames=1).index(b"\x21\xff") :][:19], b"")
    assert GIF.write(old, PACKET).startswith(b"GIF89a")
    assert GIF.write(old, b"") == old


def test_surplus_terminators_a_missing_trailer_and_bytes_behind_it() -> None:
    """What decoders forgive is read, and stays as it is."""
    data = gif(comment(WRAPPED) + b"\0\0", late=b"\0")
    for whole in (data, data[:-1], data + b"behind" + comment(WRAPPED)):
        assert GIF.found(whole) == [("GIF comment", WRAPPED)]
        assert GIF.write(whole, PACKET).endswith(whole[-20:])


def test_a_packet_with_nul_bytes_is_refused() -> None:
    """NUL would end the extension: such a packet (UTF-16) cannot stand in it."""
    with pytest.raises(ContentError, match="NUL"):
        GIF.write(gif(), "<a/>".encode("utf-16"))


def test_essence_has_palettes_pictures_and_timing() -> None:
    """The loop count and the delays belong to it, the version, comments and profiles do not."""
    assert essence(GIF, gif(*OTHERS)) == gif()[6:-1]


def test_signed() -> None:
    """A C2PA manifest stands in an application extension of its own."""
    assert GIF.signed(gif(application(b"C2PA_GIF\1\0\0", blocked(b"jumb"))))
    assert not GIF.signed(gif(*OTHERS))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no GIF"),
        (b"GIF89a\1\0\1\0", "inside its header"),
        (b"GIF89a\1\0\1\0\x87\0\0", "inside its header"),
        (gif(b"?"), "no block starts at byte"),
        (gif()[:-6], "inside a picture"),
        (gif()[: gif().index(b"\x21\xff") + 5], "inside an extension"),
    ],
)
def test_broken_files(data: bytes, message: str) -> None:
    """A file that is not what it claims is refused with the reason."""
    with pytest.raises(ContentError, match=message):
        GIF.found(data)


def test_a_file_without_a_picture_is_refused() -> None:
    """There has to be a picture, and it has to have a size."""
    empty = b"GIF89a\1\0\1\0\0\0\0;"
    with pytest.raises(ContentError, match="0 pictures"):
        GIF.head(empty)
    with pytest.raises(ContentError, match="no picture"):
        GIF.write(empty, PACKET)
    data = bytearray(gif(frames=1))
    at = data.index(b"\x2c", 13)
    data[6:10] = data[at + 5 : at + 9] = bytes(4)
    with pytest.raises(ContentError, match="0 x 0 pixels"):
        GIF.head(bytes(data))


@pytest.mark.parametrize("data", SAMPLES)
def test_every_cut_raises_only_our_errors(data: bytes) -> None:
    """A file that is cut off anywhere is read up to there, or refused."""
    for size in range(len(data)):
        use(GIF, data[:size])


@given(hostile(*SAMPLES))
def test_hostile_files_raise_only_our_errors(data: bytes) -> None:
    """Whatever the bytes, a container answers or raises ContentError."""
    use(GIF, data)
