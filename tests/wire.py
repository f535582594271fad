"""Chat answers by hand: their bytes, complete and streamed, and what a client reads out of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MARK = "【AI生成】"


NOTE = "内容由AI生成，仅供参考，请仔细甄别"


P = f"{MARK}\n\n"


S = f"\n\n{NOTE}"


def event(doc: Any, end: str = "\n\n") -> bytes:
    """One event with a document as its data."""
    return b"data: " + json.dumps(doc).encode() + end.encode()


def chunk(
    delta: Mapping[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any
) -> bytes:
    """The event of one chat chunk; `more` goes into its choice."""
    choice = {"index": index, "delta": dict(delta or {}), "finish_reason": finish, **more}
    return event(envelope([choice]))


def envelope(choices: list[Any], **more: Any) -> dict[str, Any]:
    """A chat chunk's document."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "m",
        "choices": choices,
        **more,
    }


DONE = b"data: [DONE]\n\n"


USAGE = event(envelope([], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}))


ROLE = {"role": "assistant"}
CALL = {
    "tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]
}
"""Deltas: the role, and the start of a tool call."""


def say(*pieces: str, finish: str | None = "stop", index: int = 0) -> list[bytes]:
    """The chunks of one answer in pieces: the role, the pieces, the finish."""
    first = chunk({"role": "assistant", "content": ""}, index=index)
    rest = [chunk({"content": piece}, index=index) for piece in pieces]
    return [first, *rest, *([chunk({}, finish, index)] if finish else [])]


def texts(*pieces: str, **more: Any) -> list[bytes]:
    """One event for each piece of text."""
    return [chunk({"content": piece}, **more) for piece in pieces]


def documents(body: bytes) -> list[Any]:
    """The documents of a stream's events, as a browser's EventSource reads them; `[DONE]` and events
    that are called `error` are left out."""
    text = body.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found = []
    for record in text.split("\n\n"):
        lines = [line.partition(":") for line in record.split("\n")]
        data = "\n".join(value.removeprefix(" ") for name, _, value in lines if name == "data")
        failed = any(name == "event" and value.strip() == "error" for name, _, value in lines)
        if not failed and data.strip() not in ("", "[DONE]"):
            found.append(json.loads(data))
    return found


def last_event(body: bytes) -> Any:
    """The document of the last event of a stream whose other events may be broken."""
    return json.loads(body[body.rindex(b"data: ") + 6 :])


def spoken(body: bytes, index: int = 0) -> str:
    """The visible text of one answer, as a client puts it together."""
    text = ""
    for doc in documents(body):
        for at, choice in enumerate((doc.get("choices") or ()) if isinstance(doc, dict) else ()):
            delta = choice.get("delta") or {}
            place = choice["index"] if isinstance(choice.get("index"), int) else at
            if place == index and delta.get("role") != "tool":
                text += visible(delta.get("content", choice.get("text")))
    return text


def visible(content: Any) -> str:
    """The text of a message's content: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    text = ""
    for part in content if isinstance(content, list) else [content] if content else ():
        if isinstance(part, str):
            text += part
        elif part.get("type") in (None, "text", "output_text"):
            text += part["text"]["content"] if isinstance(part["text"], dict) else part["text"]
    return text


def message(content: Any, **more: Any) -> bytes:
    """A complete chat answer with one choice; `more` goes into its message."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **more},
        "finish_reason": "stop",
    }
    doc = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(doc, ensure_ascii=False).encode()


def bytewise(body: bytes) -> list[bytes]:
    """A body in single bytes."""
    return [body[at : at + 1] for at in range(len(body))]


def content(body: bytes, at: int = 0) -> Any:
    """The text of one choice."""
    return json.loads(body)["choices"][at]["message"]["content"]
