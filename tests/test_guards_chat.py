"""Guards in chat answers: complete and streamed, with calls and several choices."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from labeler import Labeler
from labeler.values import Guarded
from tests.driver import JSON, house, send
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
    one_guarded,
)
from tests.wire import (
    CALL,
    DONE,
    MARK,
    NOTE,
    USAGE,
    chunk,
    content,
    documents,
    envelope,
    event,
    message,
    say,
    spoken,
    texts,
)

STOPPING = ["replace", "stop", "hold"]


@pytest.fixture(scope="module")
def labeler(tmp_path_factory: pytest.TempPathFactory) -> Labeler:
    """A house that stops."""
    return guarded(tmp_path_factory.mktemp("stop"), guard("stop"))


# Streams.


@pytest.mark.parametrize("action", STOPPING)
def test_a_chat_stream_ends_as_filtered(tmp_path: Path, action: str) -> None:
    """Safe words, the dialect's finish for filtered content, `[DONE]`, and nothing behind it."""
    passed = ended([*say(*ANSWER), USAGE, DONE], guarded(tmp_path, guard(action)))
    assert spoken(passed.body) == labelled(BEFORE, SAFE)
    assert finishes(passed.body) == [(0, "content_filter")]
    assert passed.body.endswith(b"\n\n" + DONE)
    assert passed.body.count(DONE) == 1
    last = documents(passed.body)[-1]
    assert (last["id"], last["object"], last["model"]) == ("chatcmpl-1", "chat.completion.chunk", "m")
    assert (passed.outcome.state, passed.outcome.reason) == ("applied", f"{action}: {RULE}")
    kept = BEFORE + DOSE if action == "hold" else ""
    assert one_guarded(passed.outcome) == Guarded("house", "dose", action, SAFE, DOSE, kept)  # type: ignore[arg-type]


def test_the_app_is_told_at_the_sentence(labeler: Labeler) -> None:
    """It sends no further piece behind the one that completed the sentence."""
    passed = ended([*say(*ANSWER), DONE], labeler)
    assert len(passed.upstream.progress) == len("r" + BEFORE + DOSE[:-1])


def test_pieces_leave_when_their_sentence_is_complete(labeler: Labeler) -> None:
    """Until then they wait, each as it came; the pieces of the next sentence may be in the same event."""
    passed = send([*say("先", "看", "。", "好", "。再", "来", "！"), DONE], labeler=labeler)
    assert passed.waiting == [1, 2, 4, 6]
    assert spoken(passed.body) == labelled("先看。好。再来！")


def test_english_leaves_a_word_behind_its_sentence(labeler: Labeler) -> None:
    """A full stop ends a sentence only where white space follows, which the next piece brings."""
    pieces = ["One", ".", " Two", ".", " Three", " 3.5", " four", "."]
    passed = send([*say(*pieces), DONE], labeler=labeler)
    assert [len(spoken(body)) > 0 for body in passed.reply.bodies] == [False, True, True, True, False, False]
    assert spoken(passed.body) == labelled("One. Two. Three 3.5 four.")


@pytest.mark.parametrize(("first", "also"), [("", ()), ("阿莫西林要按医生说的用。", ("遵医嘱",))])
def test_nothing_is_added_for_what_has_not_left(tmp_path: Path, first: str, also: tuple[str, ...]) -> None:
    """A sentence that another guard adds is said where what it found has left, and not for the one that is
    kept back; so the stopped answer stays the same when it is labelled once more."""
    word = guard("disclaim", name="drug", find="[{words: [阿莫西林]}]", words="遵医嘱")
    stopping = guarded(tmp_path, guard("stop"), word)
    body = ended([*say(first, BEFORE, DOSE), DONE], stopping).reply.body
    assert spoken(body) == "\n\n".join([labelled(first + BEFORE, SAFE), *also])
    assert ended([body], stopping).reply.body == body


def test_disclaim_holds_nothing_back(tmp_path: Path) -> None:
    """Every event leaves when it comes; the words come before the finish."""
    passed = send([*say(*ANSWER), USAGE, DONE], labeler=guarded(tmp_path, guard("disclaim")))
    assert passed.waiting == []
    assert spoken(passed.body) == labelled(ANSWER, NOTE).removesuffix(f"\n\n{NOTE}") + f"\n\n{SAFE}"
    assert finishes(passed.body) == [(0, "stop")]


def test_without_a_window_every_event_leaves_at_once(tmp_path: Path) -> None:
    """And the stream ends at the event that completes the sentence, which stays back."""
    passed = ended([*say(*ANSWER), DONE], guarded(tmp_path, guard("stop", "window: none")))
    assert spoken(passed.body) == labelled(BEFORE + DOSE[:-1], SAFE)
    assert passed.waiting == []


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("finish", [[], ["stop"], ["stop", USAGE]])
def test_the_last_sentence_is_read_at_the_end(labeler: Labeler, finish: list[Any], at_once: bool) -> None:
    """Whatever ends the answer: its finish, usage, `[DONE]`; the finish may be in the last event."""
    chunks = [*say(*BEFORE, *DOSE[:-2], finish=None)]
    if at_once and finish:
        chunks.append(chunk({"content": "次"}, "stop"))
    else:
        chunks += [*texts("次"), *([chunk({}, "stop")] if finish else [])]
    passed = ended([*chunks, *finish[1:], DONE], labeler)
    assert spoken(passed.body) == labelled(BEFORE, SAFE)
    assert finishes(passed.body) == [(0, "content_filter")]


def test_a_stream_may_come_in_one_piece(labeler: Labeler) -> None:
    """Many events in one message, or all of the text in one event: what stands before the sentence leaves
    all the same."""
    for chunks in ([b"".join([*say(*ANSWER), DONE])], [b"".join(say(ANSWER)), DONE]):
        passed = ended(chunks, labeler)
        assert spoken(passed.body) == labelled(BEFORE, SAFE)
        assert finishes(passed.body) == [(0, "content_filter")]
        assert passed.body.endswith(DONE)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_the_line_ends_do_not_matter(labeler: Labeler, end: str) -> None:
    """As the service writes them."""
    chunks = [part.replace(b"\n\n", end.encode()) for part in [*say(*ANSWER), DONE]]
    passed = ended(chunks, labeler)
    assert spoken(passed.body) == labelled(BEFORE, SAFE)


def test_comments_pass_a_sentence_that_waits(labeler: Labeler) -> None:
    """A heartbeat leaves at once; it stands once in what leaves, also where the sentence does not."""
    ping = b": ping\n\n"
    for text in (HARMLESS, ANSWER):
        chunks = [piece for one in say(*text) for piece in (one, ping)]
        passed = ended([*chunks, DONE], labeler)
        alive = [body for body in passed.reply.bodies if body == ping]
        assert len(alive) >= len(BEFORE)
        assert passed.body.count(ping) == len(passed.upstream.progress) // 2


# Complete answers.


@pytest.mark.parametrize("action", STOPPING)
def test_a_complete_answer_is_replaced(tmp_path: Path, action: str) -> None:
    """Nothing that was generated is left: logprobs, reasoning and calls are gone with the text."""
    doc = json.loads(message(ANSWER, reasoning_content=DOSE, reasoning=DOSE, annotations=[{"text": DOSE}]))
    doc["choices"][0] |= {"logprobs": {"content": [{"token": "阿莫西林"}]}, "stop_reason": "阿莫西林"}
    doc["usage"] = {"total_tokens": 9}
    passed = send([json.dumps(doc).encode()], labeler=guarded(tmp_path, guard(action)), content_type=JSON)
    answer = json.loads(passed.body)
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": labelled(SAFE)},
            "logprobs": None,
            "finish_reason": "content_filter",
        }
    ]
    assert answer["usage"] == doc["usage"]
    assert f'reason="{action}: {RULE}"' in passed.reply.headers["labeler"]
    assert one_guarded(passed.outcome).text == (ANSWER if action == "hold" else "")


def test_a_complete_answer_is_disclaimed(tmp_path: Path) -> None:
    """The text stays, the words stand at its end."""
    passed = send([message(ANSWER)], labeler=guarded(tmp_path, guard("disclaim")), content_type=JSON)
    assert content(passed.body) == f"{MARK}\n\n{ANSWER}\n\n{NOTE}\n\n{SAFE}"
    assert json.loads(passed.body)["choices"][0]["finish_reason"] == "stop"


def test_only_the_choice_that_was_found_is_replaced(labeler: Labeler) -> None:
    """n=2, complete: the other one keeps its text, in whatever order they stand."""
    for order in ((0, 1), (1, 0)):
        doc = json.loads(message(ANSWER))
        other = {"index": 1, "message": {"role": "assistant", "content": HARMLESS}, "finish_reason": "stop"}
        both = [doc["choices"][0], other]
        doc["choices"] = [both[at] for at in order]
        passed = send([json.dumps(doc).encode()], labeler=labeler, content_type=JSON)
        found = {one["index"]: one for one in json.loads(passed.body)["choices"]}
        assert found[0]["message"]["content"] == labelled(SAFE)
        assert found[1]["message"]["content"] == labelled(HARMLESS)
        assert [found[at]["finish_reason"] for at in (0, 1)] == ["content_filter", "stop"]
        assert [bool(slot.guarded) for slot in passed.outcome.slots] == [True, False]


@pytest.mark.parametrize("body", [message(None, **CALL), message(HARMLESS, **CALL), message('{"a": "b"}')])
def test_calls_and_json_without_a_find_stay(tmp_path: Path, labeler: Labeler, body: bytes) -> None:
    """Byte for byte what they are without guards."""
    plain = guarded(tmp_path)
    assert (
        send([body], labeler=labeler, content_type=JSON).body
        == send([body], labeler=plain, content_type=JSON).body
    )


def test_text_before_a_call_is_read(labeler: Labeler) -> None:
    """Complete or streamed: a sentence beside a call is guarded like any other."""
    passed = send([message(DOSE[:-1], **CALL)], labeler=labeler, content_type=JSON)
    assert json.loads(passed.body)["choices"][0]["message"] == {
        "role": "assistant",
        "content": labelled(SAFE),
    }
    stream = [*say(*BEFORE, *DOSE[:-1], finish=None), chunk(CALL), chunk({}, "tool_calls"), DONE]
    passed = ended(stream, labeler)
    assert spoken(passed.body) == labelled(BEFORE, SAFE)
    assert b"tool_calls" not in passed.body
    assert finishes(passed.body) == [(0, "content_filter")]


def test_a_call_does_not_wait_for_the_end_of_a_sentence(labeler: Labeler) -> None:
    """What stands before it is read as it is; then the call passes piece by piece."""
    more = chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]})
    passed = send(
        [*say("查一", "下", finish=None), chunk(CALL), more, more, chunk({}, "tool_calls"), DONE],
        labeler=labeler,
    )
    assert passed.waiting == [1, 2]
    assert spoken(passed.body) == f"{MARK}\n\n查一下"


# Several choices in a stream.


def test_one_choice_that_is_stopped_ends_the_stream(labeler: Labeler) -> None:
    """The other one ends too, as filtered, behind what has left of it; it says why."""
    chunks = [
        *say(*BEFORE, finish=None),
        *say(*HARMLESS, finish=None, index=1),
        *texts(*DOSE),
        *texts("再说。", index=1),
        chunk({}, "stop"),
        chunk({}, "stop", 1),
        DONE,
    ]
    passed = ended(chunks, labeler)
    assert spoken(passed.body, 0) == labelled(BEFORE, SAFE)
    assert spoken(passed.body, 1) == f"{MARK}\n\n{HARMLESS}"
    assert sorted(finishes(passed.body)) == [(0, "content_filter"), (1, "content_filter")]
    first, other = passed.outcome.slots
    assert (first.state, first.reason) == ("applied", f"stop: {RULE}")
    assert (other.state, other.reason) == ("degraded", "another answer was stopped")
    assert [stamp.words for stamp in other.said] == [MARK]


def test_a_choice_that_had_ended_ends_once(labeler: Labeler) -> None:
    """Its own finish has left, or waits behind the other one's sentence and is said anew."""
    early = [*say(*HARMLESS, index=1), *say(*ANSWER), DONE]
    passed = ended(early, labeler)
    assert finishes(passed.body) == [(1, "stop"), (0, "content_filter")]
    assert spoken(passed.body, 1) == labelled(HARMLESS)
    assert passed.outcome.slots[1].reason == ""
    late = [*say(*BEFORE, *DOSE[:3], finish=None), *say(*HARMLESS, index=1), *texts(*DOSE[3:]), DONE]
    passed = ended(late, labeler)
    assert sorted(finishes(passed.body)) == [(0, "content_filter"), (1, "content_filter")]
    assert spoken(passed.body, 0) == labelled(BEFORE, SAFE)
    assert spoken(passed.body, 1) == ""
    assert (passed.outcome.slots[1].state, passed.outcome.slots[1].said) == ("skipped", ())


def test_a_choice_without_text_ends_too(labeler: Labeler) -> None:
    """One that only calls a tool, one that ended before it said a word."""
    chunks = [
        *say(*BEFORE, finish=None),
        chunk(CALL, index=1),
        chunk({}, "stop", 2),
        *texts(*DOSE),
        DONE,
    ]
    passed = ended(chunks, labeler)
    assert sorted(finishes(passed.body)) == [(0, "content_filter"), (1, "content_filter"), (2, "stop")]
    assert spoken(passed.body) == labelled(BEFORE, SAFE)


def test_one_choice_does_not_hold_back_what_stands_before_its_sentence(labeler: Labeler) -> None:
    """Both leave up to the first sentence that is open."""
    both = [
        event(envelope([{"index": at, "delta": {"content": text}, "finish_reason": None} for at in (0, 1)]))
        for text in "好。再"
    ]
    passed = send([*both, chunk({}, "stop"), chunk({}, "stop", 1), DONE], labeler=labeler)
    assert passed.waiting[:2] == [0, 2]
    assert spoken(passed.body, 0) == spoken(passed.body, 1) == labelled("好。再")


@pytest.mark.parametrize("action", ["", "stop", "disclaim"])
def test_a_pause_does_not_end_what_is_read_of_an_answer(tmp_path: Path, action: str) -> None:
    """A tool call, or an end that was none, between two texts: the second is looked at like the first."""
    other = """
        id: other
        version: "1"
        title: O
        match: {any: [{route: /zz/**}, {answer: {words: [处方]}}]}
        disclaimers: [{words: 遵医嘱哦}]
        examples: [{ask: Hi, route: /zz/a, scenarios: [other]}]
    """
    (tmp_path / "other.yaml").write_text(dedent(other), encoding="utf-8")
    dose = (
        f"guards: {{dose: {{find: [{{words: [阿莫西林]}}], action: {action}, words: 慎用}}}}\n"
        if action
        else ""
    )
    house(tmp_path, dose)
    service = "policies: [house.yaml, other.yaml]\ndefault: house\n"
    (tmp_path / "labeler.yaml").write_text(service, encoding="utf-8")
    labeler = Labeler.load(tmp_path / "labeler.yaml")
    for pause in (chunk(CALL), chunk({}, "stop")):
        stream = [
            chunk({"content": "我查一下"}),
            pause,
            chunk({"content": "。这是处方药。"}),
            chunk({}, "stop"),
            DONE,
        ]
        passed = send(stream, labeler=labeler)
        assert "遵医嘱哦" in spoken(passed.body)
        assert [one.scenario for one in passed.outcome.slots[0].because] == ["other"]
