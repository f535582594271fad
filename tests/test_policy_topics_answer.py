"""Answers: what is found in them as they pass, and what that may add to a verdict."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.config import load
from labeler.errors import PolicyError
from labeler.policy import PolicySet, decide, extend
from labeler.policy.topics import Engine, Group, Lexicon
from labeler.policy.topics.scan import Scanner
from labeler.values import Because, Exchange, Verdict

ENGINE = Engine.of(
    [
        Lexicon(
            id=name,
            version="1",
            threshold=1,
            groups=(Group(weight=0.5, terms=first), Group(weight=0.5, terms=second)),
        )
        for name, first, second in (("x", ("发烧",), ("38 度",)), ("y", ("law",), ("court",)))
    ]
)


def scanned(pieces: list[str], limit: int = 100) -> dict[str, tuple[str, ...]]:
    scanner = Scanner(ENGINE, limit)
    for piece in pieces:
        scanner.feed(piece)
    return dict(scanner.end())


def test_a_term_cut_over_pieces_is_found() -> None:
    """Every character may come by itself."""
    assert scanned(list("他发烧38 度。")) == {"x": ("发烧", "38度")}
    assert scanned(["law", "yer in the court"]) == {}


@given(
    st.lists(
        st.sampled_from(["发", "烧", "38", " 度", "law", " ", "court", "ful", "e", "\u0301", "\ud83d", "。"])
    ),
    st.lists(st.integers(0, 60)),
    st.integers(1, 20),
)
def test_the_cut_does_not_matter(parts: list[str], cuts: list[int], limit: int) -> None:
    """However the text is cut, the same is found."""
    text = "".join(parts)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in pairwise(places)]
    assert scanned(pieces, limit) == scanned([text], limit) == scanned(list(text), limit)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_only_the_two_ends_are_looked_at(size: int) -> None:
    """Words at both ends count together, those in the middle do not."""
    text = f"发烧{'好' * 2000}law court{'好' * 2000}38度"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert scanned(pieces) == {"x": ("发烧", "38度")}


def test_no_word_reaches_over_what_was_left_out() -> None:
    """The end of the head and the start of the tail are no neighbours; without a gap they are."""
    assert scanned(["好" * 9 + "发", "好" * 20, "烧38度好好好好好好"], 10) == {}
    assert scanned(["好" * 9 + "发", "烧38度好好好好好好"], 10) == {"x": ("发烧", "38度")}


POLICY = """\
id: care
version: "1"
title: Care
match:
  any:
    - all: [{answer: {topic: medical}}, {model: m*}]
    - answer: {words: [片剂, Tablet]}
marker: {words: 【AI生成】, place: start}
disclaimers:
  - {words: 用药请遵医嘱。, place: end}
  - {words: 先说一句。, place: start}
  - {words: 两头都说。, place: both}
on_failure: pass
examples: [{ask: 你好, route: /care, scenarios: [care]}]
"""


def care(folder: Path, match: str = "    - {route: /care}", settings: str = "") -> PolicySet:
    """The general policy and one that looks at answers."""
    text = POLICY.replace("  any:\n", f"  any:\n{match}\n")
    (folder / "care.yaml").write_text(text, encoding="utf-8")
    (folder / "labeler.yaml").write_text(f"policies: [general, care.yaml]\n{settings}", encoding="utf-8")
    return load(folder / "labeler.yaml", environ={}).policies


def both(policies: PolicySet, answer: str, exchange: Exchange) -> tuple[Verdict, Verdict]:
    """The verdict before and after an answer."""
    scanner = policies.scanner()
    assert scanner is not None
    scanner.feed(answer)
    before = decide(policies, exchange)
    return before, extend(policies, before, exchange, scanner.end())


def test_an_answer_adds_a_disclaimer_at_the_end(tmp_path: Path) -> None:
    """And its scenario and reason; no label that stands at the start, and nothing else changes."""
    before, after = both(care(tmp_path), "每次一片，TABLET。", Exchange(messages=("怎么吃",)))
    assert before.scenarios == ("general",)
    assert after.scenarios == ("general", "care")
    added = after.stamps[len(before.stamps) :]
    assert after.stamps[: len(before.stamps)] == before.stamps
    assert [(one.kind, one.words, one.place) for one in added] == [
        ("disclaimer", "用药请遵医嘱。", "end"),
        ("disclaimer", "两头都说。", "end"),
    ]
    rule = f"{tmp_path}/care.yaml: match.any[2].answer"
    assert after.because == (*before.because, Because("care", rule, ("tablet",)))
    assert (after.on_failure, after.revision) == (before.on_failure, before.revision)


def test_an_answer_condition_joins_with_those_on_the_request(tmp_path: Path) -> None:
    """The topic counts only where the model fits too."""
    policies = care(tmp_path)
    answer = "发烧可以吃布洛芬。"
    assert "care" not in both(policies, answer, Exchange(model="x1"))[1].scenarios
    assert "care" in both(policies, answer, Exchange(model="m1"))[1].scenarios


@pytest.mark.parametrize(
    "exchange", [Exchange(human=True), Exchange(named=("general",)), Exchange(route="/care")]
)
def test_nothing_is_added_to_a_person_s_answer_to_named_scenarios_and_twice(
    tmp_path: Path, exchange: Exchange
) -> None:
    """Who names the scenarios replaces what words would tell."""
    before, after = both(care(tmp_path), "tablet", exchange)
    assert after == before


def test_nothing_found_changes_nothing(tmp_path: Path) -> None:
    """The very verdict comes back."""
    before, after = both(care(tmp_path), "你好！", Exchange())
    assert after is before


def test_without_such_a_policy_or_with_zero_characters_nothing_is_scanned(tmp_path: Path) -> None:
    """No scanner, no cost."""
    assert care(tmp_path, settings="detection: {answer: 0}").scanner() is None
    (tmp_path / "labeler.yaml").write_text("policies: [general]", encoding="utf-8")
    assert load(tmp_path / "labeler.yaml", environ={}).policies.scanner() is None


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("not: {answer: {topic: medical}}", "`answer` may not stand under `not`"),
        ("answer: {topic: nothing}", "there is no topic 'nothing'"),
        ("answer: {topic: medical, words: [a]}", "exactly one of `topic` and `words`"),
        ("answer: {words: []}", "at least 1"),
        ("answer: {words: [' ']}", "empty"),
    ],
)
def test_conditions_that_make_no_sense_are_problems(tmp_path: Path, condition: str, message: str) -> None:
    """Each is reported at its line."""
    with pytest.raises(PolicyError) as caught:
        care(tmp_path, f"    - {{{condition}}}")
    assert [(one.line, message in one.message) for one in caught.value.problems] == [(6, True)]
