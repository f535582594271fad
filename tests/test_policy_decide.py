"""The decision: which scenarios apply, because of what, and what is then said."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.config import load
from labeler.errors import PolicyError
from labeler.policy import PolicySet, decide
from labeler.policy.decide import facts_of
from labeler.values import Exchange, Verdict

SHIPPED = load(environ={}).policies
FEVER = "孩子发烧39度怎么办"


def shipped(*messages: str, **fields: Any) -> Verdict:
    return decide(SHIPPED, Exchange(messages=messages or ("你好",), **fields))


def policies(
    folder: Path, settings: str = "", base: tuple[str, ...] = ("general",), **files: str
) -> PolicySet:
    """A set of shipped policies and of policies given by id and the fields that make them special."""
    for name, fields in files.items():
        text = f'id: {name}\nversion: "1"\ntitle: {name}\n' + dedent(fields)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    names = ", ".join([*base, *(f"{name}.yaml" for name in files)])
    (folder / "labeler.yaml").write_text(f"policies: [{names}]\n{settings}", encoding="utf-8")
    return load(folder / "labeler.yaml", environ={}).policies


HOUSE = """
    match: {model: h*}
    examples: [{ask: x, model: h1, scenarios: [house]}]
"""


def said(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(stamp.kind, stamp.words, stamp.place) for stamp in verdict.stamps]


def test_an_ordinary_question_gets_the_general_labels() -> None:
    """The marker at the start and the general disclaimer at the end, both explicit."""
    verdict = shipped("今天天气怎么样")
    assert verdict.scenarios == ("general",)
    assert said(verdict) == [
        ("marker", "【AI生成】", "start"),
        ("disclaimer", "内容由AI生成，仅供参考，请仔细甄别", "end"),
    ]
    assert all(stamp.explicit for stamp in verdict.stamps)
    assert [(one.scenario, one.rule) for one in verdict.because] == [("general", "default")]


def test_a_medical_question_gets_the_medical_disclaimer_alone() -> None:
    """One marker, and of the disclaimers only that of the scenario."""
    verdict = shipped(FEVER)
    assert verdict.scenarios == ("general", "medical")
    assert [stamp.kind for stamp in verdict.stamps] == ["marker", "disclaimer"]
    assert "不替代医生诊断" in verdict.stamps[1].words
    assert verdict.because[1].rule == "policies/medical.yaml: match.any[3].topic"
    assert "发烧" in verdict.because[1].found


def test_a_follow_up_is_medical_in_context() -> None:
    """The last few messages count, and no more than those."""
    follow = "那要吃多少？"
    assert "medical" in decide(SHIPPED, Exchange(messages=(FEVER, follow))).scenarios
    assert "medical" not in decide(SHIPPED, Exchange(messages=(FEVER, follow, follow, follow))).scenarios


def test_how_many_messages_count_is_configured(tmp_path: Path) -> None:
    """With `detection: {messages: 1}` the question before is not looked at."""
    one = policies(tmp_path, "detection: {messages: 1}", house=HOUSE + "    marker: {words: 【AI生成】}")
    assert decide(one, Exchange(messages=(FEVER, "那要吃多少？"))).scenarios == ("general",)


@pytest.mark.parametrize(
    "fields",
    [
        {"route": "/shop/v1/chat/completions"},
        {"route": "/shop"},
        {"route": "/Shop/x"},
        {"route": "/api/shop/v1/chat/completions"},
        {"model": "Shop-Assistant"},
        {"headers": {"x-labeler-scenario": "ecommerce"}},
        {"named": ("ecommerce",)},
        {"assumed": ("ecommerce",)},
    ],
)
def test_every_signal_leads_to_its_scenario(fields: dict[str, Any]) -> None:
    """Route, model, header, the app's word and the operator's each add the scenario."""
    verdict = shipped(**fields)
    assert verdict.scenarios == ("general", "ecommerce")
    assert verdict.because[1].scenario == "ecommerce"


@pytest.mark.parametrize(
    "fields",
    [
        {"route": "/workshop/v1/chat/completions"},
        {"route": "/shopping"},
        {"model": "my-shop-1"},
        {"headers": {"x-labeler-scenario": "other"}},
        {"named": ()},
    ],
)
def test_what_only_looks_like_a_signal_does_not(fields: dict[str, Any]) -> None:
    """Globs cover whole segments, whole names and whole values."""
    assert shipped(**fields).scenarios == ("general",)


def test_named_scenarios_replace_detection() -> None:
    """What the app names counts instead of words, route and headers; what the operator assumes stays."""
    verdict = shipped(FEVER, named=("ecommerce",))
    assert verdict.scenarios == ("general", "ecommerce")
    assert shipped(FEVER, named=(), assumed=("ecommerce",)).scenarios == ("general", "ecommerce")


def test_several_scenarios_are_united() -> None:
    """Both disclaimers are said, in the policies' order, the common marker once."""
    verdict = shipped(FEVER, model="shop-1")
    assert verdict.scenarios == ("general", "ecommerce", "medical")
    assert [stamp.policy for stamp in verdict.stamps] == ["general", "ecommerce", "medical"]


def test_an_unknown_scenario_is_the_caller_s_fault() -> None:
    """The message says that the app's scope named it, and what there is."""
    with pytest.raises(PolicyError, match=r'scope\["labeler"\].*medcal.*known: general'):
        shipped(named=("medcal",))


def test_an_answer_that_a_person_wrote_gets_nothing() -> None:
    """`human` is the app's word: no scenario, no label, and a reason."""
    verdict = shipped(FEVER, human=True)
    assert (verdict.scenarios, verdict.stamps) == ((), ())
    assert "person" in verdict.because[0].rule


def test_an_unread_request_has_no_topic_but_its_route() -> None:
    """Words that were not read decide nothing; route, model and headers still do."""
    assert shipped(FEVER, unread="not JSON").scenarios == ("general",)
    assert shipped(FEVER, unread="not JSON", route="/medical/x").scenarios == ("general", "medical")


@pytest.mark.parametrize(
    ("message", "language"),
    [
        ("my child has a fever", "en"),
        ("孩子发烧，is it covid?", "zh"),
        ("39", "zh"),
        ("привет", "zh"),
        ("熱があります", "zh"),
        ("Ça va?", "en"),
    ],
)
def test_the_language_follows_the_question(message: str, language: str) -> None:
    """Latin letters alone mean English; without words in a language the default speaks."""
    assert shipped(message).language == language


def test_a_message_without_letters_keeps_the_language() -> None:
    """「39.5」, an emoji or a picture alone after an English question are English too."""
    for follow_up in ("39.5", "😷", ""):
        assert shipped("my child has a fever", follow_up).language == "en"
    assert shipped("my child has a fever", "孩子发烧").language == "zh"


def test_english_labels_keep_the_chinese_elements() -> None:
    """An English question gets an English disclaimer and a marker that complies in China."""
    verdict = shipped("my child has a fever")
    assert verdict.stamps[0].words == "【AI生成】 AI-generated"
    assert "does not replace a doctor" in verdict.stamps[1].words


def test_english_stands_for_a_language_without_words(tmp_path: Path) -> None:
    """Where a label has no words in the language of the question or the service, a reader of German gets
    the English ones, and not the Chinese."""
    house = policies(
        tmp_path, "language: de", house=HOUSE + "    disclaimers: [{words: {zh: 仅供参考, en: FYI}}]"
    )
    verdict = decide(house, Exchange(messages=("Wie geht es?",), model="h1"))
    assert verdict.stamps[-1].words == "FYI"


def test_japanese_is_spoken_where_there_are_words(tmp_path: Path) -> None:
    """Kana chooses Japanese as soon as one label has it; the others keep their own fallback."""
    house = policies(tmp_path, house=HOUSE + "    disclaimers: [{words: {zh: 仅供参考, ja: 参考情報です}}]")
    verdict = decide(house, Exchange(messages=("これは何ですか",), model="h1"))
    assert verdict.language == "ja"
    assert [stamp.words for stamp in verdict.stamps] == ["【AI生成】", "参考情報です"]


def test_latin_letters_mean_a_latin_default(tmp_path: Path) -> None:
    """A service whose default is German answers Latin questions in German."""
    house = policies(
        tmp_path, "language: de", house=HOUSE + "    disclaimers: [{words: {de: Nur zur Info, en: FYI}}]"
    )
    assert decide(house, Exchange(messages=("hello",), model="h1")).stamps[-1].words == "Nur zur Info"


def test_the_strictest_rules_win(tmp_path: Path) -> None:
    """`block` beats `pass`, and of the structured rules the strictest counts."""
    loose = "    marker: {words: 【AI生成】}\n    on_failure: pass\n    structured: field"
    house = policies(tmp_path, house=HOUSE + loose)
    verdict = decide(house, Exchange(model="h1"))
    assert (verdict.on_failure, verdict.structured) == ("block", "field")


@pytest.mark.parametrize(
    ("place", "united"), [("end", "both"), ("start", "start"), ("both", "both"), ("interface", "start")]
)
def test_places_of_the_same_words_unite(tmp_path: Path, place: str, united: str) -> None:
    """The same marker at another place is said at both; text covers the interface."""
    house = policies(tmp_path, house=HOUSE + f"    marker: {{words: {{zh: 【AI生成】}}, place: {place}}}")
    verdict = decide(house, Exchange(model="h1", messages=("你好",)))
    assert [(stamp.words, stamp.place) for stamp in verdict.stamps if stamp.kind == "marker"] == [
        ("【AI生成】", united)
    ]


def test_lonely_disclaimers_are_said_once(tmp_path: Path) -> None:
    """Of two policies whose disclaimers both want to be alone, the first one speaks."""
    house = policies(tmp_path, house=HOUSE + "    disclaimers: [{words: 另一条, when: alone}]")
    verdict = decide(house, Exchange(model="h1"))
    assert [stamp.policy for stamp in verdict.stamps] == ["general", "general"]


@pytest.mark.parametrize(("streams", "alone"), [("end-only", True), ("both-ends", False)])
def test_end_only_streams_need_every_policy_s_word(tmp_path: Path, streams: str, alone: bool) -> None:
    """A stream may keep its explicit label at the end only where all policies that put it there say so."""
    house = policies(
        tmp_path,
        "default: house",
        base=(),
        house=f"""
            match: {{always: true}}
            marker: {{words: 【AI生成】, place: end}}
            streams: {streams}
            examples: [{{ask: x, scenarios: []}}]
        """,
    )
    assert decide(house, Exchange()).end_only_streams is alone


def test_conditions_combine(tmp_path: Path) -> None:
    """`all`, `any` and `not` nest, and the evidence of all parts is kept."""
    house = policies(
        tmp_path,
        house="""
            match:
              all:
                - any: [{pattern: '(?i)refund|退款'}, {header: {name: X-Team, pattern: '^after'}}]
                - not: {route: /internal/*}
            marker: {words: 【AI生成】}
            examples: [{ask: 退款, scenarios: [house]}]
        """,
    )
    verdict = decide(house, Exchange(messages=("Where is my REFUND",), route="/a"))
    assert verdict.because[1].found == ("REFUND",)
    assert verdict.because[1].rule.endswith("house.yaml: match.all[0].any[0].pattern")
    assert verdict.because[2].rule.endswith("house.yaml: match.all[1].not")
    assert "house" in decide(house, Exchange(headers={"x-team": "after sales"})).scenarios
    assert "house" in decide(house, Exchange(messages=("\ud800退款",))).scenarios
    assert decide(house, Exchange(messages=("refund",), route="/internal/x")).scenarios == ("general",)
    assert "house" in decide(house, Exchange(messages=("refund",), route="/internal/x/y")).scenarios
    assert "house" in decide(house, Exchange(messages=("refund",), route="/Internal/x")).scenarios


def test_the_operator_s_word_on_models_holds(tmp_path: Path) -> None:
    """A request for a listed model falls under its scenarios, whatever the app names."""
    house = policies(
        tmp_path,
        "models: [{name: 'deepseek*', scenarios: [house]}]",
        house=HOUSE + "    marker: {words: 【AI生成】}",
    )
    verdict = decide(house, Exchange(model="DeepSeek-R1", named=()))
    assert verdict.scenarios == ("general", "house")
    assert verdict.because[1].rule == "models: deepseek*"


def test_lone_surrogates_do_no_harm() -> None:
    """Text that has no UTF-8 is read like any other."""
    assert "medical" in shipped(f"\ud800{FEVER}", route="/\udcff", model="\udcff").scenarios


def test_long_messages_are_read_at_both_ends() -> None:
    """A question before or behind a long paste is still heard."""
    assert "medical" in shipped(FEVER + "好" * 1_000_000).scenarios
    assert "medical" in shipped("好" * 1_000_000 + FEVER).scenarios


def test_the_revision_follows_the_content(tmp_path: Path) -> None:
    """The same files give the same 12 hex digits, another word gives others."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = policies(tmp_path / "a", house=HOUSE + "    marker: {words: 【AI生成】}")
    same = policies(tmp_path / "b", house="    # a comment" + HOUSE + "    marker: {words: 【AI生成】}")
    other = policies(tmp_path, house=HOUSE + "    marker: {words: 【AI 生成】}")
    assert one.revision == same.revision != other.revision
    assert len(one.revision) == 12
    assert int(one.revision, 16) >= 0


def test_marks_hold_every_wording_longest_first(tmp_path: Path) -> None:
    """All languages of all policies, and what was said formerly, can be known again."""
    house = policies(
        tmp_path, house=HOUSE + "    marker: {words: {zh: 【AI生成】}}\n    formerly: [（AI生成内容）]"
    )
    assert {"【AI生成】", "【AI生成】 AI-generated", "（AI生成内容）"} <= set(house.marks.starts)
    assert list(map(len, house.marks.ends)) == sorted(map(len, house.marks.ends), reverse=True)


def test_decisions_can_be_shared_between_threads() -> None:
    """Many threads deciding at once on one set agree with one thread alone."""
    exchanges = [
        Exchange(messages=(text,), model=model) for text in (FEVER, "hi") for model in ("", "shop-1")
    ]
    expected = [decide(SHIPPED, exchange) for exchange in exchanges]
    fresh = load(environ={}).policies
    found: list[list[Verdict]] = []
    threads = [
        Thread(target=lambda: found.append([decide(fresh, one) for one in exchanges])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


WORDS = st.sampled_from(
    [
        "孩子发烧39度怎么办",
        "基金亏了",
        "想离婚",
        "你好",
        "translate this",
        "写一条广告文案",
        "睡不着很焦虑",
        "今天新闻",
    ]
)
ROUTES = st.sampled_from(["/v1/chat/completions", "/medical/x", "/a/shop/b", "/Live/1", ""])
MODELS = st.sampled_from(["m", "med-1", "shop-assistant", "fin-advisor", ""])
HEADERS = st.sampled_from([{}, {"x-labeler-scenario": "legal"}, {"x-labeler-scenario": "nix"}])


@given(st.lists(WORDS, max_size=3), ROUTES, MODELS, HEADERS)
def test_the_first_look_leaves_no_policy_out(
    messages: list[str], route: str, model: str, headers: dict[str, str]
) -> None:
    """What is decided is what all conditions, tried one by one, lead to."""
    exchange = Exchange(route, headers=headers, model=model, messages=tuple(messages))
    facts = facts_of(SHIPPED, exchange, None)
    tried = [name for name, match in SHIPPED._matches if match(facts) is not None]
    assert [name for name in decide(SHIPPED, exchange).scenarios if name != "general"] == tried
