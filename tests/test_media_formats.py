"""Which format a file is in, told by its first bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from labeler.errors import ContentError
from labeler.media import CONTAINERS, container, is_svg
from labeler.media.xmp import AIGC
from labeler.media.xmp_walk import RDF, Walk
from tests.media_tools import PACKET

FORMATS = {"png": "png", "jpeg": "jpeg", "gif": "gif", "webp": "webp", "tiff": "tiff", "bmp": "bmp"}
STRANGERS = [
    (b"", "it is empty"),
    (b" \n", "it is empty"),
    (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
    (b"\xef\xbb\xbf<!DOCTYPE html><title>502</title>", "an HTML page"),
    (b"<!DOCTYPE html><html><body><svg><path/></svg>", "an HTML page"),
    (b"<Error><Code>NoSuchKey</Code></Error>", "XML"),
    (b'{"error": "no"}', "JSON"),
    (b"%PDF-1.7", "a PDF document"),
    (b"\0\0\1\0\1\0", "a Windows icon"),
    (b"\xff\x0a\0", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"RIFF\0\0\0\0WAVE", "no WebP"),
    (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
    (b"\0\0\0\x18ftyp", "a video"),
    (b"data:image/png;base64,iVBOR", "a data URL"),
    (b"iVBORw0KGgoAAAA", "Base64"),
    (b"not found", "begins with b'not found'"),
    (b"\x89PNG\n\x1a\n", "begins with"),
]


def picture(format: str) -> bytes:
    """A small picture by Pillow."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (5, 3), bytes(range(45))).save(buffer, format)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_of_a_file(name: str) -> None:
    """A file's first bytes tell its format; the container agrees on the size and knows its own name."""
    found = container(picture(name))
    assert (found.name, found.media_type) == (name, f"image/{name}")
    assert found is CONTAINERS[name]
    assert found.head(picture(name)) == (5, 3, 1, 1)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_carries_a_packet_or_says_that_it_cannot(name: str) -> None:
    """What `carries` promises, `write` and `packet` keep; the picture's data stay."""
    found, data = container(picture(name)), picture(name)
    if not found.carries:
        with pytest.raises(ContentError):
            found.write(data, PACKET)
        return
    new = found.write(data, PACKET)
    assert found.packet(new) == PACKET
    assert b"".join(found.essence(new)) == b"".join(found.essence(data))


@pytest.mark.parametrize(("data", "message"), STRANGERS)
def test_what_is_no_picture(data: bytes, message: str) -> None:
    """The error names the formats that can be read and what the file looks like instead."""
    with pytest.raises(ContentError, match=r"png, jpeg, .*: it ") as error:
        container(data)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "start",
    [
        *(
            b"<svg>",
            b"<svg/>",
            b"<svg\n width='9'>",
            b"<svg\twidth='9'>",
            b"<SVG >",
            b"<svg:svg xmlns:svg='x'>",
        ),
        *(b"\xef\xbb\xbf<svg>", b"\n <svg>", b"<!-- by hand --><svg>", b"<!DOCTYPE svg><svg>"),
        *(b"<!--" + b"-" * 3000 + b"--><svg>", b"<?xml version='1.0'?><!--" + b"-" * 9000 + b"--><svg>"),
    ],
)
def test_what_is_svg(start: bytes) -> None:
    """However a drawing begins: XML lets blanks, a mark, comments and a document type stand there."""
    assert is_svg(start + b"<path/></svg>")


@pytest.mark.parametrize(
    "data", [b"", b"svg", b"<p><s>", b"<html><svg>", b"\x89PNG\r\n\x1a\n<svg>", b" {<svg>"]
)
def test_what_is_no_svg(data: bytes) -> None:
    """A drawing within a page, or its letters within something else, are none."""
    assert not is_svg(data)


def test_a_text_in_many_pieces_is_one() -> None:
    """A parser hands a long text out line by line."""
    text = "图 \n" * 100_000
    packet = (
        f'<r:RDF xmlns:r="{RDF}"><r:Description xmlns:T="{AIGC.uri}"><T:AIGC>{text}</T:AIGC>'
        "</r:Description></r:RDF>"
    ).encode()
    assert Walk(packet, [AIGC]).found == [(AIGC, "element", text)]
