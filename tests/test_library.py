"""The library: texts, streams of texts and response bodies by a call, without any HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from labeler import BlockedError, PolicyError, undo
from tests.asgi_tools import (
    FEVER,
    GENERAL,
    MARK,
    MEDICAL,
    SHOP,
    Service,
    service,
)

HELLO = f"{MARK}Hello\n\n{GENERAL}"
CONFIG = """
models: [{name: "shop*", scenarios: [ecommerce]}]
limits: {answer: 100, response: 2000}
"""


def streamed(one: Service, pieces: list[str], **about: Any) -> list[str]:
    return list(one.labeler.stream(pieces, **about))


def streamed_async(one: Service, pieces: list[str], **about: Any) -> list[str]:
    async def run() -> list[str]:
        return [piece async for piece in one.labeler.astream(_source(pieces), **about)]

    return asyncio.run(run())


def at_once(one: Service, pieces: list[str], **about: Any) -> list[str]:
    labelled = one.labeler.text("".join(pieces), **about)
    assert labelled.outcome is one.outcomes[-1]
    return [labelled.content]


async def _source(pieces: list[str]) -> AsyncIterator[str]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


Call = Callable[..., list[str]]
ways = pytest.mark.parametrize("way", [at_once, streamed, streamed_async])
streams = pytest.mark.parametrize("way", [streamed, streamed_async])


# Texts.


@ways
@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({}, GENERAL),
        ({"question": "你好"}, GENERAL),
        ({"question": FEVER}, MEDICAL),
        ({"question": [FEVER, "那要吃多少？"]}, MEDICAL),
        ({"question": ("一", "二", "三", FEVER)}, MEDICAL),
        ({"scenarios": ["medical"]}, MEDICAL),
        ({"scenarios": ("medical",)}, MEDICAL),
        ({"question": FEVER, "scenarios": []}, GENERAL),
        ({"route": "/medical/x"}, MEDICAL),
        ({"model": "shop-1"}, SHOP),
        ({"headers": {"X-Labeler-Scenario": "medical"}}, MEDICAL),
        ({"human": False}, GENERAL),
    ],
)
def test_what_is_known_decides(tmp_path: Path, way: Call, about: dict[str, Any], words: str) -> None:
    """Question, scenarios, route, model and headers decide as they do for an HTTP answer."""
    text = "".join(way(service(tmp_path, CONFIG), ["Hel", "lo"], **about))
    assert text.startswith(f"{MARK}Hello\n\n")
    assert words in text


@ways
def test_the_language_follows_the_question(way: Call) -> None:
    """An English question gets the Chinese elements and English words."""
    assert "".join(way(service(), ["Hello"], question="How are you?")).startswith(
        "【AI生成】 AI-generated\n\n"
    )


@ways
@pytest.mark.parametrize(
    "text", ["", " \n", "Hello", "你好😀", "a\ud83d b", "\udce4", "\x00", "\r\n", "x" * 70_000]
)
def test_any_text_comes_back(way: Call, text: str) -> None:
    """Every text, lone surrogates too, stands in its labelled form; white space alone stays as it is."""
    one = service()
    whole = "".join(way(one, [text]))
    assert text in whole
    assert (whole == text) == (not text.strip())
    assert one.outcome.state == ("applied" if text.strip() else "skipped")


@ways
def test_a_surrogate_pair_in_two_pieces(way: Call) -> None:
    """A character that a source cuts in two does not hurt."""
    assert "a\ud83d\ude00b" in "".join(way(service(), ["a\ud83d", "\ude00b"]))


@ways
def test_twice_is_once(way: Call) -> None:
    """A labelled text is not labelled again."""
    assert "".join(way(service(), way(service(), ["Hello"]))) == HELLO


@ways
def test_an_answer_that_a_person_wrote(way: Call) -> None:
    """`human=True` leaves a text as it is, and the outcome says why."""
    one = service()
    assert "".join(way(one, ["Hel", "lo"], human=True, question=FEVER)) == "Hello"
    assert (one.outcome.state, one.outcome.reason) == ("skipped", "human")


@ways
def test_observe(tmp_path: Path, way: Call) -> None:
    """Observed texts come back as they are, also those that would be withheld, and are reported."""
    one = service(tmp_path, "mode: observe\nlimits: {answer: 100}")
    for text in ("Hello", '{"a' + "b" * 200):
        assert "".join(way(one, [text[:5], text[5:]])) == text
    assert [outcome.observed for outcome in one.outcomes] == [True, True]
    assert one.outcomes[0].state == "applied"


@ways
def test_what_an_outcome_of_a_text_knows(way: Call) -> None:
    """The outcome has the route, the number, the words said, and edits that lead back to the text."""
    one = service()
    whole = "".join(way(one, ["Hel", "lo"], route="/r", question=FEVER)).encode()
    outcome = one.outcome
    assert (outcome.state, outcome.dialect, outcome.route) == ("applied", "text", "/r")
    assert outcome.stream == (way is not at_once)
    assert outcome.verdict is not None
    assert outcome.verdict.scenarios == ("general", "medical")
    assert outcome.slots[0].said == outcome.verdict.stamps
    assert undo(whole, outcome.edits) == b"Hello"


@streams
def test_pieces_leave_at_once(way: Call) -> None:
    """Each piece comes out as its own, the first with the marker, the disclaimer last."""
    assert way(service(), ["Hel", "lo", " you"]) == [f"{MARK}Hel", "lo", " you", f"\n\n{GENERAL}"]


@streams
def test_only_what_could_be_the_mark_waits(way: Call) -> None:
    """Characters that could still become the mark wait for the next ones."""
    assert way(service(), ["【", "A", "nfang】", "x"])[:2] == [f"{MARK}【Anfang】", "x"]


# What is wrong.


@ways
@pytest.mark.parametrize("scenarios", [["nope"], ["general", "nope"], "nope", [1]])
def test_unknown_scenarios(way: Call, scenarios: Any) -> None:
    """A scenario that no policy has is a PolicyError that names it and those that there are; nothing
    comes out, and nothing is counted as an answer."""
    one = service()
    with pytest.raises(PolicyError, match="medical"):
        way(one, ["Hello"], scenarios=scenarios)
    assert one.outcomes == []


@ways
def test_one_scenario_may_be_a_string(way: Call) -> None:
    """A single scenario may be given as in `scope["labeler"]`, as a string."""
    assert MEDICAL in "".join(way(service(), ["Hello"], scenarios="medical"))


@ways
def test_unknown_arguments(way: Call) -> None:
    """A misspelt argument is not swallowed: a label could be missing because of it."""
    with pytest.raises(TypeError, match="scenario"):
        way(service(), ["Hello"], scenario=["medical"])


@pytest.mark.parametrize("name", ["service", "studio", "tenants", "reminders"])
def test_a_labeler_does_not_change(tmp_path: Path, name: str) -> None:
    """Whoever shares it cannot put something else into it for all the others."""
    one, other = service().labeler, service(tmp_path, "mode: observe").labeler
    before = getattr(one, name)
    with pytest.raises(AttributeError, match=f"immutable.*{name}"):
        setattr(one, name, getattr(other, name))
    assert getattr(one, name) is before


@ways
def test_structured_block(tmp_path: Path, way: Call) -> None:
    """Under `structured: block` a JSON text does not come out."""
    one = service(tmp_path, structured="block")
    with pytest.raises(BlockedError, match="structured: block"):
        way(one, ['{"a": 1}'])
    assert one.outcome.state == "failed"


@streams
@pytest.mark.parametrize(("on_failure", "state"), [("block", "failed"), ("pass", "failed")])
def test_over_the_limit(tmp_path: Path, way: Call, on_failure: str, state: str) -> None:
    """A text that may be JSON is kept up to limits.answer; beyond it, the policy's word counts."""
    one = service(tmp_path, "limits: {answer: 100}", on_failure=on_failure)
    pieces = ['{"a', "b" * 90, "c" * 90, "d"]
    if on_failure == "block":
        with pytest.raises(BlockedError, match=r"limits\.answer"):
            way(one, pieces)
    else:
        assert "".join(way(one, pieces)) == "".join(pieces)
    assert one.outcome.state == state
    assert [slot.reason for slot in one.outcome.slots] == [one.outcome.reason]
