"""A chat service as one writes it with FastAPI or Starlette, and the SDK to ask it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
from fastapi import BackgroundTasks, Depends, FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from labeler import Labeler, LabelMiddleware
from tests.asgi_tools import CHAT, DONE, chat, event

TOOL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"q": "【AI生成】"}'}}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
NONSENSE, BREAK, WAIT, FAIL = "胡说", "断线", "等等", "失败"
"""Questions to which the service gives a faulty answer."""
DISTURBED: list[str] = []
"""What a client's leaving did to streams that were not at their end."""


class Turn(BaseModel):
    role: str
    content: str | None = None


class Chat(BaseModel):
    model: str
    messages: list[Turn]
    stream: bool = False
    tools: list[Any] = []


def shop(request: Request) -> None:
    """A dependency that knows better than any lexicon what the answer is about."""
    if request.headers.get("x-shop"):
        request.scope["labeler"] = {"scenarios": ["ecommerce"]}


def fast_service(labeler: Labeler) -> FastAPI:
    """A service as one writes it with FastAPI; what the last message says decides how it answers."""
    app = FastAPI()
    app.add_middleware(LabelMiddleware, labeler=labeler)
    app.state.done = []

    @app.post(CHAT, dependencies=[Depends(shop)])
    async def complete(chat_request: Chat, background: BackgroundTasks) -> Any:
        question = chat_request.messages[-1].content or ""
        background.add_task(app.state.done.append, question)
        if question == FAIL:
            raise ValueError(question)
        if chat_request.stream:
            return StreamingResponse(streamed(question), media_type="text/event-stream")
        if question == NONSENSE:
            return {"object": "list"}
        message = {"tool_calls": [TOOL]} if chat_request.tools else {}
        return {**json.loads(chat(None if message else "Hello", **message)), "created": 1, "usage": USAGE}

    return app


async def streamed(question: str) -> AsyncIterator[bytes]:
    """A streamed answer; to WAIT one that never ends, to BREAK and NONSENSE a faulty one."""
    if question == NONSENSE:
        yield b"data: {nope\n\n"
    yield event("Hel")
    if question == BREAK:
        raise ValueError(question)
    if question == WAIT:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            DISTURBED.append("cancelled")
            raise
    for piece in (event("lo"), event(None, "stop")):
        yield piece
    yield b"data: %s\n\n" % json.dumps({"id": "c", "model": "m", "choices": [], "usage": USAGE}).encode()
    yield DONE


async def bare(request: Request) -> Response:
    """The same in bare Starlette."""
    asked = await request.json()
    if asked.get("stream"):
        return StreamingResponse(
            streamed(asked["messages"][-1]["content"]), headers={"content-type": "text/event-stream"}
        )
    return JSONResponse({**json.loads(chat("Hello")), "created": 1, "usage": USAGE})


def bare_service(labeler: Labeler) -> Starlette:
    routes = [Route(CHAT, bare, methods=["POST"])]
    return Starlette(routes=routes, middleware=[Middleware(LabelMiddleware, labeler=labeler)])


def wrapped_service(labeler: Labeler) -> Any:
    return LabelMiddleware(
        Starlette(routes=[Mount("/", app=Starlette(routes=[Route(CHAT, bare, methods=["POST"])]))]), labeler
    )


@contextlib.contextmanager
def client(base: str, **options: Any) -> Iterator[Any]:
    """The SDK as it comes, without second tries."""
    with openai.OpenAI(base_url=f"{base}/v1", api_key="k", timeout=10, max_retries=0, **options) as found:
        yield found


def user(question: str) -> list[Any]:
    return [{"role": "user", "content": question}]
