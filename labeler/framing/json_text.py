"""JSON as bytes: where a value stands, and how a word goes into a string literal.

Nothing here writes a document anew: what is not changed keeps its bytes (key order, spacing,
number spelling, duplicate keys).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

Path = tuple[str | int, ...]

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRUCTURE = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[^\s{}\[\],:\"]+", re.DOTALL)
_BACKSLASH = 0x5C
_COLON = re.compile(rb'[ \t\n\r]*:[ \t\n\r]*(?=")')
_SPACE = re.compile(rb"[ \t\n\r]*")
_UNIT = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\]+", re.DOTALL
)


def loads(data: bytes) -> Any:
    """Read JSON in UTF-8; ValueError where it is none. What orjson refuses and Python reads (a lone
    surrogate, NaN, an integer of many digits) is read by Python."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data.decode("utf-8"))
        except RecursionError:
            msg = "nested too deeply"
            raise ValueError(msg) from None


loads_fast = orjson.loads
"""Read JSON with the fast parser alone; ValueError where it refuses."""


@lru_cache(maxsize=1024)
def inner(words: str) -> bytes:
    """`words` as the inside of a JSON string, in ASCII: clients that split lines at U+2028 or
    U+0085 stay whole."""
    return json.dumps(words)[1:-1].encode("ascii")


def values_at(data: object, names: Sequence[str]) -> Iterator[str]:
    """The values at a path of members in a document, as JSON spells those that are no text; of an object
    none. Each of a list counts."""
    if isinstance(data, list):
        for one in data:
            yield from values_at(one, names)
    elif names:
        if isinstance(data, Mapping) and names[0] in data:
            yield from values_at(data[names[0]], names[1:])
    elif isinstance(data, str):
        yield data
    elif not isinstance(data, Mapping):
        yield json.dumps(data)


def span(data: bytes, path: Path) -> tuple[int, int]:
    """Where the value at `path` stands in the valid document `data`: (first byte, byte after it).

    Where a key occurs twice, the last one counts, as for the parsers. Raises KeyError.
    """
    return spans(data, [path])[0]


def spans(data: bytes, paths: Sequence[Path]) -> list[tuple[int, int]]:
    """As `span` for many paths, in one walk through the document."""
    wanted: _Wanted = _Wanted()
    for number, path in enumerate(paths):
        node = wanted
        for step in path:
            node = node.steps.setdefault(step, _Wanted())
        node.numbers.append(number)
    found: list[tuple[int, int] | None] = [None] * len(paths)
    _walk(data, _space(data, 0), wanted, found)
    for place, path in zip(found, paths, strict=True):
        if place is None:
            raise KeyError(path)
    return [place for place in found if place is not None]


class _Wanted:
    """What is looked for below one place of a document."""

    __slots__ = ("numbers", "steps")

    def __init__(self) -> None:
        self.steps: dict[str | int, _Wanted] = {}
        self.numbers: list[int] = []


def _walk(data: bytes, start: int, wanted: _Wanted, found: list[tuple[int, int] | None]) -> int:
    """Note the places of all that is wanted within the value at `start`; where that value ends."""
    first = data[start : start + 1]
    if not wanted.steps or first not in (b"{", b"["):
        end = _skip(data, start)
    elif first == b"{":
        end = _walk_members(data, start, wanted, found)
    else:
        end = _walk_elements(data, start, wanted, found)
    for number in wanted.numbers:
        found[number] = (start, end)
    return end


def _walk_members(data: bytes, start: int, wanted: _Wanted, found: list[tuple[int, int] | None]) -> int:
    at = _space(data, start + 1)
    while data[at : at + 1] == b'"':
        end = _skip(data, at)
        value = _space(data, _space(data, end) + 1)
        inside = wanted.steps.get(loads(data[at:end]))
        at = _space(data, _skip(data, value) if inside is None else _walk(data, value, inside, found))
        at = _space(data, at + 1) if data[at : at + 1] == b"," else at
    return at + 1


def _walk_elements(data: bytes, start: int, wanted: _Wanted, found: list[tuple[int, int] | None]) -> int:
    at = _space(data, start + 1)
    index = 0
    while data[at : at + 1] not in (b"]", b""):
        inside = wanted.steps.get(index)
        at = _space(data, _skip(data, at) if inside is None else _walk(data, at, inside, found))
        at = _space(data, at + 1) if data[at : at + 1] == b"," else at
        index += 1
    return at + 1


def find_string(data: bytes, path: Path, value: str) -> tuple[int, int]:
    """As `span` for a string whose value is known: quick where only one member of that name has it.

    In valid JSON an unescaped `"key": "` is always a member's name and the start of its value. So
    where it stands once, and no other name can hide behind an escape, there is nothing to compare.
    """
    key = path[-1]
    if isinstance(key, str):
        found = _members(data, _quoted(key))
        if found and not _hidden(data, found):
            if len(found) > 1:
                found = [place for place in found if loads(data[place[0] : place[1]]) == value]
            if len(found) == 1:
                return found[0]
    return span(data, path)


@lru_cache(maxsize=256)
def _quoted(name: str) -> bytes:
    return b'"%s"' % inner(name)


def _hidden(data: bytes, found: list[tuple[int, int]]) -> bool:
    """Whether a name outside the values found could be spelled with escapes."""
    at = 0
    for start, end in found:
        if data.find(b"\\u00", at, start) >= 0:
            return True
        at = end
    return data.find(b"\\u00", at) >= 0


def _members(data: bytes, name: bytes) -> list[tuple[int, int]]:
    """Where the string values of all members called `name` (in quotes) stand."""
    found = []
    at = data.find(name)
    while at >= 0:
        after = at + len(name)
        if (colon := _COLON.match(data, after)) and data[at - 1 : at] != b"\\":
            after = _string_end(data, colon.end())
            found.append((colon.end(), after))
        at = data.find(name, after)
    return found


def _string_end(data: bytes, start: int) -> int:
    """The end of the string literal at `start`: its next quotes are looked at first, which is quick
    where few of them are escaped."""
    end = start
    for _ in range(16):
        end = data.find(b'"', end + 1)
        if data[end - 1] != _BACKSLASH or not _escaped(data, end):
            return end + 1
    return _skip(data, start)


def _escaped(data: bytes, at: int) -> bool:
    """Whether an odd number of backslashes stands before `at`."""
    before = at
    while data[before - 1] == _BACKSLASH:
        before -= 1
    return (at - before) % 2 == 1


def place_in(data: bytes, start: int, end: int, text: str, at: int) -> int:
    """The byte of `data` at which character `at` of `text` begins, whose literal stands from `start` to
    `end`."""
    if at == 0:
        return start + 1
    return end - 1 if at == len(text) else start + offset_of(data[start:end], text, at)


def offset_of(literal: bytes, text: str, at: int) -> int:
    """The byte offset in a string literal (with its quotes) of character `at` of its text."""
    if at == 0:
        return 1
    if at == len(text):
        return len(literal) - 1
    if b"\\" not in literal:
        return 1 + len(text[:at].encode())
    offset = 1
    for match in _UNIT.finditer(literal, 1, len(literal) - 1):
        unit = match.group()
        size = 1 if unit.startswith(b"\\") else len(unit.decode())
        if size > at:
            return offset + len(unit.decode()[:at].encode())
        offset, at = match.end(), at - size
        if at == 0:
            return offset
    msg = f"the literal has no character {at}"
    raise ValueError(msg)


def _space(data: bytes, at: int) -> int:
    match = _SPACE.match(data, at)
    return match.end() if match else at


def _skip(data: bytes, start: int) -> int:
    if data[start : start + 1] not in (b"{", b"["):
        match = _SCALAR.match(data, start)
        return match.end() if match else start
    depth = 0
    for match in _STRUCTURE.finditer(data, start):
        token = data[match.start()]
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
            if depth == 0:
                return match.end()
    return len(data)
