"""What a topic's file says, as pydantic models, and what may be wrong with its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from labeler.errors import Problem
from labeler.policy import base as policy_base
from labeler.policy.base import Form, Id, Model
from labeler.policy.document import Document, Fault, FieldPath, fault
from labeler.policy.topics.fold import fold_term


def _heavy(weight: float) -> float:
    if weight == 0:
        raise fault(Fault("a weight of 0 says nothing", "blockers are words that take others away"))
    return weight


Weight = Annotated[float, Field(ge=-100, le=100), AfterValidator(_heavy)]
Words = Annotated[tuple[str, ...], Field(min_length=1)]


class Group(Model):
    """Terms that weigh the same. Case, width, traditional characters and white space do not matter;
    terms in Latin letters stand at word boundaries only."""

    weight: Weight
    """Below 0 it speaks against the topic."""
    terms: Words


class Pair(Model):
    """A word of each of two sets, near each other; counts once in a message."""

    of: tuple[str, str]
    """The names of two sets; the same one twice means two of its words."""
    within: int = Field(ge=0, le=200)
    """Characters that may stand between the two."""
    weight: Weight
    ordered: bool = False
    """The first set's word stands first."""


class Pattern(Model):
    """An RE2 expression over the folded text; counts once in a message."""

    regex: policy_base.Pattern
    weight: Weight


class Lexicon(Model):
    """One file of a topic. Several files with one id make one topic, met when one of them is."""

    id: Id
    language: Annotated[str, Form("([a-z]{2,3})?", "a language of two or three letters: zh")] = ""
    """Of the words; for people."""
    version: str
    threshold: float = Field(gt=0)
    """The weight from which on the topic is met."""
    groups: tuple[Group, ...] = ()
    sets: dict[str, Words] = Field(default_factory=dict)
    """Classes of words for `pairs`; they weigh nothing alone."""
    pairs: tuple[Pair, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    typos: dict[str, str] = Field(default_factory=dict)
    """Misspellings, each with the term or word of a set that it stands for."""
    blockers: tuple[str, ...] = ()
    """Longer words that hold a term by accident: what lies within one does not count."""

    @model_validator(mode="after")
    def _known_sets(self) -> Self:
        known = ", ".join(self.sets) or "none"
        wrong = [
            Fault(f"there is no set '{name}'", f"known: {known}", ("pairs", number, "of", at))
            for number, pair in enumerate(self.pairs)
            for at, name in enumerate(pair.of)
            if name not in self.sets
        ]
        if wrong:
            raise fault(*wrong)
        return self

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.groups or self.pairs or self.patterns):
            raise fault(Fault("the topic has no terms", "add `groups:`, `pairs:` or `patterns:`"))
        return self


def spelled(lexicon: Lexicon) -> set[str]:
    """Every term and word of the lexicon, folded."""
    terms = [word for group in lexicon.groups for word in group.terms]
    return {fold_term(word) for words in (terms, *lexicon.sets.values()) for word in words}


def check_words(document: Document, lexicon: Lexicon) -> Iterator[Problem]:
    """Words that are empty once folded, or stand twice where they should stand once."""
    if not _single([word for group in lexicon.groups for word in group.terms], lexicon.blockers):
        literals = [*grouped(("groups",), lexicon.groups), *listed(("blockers",), lexicon.blockers)]
        yield from doubles(document, literals)
    known = spelled(lexicon) if lexicon.typos else set()
    for typo, word in lexicon.typos.items():
        if fold_term(typo) in known:
            yield document.problem(("typos", typo), f"'{typo}' is a word itself", "remove it", at="key")
        elif fold_term(word) not in known:
            yield document.problem(("typos", typo), f"there is no word '{word}'", "name one of this file's")
    blocked = {fold_term(word) for word in lexicon.blockers}
    for name, words in lexicon.sets.items():
        if _single(words) and blocked.isdisjoint(map(fold_term, words)):
            continue
        placed = listed(("sets", name), words)
        yield from doubles(document, placed)
        for path, word in placed:
            if fold_term(word) in blocked:
                yield document.problem(path, f"'{word}' is a blocker too", "keep one of the two")


def _single(*lists: Iterable[str]) -> bool:
    """Whether nothing is wrong with words, so that nobody needs to know their places."""
    folded = [fold_term(word) for words in lists for word in words]
    unique = set(folded)
    return len(unique) == len(folded) and "" not in unique


def grouped(path: FieldPath, groups: Iterable[Group]) -> Iterator[tuple[FieldPath, str]]:
    """The terms of groups, each with its place."""
    for number, group in enumerate(groups):
        yield from listed((*path, number, "terms"), group.terms)


def listed(path: FieldPath, words: Iterable[str]) -> list[tuple[FieldPath, str]]:
    """Words, each with its place."""
    return [((*path, index), word) for index, word in enumerate(words)]


def doubles(document: Document, words: Iterable[tuple[FieldPath, str]]) -> Iterator[Problem]:
    """Words, each with its place, that are empty once folded or stand twice."""
    first: dict[str, FieldPath] = {}
    for path, word in words:
        folded = fold_term(word)
        if not folded:
            yield document.problem(path, "the term is empty")
        elif (before := first.setdefault(folded, path)) != path:
            line = document.values[before][0]
            yield document.problem(path, f"'{word}' is there twice", f"also in line {line}; keep one")
