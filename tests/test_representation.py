"""A changed body is a changed representation: files, and the headers that describe a body's bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from tests.asgi_tools import (
    EVENTS,
    GENERAL,
    JSON,
    MARK,
    Headers,
    Message,
    Scripted,
    answer,
    call,
    chat,
    events,
    raw,
    service,
)

LABELLED = f"{MARK}Hello\n\n{GENERAL}"


# Files.


def files(folder: Path) -> dict[str, Any]:
    (folder / "answer.txt").write_text("Hello")
    return {"response": FileResponse(folder / "answer.txt"), "static": StaticFiles(directory=folder)}


@pytest.mark.parametrize("kind", ["response", "static"])
@pytest.mark.parametrize("headers", [{}, {"range": "bytes=0-"}, {"range": "bytes=0-2", "if-range": "x"}])
def test_a_file_is_read_and_labelled(tmp_path: Path, kind: str, headers: Headers) -> None:
    """A file on a claimed route is labelled whole, whatever the server offers and the client asks for;
    what describes its bytes on the disk is gone."""
    app = files(tmp_path)[kind]
    one = service(tmp_path, "routes: [{path: /answer.txt, dialect: text}]")
    got = one.call(
        app,
        path="/answer.txt",
        method="GET",
        headers=headers,
        extensions={"http.response.pathsend": {}, "http.response.zerocopysend": {}},
    )
    assert (got.status, got.body.decode()) == (200, LABELLED)
    assert got.complete
    assert got.headers.keys().isdisjoint({"etag", "accept-ranges", "content-length", "content-range"})


@pytest.mark.parametrize("kind", ["response", "static"])
@pytest.mark.parametrize("extensions", [{}, {"http.response.pathsend": {}}])
def test_a_file_that_is_observed(tmp_path: Path, kind: str, extensions: dict[str, Any]) -> None:
    """Observed, a file leaves exactly as without us, and has an outcome."""
    scope: dict[str, Any] = {"method": "GET", "headers": {"range": "bytes=1-2"}, "extensions": extensions}
    app = files(tmp_path)[kind]
    plain = call(app, path="/answer.txt", **scope)
    one = service(tmp_path, "mode: observe\nroutes: [{path: /answer.txt, dialect: text}]")
    got = one.call(app, path="/answer.txt", **scope)
    assert got.error is None
    assert got.messages == plain.messages
    assert one.outcome.observed


# The headers that describe a body.

ABOUT_THE_BODY = {
    "content-length": "7",
    "etag": '"1"',
    "content-md5": "x",
    "digest": "x",
    "content-digest": "x",
    "repr-digest": "x",
    "accept-ranges": "bytes",
    "signature": "x",
    "signature-input": "x",
}
BODIES: dict[str, tuple[Any, dict[str, str]]] = {
    "json": (chat(), JSON),
    "stream": (events("Hello"), EVENTS),
    "json without text": (chat(None), JSON),
    "error": (b'{"error": {"message": "x"}}', JSON),
}


@pytest.mark.parametrize("name", ABOUT_THE_BODY)
@pytest.mark.parametrize("body", BODIES)
def test_headers_about_the_body(name: str, body: str) -> None:
    """What describes the body's bytes goes or is corrected where they changed, and else stays."""
    content, headers = BODIES[body]
    value = str(len(content)) if name == "content-length" else ABOUT_THE_BODY[name]
    got = service().answer(content, {**headers, name: value, "x-own": "1"})
    kept = got.headers.get(name)
    assert got.complete
    assert got.headers["x-own"] == "1"
    if got.body == content:
        assert kept == value
        assert body in ("json without text", "error")
    elif name == "content-length" and body == "json":
        assert kept == str(len(got.body))
    else:
        assert kept is None


def test_one_framing() -> None:
    """Where a length is written, no Transfer-Encoding stands beside it (RFC 9112, 6.2)."""
    got = service().answer(chat(), {**JSON, "transfer-encoding": "chunked"})
    assert len({"content-length", "transfer-encoding"} & got.headers.keys()) == 1


TRAILERS: list[tuple[str, str]] = [("digest", "x"), ("x-own", "1")]


@pytest.mark.parametrize(("body", "kept"), [(chat(), 1), (chat(None), 2), (b'{"error": {}}', 2)])
def test_trailers_about_the_body(body: bytes, kept: int) -> None:
    """What trailers say of a body's bytes goes where they changed, and else stays."""
    trailers: Message = {"type": "http.response.trailers", "headers": raw(TRAILERS)}
    got = service().call(Scripted(*answer(body), trailers))
    assert got.messages[-1]["headers"] == raw(TRAILERS)[-kept:]


def test_trailers_without_any() -> None:
    """A trailers message that holds none passes."""
    got = service().call(Scripted(*answer(chat()), {"type": "http.response.trailers"}))
    assert got.error is None
    assert got.kinds[-1] == "trailers"
