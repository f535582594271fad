"""The library's `body`: whole response bodies by a call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeler import BlockedError, LabelerError, PolicyError, undo
from tests.asgi_tools import (
    FEVER,
    GENERAL,
    HISTORY,
    MARK,
    MEDICAL,
    ask,
    chat,
    events,
    said,
    service,
)

HELLO = f"{MARK}Hello\n\n{GENERAL}"


def test_a_body() -> None:
    """A JSON answer is labelled by what its request asks, and the outcome leads back to it."""
    one = service()
    labelled = one.labeler.body(chat(), request=ask(FEVER))
    assert said(labelled.content).startswith(f"{MARK}Hello\n\n")
    assert MEDICAL in said(labelled.content)
    assert undo(labelled.content, labelled.outcome.edits) == chat()
    assert labelled.outcome == one.outcome
    assert labelled.outcome.dialect == "openai-chat"


def test_a_streamed_body() -> None:
    """Server-sent events are labelled under their content type."""
    labelled = service().labeler.body(
        b"".join(events("Hello")), request=ask(FEVER), content_type="text/event-stream"
    )
    assert MEDICAL in said(labelled.content)
    assert labelled.outcome.stream


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({}, GENERAL),
        ({"question": FEVER}, MEDICAL),
        ({"scenarios": ["medical"]}, MEDICAL),
        ({"route": f"/medical{'/x'}"}, MEDICAL),
        ({"request": ask(FEVER), "scenarios": []}, GENERAL),
        ({"request": b"no JSON", "question": FEVER}, MEDICAL),
        ({"request": ask(model="med-1")}, MEDICAL),
        ({"request": json.dumps({"messages": HISTORY}).encode()}, GENERAL),
    ],
)
def test_what_is_known_of_a_body(about: dict[str, Any], words: str) -> None:
    """What the call says goes before what the request says."""
    assert words in said(service().labeler.body(chat(), **about).content)


def test_bodies_of_other_dialects() -> None:
    """Legacy completions and plain text are bodies too."""
    labeler = service().labeler
    legacy = labeler.body(b'{"choices": [{"text": "Hello"}]}', dialect="openai-legacy")
    assert json.loads(legacy.content)["choices"][0]["text"] == HELLO
    text = labeler.body(b"Hello", dialect="text", content_type="text/plain; charset=utf-8")
    assert text.content.decode() == HELLO


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        (ask(response_format={"type": "json_object"}), "structured output"),
        (json.dumps({"messages": HISTORY[:2]}).encode(), "prefill"),
    ],
)
def test_a_body_that_must_stay(request_body: bytes, reason: str) -> None:
    """Where the request forbids text, the body comes back byte for byte, with the reason."""
    labelled = service().labeler.body(chat("{}"), request=request_body)
    assert labelled.content == chat("{}")
    assert (labelled.outcome.state, labelled.outcome.reason) == ("skipped", reason)


@pytest.mark.parametrize("body", [b"{nope", b"<html>", b'{"object": "list"}', chat("x" * 3000)])
def test_a_body_that_cannot_be_labelled(tmp_path: Path, body: bytes) -> None:
    """`block` raises, `pass` gives the body back; the outcome is `failed` in both."""
    for on_failure in ("block", "pass"):
        (tmp_path / on_failure).mkdir()
        one = service(tmp_path / on_failure, "limits: {response: 2000}", on_failure=on_failure)
        if on_failure == "block":
            with pytest.raises(BlockedError):
                one.labeler.body(body)
        else:
            assert one.labeler.body(body).content == body
        assert one.outcome.state == "failed"
        assert one.outcome.reason


def test_a_stream_that_breaks_is_no_body() -> None:
    """A streamed body that fails in its middle raises; half an answer is none."""
    body = b"data: {nope\n\n" + b"".join(events("Hello"))
    with pytest.raises(BlockedError, match="no JSON"):
        service().labeler.body(body, content_type="text/event-stream")


@pytest.mark.parametrize(
    ("about", "error", "words"),
    [
        ({"scenarios": ["nope"]}, PolicyError, "medical"),
        ({"dialect": "nope"}, LabelerError, "openai-chat"),
        ({"scenario": ["medical"]}, TypeError, "scenario"),
    ],
)
def test_a_wrong_call_for_a_body(about: dict[str, Any], error: type[Exception], words: str) -> None:
    """What the caller got wrong is said with what would be right."""
    with pytest.raises(error, match=words):
        service().labeler.body(chat(), **about)
