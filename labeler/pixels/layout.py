"""Lines: the words of a label cut into lines that fit a given room.

East Asian text may break between any two characters except before closing marks and behind opening
ones; other text, hangul too, behind spaces.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple
from unicodedata import east_asian_width

from PIL.ImageFont import FreeTypeFont

_NOT_FIRST = frozenset(
    "，。、：；！？」』】）》〉”’…—・·％々ーぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;!?)]}%"
)
_NOT_LAST = frozenset("「『【（《〈“‘([{")

Breaks = Literal["words", "hyphens", "anywhere"]
"""Where lines may break beyond the places that they always may: nowhere; behind hyphens; inside words."""


class Line(NamedTuple):
    """One line: its text, and the box of its ink (left, top, right, bottom) around the point where its
    baseline begins."""

    text: str
    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Of the ink."""
        return self.right - self.left


class Block(NamedTuple):
    """Lines one below the other: the size of their ink in pixels, and from one baseline to the next."""

    lines: tuple[Line, ...]
    pitch: int

    @property
    def width(self) -> int:
        """Of the widest line."""
        return max(line.width for line in self.lines)

    @property
    def height(self) -> int:
        """From the first line's highest ink to the last one's lowest."""
        return self.lines[-1].bottom - self.lines[0].top + self.pitch * (len(self.lines) - 1)


def arrange(face: FreeTypeFont, words: str, width: int, height: int, breaks: Breaks) -> Block | None:
    """The words in lines whose ink fits `width` by `height` pixels; None where they do not fit."""
    rows: list[Line] = []
    for paragraph in filter(str.strip, words.splitlines()):
        lines = _wrapped(face, _pieces(paragraph, breaks), width)
        if not lines:
            return None
        rows += lines
    block = Block(tuple(rows), _pitch(face, rows))
    return block if rows and block.height <= height else None


def _pitch(face: FreeTypeFont, rows: list[Line]) -> int:
    """1.3 em, more where a line's ink would come near the next one's."""
    near = max((above.bottom - below.top for above, below in pairwise(rows)), default=0)
    return max(round(face.size * 1.3), near + max(1, round(face.size / 8)))


def _pieces(paragraph: str, breaks: Breaks) -> list[str]:
    """The paragraph cut at all places where a line may end."""
    text = " ".join(paragraph.split())
    cuts = [at for at in range(1, len(text)) if _may_break(text[at - 1], text[at], breaks)]
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def _may_break(before: str, behind: str, breaks: Breaks) -> bool:
    if behind in _NOT_FIRST or before in _NOT_LAST or behind == " ":
        return False
    if breaks == "anywhere" or before == " " or _ideographic(before) or _ideographic(behind):
        return True
    return breaks == "hyphens" and before in "-–"


def _ideographic(one: str) -> bool:
    return east_asian_width(one) in "WF" and not "가" <= one <= "힣"


def _wrapped(face: FreeTypeFont, pieces: list[str], width: int) -> list[Line]:
    """As few lines as `width` allows, and of these as even ones as can be; none where a piece is wider."""
    whole = _line(face, "".join(pieces))
    if whole.width <= width:
        return [whole]
    sizes = [(face.getlength(piece), face.getlength(piece.rstrip())) for piece in pieces]
    cuts = _evenly(sizes, width)
    lines = [_line(face, "".join(pieces[start:end])) for start, end in pairwise([0, *cuts, len(pieces)])]
    return [] if any(line.width > width for line in lines) else lines


def _evenly(sizes: list[tuple[float, float]], width: int) -> list[int]:
    """Where lines begin, the first one's begin left out, with the least width that takes no more lines
    than `width` does. `sizes`: the pieces' widths with and without the space at their end."""
    low, high, count = 0, width, len(_cuts(sizes, width))
    while low < high:
        middle = (low + high) // 2
        if len(_cuts(sizes, middle)) == count:
            high = middle
        else:
            low = middle + 1
    return _cuts(sizes, high)


def _cuts(sizes: list[tuple[float, float]], width: int) -> list[int]:
    cuts, used = [], 0.0
    for at, (full, bare) in enumerate(sizes):
        if at and used + bare > width:
            cuts.append(at)
            used = 0.0
        used += full
    return cuts


def _line(face: FreeTypeFont, text: str) -> Line:
    left, top, right, bottom = face.getbbox(text.rstrip(), anchor="ls")
    return Line(text.rstrip(), int(left), int(top), int(right), int(bottom))
