"""Inflate, deflate and their checksums: with isal where the extra `fast` is installed, else with zlib.

Both write streams that any decoder reads and that hold the same bytes; only time and size differ.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from labeler.errors import ContentError

STEP = 1 << 16
"""Compressed bytes that an inflater takes at once."""
BAND = 1 << 18
"""Inflated bytes that go from step to step at once, where whole rows allow it: 256 KiB."""
WINDOW = 1 << 15
"""How far back deflate refers at most."""
_BASE = 65521
_DENSE = 6
"""A gain from which on a slow compression is worth its time, of which there is less than usual."""
_VERY_DENSE = 40
"""A gain from which on a quick compression is so much worse that the file would grow by a tenth and more."""
_NOISY = 3
"""A gain up to which zlib finds hardly anything in filtered rows but runs, and looks for nothing else."""
_TOO_MUCH = "the PNG has more picture data than its size needs"


@cache
def backend() -> Any:
    """`isal.isal_zlib`, or the module `zlib`, which it resembles."""
    try:
        return import_module("isal.isal_zlib")
    except ImportError:
        return zlib


def crc32(data: bytes | memoryview, value: int = 0) -> int:
    """As `zlib.crc32`."""
    crc: int = backend().crc32(data, value)
    return crc


class Inflater:
    """A zlib stream in spans of bytes, read as far as somebody asks and never further.

    `position` is how many bytes have been read; `consumed`, how many compressed ones that took.
    ContentError where the stream is broken or ends too early.
    """

    def __init__(self, spans: Sequence[bytes | memoryview]) -> None:
        module = backend()
        self._inflate = module.decompressobj()
        self._errors = (zlib.error, module.error)
        self._spans = iter([span[at : at + STEP] for span in spans for at in range(0, len(span), STEP)])
        self._waiting: bytes | memoryview = b""
        self._taken = self.position = 0

    @property
    def consumed(self) -> int:
        """Compressed bytes behind which nothing has been looked at."""
        return self._taken - len(self._waiting)

    def read(self, size: int) -> bytes:
        """The next `size` bytes."""
        parts, missing = list[bytes](), size
        while missing:
            parts.append(self._some(missing))
            missing -= len(parts[-1])
        self.position += size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, size: int) -> None:
        """Go on without the next `size` bytes."""
        for at in range(0, size, BAND):
            self.read(min(BAND, size - at))

    def end(self) -> None:
        """Make sure that the stream ends here, with the right checksum and nothing behind it."""
        while not self._inflate.eof:
            if self._step(1):
                raise ContentError(_TOO_MUCH)
        if self._inflate.unused_data or next(filter(None, self._spans), None):
            raise ContentError(_TOO_MUCH)

    def _some(self, most: int) -> bytes:
        """At least one byte."""
        while not (data := self._step(most)):
            if self._inflate.eof:
                msg = "the PNG has less picture data than its size needs"
                raise ContentError(msg)
        return data

    def _step(self, most: int) -> bytes:
        if not self._waiting:
            self._waiting = next(self._spans, b"")
            self._taken += len(self._waiting)
        stuck = not self._waiting
        try:
            data: bytes = self._inflate.decompress(self._waiting, most)
        except self._errors as error:
            msg = f"the picture data of the PNG (IDAT) are damaged: {error}"
            raise ContentError(msg) from error
        self._waiting = self._inflate.unconsumed_tail
        if stuck and not data and not self._inflate.eof:
            msg = "the PNG ends inside its picture data"
            raise ContentError(msg)
        return data


def deflated(
    pieces: Iterable[bytes],
    gain: float,
    *,
    history: bytes = b"",
    last: bool = True,
    careful: int | None = None,
) -> Iterator[bytes]:
    """Raw deflate of the pieces, which follow on `history` (as far back as deflate refers).

    `gain`: how many times smaller than its pixels the picture was, which tells how much effort pays.
    `careful`: so many bytes are worth it at most, where the rest goes quicker; None for all. Not `last`: the
    stream goes on behind it, at a byte boundary.
    """
    deflate = _deflate(gain, history)
    quick = careful is not None and _DENSE < gain <= _VERY_DENSE and backend() is not zlib
    left = (careful or 0) if quick else 0
    for piece in pieces:
        rest = piece
        if quick:
            begun, rest = piece[:left], piece[left:]
            left -= len(begun)
            yield deflate.compress(begun)
            history = (history + begun)[-WINDOW:]
            if rest:
                yield deflate.flush(zlib.Z_SYNC_FLUSH)
                deflate, quick = _deflate(_NOISY, history), False
        yield deflate.compress(rest)
    yield deflate.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


def _deflate(gain: float, history: bytes) -> Any:
    options: dict[str, Any] = {"zdict": history} if history else {}
    module = backend()
    level, strategy = (5 if gain > _DENSE else 1), zlib.Z_DEFAULT_STRATEGY
    if level == 1 and module is not zlib:
        return module.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, **options)
    if gain < _NOISY:
        strategy = zlib.Z_RLE
    return zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, strategy=strategy, **options)


def adler32(old: int, size: int, changes: Iterable[tuple[int, bytes, bytes]]) -> int:
    """The Adler-32 of `size` bytes whose checksum was `old`, after changes: where each starts, the bytes
    that were there, and as many that are there now. The bytes between need not be known (RFC 1950, 9)."""
    module, low, high = backend(), old & 0xFFFF, old >> 16
    for start, before, after in changes:
        behind = size - start - len(before)
        for sign, data in ((-1, before), (1, after)):
            part = module.adler32(data, 0)
            low += sign * (part & 0xFFFF)
            high += sign * ((part >> 16) + behind * (part & 0xFFFF))
    return high % _BASE << 16 | low % _BASE
