"""Byte ranges of a file whose parts lie scattered, found by offsets (TIFF, HEIF, AVIF)."""

from __future__ import annotations

from collections.abc import Iterable

from labeler.errors import ContentError
from labeler.media import xmp

Span = tuple[int, int]
"""Where bytes start, and where they end (exclusive)."""
Run = tuple[Span, ...]
"""The spans that make one thing, in order."""


def distinct(runs: Iterable[Run], size: int, name: str) -> list[Run]:
    """The runs in order, each once and without empty ones.

    ContentError where one ends outside of the file of `size` bytes, or where they name far more bytes
    than it has: a small file could demand endless reading.
    """
    kept, total = list(dict.fromkeys(run for run in runs if run)), 0
    for start, end in (span for run in kept for span in run):
        total += end - start
        if end > size:
            msg = f"the {name} file is cut off: it refers to bytes behind its end"
            raise ContentError(msg)
    if total > 4 * size + 64:
        msg = f"the parts of the {name} file overlap"
        raise ContentError(msg)
    return kept


def joined(data: bytes | bytearray, run: Run) -> bytes:
    """The bytes of a run."""
    return b"".join(memoryview(data)[start:end] for start, end in run)


def scattered(buffer: bytearray, run: Run, new: bytes) -> None:
    """Put `new`, filled up with spaces, in place of the bytes of a run, which are as many or more."""
    new = new.ljust(length(run))
    for start, end in run:
        buffer[start:end], new = new[: end - start], new[end - start :]


def length(run: Run) -> int:
    """How many bytes a run has."""
    return sum(end - start for start, end in run)


def without_aigc(buffer: bytearray, run: Run) -> None:
    """Take the AIGC record out of an XMP packet that has no place for a longer one."""
    packet = joined(buffer, run)
    if not xmp.found(packet):
        return
    rest = xmp.without_aigc(packet)
    if len(rest) > len(packet):
        msg = "a second XMP packet in the file holds an AIGC record that cannot be taken out in place"
        raise ContentError(msg)
    scattered(buffer, run, rest)


def apart(run: Run, others: Iterable[Run], name: str) -> None:
    """ContentError where a run that is about to change shares bytes with others."""
    for start, end in run:
        if any(start < there and here < end for other in others for here, there in other):
            msg = f"the XMP packet of the {name} file overlaps other parts of it"
            raise ContentError(msg)
