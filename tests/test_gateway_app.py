"""The gateway as a whole: labelled answers, its own endpoints, failures through the middleware."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from openai import OpenAI

import labeler as package
from labeler import Labeler, Outcome, PolicyError
from labeler.gateway.app import gateway
from tests.servers import serve

QUESTION = "孩子发烧39度怎么办"
PIECES = ("先物理", "降温。")
MARK = json.dumps("【AI生成】").strip('"')
"""As it stands on the wire."""


class Api:
    """A chat API; `break` in the path has it break off, `stall` has it wait until it is left."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.body = b""
        self.left = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.paths.append(scope["path"])
        if scope["path"].endswith("/moved/chat/completions"):
            to = b"http://%s/v1/chat/completions" % dict(scope["headers"])[b"host"]
            await send({"type": "http.response.start", "status": 307, "headers": [(b"location", to)]})
            await send({"type": "http.response.body"})
            return
        message = await receive()
        self.body = message["body"]
        while message["more_body"]:
            message = await receive()
            self.body += message["body"]
        stream = b'"stream":true' in self.body.replace(b" ", b"")
        kind = b"text/event-stream" if stream else b"application/json"
        headers = [(b"content-type", kind), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if not stream:
            said = {"role": "assistant", "content": "".join(PIECES)}
            await send({"type": "http.response.body", "body": completion("message", said)})
            return
        for piece in PIECES:
            event = b"data: " + completion("delta", {"content": piece}) + b"\n\n"
            await send({"type": "http.response.body", "body": event, "more_body": True})
        if "stall" in scope["path"]:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()
        elif "break" not in scope["path"]:
            end = b"data: " + completion("delta", {}, "stop") + b"\n\ndata: [DONE]\n\n"
            await send({"type": "http.response.body", "body": end})


def completion(name: str, said: dict[str, str], finish: str | None = None) -> bytes:
    """A chat completion or one chunk of it."""
    choice = {"index": 0, name: said, "finish_reason": finish}
    kind = "chat.completion" if name == "message" else "chat.completion.chunk"
    body = {"id": "1", "object": kind, "created": 0, "model": "m", "choices": [choice]}
    return json.dumps(body, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def api() -> Api:
    """The API behind the gateway."""
    return Api()


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """What the gateway's labeler reported."""
    return []


@pytest.fixture(scope="module")
def base(api: Api, outcomes: list[Outcome]) -> Iterator[str]:
    """A gateway in front of the API."""
    with serve(api) as upstream, serve(gateway(Labeler.load(on_outcome=outcomes.append), upstream)) as url:
        yield url


def ask(base: str, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[HTTPResponse, bytes]:
    """One request and its whole answer."""
    address = urlsplit(base)
    assert address.hostname
    with closing(HTTPConnection(address.hostname, address.port, timeout=5)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body).encode())
        answer = connection.getresponse()
        return answer, answer.read()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_sdk_sees_marker_answer_and_disclaimer(base: str, stream: bool) -> None:
    """The unmodified SDK, pointed at the gateway, gets the labelled answer of a foreign API."""
    with OpenAI(base_url=f"{base}/v1", api_key="k", max_retries=0, timeout=5) as client:
        messages: Any = [{"role": "user", "content": QUESTION}]
        if stream:
            events = client.chat.completions.create(model="m", messages=messages, stream=True)
            text = "".join(event.choices[0].delta.content or "" for event in events)
        else:
            whole = client.chat.completions.create(model="m", messages=messages)
            text = whole.choices[0].message.content or ""
    assert text.startswith(f"【AI生成】\n\n{''.join(PIECES)}\n\n")
    assert "不替代医生诊断" in text


def test_the_sdk_is_not_led_past_the_labels(base: str) -> None:
    """The SDK follows an upstream's redirect to itself, and what it gets there is labelled too."""
    with OpenAI(base_url=f"{base}/v1/moved", api_key="k", max_retries=0, timeout=5) as client:
        answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": QUESTION}])
    text = answer.choices[0].message.content
    assert text is not None
    assert text.startswith("【AI生成】")


def test_our_marks_in_the_history_do_not_reach_the_upstream(base: str, api: Api) -> None:
    """A request whose body the middleware changes goes up whole and with its new length."""
    messages = [
        {"role": "assistant", "content": "【AI生成】\n\n" + PIECES[0] * 20_000},
        {"role": "user", "content": QUESTION},
    ]
    answer, _ = ask(base, "POST", "/v1/chat/completions", {"messages": messages})
    assert answer.status == 200
    assert json.loads(api.body)["messages"][0]["content"] == PIECES[0] * 20_000


def test_a_method_in_lower_case_takes_no_label_away(api: Api) -> None:
    """A server that takes `post` for a method hands it on, and to the upstream it goes as POST."""
    with serve(api) as upstream, serve(gateway(Labeler.load(), upstream), http="h11") as base:
        answer, content = ask(base, "post", "/v1/chat/completions", {"messages": []})
    assert (answer.status, api.paths[-1]) == (200, "/v1/chat/completions")
    assert json.loads(content)["choices"][0]["message"]["content"].startswith("【AI生成】")


def test_what_nobody_claims_passes_as_it_is(base: str) -> None:
    """A route that is no chat passes untouched, repeated headers and all."""
    answer, content = ask(base, "GET", "/v1/models")
    assert content == completion("message", {"role": "assistant", "content": "".join(PIECES)})
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_health_tells_what_runs_and_what_came_of_it(api: Api) -> None:
    """`/_labeler/health` is the gateway's own, for GET and HEAD: version, revision, mode, and the outcomes so
    far."""
    labeler = Labeler.load()
    with serve(api) as upstream, serve(gateway(labeler, upstream)) as base:
        ask(base, "POST", "/v1/chat/completions", {"messages": []})
        ask(base, "GET", "/v1/models")
        answer, content = ask(base, "GET", "/_labeler/health")
        assert (answer.status, ask(base, "HEAD", "/_labeler/health")[1]) == (200, b"")
        assert ask(base, "POST", "/_labeler/health", {})[0].status == 405
    assert json.loads(content) == {
        "status": "ok",
        "version": package.__version__,
        "revision": labeler.service.policies.revision,
        "mode": "enforce",
        "counts": {"applied": 1, "skipped: unclaimed": 1},
    }


@pytest.mark.parametrize("path", ["/_labeler", "/_labeler/", "/_labeler/nothing", "/_labeler/health/"])
def test_own_paths_are_never_forwarded(base: str, api: Api, path: str) -> None:
    """What lies under `/_labeler/` and does not exist is a 404 of the gateway's; `/_labeler2` is not there."""
    assert ask(base, "GET", path)[0].status == 404
    ask(base, "GET", "/_labeler2")
    assert path not in api.paths
    assert "/_labeler2" in api.paths


def test_broken_stream_stays_broken(base: str, outcomes: list[Outcome]) -> None:
    """A stream that the upstream breaks off arrives with its marker, no disclaimer, and breaks."""
    with pytest.raises(IncompleteRead) as cut:
        ask(base, "POST", "/break/chat/completions", {"messages": [], "stream": True})
    text = cut.value.partial.decode()
    assert MARK in text
    assert "[DONE]" not in text
    assert outcomes[-1].state == "degraded"


def test_client_that_leaves_a_labelled_stream_ends_the_upstream_call(base: str, api: Api) -> None:
    """Through the middleware, too, the upstream sees at once that the client left."""
    address = urlsplit(base)
    assert address.hostname
    with closing(HTTPConnection(address.hostname, address.port, timeout=5)) as connection:
        connection.request("POST", "/stall/chat/completions", json.dumps({"stream": True}).encode())
        with closing(connection.getresponse()) as answer:
            assert MARK.encode() in answer.read1()
    assert api.left.wait(2)


def test_upstreams_and_timeouts_come_from_the_configuration(tmp_path: Path, api: Api) -> None:
    """Without an argument, `gateway:` in labeler.yaml says where requests go and how long they may take."""
    file = tmp_path / "labeler.yaml"
    with serve(api) as upstream:
        upstreams = f"[{{path: /a, url: '{upstream}/one'}}, {{path: /b, url: '{upstream}/two'}}]"
        file.write_text(
            f"gateway: {{upstreams: {upstreams}, connections: 1, read_timeout: 5}}", encoding="utf-8"
        )
        with serve(gateway(Labeler.load(file))) as base:
            statuses = [ask(base, "GET", path)[0].status for path in ("/a/x", "/b/x", "/c/x")]
    assert statuses == [200, 200, 404]
    assert api.paths[-2:] == ["/one/a/x", "/two/b/x"]


@pytest.mark.parametrize(
    ("upstream", "says"),
    [(None, "--upstream URL"), ("ftp://x", "no URL"), ("x:80", "no URL"), ("http://x?y", "neither")],
)
def test_wrong_upstream_is_the_callers_mistake(upstream: str | None, says: str) -> None:
    """No upstream, or one that is no URL of a service, is an error before anything is served."""
    with pytest.raises(PolicyError, match=says):
        gateway(Labeler.load(), upstream)


def test_websockets_are_refused(base: str) -> None:
    """The middleware hands a websocket on to the proxy, which closes it before it opens."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = gateway(Labeler.load(), base)
    asyncio.run(app({"type": "websocket", "path": "/v1/realtime", "headers": []}, receive, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
