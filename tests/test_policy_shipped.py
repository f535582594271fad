"""The shipped policies: their own examples, and what the rules ask of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labeler.config import load
from labeler.labels.wording import missing_elements
from labeler.policy import Policy
from labeler.policy.load import fails
from labeler.policy.model import Example

POLICIES = load(environ={}).policies
BY_ID = {policy.id: policy for policy in POLICIES.policies}
OTHERS = [policy for policy in POLICIES.policies if policy.id != "general"]
EXAMPLES = [
    pytest.param(example, id=f"{policy.id}-{number}")
    for policy in POLICIES.policies
    for number, example in enumerate(policy.examples)
]
MANDATED = (
    "本广告仅供医学药学专业人士阅读",
    "请按药品说明书或者在药师指导下购买和使用",
    "请仔细阅读产品说明书或者在医务人员的指导下购买和使用",
    "禁忌内容或者注意事项详见说明书",
    "本品不能代替药物",
    "保健食品不是药物，不能代替药物治疗疾病",
)
"""广告法, Art. 16 and 18, and the guide on labels of health food: the very words."""


def by_id(policy: Policy) -> str:
    """A test case's name."""
    return policy.id


def said(policy: Policy) -> list[dict[str, str]]:
    """Everything that a policy says besides its marker."""
    parts = (*policy.disclaimers, *policy.guards.values(), policy.handoff, policy.remind)
    first = [policy.remind.first] if policy.remind and policy.remind.first else []
    return [*(part.words for part in parts if part is not None), *first]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_holds(example: Example) -> None:
    """Each example in a policy file leads to exactly the scenarios that it names."""
    assert fails(POLICIES, example) is None


def test_there_is_a_policy_for_every_scenario() -> None:
    """General is the default and stands first; the four risk scenarios have the ids that `eval` counts."""
    assert [policy.id for policy in POLICIES.policies] == [
        "general",
        "advertising",
        "code",
        "companion",
        "ecommerce",
        "education",
        "finance",
        "health-ads",
        "insurance",
        "legal",
        "live",
        "medical",
        "news",
        "psychology",
        "service",
        "tax",
        "translation",
    ]


def test_each_file_has_the_name_of_its_policy() -> None:
    """So that `policies: [psychology]` in labeler.yaml finds it."""
    assert {Path(source.document.file).stem for source in POLICIES.sources} == set(BY_ID)


@pytest.mark.parametrize("policy", POLICIES.policies, ids=by_id)
def test_each_policy_can_stand_alone(policy: Policy) -> None:
    """Each has an explicit label of its own, words in both languages, and blocks on failure."""
    assert policy.is_explicit()
    markers = [policy.marker.words] if policy.marker else []
    for words in (policy.title, *markers, *said(policy)):
        assert set(words) == {"zh", "en"}
    assert policy.on_failure == "block"
    assert policy.structured == "header"


@pytest.mark.parametrize("policy", POLICIES.policies, ids=by_id)
def test_each_policy_cites_articles(policy: Policy) -> None:
    """Each names rules, with what they ask for, and an article of at least one."""
    assert all(one.rule and one.duty for one in policy.basis)
    assert any(one.article for one in policy.basis)


def test_markers_are_said_once() -> None:
    """Every marker has the general one's words, so that several policies say it once."""
    assert len({str(policy.marker) for policy in POLICIES.policies if policy.marker}) == 1


@pytest.mark.parametrize("policy", POLICIES.policies, ids=by_id)
def test_disclaimers_say_that_a_machine_wrote(policy: Policy) -> None:
    """The Chinese disclaimers carry both elements too, although the marker alone would do."""
    assert all(missing_elements(one.words["zh"], "cn") == () for one in policy.disclaimers)


@pytest.mark.parametrize("policy", POLICIES.policies, ids=by_id)
def test_words_are_short(policy: Policy) -> None:
    """One disclaimer, and no sentence longer than a narrow screen shows; but for what the law prescribes."""
    assert len(policy.disclaimers) == 1
    limit = 250 if policy.id == "health-ads" else 80
    assert all(len(words["zh"]) <= limit for words in said(policy))


@pytest.mark.parametrize("policy", OTHERS, ids=by_id)
def test_examples_show_both_sides(policy: Policy) -> None:
    """Three examples or more that fall under it and two that do not, and none names another policy, so
    that each file can be used without the others."""
    reached = [one for one in policy.examples if one.scenarios == (policy.id,)]
    missed = [one for one in policy.examples if one.scenarios == ()]
    assert len(reached) + len(missed) == len(policy.examples)
    assert len(reached) >= 3
    assert len(missed) >= 2


@pytest.mark.parametrize("policy", OTHERS, ids=by_id)
def test_a_header_a_model_and_a_route_lead_to_each(policy: Policy) -> None:
    """Whatever the words of a question tell, a service can say it."""
    reached = [one for one in policy.examples if one.scenarios]
    leaves = list(policy.match.leaves())
    assert any(leaf.route for leaf in leaves)
    assert any(leaf.model for leaf in leaves)
    assert any(leaf.header and leaf.header.value == policy.id for leaf in leaves)
    assert any(one.headers for one in reached)


def test_the_medical_disclaimer_has_its_words() -> None:
    """It says literally that the answer does not replace a doctor's diagnosis."""
    words = BY_ID["medical"].disclaimers[0].words["zh"]
    assert words == (
        "本内容由AI生成，仅供健康参考，不替代医生诊断和治疗，不构成诊疗意见或处方；"
        "如有不适请及时就医，紧急情况请拨打120"
    )


def test_mandated_sentences_are_literal() -> None:
    """All prescribed sentences stand in what is said, in both languages' words where they are for an
    advertisement, and the file marks where they come from."""
    policy = BY_ID["health-ads"]
    mandated = [one.duty for one in policy.basis if one.wording == "mandated"]
    words = policy.disclaimers[0].words
    for sentence in MANDATED:
        assert f"「{sentence}」" in words["zh"]
        assert any(f"「{sentence}」" in duty for duty in mandated)
    for sentence in MANDATED[:5]:
        assert f"「{sentence}」" in words["en"]


def test_nothing_else_is_called_mandated() -> None:
    """Elsewhere the rules name duties and no words."""
    claiming = {
        policy.id for policy in POLICIES.policies for one in policy.basis if one.wording == "mandated"
    }
    assert claiming == {"health-ads"}


def test_help_lines_are_named_without_hours() -> None:
    """12356, 110 and 120, in every language; service hours differ, so none are promised."""
    policy = BY_ID["psychology"]
    words = [*policy.disclaimers[0].words.values(), *policy.guards["means"].words.values()]
    for line in words:
        assert all(number in line for number in ("12356", "110", "120"))
        assert "24" not in line


def test_a_label_of_live_commerce_lasts() -> None:
    """直播电商监督管理办法, Art. 37: the whole time, not only at the start."""
    assert "全程显示" in BY_ID["live"].disclaimers[0].words["zh"]


def test_customers_find_a_person() -> None:
    """In one step, which the words name and which is what a user asks by."""
    handoff = BY_ID["service"].handoff
    assert handoff is not None
    assert "「转人工」" in handoff.words["zh"]
    assert '"human agent"' in handoff.words["en"]
    assert {"转人工", "human agent"} <= set(handoff.asks)


def test_companions_remind_every_two_hours() -> None:
    """人工智能拟人化互动服务管理暂行办法, Art. 18: that it is a service and no person."""
    remind = BY_ID["companion"].remind
    assert remind is not None
    assert remind.every == 2 * 60 * 60
    for spans, hours in ((0, ""), (1, "2小时"), (2, "4小时")):
        words = remind.said(spans)["zh"]
        assert "人工智能服务" in words
        assert "而非自然人" in words
        assert re.findall(r"[\d.]+小时", words) == [*filter(None, [hours])]


@pytest.mark.parametrize("policy", POLICIES.policies, ids=by_id)
def test_shipped_guards_add_a_sentence(policy: Policy) -> None:
    """Nobody's answer is stopped before an officer has chosen so."""
    assert all(guard.action == "disclaim" for guard in policy.guards.values())


def test_guards_are_where_a_disclaimer_does_not_cure() -> None:
    """Each guard by its name."""
    guarded = {policy.id: set(policy.guards) for policy in POLICIES.policies if policy.guards}
    assert guarded == {
        "medical": {"prescription"},
        "psychology": {"diagnosis", "means"},
        "finance": {"returns", "advice"},
        "insurance": {"payout"},
        "legal": {"outcome"},
        "health-ads": {"assertion", "cure"},
        "ecommerce": {"cure"},
        "live": {"absolute"},
        "advertising": {"absolute"},
        "service": {"human"},
        "companion": {"human"},
    }
