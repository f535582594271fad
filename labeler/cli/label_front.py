"""What stands before the visible text of a file: the head of a page, front matter. Labels come behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from labeler.labels.ending import body_end, paragraph
from labeler.labels.plan import GAP

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_FENCE = re.compile(r"---[ \t]*\r?\n")
_FIELD = re.compile(r"(?:[\w.-]+[ \t]*:|[ \t#\r\n-])")
_GAP = re.compile(r"(?:\r?\n){2}")
_MOST = 500
"""Lines of front matter."""


class Front:
    """A text without what is said before it, `text`, to be labelled as any other; `back` puts the words that
    it then begins with where readers of the file see them: a page's as paragraphs of its body (before
    its head they would change how browsers show it), others behind the front matter."""

    def __init__(self, text: str, marks: Iterable[str]) -> None:
        """`marks` are the words with which labelled texts begin."""
        self._page = body_end(text, 0, len(text)) is not None
        end = _head(text) if self._page else _matter(text)
        self._front, rest = text[:end], text[end:]
        said, known = "", tuple(marks)
        while self._front and (found := self._found(rest, known)):
            said += found[0] + GAP
            rest = rest[found[1] :]
        self.text = said + self._front + rest

    def back(self, labelled: str) -> str:
        """The labelled text as it stands in the file."""
        if not self._front:
            return labelled
        said, front, rest = labelled.partition(self._front)
        if self._page:
            said = "".join(f"\n{paragraph(words)}" for words in said.split(GAP) if words)
        return front + said + rest

    def _found(self, rest: str, marks: Iterable[str]) -> tuple[str, int] | None:
        """The mark that stands there as `back` writes it, and how many characters it takes."""
        for mark in marks:
            own = f"\n{paragraph(mark)}" if self._page else mark
            if rest.startswith(own):
                if self._page:
                    return mark, len(own)
                if gap := _GAP.match(rest, len(own)):
                    return mark, gap.end()
        return None


def _head(page: str) -> int:
    """Where the content of a page's body begins; 0 where no tag says so."""
    body = _BODY.search(page)
    return body.end() if body else 0


def _matter(text: str) -> int:
    """Where the front matter (YAML between `---`, as Hugo, Hexo and Jekyll have it) has ended; 0 for none."""
    line = _FENCE.match(text)
    at = line.end() if line else 0
    for _ in range(_MOST if line else 0):
        if end := _FENCE.match(text, at):
            return end.end()
        if not _FIELD.match(text, at):
            return 0
        at = text.find("\n", at) + 1
        if not at:
            return 0
    return 0
