"""Complete answers that break off, cannot be read, or are errors; and what becomes of their headers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeler import BlockedError, Labeler, undo
from tests.driver import JSON, SHIPPED, house, send
from tests.wire import P, S, content, message


@pytest.mark.parametrize("ends", ["raises", "stops"])
def test_a_torn_answer_does_not_leave(ends: str) -> None:
    """An upstream that breaks its JSON off before the response has started: 502, whole and in shape,
    or, where the app raises, its own error with nothing sent."""
    reply = send([message("Hi")[:40]], content_type=JSON, ends=ends).reply
    if ends == "raises":
        assert isinstance(reply.error, ConnectionError)
        assert reply.status in (0, 502)
    else:
        assert reply.status == 502
        assert reply.headers["x-should-retry"] == "false"
        assert json.loads(reply.body)["error"]["code"] == "label_failed"
        assert reply.whole


@pytest.mark.parametrize("ends", ["raises", "stops"])
def test_a_torn_answer_may_pass(tmp_path: Path, ends: str) -> None:
    """`on_failure: pass`: what came leaves, unfinished as it is."""
    passed = send(
        [message("Hi")[:40]], labeler=house(tmp_path, "on_failure: pass"), content_type=JSON, ends=ends
    )
    assert passed.body == message("Hi")[:40]
    assert passed.reply.status == 200
    assert not passed.reply.whole
    assert passed.outcome.state == "failed"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"choices":' + b"[" * 100_000, id="deep"),
        pytest.param(b'{"choices":[{"text":"Hi"}]}', id="another dialect"),
        pytest.param(b'{"choices":["Hi"]}', id="choices of another kind"),
        pytest.param(b'{"choices":[{"messages":[{"text":"Hi"}]}]}', id="several messages"),
        pytest.param(b'{"choices":[{"message":{},"text":"Hi"}]}', id="beside the message"),
        pytest.param(b'{"choices":[{"message":"Hi"}]}', id="a message that is a text"),
        pytest.param(b'{"choices":[{"message":{"content":"","text":"Hi"}}]}', id="no content"),
        pytest.param(message(7), id="a number"),
        pytest.param(message([["Hi"]]), id="a list in a list"),
        pytest.param(message([{"type": "text", "text": ["Hi"]}]), id="a text that is a list"),
        pytest.param(message([{"type": "text", "text": "Hi"}, {"type": "x", "x": "you"}]), id="a type"),
        pytest.param(b'{"output":"Hi"}', id="no choices"),
        pytest.param(b'["Hi"]', id="a list"),
        pytest.param(b'"Hi"', id="a string"),
        pytest.param(b"<html>Hi</html>", id="HTML"),
        pytest.param(b"\xff\xfe\x00\x01", id="bytes"),
        pytest.param(message("Hi").decode().encode("utf-16"), id="UTF-16"),
        pytest.param(message("Hi").decode().encode("utf-16-le"), id="UTF-16 without BOM"),
    ],
)
def test_what_cannot_be_read_is_withheld_or_passed(tmp_path: Path, body: bytes) -> None:
    """The policy's word: 502 with the reason, or the body as it came with `failed` in the header."""
    blocked = send([body], content_type=JSON)
    assert blocked.reply.status == 502
    assert blocked.reply.whole
    assert blocked.outcome.state == "failed"
    passed = send([body], labeler=house(tmp_path, "on_failure: pass"), content_type=JSON)
    assert passed.reply.status == 200
    assert passed.body == body
    assert passed.reply.headers["labeler"].startswith("failed;reason=")


ERRORS = [
    {"error": {"message": "No.", "content": "x"}},
    {"error": "No."},
    {"error": {"message": "No."}, "choices": []},
    {"object": "error", "message": "No.", "type": "BadRequestError", "code": 400},
    {"id": "1", "choices": None, "base_resp": {"status_code": 1004, "status_msg": "No."}},
    {"code": 1113, "msg": "余额不足", "success": False, "data": None},
    {"code": "InvalidParameter", "message": "No.", "request_id": "1"},
]
NO_ERRORS = [
    {"code": 0, "msg": "ok"},
    {"code": 0, "msg": "ok", "data": {"choices": [{"message": {"content": "Hi"}}]}},
    {"code": 7, "msg": "ok", "data": {"text": "Hi"}},
    {"msg": "Hi"},
]


@pytest.mark.parametrize("body", NO_ERRORS, ids=json.dumps)
def test_what_may_hold_an_answer_is_no_error(body: dict[str, Any]) -> None:
    """An envelope that no dialect knows is withheld, lest an answer in it slips out."""
    assert send([json.dumps(body).encode()], content_type=JSON).reply.status == 502


@pytest.mark.parametrize("error", ERRORS, ids=json.dumps)
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_error_bodies_are_not_touched(error: dict[str, Any], status: int) -> None:
    """An error leaves as it came, whatever its status says: OpenAI's shape, vLLM's, MiniMax', and
    the code and message of many back ends."""
    body = json.dumps(error, indent=1).encode()
    passed = send([body], content_type=JSON, status=status)
    assert passed.body == body
    assert passed.reply.status == status
    assert passed.reply.headers["labeler"].startswith("skipped")


def test_white_space_before_the_answer_passes_at_once() -> None:
    """DeepSeek's heartbeat: blank lines before the JSON leave as they come, and the rest follows."""
    passed = send([b"\n", b" \n", message("Hi")], content_type=JSON)
    assert passed.reply.bodies[:2] == [b"\n", b" \n"]
    assert content(passed.body) == f"{P}Hi{S}"
    assert "content-length" not in passed.reply.headers


def test_the_library_labels_a_body() -> None:
    """`Labeler.body` reads the question out of the request, labels, and lists its edits."""
    request = json.dumps({"messages": [{"role": "user", "content": "孩子发烧39度怎么办"}]}).encode()
    done = SHIPPED.body(message("多喝水"), request=request)
    assert "不替代医生诊断" in content(done.content)
    assert done.outcome.verdict is not None
    assert done.outcome.verdict.scenarios == ("general", "medical")
    assert undo(done.content, done.outcome.edits) == message("多喝水")


def test_the_library_raises_where_a_body_must_not_leave() -> None:
    """A body that cannot be labelled is a BlockedError, and counted."""
    labeler = Labeler.load()
    with pytest.raises(BlockedError, match="no list of choices"):
        labeler.body(b'{"output": "Hi"}')
    assert labeler.counts == {"failed: unknown shape": 1}
