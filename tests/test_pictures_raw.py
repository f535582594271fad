"""Responses that are one picture: through the middleware, and over a real connection."""

from __future__ import annotations

import gzip
import http.client
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from labeler import LabelMiddleware
from tests.asgi_tools import CHAT, EVENTS, JSON, Got, Scripted, Service, answer, ask, chat, part, start
from tests.picture_tools import (
    DRAWN,
    FILE,
    KINDS,
    broken,
    file,
    is_labelled,
    pictured,
    record_of,
    shows,
)
from tests.pixel_pictures import seen
from tests.servers import serve
from tests.test_provider_code import CODE
from tests.wire import say

PNG = {"content-type": "image/png"}


@pytest.fixture
def one(tmp_path: Path) -> Service:
    """A service whose path FILE gives pictures, DRAWN such as the upstream has labelled."""
    return pictured(tmp_path)


def get(
    one: Service, body: Any, headers: Mapping[str, str] = PNG, status: int = 200, *, path: str = FILE
) -> Got:
    """Ask for a picture that the app gives so."""
    return one.call(Scripted(*answer(body, headers, status)), b"", path, method="GET")


# What is labelled.


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_leaves_labelled(one: Service, kind: str, method: str) -> None:
    """Whole or in chunks, the client gets one labelled file with its own length, and nothing else that
    the upstream said about the other one's bytes."""
    data = file(kind)
    headers = {
        "content-type": f"image/{kind.split()[0]}",
        "content-length": str(len(data)),
        "etag": '"upstream"',
        "content-md5": "x",
        "accept-ranges": "bytes",
        "cache-control": "max-age=60",
    }
    for body in (data, [data[at : at + 999] for at in range(0, len(data), 999)]):
        got = one.call(Scripted(*answer(body, headers)), b'{"prompt":"a cat"}', FILE, method=method)
        assert got.complete
        assert (got.status, got.headers["content-length"]) == (200, str(len(got.body)))
        assert not {"etag", "content-md5", "accept-ranges"} & got.headers.keys()
        assert got.headers["cache-control"] == "max-age=60"
        assert got.headers["content-type"] == headers["content-type"]
        assert got.headers["labeler"].startswith("applied;")
        assert shows(got.body) if kind == "bmp" else is_labelled(got.body)
        outcome = one.outcomes[-1]
        assert (outcome.state, outcome.dialect, outcome.stream) == ("applied", "picture", False)
        assert [(edit.offset, edit.removed, edit.inserted) for edit in outcome.edits] == [(0, data, got.body)]


@pytest.mark.parametrize("media", ["image/png", "image/webp; q=1", "application/octet-stream", "", "IMAGE/X"])
def test_the_bytes_tell_the_format(one: Service, media: str) -> None:
    """On a route of pictures any type of picture will do, and so will none."""
    got = get(one, file("png"), {"content-type": media} if media else {})
    assert is_labelled(got.body)
    assert got.headers.get("content-type", "") == media


def test_a_picture_instead_of_a_document(one: Service) -> None:
    """`image/*` on the path of another dialect is labelled as well."""
    got = one.call(Scripted(*answer(file("jpeg"), {"content-type": "image/jpeg"})), ask(), CHAT)
    assert is_labelled(got.body)
    assert one.outcome.dialect == "openai-chat"


def test_an_upstream_that_draws_its_own_label(one: Service) -> None:
    """`assume_visible`: only the record is written, and the pixels stay."""
    got = get(one, file("png"), path=DRAWN)
    assert seen(got.body).tobytes() == seen(file("png")).tobytes()
    assert record_of(got.body).content_producer == CODE
    (picture,) = one.outcome.pictures
    assert picture.visible == "drawn by the upstream (assume_visible)"
    bmp = get(one, file("bmp"), path=DRAWN)
    assert bmp.body == file("bmp")
    assert (one.outcomes[-1].state, one.outcomes[-1].reason) == ("skipped", picture.visible)
    assert is_labelled(get(one, file("png"), path=DRAWN.upper()).body), (
        "a path that the operator did not name"
    )


def test_a_torn_picture_gets_no_record(one: Service) -> None:
    """Where only the record is missing, a file that is cut off is withheld all the same."""
    for name in ("truncated png", "jpeg without its end"):
        got = get(one, broken()[name], path=DRAWN)
        assert (got.status, one.outcomes[-1].state) == (502, "failed")
        assert " ends " in one.outcomes[-1].reason


def test_what_is_labelled_already_passes_unchanged(one: Service) -> None:
    """A labelled file keeps its bytes, its entity tag and its length."""
    first = get(one, file("gif")).body
    got = get(one, first, {**PNG, "etag": '"ours"', "content-length": str(len(first))})
    assert got.complete
    assert (got.body, got.headers["etag"]) == (first, '"ours"')
    assert got.headers["labeler"].startswith('skipped;reason="labelled already"')


def test_the_same_picture_again_is_the_same_file(one: Service) -> None:
    """GET has derived numbers: the same bytes every time. POST has new ones."""
    assert get(one, file("webp")).body == get(one, file("webp")).body
    post = [one.call(Scripted(*answer(file("webp"), PNG)), b"", FILE).body for _ in range(2)]
    assert post[0] != post[1]


def test_compressed_pictures(one: Service) -> None:
    """gzip is undone: the labelled file leaves as it is."""
    got = get(one, gzip.compress(file("bmp")), {**PNG, "content-encoding": "gzip"})
    assert got.complete
    assert "content-encoding" not in got.headers
    assert shows(got.body)


# What is not, and why.


@pytest.mark.parametrize("name", broken())
def test_what_cannot_be_labelled_is_withheld(one: Service, name: str) -> None:
    """Under `block` the client gets an error in words, and no byte of the file."""
    data = broken()[name]
    got = get(one, data)
    assert got.complete
    assert (got.status, got.headers["content-type"]) == (502, "application/json")
    assert got.headers["labeler"].startswith("failed;reason=")
    assert b"label_failed" in got.body
    assert data not in got.body
    assert (one.outcome.state, one.outcome.edits) == ("failed", ())
    assert [picture.state for picture in one.outcome.pictures] == ["failed"]


@pytest.mark.parametrize("name", broken())
def test_what_cannot_be_labelled_may_pass(tmp_path: Path, name: str) -> None:
    """Under `pass` the file leaves as it came, and says so."""
    one, data = pictured(tmp_path, on_failure="pass"), broken()[name]
    got = get(one, data, {**PNG, "etag": '"upstream"', "content-length": str(len(data))})
    assert got.complete
    assert (got.status, got.body, got.headers["etag"]) == (200, data, '"upstream"')
    assert got.headers["labeler"].startswith("failed;reason=")
    assert (one.outcome.state, one.outcome.edits) == ("failed", ())


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"content-type": "text/html"}, [b"<p>cat</p>"]), (JSON, [chat("Hi")]), (EVENTS, say("Hi"))],
)
def test_another_type_on_a_route_of_pictures(
    one: Service, headers: dict[str, str], body: list[bytes]
) -> None:
    """What is announced as something else is withheld, not passed on."""
    assert get(one, body, headers).status == 502
    assert one.outcome.reason == f"content type {headers['content-type']} on a route of pictures"


def test_a_torn_picture(one: Service) -> None:
    """An app that stops, or raises, in the middle of a picture: no byte of it leaves."""
    data = file("png")
    half = [start(200, PNG), part(data[:1000])]
    stopped = one.call(Scripted(*half), b"", FILE, method="GET")
    assert (stopped.status, stopped.complete) == (502, True)
    raised = one.call(Scripted(*half, OSError("gone")), b"", FILE, method="GET")
    assert (raised.messages, str(raised.error)) == ([], "gone")
    assert [outcome.state for outcome in one.outcomes] == ["failed", "failed"]
    assert one.outcomes[1].reason == "broken off before its end"


def test_pictures_that_are_too_long(tmp_path: Path) -> None:
    """`limits.response` holds for pictures, too."""
    routes = f"routes: [{{path: {FILE}, dialect: picture}}]\nlimits: {{response: 2000, record: 1000, answer: 1000}}"
    blocks, passes = (pictured(tmp_path, settings=routes, on_failure=word) for word in ("block", "pass"))
    for body in (file("png"), [file("png")[:1500], file("png")[1500:]]):
        got = get(blocks, body)
        assert (got.status, got.complete) == (502, True)
        assert "longer than 2000 bytes" in blocks.outcomes[-1].reason
    got = get(passes, [file("png")[:1500], file("png")[1500:]])
    assert got.body == file("png")
    assert passes.outcome.state == "failed"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, "status 404"), (304, "no body"), (206, "partial content"), (302, "status 302")],
)
def test_other_statuses_pass(one: Service, status: int, reason: str) -> None:
    """What is no whole picture of the app's leaves as it came."""
    got = get(one, b"" if status == 304 else b"part", {**PNG, "etag": '"e"'}, status)
    assert got.complete
    assert (got.status, got.body, got.headers["etag"]) == (status, b"" if status == 304 else b"part", '"e"')
    assert (one.outcome.state, one.outcome.reason) == ("skipped", reason)


def test_an_empty_picture(one: Service) -> None:
    """No byte is no picture."""
    got = get(one, b"")
    assert (got.status, got.body, got.complete) == (200, b"", True)
    assert (one.outcome.state, one.outcome.reason) == ("skipped", "no body")


def test_a_picture_by_a_person(one: Service) -> None:
    """The app knows: a person made it."""
    said = lambda scope: scope.__setitem__("labeler", {"human": True})
    got = one.call(Scripted(said, *answer(file("png"), PNG)), b"", FILE, method="GET")
    assert got.body == file("png")
    assert (one.outcome.state, one.outcome.reason) == ("skipped", "human")


def test_the_dry_run(tmp_path: Path) -> None:
    """`mode: observe`: every byte and header as it came, and the outcome that there would have been."""
    routes = f"mode: observe\nroutes: [{{path: {FILE}, dialect: picture}}]"
    one = pictured(tmp_path, settings=routes)
    for data, state in ((file("png"), "applied"), (file("png")[:99], "failed")):
        got = get(one, data, {**PNG, "etag": '"e"', "content-length": str(len(data))})
        assert got.complete
        assert (got.status, got.body, got.headers["etag"]) == (200, data, '"e"')
        assert (one.outcomes[-1].state, one.outcomes[-1].observed) == (state, True)
        assert one.outcomes[-1].pictures[0].state == state


# Over a real connection.


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module", params=["httptools", "h11"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Starlette app that serves a file as one does, labelled, and compressed on its way out."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "cat.bmp").write_bytes(file("bmp"))
    (folder / "cat.png").write_bytes(file("png"))

    async def cat(asked: Request) -> Response:
        return FileResponse(folder / asked.query_params.get("name", "cat.png"))

    inner = [Middleware(GZipMiddleware), Middleware(LabelMiddleware, labeler=pictured(folder).labeler)]
    app = Starlette(routes=[Route(FILE, cat, methods=["GET", "POST"])], middleware=inner)
    with serve(app, http=request.param) as url:
        yield url


def fetch(base: str, target: str = FILE, method: str = "GET", **headers: str) -> Reply:
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=20)
    connection.request(method, target, headers=headers)
    with connection.getresponse() as response:
        fields = {name.lower(): value for name, value in response.getheaders()}
        reply = Reply(response.status, fields, response.read())
    connection.close()
    return reply


def test_a_file_that_is_served(base: str) -> None:
    """A file of the app's disk: labelled, with its length, without the upstream's entity tag."""
    for method in ("GET", "POST"):
        got = fetch(base, method=method)
        assert (got.status, got.headers["content-type"]) == (200, "image/png")
        assert int(got.headers["content-length"]) == len(got.body)
        assert "etag" not in got.headers
        assert is_labelled(got.body)


def test_a_client_cannot_ask_for_a_part(base: str) -> None:
    """Range, validators and codings of the client do not lead past the label."""
    whole = fetch(base).body
    tag = {"if-none-match": "*", "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    for headers in ({"range": "bytes=0-99"}, tag, {"accept-encoding": "br"}):
        got = fetch(base, **headers)
        assert (got.status, got.body) == (200, whole)


def test_compression_outside_of_the_labels(base: str) -> None:
    """A middleware further out may compress what is labelled."""
    got = fetch(base, f"{FILE}?name=cat.bmp", **{"accept-encoding": "gzip"})
    assert got.headers["content-encoding"] == "gzip"
    assert shows(gzip.decompress(got.body))
