"""BMP: its size, and the refusal to carry anything."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given

from labeler.errors import ContentError
from labeler.media.bmp import BMP
from tests.media_tools import FIELDS, PACKET, hostile, use
from tests.pixel_pictures import saved, scene


def bmp(mode: str = "RGB") -> bytes:
    """A picture of 5 x 3 pixels."""
    return saved(scene(5, 3, mode), "BMP")


def header(length: int, *numbers: int, form: str = "<ii", kind: bytes = b"BM") -> bytes:
    """A file that is nothing but a header of such a length."""
    body = struct.pack("<I", length) + struct.pack(form, *numbers)
    return kind + bytes(12) + body.ljust(length, b"\0")


FILES = {
    "RGB": bmp(),
    "RGBA": bmp("RGBA"),
    "palette": bmp("P"),
    "black and white": bmp("1"),
    "OS/2": header(12, 5, 3, form="<HH"),
    "version 5": header(124, 5, 3),
    "from the top": header(40, 5, -3),
}


@pytest.mark.parametrize("name", FILES)
def test_head(name: str) -> None:
    """The size is in every header; a negative height is the order of rows, not a size."""
    assert BMP.head(FILES[name]) == (5, 3, 1, 1)


@pytest.mark.parametrize("name", FILES)
def test_there_is_nothing_in_it(name: str) -> None:
    """No record, no packet, no manifest, even if bytes behind the pixels look like one; all bytes count."""
    data = FILES[name] + b"AIGC" + FIELDS.encode()
    assert (BMP.found(data), BMP.packet(data), BMP.signed(data)) == ([], b"", False)
    assert b"".join(BMP.essence(data)) == data


def test_a_packet_is_refused_with_a_way_out() -> None:
    """The error says what to do instead."""
    assert not BMP.carries
    with pytest.raises(ContentError, match="no place for metadata: convert"):
        BMP.write(bmp(), PACKET)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no BMP"),
        (header(40, 5, 3, kind=b"BA"), "no BMP"),
        (b"BM", "ends inside its header"),
        (bmp()[:25], "ends inside its header"),
        (header(14, 5, 3), r"unknown header \(14 bytes\)"),
        (header(4096, 5, 3), r"unknown header \(4096 bytes\)"),
        (header(40, 0, 3), "size of 0 by 3"),
        (header(40, 5, 0), "size of 5 by 0"),
        (header(40, -5, 3), "size of -5 by 3"),
        (header(12, 0, 3, form="<HH").ljust(26, b"\0"), "size of 0 by 3"),
    ],
)
def test_broken_files(data: bytes, message: str) -> None:
    """A file that is not what it claims is refused with the reason."""
    with pytest.raises(ContentError, match=message):
        BMP.head(data)


@pytest.mark.parametrize("size", range(26))
def test_every_cut_of_the_header_is_refused(size: int) -> None:
    """A header that is cut off raises our error from every method."""
    for method in (BMP.head, BMP.found, BMP.packet, BMP.signed, lambda cut: list(BMP.essence(cut))):
        with pytest.raises(ContentError):
            method(bmp()[:size])


@given(hostile(*FILES.values()))
def test_hostile_files_raise_only_our_errors(data: bytes) -> None:
    """Whatever the bytes, a container answers or raises ContentError."""
    use(BMP, data)
