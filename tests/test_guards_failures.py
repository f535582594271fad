"""Guards in answers that break off or cannot be read, in legacy completions and in plain text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeler import Labeler
from tests.driver import JSON, LEGACY, SSE, Passed, send
from tests.guard_tools import (
    AFTER,
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
    DONE,
    MARK,
    content,
    documents,
    event,
    message,
    say,
    spoken,
    texts,
)

TEXT = "text/plain; charset=utf-8"


@pytest.fixture(scope="module")
def labeler(tmp_path_factory: pytest.TempPathFactory) -> Labeler:
    """A house that stops."""
    return guarded(tmp_path_factory.mktemp("stop"), guard("stop"))


def legacy(text: str, finish: str | None = None, **more: Any) -> bytes:
    """One event of a legacy completion."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish, **more}
    return event(
        {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}
    )


def legacy_text(body: bytes) -> str:
    """The text of a streamed legacy completion."""
    return "".join(doc["choices"][0]["text"] for doc in documents(body))


# Failures.


@pytest.mark.parametrize("ends", ["stops", "raises"])
def test_a_stream_that_breaks_off_in_a_sentence(labeler: Labeler, ends: str) -> None:
    """What is there of the sentence is read: harmless, it leaves, and nothing is added; else it does not."""
    passed = send(say(*HARMLESS[:-1], finish=None), labeler=labeler, ends=ends)
    assert spoken(passed.body) == f"{MARK}\n\n{HARMLESS[:-1]}"
    assert (passed.outcome.state, passed.outcome.reason) == ("degraded", "broken off before its end")
    assert (passed.reply.error is not None) is (ends == "raises")


@pytest.mark.parametrize("ends", ["stops", "raises"])
@pytest.mark.parametrize("tail", [b"", b'data: {"cho'])
def test_a_stream_that_breaks_off_in_a_sentence_that_is_found(
    labeler: Labeler, ends: str, tail: bytes
) -> None:
    """Safe words end it, whatever the connection does."""
    chunks = [*say(*BEFORE, *DOSE[:-1], finish=None), *([tail] if tail else [])]
    passed = ended(chunks, labeler, ends=ends, raises=ends == "raises")
    assert spoken(passed.body) == labelled(BEFORE, SAFE)
    assert finishes(passed.body) == [(0, "content_filter")]
    assert passed.outcome.reason == f"stop: {RULE}"


@pytest.mark.parametrize(
    "error", [event({"error": {"message": "overloaded"}}), b"event: error\ndata: overloaded\n\n"]
)
def test_an_error_of_the_upstream_in_a_sentence(labeler: Labeler, error: bytes) -> None:
    """It lets a harmless beginning go, and stands behind it; one that is found does not leave."""
    passed = send([*say(*HARMLESS[:-1], finish=None), error], labeler=labeler)
    assert passed.body.endswith(error)
    assert MARK + "\n\n" + HARMLESS[:-1] == spoken(passed.body.removesuffix(error))
    passed = ended([*say(*BEFORE, *DOSE[:-1], finish=None), error], labeler)
    assert spoken(passed.body) == labelled(BEFORE, SAFE)


def test_on_failure_block_withholds_what_was_not_read(labeler: Labeler) -> None:
    """A stream that cannot be read any more ends in an error, though it carries its marker."""
    passed = send(
        [*say(*HARMLESS, *DOSE[:-3], finish=None), b"data: {nope\n\n", *texts(*DOSE)], labeler=labeler
    )
    assert passed.outcome.state == "failed"
    assert passed.reply.error is not None
    assert "阿" not in json.dumps(documents(passed.body), ensure_ascii=False)
    assert "label_failed" in passed.body.decode()


@pytest.mark.parametrize("text", [HARMLESS[:-1], BEFORE + DOSE[:-1]])
def test_on_failure_pass_lets_the_rest_go(tmp_path: Path, text: str) -> None:
    """Unread, as the policy says; but what is held and found by then does not leave."""
    labeler = guarded(tmp_path, guard("stop"), fields="on_failure: pass\n")
    rest = [b"data: {nope\n\n", *texts("又。")]
    passed = ended([*say(*text, finish=None), *rest], labeler)
    if text in HARMLESS:
        assert passed.body.endswith(b"".join(rest))
        assert passed.outcome.state == "degraded"
    else:
        assert spoken(passed.body) == labelled(BEFORE, SAFE)
        assert passed.outcome.reason == f"stop: {RULE}"


def test_observing_a_stream_and_an_answer(tmp_path: Path) -> None:
    """`mode: observe`: every byte leaves when it comes, also what an app sends behind the sentence, and
    what the app raises is raised."""
    labeler = guarded(tmp_path, guard("stop"), settings="mode: observe")
    passed = send([*say(*ANSWER), DONE], labeler=labeler)
    assert passed.waiting == []
    assert passed.reply.bodies == [*say(*ANSWER), DONE, b""]
    assert (passed.outcome.observed, passed.outcome.reason) == (True, f"stop: {RULE}")
    assert one_guarded(passed.outcome).found == DOSE
    failing = send([*say(*ANSWER)], labeler=labeler, ends="raises")
    assert isinstance(failing.reply.error, ConnectionError)
    whole = send([message(ANSWER)], labeler=labeler, content_type=JSON)
    assert whole.body == message(ANSWER)
    assert one_guarded(whole.outcome).found == DOSE


# Legacy completions and plain text.


def test_a_legacy_stream_ends_as_filtered(labeler: Labeler) -> None:
    """In its own shape."""
    passed = ended([*map(legacy, ANSWER), legacy("", "stop"), DONE], labeler, path=LEGACY)
    assert legacy_text(passed.body) == labelled(BEFORE, SAFE)
    assert documents(passed.body)[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert documents(passed.body)[-1]["object"] == "text_completion"
    assert passed.body.endswith(DONE)


def test_a_complete_legacy_answer_is_replaced(labeler: Labeler) -> None:
    """Its logprobs go with the text; the other prompt's answer keeps its own."""
    offsets = {"tokens": ["阿"], "text_offset": [0], "token_logprobs": [-0.1]}
    first = {"index": 0, "text": ANSWER, "logprobs": offsets, "finish_reason": "stop"}
    second = {"index": 1, "text": HARMLESS, "logprobs": offsets, "finish_reason": "stop"}
    doc = {"id": "1", "object": "text_completion", "choices": [first, second]}
    passed = send([json.dumps(doc).encode()], labeler=labeler, path=LEGACY, content_type=JSON)
    one, other = json.loads(passed.body)["choices"]
    assert one == {"index": 0, "text": labelled(SAFE), "logprobs": None, "finish_reason": "content_filter"}
    assert other["text"] == labelled(HARMLESS)
    assert other["logprobs"]["tokens"] == ["阿"]


@pytest.mark.parametrize("cut", [1, 2, 5, 20])
def test_a_route_of_plain_text(labeler: Labeler, cut: int) -> None:
    """Characters that come in halves, and nothing behind the safe words."""
    data = ANSWER.encode()
    chunks = [data[at : at + cut] for at in range(0, len(data), cut)]
    passed = ended(chunks, labeler, path="/answer", content_type=TEXT)
    assert passed.body.decode() == labelled(BEFORE, SAFE)
    assert (passed.outcome.dialect, passed.outcome.reason) == ("text", f"stop: {RULE}")
    assert len(passed.upstream.progress) < len(chunks)


def test_plain_text_that_breaks_off(labeler: Labeler) -> None:
    """In a harmless sentence, and in one that is found."""
    route: dict[str, Any] = {"path": "/answer", "content_type": TEXT, "ends": "stops"}
    passed = send([HARMLESS[:-1].encode()], labeler=labeler, **route)
    assert passed.body.decode() == f"{MARK}\n\n{HARMLESS[:-1]}"
    passed = ended([BEFORE.encode(), DOSE[:-1].encode()], labeler, **route)
    assert passed.body.decode() == labelled(BEFORE, SAFE)


def test_safe_words_that_the_charset_has_not_withhold_the_rest(tmp_path: Path) -> None:
    """The sentence does not leave, whatever `on_failure` says; the transfer is broken off."""
    labeler = guarded(tmp_path, guard("stop", words="请就医🚑"), fields="on_failure: pass\n")
    route: dict[str, Any] = {"path": "/answer", "content_type": "text/plain; charset=gbk"}
    passed: Passed = send([BEFORE.encode("gbk"), DOSE.encode("gbk")], labeler=labeler, **route)
    assert passed.body.decode("gbk") == f"{MARK}\n\n{BEFORE}"
    assert passed.outcome.state == "failed"
    assert "gbk" in passed.outcome.reason
    assert not passed.reply.whole


def test_the_library_reads_bodies(labeler: Labeler) -> None:
    """`Labeler.body`, complete and streamed, as over HTTP."""
    done = labeler.body(message(ANSWER))
    assert content(done.content) == labelled(SAFE)
    done = labeler.body(b"".join([*say(*ANSWER), DONE]), content_type=SSE)
    assert spoken(done.content) == labelled(BEFORE, SAFE)
    assert done.outcome.reason == f"stop: {RULE}"
    assert AFTER not in spoken(done.content)
