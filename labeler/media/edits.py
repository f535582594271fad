"""Byte surgery: a file anew with some of its ranges replaced, the rest copied once."""

from __future__ import annotations

from collections.abc import Iterable

Edit = tuple[int, int, bytes]
"""The bytes from (inclusive) to (exclusive) become these; an insertion has both the same."""


def edited(data: bytes, edits: Iterable[Edit]) -> bytes:
    """The data with its ranges replaced, in any order; a range inside one that goes is gone with it,
    and an insertion stands before what starts at the same place."""
    view, at = memoryview(data), 0
    pieces: list[bytes | memoryview] = []
    for start, end, new in sorted(edits, key=lambda edit: (edit[0], edit[0] != edit[1], -edit[1])):
        if start >= at:
            pieces += view[at:start], new
            at = end
    return b"".join((*pieces, view[at:])) if pieces else data
