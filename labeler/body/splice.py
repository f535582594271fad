"""Changing bytes and keeping account of it: what leaves can be turned back into what came in."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from labeler.values import Edit

Change = tuple[int, bytes, bytes]
"""At a byte offset, what was there becomes what is there now. A plain tuple: answers of a few hundred
bytes are the most frequent ones, and every object counts there."""


class Piece:
    """Bytes of the input and the changes to be made in them."""

    __slots__ = ("changes", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.changes: list[Change] = []

    def add(self, at: int, inserted: bytes, removed: bytes = b"") -> None:
        """Note one change; at one place they stand in the order in which they were added."""
        self.changes.append((at, removed, inserted))


class Ledgered:
    """The output so far: how long it is, and which changes it holds."""

    def __init__(self) -> None:
        self.length = 0
        self._changed: list[tuple[int, list[Change]]] = []  # where a piece begins, and its changes

    @property
    def changed(self) -> bool:
        """Whether the output differs from the input."""
        return bool(self._changed)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The changes, in order; offsets count in the output."""
        found: list[Edit] = []
        for start, changes in self._changed:
            for offset, removed, inserted in changes:
                found.append(Edit(start + offset, removed, inserted))
                start += len(inserted) - len(removed)
        return tuple(found)

    def passed(self, size: int) -> None:
        """Note `size` bytes that left as they came."""
        self.length += size

    def write(self, pieces: Iterable[Piece]) -> bytes:
        """Apply the changes and note them; nothing may be changed in these pieces afterwards."""
        out: list[bytes | memoryview] = []
        for piece in pieces:
            raw, changes = piece.raw, piece.changes
            if not changes:
                out.append(raw)
                self.length += len(raw)
                continue
            if len(changes) > 1:
                changes.sort(key=_PLACE)
            self._changed.append((self.length, changes))
            at, size = 0, len(raw)
            view = memoryview(raw) if size > _LARGE else raw
            for offset, removed, inserted in changes:
                out += view[at:offset], inserted
                at = offset + len(removed)
                size += len(inserted) - len(removed)
            out.append(view[at:])
            self.length += size
        return b"".join(out)


_PLACE = itemgetter(0)
_LARGE = 4096
"""Bytes from which on it pays to copy them once only."""


def undo(labelled: bytes, edits: Iterable[Edit]) -> bytes:
    """The body as it was before the edits that an `Outcome` lists (content-decoded).

    For checking: the labels are not lost, they stand in the edits.
    """
    out: list[bytes] = []
    at = 0
    for edit in edits:
        out += (labelled[at : edit.offset], edit.removed)
        at = edit.offset + len(edit.inserted)
    out.append(labelled[at:])
    return b"".join(out)
