"""TIFF and BigTIFF: facts, records and packets by tags; only metadata change, and nothing moves."""

from __future__ import annotations

import contextlib
import io
import struct

import pytest
from hypothesis import given
from PIL import Image, TiffImagePlugin

from labeler.errors import ContentError
from labeler.media.tiff import TIFF
from labeler.media.xmp import AIGC, VISIBLE, merged, values
from tests.media_tools import FAULT, FIELDS, OTHER, PACKET, TORN, WRAPPED, essence, hostile, use
from tests.tiff_files import Kind, Value, pixels, written

KINDS = {
    "strips": Kind(rows=2),
    "big-endian": Kind(rows=2, order=">"),
    "tiles": Kind(tile=(16, 16)),
    "planes": Kind(planes=3),
    "grey, compressed": Kind(samples=1, photometric=1, compression=8),
    "BigTIFF": Kind(big=True),
    "BigTIFF, big-endian": Kind(big=True, order=">"),
}
OTHERS: dict[int, Value] = {
    270: (2, b"a cat\0"),
    274: (3, [6]),
    305: (2, b"a scanner\0"),
    34675: (7, b"an ICC profile"),
    65000: (7, b"own data"),
}
"""Tags before and behind that of the packet."""
SHORT = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
COMMENT: Value = (2, WRAPPED.encode() + b"\0")


def tiff(kind: Kind = KINDS["strips"], **tags: Value) -> bytes:
    """A picture of 5 x 3 pixels; tags by their numbers, as `t270`."""
    return written(
        pixels(5, 3, kind), kind, {**OTHERS, **{int(tag[1:]): value for tag, value in tags.items()}}
    )


def with_packet(kind: Kind = KINDS["strips"], packet: bytes = PACKET, form: int = 7) -> bytes:
    return tiff(kind, t700=(form, packet))


def pages(*packets: bytes) -> bytes:
    """A file of several pages by Pillow, each with a packet or, for b"", without."""
    frames = []
    for nth, packet in enumerate(packets):
        frame = Image.new("RGB", (6 + nth, 4), "red")
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        if packet:
            tags[700] = packet
            tags.tagtype[700] = 7
        frame.encoderinfo = {"tiffinfo": tags}
        frames.append(frame)
    buffer = io.BytesIO()
    first = frames[0].encoderinfo["tiffinfo"]
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:], tiffinfo=first)
    return buffer.getvalue()


def tags_of(data: bytes, page: int = 0) -> dict[int, object]:
    """The tags of a page as Pillow reads them, but for the packet's."""
    with Image.open(io.BytesIO(data)) as image:
        image.seek(page)
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        return {tag: value for tag, value in image.tag_v2.items() if tag != 700}


def shown(data: bytes) -> list[bytes]:
    with Image.open(io.BytesIO(data)) as image:
        found = []
        for page in range(getattr(image, "n_frames", 1)):
            image.seek(page)
            found.append(image.tobytes())
        return found


@pytest.mark.parametrize("name", KINDS)
def test_head(name: str) -> None:
    """Size and orientation of the first page."""
    assert TIFF.head(tiff(KINDS[name])) == (5, 3, 1, 6)
    assert TIFF.head(tiff(KINDS[name], t274=(3, [9]))) == (5, 3, 1, 1)


def test_head_of_pages() -> None:
    """Every page is a frame."""
    assert TIFF.head(pages(b"", b"", b"")) == (6, 4, 3, 1)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("form", [1, 7])
def test_found(name: str, form: int) -> None:
    """A record is found in tag 700, as BYTE or UNDEFINED, and the packet is handed out without padding."""
    data = with_packet(KINDS[name], PACKET + b"  \0", form)
    assert TIFF.found(data) == [("XMP element", FIELDS)]
    assert TIFF.packet(data) == PACKET


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_packets_in_other_codings(coding: str) -> None:
    """Their properties are found and come back with a new one, whatever bytes their last character ends with."""
    old = ("\ufeff" + merged(PACKET, {VISIBLE: "AI生成"}).decode()).encode(coding)
    for data in (with_packet(packet=old), with_packet(packet=old + "  ".encode(coding))):
        assert TIFF.packet(data) == old
        assert TIFF.found(data) == [("XMP element", FIELDS)]
        assert values(merged(TIFF.packet(data), {AIGC: FIELDS}), VISIBLE) == [("element", "AI生成")]


def test_found_in_exif_texts() -> None:
    """ImageDescription may hold one, too."""
    assert TIFF.found(tiff(t270=COMMENT)) == [("EXIF ImageDescription", WRAPPED)]


def test_found_on_every_page() -> None:
    """Packets of all pages are read, in their order; the first page's is the file's."""
    data = pages(PACKET, b"", OTHER)
    assert [record.text for record in TIFF.found(data)] == [FIELDS, FIELDS.replace("a-1", "b-2")]
    assert TIFF.packet(data) == PACKET
    assert TIFF.packet(pages(b"", PACKET)) == b""


def test_a_broken_packet_is_found_and_goes() -> None:
    """On whatever page: nobody can read it, and it mentions a record."""
    data = pages(TORN, TORN + b"x")
    assert TIFF.found(data) == [("XMP", FAULT)] * 2
    assert TIFF.found(TIFF.write(data, PACKET)) == [("XMP element", FIELDS)]
    assert shown(TIFF.write(data, PACKET)) == shown(data)


def test_nothing_found() -> None:
    """Other tags are no records."""
    assert (TIFF.found(tiff()), TIFF.packet(tiff())) == ([], b"")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("old", [b"", PACKET, PACKET + b" " * 400, SHORT])
def test_write_leaves_one_record_and_all_else(name: str, old: bytes) -> None:
    """Pixels and other tags stay where they are, whether the new packet fits into the old one's place or not."""
    data = with_packet(KINDS[name], old) if old else tiff(KINDS[name])
    new = TIFF.write(data, OTHER)
    assert TIFF.packet(new) == OTHER
    assert TIFF.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert b"a-1" not in new
    assert essence(TIFF, new) == essence(TIFF, data)
    assert TIFF.head(new) == TIFF.head(data)
    assert TIFF.write(new, OTHER) == new
    if name != "BigTIFF, big-endian":  # Pillow does not read it
        assert tags_of(new) == tags_of(data)
        assert shown(new) == shown(data)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("old", [b"", b"\0", b" ", b"\0" * 4, b" " * 8])
def test_a_packet_in_its_entry_is_replaced(name: str, old: bytes) -> None:
    """A value of four bytes or less (in BigTIFF, of eight) stands in the directory itself."""
    data = with_packet(KINDS[name], old)
    new = TIFF.write(data, OTHER)
    assert TIFF.packet(new) == OTHER
    assert essence(TIFF, new) == essence(TIFF, data)
    assert (TIFF.head(new), TIFF.write(new, OTHER)) == (TIFF.head(data), new)
    assert TIFF.packet(TIFF.write(data, b"")) == b""


@pytest.mark.parametrize("name", KINDS)
def test_nothing_that_exists_moves(name: str) -> None:
    """A new packet and the directory that has it go to the end; before it, the file's head alone changes."""
    kind = KINDS[name]
    data, word = tiff(kind), 8 if kind.big else 4
    new = TIFF.write(data, OTHER)
    assert new[2 * word : len(data)] == data[2 * word :]
    assert new[:word] == data[:word]
    fitting = with_packet(kind, PACKET + b" " * 400)
    assert len(TIFF.write(fitting, OTHER)) == len(fitting)


def test_tags_stay_in_order() -> None:
    """Readers expect them to rise (TIFF 6.0, section 2)."""
    new = TIFF.write(tiff(), OTHER)
    (at,) = struct.unpack_from("<I", new, 4)
    (count,) = struct.unpack_from("<H", new, at)
    tags = [struct.unpack_from("<H", new, at + 2 + 12 * nth)[0] for nth in range(count)]
    assert tags == sorted(tags)
    assert 700 in tags


def test_write_takes_the_records_of_other_pages_out() -> None:
    """The first page has the packet; what other pages say beside their record stays."""
    other = merged(PACKET, {VISIBLE: "AI生成"})
    data = pages(PACKET, other, b"")
    new = TIFF.write(data, OTHER)
    assert [record.text for record in TIFF.found(new)] == [FIELDS.replace("a-1", "b-2")]
    assert b"a-1" not in new
    assert "AI生成".encode() in new
    assert shown(new) == shown(data)
    assert [tags_of(new, page) for page in range(3)] == [tags_of(data, page) for page in range(3)]
    assert TIFF.write(new, OTHER) == new


def test_exif_texts_lose_only_their_record() -> None:
    """Its bytes are blanked, other texts stay."""
    data = tiff(t270=COMMENT)
    new = TIFF.write(data, OTHER)
    assert TIFF.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert tags_of(new)[305] == "a scanner"


def test_write_merges() -> None:
    """The packet that was there is handed out, and its other properties come back with it."""
    data = with_packet(packet=merged(b"", {VISIBLE: "AI生成"}))
    packet = TIFF.packet(TIFF.write(data, merged(TIFF.packet(data), {AIGC: FIELDS})))
    assert values(packet, VISIBLE) == [("element", "AI生成")]


def test_an_empty_packet_leaves_blanks() -> None:
    """Without a packet there is no tag for one; an old one is blanked in its place."""
    assert TIFF.write(tiff(), b"") == tiff()
    blank = TIFF.write(with_packet(), b"")
    assert (TIFF.packet(blank), len(blank)) == (b"", len(with_packet()))
    assert TIFF.packet(TIFF.write(blank, OTHER)) == OTHER


def test_signed() -> None:
    """A C2PA manifest stands in tag 52545."""
    assert TIFF.signed(tiff(t52545=(7, b"jumb")))
    assert not TIFF.signed(with_packet())


def test_the_essence_is_what_makes_the_picture() -> None:
    """Strips, and the tags that say how to read them; texts and packets do not count."""
    assert essence(TIFF, with_packet()) == essence(TIFF, tiff(t270=(2, b"a dog\0")))
    assert essence(TIFF, tiff(t34675=(7, b"another ICC one"))) != essence(TIFF, tiff())
    assert essence(TIFF, tiff(t266=(3, [2]))) != essence(TIFF, tiff(t266=(3, [1])))


def entry(data: bytes, tag: int) -> int:
    """Where the entry of a tag stands, in the first directory of a little-endian file."""
    (at,) = struct.unpack_from("<I", data, 4)
    return data.index(struct.pack("<H", tag), at + 2)


def pointing(tag: int, start: int, length: int, data: bytes | None = None) -> bytes:
    """A file in which the value of a tag is said to be elsewhere."""
    new = bytearray(data or with_packet())
    struct.pack_into("<II", new, entry(bytes(new), tag) + 4, length, start)
    return bytes(new)


@pytest.mark.parametrize("start", [0, 4, 8, 10])
def test_a_packet_that_shares_bytes_is_not_written(start: int) -> None:
    """Neither pixels nor directories are sacrificed for it."""
    with pytest.raises(ContentError, match="overlap"):
        TIFF.write(pointing(700, start, 40), OTHER)
    (at,) = struct.unpack_from("<I", with_packet(), 4)
    with pytest.raises(ContentError, match="overlap"):
        TIFF.write(pointing(700, at + start, 20), OTHER)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no TIFF"),
        (b"II*\0", "no TIFF"),
        (b"II*\0\xff\xff\xff\xff", "cut off"),
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0", "broken directory"),
        (tiff()[:-1], "cut off"),
        (pointing(700, 1 << 30, 99), "cut off"),
        (pointing(273, 1 << 30, 2), "cut off"),
        (pointing(279, 20, 1), "does not say how long"),
        (tiff(t256=(4, [0])), "how large"),
    ],
)
def test_broken_files(data: bytes, message: str) -> None:
    """A file that is not what it claims is refused with the reason."""
    with pytest.raises(ContentError, match=message):
        everything(data)


def everything(data: bytes) -> None:
    """What reads all of a file."""
    TIFF.head(data)
    TIFF.found(data)
    list(TIFF.essence(data))


SAMPLES = [
    *(with_packet(kind, PACKET + b" " * 9) for kind in KINDS.values()),
    tiff(t270=COMMENT),
    pages(PACKET, OTHER),
]


@given(hostile(*SAMPLES))
def test_hostile_files_raise_only_our_errors(data: bytes) -> None:
    """Whatever the bytes, a container answers or raises ContentError; what it writes has the same picture, if
    the file has one that can be found."""
    try:
        essence(TIFF, data)
    except ContentError:
        for method in (TIFF.head, TIFF.found, TIFF.packet, TIFF.signed, lambda bad: TIFF.write(bad, PACKET)):
            with contextlib.suppress(ContentError):
                method(data)
    else:
        use(TIFF, data)
