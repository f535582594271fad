"""The shipped policies: their own examples, and what the rules ask of them."""

from __future__ import annotations

import pytest

from labeler.config import load
from labeler.labels.wording import missing_elements
from labeler.policy import Policy
from labeler.policy.load import fails
from labeler.policy.model import Example

POLICIES = load(environ={}).policies
EXAMPLES = [
    pytest.param(example, id=f"{policy.id}-{number}")
    for policy in POLICIES.policies
    for number, example in enumerate(policy.examples)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_holds(example: Example) -> None:
    """Each example in a policy file leads to exactly the scenarios that it names."""
    assert fails(POLICIES, example) is None


def test_the_three_policies_are_there() -> None:
    """General is the default and stands first."""
    assert [policy.id for policy in POLICIES.policies] == ["general", "ecommerce", "medical"]


@pytest.mark.parametrize("policy", POLICIES.policies, ids=lambda policy: policy.id)
def test_each_policy_can_stand_alone(policy: Policy) -> None:
    """Each has a marker of its own, words in both languages, citations, and blocks on failure."""
    assert policy.marker is not None
    for words in (policy.marker.words, *(one.words for one in policy.disclaimers)):
        assert set(words) == {"zh", "en"}
    assert policy.basis
    assert policy.on_failure == "block"


@pytest.mark.parametrize("policy", POLICIES.policies, ids=lambda policy: policy.id)
def test_disclaimers_say_that_a_machine_wrote(policy: Policy) -> None:
    """The Chinese disclaimers carry both elements too, although the marker alone would do."""
    assert all(missing_elements(one.words["zh"], "cn") == () for one in policy.disclaimers)


def test_the_medical_disclaimer_has_its_words() -> None:
    """It says literally that the answer does not replace a doctor's diagnosis."""
    medical = next(policy for policy in POLICIES.policies if policy.id == "medical")
    assert "不替代医生诊断" in medical.disclaimers[0].words["zh"]
