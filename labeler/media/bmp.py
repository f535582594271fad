"""BMP: a picture without any room for metadata."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn

from labeler.errors import ContentError
from labeler.media.base import Container, Found, Head

_CORE = 12
"""Length of a BITMAPCOREHEADER, the one with sizes of 16 bits; all later ones begin alike."""


class Bmp:
    """Windows and OS/2 bitmaps, by their header alone."""

    name = "bmp"
    media_type = "image/bmp"
    carries = False

    def head(self, data: bytes) -> Head:
        """The size; a negative height says that the rows run from the top."""
        _check(data)
        (length,) = struct.unpack_from("<I", data, 14)
        if length != _CORE and not 16 <= length <= 1024:
            msg = f"the BMP has an unknown header ({length} bytes)"
            raise ContentError(msg)
        width, height = struct.unpack_from("<HH" if length == _CORE else "<ii", data, 18)
        if width <= 0 or not height:
            msg = f"the BMP claims a size of {width} by {height} pixels"
            raise ContentError(msg)
        return Head(width, abs(height))

    def found(self, data: bytes) -> list[Found]:
        """None: there is no carrier."""
        _check(data)
        return []

    def packet(self, data: bytes) -> bytes:
        """b"": there is no carrier."""
        _check(data)
        return b""

    def lost(self, data: bytes) -> int:
        """0: there is no carrier."""
        _check(data)
        return 0

    def write(self, data: bytes, packet: bytes) -> NoReturn:
        """ContentError: there is no carrier."""
        msg = "BMP has no place for metadata: convert the picture, for instance to PNG"
        raise ContentError(msg)

    def signed(self, data: bytes) -> bool:
        """False: C2PA does not know BMP."""
        _check(data)
        return False

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """All of the file."""
        _check(data)
        yield memoryview(data)


def _check(data: bytes) -> None:
    if not data.startswith(b"BM"):
        msg = "this is no BMP file"
        raise ContentError(msg)
    if len(data) < 26:
        msg = "the BMP ends inside its header"
        raise ContentError(msg)


BMP: Container = Bmp()
