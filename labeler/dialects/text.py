"""Plain text (`text/plain`), whole or in chunks: the answer is the body. For routes that opt in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from labeler.dialects.base import Asked, Doc, Part, Path, Text
from labeler.dialects.openai_chat import OpenAIChat
from labeler.errors import ContentError

_QUESTIONS = ("question", "query", "prompt", "input", "text", "message", "q")


class PlainText:
    """The answer is the body itself; the question stands in a JSON request, if anywhere."""

    name = "text"
    suffixes: tuple[str, ...] = ()

    def asked(self, doc: Any) -> Asked:
        if "messages" in doc:
            return OpenAIChat().asked(doc)
        found = [doc[name] for name in _QUESTIONS if isinstance(doc.get(name), str)]
        model = doc.get("model")
        return Asked(model if isinstance(model, str) else "", tuple(found[:1]))

    def parts(self, doc: Any) -> Iterator[Part]:
        msg = "plain text has no document"
        raise ContentError(msg)

    def events(self, doc: Any) -> Iterator[Part]:
        return self.parts(doc)

    def alone(self, doc: Any) -> Text | None:
        return None

    def refused(self, doc: Any) -> bool:
        return False

    def knows(self, doc: Any) -> bool:
        return False

    def plain(self, doc: Any) -> tuple[int, str] | None:
        return None

    def chunk(self, like: Doc, slot: int, words: str) -> bytes:
        return words.encode()

    def ending(self, like: Doc, slot: int) -> bytes:
        return b""

    def instead(self, doc: Any, slot: int, words: str) -> tuple[Path, Doc]:
        msg = "plain text has no document"
        raise ContentError(msg)

    def error(self, message: str, code: str) -> bytes:
        return json.dumps({"error": {"message": message, "code": code}}, ensure_ascii=False).encode()
