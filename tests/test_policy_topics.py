"""Topics: what the medical lexicon hears, and how terms, blockers and weights work together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.policy.topics import Group, Lexicon, Topic, fold, load_topics

MEDICAL = load_topics()[0]["medical"]


def topic(*groups: tuple[float, list[str]], blockers: tuple[str, ...] = ()) -> Topic:
    made = tuple(Group(weight=weight, terms=tuple(terms)) for weight, terms in groups)
    return Topic.of(Lexicon(id="x", version="1", threshold=10, groups=made, blockers=blockers))


@pytest.mark.parametrize(
    "text",
    [
        "孩子发烧39度怎么办",
        "高血压患者能喝酒吗",
        "头孢和酒能一起吗",
        "膝盖这几天很痛",
        "my child has a fever",
        "Is it safe to take IBUPROFEN with food?",
        "my knee hurts",
        "做ＣＴ检查之前能吃饭吗",
    ],
)
def test_health_questions_are_heard(text: str) -> None:
    """Symptoms, illnesses, drugs, and a complaint about a part of the body are medical."""
    assert MEDICAL.find(fold(text))


@pytest.mark.parametrize(
    "text",
    [
        "今天天气怎么样",
        "今年的潮流感穿搭",
        "骨折优惠是真的吗",
        "手机中病毒了怎么杀毒",
        "发烧友推荐的耳机",
        "夏天炎热的城市有哪些",
        "写一个医生的故事",
        "练膝盖和肩膀的动作",
        "how do I go back to the head of the queue",
        "std::vector in C++",
        "",
    ],
)
def test_other_questions_are_not(text: str) -> None:
    """Words that hold a term by accident, and weak words alone, are not medical."""
    assert MEDICAL.find(fold(text)) == ()


def test_weights_add_up_over_different_terms() -> None:
    """Two weak terms reach the threshold together; one weak term twice does not."""
    weak = topic((5, ["pain", "knee"]))
    assert weak.find(fold("Knee  PAIN")) == ("knee", "pain")
    assert weak.find("pain and pain") == ()


def test_only_the_longest_of_overlapping_terms_counts() -> None:
    """A term inside a longer one adds nothing."""
    nested = topic((5, ["药", "药店"]))
    assert nested.find("药店") == ()
    assert nested.find("药店卖药") == ("药店", "药")


def test_a_blocker_takes_away_what_it_covers_and_no_more() -> None:
    """The same term elsewhere in the text still counts."""
    blocked = topic((10, ["流感"]), blockers=("潮流感",))
    assert blocked.find("潮流感") == ()
    assert blocked.find("潮流感和流感") == ("流感",)


@pytest.mark.parametrize("text", ["influ", "flux", "a1flu", "flué"])
def test_latin_terms_stand_at_word_boundaries(text: str) -> None:
    """A Latin term inside a longer word or number is none."""
    assert topic((10, ["flu"])).find(text) == ()


def test_latin_terms_stand_beside_chinese_ones() -> None:
    """Chinese characters need no space around a Latin term."""
    assert topic((10, ["CT"])).find(fold("做CT要多久")) == ("ct",)


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    """No text raises, and what is found stands in the folded text."""
    folded = fold(text)
    assert all(term in folded for term in MEDICAL.find(folded))


def test_the_shipped_lexicons_are_sound() -> None:
    """No term stands twice, none is empty, and the files are valid."""
    topics, problems = load_topics()
    assert problems == []
    assert set(topics) == {"medical"}


def test_doubled_and_empty_terms_are_problems(tmp_path: Path) -> None:
    """A term that is there twice, in whatever case or width, is reported at its second place."""
    file = tmp_path / "x.yaml"
    file.write_text(
        'id: x\nversion: "1"\nthreshold: 1\ngroups:\n  - weight: 1\n    terms:\n'
        '      - flu\n      - ＦＬＵ\n      - " "\n',
        encoding="utf-8",
    )
    _, problems = load_topics(tmp_path)
    assert [(problem.line, problem.field) for problem in problems] == [
        (8, "groups[0].terms[1]"),
        (9, "groups[0].terms[2]"),
    ]
