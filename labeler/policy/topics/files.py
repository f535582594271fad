"""The lexicons that are shipped, and those that a folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from labeler.errors import Problem
from labeler.policy.document import Document, parse, validate
from labeler.policy.topics import engine
from labeler.policy.topics.fold import fold_term
from labeler.policy.topics.lexicon import Lexicon, check_words

Topics = Mapping[str, tuple[Lexicon, ...]]
"""The lexicons of each topic, by its id."""


def load_topics(folder: Path | None = None) -> tuple[Topics, tuple[Problem, ...]]:
    """The topics in a folder's `*.yaml` (the shipped ones by default), and what is wrong with them."""
    return _shipped() if folder is None else _load(folder)


@cache
def _shipped() -> tuple[Topics, tuple[Problem, ...]]:
    return _load(Path(__file__).parent)


def forget() -> None:
    """Read the shipped lexicons anew the next time, as a new process does."""
    _shipped.cache_clear()
    fold_term.cache_clear()
    engine.forget()


def _load(folder: Path) -> tuple[Topics, tuple[Problem, ...]]:
    topics: dict[str, tuple[Lexicon, ...]] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        lexicon, found = lexicon_of(parse(path.read_text(encoding="utf-8"), str(path)))
        problems += found
        if lexicon is not None:
            topics[lexicon.id] = (*topics.get(lexicon.id, ()), lexicon)
    return topics, tuple(problems)


def lexicon_of(document: Document) -> tuple[Lexicon | None, list[Problem]]:
    """A file as a lexicon, and what is wrong with it; None where it is none."""
    lexicon, found = validate(document, Lexicon, {})
    words = check_words(document, lexicon) if lexicon is not None else ()
    return lexicon, [*document.problems, *found, *words]


def all_lexicons(topics: Topics) -> tuple[Lexicon, ...]:
    """The lexicons of all topics, in order of the topics' ids."""
    return tuple(lexicon for name in sorted(topics) for lexicon in topics[name])
