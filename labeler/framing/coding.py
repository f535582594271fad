"""Content codings: gzip and deflate are read as they come; the labelled body goes out plain."""

from __future__ import annotations

import zlib

from labeler.errors import ContentError

IDENTITY = ("", "identity")
KNOWN = ("gzip", "x-gzip", "deflate")


class Decoder:
    """Decodes incrementally: what a sync flush of the upstream completes comes out at once."""

    def __init__(self, coding: str) -> None:
        """`coding` is one of KNOWN."""
        self._deflate = coding == "deflate"
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS if self._deflate else 16 + zlib.MAX_WBITS)
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """Decode the next bytes. Raises ContentError where they are none of this coding."""
        out: list[bytes] = []
        while data:
            out.append(self._decode(data))
            data = self._stream.unused_data
            if data:  # another gzip member follows (RFC 1952, 2.2)
                self._stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        return b"".join(out)

    def _decode(self, data: bytes) -> bytes:
        try:
            text = self._stream.decompress(data)
        except zlib.error as error:
            if self._deflate and not self._begun:  # raw deflate, which RFC 9110, 8.4.1.2 notes
                self._begun = True
                self._stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
                return self._decode(data)
            msg = f"the body cannot be decoded: {error}"
            raise ContentError(msg) from None
        self._begun = True
        return text

    def close(self) -> None:
        """Raises ContentError where the body ends before its coding does."""
        if self._begun and not self._stream.eof:
            msg = "the compressed body is cut off"
            raise ContentError(msg)
