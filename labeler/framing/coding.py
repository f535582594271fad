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
        self._stream = None if coding == "deflate" else zlib.decompressobj(wbits=_GZIP)
        self._head = b""

    def feed(self, data: bytes) -> bytes:
        """Decode the next bytes. Raises ContentError where they are none of this coding."""
        if self._stream is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return b""
            self._stream = zlib.decompressobj(wbits=_deflate(data))
        self._head = data[:1] or self._head
        out: list[bytes] = []
        while data:
            try:
                out.append(self._stream.decompress(data))
            except zlib.error as error:
                msg = f"the body cannot be decoded: {error}"
                raise ContentError(msg) from None
            data = self._stream.unused_data
            if data:  # another gzip member follows (RFC 1952, 2.2)
                self._stream = zlib.decompressobj(wbits=_GZIP)
        return b"".join(out)

    def close(self) -> None:
        """Raises ContentError where the body ends before its coding does."""
        if self._head and (self._stream is None or not self._stream.eof):
            msg = "the compressed body is cut off"
            raise ContentError(msg)


_GZIP = 16 + zlib.MAX_WBITS


def _deflate(head: bytes) -> int:
    """`deflate` is zlib's format (RFC 9110, 8.4.1.2), and raw deflate with those who misread that."""
    zlib_format = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if zlib_format else -zlib.MAX_WBITS
