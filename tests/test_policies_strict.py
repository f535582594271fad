"""policies/strict: the shipped set with guards that act, and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler import Labeler
from labeler.config import load
from labeler.policy import Policy
from labeler.policy.load import fails, is_shipped, shipped

PLAIN = {policy.id: policy for policy in load(environ={}).policies.policies}
STRICT = sorted(file.stem for file in (shipped() / "strict").glob("*.yaml"))
PRESCRIPTION = "先物理降温。可以用布洛芬混悬液。每次5ml，每6小时一次。多喝水。"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Labeler:
    """A service with `policies: [strict]`."""
    path: Path = tmp_path_factory.mktemp("strict") / "labeler.yaml"
    path.write_text("policies: [strict]", encoding="utf-8")
    return Labeler.load(path)


def policy_of(service: Labeler, name: str) -> Policy:
    """One policy of a service."""
    return next(one for one in service.service.policies.policies if one.id == name)


def test_every_policy_with_guards_has_a_strict_one() -> None:
    """And no other."""
    assert sorted(name for name, policy in PLAIN.items() if policy.guards) == STRICT


def test_the_set_is_whole(strict: Labeler) -> None:
    """Policies without guards are in it too, and the examples hold."""
    policies = strict.service.policies
    assert {policy.id for policy in policies.policies} == set(PLAIN)
    assert [fails(policies, one) for policy in policies.policies for one in policy.examples if one] == [
        None for policy in policies.policies for _ in policy.examples
    ]


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_only_guards_differ(strict: Labeler, name: str) -> None:
    """Of those what is done and what is said: they look for the same."""
    own, plain = policy_of(strict, name), PLAIN[name]
    changed = {"guards", "extends", "version"}
    assert own.model_dump(exclude=changed) == plain.model_dump(exclude=changed)
    assert own.guards.keys() == plain.guards.keys()
    for guard, other in zip(own.guards.values(), plain.guards.values(), strict=True):
        assert guard.model_dump(exclude={"action", "words"}) == other.model_dump(exclude={"action", "words"})


def test_all_of_it_is_shipped(strict: Labeler, tmp_path: Path) -> None:
    """The strict ones and those of jurisdictions too, whose examples cannot know a house's policies."""
    (tmp_path / "labeler.yaml").write_text("jurisdictions: [cn, eu]\npolicies: [strict]", encoding="utf-8")
    both = Labeler.load(tmp_path / "labeler.yaml")
    assert all(is_shipped(one) for labeler in (strict, both) for one in labeler.service.policies.sources)


@pytest.mark.parametrize("name", STRICT)
def test_every_guard_acts(strict: Labeler, name: str) -> None:
    """Medical answers end, the others are replaced; the words are safe ones, in both languages, not those
    that would be added."""
    wanted = "stop" if name == "medical" else "replace"
    for guard, plain in zip(
        policy_of(strict, name).guards.values(), PLAIN[name].guards.values(), strict=True
    ):
        assert guard.action == wanted
        assert guard.window == "sentence"
        assert set(guard.words) == {"zh", "en"}
        assert not set(guard.words.values()) & set(plain.words.values())


def test_the_dose_does_not_leave(strict: Labeler) -> None:
    """A stream ends with the safe words before the sentence with the dose."""
    pieces = list(strict.stream(PRESCRIPTION, question="孩子发烧39度怎么办"))
    text = "".join(pieces)
    assert "先物理降温。" in text
    assert "5ml" not in text
    assert "请咨询医生或药师" in text
    assert "不替代医生诊断" in text


def test_a_promise_of_returns_is_replaced(strict: Labeler) -> None:
    """A whole answer: nothing of it is left, the labels stand around the safe words."""
    text = strict.text("这款产品保本保收益，年化8%。", scenarios=["finance"]).content
    assert "年化8%" not in text
    assert "这里不能对收益作任何承诺" in text
    assert text.startswith("【AI生成】")
    assert "市场有风险" in text


def test_a_harmless_answer_passes(strict: Labeler) -> None:
    """Strictness is for what guards find."""
    answer = "多喝水，注意休息，必要时就医。"
    assert answer in strict.text(answer, question="孩子发烧39度怎么办").content
