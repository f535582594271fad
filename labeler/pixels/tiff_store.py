"""Where the strips and tiles of a TIFF stand, and how changed ones get back into the file."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from labeler.errors import ContentError
from labeler.media.tiff_tags import Entry, Tags
from labeler.pixels.contrast import RGB
from labeler.pixels.tiff_page import Page, colour_map

_LARGEST = 0xFFFFFFFF
_LONG, _LONG8 = 4, 16
"""Types of values (TIFF 6.0, BigTIFF)."""
_FEW = 8
_CODES = {2: "H", 4: "I", 8: "Q"}


class Store:
    """A file at work. Changed parts go where the old ones stood, unless several pages or places share
    them, and to the end where they find no room."""

    def __init__(self, tags: Tags, pages: Sequence[Page]) -> None:
        self._tags, self._buffer = tags, bytearray(tags.data)
        self._order = "<" if tags.data[:2] == b"II" else ">"
        self._places = {id(page): list(tags.numbers(page.places)) for page in pages}
        self._lengths = {id(page): list(tags.numbers(page.lengths)) for page in pages}
        self._users = Counter(place for places in self._places.values() for place in places)

    def coded(self, page: Page, number: int) -> bytes:
        """The bytes of a strip or tile, as they were."""
        start, length = self._places[id(page)][number], self._lengths[id(page)][number]
        if start + length > len(self._tags.data):
            msg = "the TIFF is cut off: a strip lies behind its end"
            raise ContentError(msg)
        return self._tags.data[start : start + length]

    def put(self, page: Page, parts: Mapping[int, bytes]) -> None:
        """Write changed strips or tiles, by their numbers."""
        places, lengths = self._places[id(page)], self._lengths[id(page)]
        holes = self._freed([(places[number], lengths[number]) for number in parts])
        for number, new in parts.items():
            places[number] = self._written(new, holes)
            lengths[number] = len(new)
        self._put_numbers(page.places, places)
        self._put_numbers(page.lengths, lengths)

    def leaves_holes(self, page: Page, parts: Mapping[int, bytes]) -> bool:
        """Whether `put` would move one of few large strips to the end, and leave the place empty where it was:
        such a page had better be cut into smaller ones."""
        places, lengths = self._places[id(page)], self._lengths[id(page)]
        large = page.rows and page.places.tag == 273 and page.planes == 1 and len(places) <= _FEW
        ends = (places[number] + lengths[number] == len(self._buffer) for number in parts)
        grown = (len(new) > lengths[number] for number, new in parts.items())
        alone = all(self._users[place] == 1 for place in places)
        return bool(large) and alone and any(grown) and not any(ends)

    def put_strips(self, page: Page, strips: Sequence[bytes], rows: int) -> None:
        """Write new strips of so many rows instead of all that the page had."""
        holes = self._freed(zip(self._places[id(page)], self._lengths[id(page)], strict=True))
        self._put_numbers(page.places, [self._written(strip, holes) for strip in strips])
        self._put_numbers(page.lengths, [len(strip) for strip in strips])
        self._put_numbers(cast("Entry", page.rows), [rows])

    def _freed(self, spans: Iterable[tuple[int, int]]) -> list[list[int]]:
        """Blank the bytes of parts that nothing else uses; the holes, from and to, neighbours made one."""
        holes: list[list[int]] = []
        for start, length in sorted(spans):
            if self._users[start] == 1:
                self._buffer[start : start + length] = bytes(length)
                if holes and holes[-1][1] <= start <= holes[-1][1] + 1:
                    holes[-1][1] = start + length
                else:
                    holes.append([start, start + length])
        if holes and holes[-1][1] == len(self._buffer):
            del self._buffer[holes.pop()[0] :]
        return holes

    def _written(self, new: bytes, holes: list[list[int]]) -> int:
        for hole in holes:
            if hole[1] - hole[0] >= len(new):
                place = hole[0]
                hole[0] += len(new)
                self._buffer[place : hole[0]] = new
                return place
        return self._appended(new)

    def _appended(self, new: bytes) -> int:
        self._buffer += bytes(len(self._buffer) % 2)
        place = len(self._buffer)
        self._buffer += new
        return place

    def _put_numbers(self, entry: Entry, numbers: Sequence[int]) -> None:
        """Write numbers in place; at the end where there are more of them, or where they have outgrown theirs."""
        code, size = _CODES.get(entry.size, ""), entry.size
        if code and len(numbers) == entry.count and max(numbers) < 1 << 8 * size:
            packed = struct.pack(f"{self._order}{len(numbers)}{code}", *numbers)
            self._buffer[entry.start : entry.start + len(packed)] = packed
            return
        kind, code = (_LONG, "I") if max(numbers) <= _LARGEST else (_LONG8, "Q")
        packed = struct.pack(f"{self._order}{len(numbers)}{code}", *numbers)
        if len(packed) <= self._tags.word:
            new = self._tags.entry(entry.tag, kind, len(numbers), 0)[: -self._tags.word] + packed
        else:
            new = self._tags.entry(entry.tag, kind, len(numbers), self._appended(packed))
        self._buffer[entry.place : entry.place + len(new)] = new

    def colours(self, page: Page) -> list[RGB]:
        """The page's palette."""
        return colour_map(self._tags, page)

    def put_colours(self, page: Page, colours: Sequence[RGB]) -> None:
        """Write the values of a palette that differ from the old ones; the others keep all their bits."""
        start, old = cast("Entry", page.colour_map).start, self.colours(page)
        for index, (colour, before) in enumerate(zip(colours, old, strict=True)):
            for channel, value in enumerate(colour):
                if value != before[channel]:
                    at = start + 2 * (channel * len(old) + index)
                    self._buffer[at : at + 2] = bytes((value, value))

    def file(self) -> bytes:
        """The file as it is now."""
        if len(self._buffer) > _LARGEST and not self._tags.big:
            msg = "the TIFF would pass 4 GiB, more than the format allows"
            raise ContentError(msg)
        return bytes(self._buffer)
