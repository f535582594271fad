"""The directories of a TIFF file: TIFF 6.0 with numbers of 4 bytes, BigTIFF with numbers of 8."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media.spans import Run

_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""The types of whole numbers without sign, as struct knows them."""
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of one value by its type (TIFF 6.0; 13 points to a directory; from 16 on BigTIFF)."""
_PAGES = 65_535
_ENTRIES = 100_000
"""Of one directory; eight times as many are read of a file in all."""
_NUMBERS = 1_000_000
"""That one entry holds, as places of strips."""


class Directory(NamedTuple):
    """A directory: where it starts, how many entries it has, where these start and end (there the
    place of the next directory stands), and that place."""

    start: int
    count: int  # type: ignore[assignment]
    body: int
    end: int
    next: int


class Entry(NamedTuple):
    """An entry: where it stands, its tag and type, how many values of `size` bytes it has, and where
    the first one starts. `size` is 0 for unknown types."""

    place: int
    tag: int
    kind: int
    count: int  # type: ignore[assignment]
    size: int
    start: int

    @property
    def run(self) -> Run:
        """Where its values stand."""
        return ((self.start, self.start + self.size * self.count),)


class Tags:
    """The structure of a file: `big` for BigTIFF, `word` the bytes of an offset."""

    def __init__(self, data: bytes) -> None:
        """ContentError where the file does not begin like a TIFF."""
        order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
        magic = struct.unpack_from(f"{order}HHH", data, 2) if order and len(data) >= 8 else (0,)
        if magic[0] != 42 and magic != (43, 8, 0):
            msg = "this is no TIFF file"
            raise ContentError(msg)
        self.data, self.big = data, magic[0] == 43
        self.word = 8 if self.big else 4
        self._order = order
        self._count = struct.Struct(order + ("Q" if self.big else "H"))
        self._word = struct.Struct(order + ("Q" if self.big else "I"))
        self._entry = struct.Struct(order + ("HHQQ" if self.big else "HHII"))
        self._read = 0

    def pages(self) -> Iterator[Directory]:
        """The main chain of directories; at least one."""
        at, seen = self._one(self._word, self.word), set[int]()
        while at or not seen:
            if at in seen or len(seen) == _PAGES:
                msg = "the directories of the TIFF never end"
                raise ContentError(msg)
            seen.add(at)
            directory = self.directory(at)
            yield directory
            at = directory.next

    def directory(self, at: int) -> Directory:
        """The directory at an offset."""
        count = self._one(self._count, at)
        body = at + self._count.size
        if at < 8 or not 0 < count <= _ENTRIES:
            msg = "the TIFF has a broken directory"
            raise ContentError(msg)
        end = body + count * self._entry.size
        return Directory(at, count, body, end, self._one(self._word, end))

    def entries(self, directory: Directory) -> Iterator[Entry]:
        """The entries of a directory, whatever they hold."""
        self._read += directory.count
        if self._read > 8 * _ENTRIES:
            msg = "the TIFF has too many entries in its directories"
            raise ContentError(msg)
        view = memoryview(self.data)[directory.body : directory.end]
        inline = self._entry.size - self.word
        for index, (tag, kind, count, value) in enumerate(self._entry.iter_unpack(view)):
            place = directory.body + index * self._entry.size
            size = _SIZES.get(kind, 0)
            yield Entry(place, tag, kind, count, size, place + inline if size * count <= self.word else value)

    def numbers(self, entry: Entry) -> Iterator[int]:
        """The whole numbers of an entry, in order."""
        if entry.kind not in _CODES or entry.count > _NUMBERS:
            msg = f"tag {entry.tag} of the TIFF does not hold numbers, or too many"
            raise ContentError(msg)
        ((start, end),) = entry.run
        if end > len(self.data):
            raise _short()
        view = memoryview(self.data)[start:end]
        return (value for (value,) in struct.iter_unpack(self._order + _CODES[entry.kind], view))

    def entry(self, tag: int, kind: int, count: int, offset: int) -> bytes:
        """A new entry, whose values stand at an offset."""
        return self._entry.pack(tag, kind, count, offset)

    def packed_count(self, count: int) -> bytes:
        """The number of a directory's entries as bytes."""
        return self._count.pack(count)

    def packed_word(self, offset: int) -> bytes:
        """An offset as bytes."""
        return self._word.pack(offset)

    def _one(self, form: struct.Struct, at: int) -> int:
        if at + form.size > len(self.data):
            raise _short()
        value: int = form.unpack_from(self.data, at)[0]
        return value


def _short() -> ContentError:
    return ContentError("the TIFF is cut off: a directory or its values lie behind the end")
