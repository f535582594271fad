"""Guards in texts: what they find, what they do about it, and what has left before they stop a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from labeler import Labeler, Outcome
from tests.guard_tools import (
    AFTER,
    ANSWER,
    BEFORE,
    DOSE,
    HARMLESS,
    RULE,
    SAFE,
    guard,
    guarded,
    labelled,
    one_guarded,
    streamed,
)
from tests.wire import MARK, NOTE

STOPPING = ["replace", "stop", "hold"]


def test_disclaim_adds_its_words_at_the_end(tmp_path: Path) -> None:
    """The text itself stays, whole or streamed, and nothing of it waits."""
    labeler = guarded(tmp_path, guard("disclaim"))
    wanted = labelled(ANSWER, f"{NOTE}\n\n{SAFE}").removesuffix(f"\n\n{NOTE}")
    whole = labeler.text(ANSWER)
    given, outcome = streamed(labeler, list(ANSWER))
    assert whole.content == "".join(given) == wanted
    assert len(given) == len(ANSWER) + 1
    for one in (whole.outcome, outcome):
        assert (one.state, one.reason) == ("applied", "")
        assert [stamp.words for stamp in one.slots[0].said] == [MARK, NOTE, SAFE]


@pytest.mark.parametrize("action", STOPPING)
def test_safe_words_stand_instead_of_a_whole_text(tmp_path: Path, action: str) -> None:
    """Whatever the action that stops: nothing of the text leaves, and the labels stand once."""
    done = guarded(tmp_path, guard(action)).text(ANSWER)
    assert done.content == labelled(SAFE)
    assert (done.outcome.state, done.outcome.reason) == ("applied", f"{action}: {RULE}")


@pytest.mark.parametrize("action", STOPPING)
def test_a_stream_ends_with_the_safe_words(tmp_path: Path, action: str) -> None:
    """What stands before the sentence has left; of the sentence itself nothing, and nothing after it."""
    labeler = guarded(tmp_path, guard(action))
    for pieces in (list(ANSWER), [ANSWER], [BEFORE + DOSE[:5], DOSE[5:] + AFTER]):
        given, outcome = streamed(labeler, pieces)
        assert "".join(given) == labelled(BEFORE, SAFE)
        assert (outcome.state, outcome.reason) == ("applied", f"{action}: {RULE}")
        assert [stamp.words for stamp in outcome.slots[0].said] == [MARK, NOTE]


def test_the_outcome_says_what_was_found(tmp_path: Path) -> None:
    """Policy, guard, action, words and passage; the whole text only where a person is to review it."""
    for action in ("disclaim", *STOPPING):
        found = one_guarded(guarded(tmp_path, guard(action)).text(ANSWER).outcome)
        assert (found.policy, found.guard, found.action) == ("house", "dose", action)
        assert (found.words, found.found) == (SAFE, DOSE)
        assert found.text == (ANSWER if action == "hold" else "")


def test_a_held_stream_keeps_what_had_been_generated(tmp_path: Path) -> None:
    """Up to the piece in which the guard found it."""
    _, outcome = streamed(guarded(tmp_path, guard("hold")), list(ANSWER))
    assert one_guarded(outcome).text == BEFORE + DOSE


@pytest.mark.parametrize("action", STOPPING)
def test_the_source_of_a_stopped_stream_is_not_read_on(tmp_path: Path, action: str) -> None:
    """A generator is left, an asynchronous one closed, at the sentence's end."""
    labeler = guarded(tmp_path, guard(action))
    read: list[str] = []
    closed: list[str] = []

    def source() -> Iterator[str]:
        for piece in ANSWER:
            read.append(piece)
            yield piece

    async def asynchronous() -> AsyncIterator[str]:
        try:
            for piece in ANSWER:
                yield piece
        finally:
            closed.append("yes")

    async def collected() -> str:
        return "".join([piece async for piece in labeler.astream(asynchronous())])

    assert "".join(labeler.stream(source())) == labelled(BEFORE, SAFE)
    assert "".join(read) == BEFORE + DOSE
    assert asyncio.run(collected()) == labelled(BEFORE, SAFE)
    assert closed == ["yes"]


def test_a_sentence_leaves_when_it_is_complete(tmp_path: Path) -> None:
    """`window: sentence`: nothing before the end of a sentence, all of it then."""
    given, _ = streamed(guarded(tmp_path, guard("stop")), list(HARMLESS))
    assert given == [f"{MARK}\n\n{BEFORE}", AFTER, f"\n\n{NOTE}"]


def test_without_a_window_nothing_waits(tmp_path: Path) -> None:
    """`window: none`: every piece leaves when it comes, and the stream ends at the one in which the
    sentence was found."""
    labeler = guarded(tmp_path, guard("stop", "window: none"))
    given, outcome = streamed(labeler, list(ANSWER))
    assert "".join(given) == labelled(BEFORE + DOSE[:-1], SAFE)
    assert len(given) == len(BEFORE + DOSE)
    assert one_guarded(outcome).found == DOSE


def test_an_answer_that_never_ends_a_sentence_is_not_held_for_ever(tmp_path: Path) -> None:
    """After 1000 characters it counts as a sentence; and it is read all the same."""
    labeler = guarded(tmp_path, guard("stop"))
    given, _ = streamed(labeler, ["啊"] * 2500)
    assert len(given) == 3
    assert "".join(given) == labelled("啊" * 2500)
    given, outcome = streamed(labeler, [*"啊" * 1500, *DOSE[:-1], *"啊" * 1500])
    assert "".join(given) == labelled("啊" * 1000, SAFE)
    assert outcome.reason == f"stop: {RULE}"


def test_the_last_sentence_needs_no_end(tmp_path: Path) -> None:
    """What stands at an answer's end without a full stop is read as well."""
    labeler = guarded(tmp_path, guard("stop"))
    given, _ = streamed(labeler, [*BEFORE, *DOSE[:-1]])
    assert "".join(given) == labelled(BEFORE, SAFE)


@pytest.mark.parametrize("action", STOPPING)
def test_two_answers_that_differ_behind_the_sentence_leave_alike(tmp_path: Path, action: str) -> None:
    """Nothing of what was stopped, and nothing after it, shows in what leaves."""
    labeler = guarded(tmp_path, guard(action))
    one, _ = streamed(labeler, list(ANSWER))
    other, _ = streamed(labeler, list(BEFORE + "Amoxicillin 20mg!" + "```\n" * 9))
    assert "".join(one) == "".join(other)


@pytest.mark.parametrize("action", ["disclaim", "replace", "stop", "hold"])
@pytest.mark.parametrize("text", [ANSWER, HARMLESS, DOSE])
def test_a_labelled_answer_that_is_labelled_again_stays(tmp_path: Path, action: str, text: str) -> None:
    """Marker, safe words and notes are said once."""
    labeler = guarded(tmp_path, guard(action))
    for once in (labeler.text(text).content, "".join(labeler.stream(list(text)))):
        assert labeler.text(once).content == once
        assert "".join(labeler.stream(list(once))) == once


FENCED = ["```\n步骤一。\n", "```py\nx = 1\n```\n", "# 标题\n", "- 一\n- 二\n"]


@pytest.mark.parametrize("before", FENCED, ids=repr)
@pytest.mark.parametrize("found", ["阿莫西林 5mg\n", "```amoxicillin 5 mg\n", "阿莫西林 5mg```"], ids=repr)
def test_safe_words_close_what_has_left_open(tmp_path: Path, before: str, found: str) -> None:
    """A code block that has left is closed before them; one that was held back is not."""
    labeler = guarded(tmp_path, guard("stop"))
    given = "".join(labeler.stream(list(before + found)))
    body = given.removeprefix(f"{MARK}\n\n").removesuffix(f"\n\n{SAFE}\n\n{NOTE}")
    assert body.rstrip("`\n") == before.rstrip("`\n")
    assert body.count("```") % 2 == 0


@pytest.mark.parametrize("start", ["{药名}，", "[1] ", "[1, 2] ", '{"a": "'])
def test_what_begins_like_json_is_read_as_it_passes(tmp_path: Path, start: str) -> None:
    """Its labels come at the end; a sentence that is found leaves no sooner than in other text."""
    labeler = guarded(tmp_path, guard("stop"))
    given, outcome = streamed(labeler, [*start, *ANSWER])
    text = "".join(given)
    assert text.startswith(start + BEFORE)
    assert not set("阿莫5") & set(text.removeprefix(start))
    for words in (MARK, SAFE, NOTE):
        assert text.count(words) == 1
    assert {stamp.words for stamp in outcome.slots[0].said} == {MARK, NOTE}
    assert outcome.reason == f"stop: {RULE}"


def test_a_json_answer_is_read_too(tmp_path: Path) -> None:
    """One without a find stays byte for byte; one with a find does not leave."""
    labeler = guarded(tmp_path, guard("stop"))
    assert "".join(labeler.stream(['{"a": "先看', '体温。"}'])) == '{"a": "先看体温。"}'
    for content in (
        labeler.text(f'{{"a": "{ANSWER}"}}').content,
        "".join(labeler.stream(list(f'{{"a": "{DOSE[:-1]}"}}'))),
    ):
        assert content == labelled(SAFE)


def test_reasoning_is_not_read(tmp_path: Path) -> None:
    """Inline reasoning passes; the answer behind it is guarded, and safe words are an answer of their own."""
    labeler = guarded(tmp_path, guard("stop"))
    thought = f"<think>{DOSE}</think>"
    for text in (thought + HARMLESS, thought, f"<think>{DOSE}"):
        whole = labeler.text(text)
        given, outcome = streamed(labeler, list(text))
        assert "".join(given) == whole.content
        assert outcome.slots[0].guarded == whole.outcome.slots[0].guarded == ()
        assert whole.content.startswith(text[: len(thought)])
    assert "".join(labeler.stream(list(thought + DOSE))) == f"{thought}\n\n{labelled(SAFE)}"
    assert labeler.text(thought + DOSE).content == labelled(SAFE)
    assert "".join(labeler.stream(list(thought + ANSWER))) == f"{thought}\n\n{labelled(BEFORE, SAFE)}"


def test_observing_changes_nothing_and_reports_the_guard(tmp_path: Path) -> None:
    """`mode: observe`: the whole answer leaves as it came, behind the sentence too."""
    labeler = guarded(tmp_path, guard("stop"), settings="mode: observe")
    given, outcome = streamed(labeler, list(ANSWER))
    whole = labeler.text(ANSWER)
    assert "".join(given) == whole.content == ANSWER
    for one in (outcome, whole.outcome):
        assert one.observed
        assert one_guarded(one).found == DOSE
        assert one.reason == f"stop: {RULE}"


def test_a_stream_that_is_left_is_accounted_for_once(tmp_path: Path) -> None:
    """A reader who goes away in the middle of a sentence."""
    outcomes: list[Outcome] = []
    labeler = Labeler(guarded(tmp_path, guard("stop")).service, on_outcome=outcomes.append)
    stream = labeler.stream(list(HARMLESS))
    assert next(stream) == f"{MARK}\n\n{BEFORE}"
    del stream
    (outcome,) = outcomes
    assert outcome.reason == "broken off before its end"
    assert not outcome.slots[0].guarded
