"""`labeler label`: from bytes to labelled pieces of text, its edges kept as they are."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from labeler.errors import ContentError

_BOM = "\ufeff"
_LONE = re.compile(r"(?<!\r)\n")
Label = Callable[[Iterable[str]], Iterable[str]]


def labelled(blocks: Iterable[bytes], name: str, label: Label) -> Iterator[bytes]:
    """Label a text in UTF-8 between its edges: a byte order mark stays before the labels, the line ends
    at the text's end behind them, and the labels' own lines end as the text's do.

    `name` is what messages call the text. Raises ContentError where it is no UTF-8.
    """
    pieces = _decoded(blocks, name)
    first = next(pieces, "")
    if first.startswith(_BOM):
        yield _BOM.encode()
        first = first[1:]
    lines = _Lines()
    for piece in label(map(lines.inside, chain([first], pieces))):
        yield lines.alike(piece).encode()
    yield lines.tail.encode()


def _decoded(blocks: Iterable[bytes], name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks:
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8 text: {error.reason}; convert it first, for example with iconv"
        raise ContentError(message) from None


class _Lines:
    """Follows the line ends of a text."""

    def __init__(self) -> None:
        self.tail = ""
        """Line ends that nothing has followed yet."""
        self._crlf = self._lone = False

    def inside(self, piece: str) -> str:
        """The next piece without the line ends that may be the text's last; they wait."""
        text = self.tail + piece
        inside = text.rstrip("\r\n")
        self.tail = text[len(inside) :]
        self._crlf = self._crlf or "\r\n" in text
        self._lone = self._lone or _LONE.search(text) is not None
        return inside

    def alike(self, piece: str) -> str:
        """A labelled piece; where all lines so far ended in CRLF, the labels' do too."""
        return _LONE.sub("\r\n", piece) if self._crlf and not self._lone else piece
