"""Lexicon files and what a service changes in them: what is read, and how mistakes are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.config import load
from labeler.errors import PolicyError
from labeler.policy import PolicySet, decide
from labeler.policy.topics import Engine, all_lexicons, load_topics
from labeler.values import Exchange

PETS = """\
id: pets
language: zh
version: "1"
threshold: 1
groups:
  - {weight: 1, terms: [猫, 狗]}
sets:
  animal: [金鱼]
  care: [喂]
pairs:
  - {of: [animal, care], within: 4, weight: 1}
patterns:
  - {regex: 养.宠物, weight: 1}
blockers: [热狗]
"""


def changed(old: str, new: str) -> str:
    assert old in PETS
    return PETS.replace(old, new)


def test_the_shipped_lexicons_are_sound() -> None:
    """No term stands twice, none is empty, the files are valid and named after what they hold."""
    topics, problems = load_topics()
    assert problems == ()
    assert "medical" in topics
    folder = Path(__file__).parents[1] / "labeler/policy/topics"
    names = {f"{one.id}.{one.language}.yaml" for one in all_lexicons(topics)}
    assert names == {file.name for file in folder.glob("*.yaml")}


def test_files_of_one_id_make_one_topic(tmp_path: Path) -> None:
    """The topic is met where one of them is; their weights are not added."""
    (tmp_path / "pets.zh.yaml").write_text(PETS, encoding="utf-8")
    (tmp_path / "pets.en.yaml").write_text(changed("[猫, 狗]", "[cat, dog]"), encoding="utf-8")
    topics, problems = load_topics(tmp_path)
    assert (list(topics), problems) == (["pets"], ())
    engine = Engine.of(all_lexicons(topics))
    assert engine.find("My cat and 狗") == {"pets": ("cat", "狗")}


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("[猫, 狗]", "[cat, ＣＡＴ]", 6, "groups[0].terms[1]", "there twice"),
        ("[猫, 狗]", "[猫, ' ']", 6, "groups[0].terms[1]", "empty"),
        ("[猫, 狗]", "[猫, 12]", 6, "groups[0].terms[1]", "must be text"),
        ("weight: 1, terms", "weight: 0, terms", 6, "groups[0].weight", "weight of 0"),
        ("[金鱼]", "[金鱼, 金魚]", 8, "sets.animal[1]", "there twice"),
        ("[金鱼]", "[热狗]", 8, "sets.animal[0]", "is a blocker too"),
        ("[热狗]", "[猫]", 14, "blockers[0]", "there twice"),
        ("[animal, care]", "[animal, cares]", 11, "pairs[0].of[1]", "no set 'cares'"),
        ("[animal, care]", "[animal]", 11, "pairs[0].of[1]", "missing"),
        ("within: 4", "within: -1", 11, "pairs[0].within", "greater than or equal to 0"),
        ("养.宠物", "养(宠物", 13, "patterns[0].regex", "the pattern is broken"),
        ("patterns:", "pattern:", 12, "pattern", "unknown field"),
        ("threshold: 1", "threshold: 0", 4, "threshold", "greater than 0"),
    ],
)
def test_mistakes_are_reported_where_they_stand(
    tmp_path: Path, old: str, new: str, line: int, field: str, message: str
) -> None:
    """With line and field, and nothing but the mistake."""
    (tmp_path / "pets.yaml").write_text(changed(old, new), encoding="utf-8")
    problems = load_topics(tmp_path)[1]
    assert [(one.line, one.field, message in one.message) for one in problems] == [(line, field, True)]


def test_a_lexicon_without_terms_is_a_mistake(tmp_path: Path) -> None:
    """It could never be met."""
    (tmp_path / "x.yaml").write_text('id: x\nversion: "1"\nthreshold: 1\n', encoding="utf-8")
    assert ["no terms" in one.message for one in load_topics(tmp_path)[1]] == [True]


HOUSE = """\
id: pets
version: "1"
title: Pets
match: {topic: pets}
marker: {words: 【AI生成】, place: start}
examples: [{ask: 猫不吃饭, scenarios: [pets]}]
"""


def policies(folder: Path, topics: str, own: str = "") -> PolicySet:
    """The general and the medical policy, and one about pets where `own` is its lexicon."""
    names = "general, medical"
    if own:
        names += ", pets-policy.yaml"
        (folder / "pets-policy.yaml").write_text(HOUSE, encoding="utf-8")
        (folder / "lexicons").mkdir()
        (folder / "lexicons/pets.yaml").write_text(own, encoding="utf-8")
    text = f"policies: [{names}]\ndetection:\n  topics:\n{topics}"
    (folder / "labeler.yaml").write_text(text, encoding="utf-8")
    return load(folder / "labeler.yaml", environ={}).policies


def found(policies: PolicySet, *messages: str) -> tuple[str, ...]:
    return decide(policies, Exchange(messages=messages)).scenarios


def test_a_house_adds_terms_and_blockers(tmp_path: Path) -> None:
    """To the topic as it is shipped; a shipped term weighs what the house says."""
    house = policies(
        tmp_path,
        "    medical:\n"
        "      terms:\n        - {weight: 1, terms: [安护灵]}\n        - {weight: 0.1, terms: [布洛芬]}\n"
        "      blockers: [高血压力锅]\n",
    )
    assert found(house, "安护灵怎么样") == ("general", "medical")
    assert found(house, "高血压力锅怎么样") == ("general",)
    assert found(house, "布洛芬") == ("general",)
    assert found(house, "高血压怎么办") == ("general", "medical")


def test_a_house_removes_terms(tmp_path: Path) -> None:
    """By their name, in whatever spelling."""
    assert found(load(environ={}).policies, "布洛芬") == ("general", "medical")
    assert found(policies(tmp_path, "    medical: {remove: [布洛芬, IBUPROFEN]}\n"), "布洛芬") == ("general",)


def test_a_house_sets_its_threshold(tmp_path: Path) -> None:
    """One strong term is no longer enough."""
    assert found(policies(tmp_path, "    medical: {threshold: 50}\n"), "布洛芬") == ("general",)


def test_a_house_has_topics_of_its_own(tmp_path: Path) -> None:
    """A policy may match on them; they can be changed like any other."""
    house = policies(
        tmp_path,
        "    pets:\n      file: lexicons/pets.yaml\n      terms: [{weight: 1, terms: [仓鼠]}]\n",
        own=PETS,
    )
    assert found(house, "仓鼠不动了") == ("general", "pets")
    assert found(house, "热狗") == ("general",)
    because = decide(house, Exchange(messages=("金鱼要怎么喂，头一次养小宠物",))).because[-1]
    assert (because.scenario, because.found) == ("pets", ("金鱼要怎么喂", "养小宠物"))


def test_how_earlier_messages_fade_is_a_setting(tmp_path: Path) -> None:
    """Two weak words in two messages are enough only where the first one does not fade."""
    weak = "    medical: {terms: [{weight: 0.5, terms: [甲乙丙, 丁戊己]}]}\n"
    said = ("甲乙丙", "丁戊己")
    assert found(policies(tmp_path, weak), *said) == ("general",)
    assert found(policies(tmp_path, weak + "  decay: 1\n"), *said) == ("general", "medical")


def test_terms_change_the_revision(tmp_path: Path) -> None:
    """The same revision, the same decisions."""
    one = policies(tmp_path, "    medical: {remove: [布洛芬]}\n").revision
    other = policies(tmp_path, "    medical: {remove: [阿司匹林]}\n").revision
    assert len({one, other, policies(tmp_path, "    {}\n").revision}) == 3


@pytest.mark.parametrize(
    ("topics", "line", "field", "message"),
    [
        ("    medicine: {threshold: 2}\n", 4, "detection.topics.medicine", "no topic 'medicine'"),
        ("    medical: {remove: [没有的词]}\n", 4, "detection.topics.medical.remove[0]", "没有的词"),
        ("    medical: {blockers: ['']}\n", 4, "detection.topics.medical.blockers[0]", "empty"),
        ("    medical: {threshold: x}\n", 4, "detection.topics.medical.threshold", "number"),
        ("    medical: {term: []}\n", 4, "detection.topics.medical.term", "unknown field"),
        ("    medical: {file: none.yaml}\n", 0, "", "cannot be read"),
    ],
)
def test_mistakes_in_labeler_yaml_are_reported_where_they_stand(
    tmp_path: Path, topics: str, line: int, field: str, message: str
) -> None:
    """With line and field, once."""
    with pytest.raises(PolicyError) as caught:
        policies(tmp_path, topics)
    problems = caught.value.problems
    assert [(one.line, one.field, message in one.message) for one in problems] == [(line, field, True)]


def test_a_file_of_another_topic_is_a_mistake(tmp_path: Path) -> None:
    """The name in labeler.yaml and the file's id are the same."""
    with pytest.raises(PolicyError, match="the file's id is 'cats', not 'pets'"):
        policies(tmp_path, "    pets: {file: lexicons/pets.yaml}\n", own=changed("id: pets", "id: cats"))


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("孩子发骚怎么办", "medical"),
        ("高血压怎么治", "medical"),
        ("高血壓怎麼治", "medical"),
        ("高 血 压 怎 么 治", "medical"),
        ("ＡＬＴ偏高是什么病", "medical"),
        ("得了抑玉症", "psychology"),
        ("公司拖欠公资怎么申请劳动仲栽", "legal"),
        ("i have diabetis", "medical"),
        ("what are mortage rates today", "finance"),
    ],
)
def test_other_spellings_are_told(question: str, topic: str) -> None:
    """Traditional characters, full width, spaces between characters, and the commonest misspellings."""
    engine = Engine.of(all_lexicons(load_topics()[0]))
    assert topic in engine.find(question)


@pytest.mark.parametrize(
    ("typo", "says"),
    [("{发骚: 热病}", "there is no word '热病'"), ("{头痛: 发烧}", "'头痛' is a word itself")],
)
def test_a_misspelling_stands_for_a_word(tmp_path: Path, typo: str, says: str) -> None:
    """Of its own lexicon, and is none itself."""
    text = f"id: x\nversion: '1'\nthreshold: 1\ngroups: [{{weight: 1, terms: [发烧, 头痛]}}]\ntypos: {typo}\n"
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    _, found = load_topics(tmp_path)
    assert [one.message for one in found] == [says]
    assert found[0].line == 5
