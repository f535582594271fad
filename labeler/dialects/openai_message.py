"""What a message of OpenAI's chat API holds: texts, pictures, calls, and offsets into its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labeler.dialects.base import Doc, Part, Path, Shift, Text, Unknown
from labeler.dialects.openai_picture import bears, entered, listed, pictures

_CITED = (("start_index", False), ("end_index", True))
_SPOKEN = frozenset({"", "text", "output_text"})
_PICTURES = frozenset({"image_url", "image", "input_image", "output_image"})
_FINE = (0, 200, "0", "200", "", "ok", "OK", "success", "Success", None)
"""Codes of back ends that tell no error."""
_BESIDE = ("image_url", "image", "b64_json")
"""Members that hold a picture in a part that may be a text; the first one does so in every part."""
_SILENT = frozenset(
    {
        *("thinking", "redacted_thinking", "reasoning", "refusal", "reference"),
        *(
            "tool",
            "tools",
            "tool_use",
            "tool_call",
            "tool_result",
            "tool_reference",
            "function_call",
            "interactive",
        ),
        *("input_audio", "output_audio", "audio", "audio_url", "video", "video_url"),
        *("file", "file_url", "input_file", "document", "document_url"),
    }
)
"""Types of parts that are no visible text; without a type, a member of that name tells it."""
_QUIET = _SILENT | {"type", "id", "index", "annotations"}


def only_choice(doc: Any) -> Doc | None:
    """The choice of a document that has one; None for any other."""
    choices = doc.get("choices") if type(doc) is dict else None
    choice = choices[0] if type(choices) is list and len(choices) == 1 else None
    return choice if type(choice) is dict else None


def texts(content: Any, path: Path) -> list[tuple[Path, str]]:
    """The visible texts of a message's content: a string, or parts of which some are text."""
    if isinstance(content, str):
        return [(path, content)]
    found = [_text(part, where) for where, part in _parts(content, path) if _kind(part) in _SPOKEN]
    return [one for one in found if one is not None]


def question(content: Any) -> str:
    """The texts of a user's message that is no plain string, whatever the types of its parts."""
    found = [_text(part, where) for where, part in _parts(content, ())]
    return "\n".join([one[1] for one in found if one is not None])


def contents(message: Doc, path: Path, slot: int, *, whole: bool = False) -> Iterator[Part]:
    """The texts and pictures of a message, and what may be one; `whole` as of a `Text`."""
    content = message.get("content")
    if isinstance(content, str):
        yield Text(slot, (*path, "content"), content, whole)
    elif content:
        for where, part in _parts(content, (*path, "content")):
            yield from _content(part, where, slot, whole=whole)
    if not content and message.get("text"):
        yield Unknown((*path, "text"), "is not where a text is expected (content)")
    if message.get("images"):  # OpenRouter
        yield from listed(message["images"], (*path, "images"), slot)


def _content(part: Any, path: Path, slot: int, *, whole: bool) -> Iterator[Part]:
    kind = _kind(part)
    text = _text(part, path) if kind in _SPOKEN else None
    if text is not None:
        yield Text(slot, *text, whole)
    if isinstance(part, str):
        return
    if kind in _PICTURES:
        yield from entered(part, path, slot)
        return
    found = list(pictures(part, path, slot, _BESIDE if kind in _SPOKEN else _BESIDE[:1]))
    yield from found
    if text is None and not found and kind not in _SILENT and _filled(part):
        yield Unknown(path, "is neither a text nor known to hold none", picture=bears(part))


def _parts(content: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The parts of a content: those of a list (Mistral, FastGPT), or the content itself."""
    if isinstance(content, list):
        for at, part in enumerate(content):
            yield (*path, at), part
    else:
        yield path, content


def _kind(part: Any) -> str:
    """The type of a part, "" where it says none."""
    return str(part.get("type") or "") if isinstance(part, dict) else ""


def _text(part: Any, path: Path) -> tuple[Path, str] | None:
    """The text of a part, and where it stands: the part itself, its `text`, or `text.content` (FastGPT)."""
    for name in ("text", "content"):
        if isinstance(part, str):
            break
        if not isinstance(part, dict):
            return None
        part, path = part.get(name), (*path, name)
    return (path, part) if isinstance(part, str) else None


def _filled(part: Any) -> bool:
    """Whether a part holds anything that may be visible."""
    return any(part[name] for name in part.keys() - _QUIET) if isinstance(part, dict) else bool(part)


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


def told_off(doc: Doc) -> bool:
    """Whether a document is a back end's error as in `{"code": 1113, "msg": "..."}`, in which there is no place
    for an answer."""
    said = doc.get("msg") or doc.get("message")
    if not isinstance(said, str) or any(isinstance(value, dict | list) for value in doc.values()):
        return False
    return doc.get("success") is False or ("code" in doc and doc["code"] not in _FINE)
