"""The one line of middleware in FastAPI and Starlette services under uvicorn, asked by the `openai` SDK."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from labeler import Labeler, LabelMiddleware
from tests.asgi_tools import CHAT, FEVER, GENERAL, MARK, MEDICAL, SHOP, ask, event, events, said, service
from tests.chat_service import (
    BREAK,
    DISTURBED,
    FAIL,
    NONSENSE,
    TOOL,
    WAIT,
    bare_service,
    client,
    fast_service,
    user,
    wrapped_service,
)
from tests.driver import Upstream
from tests.servers import serve


@pytest.fixture(scope="module")
def labeler() -> Labeler:
    return Labeler.load()


@pytest.fixture(scope="module", params=["fast httptools", "fast h11", "bare", "wrapped"])
def base(request: pytest.FixtureRequest, labeler: Labeler) -> Iterator[str]:
    """A server of each kind."""
    kind, _, implementation = request.param.partition(" ")
    service = {"fast": fast_service, "bare": bare_service, "wrapped": wrapped_service}[kind](labeler)
    with serve(service, http=implementation or "auto") as url:
        yield url


@pytest.fixture(scope="module")
def fast(labeler: Labeler) -> Iterator[str]:
    with serve(fast_service(labeler)) as url:
        yield url


# The SDK.


def test_a_complete_answer(base: str) -> None:
    """The SDK shows marker, text and disclaimer, and everything else as the service sent it."""
    with client(base) as sdk:
        answer = sdk.chat.completions.create(model="m", messages=user(FEVER))
    text = answer.choices[0].message.content
    assert text.startswith(f"{MARK}Hello\n\n")
    assert MEDICAL in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 3


def test_a_streamed_answer(base: str) -> None:
    """Streamed, the same; the usage arrives after the text."""
    with client(base) as sdk:
        chunks = list(sdk.chat.completions.create(model="m", messages=user(FEVER), stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith(f"{MARK}Hello\n\n")
    assert MEDICAL in text
    assert chunks[-1].usage.total_tokens == 3


def test_the_stream_helper(base: str) -> None:
    """The SDK's own accumulator of chunks comes to the same answer."""
    with client(base) as sdk, sdk.chat.completions.stream(model="m", messages=user("你好")) as stream:
        done = [found.content for found in stream if found.type == "content.done"]
        final = stream.get_final_completion()
    assert done == [f"{MARK}Hello\n\n{GENERAL}"]
    assert final.choices[0].message.content == done[0]


def test_a_stream_that_begins_with_a_byte_order_mark(labeler: Labeler) -> None:
    """The SDK loses an event behind a BOM; it gets the one that has the marker."""
    stream = [b"\xef\xbb\xbf" + event("Hi"), *events(" you")]
    with serve(LabelMiddleware(Upstream(stream), labeler)) as base, client(base) as sdk:
        chunks = sdk.chat.completions.create(model="m", messages=user("你好"), stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == f"{MARK}Hi you\n\n{GENERAL}"


def test_the_asynchronous_sdk(base: str) -> None:
    """Twenty streams at once through one server keep their own labels."""

    async def one(sdk: openai.AsyncOpenAI, question: str) -> tuple[str, str]:
        stream = await sdk.chat.completions.create(model="m", messages=user(question), stream=True)
        return question, "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    async def run() -> list[tuple[str, str]]:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="k", timeout=10, max_retries=0) as sdk:
            return await asyncio.gather(*(one(sdk, FEVER if at % 2 else "你好") for at in range(20)))

    for question, text in asyncio.run(run()):
        assert text.startswith(f"{MARK}Hello\n\n")
        assert (MEDICAL in text) == (question == FEVER)


def test_tool_calls_are_not_touched(fast: str) -> None:
    """A tool call arrives as it was, even where it holds our words."""
    with client(fast) as sdk:
        answer = sdk.chat.completions.create(
            model="m", messages=user(FEVER), tools=[{"type": "function", "function": {"name": "look"}}]
        )
    message = answer.choices[0].message
    assert message.content is None
    assert [call.model_dump() for call in message.tool_calls] == [TOOL]


def test_a_dependency_names_the_scenario(fast: str) -> None:
    """What a FastAPI dependency sets in its request's scope counts; the header alone does nothing."""
    with client(fast) as sdk:
        answer = sdk.chat.completions.create(model="m", messages=user("你好"), extra_headers={"x-shop": "1"})
    assert SHOP in answer.choices[0].message.content


def test_headers_reach_the_client(fast: str) -> None:
    """Our fields can be read from the raw response, beside the right length."""
    with client(fast) as sdk:
        raw = sdk.chat.completions.with_raw_response.create(model="m", messages=user("你好"))
    assert raw.headers["labeler"].startswith('applied;scenarios="general"')
    assert raw.headers["ai-disclosure"] == 'mode=ai-originated, model="m"'
    assert int(raw.headers["content-length"]) == len(raw.content)


def test_background_tasks_run(labeler: Labeler) -> None:
    """What an endpoint leaves to be done after its answer is done."""
    app = fast_service(labeler)
    with serve(app) as base, client(base) as sdk:
        sdk.chat.completions.create(model="m", messages=user("later"))
    assert app.state.done == ["later"]


def test_the_first_token_does_not_wait(fast: str) -> None:
    """The first piece is at the client while the service has not sent its second."""
    with client(fast) as sdk:
        stream = sdk.chat.completions.create(model="m", messages=user(WAIT), stream=True)
        assert next(stream).choices[0].delta.content == f"{MARK}Hel"
        stream.close()


def test_a_client_that_leaves() -> None:
    """A client that leaves ends the service's generator, and the response has one outcome."""
    one = service()
    DISTURBED.clear()
    with serve(fast_service(one.labeler)) as base, client(base) as sdk:
        stream = sdk.chat.completions.create(model="m", messages=user(WAIT), stream=True)
        next(stream)
        stream.close()
        assert wait_for(lambda: bool(one.outcomes and DISTURBED))
    assert one.outcome.state == "degraded"


def wait_for(condition: Any, seconds: float = 5) -> bool:
    """Whether a condition comes true soon."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return True
        time.sleep(0.01)
    return False


# What goes wrong.


def test_a_withheld_answer(fast: str) -> None:
    """An answer of an unknown shape is a 502 of the SDK's own kind, which says why."""
    with client(fast) as sdk, pytest.raises(openai.InternalServerError) as caught:
        sdk.chat.completions.create(model="m", messages=user(NONSENSE))
    assert caught.value.status_code == 502
    assert caught.value.code == "label_failed"
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_broken_stream_in_the_sdk(fast: str) -> None:
    """A stream that breaks off before its marker raises, and nothing of it has been said."""
    with client(fast) as sdk:
        chunks = sdk.chat.completions.create(model="m", messages=user(NONSENSE), stream=True)
        with pytest.raises(openai.APIError, match="withheld"):
            next(chunks)


@pytest.mark.parametrize("question", [NONSENSE, BREAK])
def test_a_broken_stream_on_the_wire(fast: str, question: str) -> None:
    """A broken transfer lacks the last chunk of HTTP's own framing, so that no client takes it as whole."""
    connection = http.client.HTTPConnection(fast.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", CHAT, ask(question, stream=True), {"content-type": "application/json"})
        response = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as caught:
            response.read()
    assert response.status == 200
    assert GENERAL.encode("ascii", "backslashreplace") not in caught.value.partial


def test_an_exception_of_the_service(fast: str) -> None:
    """A service that fails answers 500, as without us."""
    with client(fast) as sdk, pytest.raises(openai.InternalServerError) as caught:
        sdk.chat.completions.create(model="m", messages=user(FAIL))
    assert caught.value.status_code == 500


def test_a_connection_serves_on_after_a_withheld_answer(fast: str) -> None:
    """A 502 of ours is a whole response: the next request on its connection is answered."""
    connection = http.client.HTTPConnection(fast.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        statuses = []
        for question in (NONSENSE, "你好", NONSENSE, "你好"):
            connection.request("POST", CHAT, ask(question), {"content-type": "application/json"})
            response = connection.getresponse()
            statuses.append(response.status)
            assert json.loads(response.read())
    assert statuses == [502, 200, 502, 200]


def test_a_line_feed_behind_the_path_takes_no_label_away(base: str) -> None:
    """The service answers it (in its routes' expressions `$` stands before a line feed), so it is labelled."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", f"{CHAT}%0A", ask(), {"content-type": "application/json"})
        response = connection.getresponse()
        assert response.status == 200
        assert said(response.read()).startswith(MARK)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_other_routes_work(fast: str, path: str) -> None:
    """A service's other pages are as they were, without a header of ours."""
    connection = http.client.HTTPConnection(fast.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, response.getheader("labeler")) == (200, None)
        assert response.read()


@pytest.mark.parametrize("question", [b"", b"{", b'{"model": 1}'])
def test_a_wrong_request_is_the_services_matter(fast: str, question: bytes) -> None:
    """FastAPI's own errors leave unchanged, with the reason why no label stands on them."""
    connection = http.client.HTTPConnection(fast.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", CHAT, question, {"content-type": "application/json"})
        response = connection.getresponse()
        assert response.status == 422
        assert "detail" in json.loads(response.read())
        assert str(response.getheader("labeler")).startswith('skipped;reason="status 422"')
