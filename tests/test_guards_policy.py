"""Guards in policy files: what is wrong with one is told with its line, column, field and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.config import load
from labeler.errors import PolicyError, Problem

GOOD = """\
id: house
version: "1"
title: House
match: {always: true}
marker: {words: 【AI生成】, place: start}
guards:
  dose:
    find:
      - words: [阿莫西林]
      - pattern: '\\d+ ?mg'
    action: stop
    words: 用药请遵医嘱
examples: [{ask: Hi, scenarios: []}]
"""

MISTAKES: list[tuple[str, str, tuple[int, int, str], str]] = [
    ("'\\d+ ?mg'", "'^mg'", (10, 18, "guards.dose.find[1].pattern"), "mean nothing in a passage"),
    ("'\\d+ ?mg'", "'mg$'", (10, 18, "guards.dose.find[1].pattern"), "leave them out"),
    ("'\\d+ ?mg'", "'\\Amg'", (10, 18, "guards.dose.find[1].pattern"), "mean nothing in a passage"),
    ("'\\d+ ?mg'", "'mg\\z'", (10, 18, "guards.dose.find[1].pattern"), "mean nothing in a passage"),
    ("'\\d+ ?mg'", "'(mg'", (10, 18, "guards.dose.find[1].pattern"), "missing )"),
    ("'\\d+ ?mg'", "'(?=m)g'", (10, 18, "guards.dose.find[1].pattern"), "RE2"),
    ("- words: [阿莫西林]", "- {words: [a], pattern: b}", (9, 9, "guards.dose.find[0]"), "exactly one of"),
    ("- words: [阿莫西林]", "- {}", (9, 9, "guards.dose.find[0]"), "exactly one of"),
    ("[阿莫西林]", "[]", (9, 16, "guards.dose.find[0].words"), "at least 1"),
    ("[阿莫西林]", '[阿莫西林, ""]', (9, 23, "guards.dose.find[0].words[1]"), "at least 1"),
    ("[阿莫西林]", '["\\u200b"]', (9, 17, "guards.dose.find[0].words[0]"), "the word is empty"),
    ("- words: [阿莫西林]", "- word: [阿莫西林]", (9, 9, "guards.dose.find[0].word"), "unknown field"),
    ("action: stop", "wihtin: 2", (11, 5, "guards.dose.wihtin"), "did you mean 'within'"),
    ("action: stop", "action: stopp", (11, 13, "guards.dose.action"), "did you mean 'stop'"),
    ("action: stop", "action: block", (11, 13, "guards.dose.action"), "'disclaim', 'replace', 'stop'"),
    ("action: stop", "window: words", (11, 13, "guards.dose.window"), "'sentence' or 'none'"),
    ("action: stop", "within: 0", (11, 13, "guards.dose.within"), "greater than or equal to 1"),
    ("action: stop", "within: 11", (11, 13, "guards.dose.within"), "less than or equal to 10"),
    ("action: stop", "unless: 过敏", (11, 13, "guards.dose.unless"), "must be a list"),
    ("action: stop", 'unless: [" "]', (11, 14, "guards.dose.unless[0]"), "the word is empty"),
    ("action: stop", 'unless: [过敏, "\\u200b"]', (11, 18, "guards.dose.unless[1]"), "the word is empty"),
    ("'\\d+ ?mg'", "'(mg)?'", (10, 18, "guards.dose.find[1].pattern"), "in every text"),
    ("    words: 用药请遵医嘱\n", "", (8, 5, "guards.dose.words"), "missing"),
    ("words: 用药请遵医嘱", "words: ''", (12, 12, "guards.dose.words.any"), "must be words"),
]
"""What is replaced by what in the sound policy, where the problem stands, and what it says."""


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    """What is wrong with a policy file."""
    (folder / "house.yaml").write_text(text, encoding="utf-8")
    (folder / "labeler.yaml").write_text("policies: [house.yaml]\ndefault: house\n", encoding="utf-8")
    try:
        load(folder / "labeler.yaml", environ={})
    except PolicyError as error:
        return error.problems
    return ()


def test_the_sound_policy_is_sound(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == ()


@pytest.mark.parametrize(("old", "new", "place", "says"), MISTAKES, ids=lambda value: str(value)[:30])
def test_every_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, place: tuple[int, int, str], says: str
) -> None:
    """One problem, at its line and column, that names the field and what would be right."""
    assert old in GOOD
    (found,) = problems(tmp_path, GOOD.replace(old, new))
    assert Path(found.file).name == "house.yaml"
    assert (found.line, found.column, found.field) == place
    assert says in f"{found.message} {found.hint}"


PATTERNS = ["\\$5", "[^a]mg", "[$^]", "a\\^b", "\\bmg\\b", "\\\\Ab", "mg\\\\z"]


@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
def test_signs_that_only_look_like_anchors_are_none(tmp_path: Path, pattern: str) -> None:
    """Escaped, or in a class."""
    assert problems(tmp_path, GOOD.replace("\\d+ ?mg", pattern)) == ()


def test_a_policy_may_have_guards_alone(tmp_path: Path) -> None:
    """They are something that it says."""
    text = GOOD.replace("marker: {words: 【AI生成】, place: start}\n", "")
    assert [one for one in problems(tmp_path, text) if "says nothing" in one.message] == []
