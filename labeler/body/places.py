"""From places in a document (path, character) to places in its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from labeler.body.splice import Piece
from labeler.dialects.base import Shift, Text
from labeler.framing import json_text

_NUMBER = re.compile(rb"-?\d+")


class Source:
    """A document within a piece of the input: changes to the one go into the other.

    `payload` is the document; it stands in the piece `lead` bytes from its start.
    """

    def __init__(self, piece: Piece, payload: bytes, lead: int = 0) -> None:
        self.piece = piece
        self.payload = payload
        self._lead = lead

    def where(self, at: int) -> int:
        """The place in the piece of byte `at` of the document."""
        return self._lead + at

    def insert_words(self, text: Text, inserts: Iterable[tuple[int, str]]) -> None:
        """Put words into the string literal of `text`, each before a character of it."""
        if not inserts:
            return
        start, end = json_text.find_string(self.payload, text.path, text.text)
        changes, where = self.piece.changes, self.where
        for at, words in inserts:
            if at == 0:
                offset = start + 1
            elif at == len(text.text):
                offset = end - 1
            else:
                offset = start + json_text.offset_of(self.payload[start:end], text.text, at)
            changes.append((where(offset), b"", json_text.inner(words)))

    def move_offsets(self, shift: Shift, values: Iterable[int]) -> None:
        """Write the numbers at a shift's path anew where they changed."""
        start, end = json_text.span(self.payload, shift.path)
        numbers = _NUMBER.finditer(self.payload, start, end)
        for match, old, new in zip(numbers, shift.values, values, strict=True):
            if new != old:
                self.piece.add(self.where(match.start()), b"%d" % new, removed=match.group())

    def insert_member(self, name: str, value: bytes) -> None:
        """Put a member before the first one of the document's object."""
        start = self.payload.index(b"{") + 1
        empty = self.payload[start:].lstrip().startswith(b"}")
        self.piece.add(self.where(start), b'"%s":%s%s' % (name.encode(), value, b"" if empty else b","))


def moved(offset: int, inserts: Iterable[tuple[int, str]], *, end: bool) -> int:
    """A character offset after words were inserted: a range's end stays before words at it."""
    return offset + sum(
        len(words) for at, words in inserts if at < offset or (at == offset and not (end and at))
    )
