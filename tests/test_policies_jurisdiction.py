"""policies/jurisdiction: labels under other rules than China's, alone and together with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler import Labeler
from labeler.labels.wording import missing_elements
from labeler.policy import Policy

ABROAD = ("eu", "us-ca", "kr", "in")


def service(folder: Path, jurisdictions: str, settings: str = "") -> Labeler:
    """A service that owes labels under these jurisdictions."""
    path = folder / "labeler.yaml"
    path.write_text(f"jurisdictions: [{jurisdictions}]\n{settings}", encoding="utf-8")
    return Labeler.load(path)


def policy_of(labeler: Labeler, name: str) -> Policy:
    """One policy of a service."""
    return next(one for one in labeler.service.policies.policies if one.id == name)


@pytest.mark.parametrize("name", ABROAD)
def test_each_is_told_apart_from_china(tmp_path: Path, name: str) -> None:
    """Its id is the jurisdiction's, it always applies, cites an article and labels pictures."""
    policy = policy_of(service(tmp_path, f"cn, {name}"), name)
    assert policy.jurisdiction == name
    assert policy.match.always
    assert all(one.article for one in policy.basis)
    assert policy.picture is not None
    assert policy.picture.source_type == "trainedAlgorithmicMedia"
    assert policy.marker is not None
    assert {"en", "zh"} < set(policy.marker.words)


@pytest.mark.parametrize("name", ABROAD)
@pytest.mark.parametrize("question", ["今天天气怎么样", "What is the weather like?"])
def test_one_answer_owes_labels_under_several(tmp_path: Path, name: str, question: str) -> None:
    """What stands at its start satisfies both rules, in either language."""
    head = service(tmp_path, f"cn, {name}").text("OK", question=question).content.partition("OK")[0]
    assert missing_elements(head, "cn") == ()
    assert missing_elements(head, name) == ()


def test_the_same_is_not_said_twice(tmp_path: Path) -> None:
    """The English words of the Chinese label satisfy the European rule as well."""
    text = service(tmp_path, "cn, eu").text("OK", question="What is the weather like?").content
    assert text.partition("\n")[0] == "【AI生成】 AI-generated"
    assert text.partition("OK")[0].count("AI-generated") == 1


@pytest.mark.parametrize("name", ABROAD)
def test_each_is_a_default_without_china(tmp_path: Path, name: str) -> None:
    """An answer carries its label, and not the Chinese one."""
    text = service(tmp_path, name).text("OK", question="What is the weather like?").content
    assert missing_elements(text.partition("OK")[0], name) == ()
    assert "【AI生成】" not in text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "AI · KI-generiert"),
        ("fr", "AI · Contenu généré par IA"),
        ("es", "AI · Contenido generado por IA"),
        ("it", "AI · Contenuto generato da IA"),
        ("nl", "AI · Door AI gegenereerd"),
        ("pl", "AI · Treści wygenerowane przez AI"),
        ("pt", "AI · Conteúdo gerado por IA"),
    ],
)
def test_europe_reads_its_own_languages(tmp_path: Path, language: str, words: str) -> None:
    """With the service's `language`; a capital AI stands in each."""
    text = service(tmp_path, "eu", f"language: {language}").text("OK", question="Hallo").content
    assert text.partition("\n")[0] == words


def test_korea_and_india_read_theirs(tmp_path: Path) -> None:
    """Hangul tells itself; Hindi is the service's language."""
    korean = service(tmp_path, "kr").text("네.", question="오늘 날씨 어때?").content
    assert korean.startswith("AI로 생성된 콘텐츠입니다")
    hindi = service(tmp_path, "in", "language: hi").text("ठीक है।", question="आज मौसम कैसा है?").content
    assert hindi.startswith("AI-generated · AI द्वारा निर्मित")


def test_pictures_keep_the_chinese_words(tmp_path: Path) -> None:
    """GB 45438-2025, 5.2: a further jurisdiction does not take them out of the picture."""
    verdict = service(tmp_path, "cn, eu").text("OK", question="画一座灯塔").outcome.verdict
    assert verdict is not None
    assert missing_elements(verdict.picture.look.words, "cn") == ()
    assert verdict.picture.source_type.endswith("/trainedAlgorithmicMedia")
