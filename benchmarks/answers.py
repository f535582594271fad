"""JSON answers behind a FastAPI app with pydantic models, in process: what labelling adds."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.common import Nothing, Row, asking, interleave, median_difference_ratio
from labeler import Labeler, LabelMiddleware

PLAIN, GUARDED = "今天天气怎么样", "孩子发烧39度怎么办"
"""A question whose answer nobody reads but for its end, and one whose answer a guard reads as a whole."""


def request(question: str) -> bytes:
    """A chat request's body."""
    return json.dumps({"model": "qwen3-max", "messages": [{"role": "user", "content": question}]}).encode()


_BATCH = 20


class ChatMessage(BaseModel):
    role: str
    content: str


class Choice(BaseModel):
    index: int
    message: ChatMessage
    finish_reason: str


class ChatRequest(BaseModel):
    model: str
    messages: list[ChatMessage]


class ChatCompletion(BaseModel):
    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: dict[str, int]


def service(size: int) -> FastAPI:
    """A chat API whose answers are about `size` bytes long."""
    app = FastAPI()
    sentence = "多喝水，注意休息；体温超过38.5度时可在医生指导下用退热药。\n"
    content = sentence * max(1, (size - 260) // len(sentence.encode()))
    usage = {"prompt_tokens": 10, "completion_tokens": 200, "total_tokens": 210}

    @app.post("/v1/chat/completions")
    async def chat(request: ChatRequest) -> ChatCompletion:
        choice = Choice(index=0, message=ChatMessage(role="assistant", content=content), finish_reason="stop")
        return ChatCompletion(
            id="chatcmpl-123456789",
            object="chat.completion",
            created=1780944348,
            model=request.model,
            choices=[choice],
            usage=usage,
        )

    return app


class ParseEditDump:
    """The floor: hold the answer, parse it with orjson, edit the text, dump it, correct the length."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        kept = b""

        async def edit(message: Message) -> None:
            nonlocal start, kept
            if message["type"] == "http.response.start":
                start = message
                return
            kept += message.get("body", b"")
            if message.get("more_body", False):
                return
            answer = orjson.loads(kept)
            inner = answer["choices"][0]["message"]
            inner["content"] = f"【AI生成】\n\n{inner['content']}\n\n不替代医生诊断"
            body = orjson.dumps(answer)
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            start["headers"] = [*headers, (b"content-length", b"%d" % len(body))]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, edit)


def ask(loop: asyncio.AbstractEventLoop, app: Any, question: str) -> float:
    """Seconds for one request, from a batch in process."""
    body = request(question)

    async def once() -> None:
        async def send(message: Message) -> None:
            pass

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/chat/completions",
            "raw_path": b"/v1/chat/completions",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [
                (b"host", b"localhost"),
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"authorization", b"Bearer sk-123456"),
                (b"user-agent", b"OpenAI/Python 3.57.0"),
                (b"accept", b"application/json"),
            ],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80),
        }
        await app(scope, asking(body), send)

    async def batch() -> float:
        start = time.perf_counter()
        for _ in range(_BATCH):
            await once()
        return (time.perf_counter() - start) / _BATCH

    return loop.run_until_complete(batch())


def rows(rounds: int) -> list[Row]:
    """Added time per answer of 1 KB and 100 KB, beside the floor and beside BaseHTTPMiddleware."""
    labeler = Labeler.load()
    found: list[Row] = []
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        for size, name, aim, question in (
            (1_000, "1 KB", "<= 4", PLAIN),
            (1_000, "1 KB under a guard", "<= 4", GUARDED),
            (100_000, "100 KB", "<= 2", PLAIN),
            (100_000, "100 KB under a guard", "<= 2", GUARDED),
        ):
            app = service(size)
            apps = {
                "bare": app,
                "ours": LabelMiddleware(app, labeler=labeler),
                "floor": ParseEditDump(app),
                "base": Nothing(app),
            }
            samples = interleave(
                {key: partial(ask, loop, one, question) for key, one in apps.items()}, rounds
            )
            for beside, what, bound in (
                ("floor", "orjson parse-edit-dump", aim),
                ("base", "BaseHTTPMiddleware that does nothing", "<= 0.5"),
            ):
                ours, other, ratio = median_difference_ratio(samples, "ours", beside, "bare")
                found.append(
                    Row(
                        f"JSON answer of {name}, added beside {what}",
                        f"{ours * 1e6:.0f} µs",
                        f"{other * 1e6:.0f} µs",
                        ratio,
                        bound,
                    )
                )
    return found


if __name__ == "__main__":
    from benchmarks.common import print_table

    print_table(rows(31))
