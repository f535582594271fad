"""What a client cannot do: take a label away by a header, a path or a body that nobody reads."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from labeler import BlockedError
from tests.asgi_tools import (
    CHAT,
    EVENTS,
    FEVER,
    GENERAL,
    JSON,
    MARK,
    MEDICAL,
    TEXT,
    Scripted,
    answer,
    ask,
    call,
    chat,
    events,
    said,
    service,
)

HINTS: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "another scenario": [("x-labeler-scenario", "ecommerce")],
    "an unknown scenario": [("x-labeler-scenario", "none")],
    "our own headers": [("labeler", "skipped"), ("ai-disclosure", "mode=none")],
    "guessed ways out": [("x-labeler-human", "true"), ("x-labeler-mode", "observe"), ("x-labeler", "off")],
    "compressed": [("content-encoding", "gzip")],
    "multipart": [("content-type", "multipart/form-data; boundary=x")],
    "a form": [("content-type", "application/x-www-form-urlencoded")],
    "no type": [("content-type", "")],
    "accepts little": [("accept", "text/html"), ("accept-encoding", "br, zstd, gzip")],
    "a part": [("range", "bytes=0-"), ("if-range", '"1"')],
    "signed": [("content-digest", "sha-256=:x:")],
    "another method": [("x-http-method-override", "GET")],
}


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_client_takes_no_label_away(hint: str, stream: bool) -> None:
    """Whatever headers a client sends, a medical question gets its marker and its disclaimer."""
    messages = answer(events("Hello"), EVENTS) if stream else answer(chat())
    given = dict(HINTS[hint])
    headers = [*({**JSON, **given}.items()), *HINTS[hint]]
    text = said(service().call(Scripted(*messages), ask(FEVER), headers=headers).body)
    assert text.startswith(MARK)
    assert MEDICAL in text


@pytest.mark.parametrize(
    "values", [["medical"], ["medical", "other"], ["other", "medical"], ["medical, other"], ["other,medical"]]
)
def test_a_repeated_header_only_adds(values: list[str]) -> None:
    """A header that the operator's proxy sets keeps its scenario where the client sends it too."""
    headers = [("content-type", "application/json"), *(("x-labeler-scenario", value) for value in values)]
    got = service().call(Scripted(*answer(chat())), headers=headers)
    assert MEDICAL in said(got.body)


@pytest.mark.parametrize(
    "path",
    [
        CHAT,
        f"{CHAT}/",
        "/v1/Chat/Completions",
        "/v1//chat//completions",
        f"{CHAT}/.",
        f"/a/..{CHAT}",
        f"{CHAT};x=1",
        f"{CHAT}\n",
        f"/x/{CHAT}",
    ],
)
def test_a_spelling_of_the_path_takes_no_label_away(path: str) -> None:
    """Spellings that a lenient server behind us takes for the same route are covered too."""
    assert said(service().call(Scripted(*answer(chat())), path=path).body).startswith(MARK)


def test_a_spelling_of_an_operators_path_takes_no_label_away(tmp_path: Path) -> None:
    """The operator's routes bring their scenarios and dialects, however the client writes the path."""
    one = service(tmp_path, "routes: [{path: /clinic/**, scenarios: [medical]}, {path: /Ask, dialect: text}]")
    for path in (f"/clinic{CHAT}", f"/CLINIC{CHAT}", f"/Clinic{CHAT.title()}"):
        assert MEDICAL in said(one.call(Scripted(*answer(chat())), path=path).body)
    for path in ("/Ask", "/ask", "/ASK/", "/ask\n", "/ask/\n"):
        assert one.call(Scripted(*answer(b"Hello", TEXT)), path=path).body.decode().startswith(MARK)


@pytest.mark.parametrize("method", ["post", "Post"])
def test_the_case_of_a_method_takes_no_label_away(tmp_path: Path, method: str) -> None:
    """An app that answers it is labelled, on every kind of route."""
    one = service(tmp_path, "routes: [{path: /ask, dialect: text}]")
    assert said(one.call(Scripted(*answer(chat())), method=method).body).startswith(MARK)
    got = one.call(Scripted(*answer(b"Hello", TEXT)), path="/ask", method=method)
    assert got.body.decode().startswith(MARK)


@pytest.mark.parametrize(
    "more",
    [
        {"labeler": {"human": True}},
        {"human": True},
        {"scenarios": []},
        {"aigc": {}},
        {"metadata": {"labeler": "off"}},
        {"response_format": {"type": "text"}},
        {"stream_options": {"include_usage": True}},
        {"stop": ["\n\n"]},
    ],
)
def test_a_request_body_takes_no_label_away(more: dict[str, Any]) -> None:
    """Fields of the request that sound like a way out are none."""
    text = said(service().call(Scripted(*answer(chat())), ask(FEVER, **more)).body)
    assert text.startswith(MARK)
    assert MEDICAL in text


@pytest.mark.parametrize(
    "content",
    [
        [FEVER],
        [{"type": "input_text", "text": FEVER}],
        [{"type": "image_url", "image_url": {"url": "https://a.b"}}, {"text": FEVER}],
        [{"type": "text", "text": {"content": FEVER}}],
        [{"type": "x", "text": FEVER}],
        {"type": "text", "text": FEVER},
    ],
    ids=repr,
)
def test_a_question_in_parts_is_read(content: Any) -> None:
    """However a client writes its message, what it asks tells the scenario."""
    body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
    assert MEDICAL in said(service().call(Scripted(*answer(chat())), body).body)


# Routes that nobody claims.


def test_unclaimed_routes_pass_and_are_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    """A route that nobody claims passes and is counted each time; the log names it once, in one line."""
    one = service()
    middleware = one.before(Scripted(*answer(b"{}")))
    with caplog.at_level(logging.WARNING, "labeler"):
        for path in ("/a", "/a", "/b\nERROR", "/b\nERROR"):
            got = call(middleware, ask(), path).messages
            assert got == answer(b"{}")
    assert [(o.state, o.reason, o.route) for o in one.outcomes][:2] == [("skipped", "unclaimed", "/a")] * 2
    assert one.labeler.counts == {"skipped: unclaimed": 4}
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "/a" in messages[0]
    assert "\n" not in messages[1]


def test_warnings_do_not_grow_without_end(caplog: pytest.LogCaptureFixture) -> None:
    """A client that asks for ever new paths does not fill the log."""
    middleware = service().before(Scripted(*answer(b"{}")))
    with caplog.at_level(logging.WARNING, "labeler"):
        for at in range(300):
            call(middleware, ask(), f"/{at}")
    assert len(caplog.records) < 300


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/x", CHAT])
def test_requests_without_an_answer_are_no_unclaimed_ones(tmp_path: Path, method: str, path: str) -> None:
    """HEAD and preflight requests pass, also where unclaimed routes are blocked; nobody is warned."""
    one = service(tmp_path, "unclaimed: block")
    got = one.call(Scripted(*answer(b"", {}, 204)), path=path, method=method)
    assert got.status == 204
    assert one.outcomes == []


@pytest.mark.parametrize("path", ["/x", "/v1/embeddings"])
def test_unclaimed_routes_can_be_blocked(tmp_path: Path, path: str) -> None:
    """`unclaimed: block`: an error that names the route, without asking the app; the outcome is a failure."""
    one = service(tmp_path, "unclaimed: block")
    app = Scripted(*answer(b"{}"))
    got = one.call(app, path=path)
    assert got.complete
    assert (got.status, got.headers["x-should-retry"]) == (502, "false")
    error = json.loads(got.body)["error"]
    assert error["code"] == "label_failed"
    assert path in error["message"]
    assert app.received == []
    assert (one.outcome.state, one.outcome.reason) == ("failed", "unclaimed")


def test_unclaimed_routes_are_not_blocked_when_observed(tmp_path: Path) -> None:
    """A dry run passes what would be blocked, and reports it."""
    one = service(tmp_path, "unclaimed: block\nmode: observe")
    assert one.call(Scripted(*answer(b"{}")), path="/x").messages == answer(b"{}")
    assert one.outcome.observed
    assert one.outcome.state == "failed"


# Requests that cannot be read.

UNREAD: dict[str, tuple[bytes, dict[str, str], str]] = {
    "over the limit": (ask(FEVER + "!" * 500), {}, "longer than"),
    "no JSON": (b"question=fever", {}, "not JSON"),
    "nothing": (b"", {}, "not JSON"),
    "a list": (b"[1]", {}, "not a JSON object"),
    "deep": (b"[" * 390, {}, "not JSON"),
    "multipart": (b"--x\r\n\r\n--x--", {"content-type": "multipart/form-data; boundary=x"}, "multipart"),
    "gzip": (gzip.compress(ask(FEVER)), {"content-encoding": "gzip"}, "compressed"),
    "deflate": (zlib.compress(ask(FEVER)), {"content-encoding": "Deflate"}, "compressed"),
    "br": (b"\x8b\x00", {"content-encoding": "br"}, "compressed"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_request_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    """It reaches the app whole and is answered under the route's `unread` scenarios besides the default;
    the outcome notes it, with the reason."""
    body, headers, reason = UNREAD[name]
    config = """
    limits: {request: 400}
    routes: [{path: /clinic/**, unread: [medical]}]
    """
    for path, medical in ((f"/clinic{CHAT}", True), (CHAT, False)):
        one = service(tmp_path, config)
        app = Scripted(*answer(chat()))
        got = one.call(app, [body[:90], body[90:450], body[450:]], path, headers={**JSON, **headers})
        assert app.request == body
        assert said(got.body).startswith(MARK)
        assert (MEDICAL in said(got.body), GENERAL in said(got.body)) == (medical, not medical)
        (note,) = one.outcome.notes
        assert note.startswith("scenario: request unread (")
        assert reason in note


def test_a_request_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    """`limits.request` is the longest body that is still read."""
    for more, medical in ((0, True), (-1, False)):
        one = service(tmp_path, f"limits: {{request: {len(ask(FEVER)) + more}}}")
        text = said(one.call(Scripted(*answer(chat())), ask(FEVER)).body)
        assert (MEDICAL in text) == medical


def test_very_deep_requests_and_answers() -> None:
    """JSON of endless depth is no JSON to us: a request is unread, an answer is withheld, a stream broken."""
    deep = b"[" * 200_000
    one = service()
    assert said(one.call(Scripted(*answer(chat())), deep).body).startswith(MARK)
    assert one.outcome.notes == ("scenario: request unread (not JSON)",)
    assert service().answer(deep).status == 502
    broken = service().answer([b"data: %s\n\n" % deep], EVENTS)
    assert isinstance(broken.error, BlockedError)


QUESTIONS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "text": (FEVER.encode(), {"headers": TEXT}),
    "text, written otherwise": (FEVER.encode(), {"headers": {"content-type": "Text/Plain"}}),
    "text without a type": (FEVER.encode(), {"headers": {}}),
    "a field": (json.dumps({"question": FEVER}).encode(), {}),
    "messages": (ask(FEVER), {}),
    "a form": (
        f"q={quote(FEVER)}".encode(),
        {"headers": {"content-type": "application/x-www-form-urlencoded"}},
    ),
    "the query": (b"", {"method": "GET", "query_string": f"a=b&q={quote(FEVER)}".encode()}),
    "the query, not encoded": (b"", {"method": "GET", "query_string": f"q={FEVER}".encode()}),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_text_route_reads_its_question(tmp_path: Path, name: str) -> None:
    """On a route of plain text the question may be the body, a field or part of the query, and no header
    of the client decides whether it counts."""
    body, scope = QUESTIONS[name]
    one = service(tmp_path, "routes: [{path: /t, dialect: text}]")
    text = one.call(Scripted(*answer(b"Hello", TEXT)), body, "/t", **scope).body.decode()
    assert text.startswith(f"{MARK}Hello\n\n")
    assert MEDICAL in text
