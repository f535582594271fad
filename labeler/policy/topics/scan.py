"""What an answer is about, found while it passes: nothing is held back, and the memory is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from labeler.labels.history import own_marks
from labeler.policy.patterns import well_formed
from labeler.policy.topics.engine import Engine
from labeler.policy.topics.lexicon import Group, Lexicon

Found = Mapping[str, tuple[str, ...]]
"""The topics that were found, by id, each with the words that speak for it."""

SEAM = f"\n{chr(0xFFFC) * 200}\n"
"""Stands where the middle of a long text was left out; no word and no pair reaches across."""

_PIECES = 256  # of a tail, until they become one


class Scanner:
    """The text of one answer, fed in pieces; of a long one its two ends are looked at.

    What `end` says does not depend on how the text was cut. `limit` is in characters at each end.
    `marks` are labels of ours, at a start and at an end: what they say is nothing that was generated.
    """

    def __init__(
        self, engine: Engine, limit: int, marks: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    ) -> None:
        self._engine, self._marks = engine, marks
        self._limit = limit
        self._head: list[str] = []
        self._room = limit
        self._tail: list[str] = []
        self._size = 0  # characters of the tail
        self._cut = False

    def feed(self, text: str) -> None:
        """Take the next piece of the answer's text."""
        if self._room:
            head, text = text[: self._room], text[self._room :]
            self._head.append(head)
            self._room -= len(head)
        if text:
            self._tail.append(text)
            self._size += len(text)
            if len(self._tail) >= _PIECES or self._size > 2 * self._limit:
                self._shorten()

    def end(self) -> Found:
        """What the answer is about, by topic and by `word_list`, now that it is complete."""
        if self._tail:
            self._shorten()
        seam = SEAM if self._cut else ""
        text = "".join((*self._head, seam, *self._tail))
        if idle(self._engine, self._limit, text.replace(SEAM, "") if seam else text):
            return {}
        for start, end in reversed(own_marks(text, *self._marks)):
            text = text[:start] + text[end:]
        return self._engine.find(well_formed(text))

    def _shorten(self) -> None:
        tail = "".join(self._tail)
        self._cut |= len(tail) > self._limit
        self._tail = [tail[-self._limit :]]
        self._size = len(self._tail[0])


def idle(engine: Engine, limit: int, text: str) -> bool:
    """Whether it is certain at a glance that neither end of a text has any of the words."""
    if engine.hint is None:
        return False
    return not any(map(engine.hint, (text,) if len(text) <= 2 * limit else (text[:limit], text[-limit:])))


@lru_cache(maxsize=256)
def word_list(words: tuple[str, ...]) -> Lexicon:
    """Words of which any one is enough, as a lexicon under a name that no topic has."""
    ordered = tuple(dict.fromkeys(words))
    group = Group(weight=1, terms=ordered)
    return Lexicon.model_construct(
        id="\n".join(("", *ordered)), language="", version="", threshold=1.0, groups=(group,)
    )
