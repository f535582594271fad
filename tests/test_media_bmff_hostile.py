"""Broken and hostile HEIF and AVIF files: refused with the reason, in time that grows with their size alone."""

from __future__ import annotations

import pytest
from hypothesis import given

from labeler.errors import ContentError
from labeler.media import CONTAINERS
from tests.bmff_files import (
    XMP_UUID,
    Form,
    Item,
    avif,
    big,
    box,
    boxes,
    exif_item,
    file,
    moving,
    picture,
    retabled,
    sequence,
    wide,
    xmp,
)
from tests.media_tools import PACKET, WRAPPED, exif, hostile, use

AVIF = CONTAINERS["avif"]
FTYP = box(b"ftyp", b"avif", bytes(4), b"avifmif1")
RECORD = exif(b"ASCII\0\0\0" + WRAPPED.encode())
SAMPLES = [
    avif("RGBA", xmp=PACKET, exif=RECORD),
    sequence(xmp=PACKET),
    moving(),
    file(
        picture(where="idat"),
        xmp(PACKET, where="idat", pieces=2),
        exif_item(RECORD),
        form=Form(version=2, widths=(8, 4, 4, 4), lists=1, references=1),
    ),
    file(picture(), form=Form(mdat="rest")) + box(b"uuid", XMP_UUID, PACKET),
    file(picture(), xmp(PACKET), form=Form(order=("mdat", "meta"), mdat="wide")),
]


def changed(data: bytes, kind: bytes, skip: int, new: bytes, nth: int = 0) -> bytes:
    """The file with other bytes so far behind the name of a box."""
    at = -1
    for _ in range(nth + 1):
        at = data.index(kind, at + 1)
    at += 4 + skip
    return data[:at] + new + data[at + len(new) :]


def meta(*parts: bytes) -> bytes:
    """A file whose meta box has these."""
    return FTYP + box(b"meta", bytes(4), *parts)


def iloc(version: int, widths: bytes, count: int, *entries: bytes) -> bytes:
    return box(b"iloc", bytes((version, 0, 0, 0)), widths, big(count, 2), *entries)


IINF = box(b"iinf", bytes(6))
PLAIN = file(picture(), xmp(PACKET))
CODED = box(b"infe", b"\2\0\0\0\0\x09\0\0mime\0application/rdf+xml\0deflate\0")
BROKEN = [
    (b"", "no HEIF/AVIF file"),
    (b"\0\0\0\x10ftyp", "ends inside its ftyp box"),
    (box(b"mdat", FTYP), "no HEIF/AVIF file"),
    (FTYP, r"has no picture \(meta"),
    (meta(), r"has no picture \(meta"),
    (meta(IINF), r"has no picture \(meta"),
    (meta(IINF, iloc(0, b"\x44\0", 0)), "no picture data"),
    (meta(IINF, IINF), "two iinf boxes"),
    (meta(b"junk"), "bytes that are no box in its meta"),
    (meta(box(b"iinf", bytes(3))), "iinf box of the HEIF/AVIF file is too short|no box in its iinf"),
    (meta(IINF, box(b"iloc", bytes(4))), "iloc box of the HEIF/AVIF file is too short"),
    (meta(IINF, iloc(0, b"\x44\0", 9)), "iloc box of the HEIF/AVIF file is too short"),
    (meta(IINF, iloc(3, b"\x44\0", 0)), "iloc box of an unknown form"),
    (meta(IINF, iloc(1, b"\x34\0", 0)), "iloc box of an unknown form"),
    (meta(IINF, iloc(0, b"\0\0", 1, b"\0\1\0\0\xff\xff")), "too many items or extents"),
    (meta(IINF, iloc(0, b"\0\0", 2, b"\0\1\0\0\0\0" * 2)), "lists its item 1 twice"),
    (meta(box(b"iinf", b"\0\0\0\0\0\2", CODED, CODED), iloc(0, b"\x44\0", 0)), "lists its item 9 twice"),
    (FTYP + box(b"meta", bytes(4), box(b"idat", size=99)), "ends inside its idat box"),
    (FTYP + box(b"meta", bytes(4), box(b"idat", size=0)), "no sound size for its idat box"),
    (FTYP + box(b"meta", size=7), "no sound size for its meta box"),
    (FTYP + wide(b"meta", b"")[:-4] + b"\0\0\0\7", "no sound size for its meta box"),
    (FTYP + b"\0\0\0\1meta" + b"\xff" * 8, "ends inside its meta box"),
    (FTYP + box(b"mini", bytes(8)), "minimised"),
    (moving().replace(b"pict", b"vide"), r"has no picture \(meta"),
    (sequence() + box(b"moof", bytes(8)), "in fragments"),
    (PLAIN + boxes(PLAIN)[1][1], "two meta boxes"),
    (changed(PLAIN, b"iloc", 16, b"\x7f\xff\xff\xff"), "refers to bytes behind its end"),
    (changed(PLAIN, b"iloc", 32, b"\x7f\xff\xff\xff"), "refers to bytes behind its end"),
    (file(picture(where="idat", method=1, pieces=1), xmp(PACKET, method=1)), "outside of its idat box"),
    (changed(sequence(), b"stsz", 4, b"\x40\0\0\0"), "refers to bytes behind its end"),
    (changed(sequence(), b"stsz", 8, b"\xff\xff\xff\xff"), "too many frames"),
    (changed(sequence(), b"stco", 4, b"\xff\xff\xff\xff"), "too many frames"),
    (changed(sequence(), b"stsz", 8, b"\0\0\0\1"), "more frames than it tells of"),
    (changed(sequence(), b"stsc", 8, b"\0\0\0\2"), "broken stsc"),
    (
        retabled(moving(), b"stsc", box(b"stsc", bytes(4), big(2, 4), *[big(1, 4)] * 6)),
        "broken stsc",
    ),
    (sequence().replace(b"stss", b"stz2"), "track with a stz2 box"),
    (sequence().replace(b"stss", b"saio"), "track with a saio box"),
    (
        file(picture(), Item(9, b"mime", PACKET, b"\0application/rdf+xml\0deflate\0")),
        r"compressed \(deflate\)",
    ),
]


def everything(data: bytes) -> None:
    """What reads all of a file."""
    AVIF.found(data)
    list(AVIF.essence(data))


@pytest.mark.parametrize(("data", "message"), BROKEN)
def test_broken_files(data: bytes, message: str) -> None:
    """A file that is not what it claims is refused with the reason, by reading and by writing."""
    with pytest.raises(ContentError, match=message):
        everything(data)
    with pytest.raises(ContentError, match=message):
        AVIF.write(data, PACKET)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (file(picture()).replace(b"ispe", b"free"), "does not say how large"),
        (changed(PLAIN, b"ispe", 4, bytes(4)), "does not say how large"),
        (changed(PLAIN, b"pitm", 4, b"\0\7"), "does not say how large"),
        (changed(moving(), b"stsd", 40, bytes(4)), "does not say how large"),
    ],
)
def test_a_picture_without_a_size_is_refused(data: bytes, message: str) -> None:
    """The size has to be known before anything is decoded."""
    with pytest.raises(ContentError, match=message):
        AVIF.head(data)


PICTURE, PACKETS = 16, 32
"""Where the offset and then the length of each item of `PLAIN` are, from the name of its iloc box on."""


def pointing(item: int, start: int, length: int) -> bytes:
    """`PLAIN` with another place for an item."""
    return changed(PLAIN, b"iloc", item, big(start, 4) + big(length, 4))


CODED_AT = int.from_bytes(PLAIN[PLAIN.index(b"iloc") + 20 :][:4], "big")


@pytest.mark.parametrize(
    "data",
    [
        pointing(PACKETS, CODED_AT, 4),
        pointing(PACKETS, CODED_AT + 2, 9),
        pointing(PACKETS, CODED_AT - 11, 8),
        pointing(PACKETS, PLAIN.index(b"ispe"), 8),
        pointing(PACKETS, 0, 8),
        pointing(PICTURE, PLAIN.index(b"iloc"), 8),
        pointing(PICTURE, PLAIN.index(b"meta") - 4, 4),
        pointing(PICTURE, 0, len(PLAIN)),
    ],
)
def test_a_packet_that_shares_bytes_is_not_written(data: bytes) -> None:
    """Neither the picture nor a box is sacrificed for it."""
    with pytest.raises(ContentError, match=r"overlap|do not stand in"):
        AVIF.write(data, PACKET)


def test_an_empty_item_may_be_anywhere() -> None:
    """It has no bytes that could move."""
    long = file(picture(), xmp(PACKET + b" " * 5000), Item(5, b"free", b"x"))
    data = changed(long, b"iloc", 16 + 2 * 16, b"\xf0\0\0\5" + bytes(4))
    new = AVIF.write(data, PACKET)
    assert AVIF.packet(new) == PACKET
    assert b"\xf0\0\0\5" in new
    assert list(AVIF.essence(new)) == list(AVIF.essence(data))
    assert AVIF.write(new, PACKET) == new


def test_many_items_with_the_same_bytes_are_refused() -> None:
    """A small file cannot demand endless reading."""
    entries = [big(nth, 2) + b"\0\0\0\1" + big(nth, 4) + big(4000, 4) for nth in range(1, 900)]
    data = meta(IINF, iloc(0, b"\x44\0", len(entries), *entries)) + box(b"mdat", bytes(5000))
    with pytest.raises(ContentError, match="overlap"):
        list(AVIF.essence(data))


def test_boxes_without_end_are_refused() -> None:
    """A file of nothing but heads of boxes is not listed to its end."""
    data = FTYP + box(b"free") * 40_000
    with pytest.raises(ContentError, match="too many boxes"):
        AVIF.found(data)


def test_many_pieces_are_no_burden() -> None:
    """A packet in thousands of pieces is read and written."""
    data = file(picture(pieces=300), xmp(PACKET, pieces=len(PACKET)))
    assert AVIF.packet(data) == PACKET
    use(AVIF, data)


def test_no_place_for_a_packet_is_told() -> None:
    """A track can have a meta box that holds no items, and no second one."""
    data = sequence(xmp=PACKET).replace(b"avif", b"iso9").replace(b"meta", b"free", 1)
    with pytest.raises(ContentError, match="no meta box that could hold"):
        AVIF.write(data.replace(b"iinf", b"free"), PACKET)


@pytest.mark.parametrize("data", SAMPLES)
def test_every_cut_is_refused(data: bytes) -> None:
    """A file that is cut off anywhere is not written."""
    whole = len(data) - (len(boxes(data)[-1][1]) if data.endswith(PACKET) else 0)
    for size in range(whole):
        with pytest.raises(ContentError):
            AVIF.write(data[:size], PACKET)


@given(hostile(*SAMPLES))
def test_hostile_files_raise_only_our_errors(data: bytes) -> None:
    """Whatever the bytes, a container answers or raises ContentError, and spares the picture."""
    use(AVIF, data)
