"""Several jurisdictions: one answer carries the labels that it owes under each."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler import Labeler, PolicyError
from labeler.labels.wording import missing_elements

ENGLISH, CHINESE = "Why is the sky blue?", "天为什么是蓝的？"


def service(folder: Path, jurisdictions: str, more: str = "") -> Labeler:
    (folder / "labeler.yaml").write_text(f"jurisdictions: [{jurisdictions}]\n{more}", encoding="utf-8")
    return Labeler.load(folder / "labeler.yaml")


def markers(labeler: Labeler, question: str) -> list[str]:
    verdict = labeler.text("x", question=question).outcome.verdict
    assert verdict is not None
    return [stamp.words for stamp in verdict.stamps if stamp.kind == "marker"]


def test_china_alone_is_the_default(tmp_path: Path) -> None:
    """Without a word about it nothing of other jurisdictions is said."""
    assert markers(Labeler.load(), CHINESE) == markers(service(tmp_path, "cn"), CHINESE) == ["【AI生成】"]


def test_a_marker_that_satisfies_two_rules_is_said_once(tmp_path: Path) -> None:
    """The English marker under `cn` has the elements that the European Union asks for."""
    labeler = service(tmp_path, "cn, eu")
    assert markers(labeler, ENGLISH) == ["【AI生成】 AI-generated"]
    chinese = markers(labeler, CHINESE)
    assert chinese[0] == "【AI生成】"
    assert len(chinese) == 2


def test_an_answer_may_owe_labels_under_many(tmp_path: Path) -> None:
    """All of them at once: every rule is satisfied by some marker of the answer."""
    labeler = service(tmp_path, "cn, eu, us-ca, kr, in")
    content = labeler.text("x", question=CHINESE).content
    assert content.startswith("【AI生成】\n\n")
    verdict = labeler.text("x", question=CHINESE).outcome.verdict
    assert verdict is not None
    assert {"eu", "us-ca", "kr", "in"} <= set(verdict.scenarios)


def test_without_china_no_chinese_label_is_said(tmp_path: Path) -> None:
    """The first jurisdiction's policy is the default; disclaimers of scenarios stay."""
    labeler = service(tmp_path, "eu")
    assert labeler.service.default == "eu"
    content = labeler.text("Drink water.", question="my child has a fever").content
    assert "【AI生成】" not in content
    assert content.startswith("AI-generated")
    assert "doctor" in content


def test_pictures_carry_the_words_of_all(tmp_path: Path) -> None:
    """Those of the default policy, those that another jurisdiction's policy has of its own, and those that
    another jurisdiction's rule still lacks."""
    other = """
id: house-kr
version: "1"
title: t
jurisdiction: kr
match: {always: true}
marker: {words: AI로 생성된 콘텐츠}
picture: {label: {words: AI 생성}}
examples: [{ask: x, scenarios: []}]
"""
    (tmp_path / "kr.yaml").write_text(other, encoding="utf-8")
    for named, lines in (
        ("cn, kr", ["AI生成", "AI 생성"]),
        ("eu", ["AI-generated"]),
        ("cn, eu", ["AI生成", "AI-generated"]),
    ):
        used = "policies: [general, ./kr.yaml]\n" if "kr" in named else ""
        verdict = service(tmp_path, named, used).text("x", question=CHINESE).outcome.verdict
        assert verdict is not None
        assert verdict.picture.look.words.splitlines() == lines


def test_one_line_that_satisfies_all_is_enough(tmp_path: Path) -> None:
    """The bilingual words of an English question serve China and the Union; where China's rule is none of the
    service's, its words are not on the picture either."""
    for named, used, words in (
        ("cn, eu", "", "AI生成 AI-generated"),
        ("eu", "policies: [general, medical]\n", "AI-generated"),
    ):
        verdict = service(tmp_path, named, used).text("x", question="Hello").outcome.verdict
        assert verdict is not None
        assert verdict.picture.look.words == words


HOUSE = """\
id: house
version: "1"
title: t
jurisdiction: {}
match: {{always: true}}
marker: {}
examples: [{{ask: x, scenarios: []}}]
"""


@pytest.mark.parametrize("named", ["cn", "cn, eu", "eu, cn"])
def test_every_answer_owes_a_label_under_each(tmp_path: Path, named: str) -> None:
    """GB 45438-2025, 5.1: a default policy under another jurisdiction is no label under `cn`, whatever it says."""
    (tmp_path / "house.yaml").write_text(HOUSE.format("eu", "{words: AI-generated}"), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        service(tmp_path, named, "policies: [house.yaml]\ndefault: house\n")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.field) == (str(tmp_path / "house.yaml"), 4, "jurisdiction")
    assert "owes labels under 'cn'" in problem.message
    assert "`jurisdiction: cn`" in problem.hint


@pytest.mark.parametrize(
    ("words", "beside"),
    [("AI-generated", ["general.yaml"]), ("AI生成 AI-generated", [])],
    ids=["beside", "both"],
)
def test_a_label_under_each_may_come_from_anywhere(tmp_path: Path, words: str, beside: list[str]) -> None:
    """From another policy that always applies, or from the default one's words, which serve two."""
    (tmp_path / "house.yaml").write_text(HOUSE.format("eu", f"{{words: {words}}}"), encoding="utf-8")
    general = HOUSE.format("cn", "{words: 【AI生成】}").replace("id: house", "id: china")
    (tmp_path / "general.yaml").write_text(general, encoding="utf-8")
    used = ", ".join(["house.yaml", *beside])
    labeler = service(tmp_path, "cn, eu", f"policies: [{used}]\ndefault: house\n")
    said = " ".join(markers(labeler, ENGLISH))
    assert missing_elements(said, "cn") == missing_elements(said, "eu") == ()


def test_a_label_of_the_interface_takes_none_out_of_the_text(tmp_path: Path) -> None:
    """The page shows the Chinese one; nobody said that it shows the European one."""
    general = HOUSE.format("cn", "{words: {zh: 【AI生成】, en: 【AI生成】 AI-generated}, place: interface}")
    (tmp_path / "general.yaml").write_text(general.replace("id: house", "id: general"), encoding="utf-8")
    labeler = service(tmp_path, "cn, eu", "policies: [general.yaml]\n")
    assert labeler.text("x", question=ENGLISH).content.startswith("AI-generated\n")


def test_a_reader_gets_the_label_in_his_language(tmp_path: Path) -> None:
    """The words of a jurisdiction that has his are said beside those that would satisfy its rule in another."""
    labeler = service(tmp_path, "cn, eu, us-ca, kr, in")
    assert "AI로 생성된 콘텐츠입니다" in markers(labeler, "오늘 날씨 어때?")
    assert markers(labeler, ENGLISH) == ["【AI生成】 AI-generated"]


def test_an_unknown_jurisdiction_is_an_error(tmp_path: Path) -> None:
    """With its place and what is known."""
    with pytest.raises(PolicyError) as caught:
        service(tmp_path, "cn, mars")
    assert any(one.field == "jurisdictions[1]" for one in caught.value.problems)
