"""Where the deflate blocks of a PNG's stream start, and random access to what they hold.

`indexed_gzip` (extra `fast`) finds them; without it there are none. It reads gzip files, so the stream
gets the header of one, and it sets no limit to what it inflates, so the stream is cut a little behind
the place up to which it is known to hold no more than it should.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from importlib import import_module
from io import BytesIO, RawIOBase
from typing import Any, NamedTuple

from labeler.errors import ContentError
from labeler.pixels.png_deflate import WINDOW

_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_TRIAL = 1
"""Behind the block of this offset indexed_gzip can tell how far it has to go for the others."""
_INDEX = struct.Struct("<5sBBQQIII")
_POINT = struct.Struct("<QQBB")
"""Of the index format of indexed_gzip, version 1: head and point (compressed and inflated offset, bits
of the byte before that belong to the block, whether a window follows)."""


class Block(NamedTuple):
    """Where a block starts: at which inflated byte, in which compressed one, and at which bit of it."""

    offset: int
    byte: int
    bit: int


class Blocks:
    """The known blocks of a stream, and what they hold, to be read from `position` on."""

    def __init__(self, index: Any, known: Sequence[Block]) -> None:
        self._index = index
        self._known = known
        self.position = 0

    def before(self, offset: int) -> Block | None:
        """The last block that starts at an inflated byte or before it, but not at the very start."""
        return next((block for block in reversed(self._known) if block.offset <= offset), None)

    def behind(self, offset: int) -> Block | None:
        """The first block that starts at an inflated byte or behind it."""
        return next((block for block in self._known if block.offset >= offset), None)

    def read(self, size: int) -> bytes:
        """The next bytes."""
        try:
            self._index.raw.seek(self.position)  # without the buffer, which would read ahead
            data: bytes = self._index.raw.read(size)
        except (OSError, ValueError) as error:
            msg = f"the picture data of the PNG (IDAT) are damaged: {error}"
            raise ContentError(msg) from error
        if len(data) < size:
            msg = "the PNG has less picture data than its size needs"
            raise ContentError(msg)
        self.position += size
        return data

    def skip(self, size: int) -> None:
        """Go on without the next bytes."""
        self.position += size


def blocks(spans: Sequence[memoryview], stop: int, offsets: Sequence[int], spacing: int) -> Blocks | None:
    """The blocks of a zlib stream around some inflated offsets, in ascending order; None where they cannot
    be found.

    Of the stream nothing from the compressed byte `stop` on is looked at. About one block is remembered
    for `spacing` inflated bytes.
    """
    try:
        module = import_module("indexed_gzip")
    except ImportError:
        return None
    data = b"".join((_GZIP, *section(spans, 2, min(stop, sum(map(len, spans)) - 4))))
    index = module.IndexedGzipFile(
        fileobj=BytesIO(data), skip_crc_check=True, spacing=max(WINDOW + 1, spacing)
    )
    try:
        for offset in (_TRIAL, *offsets):
            index.seek(offset)
        known = list(_known(index, len(data)))
    except (OSError, ValueError):
        return None
    return Blocks(index, known)


def section(spans: Sequence[memoryview], start: int, stop: int) -> Iterator[memoryview]:
    """The bytes of the spans from one place to another."""
    for span in spans:
        yield span[max(start, 0) : max(stop, 0)]
        start, stop = start - len(span), stop - len(span)


class _Table(RawIOBase):
    """Takes an index and drops the windows in it."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: Any) -> int:
        if len(data) < WINDOW:
            self.data += data
        return len(data)


def _known(index: Any, end: int) -> Iterator[Block]:
    """The blocks of an index but the very first one; what it says of the end of the file is none."""
    table = _Table()
    index.export_index(fileobj=table)
    name, version, *_, count = _INDEX.unpack_from(table.data)
    if (name, version) != (b"GZIDX", 1):
        return
    for number in range(count):
        byte, offset, bits, _ = _POINT.unpack_from(table.data, _INDEX.size + number * _POINT.size)
        if offset and byte < end:
            yield Block(offset, byte - len(_GZIP) + 2 - (bits > 0), -bits % 8)
