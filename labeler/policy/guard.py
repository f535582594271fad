"""Guards: what no disclaimer cures, found in an answer, and what is done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import re2
from pydantic import Field, field_validator, model_validator

from labeler.policy.base import Model
from labeler.policy.condition import AnySpoken, Search, Spoken
from labeler.policy.document import Fault, fault
from labeler.policy.patterns import compile_pattern, is_anchored
from labeler.policy.topics.fold import fold
from labeler.policy.topics.hint import Hint, hint
from labeler.policy.words import ANY, Words
from labeler.values import Action


class Sign(Model):
    """One thing that a passage of the answer has: one of `words`, or what `pattern` finds."""

    words: Spoken | None = None
    """Case, width, white space and traditional characters do not matter; Latin words stand alone."""
    pattern: Search | None = None
    """An RE2 expression, searched for in the passage in lower case, in simplified characters and
    without white space between Chinese ones."""

    @field_validator("pattern")
    @classmethod
    def _without_anchors(cls, pattern: str | None) -> str | None:
        if pattern is not None and is_anchored(pattern):
            raise fault(
                Fault("`^` and `$` mean nothing in a passage", "leave them out; \\b is a word's edge")
            )
        return pattern

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.words is None) == (self.pattern is None):
            raise fault(
                Fault("has exactly one of `words` and `pattern`", "each sign behind a dash of its own")
            )
        return self


class Guard(Model):
    """What an answer under this policy must not say without consequence."""

    find: Annotated[tuple[Sign, ...], Field(min_length=1)]
    """All of these stand in one passage."""
    unless: AnySpoken = ()
    """A passage that has one of these words is none."""
    within: int = Field(default=1, ge=1, le=10)
    """Sentences (or lines) that a passage has at most."""
    action: Action = "disclaim"
    """`disclaim`: `words` are added at the end. `replace`: they stand instead of the answer. `stop`: a
    stream ends with them, and the call to the upstream is ended. `hold`: as `stop`, and the answer goes
    to a person for review. A stream cannot be replaced any more: there `replace` is `stop`."""
    words: Words
    """Per language, or one text for all. `{number}` becomes the response's content number."""
    window: Literal["sentence", "none"] = "sentence"
    """`sentence`: an answer under a guard that may stop it leaves sentence by sentence, each when it has
    been read. `none`: nothing waits, and what was found may have left."""


Test = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A guard, compiled. `tests` and `unless` look at folded text, `hints` at text as it is written: one
    that is silent speaks for a text that has nothing."""

    policy: str
    guard: str
    action: Action
    words: Mapping[str, str]
    within: int
    waits: bool
    tests: tuple[Test, ...]
    unless: Test | None
    hints: tuple[Hint, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether the answer does not go on as it is."""
        return self.action != "disclaim"

    def worth_a_look(self, text: str) -> bool:
        """Whether it may find something in a text as it is written, told at a glance."""
        return all(hint(text) for hint in self.hints)

    def found_in(self, passage: str) -> str | None:
        """What speaks for it in a folded passage, or None."""
        found: list[str] = []
        for test in self.tests:
            one = test(passage)
            if one is None:
                return None
            found.append(one)
        if self.unless is not None and self.unless(passage) is not None:
            return None
        return " … ".join(found)

    def said(self, languages: Iterable[str]) -> str:
        """Its words in the first of these languages that it has."""
        key = next(key for key in (*languages, ANY, *self.words) if key in self.words)
        return self.words[key]


def compiled(policy: str, name: str, guard: Guard) -> Rule:
    """The rule of a guard that was validated."""
    return Rule(
        policy,
        name,
        guard.action,
        guard.words,
        guard.within,
        guard.action != "disclaim" and guard.window == "sentence",
        tuple(_test(sign) for sign in guard.find),
        any_of(guard.unless) if guard.unless else None,
        tuple(hint(sign.words) for sign in guard.find if sign.words),
    )


def _test(sign: Sign) -> Test:
    return any_of(sign.words) if sign.words else compile_pattern(sign.pattern or "")


def any_of(words: Iterable[str]) -> Test:
    """A search for words in a folded text that returns the one it found, or None; an empty word is never
    found."""
    folded = [word for word in map(fold, words) if word]
    return compile_pattern("|".join(map(_alone, folded))) if folded else lambda _: None


def _alone(word: str) -> str:
    """A pattern for a word that, in Latin letters, is no part of another one."""
    before = r"\b" if word[0].isascii() and word[0].isalnum() else ""
    after = r"\b" if word[-1].isascii() and word[-1].isalnum() else ""
    return before + str(re2.escape(word)) + after
