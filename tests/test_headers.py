"""The label in headers: structured fields that a parser reads back, where they stand, and for whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import http_sf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler import LabelMiddleware
from tests.asgi_tools import (
    EVENTS,
    FEVER,
    GENERAL,
    JSON,
    MARK,
    MEDICAL,
    TEXT,
    Got,
    Scope,
    Scripted,
    Service,
    answer,
    ask,
    call,
    chat,
    events,
    said,
    service,
)


def labeler(got: Got) -> tuple[str, dict[str, Any]]:
    """The `Labeler` field: its token and its parameters."""
    item: Any = http_sf.parse(got.headers["labeler"].encode("ascii"), tltype="item")
    token, parameters = item
    assert isinstance(token, http_sf.Token)
    return str(token), parameters


def disclosure(got: Got) -> dict[str, Any]:
    """The `AI-Disclosure` field: its members, none of which has parameters."""
    members: Any = http_sf.parse(got.headers["ai-disclosure"].encode("ascii"), tltype="dictionary")
    assert all(parameters == {} for _, parameters in members.values())
    return {name: value for name, (value, _) in members.items()}


# Labeler.


def test_labelled() -> None:
    """`applied` with the scenarios, the policies' revision and the content number of the outcome."""
    one = service()
    got = one.call(Scripted(*answer(chat())), ask(FEVER))
    verdict = one.outcome.verdict
    assert verdict is not None
    assert labeler(got) == (
        "applied",
        {"scenarios": "general medical", "policy": verdict.revision, "number": one.outcome.number},
    )


STATES: dict[str, tuple[list[Any], dict[str, Any], str, str]] = {
    "stream": (answer(events("Hello"), EVENTS), {}, "planned", ""),
    "keep-alive": (answer([b" ", chat()]), {}, "planned", ""),
    "no text": (answer(chat(None)), {}, "skipped", "no text"),
    "tool call": (
        answer(chat(None, tool_calls=[{"id": "1", "type": "function"}])),
        {},
        "skipped",
        "tool call",
    ),
    "structured": (
        answer(chat("{}")),
        {"response_format": {"type": "json_object"}},
        "skipped",
        "structured output",
    ),
    "structured stream": (
        answer(events("{}"), EVENTS),
        {"response_format": {"type": "json_object"}},
        "skipped",
        "structured output",
    ),
    "JSON answer": (answer(chat('{"a": 1}')), {}, "skipped", "JSON answer"),
    "error": (answer(b"{}", status=500), {}, "skipped", "status 500"),
    "no body": (answer(b"", {}, 204), {}, "skipped", "no body"),
    "withheld": (answer(b"{nope"), {}, "failed", "the answer is no JSON"),
}


@pytest.mark.parametrize("name", STATES)
def test_states(name: str) -> None:
    """A body's header says what was done and why, a stream's what is planned; reasons agree with the
    outcome's."""
    messages, more, state, reason = STATES[name]
    one = service()
    got = one.call(Scripted(*messages), ask(**more))
    token, parameters = labeler(got)
    assert token == state
    assert parameters.get("reason", "").startswith(reason)
    assert ("reason" in parameters) == bool(reason)
    assert parameters["number"] == one.outcome.number
    if state != "planned":
        assert parameters.get("reason", "") == one.outcome.reason


def test_what_the_interface_shows(tmp_path: Path) -> None:
    """A marker of `place: interface` stands in the header as a Display String, and in the `aigc` object."""
    marker = {"words": {"zh": '【AI生成】"100%"'}, "place": "interface"}
    for messages in (answer(chat()), answer(events("Hello"), EVENTS)):
        one = service(tmp_path, marker=marker, disclaimers=[])
        got = one.call(Scripted(*messages))
        _, parameters = labeler(got)
        assert isinstance(parameters["label"], http_sf.DisplayString)
        assert str(parameters["label"]) == '【AI生成】"100%"'
        assert said(got.body) == "Hello"
        assert b'"aigc":{"scenarios":["house"]' in got.body


@settings(max_examples=50)
@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=40))
def test_reasons_are_always_readable(coding: str) -> None:
    """Whatever an upstream writes into its headers, the reason that quotes it is a String in ASCII."""
    got = service().answer(chat(), {**JSON, "content-encoding": coding})
    token, parameters = labeler(got)
    assert token in ("applied", "failed")
    assert parameters.get("reason", "").isascii()


def test_a_long_reason_is_cut() -> None:
    """However much an app writes wrongly, clients can still read the header and the error."""

    def wish(scope: Scope) -> None:
        scope["labeler"] = {"scenarios": ["x" * 100_000]}

    got = service().call(Scripted(wish, *answer(chat())))
    assert got.status == 502
    assert len(got.headers["labeler"]) < 2000
    assert len(got.body) < 10_000


# AI-Disclosure.


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("qwen-max", "qwen-max"),
        ('a "b" \\ c', 'a "b" \\ c'),
        ('x", provider="evil', 'x", provider="evil'),
        ("通义千问", None),
        ("a\r\nSet-Cookie: b", None),
        ("\x00", None),
        ("m" * 300, None),
        ("", None),
        (7, None),
    ],
)
def test_disclosure(model: Any, shown: str | None) -> None:
    """The field names the request's model where it can be written, and no client can write more into it."""
    got = service().call(Scripted(*answer(chat())), ask(model=model))
    members = disclosure(got)
    assert members.pop("mode") == http_sf.Token("ai-originated")
    assert members == ({} if shown is None else {"model": shown})


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_disclosure_of_any_model(model: str) -> None:
    """Any name at all leaves fields that can be parsed, in printable ASCII."""
    got = service().call(Scripted(*answer(chat())), ask(model=model))
    assert set(disclosure(got)) <= {"mode", "model"}
    assert got.headers["ai-disclosure"].isprintable()


def test_disclosure_names_the_provider(tmp_path: Path) -> None:
    """The provider of the configuration stands beside the model."""
    got = service(tmp_path, "provider: {name: Example Ltd}").answer(chat())
    assert disclosure(got)["provider"] == "Example Ltd"


@pytest.mark.parametrize("name", ["error", "no body", "withheld"])
def test_nothing_is_disclosed_of_what_is_not_generated(name: str) -> None:
    """Errors and empty responses hold nothing that a model made."""
    assert "ai-disclosure" not in service().call(Scripted(*STATES[name][0])).headers


@pytest.mark.parametrize("name", ["structured", "structured stream", "JSON answer", "stream"])
def test_what_cannot_be_labelled_in_its_text_is_disclosed(name: str) -> None:
    """Structured output carries its label in the headers."""
    messages, more, _, _ = STATES[name]
    assert "ai-disclosure" in service().call(Scripted(*messages), ask(**more)).headers


# Switches.


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("draft", [True, False])
@pytest.mark.parametrize("cors", [True, False])
def test_switches(tmp_path: Path, ours: bool, draft: bool, cors: bool) -> None:
    """Each header can be switched off; then it is neither added nor exposed, and the upstream's stays."""
    config = f"headers: {{labeler: {str(ours).lower()}, ai_disclosure: {str(draft).lower()}}}"
    upstream = {"labeler": "theirs", "ai-disclosure": "mode=theirs"}
    given_headers = {**JSON, **upstream, **({"access-control-allow-origin": "*"} if cors else {})}
    headers = service(tmp_path, config).answer(chat(), given_headers).headers
    assert (headers["labeler"] == "theirs") == (not ours)
    assert (headers["ai-disclosure"] == "mode=theirs") == (not draft)
    exposed = headers.get("access-control-expose-headers", "").lower()
    assert ("labeler" in exposed) == (ours and cors)
    assert ("ai-disclosure" in exposed) == (draft and cors)


# What the headers of an answer become.


def test_names_in_capitals_are_the_same_names() -> None:
    """An app that writes its names in capitals has them replaced and dropped like any other."""
    headers = {"Content-Type": "application/json", "Content-Length": "1", "Labeler": "x", "ETag": '"1"'}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    opening, body = answer(chat())
    got = service().call(Scripted({**opening, "headers": raw}, body))
    assert got.complete
    assert "etag" not in got.headers
    assert labeler(got)[0] == "applied"


def test_other_headers_stay_in_their_order() -> None:
    """Cookies and everything else that is not about the bytes stay as they are."""
    sent = [("content-type", "application/json"), ("set-cookie", "a=1"), ("x", "y"), ("set-cookie", "b=2")]
    got = service().answer(chat(), sent)
    kept = [(k.decode(), v.decode()) for k, v in got.start["headers"]]
    assert kept[: len(sent)] == sent


def test_labelled_twice_there_is_one_header() -> None:
    """Behind another labeler the field is replaced, and the text is not labelled again."""
    inner, outer = service(), service()
    got = call(LabelMiddleware(inner.before(Scripted(*answer(chat()))), outer.labeler), ask())
    assert labeler(got)[1]["number"] == outer.outcome.number
    assert said(got.body) == f"{MARK}Hello\n\n{GENERAL}"


# The `aigc` object: `structured: field`.


@pytest.mark.parametrize(
    ("messages", "more"),
    [
        (answer(chat("{}")), {"response_format": {"type": "json_object"}}),
        (answer(events("{}"), EVENTS), {"response_format": {"type": "json_object"}}),
        (answer(chat('{"a": 1}')), {}),
    ],
)
def test_structured_field(tmp_path: Path, messages: list[Any], more: dict[str, Any]) -> None:
    """`structured: field` says beside the choices what cannot be said in the text: scenarios, labels,
    revision and the number that the header has."""
    got = service(tmp_path, structured="field").call(Scripted(*messages), ask(**more))
    _, parameters = labeler(got)
    docs = [json.loads(line.removeprefix(b"data: ")) for line in got.body.splitlines() if b'"aigc"' in line]
    (doc,) = docs
    assert doc["aigc"]["number"] == parameters["number"]
    assert doc["aigc"]["policy"] == parameters["policy"]
    assert doc["aigc"]["scenarios"] == ["house"]
    assert {label["kind"] for label in doc["aigc"]["labels"]} == {"marker", "disclaimer"}
    assert said(got.body) in ("{}", '{"a": 1}')


@pytest.mark.parametrize("stream", [False, True])
def test_structured_block(tmp_path: Path, stream: bool) -> None:
    """`structured: block` withholds an answer whose text cannot be labelled."""
    one: Service = service(tmp_path, structured="block")
    messages = answer(events("{}"), EVENTS) if stream else answer(chat("{}"))
    got = one.call(Scripted(*messages), ask(response_format={"type": "json_schema", "json_schema": {}}))
    assert got.status == 502
    assert "structured: block" in one.outcome.reason
    assert said(one.call(Scripted(*answer(chat()))).body).startswith(MARK)


def test_text_routes_have_the_same_headers(tmp_path: Path) -> None:
    """A labelled text says in its headers what any other stream says."""
    one = service(tmp_path, "routes: [{path: /t, dialect: text}]")
    got = one.call(Scripted(*answer([b"Hel", b"lo"], TEXT)), ask(FEVER), "/t")
    assert labeler(got)[0] == "planned"
    assert MEDICAL in got.body.decode()
