"""Topics: lexicons that tell from the user's words what a question is about.

Each `*.yaml` here is one topic. Terms have weights; the weights of the different terms that are
found are added up, and the topic is met from its threshold on. A blocker is a longer word that holds
a term by accident: 「潮流感」 holds 「流感」. Of overlapping finds only the longest ones count.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ahocorasick_rs import AhoCorasick
from pydantic import BaseModel, ConfigDict, Field

from labeler.errors import Problem
from labeler.policy.document import Document, FieldPath, parse, validate


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Group(_Model):
    """Terms that weigh the same. Case, width and runs of white space do not matter; terms in Latin
    letters stand at word boundaries only."""

    weight: float = Field(gt=0)
    terms: tuple[str, ...] = Field(min_length=1)


class Lexicon(_Model):
    """What a topic's file says."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")
    version: str
    threshold: float = Field(gt=0)
    groups: tuple[Group, ...] = Field(min_length=1)
    blockers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """A lexicon, ready to search."""

    id: str
    lexicon: Lexicon
    _words: tuple[str, ...]
    _weights: tuple[float, ...]  # 0 for a blocker
    _automaton: AhoCorasick

    @classmethod
    def of(cls, lexicon: Lexicon) -> Topic:
        """Build the automaton; a word that stands twice counts as it does last."""
        weights = {fold(term): group.weight for group in lexicon.groups for term in group.terms}
        weights |= {fold(word): 0.0 for word in lexicon.blockers}
        weights.pop("", None)  # reported by `load_topics`
        words = tuple(weights)
        return cls(lexicon.id, lexicon, words, tuple(weights.values()), AhoCorasick(words))

    def find(self, folded: str) -> tuple[str, ...]:
        """The different terms in a folded text, in order, or none if they weigh too little together."""
        matches = self._automaton.find_matches_as_indexes(folded, overlapping=True)
        if not matches:
            return ()
        hits = [(start, -end, index) for index, start, end in matches if _stands_alone(folded, start, end)]
        found: dict[int, float] = {}
        reach = 0
        for _, end, index in sorted(hits):
            if -end > reach:  # else it lies within a longer one
                reach = -end
                found[index] = self._weights[index]
        if sum(found.values()) < self.lexicon.threshold:
            return ()
        return tuple(self._words[index] for index, weight in found.items() if weight)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a word's Latin ends are not inside a longer Latin word or number."""
    return not (
        (_latin(text[start]) and start > 0 and _latin(text[start - 1]))
        or (_latin(text[end - 1]) and end < len(text) and _latin(text[end]))
    )


def _latin(char: str) -> bool:
    return char < "\u2000" and char.isalnum()


def fold(text: str) -> str:
    """Text in the form in which terms are compared: NFKC, case-folded, white space made single."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def load_topics(folder: Path | None = None) -> tuple[dict[str, Topic], list[Problem]]:
    """The topics in a folder (the shipped ones by default), by id, and what is wrong with them."""
    topics: dict[str, Topic] = {}
    problems: list[Problem] = []
    for path in sorted((folder or Path(__file__).parent).glob("*.yaml")):
        document = parse(path.read_text(encoding="utf-8"), str(path))
        lexicon, found = validate(document, Lexicon, {})
        problems += [*document.problems, *found]
        if lexicon is not None:
            problems += _doubles(document, lexicon)
            topics[lexicon.id] = Topic.of(lexicon)
    return topics, problems


def _doubles(document: Document, lexicon: Lexicon) -> Iterator[Problem]:
    first: dict[str, FieldPath] = {}
    for path, word in _words(lexicon):
        if not fold(word):
            yield document.problem(path, "the term is empty")
        elif (before := first.setdefault(fold(word), path)) != path:
            line = document.values[before][0]
            yield document.problem(path, f"'{word}' is there twice", f"also in line {line}; keep one")


def _words(lexicon: Lexicon) -> Iterator[tuple[FieldPath, str]]:
    for number, group in enumerate(lexicon.groups):
        for index, term in enumerate(group.terms):
            yield ("groups", number, "terms", index), term
    for index, word in enumerate(lexicon.blockers):
        yield ("blockers", index), word


def content(topics: Mapping[str, Topic]) -> list[dict[str, object]]:
    """The lexicons as plain data, in order of their ids; for the policies' revision."""
    return [topics[name].lexicon.model_dump(mode="json") for name in sorted(topics)]
