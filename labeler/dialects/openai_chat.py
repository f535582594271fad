"""OpenAI chat completions and all that speak it: DeepSeek, Qwen, Zhipu, Moonshot, MiniMax, vLLM,
SGLang, Ollama's `/v1`, Azure, OpenRouter, Mistral, Perplexity, FastGPT."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from labeler.dialects.base import (
    Asked,
    Broken,
    Doc,
    End,
    Failure,
    Finish,
    Part,
    Path,
    Text,
    Tool,
    Unknown,
    openai_error,
)
from labeler.dialects.openai_message import (
    called,
    citations,
    contents,
    offsets,
    only_choice,
    question,
    texts,
    told_off,
)
from labeler.dialects.structured import structured
from labeler.errors import ContentError
from labeler.framing.json_text import inner

FILTERED = "content_filter"
_ENVELOPE = ("id", "object", "created", "model", "system_fingerprint")
_CONTENT: Path = ("choices", 0, "message", "content")
TOOL_FINISH = ("tool_calls", "function_call")
_HOLDERS = ("message", "delta", "text", "messages")
"""Members in which some API's choices have their text."""
_AZURE_OFFSETS = (("check_offset", False), ("start_offset", False), ("end_offset", True))
# Members of a delta that are never visible text and never end anything.
_QUIET = frozenset({"content", "role", "reasoning", "reasoning_content", "refusal", "token_id", "channel"})


class OpenAIChat:
    """`…/chat/completions`."""

    name = "openai-chat"
    suffixes: tuple[str, ...] = ("/chat/completions",)

    def asked(self, doc: Any) -> Asked:
        messages: list[str] = []
        turns: list[tuple[Path, str]] = []
        role = None
        said: list[tuple[Path, str]] = []
        for at, message in enumerate(_list(doc.get("messages"))):
            role = message.get("role") if isinstance(message, dict) else None
            if role == "user":
                content = message.get("content")
                messages.append(content if isinstance(content, str) else question(content))
            elif role == "assistant":
                said = texts(message.get("content"), ("messages", at, "content"))
                turns += said
        prefill = role == "assistant" and any(text.strip() for _, text in said)
        mute = structured(doc) or ("prefill" if prefill else "")
        return Asked(_str(doc.get("model")), tuple(messages), mute, tuple(turns))

    def parts(self, doc: Any) -> Iterator[Part]:
        choices = choices_of(doc)
        for at, (choice, slot) in enumerate(zip(choices, slots_of(choices), strict=True)):
            path, message = ("choices", at), choice.get("message")
            if not message or not isinstance(message, dict):
                yield from elsewhere(choice, path, "message")
            if not isinstance(message, dict):
                continue  # filtered: there is no text that could lack a label
            yield from self._message(message, (*path, "message"), slot)
            yield from self._filtered(choice, path, slot)
            if choice.get("error"):
                yield Broken(slot)
            elif choice.get("finish_reason") in TOOL_FINISH:
                yield Tool(slot)

    def alone(self, doc: Any) -> Text | None:
        choice = only_choice(doc)
        message = choice.get("message") if choice else None
        if choice is None or type(message) is not dict:
            return None
        content = message.get("content")
        if type(content) is not str or not content:
            return None
        if (
            message.get("tool_calls")
            or message.get("function_call")
            or message.get("annotations")
            or message.get("images")
            or choice.get("finish_reason") in TOOL_FINISH
            or choice.get("content_filter_offsets")
            or choice.get("error")
        ):
            return None
        return Text(slot_of(choice, 0), _CONTENT, content)

    def events(self, doc: Any) -> Iterator[Part]:
        if self.refused(doc):
            yield Failure()
            return
        choices = _list(doc.get("choices"))
        if not choices and doc.get("usage"):
            yield End()
        for at, choice in enumerate(choices):
            if isinstance(choice, dict):
                yield from self._choice(choice, at, slot_of(choice, at))
            elif choice:
                yield Unknown(("choices", at), "is no object")

    def refused(self, doc: Any) -> bool:
        if doc.get("error"):
            return not _speaks(doc.get("choices"))  # relays send an empty error object beside the text
        if doc.get("choices"):
            return False
        said = doc.get("base_resp")  # MiniMax
        refused = doc.get("object") == "error" or (isinstance(said, dict) and bool(said.get("status_code")))
        return refused or told_off(doc)

    def knows(self, doc: Any) -> bool:
        return isinstance(doc.get("choices"), list)

    def plain(self, doc: Any) -> tuple[int, str] | None:
        try:  # what nearly all events are
            choices = doc["choices"]
            choice = choices[0]
            index, delta = choice["index"], choice["delta"]
            text = delta["content"]
        except (KeyError, IndexError, TypeError):
            return self._seldom_plain(doc)
        if (
            type(text) is str
            and type(index) is int
            and len(choices) == len(delta) == 1
            and choice.get("finish_reason") is None
            and "message" not in choice
            and "content_filter_offsets" not in choice
            and "error" not in choice
            and "error" not in doc
            and "aigc" not in doc
        ):
            return index, text
        return self._seldom_plain(doc)

    def _seldom_plain(self, doc: Any) -> tuple[int, str] | None:
        """The same for events of any shape."""
        choice = only_choice(doc)
        if choice is None or "error" in doc or "aigc" in doc:
            return None
        delta, index = choice.get("delta"), choice.get("index", 0)
        if (
            not delta
            or type(delta) is not dict
            or type(index) is not int
            or choice.get("finish_reason") is not None
            or "message" in choice
            or "content_filter_offsets" in choice
            or "error" in choice
            or not delta.keys() <= _QUIET
            or delta.get("role") == "tool"
        ):
            return None
        text = delta.get("content")
        if type(text) is str:
            return index, text
        return (index, "") if text is None else None

    def chunk(self, like: Doc, slot: int, words: str) -> bytes:
        said = b'{"index":%d,"delta":{"content":"%s"},"logprobs":null,"finish_reason":null}'
        return clone(like, said % (slot, inner(words)))

    def ending(self, like: Doc, slot: int) -> bytes:
        ended = b'{"index":%d,"delta":{},"logprobs":null,"finish_reason":"%s"}'
        return clone(like, ended % (slot, FILTERED.encode()))

    def instead(self, doc: Any, slot: int, words: str) -> tuple[Path, Doc]:
        at = slots_of(choices_of(doc)).index(slot)
        message = {"role": "assistant", "content": words}
        choice = {"index": slot, "message": message, "logprobs": None, "finish_reason": FILTERED}
        return ("choices", at), choice

    def error(self, message: str, code: str) -> bytes:
        return openai_error(message, code)

    def _choice(self, choice: Doc, at: int, slot: int) -> Iterator[Part]:
        path: Path = ("choices", at)
        delta, message = choice.get("delta"), choice.get("message")
        if not delta or not isinstance(delta, dict) or message:
            yield from elsewhere(choice, path, "delta", "message")
        if isinstance(delta, dict) and delta.get("role") != "tool":
            yield from self._message(delta, (*path, "delta"), slot)
        yield from self._filtered(choice, path, slot)
        if choice.get("error"):
            yield Broken(slot)
        elif finished(choice):
            if choice["finish_reason"] in TOOL_FINISH:
                yield Tool(slot)
            yield Finish(slot)
        if isinstance(message, dict):
            yield from contents(message, (*path, "message"), slot, whole=True)
            yield from citations(message.get("annotations"), (*path, "message", "annotations"), slot)

    def _message(self, message: Doc, path: Path, slot: int) -> Iterator[Part]:
        yield from contents(message, path, slot)
        if message.get("tool_calls") or called(message.get("function_call")):
            yield Tool(slot)
        yield from citations(message.get("annotations"), (*path, "annotations"), slot)

    def _filtered(self, choice: Doc, path: Path, slot: int) -> Iterator[Part]:
        """Azure's asynchronous filter says behind the text which part of it it has seen."""
        seen = choice.get("content_filter_offsets")
        if isinstance(seen, dict):
            yield from offsets(seen, (*path, "content_filter_offsets"), slot, _AZURE_OFFSETS)


def _speaks(choices: Any) -> bool:
    """Whether any of these choices carries visible text."""
    for choice in choices if isinstance(choices, list) else ():
        for name in ("delta", "message"):
            said = choice.get(name) if isinstance(choice, dict) else None
            if isinstance(said, dict) and any(text for _, text in texts(said.get("content"), ())):
                return True
    return False


def slot_of(choice: Doc, at: int) -> int:
    """The answer that a choice belongs to: its index, else its place."""
    index = choice.get("index")
    return index if type(index) is int else at


def slots_of(choices: list[Doc]) -> list[int]:
    """The answers that the choices of a complete document are: by their places where several have one
    index (some servers give each of them 0)."""
    indices = [slot_of(choice, at) for at, choice in enumerate(choices)]
    return indices if len(set(indices)) == len(indices) else list(range(len(indices)))


def elsewhere(choice: Doc, path: Path, *own: str) -> Iterator[Unknown]:
    """What a choice has in none of its `own` members, or in one that is no object."""
    for name in own:
        if choice.get(name) and not isinstance(choice[name], dict):
            yield Unknown((*path, name), "is no object")
    if not any(choice.get(name) for name in own) and any(choice.get(name) for name in _HOLDERS):
        yield Unknown(path, f"has no {' or '.join(own)}")


def finished(choice: Doc) -> bool:
    """True where a choice says that its answer ends (some send the string "null" before that)."""
    reason = choice.get("finish_reason")
    return bool(reason) and reason != "null"


def clone(like: Doc, choice: bytes) -> bytes:
    """An event with one choice (JSON) in the envelope of another event, in ASCII."""
    kept: Doc = {key: like[key] for key in _ENVELOPE if key in like}
    envelope = _in_ascii(kept)
    return b'%s%s"choices":[%s]}' % (envelope[:-1], b"," if kept else b"", choice)


def _in_ascii(doc: Doc) -> bytes:
    try:
        quick = orjson.dumps(doc)
    except orjson.JSONEncodeError:  # a lone surrogate, an integer of many digits
        quick = b"\xff"
    return quick if quick.isascii() else json.dumps(doc, separators=(",", ":")).encode("ascii")


def choices_of(doc: Any) -> list[Doc]:
    """The choices of a complete document; ContentError where it has none."""
    choices = doc.get("choices") if isinstance(doc, dict) else None
    if not isinstance(choices, list):
        msg = "unknown shape: the answer has no list of choices"
        raise ContentError(msg)
    for at, choice in enumerate(choices):
        if not isinstance(choice, dict):
            msg = f"unknown shape: choices[{at}] is no object"
            raise ContentError(msg)
    return choices


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""
