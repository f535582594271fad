"""The middleware within real apps: where it may stand, what apps see of a request, what is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from labeler import Labeler, LabelMiddleware
from labeler.answer import Answer
from tests.asgi_tools import (
    CHAT,
    EVENTS,
    FEVER,
    GENERAL,
    HISTORY,
    JSON,
    MARK,
    MEDICAL,
    TEXT,
    Headers,
    Message,
    Receive,
    Scope,
    Scripted,
    Send,
    acall,
    answer,
    ask,
    call,
    chat,
    event,
    events,
    said,
    scope_of,
    service,
)

LABELLED = f"{MARK}Hello\n\n{GENERAL}"


# Where it stands.


async def hello(request: Request) -> Response:
    """An endpoint that knows its scenario."""
    request.scope["labeler"] = {"scenarios": ["medical"]}
    if (await request.json()).get("stream"):
        return StreamingResponse(iter(events("Hello")), media_type="text/event-stream")
    return Response(chat(), media_type="application/json")


def wrapped(labeler: Labeler, route: Route) -> Any:
    return LabelMiddleware(Starlette(routes=[Mount("/api", routes=[route])]), labeler)


def added(labeler: Labeler, route: Route) -> Any:
    app = Starlette(routes=[Mount("/api", routes=[route])])
    app.add_middleware(LabelMiddleware, labeler=labeler)
    return app


def listed(labeler: Labeler, route: Route) -> Any:
    middleware = [Middleware(LabelMiddleware, labeler=labeler)]
    return Starlette(routes=[Mount("/api", app=Starlette(routes=[route]))], middleware=middleware)


def mounted(labeler: Labeler, route: Route) -> Any:
    return Starlette(routes=[Mount("/api", app=LabelMiddleware(Starlette(routes=[route]), labeler))])


def of_one_mount(labeler: Labeler, route: Route) -> Any:
    middleware = [Middleware(LabelMiddleware, labeler=labeler)]
    return Starlette(routes=[Mount("/api", routes=[route], middleware=middleware)])


def sub_application(labeler: Labeler, route: Route) -> Any:
    app, sub = FastAPI(), FastAPI()
    app.add_middleware(LabelMiddleware, labeler=labeler)
    sub.router.routes.append(route)
    app.mount("/api", sub)
    return app


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("place", [wrapped, added, listed, mounted, of_one_mount, sub_application])
def test_every_place_in_an_app(place: Any, stream: bool) -> None:
    """Around an app, added to it, within it: the answer is the same, the route is the whole path, and
    what an endpoint sets in its scope counts."""
    one = service()
    app = place(one.labeler, Route(CHAT, hello, methods=["POST"]))
    got = call(app, ask(stream=stream), f"/api{CHAT}")
    assert got.error is None
    assert said(got.body).startswith(f"{MARK}Hello\n\n")
    assert MEDICAL in said(got.body)
    assert one.outcome.route == f"/api{CHAT}"


def test_a_root_path_is_part_of_the_route() -> None:
    """Behind a proxy's prefix, `path` as the server gives it is what rules and outcomes see."""
    one = service()
    got = one.call(Scripted(*answer(chat())), path=f"/prefix{CHAT}", root_path="/prefix")
    assert said(got.body) == LABELLED
    assert one.outcome.route == f"/prefix{CHAT}"


# What an app sees of its request.


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_requests_in_other_encodings(encoding: str) -> None:
    """JSON that Python reads in another encoding is a request like any other; what cannot be cut out
    of its bytes stays."""
    body = json.dumps({"messages": [*HISTORY, {"role": "user", "content": FEVER}]}).encode(encoding)
    app = Scripted(*answer(chat()))
    got = service().call(app, body)
    assert got.error is None
    assert MEDICAL in said(got.body)
    assert json.loads(app.request)["messages"][-1]["content"] == FEVER


def test_a_shortened_request_has_one_framing() -> None:
    """A request that came in chunks and loses a mark has a length then, and nothing beside it."""
    app = Scripted(*answer(chat()))
    headers = {**JSON, "transfer-encoding": "chunked"}
    service().call(app, json.dumps({"messages": HISTORY}).encode(), headers=headers)
    names = [name for name, _ in app.scope["headers"]]
    assert names.count(b"content-length") == 1
    assert b"transfer-encoding" not in names


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_answers_in_other_encodings(encoding: str) -> None:
    """An answer in an encoding that JSON does not know is withheld, not an exception of ours."""
    one = service()
    got = one.answer(chat().decode().encode(encoding))
    assert got.error is None
    assert got.status == 502
    assert one.outcome.state == "failed"


async def poll(request: Request) -> Response:
    """An endpoint that asks whether its client is still there."""
    await request.body()
    return JSONResponse(json.loads(chat(f"gone: {await request.is_disconnected()}")))


@pytest.mark.parametrize("gone", [True, False])
def test_an_app_can_ask_whether_its_client_is_there(gone: bool) -> None:
    """Starlette's `is_disconnected` tells the truth behind us."""
    left = [{"type": "http.request", "body": ask(), "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if not left and not gone:
            await asyncio.sleep(60)
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    app = service().before(Starlette(routes=[Route(CHAT, poll, methods=["POST"])]))
    asyncio.run(app(scope_of(), receive, send))
    assert f"gone: {gone}" in said(sent[1]["body"])


def test_context_variables_reach_both_sides() -> None:
    """An app runs in its caller's context, and what it sets is seen after it."""
    variable = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set("inner")
        await Scripted(*answer(chat()))(scope, receive, send)

    async def run() -> str:
        variable.set("outer")
        await acall(service().before(app), scope_of(), ask())
        return variable.get()

    assert asyncio.run(run()) == "inner"
    assert seen == ["outer"]


# What is left behind.


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (chat(), JSON),
        (events("Hello"), EVENTS),
        ([event("【AI")], EVENTS),
        ([b"data: {broken\n\n"], EVENTS),
        (b"no JSON", JSON),
        (b"", JSON),
        ([b"He", b"llo"], TEXT),
    ],
)
def test_nothing_keeps_an_answer_alive(
    tmp_path: Path, body: Any, headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a response has ended its state is freed at once, without the collector of cycles."""
    alive: list[weakref.ref[Answer]] = []
    begin = Answer.begin

    def noted(self: Answer, status: int, sent: Any) -> Any:
        alive.append(weakref.ref(self))
        return begin(self, status, sent)

    monkeypatch.setattr(Answer, "begin", noted)
    path = "/t" if headers is TEXT else CHAT
    middleware = service(tmp_path, "routes: [{path: /t, dialect: text}]").before(
        Scripted(*answer(body, headers))
    )

    async def run() -> list[Answer | None]:
        got = await acall(middleware, scope_of(path), ask())
        got.error = None  # its traceback holds the frames that it passed
        return [reference() for reference in alive]

    gc.disable()
    try:
        assert asyncio.run(run()) == [None]
    finally:
        gc.enable()
