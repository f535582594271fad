"""Content codings: gzip and deflate are read as they come; the labelled body goes out plain."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from labeler.errors import ContentError

_IDENTITY = ("", "identity")
_KNOWN = ("gzip", "x-gzip", "deflate")


def decoder(coding: str) -> Decoder | None:
    """What decodes a body of this coding, None for one that is not encoded. Raises ContentError for a
    coding that cannot be read."""
    if coding in _KNOWN:
        return Decoder(coding)
    if coding not in _IDENTITY:
        msg = f"content-encoding {coding} cannot be read"
        raise ContentError(msg)
    return None


class Decoder:
    """Decodes incrementally: what a sync flush of the upstream completes comes out at once."""

    def __init__(self, coding: str) -> None:
        """`coding`: gzip, x-gzip or deflate."""
        self._stream = None if coding == "deflate" else zlib.decompressobj(wbits=_GZIP)
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode the next bytes, a step at a time: a small body may unfold to a huge one, and whoever
        iterates may stop. Raises ContentError where they are none of this coding."""
        if self._stream is None:
            data = self._head + data
            if len(data) < 2:
                self._head = data
                return
            self._stream = zlib.decompressobj(wbits=_deflate(data))
        self._head = data[:1] or self._head
        while True:
            try:
                text = self._stream.decompress(data, _STEP)
            except zlib.error as error:
                msg = f"the body cannot be decoded: {error}"
                raise ContentError(msg) from None
            yield text
            data = self._stream.unconsumed_tail
            if self._stream.eof and (data := self._stream.unused_data):
                self._stream = zlib.decompressobj(wbits=_GZIP)  # another gzip member (RFC 1952, 2.2)
            elif not data and len(text) < _STEP:
                return

    def close(self) -> None:
        """Raises ContentError where the body ends before its coding does."""
        if self._head and (self._stream is None or not self._stream.eof):
            msg = "the compressed body is cut off"
            raise ContentError(msg)


_STEP = 1 << 18  # bytes
_GZIP = 16 + zlib.MAX_WBITS


def _deflate(head: bytes) -> int:
    """`deflate` is zlib's format (RFC 9110, 8.4.1.2), and raw deflate with those who misread that."""
    zlib_format = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if zlib_format else -zlib.MAX_WBITS
