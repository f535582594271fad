"""OpenAI's images API, spoken by xAI, Azure, vLLM-Omni, SiliconFlow and many relays: generations, edits
and variations, complete or with partial pictures in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeler.dialects.base import Asked, Doc, Failure, Part, Path, Picture, Text, openai_error
from labeler.errors import ContentError

_EVENTS = ("image_generation.", "image_edit.")


class OpenAIImages:
    """`…/images/generations`, `…/images/edits`, `…/images/variations`: no text, pictures alone."""

    name = "openai-images"
    suffixes: tuple[str, ...] = ("/images/generations", "/images/edits", "/images/variations")

    def asked(self, doc: Any) -> Asked:
        prompt, model = doc.get("prompt"), doc.get("model")
        messages = (prompt,) if isinstance(prompt, str) else ()
        return Asked(model if isinstance(model, str) else "", messages)

    def parts(self, doc: Any) -> Iterator[Part]:
        data = doc.get("data") if isinstance(doc, dict) else None
        if not isinstance(data, list):
            msg = "unknown shape: the answer has no list of pictures (data)"
            raise ContentError(msg)
        for at, item in enumerate(data):
            if not isinstance(item, dict):
                msg = f"unknown shape: data[{at}] is no object"
                raise ContentError(msg)
            yield from _pictures(item, ("data", at), at)

    def alone(self, doc: Any) -> Text | None:
        return None

    def events(self, doc: Any) -> Iterator[Part]:
        if self.refused(doc):
            yield Failure()
        elif isinstance(doc.get("data"), list):
            yield from self.parts(doc)
        else:
            yield from _pictures(doc, (), 0)

    def refused(self, doc: Any) -> bool:
        return bool(doc.get("error")) and not doc.get("data")

    def knows(self, doc: Any) -> bool:
        return str(doc.get("type", "")).startswith(_EVENTS) or isinstance(doc.get("data"), list)

    def plain(self, doc: Any) -> tuple[int, str] | None:
        return None

    def chunk(self, like: Doc, slot: int, words: str) -> bytes:
        msg = "an answer of pictures has no text"
        raise ContentError(msg)

    def ending(self, like: Doc, slot: int) -> bytes:
        return self.chunk(like, slot, "")

    def instead(self, doc: Any, slot: int, words: str) -> tuple[Path, Doc]:
        msg = "an answer of pictures has no text"
        raise ContentError(msg)

    def error(self, message: str, code: str) -> bytes:
        return openai_error(message, code)


def _pictures(item: Doc, path: Path, slot: int) -> Iterator[Picture]:
    content, url = item.get("b64_json"), item.get("url")
    if isinstance(content, str) and content:
        yield Picture(slot, (*path, "b64_json"), content, "base64")
    if isinstance(url, str) and url:
        yield Picture(slot, (*path, "url"), url, "url")
