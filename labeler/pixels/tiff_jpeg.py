"""Strips and tiles of a TIFF that are JPEG streams (TIFF Technical Note 2, compression 7)."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image

from labeler.errors import ContentError
from labeler.pixels.base import opened, reading
from labeler.pixels.tiff_page import Page

_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
"""The start of a segment APP14; a byte behind it says how colours were transformed."""

_DHT, _DQT, _APP0 = 0xC4, 0xDB, 0xE0
_LAST = (0xDA, 0xD9)
"""Markers: SOS, EOI."""


def known(page: Page) -> None:
    """ContentError where such streams are not understood here."""
    if (
        page.depth != 8
        or page.planes != 1
        or page.samples not in (1, 3)
        or page.photometric not in (0, 1, 2, 6)
    ):
        msg = "the TIFF holds JPEG streams of a kind that is not known here (12 bits, inks, separate planes)"
        raise ContentError(msg)


def decoded(coded: bytes, page: Page, width: int, height: int) -> Image.Image:
    """The picture of a strip or tile, L or RGB; the last strip's may be higher than the page needs."""
    image = opened(_whole(coded, page), ("JPEG",))
    if image.width != width or not height <= image.height <= height + page.part[1]:
        msg = f"a strip of the TIFF is {image.width} x {image.height} pixels large instead of {width} x {height}"
        raise ContentError(msg)
    with reading("TIFF"):
        image.load()
    if image.mode != ("L" if page.samples == 1 else "RGB"):
        msg = "a strip of the TIFF has other colours than its page"
        raise ContentError(msg)
    return image


def encoded(image: Image.Image, page: Page) -> bytes:
    """A stream with tables of its own, the same quantisation and subsampling."""
    out = BytesIO()
    options: dict[str, Any] = {"qtables": "keep", "subsampling": "keep"}
    with reading("TIFF"):
        image.save(out, "JPEG", keep_rgb=page.photometric == 2, **options)
    return out.getvalue()


def agrees(coded: bytes, page: Page) -> bool:
    """Whether the stream's tables are those of the page. libtiff keeps the tables it has seen last, so that
    other ones would spoil the next strips that have none."""
    pages = _tables(page.tables)
    return all(pages.get(key) == table for key, table in _tables(coded).items())


def lean(coded: bytes) -> bytes:
    """The stream without its tables, which the page has."""
    kept = (coded[start:end] for kind, start, end in _segments(coded) if kind not in (_DQT, _DHT, _APP0))
    *_, (_, _, rest) = _segments(coded)
    return b"".join((coded[:2], *kept, coded[rest:]))


def _segments(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """The kinds of the segments before the first scan, and where they start and end."""
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] not in _LAST:
        end = at + 2 + max(int.from_bytes(stream[at + 2 : at + 4], "big"), 2)
        yield stream[at + 1], at, end
        at = end


def _tables(stream: bytes) -> dict[int, bytes]:
    """Quantisation and Huffman tables by their kind and number (ITU-T T.81, B.2.4.1 and B.2.4.2)."""
    tables = {}
    for kind, start, end in _segments(stream):
        at = start + 4
        while kind in (_DQT, _DHT) and at < min(end, len(stream)):
            length = 64 << (stream[at] >> 4) if kind == _DQT else 16 + sum(stream[at + 1 : at + 17])
            tables[kind << 8 | stream[at]] = stream[at + 1 : at + 1 + length]
            at += 1 + length
    return tables


def _whole(coded: bytes, page: Page) -> bytes:
    """The stream with the page's tables, and with a segment that tells its colours, which the page knows."""
    tables = page.tables[2:-2] if page.tables[:2] == b"\xff\xd8" and page.tables[-2:] == b"\xff\xd9" else b""
    colours = _ADOBE + bytes((page.photometric == 6,)) if page.samples == 3 else b""
    return b"".join((coded[:2], colours, tables, coded[2:]))
