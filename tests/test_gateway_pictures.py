"""Pictures that an answer only points to: the gateway fetches them and serves them labelled."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from labeler import Labeler, Outcome, PolicyError
from labeler.gateway.app import gateway
from labeler.inspection import inspect
from tests.fetching import holding
from tests.servers import serve

KEY = "k" * 32
CODE = "91350100M000100Y43"


def png() -> bytes:
    out = BytesIO()
    Image.effect_noise((320, 240), 60).save(out, "PNG")
    return out.getvalue()


PICTURE = png()


async def images(request: Request) -> Response:
    name = request.query_params.get("name", "a.png")
    url = request.query_params.get("url", f"{request.base_url}files/{name}?sig=s")
    return JSONResponse({"created": 1, "data": [{"url": url}]})


async def files(request: Request) -> Response:
    if request.path_params["name"] == "page":
        return HTMLResponse("<script>alert(1)</script>")
    return Response(PICTURE, media_type="image/png")


API = Starlette(
    routes=[
        Route("/v1/images/generations", images, methods=["POST"]),
        Route("/files/{name}", files),
    ]
)
POLICY = """
id: general
version: "1"
title: all
match: {always: true}
on_failure: ON_FAILURE
marker: {words: 【AI生成】}
picture: {url: proxy}
examples: [{ask: hello, scenarios: []}]
"""
SERVICE = f"""
provider: {{name: p, credit_code: {CODE}}}
policies: [./policies/]
pictures: {{fetch: {{hosts: ["127.0.0.1:*"], private: true}}, public_url: "BASE", link_key: {KEY}}}
"""


@dataclass
class House:
    url: str
    outcomes: list[Outcome]
    asked: int = 0
    ended: int = 0

    def link(self, name: str = "a.png", **more: str) -> str:
        """What an image answer gives instead of the upstream's URL, on this gateway."""
        asked = {"name": name, **more}
        answer = httpx2.post(f"{self.url}/v1/images/generations", params=asked, json={"prompt": "海"})
        assert answer.status_code == 200, answer.text
        link: str = answer.json()["data"][0]["url"]
        assert link.startswith("https://ai.example.com/_labeler/picture/")
        return link.replace("https://ai.example.com", self.url)


def labeler(tmp_path: Path, outcomes: list[Outcome], on_failure: str = "block") -> Labeler:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "general.yaml").write_text(
        POLICY.replace("ON_FAILURE", on_failure), encoding="utf-8"
    )
    main = tmp_path / "labeler.yaml"
    main.write_text(SERVICE.replace("BASE", "https://ai.example.com"), encoding="utf-8")
    return Labeler.load(main, on_outcome=outcomes.append)


@pytest.fixture(params=["block"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    outcomes: list[Outcome] = []
    made = labeler(tmp_path, outcomes, request.param)
    with serve(API) as upstream:
        app = gateway(made, upstream)
        one = House("", outcomes)

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            one.asked += scope["type"] == "http"
            try:
                await app(scope, receive, send)
            finally:
                one.ended += scope["type"] == "http"

        with serve(counted) as one.url:
            yield one


def test_a_link_leads_to_the_labelled_picture(house: House) -> None:
    """The answer's URL is the gateway's own; behind it the picture has both labels, the same each time."""
    link = house.link()
    first, second = httpx2.get(link), httpx2.get(link)
    assert first.status_code == 200
    assert first.headers["content-type"] == "image/png"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.content == second.content != PICTURE
    seen = inspect(first.content)
    assert len(seen.records) == 1
    assert seen.records[0].problems == ()
    assert CODE in seen.records[0].fields["ContentProducer"]
    assert house.outcomes[-1].pictures[0].visible == "applied"


def test_head_tells_the_same_without_the_picture(house: House) -> None:
    """HEAD is answered, other methods are refused."""
    link = house.link()
    whole, head = httpx2.get(link), httpx2.head(link)
    assert head.content == b""
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert httpx2.post(link).status_code == 405


def test_a_link_that_was_not_made_here_is_not_fetched(house: House) -> None:
    """A token with another tag is nobody's."""
    link = house.link()
    assert httpx2.get(link[:-3] + "AAA").status_code == 404
    assert httpx2.get(f"{house.url}/_labeler/picture/").status_code == 404


def test_what_is_no_picture_never_leaves_under_the_gateways_name(house: House) -> None:
    """A page behind the link is withheld, and accounted for."""
    answer = httpx2.get(house.link("page"))
    assert answer.status_code == 502
    assert "alert" not in answer.text
    assert house.outcomes[-1].state == "failed"


@pytest.mark.parametrize("house", ["pass"], indirect=True)
def test_a_failure_that_may_pass_leads_to_the_upstreams_own_url(house: House) -> None:
    """`on_failure: pass` redirects and says that the labels failed."""
    answer = httpx2.get(house.link("page"))
    assert answer.status_code == 302
    assert answer.headers["location"].endswith("/files/page?sig=s")
    assert answer.headers["labeler"] == "failed"


# Slow servers, and clients that leave.


def ask(link: str) -> socket.socket:
    """A client that has asked for a link and waits."""
    url = urlsplit(link)
    client = socket.create_connection((url.hostname, url.port), timeout=10)
    client.sendall(f"GET {url.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return client


def status(client: socket.socket) -> str:
    """The status that it gets."""
    with client, client.makefile("rb") as answer:
        return answer.readline().split()[1].decode()


def soon(done: Callable[[], bool]) -> bool:
    """Whether something comes true within a few seconds."""
    end = time.monotonic() + 5
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    return done()


def test_a_slow_server_holds_up_nobody_elses_pictures(house: House) -> None:
    """However many pictures of one server do not come, those of another one do."""
    with holding(PICTURE) as (slow, server), ExitStack() as stack:
        for number in range(40):
            stack.enter_context(ask(house.link(url=f"{slow}/{number}")))
        assert soon(lambda: len(server.asked) == 8)
        assert httpx2.get(house.link()).status_code == 200
        assert len(server.asked) == 8


def test_who_asks_for_the_same_picture_shares_one_fetch(house: House) -> None:
    """Clients that leave and clients that wait: one request reaches the server, and all who wait are served."""
    with holding(PICTURE) as (slow, server):
        link = house.link(url=f"{slow}/same")
        before = house.asked
        for _ in range(12):
            ask(link).close()
        assert soon(lambda: house.asked == house.ended == before + 12)
        clients = [ask(link) for _ in range(12)]
        assert soon(lambda: house.asked == before + 24)
        server.released.set()
        assert [status(client) for client in clients] == ["200"] * 12
        assert server.asked == ["/same"]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures are fetched at a time, and so one from each server."""
    monkeypatch.setenv("LABELER__PICTURES__FETCH__CONNECTIONS", "2")


@pytest.mark.usefixtures("narrow")
def test_a_client_that_leaves_holds_no_place(house: House) -> None:
    """What waits for a place is not fetched for a client that has left; who comes after it has its turn."""
    with holding(PICTURE) as (slow, server):
        first, *left, last = (house.link(url=f"{slow}/{number}") for number in range(6))
        before = house.asked
        waiting = [ask(first)]
        assert soon(lambda: server.asked == ["/0"])
        for link in left:
            ask(link).close()
        assert soon(lambda: (house.asked, house.ended) == (before + 5, before + 4))
        waiting.append(ask(last))
        assert soon(lambda: house.asked == before + 6)
        server.released.set()
        assert [status(client) for client in waiting] == ["200"] * 2
        assert server.asked == ["/0", "/5"]


def test_without_a_public_url_there_is_no_such_picture() -> None:
    """A gateway that makes no links serves none."""
    with serve(API) as upstream, serve(gateway(Labeler.load(), upstream)) as url:
        answer = httpx2.get(f"{url}/_labeler/picture/abc")
    assert answer.status_code == 404
    assert "pictures.public_url" in answer.text


def test_the_gateway_warns_that_there_is_no_provider(caplog: pytest.LogCaptureFixture) -> None:
    """Without a provider code no AIGC record is written; whoever starts the gateway is told."""
    with caplog.at_level(logging.WARNING, "labeler"):
        gateway(Labeler.load(), "http://127.0.0.1:1")
    assert "no provider is configured" in caplog.text
    assert "provider.credit_code" in caplog.text


def test_a_policy_that_fetches_needs_to_know_from_where(tmp_path: Path) -> None:
    """`url: proxy` without hosts and a public URL is a mistake of the configuration, with its place."""
    (tmp_path / "general.yaml").write_text(POLICY.replace("ON_FAILURE", "block"), encoding="utf-8")
    (tmp_path / "labeler.yaml").write_text("policies: [./general.yaml]\n", encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        Labeler.load(tmp_path / "labeler.yaml")
    (problem,) = caught.value.problems
    assert problem.field == "picture.url"
    assert problem.line == 8
    assert "pictures.fetch.hosts and pictures.public_url and pictures.link_key" in problem.message
