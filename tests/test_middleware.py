"""LabelMiddleware as ASGI: which messages leave when, what the app behind it sees, what is left alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from labeler import ContentError, LabelMiddleware
from tests.asgi_tools import (
    CHAT,
    DONE,
    EVENTS,
    GENERAL,
    JSON,
    MARK,
    MEDICAL,
    SHOP,
    TEXT,
    Got,
    Message,
    Receive,
    Scripted,
    Send,
    acall,
    answer,
    ask,
    chat,
    event,
    events,
    part,
    said,
    scope_of,
    service,
    start,
)

HELLO = chat("Hello")
LABELLED = f"{MARK}Hello\n\n{GENERAL}"
ROUTES = """
routes:
  - {path: /say, dialect: text}
  - {path: /internal/v1/chat/completions, exempt: titles that nobody reads}
"""


def test_without_arguments() -> None:
    """`LabelMiddleware(app)` labels by the shipped policies."""
    got = asyncio.run(acall(LabelMiddleware(Scripted(*answer(HELLO))), scope_of(), ask()))
    assert said(got.body) == LABELLED


@pytest.mark.parametrize(
    ("path", "request_body", "words"),
    [
        (CHAT, ask("今天天气怎么样"), GENERAL),
        (CHAT, ask("孩子发烧39度怎么办"), MEDICAL),
        ("/deep/under/openai/chat/completions", ask("孩子发烧39度怎么办"), MEDICAL),
        ("/shop/v1/chat/completions", ask("这款怎么样"), SHOP),
        ("/medical/chat/completions", ask(), MEDICAL),
        (CHAT, ask("这款怎么样", model="shop-1"), SHOP),
        (CHAT, ask("这款怎么样", model="med-1"), MEDICAL),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_scenarios(path: str, request_body: bytes, words: str, stream: bool) -> None:
    """The question, the route and the model tell the scenario, for complete and streamed answers."""
    app = Scripted(*(answer(events("Hello"), EVENTS) if stream else answer(HELLO)))
    text = said(service().call(app, request_body, path).body)
    assert text.startswith(f"{MARK}Hello\n\n")
    assert words in text
    assert text.count("AI生成】") == 1


def test_legacy_and_text(tmp_path: Path) -> None:
    """Legacy completions are claimed by their path, plain text by its route."""
    one = service(tmp_path, ROUTES)
    doc = {"object": "text_completion", "choices": [{"index": 0, "text": "Hello", "finish_reason": "stop"}]}
    got = one.call(
        Scripted(*answer(json.dumps(doc).encode())), b'{"prompt": "\\u4f60\\u597d"}', "/v1/completions"
    )
    assert json.loads(got.body)["choices"][0]["text"] == LABELLED
    for scope in ({}, {"method": "GET", "query_string": "q=孩子发烧39度怎么办".encode()}):
        got = one.call(Scripted(*answer([b"Hel", b"lo"], TEXT)), b"", "/say", **scope)
        assert got.body.decode().startswith(f"{MARK}Hello\n\n")
        assert (MEDICAL in got.body.decode()) == bool(scope)


# What leaves, and when.


async def step_by_step(app_messages: list[Message], request: bytes = b"") -> list[list[Message]]:
    """For each message of the app, the messages that have left before its next one."""
    batches: list[list[Message]] = []
    got: list[Message] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        for message in app_messages:
            await send(message)
            batches.append(got[:])
            got.clear()

    async def take(message: Message) -> None:
        got.append(message)

    await acall(service().before(app), scope_of(), request or ask(), take)
    return batches


def test_a_stream_is_not_delayed() -> None:
    """The start leaves before the first event, and every event with the message that brought it."""
    pieces = events("Hel", "lo", " you")
    batches = asyncio.run(step_by_step(answer(pieces, EVENTS)))
    assert [message["type"] for message in batches[0]] == ["http.response.start"]
    assert [len(batch) for batch in batches] == [1] * len(batches)
    assert said(batches[1][0]["body"]) == f"{MARK}Hel"
    assert batches[2][0]["body"] == pieces[1]
    assert [message["more_body"] for batch in batches[1:] for message in batch] == [True] * 5 + [False]


def test_only_what_could_be_the_mark_waits() -> None:
    """Characters that could still become the mark wait for the next ones, no longer."""
    batches = asyncio.run(step_by_step(answer([event("【AI"), event("内容】x"), DONE], EVENTS)))
    assert [len(batch) for batch in batches] == [1, 0, 1, 1, 1]
    assert said(batches[2][0]["body"]) == f"{MARK}【AI内容】x"


def test_comments_pass_at_once() -> None:
    """A heartbeat leaves as it came, also while text is held."""
    ping = b": ping\n\n"
    batches = asyncio.run(step_by_step(answer([ping, event("【"), ping, event("x"), ping, DONE], EVENTS)))
    assert [b"".join(m["body"] for m in batches[at]) for at in (1, 3, 5)] == [ping] * 3


def test_start_of_json_waits_for_its_length() -> None:
    """A JSON answer leaves whole, with the start right before it and the new length in it."""
    batches = asyncio.run(step_by_step(answer([HELLO[:10], HELLO[10:]], {**JSON, "content-length": "1"})))
    assert [len(batch) for batch in batches] == [0, 0, 0, 2]
    opening, body = batches[3]
    assert dict(opening["headers"])[b"content-length"] == b"%d" % len(body["body"])
    assert said(body["body"]) == LABELLED


def test_white_space_before_json_passes_at_once() -> None:
    """An upstream that keeps the connection alive with white space still does so; no length is claimed."""
    sent = answer([b"\n", b" \n", HELLO], {**JSON, "content-length": "999", "etag": '"1"'})
    batches = asyncio.run(step_by_step(sent))
    assert [m.get("body") for m in batches[1]] == [None, b"\n"]
    assert [m["body"] for m in batches[2]] == [b" \n"]
    names = {name.lower() for name, _ in batches[1][0]["headers"]}
    assert not names & {b"content-length", b"etag"}
    assert dict(batches[1][0]["headers"])[b"labeler"].startswith(b"planned;")
    assert said(b"".join(m["body"] for batch in batches[2:] for m in batch)) == LABELLED


@pytest.mark.parametrize(
    ("body", "headers"), [(HELLO, JSON), (b"".join(events("Hello")), EVENTS)], ids=["json", "events"]
)
def test_many_ways_to_send_a_body(body: bytes, headers: dict[str, str]) -> None:
    """One message, many, empty ones between, missing keys, a last one that carries all: the same bytes."""
    ways: list[list[Message]] = [
        answer(body, headers),
        answer([body], headers),
        answer([bytes([byte]) for byte in body], headers),
        answer([b"", body[:50], b"", b"", body[50:], b""], headers),
        [start(200, headers), {"type": "http.response.body", "body": body}],
        [start(200, headers), {**part(b""), "body": memoryview(body)}, part(b"", more=False)],
        [start(200, headers), {**part(b"", more=False), "body": memoryview(body)}],
        [start(200, headers), part(body), {"type": "http.response.body"}],
    ]
    bodies = set()
    for way in ways:
        got = service().call(Scripted(*way))
        assert got.complete
        assert got.kinds[0] == "start"
        bodies.add(got.body)
    assert len(bodies) == 1
    assert said(bodies.pop()) == LABELLED


@pytest.mark.parametrize("headers", [JSON, EVENTS, TEXT])
def test_no_more_messages_than_came(headers: dict[str, str], tmp_path: Path) -> None:
    """Each message of the app leaves as one at most, so that the server's back-pressure reaches the app."""
    body = HELLO if headers is JSON else b"hello" if headers is TEXT else b"".join(events("a", "b"))
    one = service(tmp_path, ROUTES)
    path = "/say" if headers is TEXT else CHAT
    messages = answer([bytes([byte]) for byte in body], headers)
    assert len(one.call(Scripted(*messages), path=path).messages) <= len(messages)


def test_back_pressure() -> None:
    """While the server does not take an event, the app waits in its send."""

    async def run() -> tuple[int, int]:
        sent = 0
        gate = asyncio.Event()

        async def app(scope: Any, receive: Receive, send: Send) -> None:
            nonlocal sent
            for message in answer(events(*["x"] * 50), EVENTS):
                await send(message)
                sent += 1

        async def slow(message: Message) -> None:
            if message["type"] == "http.response.body":
                await gate.wait()

        task = asyncio.create_task(acall(service().before(app), scope_of(), ask(), slow))
        for _ in range(100):
            await asyncio.sleep(0)
        before = sent
        gate.set()
        await task
        return before, sent

    before, after = asyncio.run(run())
    assert (before, after) == (1, 54)


@pytest.mark.parametrize("stream", [False, True])
def test_other_messages_pass(stream: bool) -> None:
    """Trailers, debug and push messages leave unchanged and in their place."""
    trailers = {"type": "http.response.trailers", "headers": [(b"x", b"y")], "more_trailers": False}
    debug = {"type": "http.response.debug", "info": {"template": "t"}}
    push = {"type": "http.response.push", "path": "/a", "headers": []}
    opening = {**start(200, EVENTS if stream else JSON), "trailers": True}
    bodies = [part(piece) for piece in events("Hello")] if stream else [part(HELLO)]
    got = service().call(Scripted(debug, opening, push, *bodies, part(b"", more=False), trailers))
    assert debug in got.messages
    assert push in got.messages
    assert got.messages[-1] == trailers
    assert got.start["trailers"] is True
    assert said(got.body) == LABELLED


# What the app sees.


def test_shortcuts_are_not_offered(tmp_path: Path) -> None:
    """A claimed route's app is not offered to send files past us; other routes keep every extension."""
    extensions: dict[str, Any] = {
        "http.response.pathsend": {},
        "http.response.zerocopysend": {},
        "http.response.debug": {},
        "tls": {"version": 1},
    }
    one = service(tmp_path, ROUTES)
    for path, claimed in ((CHAT, True), ("/say", True), ("/other", False), ("/internal" + CHAT, False)):
        app = Scripted(*answer(b"", {}))
        scope = scope_of(path, extensions=extensions)
        asyncio.run(acall(one.before(app), scope, ask()))
        seen = {"http.response.debug", "tls"} if claimed else set(extensions)
        assert app.scope["extensions"].keys() == seen
        assert scope["extensions"] is extensions
        assert len(extensions) == 4


def test_a_shortcut_that_was_not_offered() -> None:
    """An app that sends a file all the same is stopped: its bytes cannot be labelled."""
    app = Scripted(start(200, JSON), {"type": "http.response.pathsend", "path": "/etc/hostname"})
    got = service().call(app)
    assert isinstance(got.error, ContentError)
    assert "http.response.pathsend" in str(got.error)
    assert not any(message["type"] == "http.response.pathsend" for message in got.messages)


def test_shortcuts_while_observing(tmp_path: Path) -> None:
    """`mode: observe` breaks no app that sends files by a shortcut where it is offered one."""
    file = {"type": "http.response.pathsend", "path": str(tmp_path / "file.txt")}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, TEXT))
        offered = "http.response.pathsend" in scope["extensions"]
        await send(file if offered else part(b"Hello", more=False))

    one = service(tmp_path, f"mode: observe\n{ROUTES}")
    got = one.call(app, path="/say", extensions={"http.response.pathsend": {}})
    assert got.error is None
    assert got.messages[-1] in (file, part(b"Hello", more=False))
    assert len(one.outcomes) == 1


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_the_request_is_replayed_once(pieces: int) -> None:
    """The app gets the request's bytes once, whole and as they were; then it hears from the server."""
    body = ask("你好" * 500)
    size = -(-len(body) // pieces)
    app = Scripted(*answer(HELLO))
    got = service().call(app, [body[at : at + size] for at in range(0, len(body), size)])
    assert app.request == body
    assert said(got.body) == LABELLED


def test_the_app_hears_that_the_client_left() -> None:
    """After the request's body `receive` is the server's own: the disconnect reaches the app."""
    seen: list[str] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start(200, EVENTS))
        seen.extend([(await receive())["type"], (await receive())["type"]])
        await send(part(b"", more=False))

    asyncio.run(acall(service().before(app), scope_of(), ask()))
    assert seen == ["http.request", "http.disconnect"]


def test_the_client_leaves_during_its_request() -> None:
    """A client that leaves before its request is whole: the app gets what came, and the disconnect."""
    app = Scripted(*answer(HELLO))

    async def run() -> None:
        messages: list[Message] = [
            {"type": "http.request", "body": b"{", "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Message:
            return messages.pop(0)

        async def send(message: Message) -> None:
            pass

        await service().before(app)(scope_of(), receive, send)

    asyncio.run(run())
    assert [message["type"] for message in app.received] == ["http.request", "http.disconnect"]


OURS = {"role": "assistant", "content": f"{MARK}Take rest.\n\n{GENERAL}"}
TURNS = [{"role": "user", "content": "a"}, OURS, {"role": "user", "content": "b"}]


def test_the_event_loop_goes_on_while_a_long_request_is_read() -> None:
    """A conversation of many turns, with our marks in them, keeps nobody else from being served."""
    turn = {"role": "assistant", "content": LABELLED}
    request = json.dumps({"messages": [turn] * 10_000 + [{"role": "user", "content": "Hi"}]}).encode()
    app = Scripted(*answer(HELLO))
    beats = 0

    async def run() -> int:
        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        ticker = asyncio.create_task(beat())
        await acall(service().before(app), scope_of(), request)
        ticker.cancel()
        return beats

    assert asyncio.run(run()) > 5  # a loop that is blocked gives 1
    assert MARK.strip() not in json.loads(app.request)["messages"][0]["content"]


def test_our_marks_do_not_reach_the_model() -> None:
    """Our own marks are gone from earlier answers in the request, and its Content-Length is right."""
    body = json.dumps({"messages": TURNS}).encode()
    app = Scripted(*answer(HELLO))
    one = service()
    one.call(app, [body[:20], body[20:]], headers={**JSON, "content-length": str(len(body)), "x-a": "1"})
    assert json.loads(app.request)["messages"][1]["content"] == "Take rest."
    headers = dict(app.scope["headers"])
    assert headers[b"content-length"] == b"%d" % len(app.request)
    assert headers[b"x-a"] == b"1"
    assert "history: marks taken out" in one.outcome.notes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-digest", "sha-256=:x:"),
        ("content-md5", "x"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=x"),
        ("authorization", "TC3-HMAC-SHA256 Credential=x"),
        ("x-amz-content-sha256", "x"),
    ],
)
def test_a_signed_request_is_left_alone(name: str, value: str) -> None:
    """A request whose body is signed reaches the app byte for byte, and the outcome says so."""
    body = json.dumps({"messages": TURNS}).encode()
    app = Scripted(*answer(HELLO))
    one = service()
    one.call(app, body, headers={**JSON, name: value})
    assert app.request == body
    assert "history: signed" in one.outcome.notes


@pytest.mark.parametrize("kind", ["websocket", "something.new"])
def test_other_scopes_are_not_touched(kind: str) -> None:
    """What is not HTTP goes to the app with the very objects that the server gave."""
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.extend(arguments)

    async def run() -> None:
        scope = {"type": kind, "path": CHAT}

        async def receive() -> Message:
            return {}

        async def send(message: Message) -> None:
            pass

        await service().before(app)(scope, receive, send)
        assert [id(one) for one in seen] == [id(one) for one in (scope, receive, send)]

    asyncio.run(run())


def test_the_servers_scope_is_not_changed() -> None:
    """The app gets a copy of the scope: what it sets there does not leak into the server's."""
    scope = scope_of()
    before = {**scope, "headers": list(scope["headers"])}
    app = Scripted(lambda own: own.update(labeler={"human": True}, path="/changed"), *answer(HELLO))
    asyncio.run(acall(service().before(app), scope, ask()))
    assert scope == before


def test_mounted() -> None:
    """Under a mount the path begins with the mount's own: claims and routes see the whole of it."""
    one = service()
    got = one.call(Scripted(*answer(HELLO)), path="/medical/chat/completions", root_path="/medical")
    assert MEDICAL in said(got.body)
    assert one.outcome.route == "/medical/chat/completions"


def test_twice_is_once() -> None:
    """Two middlewares around one app say everything once, and send one set of headers."""
    for messages in (answer(HELLO), answer(events("Hel", "lo"), EVENTS)):
        one = service()
        got = asyncio.run(acall(one.before(one.before(Scripted(*messages))), scope_of(), ask()))
        assert said(got.body) == LABELLED
        assert "labeler" in got.headers
        assert [outcome.state for outcome in one.outcomes] == ["applied", "applied"]


def test_requests_do_not_mix() -> None:
    """Fifty requests at once, each with its own question, scenario and answer."""
    one = service()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        asked = json.loads((await receive())["body"])["messages"][0]["content"]
        for message in answer(events(*asked), EVENTS):
            await asyncio.sleep(0)
            await send(message)

    async def run() -> list[Got]:
        guarded = one.before(app)
        questions = [f"{at}发烧怎么办" if at % 2 else f"{at}天气" for at in range(50)]
        return await asyncio.gather(*(acall(guarded, scope_of(), ask(question)) for question in questions))

    for at, got in enumerate(asyncio.run(run())):
        text = said(got.body)
        assert text.startswith(f"{MARK}{at}{'发烧怎么办' if at % 2 else '天气'}\n\n")
        assert (MEDICAL in text) == bool(at % 2)
    assert len({outcome.number for outcome in one.outcomes}) == 50


@pytest.mark.parametrize("messages", [[], [start(200, EVENTS), part(event("x"))]], ids=["before", "during"])
def test_the_apps_own_errors_leave_unchanged(messages: list[Message]) -> None:
    """An exception of the app is the one that the server sees, the same object."""
    error = LookupError("the app's own")
    got = service().call(Scripted(*messages, error))
    assert got.error is error


def test_a_request_in_many_small_pieces_costs_few_messages() -> None:
    """A client that sends each byte by itself, or nothing again and again, does not make the app read for ever;
    its bytes are what they were."""
    body = ask("你好" * 30_000)
    app = Scripted(*answer(HELLO))
    pieces = [one for at in range(len(body)) for one in (body[at : at + 1], b"")]
    got = service().call(app, pieces)
    assert app.request == body
    assert len(app.received) <= 1 + len(body) // 50_000
    assert said(got.body) == LABELLED
