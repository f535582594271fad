"""The words of an explicit label: which ones comply, jurisdiction by jurisdiction."""

from __future__ import annotations

import pytest

from labeler.labels.wording import JURISDICTIONS, missing_elements


@pytest.mark.parametrize(
    "words",
    [
        "AI生成",
        "【AI生成】",
        "本内容由人工智能合成",
        "内容由AI生成，仅供参考",
        "【AI生成】 AI-generated",
        "AI 合成",
    ],
)
def test_complete_words_comply(words: str) -> None:
    """Words with both elements of GB 45438-2025, 5.1, lack nothing."""
    assert missing_elements(words, "cn") == ()


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        ("AI", 1),
        ("AI助手", 1),
        ("AI-generated", 1),
        ("机器生成", 1),
        ("MAIL生成", 1),
        ("ai生成", 1),
        ("虚拟主播", 2),
        ("", 2),
    ],
)
def test_incomplete_words_are_named(words: str, lacking: int) -> None:
    """Every element that is missing is named; 「AI」 inside another Latin word is none."""
    assert len(missing_elements(words, "cn")) == lacking


@pytest.mark.parametrize(
    ("words", "jurisdiction"),
    [("AI-generated", "eu"), ("KI-generiert", "eu"), ("AI", "us-ca"), ("AI로 생성된 콘텐츠", "kr")],
)
def test_other_jurisdictions_have_their_own_words(words: str, jurisdiction: str) -> None:
    """Outside China the words of that place comply, although the Chinese elements are missing."""
    assert missing_elements(words, jurisdiction) == ()


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_every_example_complies(jurisdiction: str) -> None:
    """What an error message offers as an example is itself right."""
    assert missing_elements(JURISDICTIONS[jurisdiction].example, jurisdiction) == ()


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_plain_words_comply_nowhere(jurisdiction: str) -> None:
    """Words that name no machine are an explicit label in no jurisdiction."""
    assert missing_elements("for reference only", jurisdiction)
