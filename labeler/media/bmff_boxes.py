"""Boxes of ISO media files, which HEIF and AVIF are (ISO/IEC 14496-12, 4.2), and the numbers in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labeler.errors import ContentError

NAME = "HEIF/AVIF"
"""How errors call these files."""
_MOST = 20_000
"""Boxes on one level; the largest pictures have some thousand items, each with a box of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A box: its type, where its head starts, where its payload starts and ends, and the box around it.

    `wide`: its size has 64 bits. `rest`: it says nothing of its size and takes the rest of the file.
    """

    kind: bytes
    start: int
    body: int
    end: int
    parent: Box | None = None
    wide: bool = False
    rest: bool = False

    @property
    def name(self) -> str:
        """The type in words."""
        return self.kind.decode("ascii", "backslashreplace")


def boxes(data: bytes, start: int, end: int, parent: Box | None = None) -> list[Box]:
    """The boxes from `start` to `end`, one after the other; ContentError where one is larger than the
    room it has. Fewer than 8 bytes behind the file's last are no box."""
    found: list[Box] = []
    at = start
    while at + 8 <= end:
        size, kind, body = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        wide, rest = size == 1, size == 0 and parent is None
        if wide:
            body, size = at + 16, int.from_bytes(data[at + 8 : at + 16], "big")
        stop = end if rest else at + size
        box = Box(kind, at, body, stop, parent, wide, rest)
        if not body <= stop <= end:
            what = "ends inside" if stop > end or body > end else "has no sound size for"
            msg = f"the {NAME} file {what} its {box.name} box"
            raise ContentError(msg)
        found.append(box)
        if len(found) > _MOST:
            msg = f"the {NAME} file has too many boxes"
            raise ContentError(msg)
        at = stop
    if parent and at != end:
        msg = f"the {NAME} file has bytes that are no box in its {parent.name} box"
        raise ContentError(msg)
    return found


def inside(data: bytes, box: Box, skip: int = 0) -> list[Box]:
    """The boxes in a box, behind `skip` bytes of its own."""
    return boxes(data, box.body + skip, box.end, box)


def only(found: Iterable[Box], kind: bytes) -> Box | None:
    """The box of a type, None for none; ContentError where there are two."""
    ones = [box for box in found if box.kind == kind]
    if len(ones) > 1:
        msg = f"the {NAME} file has two {ones[0].name} boxes where there can be one"
        raise ContentError(msg)
    return ones[0] if ones else None


class Fields:
    """Reads a box's payload from its start (or from behind `skip` bytes), number by number."""

    def __init__(self, data: bytes, box: Box, skip: int = 0) -> None:
        self._data, self._box = data, box
        self.at = box.body + skip

    def number(self, width: int) -> int:
        """The next number of so many bytes; ContentError at the end of the box."""
        start, self.at = self.at, self.at + width
        if self.at > self._box.end:
            msg = f"the {self._box.name} box of the {NAME} file is too short"
            raise ContentError(msg)
        return int.from_bytes(self._data[start : self.at], "big")

    def four(self) -> bytes:
        """The next type of four characters."""
        return self.number(4).to_bytes(4, "big")

    def text(self) -> bytes:
        """The bytes up to the next NUL, or to the end of the box."""
        end = self._data.find(b"\0", self.at, self._box.end)
        start, self.at = self.at, self._box.end if end < 0 else end + 1
        return self._data[start : self._box.end if end < 0 else end]

    @property
    def more(self) -> bool:
        """Whether something is left."""
        return self.at < self._box.end


def packed(kind: bytes, *parts: bytes) -> bytes:
    """A box of these parts."""
    return b"".join((coded(8 + sum(map(len, parts)), 4), kind, *parts))


def coded(number: int, width: int) -> bytes:
    """A number in so many bytes; ContentError where it does not fit."""
    if number >> 8 * width:
        msg = f"the {NAME} file has no room for the number {number} in {width} bytes: it grows too large"
        raise ContentError(msg)
    return number.to_bytes(width, "big")
