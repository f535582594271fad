"""Before and after on a screen: two columns that fill while the answers come, or one below the other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

SIDES = ("before", "after")
_GAP = " │ "
_INDENT = "  "
_UNIT = re.compile(r"[!-~]+[，。；：！？、）】」』》…]*|\s|.[，。；：！？、）】」』》…]*")
"""What stays on one line: a Latin word, or a character with the punctuation that may not begin a line."""


@dataclass(frozen=True, slots=True)
class Paint:
    """ANSI colours, or nothing."""

    on: bool

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text

    def dim(self, text: str) -> str:
        return self(text, "2")

    def bold(self, text: str) -> str:
        return self(text, "1")

    def good(self, text: str) -> str:
        return self(text, "32")

    def bad(self, text: str) -> str:
        return self(text, "31")


class View(Protocol):
    """Shows the two answers to one question, piece by piece."""

    def put(self, side: int, piece: str) -> None: ...
    def end(self, side: int) -> None: ...


class Below:
    """One below the other, unwrapped: for pipes and files. The second waits for the first's end."""

    def __init__(self) -> None:
        self._texts = ["", ""]
        self._ended = [False, False]

    def put(self, side: int, piece: str) -> None:
        """Take the next piece of an answer."""
        self._texts[side] += piece

    def end(self, side: int) -> None:
        """End an answer; both are printed when both have ended."""
        self._ended[side] = True
        if all(self._ended):
            for name, text in zip(SIDES, self._texts, strict=True):
                print(f"--- {name}\n{text}\n", flush=True)


class Beside:
    """Side by side, `columns` of the screen wide. A row is printed once nothing can change it any more,
    so that the answers are seen to grow and the cursor never goes back."""

    def __init__(self, columns: int, paint: Paint, labels: Collection[str]) -> None:
        """`labels` are the words that are painted as labels."""
        self._width = (columns - len(_INDENT) - len(_GAP)) // 2
        self._paint, self._labels = paint, labels
        self._texts = ["", ""]
        self._ended = [False, False]
        self._printed = 0
        self._row(*(paint.dim(pad(name, self._width)) for name in SIDES))

    def put(self, side: int, piece: str) -> None:
        """Take the next piece of an answer."""
        self._texts[side] += piece
        self._print()

    def end(self, side: int) -> None:
        """End an answer."""
        self._ended[side] = True
        self._print()

    def _print(self) -> None:
        rows = [list(self._rows(text)) for text in self._texts]
        growing = [len(one) - 1 for one, ended in zip(rows, self._ended, strict=True) if not ended]
        final = min(growing, default=max(map(len, rows)))
        for at in range(self._printed, final):
            self._row(*(one[at] if at < len(one) else pad("", self._width) for one in rows))
        self._printed = max(self._printed, final)

    def _rows(self, text: str) -> Iterator[str]:
        for line in text.split("\n"):
            label = line in self._labels
            for row in wrap(line, self._width):
                padded = pad(row, self._width)
                yield self._paint.good(padded) if label else padded

    def _row(self, left: str, right: str) -> None:
        print(_INDENT + left + self._paint.dim(_GAP) + right.rstrip(), flush=True)


def width(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def pad(text: str, columns: int) -> str:
    """Fill up with spaces to a width."""
    return text + " " * (columns - width(text))


def wrap(line: str, columns: int) -> list[str]:
    """Break one line into rows of at most `columns`; a row never changes when the line grows by more
    than its last unit."""
    rows, row = [], ""
    for unit in _UNIT.findall(line):
        fits = width(row) + width(unit) <= columns
        if unit.isspace() and not fits:
            continue
        if row and not fits:
            rows.append(row.rstrip())
            row = ""
        while width(row + unit) > columns:  # longer than a whole row
            cut = _fitting(unit, columns)
            rows.append(unit[:cut])
            unit = unit[cut:]
        row += unit
    return [*rows, row]


def _fitting(text: str, columns: int) -> int:
    return next(at for at in range(len(text), 0, -1) if at == 1 or width(text[:at]) <= columns)
