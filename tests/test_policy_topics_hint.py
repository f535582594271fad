"""The first look at a text: it may be wrong about a text that has none of the words, never about one that has."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.policy.topics import Engine
from labeler.policy.topics.fold import fold, plain
from labeler.policy.topics.hint import hint
from labeler.policy.topics.scan import Scanner, word_list

WORDS = ("自杀念头", "想自杀", "self-harm", "不想活了", "kill myself", "药", "3mg")
ENGINE = Engine.of([word_list(WORDS)])
SPELT = [
    "自杀",
    "自殺",
    "念头",
    "念 頭",
    "Self-Harm",
    "ｓｅｌｆ－ｈａｒｍ",
    "不想\n活了",
    "KILL  myself",
    "藥",
    "３ｍｇ",
    "㎎",
]
TEXTS = st.lists(
    st.sampled_from([*SPELT, "想", "我", "。", " ", "3", "mg", "的", "a", "é"]), max_size=12
).map("".join)


@given(TEXTS)
def test_what_is_there_is_never_overlooked(text: str) -> None:
    """However it is written: traditional, full width, with space in between, in capitals."""
    if ENGINE.find(text):
        assert hint(WORDS)(text)


@given(st.text(max_size=20), st.sampled_from(WORDS))
def test_any_text_around_a_word(text: str, word: str) -> None:
    """The same with any characters at all."""
    for whole in (text + word, word + text, unicodedata.normalize("NFKD", text) + word):
        if ENGINE.find(whole.encode("utf-8", "replace").decode()):
            assert hint(WORDS)(whole)


@pytest.mark.parametrize("text", ["", "今天天气很好，我们去公园。", "Hello, world", "多喝水\n" * 50])
def test_most_texts_need_no_second_look(text: str) -> None:
    """What has none of a few characters cannot have any of the words."""
    assert not hint(("自杀念头", "想自杀", "药"))(text)


def test_plain_characters_fold_to_themselves() -> None:
    """But for case and a few signs; that is what the first look rests on."""
    every = [char for char in map(chr, range(0x10000)) if re.fullmatch(f"[{plain()}]", char)]
    assert len(every) > 18_000
    changed = [char for char in every if fold(f"中{char}中") != f"中{char}中"]
    assert {char for char in changed if not char.isspace()} <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ！，：；？（）")


def test_a_seam_is_no_reason_to_look() -> None:
    """Where the middle of a long answer was left out, nothing was written."""
    scanner = Scanner(ENGINE, 10)
    scanner.feed("今天天气很好。" * 20)
    assert scanner.end() == {}
