"""JPEG: facts, records and packets by segments; only metadata change, whatever the carrier was."""

from __future__ import annotations

import hashlib
import io
import re
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from labeler.errors import ContentError
from labeler.media import plain
from labeler.media.jpeg import JPEG
from labeler.media.xmp import AIGC, SOURCE_TYPE, merged, values
from tests.media_tools import FAULT, FIELDS, OTHER, PACKET, TORN, WRAPPED, essence, exif, hostile, use

XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"


def segment(marker: int, body: bytes) -> bytes:
    """One segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The segments up to the first scan, that with all that follows: a second reader."""
    at = 2
    while data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield data[at + 1], data[at + 4 : at + 2 + length]
        at += 2 + length
    yield 0xDA, data[at:]


def jpeg(*extra: bytes, mode: str = "RGB", progressive: bool = False) -> bytes:
    """A picture of 17 x 9 pixels; the segments come behind JFIF's."""
    buffer = io.BytesIO()
    picture = Image.frombytes("RGB", (17, 9), bytes(range(153)) * 3).convert(mode)
    picture.save(buffer, "jpeg", progressive=progressive, dpi=(72, 72), icc_profile=b"profile")
    data = buffer.getvalue()
    at = 20 if data[3] == 0xE0 else 2
    return data[:at] + b"".join(extra) + data[at:]


def extended(packet: bytes, size: int = 100, *, shuffled: bool = False) -> tuple[bytes, ...]:
    """An extended packet in segments of `size` bytes."""
    digest = hashlib.md5(packet).hexdigest().upper().encode()
    parts = [
        segment(0xE1, EXTENSION + digest + struct.pack(">II", len(packet), at) + packet[at : at + size])
        for at in range(0, len(packet), size)
    ]
    return tuple(reversed(parts) if shuffled else parts)


def album() -> bytes:
    """Two pictures with an index (MPF)."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "mpo", save_all=True, append_images=[Image.new("L", (9, 9))])
    return buffer.getvalue()


EXIF = exif(b"ASCII\0\0\0" + WRAPPED.encode(), b"a cat\0", order=">")
PLAIN_EXIF = segment(0xE1, b"Exif\0\0" + exif(description=b"a cat\0"))
MPF = segment(0xE2, b"MPF\0MM\0*" + bytes(40))
CARRIERS = {
    "XMP": (segment(0xE1, XMP + PACKET), "XMP element", FIELDS),
    "XMP broken": (segment(0xE1, XMP + TORN), "XMP", FAULT),
    "extended": (b"".join(extended(PACKET)), "extended XMP element", FIELDS),
    "extended, broken": (b"".join(extended(TORN)), "extended XMP", FAULT),
    "EXIF": (segment(0xE1, b"Exif\0\0" + EXIF), "EXIF UserComment", WRAPPED),
    "APP11": (segment(0xEB, b"AIGC" + FIELDS.encode()), "JPEG APP11", FIELDS),
    "APP11 with NUL": (segment(0xEB, b"AIGC\0" + WRAPPED.encode() + b"\0"), "JPEG APP11", WRAPPED),
    "APP4": (segment(0xE4, b"AIGC" + FIELDS.encode()), "JPEG APP4", FIELDS),
    "APP1": (segment(0xE1, WRAPPED.encode()), "JPEG APP1", WRAPPED),
    "COM": (segment(0xFE, WRAPPED.encode()), "JPEG COM", WRAPPED),
    "COM broken": (segment(0xFE, b"AIGC{\xff"), "JPEG COM", "{\ufffd"),
}
OTHERS = (
    segment(0xFE, b"a comment"),
    segment(0xE1, b"AIGC is no record here"),
    segment(0xED, b"Photoshop 3.0\0"),
    extended(OTHER)[0],  # not complete
)
SAMPLES = [
    jpeg(PLAIN_EXIF, *OTHERS, CARRIERS["COM"][0], CARRIERS["XMP"][0]),
    jpeg(CARRIERS["EXIF"][0], CARRIERS["extended"][0], CARRIERS["APP11"][0], mode="CMYK"),
    album(),
]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_head(mode: str, progressive: bool) -> None:
    """The stored size of every kind of frame, and the orientation of EXIF."""
    assert JPEG.head(jpeg(mode=mode, progressive=progressive)) == (17, 9, 1, 1)
    assert JPEG.head(jpeg(PLAIN_EXIF, mode=mode, progressive=progressive)) == (17, 9, 1, 6)


@pytest.mark.parametrize("name", CARRIERS)
def test_found(name: str) -> None:
    """A record is found in every carrier."""
    part, carrier, text = CARRIERS[name]
    assert JPEG.found(jpeg(*OTHERS, part)) == [(carrier, text)]


def test_nothing_found() -> None:
    """Other comments and segments are no records, and a piece of extended XMP says nothing."""
    assert JPEG.found(jpeg(PLAIN_EXIF, *OTHERS)) == []
    assert JPEG.packet(jpeg(PLAIN_EXIF, *OTHERS)) == b""


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_write_leaves_one_record_and_all_else(name: str, mode: str) -> None:
    """Whatever carried the old record, the new packet has the only one; nothing else changes."""
    data = jpeg(*OTHERS, CARRIERS[name][0], mode=mode)
    new = JPEG.write(data, OTHER)
    assert JPEG.packet(new) == OTHER
    assert JPEG.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert essence(JPEG, new) == essence(JPEG, data)
    assert JPEG.head(new) == JPEG.head(data)
    assert JPEG.write(new, OTHER) == new
    old = CARRIERS[name][0]
    changing = re.compile(rb"http://ns.adobe.com/x|Exif")
    kept = [part for part in segments(data) if segment(*part)[:65000] != old and not changing.match(part[1])]
    assert [part for part in segments(new) if not changing.match(part[1])] == kept
    with Image.open(io.BytesIO(new)) as read, Image.open(io.BytesIO(data)) as before:
        assert read.info["xmp"] == OTHER
        assert read.tobytes() == before.tobytes()
        assert (read.info["icc_profile"], read.info.get("dpi")) == (b"profile", before.info.get("dpi"))


def test_write_keeps_exif_without_the_record() -> None:
    """Orientation and other texts outlive the record beside them; offsets stay."""
    new = JPEG.write(jpeg(CARRIERS["EXIF"][0]), PACKET)
    with Image.open(io.BytesIO(new)) as read:
        assert (read.getexif()[0x0112], read.getexif()[0x010E]) == (6, "a cat")
        assert read.getexif().get_ifd(0x8769)[0x9286].strip(b"\0") == b""


def test_the_packet_stands_behind_jfif_and_exif() -> None:
    """Readers look for JFIF and EXIF first; MPF comes behind the packet, or its offsets would be wrong."""
    new = JPEG.write(jpeg(PLAIN_EXIF, MPF, CARRIERS["COM"][0]), PACKET)
    assert [marker for marker, _ in segments(new)][:4] == [0xE0, 0xE1, 0xE1, 0xE2]
    assert list(segments(new))[2] == (0xE1, XMP + PACKET)


@pytest.mark.parametrize("name", CARRIERS)
def test_nothing_moves_behind_mpf(name: str) -> None:
    """The second picture stays as far from the MPF segment as it was."""
    data = jpeg(MPF, CARRIERS[name][0]) + jpeg()
    new = JPEG.write(data, OTHER)
    assert len(data) - data.index(MPF) == len(new) - new.index(MPF)
    assert new.endswith(jpeg())
    assert [record.carrier for record in JPEG.found(new)] == ["XMP element"]


@pytest.mark.parametrize("shuffled", [False, True])
def test_extended_xmp(shuffled: bool) -> None:
    """A record in the second packet goes; length, digest and the reference to it stay right."""
    second = merged(PACKET, {SOURCE_TYPE: "x"})
    digest = hashlib.md5(second).hexdigest().upper()
    first = merged(b"", {SOURCE_TYPE: digest})
    data = jpeg(segment(0xE1, XMP + first), *extended(second, shuffled=shuffled))
    new = JPEG.write(data, merged(first, {AIGC: FIELDS}))
    bodies = [body[len(EXTENSION) :] for _, body in segments(new) if body.startswith(EXTENSION)]
    pieces = {struct.unpack_from(">I", body, 36)[0]: body[40:] for body in bodies}
    packet = b"".join(piece for _, piece in sorted(pieces.items()))
    assert packet.rstrip(b" ") == merged(second, {AIGC: None})
    named = hashlib.md5(packet).hexdigest().upper()
    assert {body[:32].decode() for body in bodies} == {named}
    assert values(JPEG.packet(new), SOURCE_TYPE) == [("element", named)]
    assert [struct.unpack_from(">I", body, 32)[0] for body in bodies] == [len(packet)] * len(bodies)


def test_a_long_packet() -> None:
    """One segment has room for 65,502 bytes of packet: padding goes first, then it is refused."""
    room = 65_502
    full = PACKET.replace(b"</rdf:RDF>", b" " * (room - len(PACKET)) + b"</rdf:RDF>")
    assert JPEG.packet(JPEG.write(jpeg(), full)) == full
    padded = full.replace(b"<?xpacket end", b"\n" * 3000 + b"<?xpacket end")
    assert JPEG.packet(JPEG.write(jpeg(), padded)) == full
    with pytest.raises(ContentError, match="65503 bytes; a JPEG has room for 65502"):
        JPEG.write(jpeg(), full.replace(b"</rdf:RDF>", b" </rdf:RDF>"))


def test_fill_bytes_and_an_open_end() -> None:
    """Fill bytes before a marker are allowed; a file without an end is read, but gets no record."""
    data = jpeg(b"\xff\xff" + CARRIERS["COM"][0])
    assert JPEG.write(data, PACKET) == JPEG.write(jpeg(), PACKET)
    assert JPEG.found(data[:-2]) == [("JPEG COM", WRAPPED)]
    for size in range(data.index(b"\xff\xda"), len(data)):
        with pytest.raises(ContentError, match="the JPEG ends"):
            JPEG.write(data[:size], PACKET)


def test_what_follows_the_scan_is_not_looked_at() -> None:
    """Records count in front of the pixels only; bytes behind stay."""
    data = jpeg() + CARRIERS["COM"][0]
    assert JPEG.found(data) == []
    assert JPEG.write(data, PACKET).endswith(CARRIERS["COM"][0])


def test_essence_has_what_changes_colours() -> None:
    """Adobe's segment and the ICC profile are part of the picture, comments and EXIF are not."""
    whole = essence(JPEG, jpeg(PLAIN_EXIF, *OTHERS, mode="CMYK"))
    assert whole == essence(JPEG, jpeg(mode="CMYK"))
    assert b"Adobe" in whole
    assert b"ICC_PROFILE" in whole
    assert b"Exif" not in whole


def test_many_exif_segments_are_read_a_few_times_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that share bytes make no endless reading, in however many segments they stand."""
    rows = b"".join(struct.pack("<HHII", 0x9286, 7, 30_000 - at, 18_014 + at) for at in range(1500))
    tiff = b"II*\0" + struct.pack("<IH", 8, 1500) + rows + bytes(4) + b"x" * 30_000
    read: list[int] = []

    def record(text: str) -> str:
        read.append(len(text))
        return ""

    monkeypatch.setattr(plain, "record", record)
    data = jpeg(*[segment(0xE1, b"Exif\0\0" + tiff)] * 5)
    assert JPEG.found(data) == []
    assert len(data) < sum(read) < 5 * len(data)


def test_a_broken_entry_of_an_index_does_not_break_the_others() -> None:
    """Where a picture was stripped that the index names, it still tells how long the first one is now."""
    whole = album()
    data = whole[: whole.rindex(b"\xff\xd8\xff")]
    new = JPEG.write(data, PACKET)
    assert len(new) > len(data)
    with Image.open(io.BytesIO(new)) as read, Image.open(io.BytesIO(data)) as before:
        assert isinstance(read, MpoImageFile)
        assert isinstance(before, MpoImageFile)
        assert read.mpinfo
        assert before.mpinfo
        (first, second), (was, same) = read.mpinfo[0xB002], before.mpinfo[0xB002]
    assert first["Size"] == was["Size"] + len(new) - len(data)
    assert second == same


def test_an_empty_packet_is_no_segment() -> None:
    """Without a packet there is no segment for one."""
    assert JPEG.write(jpeg(), b"") == jpeg()


def test_signed() -> None:
    """A C2PA manifest stands in JUMBF boxes in APP11; other boxes there are no manifest."""
    assert JPEG.signed(jpeg(segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x40jumb\0\0\0\x20jumdc2pa")))
    assert not JPEG.signed(jpeg(segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x40jumb"), CARRIERS["APP11"][0]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no JPEG"),
        (b"\xff\xd8\xff\xd9", "before its first scan"),
        (b"\xff\xd8\xff\xd9\0\0", "no segment starts at byte 2"),
        (b"\xff\xd8\xff\xe0\0\1", "inside its APP0"),
        (b"\xff\xd8\xff\xc4\0\x09", "inside its DHT"),
        (jpeg(b"junk"), "no segment starts"),
    ],
)
def test_broken_files(data: bytes, message: str) -> None:
    """A file that is not what it claims is refused with the reason."""
    with pytest.raises(ContentError, match=message):
        JPEG.found(data)


def test_a_frame_without_a_size_is_refused() -> None:
    """A height of 0 (it comes behind the scan) is what no decoder at hand reads; so is no frame at all."""
    data = jpeg(mode="L")
    frame = data.index(b"\xff\xc0")
    with pytest.raises(ContentError, match="17 x 0 pixels"):
        JPEG.head(data[: frame + 5] + b"\0\0" + data[frame + 7 :])
    with pytest.raises(ContentError, match="no frame header"):
        JPEG.head(b"\xff\xd8" + segment(0xDA, bytes(8)))


@pytest.mark.parametrize("data", SAMPLES)
def test_every_cut_raises_only_our_errors(data: bytes) -> None:
    """A file that is cut off before its first scan is refused, later it is read."""
    scan = data.index(b"\xff\xda")
    for size in range(len(data)):
        if size < scan + 4:
            with pytest.raises(ContentError):
                JPEG.found(data[:size])
        use(JPEG, data[:size])


@given(hostile(*SAMPLES))
def test_hostile_files_raise_only_our_errors(data: bytes) -> None:
    """Whatever the bytes, a container answers or raises ContentError."""
    use(JPEG, data)
