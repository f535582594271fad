"""Pieces of a text, and what is put into them: each has a handle of whoever drives the slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Insertion(NamedTuple):
    """`words` go into the piece `handle` before its character `at`."""

    handle: Any
    at: int
    words: str


@dataclass(slots=True)
class Piece:
    """A piece of text whose start is not decided yet; the first `skip` characters are behind it."""

    handle: Any
    text: str
    skip: int = 0


def place(pieces: list[Piece], at: int) -> tuple[Any, int]:
    """The piece and the character in it that `at` of the joined pieces falls on."""
    for piece in pieces:
        length = len(piece.text) - piece.skip
        if at < length:
            return piece.handle, piece.skip + at
        at -= length
    return pieces[-1].handle, len(pieces[-1].text)
