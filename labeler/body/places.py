"""From places in a document (path, character) to places in its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from labeler.body.splice import Piece
from labeler.dialects.base import Path, Shift, Text
from labeler.framing import json_text

_NUMBER = re.compile(rb"-?\d+")


class Range(NamedTuple):
    """Some characters of the string `text` at `path`."""

    path: Path
    text: str
    start: int
    end: int


class Value(NamedTuple):
    """A whole value at `path`."""

    path: Path


class Source:
    """A document within a piece of the input: changes to the one go into the other.

    `payload` is the document; it stands in the piece `lead` bytes from its start.
    """

    def __init__(self, piece: Piece, payload: bytes, lead: int = 0) -> None:
        self.piece = piece
        self.payload = payload
        self._lead = lead
        self._wanted: list[tuple[Text | Range | Shift | Value, Sequence[Any]]] = []

    def where(self, at: int) -> int:
        """The place in the piece of byte `at` of the document."""
        return self._lead + at

    def insert_words(self, text: Text, inserts: Sequence[tuple[int, str]]) -> None:
        """Put words into the string literal of `text`, each before a character of it."""
        if inserts:
            self._wanted.append((text, inserts))

    def replace(self, range_: Range, content: bytes) -> None:
        """Put `content` (ASCII that needs no escape) where characters of a string stood."""
        self._wanted.append((range_, content))

    def replace_value(self, path: Path, content: bytes) -> None:
        """Put `content` (JSON) where a whole value stood; nothing else may be changed within it."""
        self._wanted.append((Value(path), content))

    def move_offsets(self, shift: Shift, values: Sequence[int]) -> None:
        """Write the numbers at a shift's path anew where they changed."""
        self._wanted.append((shift, values))

    def locate(self) -> None:
        """Find the places of all that was asked for, in one walk, and note the changes."""
        wanted, self._wanted = self._wanted, []
        if len(wanted) == 1 and isinstance(wanted[0][0], Text | Range):
            text = wanted[0][0]
            places = [json_text.find_string(self.payload, text.path, text.text)]
        elif wanted:
            places = json_text.spans(self.payload, [part.path for part, _ in wanted])
        else:
            return
        for (part, asked), (start, end) in zip(wanted, places, strict=True):
            if isinstance(part, Text):
                self._words(part, start, end, asked)
            elif isinstance(part, Value):
                removed = self.payload[start:end]
                self.piece.add(self.where(start), bytes(asked), removed=removed)
            elif isinstance(part, Range):
                literal = self.payload[start:end]
                begin = start + json_text.offset_of(literal, part.text, part.start)
                stop = start + json_text.offset_of(literal, part.text, part.end)
                self.piece.add(self.where(begin), bytes(asked), removed=self.payload[begin:stop])
            else:
                self._numbers(part, start, end, asked)

    def _words(self, text: Text, start: int, end: int, inserts: Sequence[Any]) -> None:
        for at, words in inserts:
            offset = json_text.place_in(self.payload, start, end, text.text, at)
            self.piece.add(self.where(offset), json_text.inner(words))

    def _numbers(self, shift: Shift, start: int, end: int, values: Sequence[Any]) -> None:
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
