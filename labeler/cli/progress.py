"""A bar on stderr that shows how much is done, where a terminal watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Self, TypeVar

Item = TypeVar("Item")
_WIDTH = 30  # characters
_PAUSE = 0.1  # seconds from one drawing to the next
_GONE = "\r\x1b[K"


class Bar:
    """Counts steps up to `total`, and draws them on a terminal; nothing is left of it in the end.

    Lines that appear while it stands go through `say`, else they would begin behind the bar.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._shown = total > 1 and sys.stderr.isatty()
        self._drawn = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._print(_GONE)

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if self._done == self._total or now - self._drawn >= _PAUSE:
            self._drawn = now
            self._draw()

    def say(self, line: str) -> None:
        """Print a line on stderr, above the bar."""
        self._print(_GONE)
        print(line, file=sys.stderr, flush=True)
        if self._done:
            self._draw()

    def _draw(self) -> None:
        full = "#" * (_WIDTH * self._done // self._total)
        self._print(f"\r[{full:<{_WIDTH}}] {self._done:,}/{self._total:,}")

    def _print(self, text: str) -> None:
        if self._shown:
            print(text, end="", file=sys.stderr, flush=True)


def watched(items: Sequence[Item]) -> Iterator[Item]:
    """The items, with a bar that counts those that are done."""
    with Bar(len(items)) as bar:
        for item in items:
            yield item
            bar.step()
