"""How an answer ends: what has to be closed before a label can stand after it, and what of it is
already said. Holds a bounded tail of the text, whatever its length."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from labeler.labels.markdown import Blocks
from labeler.labels.plan import GAP
from labeler.values import Stamp

_FOLD = 8192
_TAIL = 8192
_ENCLOSING = re.compile(r"<(?:[!?]|script|pre|style|textarea)", re.IGNORECASE)
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_START, _CUT = 4096, 16
"""Characters of a long line that are kept at its start, and at its end, where a tag may be cut."""
_BLOCK_ENDS = re.compile(r"</(?:script|pre|style|textarea)>|-->|\?>|\]\]>|>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>\s*</html\s*>\s*\Z", re.IGNORECASE)


class Ending:
    """The end of a text that arrives in pieces. `listen` gets the whole text too, in few large pieces:
    the last one with `hand_on`."""

    def __init__(self, listen: Callable[[str], object] | None = None) -> None:
        self._listen = listen
        self._pieces: list[str] = []
        self.keep = self._pieces.append
        """Takes the next piece, and leaves it to the caller how many there are: `hand_on` lets them go."""
        self._size = 0
        self._tail = ""
        self._line = ""
        self._blocks = Blocks()

    def add(self, text: str) -> None:
        """Take the next piece."""
        self._pieces.append(text)
        self._size += len(text)
        if self._size > _FOLD:
            self._fold()

    def recent(self, size: int) -> str:
        """The last `size` characters."""
        text = "".join(self._pieces[-size:])
        return (self._tail + text)[-size:] if len(text) < size else text[-size:]

    def hand_on(self) -> None:
        """Let who listens have all of the text so far, and keep its end alone."""
        if self._pieces:
            self._fold()

    def _fold(self) -> None:
        text = "".join(self._pieces)
        if self._listen is not None:
            self._listen(text)
        self._pieces.clear()
        self._size = 0
        self._tail = (self._tail + text)[-_TAIL:] if len(text) < _TAIL else text[-_TAIL:]
        *lines, self._line = (self._line + text).split("\n")
        if len(self._line) > _TAIL:
            self._line = _shortened(self._line)
        for line in lines:
            self._blocks.line(line)

    def closing(self, stamps: tuple[Stamp, ...]) -> str:
        """The words to append so that all of `stamps` stand after the text; "" where they do."""
        self._fold()
        missing = unsaid(self._tail, stamps)
        if not missing:
            return ""
        words = "".join([GAP + stamp.words for stamp in missing])
        self._blocks.line(self._line)
        if not self._blocks.open:
            return words
        return ("" if self._tail.endswith("\n") else "\n") + self._blocks.open + words


def _shortened(line: str) -> str:
    """A long line as far as it tells what is open behind it: its start, no fence is longer, and the ends of
    HTML blocks that stand in the rest."""
    ends = dict.fromkeys(_BLOCK_ENDS.findall(line, _START - _CUT))
    return f"{line[:_START]}{''.join(ends)}{line[-_CUT:]}"


def unsaid(text: str, stamps: tuple[Stamp, ...]) -> tuple[Stamp, ...]:
    """Those of `stamps` whose exact words do not stand at the end of `text` yet."""
    missing = stamps
    while missing:
        text = text.rstrip()
        said = [stamp for stamp in missing if text.endswith(stamp.words)]
        if not said:
            break
        hit = max(said, key=lambda stamp: len(stamp.words))  # words may end in those of another
        missing = tuple(stamp for stamp in missing if stamp is not hit)
        text = text[: -len(hit.words)]
    return missing


def closing(text: str, stamps: tuple[Stamp, ...], start: int = 0) -> tuple[int, str]:
    """For a whole text: where and what to insert so that all of `stamps` stand at its end.

    A complete HTML document gets them as paragraphs before `</body>`. `start` is where the text
    begins behind the labels that it already carries.
    """
    if text[start : start + 1] in "< \n" and (end := body_end(text, start, len(text))) is not None:
        return end, _paragraphs(text[max(0, end - _TAIL) : end], stamps)
    missing = unsaid(text[-_TAIL:], stamps)
    if not missing:
        return len(text), ""
    words = "".join([GAP + stamp.words for stamp in missing])
    closer = _closer(text) if "`" in text or "~" in text or "<" in text else ""
    if not closer:
        return len(text), words
    return len(text), ("" if text.endswith("\n") else "\n") + closer + words


def _closer(text: str) -> str:
    if "```" not in text and "~~~" not in text and not _ENCLOSING.search(text):
        return ""
    blocks = Blocks()
    for line in text.split("\n"):
        blocks.line(line)
    return blocks.open


def _paragraphs(before: str, stamps: tuple[Stamp, ...]) -> str:
    text = before.rstrip()
    paragraphs = [paragraph(stamp.words) for stamp in stamps]
    while paragraphs and text.endswith(paragraphs[-1]):
        text = text[: -len(paragraphs.pop())].rstrip()
    return "".join(one + "\n" for one in paragraphs)


def body_end(text: str, start: int, end: int) -> int | None:
    """Where the `</body>` stands of a complete HTML document that a text is from `start` to `end`."""
    found = _BODY_END.search(text, max(0, end - _TAIL), end) if _PAGE.match(text, start) else None
    return found.start() if found else None


def paragraph(words: str) -> str:
    """A label within a page."""
    return f"<p>{html.escape(words)}</p>"
