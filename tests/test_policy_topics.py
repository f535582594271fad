"""Topics: what the shipped lexicons hear, and how terms, pairs, patterns and blockers work together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.policy.topics import Engine, Group, Lexicon, Pair, Pattern, all_lexicons, fold, load_topics

SHIPPED = Engine.of(all_lexicons(load_topics()[0]))


def lexicon(*groups: tuple[float, list[str]], **fields: Any) -> Lexicon:
    made = tuple(Group(weight=weight, terms=tuple(terms)) for weight, terms in groups)
    return Lexicon(**{"id": "x", "version": "1", "threshold": 1, "groups": made, **fields})


def words(text: str, *lexicons: Lexicon) -> tuple[str, ...]:
    """What speaks for topic x in a text."""
    return Engine.of(lexicons).find(text).get("x", ())


BODY = lexicon(
    sets={"body": ("头", "肚子"), "complaint": ("疼", "肿")},
    pairs=(Pair(of=("body", "complaint"), within=3, weight=1),),
    blockers=("心疼", "头条"),
)


@pytest.mark.parametrize(
    "text",
    [
        "孩子发烧39度怎么办",
        "高血压患者能喝酒吗",
        "头孢和酒能一起吗",
        "my child has a fever",
        "Is it safe to take IBUPROFEN with food?",
        "做ＣＴ检查之前能吃饭吗",
        "高 血 压 能 治 好 吗",
        "糖尿病患者能喝酒嗎",
        "頭痛發燒怎麼辦",
        "高\u200b血\u200b压怎么办",
    ],
)
def test_health_questions_are_heard(text: str) -> None:
    """Symptoms, illnesses and drugs are medical, in whatever spelling a reader takes for the same."""
    assert "medical" in SHIPPED.find(text)


@pytest.mark.parametrize(
    "text",
    [
        "今天天气怎么样",
        "今年的潮流感穿搭",
        "骨折优惠是真的吗",
        "手机中病毒了怎么杀毒",
        "发烧友推荐的耳机",
        "how do I go back to the head of the queue",
        "std::vector in C++",
        "",
    ],
)
def test_other_questions_are_not(text: str) -> None:
    """Words that hold a term by accident, and weak words alone, are not medical."""
    assert "medical" not in SHIPPED.find(text)


def test_weights_add_up_over_different_terms() -> None:
    """Two weak terms reach the threshold together; one weak term twice does not."""
    weak = lexicon((0.5, ["pain", "knee"]))
    assert words("Knee  PAIN", weak) == ("knee", "pain")
    assert words("pain and pain", weak) == ()


def test_tenths_add_up_to_one() -> None:
    """Ten tenths reach 1 although their binary sum does not."""
    tenths = lexicon((0.1, [f"w{number}" for number in range(10)]))
    assert sum([0.1] * 10) < 1
    assert words(" ".join(f"w{number}" for number in range(10)), tenths)


def test_a_negative_weight_speaks_against_the_topic() -> None:
    """It damps, and is not among the words that decided."""
    damped = lexicon((1, ["中毒"]), (0.5, ["孩子"]), (-0.8, ["游戏"]))
    assert words("游戏里中毒了", damped) == ()
    assert words("孩子打游戏中毒了", damped) == ()
    assert words("中毒了", damped) == ("中毒",)
    assert words("玩游戏的孩子中毒", lexicon((2, ["中毒"]), (-0.8, ["游戏"]))) == ("中毒",)


def test_only_the_longest_of_overlapping_terms_counts() -> None:
    """A term inside a longer one adds nothing."""
    nested = lexicon((0.5, ["药", "药店"]))
    assert words("药店", nested) == ()
    assert words("药店卖药", nested) == ("药店", "药")


def test_a_blocker_takes_away_what_it_covers_and_no_more() -> None:
    """The same term elsewhere in the text still counts."""
    blocked = lexicon((1, ["流感"]), blockers=("潮流感",))
    assert words("潮流感", blocked) == ()
    assert words("潮流感和流感", blocked) == ("流感",)


def test_lexicons_do_not_block_each_other() -> None:
    """A blocker and a longer term count within their own file alone; one file that is met is enough."""
    one, other = lexicon((1, ["流感"])), lexicon((0.5, ["潮流感"]), blockers=("流感药",))
    assert words("潮流感", one, other) == ("流感",)
    assert words("流感药", one, other) == ("流感",)


@pytest.mark.parametrize("text", ["influ", "flux", "a1flu", "flué"])
def test_latin_terms_stand_at_word_boundaries(text: str) -> None:
    """A Latin term inside a longer word or number is none."""
    assert words(text, lexicon((1, ["flu"]))) == ()


def test_latin_terms_stand_beside_chinese_ones() -> None:
    """Chinese characters need no space around a Latin term, and a space there changes nothing."""
    assert words("做CT要多久", lexicon((1, ["CT"]))) == ("ct",)
    assert words("做 CT 检查", lexicon((1, ["CT检查"]))) == ("ct检查",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("我头疼", ("头疼",)),
        ("肚子左边肿", ("肚子左边肿",)),
        ("肿的是肚子", ("肿的是肚子",)),
        ("头部左前方疼", ()),
        ("头和肚子", ()),
        ("看头条疼", ()),
        ("头上我心疼", ()),
    ],
)
def test_a_pair_is_a_word_of_each_set_near_each_other(text: str, found: tuple[str, ...]) -> None:
    """In any order, at most `within` characters between, nothing of it within a blocker."""
    assert words(text, BODY) == found


def test_an_ordered_pair_has_the_first_set_first() -> None:
    """The other way round it is none."""
    pair = Pair(of=("drug", "ask"), within=4, weight=1, ordered=True)
    ordered = lexicon(sets={"drug": ("药",), "ask": ("能吃吗",)}, pairs=(pair,))
    assert words("药能吃吗", ordered) == ("药能吃吗",)
    assert words("能吃吗药", ordered) == ()


def test_a_pair_of_one_set_needs_two_words() -> None:
    """One occurrence is no pair of itself."""
    foods = lexicon(sets={"food": ("柿子", "螃蟹")}, pairs=(Pair(of=("food", "food"), within=3, weight=1),))
    assert words("柿子", foods) == ()
    assert words("柿子和螃蟹", foods) == ("柿子和螃蟹",)


def test_a_pair_counts_once_and_beside_a_term_of_the_same_words() -> None:
    """Two places of one pair weigh what one does; a term at the same place adds its own weight."""
    half = Pair(of=("body", "complaint"), within=0, weight=0.5)
    sets = {"body": ("头", "脚"), "complaint": ("疼",)}
    assert words("头疼脚疼", lexicon(sets=sets, pairs=(half,))) == ()
    assert words("头疼", lexicon((0.5, ["头疼"]), sets=sets, pairs=(half,))) == ("头疼",)


def test_a_pattern_sees_the_folded_text_and_counts_once() -> None:
    """What it found is shown."""
    fever = lexicon(patterns=(Pattern(regex=r"3[789](\.\d)?度", weight=0.6),))
    assert words("３８．５ 度和39度", fever) == ()
    assert words("３８．５ 度", fever.model_copy(update={"threshold": 0.6})) == ("38.5度",)


def test_messages_are_scored_apart_and_fade() -> None:
    """Weak words of an earlier message count less; a message that is enough by itself stays enough."""
    engine = Engine.of([lexicon((0.6, ["膝盖", "难受"]), (1, ["发烧"]))])
    assert engine.find("膝盖", "难受", decay=1)
    assert not engine.find("膝盖", "难受", decay=0.6)
    assert engine.find("膝盖难受", "谢谢", "再见", decay=0.6) == {"x": ("膝盖", "难受")}
    assert engine.find("发烧", "那要吃多少", decay=0.6) == {"x": ("发烧",)}


def test_a_word_of_many_messages_is_named_once() -> None:
    """In the order of the messages."""
    engine = Engine.of([lexicon((1, ["发烧", "咳嗽"]))])
    assert engine.find("发烧", "咳嗽和发烧") == {"x": ("发烧", "咳嗽")}


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    """No text raises, and what is found stands in the folded text."""
    text = text.encode(errors="replace").decode()
    found = SHIPPED.find(text)
    assert all(word in fold(text) for words in found.values() for word in words)


@given(st.text(alphabet="发烧頭痛 Ａa，。？!（\u200b\u00e9\u3000\n"))
def test_folding_makes_one_spelling(text: str) -> None:
    """Folding twice changes nothing more, and no wide, capital, unseen or traditional one is left."""
    folded = fold(text)
    assert fold(folded) == folded
    assert not set(folded) & set("頭ＡA，？（\u200b\u3000\n")


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)), st.text("ab，？（ 。"))
def test_common_text_is_folded_as_any_other(chinese: str, signs: str) -> None:
    """The way for common text and the way for all text come to the same."""
    text = chinese + signs + chinese
    assert fold(f"{text}\u200b") == fold(text)


def test_what_lies_within_a_long_run_is_found_in_linear_time() -> None:
    """Many words of two sets that are never near each other cost no square of their number."""
    far = "头" * 10_000 + "好" * 10 + "疼" * 10_000
    assert words(far, BODY) == ()
