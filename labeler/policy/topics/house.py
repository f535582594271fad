"""What a service makes of the topics: terms of its own, terms taken out, topics of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field

from labeler.errors import Problem
from labeler.policy.base import Model, Name
from labeler.policy.document import Document, FieldPath
from labeler.policy.topics.files import Topics, lexicon_of
from labeler.policy.topics.fold import fold_term
from labeler.policy.topics.lexicon import Group, Lexicon, doubles, grouped, listed


class House(Model):
    """What a service changes in a topic's lexicons, or the file of a topic of its own."""

    file: Name | None = None
    """A lexicon, relative to labeler.yaml: of a new topic, or one more of a topic that there is."""
    threshold: float | None = Field(default=None, gt=0)
    """In place of the lexicons' own."""
    terms: tuple[Group, ...] = ()
    """Added to every lexicon of the topic; a term that is there already weighs what stands here."""
    blockers: tuple[str, ...] = ()
    """Added to every lexicon of the topic."""
    remove: tuple[str, ...] = ()
    """Terms, words of sets and blockers that are taken out."""


def with_house(
    topics: Topics, changes: Mapping[str, House], document: Document, read: Callable[[str], Document]
) -> tuple[Topics, list[Problem]]:
    """The topics as labeler.yaml (`document`) changes them, and what is wrong with the changes.

    `read` opens a file that is named relative to labeler.yaml.
    """
    changed = dict(topics)
    problems: list[Problem] = []
    for name, house in changes.items():
        path: FieldPath = ("detection", "topics", name)
        lexicons, found = _lexicons(name, house, topics, document, read)
        problems += [*found, *_wrong_words(path, house, lexicons, document)]
        if lexicons:
            changed[name] = tuple(_changed(lexicon, house) for lexicon in lexicons)
    return changed, problems


def _lexicons(
    name: str, house: House, topics: Topics, document: Document, read: Callable[[str], Document]
) -> tuple[tuple[Lexicon, ...], list[Problem]]:
    """A topic's lexicons, the service's own file among them."""
    path: FieldPath = ("detection", "topics", name)
    known = topics.get(name, ())
    if house.file is None:
        hint = f"known: {', '.join(sorted(topics))}; a topic of your own needs `file:`"
        unknown = document.problem(path, f"there is no topic '{name}'", hint, at="key")
        return known, [] if known else [unknown]
    lexicon, problems = lexicon_of(read(house.file))
    if lexicon is not None and lexicon.id != name:
        message = f"the file's id is '{lexicon.id}', not '{name}'"
        problems.append(document.problem((*path, "file"), message, "name the topic as its file does"))
    return (*known, lexicon) if lexicon is not None else known, problems


def _wrong_words(
    path: FieldPath, house: House, lexicons: Iterable[Lexicon], document: Document
) -> Iterator[Problem]:
    own = [*grouped((*path, "terms"), house.terms), *listed((*path, "blockers"), house.blockers)]
    yield from doubles(document, own)
    there = {word for lexicon in lexicons for word in _all_words(lexicon)}
    for place, word in listed((*path, "remove"), house.remove):
        if there and fold_term(word) not in there:
            yield document.problem(place, f"no lexicon of the topic has '{word}'")


def _all_words(lexicon: Lexicon) -> set[str]:
    literals = (term for group in lexicon.groups for term in group.terms)
    words = (word for words in lexicon.sets.values() for word in words)
    return set(map(fold_term, (*literals, *words, *lexicon.blockers)))


def _changed(lexicon: Lexicon, house: House) -> Lexicon:
    removed = set(map(fold_term, house.remove))
    own = {fold_term(term) for group in house.terms for term in group.terms}
    blocking = set(map(fold_term, house.blockers))
    groups = [_without(group, removed | own | blocking) for group in lexicon.groups]
    update: dict[str, Any] = {
        "threshold": house.threshold or lexicon.threshold,
        "groups": (*groups, *house.terms),
        "sets": {name: _left(words, removed | blocking) for name, words in lexicon.sets.items()},
        "blockers": (*_left(lexicon.blockers, removed | own | blocking), *house.blockers),
    }
    return lexicon.model_copy(update=update)


def _without(group: Group, words: Collection[str]) -> Group:
    return group.model_copy(update={"terms": _left(group.terms, words)})


def _left(words: tuple[str, ...], gone: Collection[str]) -> tuple[str, ...]:
    return tuple(word for word in words if fold_term(word) not in gone)
