"""Guards where an answer is more than text: pictures in it, copies of it, an object beside it, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeler import Labeler
from tests.driver import JSON, send
from tests.guard_tools import (
    ANSWER,
    BEFORE,
    DOSE,
    HARMLESS,
    RULE,
    SAFE,
    ended,
    finishes,
    guard,
    guarded,
    labelled,
)
from tests.picture_tools import URL
from tests.wire import DONE, MARK, NOTE, chunk, documents, envelope, event, message, say, spoken, texts

IMAGE = {"type": "image_url", "image_url": {"url": URL}}
PICTURED = f"![x]({URL})。"


@pytest.fixture
def labeler(tmp_path: Path) -> Labeler:
    """A house that stops, and lets pictures pass that it cannot label in full."""
    return guarded(tmp_path, guard("stop"), fields="on_failure: pass\n")


# Pictures.


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([chunk({"images": [IMAGE]}), *texts(*DOSE)], id="beside the text"),
        pytest.param([*texts(PICTURED), *texts(*DOSE)], id="in a sentence before"),
        pytest.param(texts(PICTURED + DOSE), id="in the same event"),
        pytest.param(texts(DOSE[:-1] + PICTURED), id="in the sentence"),
        pytest.param(
            texts(*[PICTURED[at : at + 40] for at in range(0, len(PICTURED), 40)], DOSE), id="in pieces"
        ),
    ],
)
def test_no_picture_leaves_unlabelled_because_of_a_stop(labeler: Labeler, pieces: list[bytes]) -> None:
    """One that is still being labelled when the answer stops does not leave, and nobody waits for it."""
    passed = ended([*say(*BEFORE, finish=None), *pieces, DONE], labeler)
    assert finishes(passed.body) == [(0, "content_filter")]
    assert URL[:200] not in passed.body.decode()
    text = spoken(passed.body)
    assert text.startswith(f"{MARK}\n\n{BEFORE}")
    assert "阿" not in text
    assert SAFE in text
    assert passed.outcome.state == "applied"


def test_the_pictures_of_a_replaced_answer_are_gone(labeler: Labeler) -> None:
    """In its text and beside it; no work is done for them."""
    passed = send([message(DOSE + PICTURED, images=[IMAGE])], labeler=labeler, content_type=JSON)
    assert json.loads(passed.body)["choices"][0]["message"] == {
        "role": "assistant",
        "content": labelled(SAFE),
    }
    assert passed.outcome.pictures == ()


# Copies of the text.


def snapshots(text: str, finish: str | None = "stop") -> list[bytes]:
    """A stream in which each event repeats the text from its start."""
    return [
        event(envelope([{"index": 0, "message": {"content": text[: at + 1]}, "finish_reason": None}]))
        for at in range(len(text) - 1)
    ] + [event(envelope([{"index": 0, "message": {"content": text}, "finish_reason": finish}]))]


def test_a_stream_that_only_repeats_itself_waits_for_its_end(labeler: Labeler) -> None:
    """It is read when it is complete; nothing of it leaves before."""
    passed = ended([*snapshots(ANSWER), DONE], labeler)
    assert "阿莫" not in json.dumps(documents(passed.body), ensure_ascii=False)
    assert spoken(passed.body) == labelled(SAFE)
    assert finishes(passed.body) == [(0, "content_filter")]
    plain = send([*snapshots(HARMLESS), DONE], labeler=labeler)
    last = documents(plain.body)[-1]["choices"][0]
    assert last["message"]["content"] == labelled(HARMLESS)


def test_a_copy_at_the_end_follows_what_has_left(labeler: Labeler) -> None:
    """Deltas, then an event with all of the text: it goes with the sentence."""
    whole: Any = envelope([{"index": 0, "message": {"content": ANSWER}, "finish_reason": "stop"}])
    passed = ended([*say(*BEFORE, *DOSE[:-1], finish=None), event(whole), DONE], labeler)
    assert spoken(passed.body) == labelled(BEFORE, SAFE)
    assert "阿莫" not in json.dumps(documents(passed.body), ensure_ascii=False)


# What stands beside the text, and errors.


def test_the_object_beside_the_choices_leaves_all_the_same(tmp_path: Path) -> None:
    """A label that is said in the interface: in the first event that leaves, once."""
    labeler = guarded(tmp_path, guard("stop"), marker=f"{{words: {MARK}, place: interface}}")
    for text in (ANSWER, DOSE):
        passed = ended([*say(*text, finish=None), DONE], labeler)
        docs = documents(passed.body)
        assert ["aigc" in doc for doc in docs].count(True) == 1
        assert next(doc["aigc"]["labels"][0]["words"] for doc in docs if "aigc" in doc) == MARK
    passed = ended([*say(DOSE, finish=None), DONE], labeler)
    assert [sorted(doc["aigc"]) for doc in documents(passed.body) if "aigc" in doc] == [
        ["labels", "number", "policy", "scenarios"]
    ]


def test_a_choice_that_breaks_is_read(labeler: Labeler) -> None:
    """An error in the choice itself: what is there of the sentence does not leave."""
    error = chunk({}, "error", error={"message": "overloaded"})
    passed = ended([*say(*BEFORE, *DOSE[:-1], finish=None), error, DONE], labeler)
    assert spoken(passed.body) == labelled(BEFORE, SAFE)
    assert passed.outcome.reason == f"stop: {RULE}"
    passed = send([*say(*HARMLESS[:-1], finish=None), error, DONE], labeler=labeler)
    assert spoken(passed.body) == f"{MARK}\n\n{HARMLESS[:-1]}"


def test_an_upstream_that_goes_on_behind_its_end_is_read_on(labeler: Labeler) -> None:
    """Text after the finish: guarded like the text before it, and the answer ends once more."""
    passed = ended([*say(*HARMLESS), *texts(*DOSE), chunk({}, "stop"), DONE], labeler)
    assert spoken(passed.body) == labelled(HARMLESS) + f"\n\n{SAFE}\n\n{NOTE}"
    assert finishes(passed.body) == [(0, "stop"), (0, "content_filter")]
