"""The strips and tiles of a TIFF as plain bytes, and back: each by itself, with libtiff through Pillow.

libtiff sees the bytes of a strip as a grey picture (or, of fax codes, as a bilevel one), so that nothing
is converted; the predictor is not its work here.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image

from labeler.errors import ContentError
from labeler.media.tiff_tags import Tags
from labeler.pixels.base import opened, reading
from labeler.pixels.tiff_page import Page

_NAMES = {
    2: "tiff_ccitt",
    3: "group3",
    4: "group4",
    5: "tiff_lzw",
    32773: "packbits",
    34925: "lzma",
    50000: "zstd",
}
"""Compressions, as Pillow calls them."""
_NONE, _DEFLATE, _FAX = 1, (8, 32946), (2, 3, 4)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def known(page: Page) -> None:
    """ContentError where the compression cannot be undone and done again without loss."""
    if page.compression not in (_NONE, *_DEFLATE, *_NAMES) or (page.compression in _FAX and page.depth != 1):
        msg = f"the TIFF has a compression ({page.compression}) that is not known here"
        raise ContentError(msg)


def decoded(coded: bytes, page: Page, width: int, height: int) -> bytearray:
    """The rows of a strip or tile of this size, in the order of bits that other programs expect."""
    size = page.row(width) * height
    coded = _ordered(coded, page)
    if page.compression == _NONE:
        rows = coded[:size]
    elif page.compression in _DEFLATE:
        rows = _inflated(coded, size)
    else:
        rows = _by_libtiff(coded, page, width, height)
    if len(rows) < size:
        msg = "a strip of the TIFF is too short"
        raise ContentError(msg)
    return bytearray(rows)


def encoded(rows: bytes, page: Page, width: int, height: int, room: int) -> bytes:
    """The rows compressed as the page's are; `room` is how many bytes would do."""
    if page.compression == _NONE:
        coded = rows
    elif page.compression in _DEFLATE:
        coded = zlib.compress(rows, 6)
        if len(coded) > room:
            coded = zlib.compress(rows, 9)
    else:
        coded = _compressed(rows, page, width, height)
    return _ordered(coded, page)


def _ordered(coded: bytes, page: Page) -> bytes:
    """Bytes with their bits the other way round, where the page's are (FillOrder; not for Deflate)."""
    return coded.translate(_REVERSED) if page.reversed_bits and page.compression not in _DEFLATE else coded


def _inflated(coded: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(coded, size)
    except zlib.error as error:
        msg = f"a strip of the TIFF cannot be decoded: {error}"
        raise ContentError(msg) from error


def _shape(page: Page, width: int, height: int) -> tuple[str, int, int]:
    return ("1", width, height) if page.compression in _FAX else ("L", page.row(width), height)


def _by_libtiff(coded: bytes, page: Page, width: int, height: int) -> bytes:
    """Decode a file of this one strip."""
    mode, across, down = _shape(page, width, height)
    entries = [
        *((256, across), (257, down), (258, 1 if mode == "1" else 8), (259, page.compression), (262, 1)),
        *((273, 0), (277, 1), (278, down), (279, len(coded)), (292, page.options)),
    ]
    head = 8 + 2 + 12 * len(entries) + 4
    packed = b"".join(
        struct.pack("<HHII", tag, 4, 1, head if tag == 273 else value) for tag, value in entries
    )
    file = b"".join((b"II*\0\x08\0\0\0", struct.pack("<H", len(entries)), packed, bytes(4), coded))
    image = opened(file, ("TIFF",))
    with reading("TIFF"):
        image.load()
    return image.tobytes()


def _compressed(rows: bytes, page: Page, width: int, height: int) -> bytes:
    """Take the one strip out of a file that Pillow writes."""
    mode, across, down = _shape(page, width, height)
    out = BytesIO()
    tags = {278: down} | ({292: page.options} if page.compression == 3 and page.options else {})
    with reading("TIFF"):
        image = Image.frombytes(mode, (across, down), rows)
        image.save(out, "TIFF", compression=_NAMES[page.compression], tiffinfo=tags)
    file = out.getvalue()
    written = Tags(file)
    entries = {entry.tag: entry for entry in written.entries(next(written.pages()))}
    (start,), (length,) = written.numbers(entries[273]), written.numbers(entries[279])
    return file[start : start + length]
