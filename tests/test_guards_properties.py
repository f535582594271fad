"""What holds for every guarded answer: the cut decides nothing, an answer without a find is what it is
without guards, and of what was found nothing leaves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st

from labeler import Labeler, Outcome
from labeler.values import Guarded
from tests.driver import JSON, SSE, send
from tests.guard_tools import RULE, ended, guard, guarded, streamed
from tests.test_properties import EDGES, STREAMS, pieces
from tests.wire import CALL, DONE, MARK, NOTE, chunk, content, documents, message, spoken

SAFE = "☂"
"""Safe words that no generated answer has."""
FRAGMENTS = st.sampled_from(
    [
        *(
            "阿莫西林",
            "Amoxicillin",
            "amoxi",
            "cillin",
            "5mg",
            "5 mg",
            "500",
            " mg",
            "过敏",
            "看",
            "保证",
            "p",
        ),
        *(
            "。",
            "！",
            ". ",
            ".",
            "; ",
            "\n",
            "\n\n",
            " ",
            "***",
            "e",
            "\u0301",
            "\ud83d",
            "\ude00",
            "阿",
            "１",
        ),
        *("```\n", "```", "# ", "<think>", "</think>", "[1] ", "{", "}", '{"a": 1}', MARK, NOTE, "<b>"),
    ]
)
ANSWERS = st.lists(FRAGMENTS, max_size=14).map(lambda parts: json.loads(json.dumps("".join(parts))))
SILENT = re.compile(rb"(?:event)?: ping\n\n")
CUTS = st.lists(st.integers(0, 80), max_size=12)


@cache
def house(*actions: str, unless: str = "unless: [过敏]") -> Labeler:
    """A house with one guard for each action; the second looks for something else."""
    promise = "[{words: [保证, p]}]"
    with TemporaryDirectory() as folder:
        guards = [
            guard(
                action.removesuffix("!"),
                "within: 2",
                unless,
                *(["window: none"] if action.endswith("!") else []),
                name=name,
                words=words,
                **({} if name == "dose" else {"find": promise}),
            )
            for action, name, words in zip(actions, ("dose", "promise"), (SAFE, "☔"), strict=False)
        ]
        return guarded(Path(folder), *guards)


HOUSES = st.sampled_from(
    [
        ("disclaim",),
        ("stop",),
        ("hold",),
        ("stop!",),
        ("stop", "disclaim"),
        ("disclaim", "replace"),
        ("stop", "hold!"),
    ]
)


@cache
def lenient(*actions: str) -> Labeler:
    """A house with a guard that lets pass what it cannot label."""
    with TemporaryDirectory() as folder:
        return guarded(Path(folder), *map(guard, actions), fields="on_failure: pass\n")


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces."""
    bounds = sorted({0, len(text), *(at for at in places if at < len(text))})
    return [text[start:end] for start, end in pairwise(bounds)]


def found(outcome: Outcome) -> tuple[Guarded, ...]:
    """What guards found; how far a held answer had been generated is not the guard's business."""
    return tuple(replace(one, text="") for slot in outcome.slots for one in slot.guarded)


def complete(text: str) -> bytes:
    """A complete answer, in ASCII: halves of characters come as such."""
    doc = json.loads(message(""))
    doc["choices"][0]["message"]["content"] = text
    return json.dumps(doc).encode()


def well_formed(text: str) -> bool:
    """Whether the text is free of lone halves of characters, which JSON and UTF-8 write in several ways."""
    return text == text.encode("utf-8", "replace").decode()


@given(ANSWERS, CUTS, HOUSES)
@example("Amoxicillin. ***\n! 5 mg", [], ("stop",))
@example("阿莫西林\n***\n5mg。保证", [1, 2], ("stop", "disclaim"))
def test_the_cut_decides_nothing(text: str, cuts: list[int], actions: tuple[str, ...]) -> None:
    """The same is found however a text is cut, and whole; and the same leaves, unless a guard that does not
    wait for the end of a sentence stops it."""
    labeler = house(*actions)
    whole = labeler.text(text)
    slow, by_character = streamed(labeler, list(text))
    given, outcome = streamed(labeler, cut(text, cuts))
    assert found(outcome) == found(by_character) == found(whole.outcome)
    assert outcome.reason == by_character.reason
    if "!" not in "".join(actions) or outcome.reason == "":
        assert "".join(given) == "".join(slow)


@given(ANSWERS, CUTS, HOUSES)
def test_an_answer_without_a_find_is_what_it_is_without_guards(
    text: str, cuts: list[int], actions: tuple[str, ...]
) -> None:
    """Streams and complete answers, byte for byte."""
    labeler, plain = house(*actions), house()
    chunks = [*(chunk({"content": piece}) for piece in cut(text, cuts)), chunk({}, "stop"), DONE]
    for body, kind in (([complete(text)], JSON), (chunks, SSE)):
        without = send(body, labeler=plain, content_type=kind)
        if not found((passed := ended(body, labeler, content_type=kind)).outcome):
            assert passed.body == without.body
            assert passed.outcome.slots[0].said == without.outcome.slots[0].said


FOUND = st.sampled_from(["阿莫西林5mg。", "Amoxicillin 500 mg! ", "500mg阿莫西林```\n", "保证阿莫西林 5 mg"])


@given(ANSWERS, FOUND, FOUND, ANSWERS, CUTS, st.sampled_from([("stop",), ("hold",), ("replace",)]))
def test_nothing_shows_of_what_was_found(
    before: str, one: str, other: str, rest: str, cuts: list[int], actions: tuple[str, ...]
) -> None:
    """Two answers that differ from the sentence on leave alike: with the safe words and as filtered."""
    bodies = []
    for text in (f"{before}\n{one}{rest}", f"{before}\n{other}"):
        chunks = [*(chunk({"content": piece}) for piece in cut(text, cuts)), chunk({}, "stop"), DONE]
        passed = ended(chunks, house(*actions))
        if passed.outcome.reason != f"{actions[0]}: {RULE}":
            return
        bodies.append(passed.body)
        assert MARK in spoken(passed.body)
        assert SAFE in spoken(passed.body)
        assert NOTE in spoken(passed.body)
        assert documents(passed.body)[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert spoken(bodies[0]) == spoken(bodies[1])


@given(ANSWERS, HOUSES)
def test_labelled_again_it_stays(text: str, actions: tuple[str, ...]) -> None:
    """An answer that was labelled under guards is at home with itself, where it is so without them. (That a
    neighbouring sentence spares a passage is not said of it: the labels are neighbours too.)"""
    labeler, plain = house(*actions, unless="unless: [☃]"), house()
    bare = plain.text(text).content
    once = labeler.text(text).content
    if plain.text(bare).content == bare:
        assert labeler.text(once).content == once


@given(st.lists(st.tuples(st.integers(0, 1), FRAGMENTS), max_size=20), st.booleans())
def test_two_choices_do_not_disturb_each_other(parts: list[tuple[int, str]], calls: bool) -> None:
    """Each is found in as it would be alone; what is stopped ends both, once each."""
    chunks = [chunk({"content": json.loads(json.dumps(text))}, index=at) for at, text in parts]
    if calls:
        chunks.insert(len(chunks) // 2, chunk(CALL, index=1))
    passed = ended([*chunks, chunk({}, "stop"), chunk({}, "stop", 1), DONE], house("stop"))
    finishes: dict[int, int] = {}
    for doc in documents(passed.body):
        for choice in doc["choices"]:
            finishes[choice["index"]] = finishes.get(choice["index"], 0) + bool(choice["finish_reason"])
    assert set(finishes.values()) <= {1}
    assert passed.body.count(DONE) == 1
    assert sum(bool(slot.guarded) for slot in passed.outcome.slots) <= 1
    for slot in passed.outcome.slots:
        text = spoken(passed.body, slot.slot)
        assert all(stamp.words in text for stamp in slot.said)


@given(ANSWERS, st.integers(1, 7))
def test_bytes_may_be_cut_anywhere(text: str, size: int) -> None:
    """A stream in pieces of any size that say nothing about its events; plain text too."""
    labeler = house("stop")
    body = b"".join([*(chunk({"content": char}) for char in text), chunk({}, "stop"), DONE])
    whole = ended([*(chunk({"content": char}) for char in text), chunk({}, "stop"), DONE], labeler)
    passed = ended([body[at : at + size] for at in range(0, len(body), size)], labeler)
    assert passed.body == whole.body
    assert found(passed.outcome) == found(whole.outcome)
    if well_formed(text):
        data = text.encode()
        parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        one = ended(parts, labeler, path="/answer", content_type="text/plain; charset=utf-8")
        assert found(one.outcome) == found(whole.outcome)


@given(STREAMS, EDGES)
def test_any_stream_without_a_find_is_what_it_is_without_guards(body: bytes, at: list[int]) -> None:
    """Whatever is in it beside text, however it is written and cut: the same bytes, but for comments, which
    overtake what waits; the same account."""
    one, other = (send(pieces(body, at), labeler=each) for each in (lenient("stop"), lenient()))
    assert SILENT.sub(b"", one.body) == SILENT.sub(b"", other.body)
    assert len(SILENT.findall(one.body)) == len(SILENT.findall(other.body))
    assert (one.outcome.state, one.outcome.reason) == (other.outcome.state, other.outcome.reason)
    assert one.outcome.slots == tuple(
        replace(slot, number=mine.number)
        for slot, mine in zip(other.outcome.slots, one.outcome.slots, strict=True)
    )


@given(ANSWERS)
def test_a_replaced_answer_is_the_safe_words_alone(text: str) -> None:
    """Complete: whatever the model had said."""
    labeler = house("stop")
    passed = send([complete(text)], labeler=labeler, content_type=JSON)
    if found(passed.outcome):
        assert content(passed.body) == f"{MARK}\n\n{SAFE}\n\n{NOTE}"
