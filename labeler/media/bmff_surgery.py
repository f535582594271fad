"""Byte surgery on boxes: edits, the sizes of the boxes around them, and where everything else goes."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media.bmff_boxes import NAME, Box, coded
from labeler.media.edits import Edit, edited
from labeler.media.spans import Span


class _Cut(NamedTuple):
    """An edit, by its place, its length, and how its bytes are made."""

    start: int
    end: int
    length: int
    make: Callable[[], bytes]


class Surgery:
    """Planned edits. First all of them are told, with the lengths that they will have; then it is known where
    every byte goes, and those that hold offsets are made."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._cuts: list[_Cut] = []
        self._grown: defaultdict[Box, int] = defaultdict(int)
        self._ends: list[int] = []
        self._shifts = [0]
        self._places: dict[int, int] = {}

    def put(self, span: Span, make: Callable[[], bytes], around: Box | None) -> int:
        """Put other bytes in place of a span in the payload of the box `around`, which grows; the edit's number.

        `make` is called twice: now, when `moved` and `place` do not know better than as it was, and at
        the end. It has to give as many bytes then.
        """
        start, end = span
        self._cuts.append(_Cut(start, end, len(make()), make))
        while around:
            self._grown[around] += self._cuts[-1].length - (end - start)
            around = around.parent
        return len(self._cuts) - 1

    def moved(self, offset: int) -> int:
        """Where the byte at an offset goes; what is put at the offset stands before it."""
        return offset + self._shifts[bisect_right(self._ends, offset)]

    def place(self, number: int) -> int:
        """Where the bytes of an edit go."""
        return self._places.get(number, 0)

    def done(self, untouched: Iterable[Span]) -> bytes:
        """The new file. ContentError where an edit would change what is to stay, or two edits meet."""
        self._settle()
        edits: list[Edit] = [(cut.start, cut.end, cut.make()) for cut in self._cuts]
        edits += self._sizes()
        order = _sorted(edits)
        ends = [edits[number][1] for number in order]
        for start, end in untouched:
            at = bisect_right(ends, start)
            if at < len(order) and edits[order[at]][0] < end:
                raise _overlap()
        return edited(self._data, edits)

    def _settle(self) -> None:
        cuts = self._cuts
        order = _sorted(cuts)
        grown = (cuts[number].length - (cuts[number].end - cuts[number].start) for number in order)
        self._ends = [cuts[number].end for number in order]
        self._shifts = list(accumulate(grown, initial=0))
        self._places = {
            number: cuts[number].start + shift for number, shift in zip(order, self._shifts, strict=False)
        }

    def _sizes(self) -> Iterable[Edit]:
        """The sizes of the boxes that grow."""
        for box, grown in self._grown.items():
            size = box.end - box.start + grown
            if box.wide:
                yield box.start + 8, box.start + 16, coded(size, 8)
            elif not box.rest:
                yield box.start, box.start + 4, coded(size, 4)


def _sorted(edits: Sequence[_Cut | Edit]) -> list[int]:
    """The numbers of the edits in the order of the file, what is put between bytes first; ContentError
    where two meet."""
    order = sorted(range(len(edits)), key=lambda at: (edits[at][0], edits[at][0] != edits[at][1]))
    if any(edits[one][1] > edits[other][0] for one, other in pairwise(order)):
        raise _overlap()
    return order


def _overlap() -> ContentError:
    return ContentError(f"the metadata of the {NAME} file overlap other parts of it")
