"""OpenAI's images API, spoken by xAI, Azure, vLLM-Omni, SiliconFlow and many relays: generations, edits
and variations, complete or with partial pictures in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeler.dialects.base import Asked, Doc, Failure, Part, Path, Text, openai_error
from labeler.dialects.openai_picture import entered, listed
from labeler.errors import ContentError

_EVENTS = ("image_generation.", "image_edit.")
_LISTS = ("data", "images")


class OpenAIImages:
    """`…/images/generations`, `…/images/edits`, `…/images/variations`: no text, pictures alone."""

    name = "openai-images"
    suffixes: tuple[str, ...] = ("/images/generations", "/images/edits", "/images/variations")

    def asked(self, doc: Any) -> Asked:
        prompt, model = doc.get("prompt"), doc.get("model")
        messages = (prompt,) if isinstance(prompt, str) else ()
        return Asked(model if isinstance(model, str) else "", messages)

    def parts(self, doc: Any) -> Iterator[Part]:
        lists = _lists(doc)
        if not lists:
            msg = "unknown shape: the answer has no list of pictures (data)"
            raise ContentError(msg)
        for name in lists:
            yield from listed(doc[name], (name,), 0)

    def alone(self, doc: Any) -> Text | None:
        return None

    def events(self, doc: Any) -> Iterator[Part]:
        if self.refused(doc):
            yield Failure()
        elif _lists(doc):
            yield from self.parts(doc)
        else:
            yield from entered(doc, (), 0)

    def refused(self, doc: Any) -> bool:
        return bool(doc.get("error")) and not any(doc.get(name) for name in _LISTS)

    def knows(self, doc: Any) -> bool:
        return str(doc.get("type", "")).startswith(_EVENTS) or bool(_lists(doc))

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


def _lists(doc: Any) -> list[str]:
    """The members of an answer that hold its pictures; some have both (SiliconFlow)."""
    return (
        [name for name in _LISTS if isinstance(doc.get(name), list | dict)] if isinstance(doc, dict) else []
    )
