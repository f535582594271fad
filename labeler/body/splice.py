"""Changing bytes and keeping account of it: what leaves can be turned back into what came in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from labeler.values import Edit


class Splice(NamedTuple):
    """At byte `at` of a piece, `removed` becomes `inserted`."""

    at: int
    removed: bytes
    inserted: bytes


@dataclass(slots=True)
class Piece:
    """Bytes of the input and the changes to be made in them, in order of their place."""

    raw: bytes
    splices: list[Splice] = field(default_factory=list)

    def add(self, at: int, inserted: bytes, removed: bytes = b"") -> None:
        """Note one change; at one place they stand in the order in which they were added."""
        self.splices.append(Splice(at, removed, inserted))


def _place(splice: Splice) -> int:
    return splice.at


class Ledgered:
    """The output so far: how long it is, and which edits it holds."""

    def __init__(self) -> None:
        self.length = 0
        self.edits: list[Edit] = []

    def passed(self, size: int) -> None:
        """Note `size` bytes that left as they came."""
        self.length += size

    def write(self, pieces: Iterable[Piece]) -> bytes:
        """Apply the changes and note them."""
        out: list[bytes] = []
        for piece in pieces:
            if not piece.splices:
                out.append(piece.raw)
                self.length += len(piece.raw)
                continue
            at = 0
            if len(piece.splices) > 1:
                piece.splices.sort(key=_place)
            for splice in piece.splices:
                kept = piece.raw[at : splice.at]
                self.length += len(kept)
                self.edits.append(Edit(self.length, splice.removed, splice.inserted))
                out += (kept, splice.inserted)
                self.length += len(splice.inserted)
                at = splice.at + len(splice.removed)
            out.append(piece.raw[at:])
            self.length += len(piece.raw) - at
        return b"".join(out)


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
