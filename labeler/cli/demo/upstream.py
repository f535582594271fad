"""The demo's upstream: a model API in miniature that speaks OpenAI's chat completions and images.

It answers by heart, at the pace of a model. The same request gets the same bytes each time, so that
two answers can be compared.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from labeler.cli.demo.picture import painted

FIRST = 0.3
"""Seconds to the first token."""
PACE = (0.02, 0.04)
"""Seconds from one token to the next: at least, at most."""

FEVER = """孩子发烧到39度，先不要慌张，可以这样做：

1. 少穿一些，多喝温水，房间保持通风；
2. 体温超过38.5度并且精神不好时，按说明书的体重剂量服用退烧药，两次之间至少隔4到6小时；
3. 出现抽搐、持续呕吐、精神萎靡，或者发烧超过3天，马上去医院。"""

SKY = (
    "Sunlight holds all colours. The air scatters the short, blue waves far more than the long, red ones,"
    " so blue light reaches your eye from every direction of the sky."
)

COPY = '{"title": "轻暖鸭绒外套", "points": ["90%白鸭绒，轻而暖", "防泼水面料", "可收进口袋"]}'

CALL = '{"city": "杭州",  "days": 1}'
"""Spaced as no serializer would: whoever re-serializes it is found out."""

_CREATED = int(time.time())
_TOKEN = re.compile(r"\s*[A-Za-z]+|\s*[^\sA-Za-z]{1,2}|\s+")


async def chat(http: Request) -> Response:
    """Answer one chat request, complete or as a stream of events."""
    body = await http.body()
    request = json.loads(body)
    identity = hashlib.sha256(body).hexdigest()[:24]
    envelope = {"id": f"chatcmpl-{identity}", "created": _CREATED, "model": request["model"]}
    await asyncio.sleep(FIRST)
    if request.get("stream"):
        return StreamingResponse(_events(_chunks(request, envelope)), media_type="text/event-stream")
    return JSONResponse(_completion(request, envelope))


async def images(http: Request) -> Response:
    """Answer one request for a picture: always the same one."""
    picture = base64.b64encode(await asyncio.to_thread(painted)).decode()
    return JSONResponse({"created": _CREATED, "data": [{"b64_json": picture}]})


upstream = Starlette(
    routes=[
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/images/generations", images, methods=["POST"]),
    ]
)
"""The ASGI app."""


async def _events(chunks: Iterator[Mapping[str, Any]]) -> AsyncIterator[str]:
    for chunk in chunks:
        yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
        await asyncio.sleep(random.uniform(*PACE))
    yield "data: [DONE]\n\n"


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The assistant's message for a request: a tool call, data in JSON, or text."""
    if tools := request.get("tools"):
        function = {"name": tools[0]["function"]["name"], "arguments": CALL}
        call = {"id": "call_1", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if request.get("response_format", {}).get("type") == "json_schema":
        return {"role": "assistant", "content": COPY}
    return {"role": "assistant", "content": FEVER if "发烧" in request["messages"][-1]["content"] else SKY}


def _completion(request: Mapping[str, Any], envelope: Mapping[str, Any]) -> dict[str, Any]:
    message = answer(request)
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        **envelope,
        "object": "chat.completion",
        "choices": [choice],
        "usage": _usage(request, message),
    }


def _chunks(request: Mapping[str, Any], envelope: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer: role, tokens, finish, usage if it was asked for."""
    message = answer(request)
    calls = message.get("tool_calls", ())
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if calls else ""}]
    deltas += [{"content": token} for token in _TOKEN.findall(message["content"] or "")]
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(calls)]
    head = {**envelope, "object": "chat.completion.chunk"}
    for delta in deltas:
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    finish = "tool_calls" if calls else "stop"
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(request, message)}


def _usage(request: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, int]:
    prompt = sum(len(_TOKEN.findall(str(one["content"]))) for one in request["messages"])
    completion = len(_TOKEN.findall(message["content"] or CALL))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
