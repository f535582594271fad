"""Ours among other middleware: BaseHTTPMiddleware, GZipMiddleware, CORSMiddleware, a lifespan."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from labeler import Labeler, LabelMiddleware, Outcome
from tests.asgi_tools import CHAT, GENERAL, MARK, ask, call, events, said
from tests.chat_service import NONSENSE, WAIT, bare, client, user
from tests.servers import serve


@pytest.fixture(scope="module")
def labeler() -> Labeler:
    return Labeler.load()


class Nothing(BaseHTTPMiddleware):
    """Does nothing, and costs what a BaseHTTPMiddleware costs."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-nothing"] = "done"
        return response


OTHERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "base": (Nothing, {}),
    "gzip": (GZipMiddleware, {"minimum_size": 1}),
    "cors": (CORSMiddleware, {"allow_origins": ["https://page.example"]}),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize("other", OTHERS)
def test_other_middleware_on_either_side(labeler: Labeler, other: str, outside: bool, stream: bool) -> None:
    """BaseHTTPMiddleware, GZipMiddleware and CORSMiddleware may stand on either side of ours."""
    kind, options = OTHERS[other]
    ours, theirs = Middleware(LabelMiddleware, labeler=labeler), Middleware(kind, **options)
    app = Starlette(
        routes=[Route(CHAT, bare, methods=["POST"])], middleware=[theirs, ours] if outside else [ours, theirs]
    )
    with serve(app) as base, client(base) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(
            model="m", messages=user("你好"), stream=stream, extra_headers={"origin": "https://page.example"}
        )
        answer = raw.parse()
        if stream:
            text = "".join(c.choices[0].delta.content or "" for c in answer if c.choices)
        else:
            text = answer.choices[0].message.content
    assert text == f"{MARK}Hello\n\n{GENERAL}"
    assert raw.headers["labeler"].startswith("planned" if stream else "applied")
    assert ("x-nothing" in raw.headers) == (other == "base")
    if other == "cors":
        assert "labeler" in raw.headers["access-control-expose-headers"].lower()
    if other == "gzip" and outside and not stream:
        assert raw.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
def test_streams_are_not_held_up_by_other_middleware(labeler: Labeler, outside: bool) -> None:
    """With a BaseHTTPMiddleware around, the first piece still does not wait for the second, and a broken
    stream still breaks."""
    ours, theirs = Middleware(LabelMiddleware, labeler=labeler), Middleware(Nothing)
    app = Starlette(
        routes=[Route(CHAT, bare, methods=["POST"])], middleware=[theirs, ours] if outside else [ours, theirs]
    )
    with serve(app) as base, client(base) as sdk:
        stream = sdk.chat.completions.create(model="m", messages=user(WAIT), stream=True)
        assert next(stream).choices[0].delta.content == f"{MARK}Hel"
        stream.close()
        with pytest.raises(openai.APIError, match="withheld"):
            list(sdk.chat.completions.create(model="m", messages=user(NONSENSE), stream=True))


def test_a_request_without_a_response_has_an_outcome(labeler: Labeler) -> None:
    """An app that fails before it answers: the server's own 500 tells the client, and the count says so."""

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    outcomes: list[Outcome] = []
    app = LabelMiddleware(fails, Labeler(labeler.service, on_outcome=outcomes.append))
    got = call(app, ask())
    assert isinstance(got.error, ZeroDivisionError)
    assert [(one.state, one.reason, one.route) for one in outcomes] == [("skipped", "no response", CHAT)]


def test_the_middleware_takes_a_labeler() -> None:
    """A path in its place is a mistake that is told where it is made."""
    wrong: Any = "labeler.yaml"
    with pytest.raises(TypeError, match=r"Labeler\.load\('labeler\.yaml'\)"):
        LabelMiddleware(Starlette(), wrong)


def test_a_store_that_cannot_be_let_go_ends_no_shutdown(
    labeler: Labeler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server learns that the app has ended, and the log why something did not end with it."""

    async def broken() -> None:
        raise ConnectionError

    monkeypatch.setattr(labeler.reminders, "close", broken)
    with serve(LabelMiddleware(Starlette(), labeler), lifespan="on"):
        caplog.clear()
    assert "the sessions' store could not be let go" in caplog.text


def test_a_lifespan_is_run(labeler: Labeler) -> None:
    """An app that is wrapped whole still starts up and shuts down."""
    steps: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        steps.append("up")
        yield
        steps.append("down")

    async def hello(request: Request) -> Response:
        return PlainTextResponse(b"".join(events("Hello")), media_type="text/event-stream")

    app = Starlette(routes=[Route(CHAT, hello, methods=["POST"])], lifespan=lifespan)
    with serve(LabelMiddleware(app, labeler)) as base:
        assert steps == ["up"]
        connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", CHAT, ask(), {"content-type": "application/json"})
            assert said(connection.getresponse().read()) == f"{MARK}Hello\n\n{GENERAL}"
    assert steps == ["up", "down"]
