"""Numbers that point into an answer's text: moved with it, exactly, and only where words stand before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.driver import Passed, answer, send
from tests.wire import DONE, P, S, chunk, documents, event, message, spoken, texts

NESTED = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "url": "u"}}


FLAT = {"type": "url_citation", "start_index": 1, "end_index": 2, "url": "u"}


def test_citations_move_with_the_text() -> None:
    """Offsets of citations, nested and flat, count characters and are shifted by the marker's length;
    the end of a range stays before words that follow it."""
    out = json.loads(answer(message("Hi", annotations=[NESTED, FLAT, {"type": "file", "index": 3}])))
    notes = out["choices"][0]["message"]["annotations"]
    assert notes[0] == {
        **NESTED,
        "url_citation": {"start_index": len(P), "end_index": len(P) + 2, "url": "u"},
    }
    assert notes[1] == {**FLAT, "start_index": len(P) + 1, "end_index": len(P) + 2}
    assert notes[2] == {"type": "file", "index": 3}


def test_citations_stay_where_no_words_stand_before_them() -> None:
    """An answer that has its mark already is not shifted, nor is reasoning before the marker."""
    said = json.loads(answer(message(f"{P}Hi", annotations=[FLAT])))
    assert said["choices"][0]["message"]["annotations"] == [FLAT]
    early = {**FLAT, "start_index": 0, "end_index": 7}
    out = json.loads(
        answer(message("<think></think>\n\nHi", annotations=[early, {**FLAT, "start_index": 17}]))
    )
    notes = out["choices"][0]["message"]["annotations"]
    assert notes[0] == early
    assert notes[1]["start_index"] == 17 + len(P)


def test_many_citations_cost_no_more_than_their_number() -> None:
    """An answer of a research model has hundreds of sources, and each number its own place in one walk."""
    count = 500
    notes = [{**NESTED, "url_citation": {"start_index": at, "end_index": at + 1}} for at in range(count)]
    out = json.loads(answer(message("Hi" * count, annotations=notes)))
    moved = [note["url_citation"]["start_index"] for note in out["choices"][0]["message"]["annotations"]]
    assert moved == [at + len(P) for at in range(count)]


def test_azure_filter_offsets_move_with_the_text() -> None:
    """Azure's asynchronous filter counts characters of the text too."""
    choice = {
        "index": 0,
        "message": {"content": "Hi"},
        "content_filter_offsets": {"check_offset": 0, "start_offset": 0, "end_offset": 2},
    }
    out = json.loads(answer(json.dumps({"choices": [choice]}).encode()))
    wanted = {"check_offset": len(P), "start_offset": len(P), "end_offset": len(P) + 2}
    assert out["choices"][0]["content_filter_offsets"] == wanted


CITED = [
    {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2}},
    {"type": "url_citation", "start_index": 0, "end_index": 2},
]


@pytest.mark.parametrize("note", CITED)
@pytest.mark.parametrize("delta", [{}, {"role": "assistant"}, {"content": ""}, {"content": None}])
@pytest.mark.parametrize("text", ["Hi", "<b"])
def test_citations_in_streams_move_with_the_text(
    note: dict[str, Any], delta: dict[str, Any], text: str
) -> None:
    """`url_citation`, nested and flat, alone in its delta or not, also while the start is held."""
    passed = send(
        [*texts(text), chunk({**delta, "annotations": [note]}), *texts(">"), chunk({}, "stop"), DONE]
    )
    notes = [doc["choices"][0]["delta"].get("annotations") for doc in documents(passed.body)]
    (moved,) = next(filter(None, notes))
    moved = moved.get("url_citation", moved)
    assert (moved["start_index"], moved["end_index"]) == (len(P), len(P) + 2)


@pytest.mark.parametrize("delta", [{}, {"delta": {}}, {"delta": None}, {"delta": {"content": ""}}])
def test_azure_filter_offsets_in_streams_move_with_the_text(delta: dict[str, Any]) -> None:
    """The asynchronous filter's annotations come in choices of their own, mostly without a delta, and
    also after the end."""
    offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
    note = {"index": 0, "finish_reason": None, **delta, "content_filter_offsets": offsets}
    foreign = event({"id": "", "object": "", "created": 0, "model": "", "choices": [note], "usage": None})
    passed = checked_shift([*texts("Hi"), foreign, chunk({}, "stop"), foreign, DONE])
    wanted = {name: value + len(P) for name, value in offsets.items()}
    found = [doc["choices"][0].get("content_filter_offsets") for doc in documents(passed.body)]
    assert [one for one in found if one] == [wanted, wanted]


def checked_shift(chunks: list[bytes]) -> Passed:
    """A stream that is labelled although some of its events have no envelope of their own."""
    passed = send(chunks)
    assert spoken(passed.body) == f"{P}Hi{S}"
    assert documents(passed.body)[-1]["object"] == ""
    return passed


def test_offsets_in_streams_stay_where_no_words_stand_before_them() -> None:
    """An answer that already has the mark is not shifted."""
    note = chunk({"annotations": [CITED[0]]})
    assert note in send([*texts(f"{P}Hi"), note, DONE]).body
