# A chat API of your own in FastAPI. One line of middleware, and its answers leave labelled.
#
#   pip install fastapi uvicorn
#   uvicorn examples.fastapi_service:app --port 8000
#
# Then ask it, streamed or not, with any OpenAI client (base_url http://127.0.0.1:8000/v1) or with curl:
#
#   curl -N http://127.0.0.1:8000/v1/chat/completions -H "Content-Type: application/json" \
#     -d '{"model": "house-model", "stream": true,
#          "messages": [{"role": "user", "content": "孩子发烧39度怎么办"}]}'

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from labeler import LabelMiddleware

app = FastAPI()
app.add_middleware(LabelMiddleware)  # this is the line; the rest of the file knows nothing of labels


class Message(BaseModel):
    role: str
    content: str


class Chat(BaseModel):
    """The part of OpenAI's chat request that this service understands."""

    model: str = "house-model"
    messages: list[Message]
    stream: bool = False


async def think(question: str) -> AsyncIterator[str]:
    """Stands for your model: yields the answer in pieces."""
    for piece in ("好的，", "关于", f"「{question}」", "：", "先观察，", "再决定。"):
        yield piece


@app.post("/v1/chat/completions", response_model=None)
async def chat(chat: Chat) -> StreamingResponse | dict[str, Any]:
    """Answer in one piece, or piece by piece."""
    pieces = think(chat.messages[-1].content)
    if chat.stream:
        return StreamingResponse(events(chat.model, pieces), media_type="text/event-stream")
    message = {"role": "assistant", "content": "".join([piece async for piece in pieces])}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**envelope(chat.model), "object": "chat.completion", "choices": [choice]}


@app.post("/desk/v1/chat/completions")
async def desk(chat: Chat, request: Request) -> dict[str, Any]:
    """An answer that a person wrote: the app says so, and no label goes on it. A client cannot."""
    request.scope["labeler"] = {"human": True}
    message = {"role": "assistant", "content": "您好，我是客服小李，马上为您查询。"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**envelope(chat.model), "object": "chat.completion", "choices": [choice]}


async def events(model: str, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """The answer as server-sent events, in the shape that OpenAI's clients read."""
    head = {**envelope(model), "object": "chat.completion.chunk"}

    def event(delta: dict[str, str], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**head, 'choices': [choice]}, ensure_ascii=False)}\n\n"

    yield event({"role": "assistant", "content": ""})
    async for piece in pieces:
        yield event({"content": piece})
    yield event({}, "stop")
    yield "data: [DONE]\n\n"


def envelope(model: str) -> dict[str, Any]:
    """What is the same in every object of one answer."""
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
