"""EXIF: orientation and AIGC records in a TIFF structure, in both byte orders, however it is broken."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from labeler.media import plain
from labeler.media.exif import aigc, entries, orientation, without_aigc
from tests.media_tools import FIELDS, WRAPPED, exif, hostile

ORDERS = ("<", ">")
UTF16 = {"<": "utf-16-le", ">": "utf-16-be"}


def by_pillow(value: int) -> bytes:
    """The TIFF structure that Pillow writes, with a record."""
    made = Image.Exif()
    made[0x0112] = value
    made[0x010E] = "a cat"
    made.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + WRAPPED.encode()
    return made.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("value", range(10))
def test_orientation(order: str, value: int) -> None:
    """1 to 8 count, anything else means upright."""
    assert orientation(exif(orientation=value, order=order)) == (value if 1 <= value <= 8 else 1)


@pytest.mark.parametrize("order", ORDERS)
def test_the_orientation_of_a_thumbnail_is_its_own(order: str) -> None:
    """The second directory tells of the thumbnail: viewers do not turn the picture by it."""
    tiff = exif(order=order)
    first = struct.pack(f"{order}HHHI4sI", 1, 0x0131, 2, 4, b"cam\0", 8 + 18)
    behind = tiff[:8] + first + tiff[8:]
    read = Image.Exif()
    read.load(b"Exif\0\0" + behind)
    assert read.get(0x0112) is None
    assert read.get_ifd(ExifTags.IFD.IFD1)[0x0112] == 6
    assert orientation(behind) == 1


@pytest.mark.parametrize(
    "tiff", [b"", b"II*\0", b"II+\0\x08\0\0\0", b"II*\0\xff\xff\xff\xff", b"MM\0*" + bytes(40)]
)
def test_a_broken_structure_says_nothing(tiff: bytes) -> None:
    """What viewers ignore is no reason to refuse a picture."""
    assert orientation(tiff) == 1
    assert aigc(tiff) == []
    assert without_aigc(tiff) == tiff


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("head", [b"ASCII\0\0\0", bytes(8), b""])
def test_records_in_user_comment(order: str, head: bytes) -> None:
    """A wrapped or bare record is found behind every head of a comment, and without one."""
    for text in (WRAPPED, FIELDS, f"AIGC{FIELDS}"):
        value = head + text.encode() + b"\0"
        assert aigc(exif(value, order=order)) == [("EXIF UserComment", text.removeprefix("AIGC"))]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("coding", ["utf-8", *UTF16.values()])
def test_records_in_unicode(order: str, coding: str) -> None:
    """Whatever a writer takes UNICODE for, the record is found."""
    text = WRAPPED.replace("a-1", "编号")
    assert aigc(exif(b"UNICODE\0" + text.encode(coding), order=order)) == [("EXIF UserComment", text)]


def test_records_in_image_description() -> None:
    """Tencent Cloud's older form stands in ImageDescription; both places are read in order."""
    legacy = '{"ServiceProvider":"x","ServiceUser":"y"}'
    tiff = exif(WRAPPED.encode(), f'{{"AIGC":{legacy}}}\0'.encode())
    assert aigc(tiff) == [
        ("EXIF ImageDescription", f'{{"AIGC":{legacy}}}'),
        ("EXIF UserComment", WRAPPED),
    ]
    assert aigc(exif(description=legacy.encode())) == [("EXIF ImageDescription", legacy)]


@pytest.mark.parametrize(
    "text", ["a cat", '{"a":1}', '{"Label":"1"}', '["AIGC"]', '{"a":"AIGC"}', "AIGC", ""]
)
def test_other_texts_are_no_records(text: str) -> None:
    """A text is a record only if it has a record's keys."""
    assert aigc(exif(b"ASCII\0\0\0" + text.encode(), text.encode())) == []


def test_a_broken_record_is_seen() -> None:
    """A record that is cut off still stands there, so it has to be found and replaced."""
    assert aigc(exif(WRAPPED[:30].encode())) == [("EXIF UserComment", WRAPPED[:30])]


@pytest.mark.parametrize("order", ORDERS)
def test_without_aigc_keeps_the_rest(order: str) -> None:
    """The record's bytes become NUL; length, orientation and other texts stay."""
    tiff = exif(b"ASCII\0\0\0" + WRAPPED.encode(), b"a cat\0", order=order)
    clean = without_aigc(tiff)
    assert aigc(clean) == []
    start = tiff.index(b"ASCII")
    assert clean == tiff[:start] + bytes(len(tiff) - start)
    assert orientation(clean) == 6


def test_what_pillow_writes() -> None:
    """The structures of another writer are read, and it reads ours."""
    tiff = by_pillow(3)
    assert orientation(tiff) == 3
    assert aigc(tiff) == [("EXIF UserComment", WRAPPED)]
    read = Image.Exif()
    read.load(b"Exif\0\0" + without_aigc(tiff))
    assert (read[0x010E], read[0x0112]) == ("a cat", 3)
    assert read.get_ifd(0x8769)[0x9286].strip(b"\0") == b""


def test_circles_end() -> None:
    """A directory that names itself, or its predecessor, is read once."""
    tiff = bytearray(exif(WRAPPED.encode(), WRAPPED.encode()))
    for at in range(8, len(tiff) - 4):
        if tiff[at : at + 4] == bytes(4):
            tiff[at : at + 4] = struct.pack("<I", 8)
    assert len(aigc(bytes(tiff))) <= 2


def test_silly_counts_are_bounded() -> None:
    """Many overlapping directories of 65,535 entries each are left after a number of entries."""
    body = io.BytesIO(b"II*\0" + struct.pack("<I", 8) + b"\xff\xff" * 600_000)
    for at in range(8, 4000, 2):
        body.seek(at + 2 + 12 * 0xFFFF)
        body.write(struct.pack("<I", at + 2))
    assert aigc(body.getvalue()) == []


def comments(spans: list[tuple[int, int]], value: bytes) -> bytes:
    """A directory with a comment for each span, which counts from where `value` stands, behind it."""
    start = 8 + 2 + 12 * len(spans) + 4
    rows = b"".join(struct.pack("<HHII", 0x9286, 7, end - at, start + at) for at, end in spans)
    return b"II*\0" + struct.pack("<IH", 8, len(spans)) + rows + bytes(4) + value


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts in which a record is looked for."""
    texts: list[str] = []
    found = plain.record

    def record(text: str) -> str:
        texts.append(text)
        return found(text)

    monkeypatch.setattr(plain, "record", record)
    return texts


def test_entries_that_share_a_value_are_one(read: list[str]) -> None:
    """A small file whose thousands of entries name the same bytes costs no more than one that names them
    once."""
    value = WRAPPED.encode()
    tiff = comments([(0, len(value))] * 20_000, value)
    assert aigc(tiff) == [("EXIF UserComment", WRAPPED)]
    assert read == [WRAPPED]
    assert aigc(without_aigc(tiff)) == []


def test_overlapping_values_are_read_a_few_times_at_most(read: list[str]) -> None:
    """Of entries whose values overlap no more bytes are read than a few times the structure's."""
    tiff = comments([(at, 9000) for at in range(1000)], b"{" * 9000)
    assert aigc(tiff) == []
    assert 8000 < sum(map(len, read)) <= 4 * len(tiff) + 64


def test_overlapping_directories_are_read_a_few_times_at_most() -> None:
    """So it is with the entries of directories, each of which begins within the one before."""
    rows = struct.pack("<HHIHH", 1, 1, 1, 0, 80) * 300
    tiff = bytearray(b"II*\0" + struct.pack("<IH", 8, 80) + rows)
    for at in range(8, 8 + 12 * 200, 12):
        struct.pack_into("<I", tiff, at + 2 + 12 * 80, at + 12)
    assert 300 < sum(1 for _ in entries(bytes(tiff), "<")) <= (4 * len(tiff) + 64) // 12


@given(hostile(exif(WRAPPED.encode(), b"a cat\0"), by_pillow(3)) | st.binary(max_size=60))
def test_hostile_structures_are_read_without_an_error(tiff: bytes) -> None:
    """Whatever the bytes, there is an orientation, a list of records, and a blanked copy without them."""
    assert 1 <= orientation(tiff) <= 8
    aigc(tiff)
    assert len(without_aigc(tiff)) == len(tiff)


@pytest.mark.parametrize("tiff", [exif(WRAPPED.encode(), b"cat\0"), by_pillow(3)])
def test_every_cut_is_read_without_an_error(tiff: bytes) -> None:
    """A structure cut anywhere gives what is whole in it."""
    for size in range(len(tiff)):
        assert orientation(tiff[:size]) in (1, 3, 6)
        assert aigc(without_aigc(tiff[:size])) == []
