"""What guards find in an answer, and in which words they say it."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler import Labeler
from tests.guard_tools import (
    ANSWER,
    BEFORE,
    DOSE,
    RULE,
    SAFE,
    guard,
    guarded,
    labelled,
    one_guarded,
    streamed,
)
from tests.wire import MARK, NOTE

FOUND = {
    "阿莫西林每次500毫克 mg": False,
    "阿莫西林500mg": True,
    "阿莫西林500MG": True,
    "阿莫西林５００ｍｇ": True,
    "阿 莫 西 林 500 mg": True,
    "Amoxicillin 500 mg": True,
    "amoxicillins 500 mg": False,
    "阿莫西林。每次500 mg": False,
    "阿莫西林\n500 mg": False,
    "amoxicillin v1.5 500 mg": True,
    "amoxicillin. 500 mg": False,
    "阿莫西林；500 mg": False,
    "500 mg 的阿莫西林": True,
}


@pytest.mark.parametrize("text", FOUND, ids=repr)
def test_what_is_found(tmp_path: Path, text: str) -> None:
    """All signs in one sentence; spelling, width, spaces and case do not matter, Latin words stand alone."""
    assert bool(guarded(tmp_path, guard("stop")).text(text).outcome.slots[0].guarded) is FOUND[text]


def test_a_passage_may_have_several_sentences(tmp_path: Path) -> None:
    """`within`: signs in neighbouring sentences belong together, those further apart do not; what has
    neither letter nor digit is no sentence."""
    labeler = guarded(tmp_path, guard("stop", "within: 2"))
    for text, found in {
        "阿莫西林。每次500 mg。": "阿莫西林。 每次500 mg。",
        "阿莫西林。\n\n***\n！！每次500 mg。": "阿莫西林。 每次500 mg。",
        "阿莫西林。别怕。每次500 mg。": "",
    }.items():
        for outcome in (labeler.text(text).outcome, streamed(labeler, list(text))[1]):
            assert [one.found for one in outcome.slots[0].guarded] == [found] * bool(found)


RUNS = st.sampled_from(["阿莫西林", "5mg", "5", "mg", "a", *"。！.;\n *_-…", "\u3000", "!!"])


def has_a_dose(text: str) -> bool:
    """Whether two neighbouring sentences of a text have a drug and a dose."""
    parts = re.split(r"(?<=[。！？!?；;\n])|(?<=\.)(?=\s)", text)
    sentences = [" ".join(part.split()) for part in parts if any(map(str.isalnum, part))]
    passages = [*sentences, *map(" ".join, pairwise(sentences))]
    return any("阿莫西林" in passage and re.search(r"\d ?mg", passage) for passage in passages)


@given(st.lists(RUNS, max_size=12).map("".join))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_signs_between_sentences_are_none(tmp_path: Path, text: str) -> None:
    """What is found in a whole answer is what a reader of sentence by sentence finds, whatever runs of signs
    stand between them."""
    outcome = _two_sentences(tmp_path).text(text).outcome
    assert bool([one for slot in outcome.slots for one in slot.guarded]) is has_a_dose(text)


@cache
def _two_sentences(folder: Path) -> Labeler:
    return guarded(folder, guard("disclaim", "within: 2"))


@pytest.mark.parametrize("sign", [".", "\n", "。*"])
def test_a_long_run_of_signs_is_read_in_one_go(tmp_path: Path, sign: str) -> None:
    """A million dots before the dose: who looked behind each of them for the next end would never come to it."""
    text = f"阿莫西林{sign * 1_000_000}a。{DOSE}"
    assert one_guarded(guarded(tmp_path, guard("disclaim")).text(text).outcome).rule == "disclaim: " + RULE


def test_unless_spares_a_passage(tmp_path: Path) -> None:
    """A passage with one of these words is none; another one of the same answer still is."""
    labeler = guarded(tmp_path, guard("stop", "unless: [过敏, 禁用]"))
    spared = "对阿莫西林过敏者不能用500 mg。"
    assert labeler.text(spared).content == labelled(spared)
    assert labeler.text(spared + DOSE).content == labelled(SAFE)
    assert "".join(labeler.stream(list(spared + DOSE))) == labelled(spared, SAFE)


def test_several_guards_each_say_their_words(tmp_path: Path) -> None:
    """Each once, in the order in which they were found, however often; the first that stops is the last."""
    promise = guard("disclaim", name="promise", find="[{words: [保证]}]", words="没有保证")
    cure = guard("disclaim", name="cure", find="[{words: [治愈]}]", words="不能治愈")
    stop = guard("stop")
    text = "治愈，保证。保证治愈。"
    wanted = labelled(text, NOTE, "不能治愈", "没有保证").removesuffix(f"\n\n{NOTE}")
    labeler = guarded(tmp_path, promise, cure)
    assert labeler.text(text).content == labelled(text, NOTE, "没有保证", "不能治愈").removesuffix(
        f"\n\n{NOTE}"
    )
    assert "".join(labeler.stream(list("治愈。保证。"))) == wanted.replace(text, "治愈。保证。")
    given, outcome = streamed(guarded(tmp_path, promise, stop), list("保证。" + ANSWER))
    assert "".join(given).startswith(f"{MARK}\n\n保证。{BEFORE}\n\n{SAFE}\n\n{NOTE}")
    said = {stamp.words for stamp in outcome.slots[0].said}
    assert {one.words for one in outcome.slots[0].guarded if one.action == "disclaim"} <= said
    assert "没有保证" in "".join(given)


def test_the_words_name_the_content_number(tmp_path: Path) -> None:
    """`{number}`: the reference under which a person finds what was held."""
    done = guarded(tmp_path, guard("hold", words="'已转人工，编号 {number}'")).text(ANSWER)
    assert f"编号 {done.outcome.number}" in done.content
    assert one_guarded(done.outcome).words == f"已转人工，编号 {done.outcome.number}"


@pytest.mark.parametrize(
    ("question", "words"), [("孩子发烧", "遵医嘱"), ("fever, how much?", "ask a doctor")]
)
def test_the_words_follow_the_language_of_the_labels(tmp_path: Path, question: str, words: str) -> None:
    """As every label does."""
    stop = guard("stop", words="{zh: 遵医嘱, en: ask a doctor}")
    labeler = guarded(tmp_path, stop, marker=f"{{words: {{zh: {MARK}, en: {MARK} AI-generated}}}}")
    assert words in labeler.text(ANSWER, question=question).content


def test_a_mark_of_the_upstream_that_does_not_leave_is_said(tmp_path: Path) -> None:
    """A sentence that begins with the exact mark takes it along."""
    labeler = guarded(tmp_path, guard("stop"))
    for text in (f"\n{MARK}{DOSE}", f"{MARK}{DOSE}", f"{MARK}\n\n{DOSE}", f"{MARK}{BEFORE}{DOSE}"):
        for pieces in ([text], list(text)):
            assert "".join(streamed(labeler, pieces)[0]).count(MARK) == 1


def test_what_a_person_wrote_is_not_read(tmp_path: Path) -> None:
    """Guards are for what a model says."""
    labeler = guarded(tmp_path, guard("stop"))
    assert labeler.text(ANSWER, human=True).content == ANSWER
