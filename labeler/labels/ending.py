"""How an answer ends: what has to be closed before a label can stand after it, and what of it is
already said. Holds a bounded tail of the text, whatever its length."""

from __future__ import annotations

import html
import re

from labeler.labels.plan import GAP
from labeler.values import Stamp

_FOLD = 8192
_TAIL = 8192
_FENCE = re.compile(r"(?P<mark>`{3,}(?=[^`]*$)|~{3,})")
_MARKERS = re.compile(r" *(?:(?:[-*+]|\d{1,9}[.)]) +)+")
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>\s*</html\s*>\s*\Z", re.IGNORECASE)


class Fences:
    """Follows the fenced code blocks of a Markdown text (CommonMark, 4.5), line by line.

    `open` is the line that would close the open block, "" where none is open. A block within a
    list item ends with that item; one within a quotation ends at the next empty line anyway.
    """

    def __init__(self) -> None:
        self.open = ""
        self._item = 0  # the indent of the list item that the block stands in
        self._items: list[int] = []  # content indents of the list items that are open

    def line(self, line: str) -> None:
        """Read one line, without its end."""
        if line.isspace() or not line:
            return
        line = line.expandtabs(4)
        indent = len(line) - len(line.lstrip(" "))
        if self.open:
            if indent >= self._item:
                self._inside(line.strip(), indent)
                return
            self.open = ""
        self._outside(line, indent)

    def _inside(self, run: str, indent: int) -> None:
        mark = self.open.strip()
        if indent - self._item < 4 and len(run) >= len(mark) and run == mark[0] * len(run):
            self.open = ""

    def _outside(self, line: str, indent: int) -> None:
        while self._items and indent < self._items[-1]:
            self._items.pop()
        if marker := _MARKERS.match(line):
            indent = marker.end()
            self._items.append(indent)
        item = self._items[-1] if self._items else 0
        if indent - item < 4 and (fence := _FENCE.match(line, indent)):
            self._item = item
            self.open = " " * indent + fence["mark"]


class Ending:
    """The end of a text that arrives in pieces."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._tail = ""
        self._line = ""
        self._fences = Fences()

    def add(self, text: str) -> None:
        """Take the next piece."""
        self._pieces.append(text)
        self._size += len(text)
        if self._size > _FOLD:
            self._fold()

    def _fold(self) -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._tail = (self._tail + text)[-_TAIL:] if len(text) < _TAIL else text[-_TAIL:]
        *lines, self._line = (self._line + text).split("\n")
        if len(self._line) > _TAIL:
            self._line = self._line[:_TAIL]  # no fence is that long: its start decides
        for line in lines:
            self._fences.line(line)

    def closing(self, stamps: tuple[Stamp, ...]) -> str:
        """The words to append so that all of `stamps` stand after the text; "" where they do."""
        self._fold()
        missing = unsaid(self._tail, stamps)
        if not missing:
            return ""
        words = "".join([GAP + stamp.words for stamp in missing])
        self._fences.line(self._line)
        if not self._fences.open:
            return words
        return ("" if self._tail.endswith("\n") else "\n") + self._fences.open + words


def unsaid(text: str, stamps: tuple[Stamp, ...]) -> tuple[Stamp, ...]:
    """Those of `stamps` whose exact words do not stand at the end of `text` yet."""
    missing = stamps
    while missing:
        text = text.rstrip()
        hit = next((stamp for stamp in missing if text.endswith(stamp.words)), None)
        if hit is None:
            break
        missing = tuple(stamp for stamp in missing if stamp is not hit)
        text = text[: -len(hit.words)]
    return missing


def closing(text: str, stamps: tuple[Stamp, ...], start: int = 0) -> tuple[int, str]:
    """For a whole text: where and what to insert so that all of `stamps` stand at its end.

    A complete HTML document gets them as paragraphs before `</body>`. `start` is where the text
    begins behind the labels that it already carries.
    """
    if (text[start : start + 1] in "< \n" and _PAGE.match(text, start)) and (
        end := _BODY_END.search(text, max(0, len(text) - _TAIL))
    ):
        return end.start(), _paragraphs(text[max(0, end.start() - _TAIL) : end.start()], stamps)
    missing = unsaid(text[-_TAIL:], stamps)
    if not missing:
        return len(text), ""
    words = "".join([GAP + stamp.words for stamp in missing])
    fence = _open_fence(text) if "`" in text or "~" in text else ""
    if not fence:
        return len(text), words
    return len(text), ("" if text.endswith("\n") else "\n") + fence + words


def _open_fence(text: str) -> str:
    if "```" not in text and "~~~" not in text:
        return ""
    fences = Fences()
    for line in text.split("\n"):
        fences.line(line)
    return fences.open


def _paragraphs(before: str, stamps: tuple[Stamp, ...]) -> str:
    text = before.rstrip()
    paragraphs = [f"<p>{html.escape(stamp.words)}</p>" for stamp in stamps]
    while paragraphs and text.endswith(paragraphs[-1]):
        text = text[: -len(paragraphs.pop())].rstrip()
    return "".join(paragraph + "\n" for paragraph in paragraphs)
