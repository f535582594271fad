"""Pictures over real connections: the SDK, many at once, and a client that leaves."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from labeler import LabelMiddleware
from tests.asgi_tools import (
    Service,
)
from tests.picture_tools import (
    EDITS,
    GENERATIONS,
    PING,
    file,
    image_event,
    images,
    is_labelled,
    pictured,
    slow,
    unb64,
)
from tests.servers import serve


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with a provider."""
    return pictured(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module", params=["httptools", "h11"])
def base(request: pytest.FixtureRequest, one: Service) -> Iterator[str]:
    """An images API in front of which stands the one line."""

    async def generate(asked: Request) -> Response:
        if asked.headers["content-type"].startswith("multipart/"):
            came = file("gif") in await asked.body()
            return Response(images(file("gif") if came else b"no picture"), media_type="application/json")
        wanted = await asked.json()
        if not wanted.get("stream"):
            return Response(images(*[file("png")] * wanted["n"]), media_type="application/json")

        async def run() -> AsyncIterator[bytes]:
            if wanted["prompt"] == "a large cat":
                yield image_event("partial_image", slow())
            for index, kind in enumerate(("webp", "jpeg")):
                yield image_event("partial_image", file(kind), partial_image_index=index)
                yield PING
            yield image_event("completed", file("png"))

        return StreamingResponse(run(), media_type="text/event-stream")

    routes = [Route(path, generate, methods=["POST"]) for path in (GENERATIONS, EDITS)]
    app = Starlette(routes=routes, middleware=[Middleware(LabelMiddleware, labeler=one.labeler)])
    with serve(app, http=request.param) as url:
        yield url


@pytest.fixture
def sdk(base: str) -> Iterator[openai.OpenAI]:
    """The client that people use."""
    with openai.OpenAI(base_url=f"{base}/v1", api_key="k", timeout=20, max_retries=0) as client:
        yield client


def test_the_sdk_gets_pictures(sdk: openai.OpenAI) -> None:
    """`images.generate`: labelled pictures where the service had its own."""
    got = sdk.images.generate(model="m", prompt="a cat", n=3)
    assert [is_labelled(unb64(one.b64_json or "")) for one in got.data or []] == [True] * 3


def test_the_sdk_edits_a_picture(sdk: openai.OpenAI) -> None:
    """`images.edit` sends a form; the service gets the picture as it was."""
    got = sdk.images.edit(model="m", image=("cat.gif", file("gif"), "image/gif"), prompt="a hat")
    (picture,) = got.data or []
    assert is_labelled(unb64(picture.b64_json or ""))


def test_the_sdk_streams_pictures(sdk: openai.OpenAI) -> None:
    """`images.generate(stream=True)`: partial pictures and the final one, in order."""
    found = list(sdk.images.generate(model="m", prompt="a cat", stream=True, partial_images=2))
    assert [one.type.rpartition(".")[2] for one in found] == ["partial_image", "partial_image", "completed"]
    assert [is_labelled(unb64(one.b64_json)) for one in found] == [True] * 3


def test_many_clients_at_once(base: str) -> None:
    """Sixteen at once share two threads, and each gets its own pictures."""

    async def run() -> list[int]:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="k", timeout=60, max_retries=0) as sdk:
            asked = [sdk.images.generate(model="m", prompt="a cat", n=at % 3 + 1) for at in range(16)]
            return [
                sum(is_labelled(unb64(p.b64_json or "")) for p in got.data or [])
                for got in await asyncio.gather(*asked)
            ]

    assert asyncio.run(run()) == [at % 3 + 1 for at in range(16)]


def test_a_client_that_leaves(base: str, one: Service, sdk: openai.OpenAI) -> None:
    """It closes the connection while a large picture is worked on: the response has its one outcome, and
    the next client is served."""
    before = len(one.outcomes)
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=20)
    asked = json.dumps({"prompt": "a large cat", "stream": True})
    connection.request("POST", GENERATIONS, asked, {"content-type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()
    got = sdk.images.generate(model="m", prompt="a cat", n=1)
    assert is_labelled(unb64((got.data or [])[0].b64_json or ""))
    for _ in range(1000):
        if len(one.outcomes) == before + 2:
            break
        time.sleep(0.01)
    assert sorted(outcome.stream for outcome in one.outcomes[before:]) == [False, True]
