"""How a Markdown text ends: which block is open that would swallow what comes after it.

Only what CommonMark 0.31 needs for that is followed: fenced code (4.5), HTML blocks (4.6), and list
items (5.2), which end the blocks within them. A quotation ends at the next empty line in any case.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"(?P<mark>`{3,}(?=[^`]*$)|~{3,})")
_MARKER = re.compile(r"(?:[-*+]|(?P<number>\d{1,9})[.)])(?: |$)")
_RULE = re.compile(r"(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})$")
_NO_PARAGRAPH = re.compile(r"#{1,6}(?: |$)|>")
_BLOCKS = "address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
_TO_BLANK = re.compile(rf"</?(?:{_BLOCKS})(?:\s|/?>|$)", re.IGNORECASE)
_ALONE = re.compile(
    r"""(?:<[a-z][a-z0-9-]*(?:\s+[a-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?)*\s*/?>|</[a-z][a-z0-9-]*\s*>)\s*$""",
    re.IGNORECASE,
)
_ENCLOSING = (
    (
        re.compile(r"<(?P<name>script|pre|style|textarea)(?:\s|>|$)", re.IGNORECASE),
        re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE),
        "</{name}>",
    ),
    (re.compile(r"<!--"), re.compile(r"-->"), "-->"),
    (re.compile(r"<\?"), re.compile(r"\?>"), "?>"),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>"), "]]>"),
    (re.compile(r"<![a-z]", re.IGNORECASE), re.compile(r">"), ">"),
)
"""Where such a block starts, what ends it, and the line that does."""


_LEVELS = 32
"""List items that one line opens at most."""
_TAG = 1000
"""Characters of a line that are looked at for a tag alone on it."""


class Blocks:
    """Follows the blocks of a text, line by line. `open` is the line that would close the one that is
    open, "" where nothing has to be closed."""

    def __init__(self) -> None:
        self.open = ""
        self._end: re.Pattern[str] | None = None  # what ends an HTML block; None: it is fenced code
        self._item = 0  # the indent of the list item that the open block stands in
        self._items: list[int] = []  # content indents of the list items that are open
        self._paragraph = False  # the last line belongs to a paragraph
        self._html = False  # an HTML block that the next empty line ends

    def line(self, line: str) -> None:
        """Read one line, without its end."""
        if not line.strip():
            self._paragraph = self._html = False
            return
        line = line.rstrip("\r").expandtabs(4)
        indent = len(line) - len(line.lstrip(" "))
        if self.open:
            if indent >= self._item or self._item == 0:
                self._inside(line, indent)
                return
            self.open = ""
        if self._html and indent < self._item:
            self._html = False
        if not self._html:
            self._outside(line, indent)

    def _inside(self, line: str, indent: int) -> None:
        if self._end is not None:
            if self._end.search(line):
                self.open = ""
            return
        mark, run = self.open.strip(), line.strip()
        if indent - self._item < 4 and len(run) >= len(mark) and run == mark[0] * len(run):
            self.open = ""

    def _outside(self, line: str, indent: int) -> None:
        indent = self._enter_items(line, indent)
        item = self._items[-1] if self._items else 0
        text = line[indent:]
        if indent - item >= 4 and not self._paragraph:
            return  # indented code
        if indent - item < 4:
            if fence := _FENCE.match(text):
                self._start(" " * indent + fence["mark"], None, item)
                return
            if text.startswith("<") and self._html_block(line, text, indent, item):
                return
        self._paragraph = bool(text) and not (_NO_PARAGRAPH.match(text) or _RULE.match(text))

    def _enter_items(self, line: str, indent: int) -> int:
        """Open the list items that begin on a line and close those that it ends; where its text starts."""
        lazy = self._paragraph
        while self._items and indent < self._items[-1]:
            self._items.pop()
        for _ in range(_LEVELS):
            marker = _MARKER.match(line, indent)
            if marker is None or _RULE.match(line, indent):
                break
            item = self._items[-1] if self._items else 0
            empty = not line[marker.end() :].strip()
            if indent - item >= 4 or (
                lazy and (empty or marker["number"] not in (None, "1")) and not self._items
            ):
                break
            lazy = self._paragraph = False
            spaces = len(line) - marker.end() - len(line[marker.end() :].lstrip(" "))
            if spaces >= 4 or empty:  # indented code within the item, or nothing
                self._items.append(marker.end())
                return marker.end() + spaces
            indent = marker.end() + spaces
            self._items.append(indent)
        return indent

    def _html_block(self, line: str, text: str, indent: int, item: int) -> bool:
        for begins, ends, closer in _ENCLOSING:
            if begun := begins.match(text):
                if not ends.search(line, indent + begun.end()):
                    self._start(" " * indent + closer.format(**begun.groupdict()), ends, item)
                return True
        if _TO_BLANK.match(text) or (not self._paragraph and _ALONE.match(text[:_TAG])):
            self._html, self._paragraph, self._item = True, False, item
        return self._html

    def _start(self, closer: str, end: re.Pattern[str] | None, item: int) -> None:
        self.open, self._end, self._item, self._paragraph = closer, end, item, False
