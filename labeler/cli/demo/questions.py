"""The four questions, how they are asked, and whether an answer came out as promised."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import openai

from labeler.engine import Labeler
from labeler.values import Stamp

ROUTE = "/v1/chat/completions"
MODEL = "house-model"

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city for the next days",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}

PRODUCT = {
    "type": "json_schema",
    "json_schema": {
        "name": "product",
        "schema": {
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "points": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["title", "points"],
        },
    },
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what the call says besides it (`stream`, `tools` …). `data` names the kind of
    answer that is no text, so that it must arrive as it left."""

    title: str
    asks: str
    model: str = MODEL
    options: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""


QUESTIONS = (
    Question("Health, streamed", "孩子发烧39度怎么办", options={"stream": True}),
    Question("Anything else, in English", "Why is the sky blue?"),
    Question("With tools", "明天杭州要带伞吗？", options={"tools": [WEATHER]}, data="a tool call"),
    Question(
        "With a JSON schema, by the shop's model",
        "给鸭绒外套写标题和卖点",
        model="shop-copywriter",
        options={"response_format": PRODUCT},
        data="JSON for a program",
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as the SDK gave it: its text, the response's bytes (of one that is not streamed), the
    field `Labeler`, and the seconds until the first of the text was there."""

    text: str
    raw: bytes
    label: str
    first: float


def ask(client: openai.OpenAI, question: Question, put: Callable[[str], None]) -> Answer:
    """Ask with the official SDK; `put` gets the pieces of the answer as they come."""
    create: Any = client.chat.completions.with_raw_response.create  # raw: to see the header too
    began = time.perf_counter()
    response = create(
        model=question.model, messages=[{"role": "user", "content": question.asks}], **question.options
    )
    text, first = "", 0.0
    streamed = bool(question.options.get("stream"))
    for piece in _streamed(response) if streamed else _whole(response):
        first = first or time.perf_counter() - began
        text += piece
        put(piece)
    raw = b"" if streamed else response.content
    return Answer(text, raw, response.headers.get("labeler", ""), first)


def _streamed(response: Any) -> Iterator[str]:
    for chunk in response.parse():
        yield from (choice.delta.content for choice in chunk.choices if choice.delta.content)


def _whole(response: Any) -> Iterator[str]:
    message = response.parse().choices[0].message
    yield from (f"{call.function.name}({call.function.arguments})" for call in message.tool_calls or ())
    yield message.content or ""


def promised(labeler: Labeler, question: Question, before: Answer, after: Answer) -> tuple[bool, str]:
    """Whether the labelled answer is what it must be, and the promise in words."""
    if question.data:
        kept = after.raw == before.raw and bool(after.label)
        return kept, f"{question.data}: the same {len(before.raw)} bytes; what applies is said in the header"
    outcome = labeler.text(before.text, question=question.asks, model=question.model, route=ROUTE).outcome
    stamps = outcome.verdict.stamps if outcome.verdict else ()
    start, end = _words(stamps, "start"), _words(stamps, "end")
    kept = bool(start or end) and after.text == "\n\n".join([*start, before.text, *end])
    return kept, f"label first, original unchanged, disclaimer last (scenario: {' '.join(_policies(stamps))})"


def _words(stamps: tuple[Stamp, ...], place: str) -> list[str]:
    return [stamp.words for stamp in stamps if stamp.place in (place, "both")]


def _policies(stamps: tuple[Stamp, ...]) -> list[str]:
    return list(dict.fromkeys(stamp.policy for stamp in stamps if stamp.place in ("end", "both")))
