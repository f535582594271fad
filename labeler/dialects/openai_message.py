"""What a message of OpenAI's chat API holds: texts, pictures, calls, and offsets into its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeler.dialects.base import Doc, Path, Picture, Shift

_CITED = (("start_index", False), ("end_index", True))


def only_choice(doc: Any) -> Doc | None:
    """The choice of a document that has one; None for any other."""
    choices = doc.get("choices") if type(doc) is dict else None
    choice = choices[0] if type(choices) is list and len(choices) == 1 else None
    return choice if type(choice) is dict else None


def texts(content: Any, path: Path) -> list[tuple[Path, str]]:
    """The visible texts of a message's content: a string, or a list of parts (Mistral, FastGPT)."""
    if isinstance(content, str):
        return [(path, content)]
    found: list[tuple[Path, str]] = []
    for at, part in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(part, dict) or part.get("type") != "text":
            continue
        text = part.get("text")
        if isinstance(text, str):
            found.append(((*path, at, "text"), text))
        elif isinstance(text, dict) and isinstance(text.get("content"), str):
            found.append(((*path, at, "text", "content"), text["content"]))
    return found


def pictures(message: Doc, path: Path, slot: int) -> Iterator[Picture]:
    """Pictures beside the text (`images`, OpenRouter's way) or between its parts."""
    for name in ("images", "content"):
        held = message.get(name)
        for at, part in enumerate(held if isinstance(held, list) else ()):
            url = part.get("image_url") if isinstance(part, dict) else None
            where: Path = (*path, name, at, "image_url")
            if isinstance(url, dict):
                url, where = url.get("url"), (*where, "url")
            if isinstance(url, str) and url:
                yield Picture(slot, where, url, "url")


def called(call: Any) -> bool:
    """Whether a `function_call` calls something: some send one with empty fields beside any text."""
    return isinstance(call, dict) and bool(call.get("name") or call.get("arguments"))


def citations(annotations: Any, path: Path, slot: int) -> Iterator[Shift]:
    """Where citations say which part of the text they belong to."""
    for at, note in enumerate(annotations if isinstance(annotations, list) else ()):
        if not isinstance(note, dict):
            continue
        inner = note.get("url_citation")
        if isinstance(inner, dict):
            yield from offsets(inner, (*path, at, "url_citation"), slot, _CITED)
        yield from offsets(note, (*path, at), slot, _CITED)


def offsets(holder: Doc, path: Path, slot: int, names: tuple[tuple[str, bool], ...]) -> Iterator[Shift]:
    """The offsets that an object holds under these names, each with whether it ends a range."""
    for name, end in names:
        value = holder.get(name)
        if type(value) is int:
            yield Shift(slot, (*path, name), (value,), end)
