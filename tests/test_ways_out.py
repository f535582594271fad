"""The ways out of a label: the operator's (`exempt`, `observe`) and the app's (`scope["labeler"]`)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labeler import Labeler, LabelMiddleware, Outcome, undo
from tests.asgi_tools import (
    CHAT,
    DONE,
    EVENTS,
    FEVER,
    HISTORY,
    JSON,
    MARK,
    MEDICAL,
    SHOP,
    Message,
    Scripted,
    answer,
    ask,
    call,
    chat,
    event,
    events,
    part,
    said,
    scope_of,
    service,
    start,
)

EXEMPT = "routes: [{path: /titles/**, exempt: titles that nobody reads}]"


# The operator: exempt routes.


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
@pytest.mark.parametrize("path", [f"/titles{CHAT}", "/titles/other"])
@pytest.mark.parametrize("unclaimed", ["pass", "block"])
def test_an_exempt_route(tmp_path: Path, method: str, path: str, unclaimed: str) -> None:
    """An exempt route passes as it is, whatever the method; the outcome has the operator's reason."""
    one = service(tmp_path, f"unclaimed: {unclaimed}\n{EXEMPT}")
    app = Scripted(*answer(chat()))
    request = json.dumps({"messages": HISTORY}).encode()
    got = one.call(app, request, path, method=method)
    assert got.messages == answer(chat())
    assert app.request == request
    assert one.outcome == Outcome("skipped", "exempt: titles that nobody reads", path)
    assert one.labeler.counts == {"skipped: exempt": 1}


def test_an_exempt_route_among_others(tmp_path: Path) -> None:
    """Of several rules the first that fits counts, so an exemption may stand before or behind a rule."""
    config = """
    routes:
      - {path: /a/v1/chat/completions, scenarios: [medical]}
      - {path: "/{0}/**", exempt: judges}
    """
    one = service(tmp_path, config.replace("{0}", "*"))
    assert MEDICAL in said(one.call(Scripted(*answer(chat())), path=f"/a{CHAT}").body)
    assert one.call(Scripted(*answer(chat())), path=f"/b{CHAT}").body == chat()


def test_an_exempt_route_is_no_wider_than_it_is_written(tmp_path: Path) -> None:
    """In another case, or with a line feed behind it, a path is not exempt; the next rule counts there."""
    config = f"routes: [{{path: /Titles{CHAT}, exempt: titles}}, {{path: /titles/**, scenarios: [medical]}}]"
    one = service(tmp_path, config)
    assert one.call(Scripted(*answer(chat())), path=f"/Titles{CHAT}").body == chat()
    for path in (f"/titles{CHAT}", f"/TITLES{CHAT}", f"/Titles{CHAT}\n"):
        assert MEDICAL in said(one.call(Scripted(*answer(chat())), path=path).body)


# The app: scope["labeler"].


def wish(said: Any) -> Callable[[Any], None]:
    """Sets scope["labeler"], as an app does before it answers."""
    return lambda scope: scope.__setitem__("labeler", said)


@pytest.mark.parametrize(
    ("said_by_app", "scenarios"),
    [
        ({"scenarios": ["medical"]}, ("general", "medical")),
        ({"scenarios": ("ecommerce", "medical")}, ("general", "ecommerce", "medical")),
        ({"scenarios": "medical"}, ("general", "medical")),
        ({"scenarios": []}, ("general",)),
        ({"scenarios": ["general", "general"]}, ("general",)),
        ({"scenarios": ["ecommerce"], "human": False}, ("general", "ecommerce")),
        ({}, ("general", "medical")),
        ({"human": False}, ("general", "medical")),
        (None, ("general", "medical")),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_app_names_scenarios(said_by_app: Any, scenarios: tuple[str, ...], stream: bool) -> None:
    """Scenarios that the app names replace what the question tells; the default policy stays."""
    one = service()
    messages = answer(events("Hello"), EVENTS) if stream else answer(chat())
    text = said(one.call(Scripted(wish(said_by_app), *messages), ask(FEVER)).body)
    verdict = one.outcome.verdict
    assert verdict is not None
    assert set(verdict.scenarios) == set(scenarios)
    assert (MEDICAL in text, SHOP in text) == ("medical" in scenarios, "ecommerce" in scenarios)
    assert text.startswith(MARK)


def test_the_apps_word_does_not_undo_the_operators(tmp_path: Path) -> None:
    """Scenarios of a route and of a model hold, whatever the app names."""
    config = """
    models: [{name: "shop*", scenarios: [ecommerce]}]
    routes: [{path: /clinic/v1/chat/completions, scenarios: [medical]}]
    """
    app = Scripted(wish({"scenarios": []}), *answer(chat()))
    text = said(service(tmp_path, config).call(app, ask(model="shop-1"), f"/clinic{CHAT}").body)
    assert MEDICAL in text
    assert SHOP in text


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_a_person_wrote(stream: bool) -> None:
    """`human: true` leaves every byte as it is; the outcome and the header say so, and nothing claims
    that it is generated."""
    one = service()
    pieces = events("Hello")
    messages = answer(pieces, EVENTS) if stream else answer(chat())
    got = one.call(Scripted(wish({"human": True}), *messages), ask(FEVER))
    assert got.body == (b"".join(pieces) if stream else chat())
    assert (one.outcome.state, one.outcome.reason) == ("skipped", "human")
    assert got.headers["labeler"].startswith('skipped;reason="human"')
    assert "ai-disclosure" not in got.headers


@pytest.mark.parametrize(
    "said_by_app",
    [
        "human",
        "medical",
        5,
        ["medical"],
        {"human": 1},
        {"human": "true"},
        {"human": None},
        {"scenarios": 1},
        {"scenarios": {"medical"}},
        {"scenarios": {"medical": True}},
        {"scenarios": [1]},
        {"scenarios": [None]},
        {"scenarios": [["medical"]]},
        {"scenarios": ["nope"]},
        {"scenarios": ["Medical"]},
        {"scenarios": "nope"},
        {"scenarios": ""},
        {"scenario": ["medical"]},
        {"scenarios": ["medical"], "reason": "x"},
        {1: 2},
    ],
)
@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_a_wrong_wish(tmp_path: Path, said_by_app: Any, mode: str) -> None:
    """What the app says wrongly is withheld as its fault, with an outcome that names route and reason;
    observed, it is only reported."""
    one = service(tmp_path, f"mode: {mode}")
    got = one.call(Scripted(wish(said_by_app), *answer(chat())), ask(FEVER))
    assert got.error is None
    assert got.complete
    outcome = one.outcome
    assert (outcome.state, outcome.route, outcome.observed) == ("failed", CHAT, mode == "observe")
    assert "scenarios" in outcome.reason or "human" in outcome.reason
    assert (got.status, got.body == chat()) == ((200, True) if mode == "observe" else (502, False))


def test_a_wrong_wish_does_not_matter_for_an_error() -> None:
    """A response that gets no label at all passes, whatever the app wished for."""
    got = service().call(Scripted(wish("nonsense"), *answer(b"{}", status=404)))
    assert (got.status, got.body) == (404, b"{}")


def test_a_wish_after_the_start_comes_too_late() -> None:
    """What the app sets once its answer has started changes nothing."""
    opening, *rest = answer(events("Hello"), EVENTS)
    app = Scripted(opening, wish({"human": True}), *rest)
    assert said(service().call(app).body).startswith(MARK)


def test_a_wish_in_the_shared_object() -> None:
    """Where some middleware copies the scope, the app can still write into the object that it holds."""

    def write(scope: Any) -> None:
        dict(scope)["labeler"]["scenarios"] = ["medical"]

    one = service()
    first = one.call(Scripted(write, *answer(chat())))
    second = one.call(Scripted(*answer(chat())))
    assert (MEDICAL in said(first.body), MEDICAL in said(second.body)) == (True, False)


def test_a_middleware_outside_may_wish() -> None:
    """What stands in the scope when the request comes in counts as the app's word."""
    got = service().call(Scripted(*answer(chat())), labeler={"scenarios": ["medical"]})
    assert MEDICAL in said(got.body)


# The operator: observe.


def _packed(body: bytes) -> dict[str, Any]:
    headers = {"content-encoding": "gzip", "content-length": str(len(body)), "etag": '"1"'}
    return {"body": body, "headers": {**JSON, **headers}}


OBSERVED: dict[str, list[Message]] = {
    "json": answer(chat(), {**JSON, "content-length": str(len(chat())), "etag": '"1"'}),
    "json in pieces": answer([chat()[:9], b"", chat()[9:]]),
    "keep-alive": answer([b" \n", chat()]),
    "stream": answer(events("Hel", "lo"), EVENTS),
    "held": answer([event("【AI"), event("生成】")], EVENTS),
    "legacy header": answer(chat(), {**JSON, "labeler": "theirs", "access-control-allow-origin": "*"}),
    "gzip": answer(**_packed(gzip.compress(chat()))),
    "truncated gzip": answer(**_packed(gzip.compress(chat())[:-9])),
    "no gzip": answer(**_packed(b"no gzip at all")),
    "truncated gzip stream": answer(
        [gzip.compress(b"".join(events("Hello")))[:-9]], {**EVENTS, "content-encoding": "gzip"}
    ),
    "br": answer(b"\x00\x01", {**JSON, "content-encoding": "br"}),
    "no JSON": answer(b"{nope"),
    "no type": answer([b"d", b"ata: {}\n\n"], {}),
    "HTML": answer(b"<html>", {"content-type": "text/html"}),
    "unknown shape": answer(b"[1]"),
    "broken event first": answer([b"data: {nope\n\n", event("Hello"), DONE], EVENTS),
    "broken event after text": answer([event("Hello"), b"data: {nope\n\n", DONE], EVENTS),
    "error": answer(b'{"error": {}}'),
    "404": answer(b"{}", status=404),
    "204": answer(b"", {}, status=204),
    "unfinished": [start(), part(chat()[:20])],
    "unfinished stream": [start(200, EVENTS), part(event("【AI"))],
}


@pytest.mark.parametrize("name", OBSERVED)
def test_observe_changes_nothing(tmp_path: Path, name: str) -> None:
    """`mode: observe`: every message leaves as it came, at once, not one byte or header changed; one
    outcome says what would have been done."""
    one = service(tmp_path, "mode: observe")
    got = one.call(Scripted(*OBSERVED[name]), ask(FEVER))
    assert got.error is None
    assert got.messages == OBSERVED[name]
    assert one.outcome.observed


def test_observe_reports_as_enforce_does(tmp_path: Path) -> None:
    """The outcome of an observed answer is that of a labelled one, but for its number and its edits: there
    is nothing to undo."""
    outcomes = []
    for name, mode in (("a", "observe"), ("b", "enforce")):
        (tmp_path / name).mkdir()
        one = service(tmp_path / name, f"mode: {mode}")
        one.call(Scripted(*answer(chat())), ask(FEVER))
        said = [slot.said for slot in one.outcome.slots]
        outcomes.append((one.outcome.state, one.outcome.verdict, said, one.outcome.reason))
        labelled = one.labeler.body(chat())
        assert undo(labelled.content, labelled.outcome.edits) == chat()
        assert bool(labelled.outcome.edits) == (mode == "enforce")
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == "applied"


def test_observe_leaves_the_request_alone(tmp_path: Path) -> None:
    """Observed requests keep our marks in their history, and every header and extension."""
    app = Scripted(*answer(chat()))
    body = json.dumps({"messages": HISTORY}).encode()
    headers = {**JSON, "accept-encoding": "br", "range": "bytes=0-", "content-length": str(len(body))}
    scope = scope_of(headers=headers)
    service(tmp_path, "mode: observe").call(app, body, headers=headers)
    assert app.request == body
    assert app.scope["headers"] == scope["headers"]


def test_observe_tells_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each outcome is told, with no hook that asks for it: what is exempt, and what failed too, but nothing
    that stands in an answer."""
    caplog.set_level("INFO", "labeler")
    config = tmp_path / "labeler.yaml"
    config.write_text("mode: observe\nroutes: [{path: /titles, exempt: nobody reads them}]", encoding="utf-8")
    app = Scripted(*answer(b"data: SECRET\n\n", EVENTS))
    middleware = LabelMiddleware(app, labeler=Labeler.load(config))
    for path in ("/titles", CHAT):
        call(middleware, ask(FEVER), path)
    exempt, failed = (message.removeprefix("observed, nothing changed: ") for message in caplog.messages)
    assert exempt == "'/titles': skipped: exempt: nobody reads them"
    assert failed.startswith(f"'{CHAT}': failed: an event's data is no JSON: ")
    assert "scenarios general medical; number" in failed
    assert "SECRET" not in failed


def test_observe_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`LABELER__MODE=observe` is enough for a dry run."""
    monkeypatch.setenv("LABELER__MODE", "observe")
    assert service().answer(chat()).body == chat()
