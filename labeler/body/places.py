"""From places in a document (path, character) to places in its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from labeler.body.splice import Piece
from labeler.dialects.base import Shift, Text
from labeler.framing import json_text

_NUMBER = re.compile(rb"-?\d+")
Locate = Callable[[int], int]


def insert_words(
    piece: Piece, payload: bytes, where: Locate, text: Text, inserts: Iterable[tuple[int, str]]
) -> None:
    """Put words into the string literal of `text`; `where` maps a byte of `payload` to `piece`."""
    start, end = json_text.find_string(payload, text.path, text.text)
    literal = payload[start:end]
    for at, words in inserts:
        offset = json_text.offset_of(literal, text.text, at)
        piece.add(where(start + offset), json_text.inner(words))


def move_offsets(piece: Piece, payload: bytes, where: Locate, shift: Shift, moved: Iterable[int]) -> None:
    """Write the numbers at a shift's path anew where they changed."""
    start, end = json_text.span(payload, shift.path)
    for match, old, new in zip(_NUMBER.finditer(payload, start, end), shift.values, moved, strict=True):
        if new != old:
            piece.add(where(match.start()), b"%d" % new, removed=match.group())


def insert_member(piece: Piece, payload: bytes, where: Locate, name: str, value: bytes) -> None:
    """Put a member before the first one of the document's object."""
    start = payload.index(b"{") + 1
    empty = payload[start:].lstrip().startswith(b"}")
    piece.add(where(start), b'"%s":%s%s' % (name.encode(), value, b"" if empty else b","))


def moved(offset: int, inserts: Iterable[tuple[int, str]], *, end: bool) -> int:
    """A character offset after words were inserted: a range's end stays before words at it."""
    return offset + sum(
        len(words) for at, words in inserts if at < offset or (at == offset and not (end and at))
    )
