"""OpenAI's legacy completions, still spoken by vLLM, DeepSeek (beta), Together and many relays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeler.dialects.base import Asked, Doc, Finish, Part, Path, Shift, Text, Unknown
from labeler.dialects.openai_chat import (
    FILTERED,
    OpenAIChat,
    choices_of,
    clone,
    elsewhere,
    finished,
    slot_of,
    slots_of,
)
from labeler.dialects.openai_message import only_choice
from labeler.dialects.structured import structured
from labeler.errors import ContentError
from labeler.framing.json_text import inner

_FILL_IN = ("<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<｜fim▁begin｜>", "[SUFFIX]", "<PRE>")


class OpenAILegacy(OpenAIChat):
    """`…/completions`: one `text` for each choice."""

    name = "openai-legacy"
    suffixes = ("/completions",)

    def asked(self, doc: Any) -> Asked:
        prompt = doc.get("prompt")
        prompts = [prompt] if isinstance(prompt, str) else prompt if isinstance(prompt, list) else []
        messages = tuple(text for text in prompts if isinstance(text, str))
        model = doc.get("model")
        mute = _mute(doc, messages)
        return Asked(model if isinstance(model, str) else "", messages, mute, batch=len(messages))

    def parts(self, doc: Any) -> Iterator[Part]:
        choices = choices_of(doc)
        if not all("text" in choice for choice in choices):
            msg = "unknown shape: the answer has no list of choices with a text"
            raise ContentError(msg)
        for at, slot in enumerate(slots_of(choices)):
            yield from self._choice(choices[at], at, slot)

    def alone(self, doc: Any) -> Text | None:
        choice = only_choice(doc)
        if choice is None or choice.get("logprobs"):
            return None
        if type(choice.get("text")) is not str or not choice["text"]:
            return None
        return Text(slot_of(choice, 0), ("choices", 0, "text"), choice["text"])

    def plain(self, doc: Any) -> tuple[int, str] | None:
        choice = only_choice(doc)
        if choice is None or "error" in doc or "aigc" in doc:
            return None
        if choice.get("finish_reason") is not None or choice.get("logprobs"):
            return None
        text, index = choice.get("text"), choice.get("index", 0)
        return (index, text) if type(text) is str and text and type(index) is int else None

    def chunk(self, like: Doc, slot: int, words: str) -> bytes:
        said = b'{"index":%d,"text":"%s","logprobs":null,"finish_reason":null}'
        return clone(like, said % (slot, inner(words)))

    def ending(self, like: Doc, slot: int) -> bytes:
        ended = b'{"index":%d,"text":"","logprobs":null,"finish_reason":"%s"}'
        return clone(like, ended % (slot, FILTERED.encode()))

    def instead(self, doc: Any, slot: int, words: str) -> tuple[Path, Doc]:
        choice = {"index": slot, "text": words, "logprobs": None, "finish_reason": FILTERED}
        return ("choices", slots_of(choices_of(doc)).index(slot)), choice

    def _choice(self, choice: Doc, at: int, slot: int) -> Iterator[Part]:
        path: Path = ("choices", at)
        text = choice.get("text")
        if isinstance(text, str) and text:
            yield Text(slot, (*path, "text"), text)
        elif text:
            yield Unknown((*path, "text"), "is no text")
        else:
            yield from elsewhere(choice, path, "text")
        logprobs = choice.get("logprobs")
        offsets = logprobs.get("text_offset") if isinstance(logprobs, dict) else None
        if isinstance(offsets, list) and offsets and all(type(value) is int for value in offsets):
            yield Shift(slot, (*path, "logprobs", "text_offset"), tuple(offsets), based=True)
        if finished(choice):
            yield Finish(slot)


def _mute(doc: Doc, prompts: tuple[str, ...]) -> str:
    if doc.get("suffix") or any(mark in prompt for prompt in prompts for mark in _FILL_IN):
        return "fill-in-the-middle"
    return "echo" if doc.get("echo") else structured(doc)
