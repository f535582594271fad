"""HEIF, HEIC and AVIF: facts, records and packets by items; only metadata change, whoever made the file."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PIL import ImageCms

from labeler.media import CONTAINERS, container
from labeler.media.xmp import AIGC, VISIBLE, merged, values
from tests.bmff_files import (
    XMP_UUID,
    Form,
    Item,
    avif,
    box,
    boxes,
    decoded,
    exif_item,
    file,
    heic,
    packet_read,
    picture,
    sequence,
    shown,
    xmp,
)
from tests.media_tools import FAULT, FIELDS, OTHER, PACKET, TORN, WRAPPED, essence, exif

AVIF, HEIF = CONTAINERS["avif"], CONTAINERS["heif"]
RECORD = exif(b"ASCII\0\0\0" + WRAPPED.encode(), b"a cat\0")
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FILES: dict[str, Callable[[], bytes]] = {
    "AVIF": avif,
    "AVIF grey": lambda: avif("L"),
    "AVIF alpha": lambda: avif("RGBA"),
    "AVIF with EXIF and ICC": lambda: avif(exif=exif(description=b"a cat\0"), icc_profile=ICC),
    "AVIF with XMP": lambda: avif("RGBA", xmp=PACKET, exif=exif(description=b"a cat\0")),
    "AVIF sequence": sequence,
    "AVIF sequence, alpha": lambda: sequence("RGBA", xmp=PACKET, icc_profile=ICC),
    "HEIC": heic,
    "HEIC alpha": lambda: heic("RGBA", xmp=PACKET),
    "HEIC with EXIF and ICC": lambda: heic(exif=exif(description=b"a cat\0"), icc_profile=ICC),
}


@pytest.mark.parametrize("name", FILES)
def test_write_leaves_one_record_and_all_else(name: str) -> None:
    """Other readers find the packet, and decode the same pixels with the same EXIF and ICC profile; writing it
    again changes nothing."""
    data = FILES[name]()
    its = container(data)
    new = its.write(data, OTHER)
    assert its.packet(new) == packet_read(new) == OTHER
    assert its.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert essence(its, new) == essence(its, data)
    assert its.head(new) == its.head(data)
    assert shown(new) == shown(data)
    assert its.write(new, OTHER) == new


@pytest.mark.parametrize("name", FILES)
def test_a_longer_and_a_shorter_packet_come_and_go(name: str) -> None:
    """However a file came to its packet, the next one leaves no trace of it."""
    data = FILES[name]()
    its = container(data)
    long = merged(PACKET, {VISIBLE: "AI生成" * 500})
    first = its.write(data, PACKET)
    assert its.write(its.write(first, long), PACKET) == first
    assert b"b-2" not in its.write(its.write(data, OTHER), PACKET)


@pytest.mark.parametrize("name", FILES)
def test_only_boxes_with_items_and_offsets_change(name: str) -> None:
    """Boxes other than meta and moov stay as they are; a packet without a place gets an mdat box at the end."""
    data = FILES[name]()
    old, new = boxes(data), boxes(container(data).write(data, OTHER))
    kept = [one for one in old if one[0] not in (b"meta", b"moov", b"mdat")]
    assert [one for one in new if one[0] not in (b"meta", b"moov", b"mdat")] == kept
    if container(data).packet(data):
        assert [kind for kind, _ in new] == [kind for kind, _ in old]
    else:
        assert new[len(old) :] == [(b"mdat", box(b"mdat", OTHER))]
        assert new[len(old) - 1] == old[-1]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", [avif, heic])
def test_orientation_is_that_of_the_container(make: Callable[..., bytes], orientation: int) -> None:
    """irot and imir say how viewers turn the picture; width and height are the stored ones."""
    data = make(size=(20, 12), exif=exif(orientation=orientation))
    assert container(data).head(data) == (20, 12, 1, orientation)


@pytest.mark.parametrize("make", [avif, heic])
def test_head_of_odd_sizes(make: Callable[..., bytes]) -> None:
    """Where an encoder has filled the picture up to whole blocks, the part that is shown counts."""
    data = make(size=(21, 13))
    assert container(data).head(data) == (21, 13, 1, 1)


def test_head_of_a_sequence() -> None:
    """The frames of the pictures' track."""
    assert AVIF.head(sequence("RGBA")) == (16, 12, 3, 1)


CARRIERS = {
    "XMP": ([xmp(PACKET)], b"", [("XMP element", FIELDS)]),
    "XMP of another picture": ([xmp(PACKET, 7)], b"", [("XMP element", FIELDS)]),
    "XMP broken": ([xmp(TORN)], b"", [("XMP", FAULT)]),
    "XMP of another picture, broken": ([xmp(TORN, 7)], b"", [("XMP", FAULT)]),
    "XMP in idat": ([xmp(PACKET, where="idat")], b"", [("XMP element", FIELDS)]),
    "XMP in pieces": ([xmp(PACKET, pieces=5)], b"", [("XMP element", FIELDS)]),
    "XMP in a uuid box": ([], box(b"uuid", XMP_UUID, PACKET), [("XMP element", FIELDS)]),
    "EXIF": ([exif_item(RECORD)], b"", [("EXIF UserComment", WRAPPED)]),
    "EXIF without its name": (
        [Item(8, b"Exif", bytes(4) + RECORD)],
        b"",
        [("EXIF UserComment", WRAPPED)],
    ),
    "all of them": (
        [xmp(PACKET), xmp(OTHER, 7), exif_item(RECORD)],
        box(b"uuid", XMP_UUID, PACKET),
        [
            ("XMP element", FIELDS),
            ("XMP element", FIELDS.replace("a-1", "b-2")),
            ("XMP element", FIELDS),
            ("EXIF UserComment", WRAPPED),
        ],
    ),
}


@pytest.mark.parametrize("name", CARRIERS)
def test_found_and_replaced_in_every_carrier(name: str) -> None:
    """A record is found wherever it stands, and written over; nothing of it stays."""
    items, tail, found = CARRIERS[name]
    data = file(picture(), *items, form=Form(describes=(9, 8))) + tail
    assert AVIF.found(data) == found
    new = AVIF.write(data, merged(b"", {AIGC: FIELDS.replace("a-1", "c-3")}))
    assert AVIF.found(new) == [("XMP element", FIELDS.replace("a-1", "c-3"))]
    assert b"a-1" not in new
    assert b"b-2" not in new
    assert essence(AVIF, new) == essence(AVIF, data)
    assert decoded(new).tobytes() == decoded(data).tobytes()


def test_exif_whose_name_is_not_counted() -> None:
    """EXIF's name may stand before it without being skipped; libavif refuses such files."""
    data = file(picture(), Item(8, b"Exif", bytes(4) + b"Exif\0\0" + RECORD))
    assert AVIF.found(data) == [("EXIF UserComment", WRAPPED)]
    new = AVIF.write(data, OTHER)
    assert AVIF.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert bytes(4) + b"Exif\0\0" + RECORD[:20] in new


def test_exif_outlives_its_record() -> None:
    """What else EXIF says stays."""
    data = file(picture(), exif_item(RECORD), form=Form(describes=(8,)))
    read = decoded(AVIF.write(data, PACKET)).getexif()
    assert read[0x010E] == "a cat"
    assert read.get_ifd(0x8769)[0x9286].strip(b"\0") == b""


def test_another_pictures_packet_keeps_what_is_no_record() -> None:
    """A packet that describes another item loses its record and nothing else."""
    other = merged(PACKET, {VISIBLE: "AI生成"})
    form = Form(describes=(7, 9), extra=box(b"free", b"x"))
    data = file(picture(), xmp(PACKET), xmp(other, 7), form=form)
    data = data.replace(b"cdsc\0\7\0\1\0\1", b"cdsc\0\7\0\1\0\2")
    assert AVIF.packet(data) == PACKET
    new = AVIF.write(data, OTHER)
    assert [len(AVIF.found(one)) for one in (data, new)] == [2, 1]
    assert merged(other, {AIGC: None}) in new


def test_the_packet_that_describes_the_primary_picture_counts() -> None:
    """Before one that describes nothing, or another."""
    data = file(picture(), xmp(PACKET, 7), xmp(OTHER, 9))
    assert AVIF.packet(data) == OTHER
    assert AVIF.packet(file(picture(), xmp(PACKET, 7))) == PACKET


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_packets_in_other_codings(coding: str) -> None:
    """They are handed out whole, whatever bytes their last character ends with."""
    old = ("\ufeff" + merged(PACKET, {VISIBLE: "AI生成"}).decode()).encode(coding)
    data = file(picture(), xmp(old + "  ".encode(coding)))
    assert (AVIF.packet(data), AVIF.lost(data)) == (old, 0)
    assert AVIF.found(data) == [("XMP element", FIELDS)]
    assert values(merged(AVIF.packet(data), {AIGC: FIELDS}), VISIBLE) == [("element", "AI生成")]


def test_write_merges() -> None:
    """The packet that was there is handed out without its padding, and comes back with its properties."""
    data = file(picture(), xmp(merged(b"", {VISIBLE: "AI生成"}) + b" " * 99))
    packet = AVIF.packet(AVIF.write(data, merged(AVIF.packet(data), {AIGC: FIELDS})))
    assert values(packet, VISIBLE) == [("element", "AI生成")]
    assert not packet.endswith(b" ")


def test_the_essence_is_what_makes_the_picture() -> None:
    """The primary item comes first; other pictures, properties and timing count, metadata do not."""
    first, second = picture(), picture(2)._replace(content=b"another")
    data = file(second, xmp(PACKET), first, exif_item(RECORD))
    parts = [bytes(part) for part in AVIF.essence(data)]
    assert parts[:2] == [first.content, b"another"]
    assert essence(AVIF, file(second, first)) == essence(AVIF, data)
    assert essence(AVIF, file(first)) != essence(AVIF, data)
    assert essence(AVIF, data.replace(b"ispe\0\0\0\0\0\0\0\x10", b"ispe\0\0\0\0\0\0\0\x11")) != essence(
        AVIF, data
    )
    timing = sequence().replace(b"stts\0\0\0\0", b"stts\0\0\0\1")
    assert essence(AVIF, timing) != essence(AVIF, sequence())


def test_an_empty_packet_blanks_the_old_one() -> None:
    """Without a packet nothing changes; with one, a blank takes its place."""
    assert AVIF.write(avif(), b"") == avif()
    new = AVIF.write(avif(xmp=PACKET), b"")
    assert (AVIF.packet(new), AVIF.found(new)) == (b"", [])
    assert decoded(new).tobytes() == decoded(avif()).tobytes()
    assert AVIF.packet(AVIF.write(new, OTHER)) == OTHER
    bare = AVIF.write(file(picture(), exif_item(RECORD)), b"")
    assert AVIF.found(bare) == []


def test_signed() -> None:
    """A C2PA manifest stands in a uuid box of its name."""
    manifest = box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481"), bytes(4), b"manifest")
    assert AVIF.signed(avif() + manifest)
    assert not AVIF.signed(avif() + box(b"uuid", XMP_UUID, PACKET))


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        (b"avif", "avif"),
        (b"avis", "avif"),
        (b"heic", "heif"),
        (b"mif1", "heif"),
    ],
)
def test_brands_tell_the_format(brands: bytes, name: str) -> None:
    """AV1 in it makes AVIF, all else is HEIF."""
    head = box(b"ftyp", brands, bytes(4), b"mif1")
    assert container(head + avif()[32:]).name == name
    assert container(head).media_type == f"image/{name}"
