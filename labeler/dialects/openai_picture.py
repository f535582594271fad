"""Pictures as OpenAI's APIs, and those that speak them, write them into a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from labeler.dialects.base import Path, Picture, Unknown

MEMBERS = ("b64_json", "image_url", "image", "url")
"""Members in which an object has its picture."""
_URL = re.compile(r"[\0- ]*(?:data:|https?://)", re.IGNORECASE)
_PICTURED = re.compile(r"[\0- ]*(?:data:image/|https?://|[A-Za-z0-9+/_-]{256})", re.IGNORECASE)
"""Behind control characters and blanks, which every reader of URLs overlooks."""


def listed(held: Any, path: Path, slot: int) -> Iterator[Picture | Unknown]:
    """The pictures of a member that holds some: a list of them, or a single one."""
    if isinstance(held, list):
        for at, entry in enumerate(held):
            yield from entered(entry, (*path, at), slot)
    else:
        yield from entered(held, path, slot)


def entered(entry: Any, path: Path, slot: int) -> Iterator[Picture | Unknown]:
    """The pictures of an entry: a picture itself, or an object that has one."""
    found = list(pictures(entry, path, slot))
    yield from found
    if not found and (bears(entry) or (entry and not isinstance(entry, dict))):
        yield Unknown(path, "is no picture that can be read", picture=True)


def pictures(entry: Any, path: Path, slot: int, members: tuple[str, ...] = MEMBERS) -> Iterator[Picture]:
    """The pictures that stand in an entry, or in an object within it."""
    places = [(path, entry)] if isinstance(entry, str) else list(_members(entry, path, members))
    places += [one for place, held in places for one in _members(held, place, MEMBERS)]
    for place, text in places:
        if isinstance(text, str) and text:
            yield Picture(slot, place, text, _form(text, place[-1]))


def _members(value: Any, path: Path, names: tuple[str, ...]) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        yield from (((*path, name), value[name]) for name in names if name in value)


def bears(value: Any) -> bool:
    """Whether a picture, or the URL of one, seems to stand anywhere in a value that nobody understands."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str) and _PICTURED.match(one):
            return True
        if isinstance(one, list):
            todo += one
        elif isinstance(one, dict):
            todo += [held for name, held in one.items() if name != "error"]
    return False


def _form(text: str, member: str | int) -> Literal["base64", "url"]:
    return "url" if member in ("url", "image_url") or _URL.match(text) else "base64"
