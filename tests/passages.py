"""What the guards of the shipped policies find in an answer."""

from __future__ import annotations

from functools import cache

import pytest

from labeler import Labeler


@cache
def _labeler() -> Labeler:
    return Labeler.load()


def found(policy: str, answer: str, language: str = "zh") -> set[str]:
    """The guards, as `policy/guard`, that find something in an answer under a policy."""
    outcome = _labeler().text(answer, scenarios=[policy], language=language).outcome
    return {f"{one.policy}/{one.guard}" for slot in outcome.slots for one in slot.guarded}


def cases(passages: dict[str, list[str]]) -> list[object]:
    """Parameters (guard, passage), each named by its guard and its number."""
    return [
        pytest.param(guard, passage, id=f"{guard}-{number}")
        for guard, texts in passages.items()
        for number, passage in enumerate(texts)
    ]
