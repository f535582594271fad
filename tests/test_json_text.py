"""JSON as bytes: where a value stands, and where in a literal a character of its text stands."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labeler.framing.json_text import find_string, inner, loads, offset_of, span

NAMES = st.sampled_from(["content", "text", "choices", "a", "b", '"content":"', "内容", "\\", ""])
TEXTS = st.text(st.sampled_from('ab{}[]:,"\\/\n\t\x00\x7f é中😀\u2028\ud83d'), max_size=8)
LEAVES = st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.just("content"))
VALUES = st.recursive(
    LEAVES,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(NAMES, inside, max_size=3),
    max_leaves=12,
)
STYLES = st.sampled_from(
    [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t", "separators": (" ,", " : ")}]
)


def paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every place in a document, and what stands there."""
    yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield from paths(inside, (*at, key))


def surrogate_free(text: str) -> bytes:
    """JSON with its text as UTF-8 where that can be written; lone surrogates stay escapes."""
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text).encode()


@given(VALUES, STYLES, st.booleans())
def test_every_value_is_found_where_it_stands(value: Any, style: dict[str, Any], ascii_only: bool) -> None:
    """The span of each path holds that path's value, whatever the spacing and the escapes."""
    data = surrogate_free(json.dumps(value, ensure_ascii=ascii_only, **style))
    assert loads(data) == value
    for path, inside in paths(value):
        start, end = span(data, path)
        assert loads(data[start:end]) == inside
        if path and isinstance(inside, str):
            assert find_string(data, path, inside) == (start, end)


def escaped(text: str) -> str:
    """A string literal with every character as an escape."""
    return '"' + "".join(f"\\u{unit:04x}" for unit in units(text)) + '"'


def units(text: str) -> list[int]:
    """The UTF-16 units of a text."""
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


SAYING_B = b"B"


@pytest.mark.parametrize(
    "data",
    [
        b'{"c":{"t":"A"},"c":{"t":"B"}}',
        b'{"c":{"t":"B"},"c":{"t":"B"}}',
        b'{"c":{"t":"A","t":"B"}}',
        b'{"c":{"t":"B","t":"B"}}',
        b'{"x":{"t":"B"},"c":{"t":"B"}}',
        b'{"c":{"t":"B"},"x":{"t":"B"}}',
        b'{"c":{"\\u0074":"B"},"x":{"t":"B"}}',
        b'{"x":{"t":"B"},"c":{"\\u0074":"B"}}',
        b'{"c":{"t":"A","\\u0074":"B"}}',
        b'{"\\u0063":{"t":"B"},"x":"\\"t\\":\\"B\\""}',
        b'{"x":"\\",\\"t\\":\\"B\\"","c":{"t":"B"}}',
        b'{"x\\"t":"B","c":{"t":"B"}}',
        b'{"t":"B","c":\t{ "t" \n:\r\n "B" } }',
        b'{"c":{"t":null,"t":"B"}}',
        b'{"c":{"t":["t"],"t":"B"},"t":null}',
        b'{"c":{"t":"B"},"n":1e400,"i":12345678901234567890123}',
    ],
)
def test_duplicate_and_hidden_names_do_not_mislead(data: bytes) -> None:
    """The literal that is found is the one that the parser reads: of duplicate keys the last, of
    names behind escapes the right one, and nothing within a text."""
    start, end = find_string(data, ("c", "t"), "B")
    assert data[start:end] == b'"B"'
    changed = loads(data[:start] + b'"C"' + data[end:])
    assert changed["c"]["t"] == "C"


@pytest.mark.parametrize("path", [("b",), (0,), ("a", "x"), ("a", 5)])
def test_a_place_that_is_not_there_is_a_key_error(path: tuple[str | int, ...]) -> None:
    """A wrong path is said, not guessed."""
    with pytest.raises(KeyError):
        span(b'{"a":[1,2]}', path)


@given(TEXTS, st.data())
@example("😀", None)
@example("a😀b", None)
def test_words_go_before_any_character(text: str, data: Any) -> None:
    """Words spliced in at a character's offset stand before that character, however it is escaped."""
    text = json.loads(json.dumps(text))  # two halves of a pair next to each other are one character
    at = data.draw(st.integers(0, len(text))) if data else len(text) // 2
    for literal in (
        json.dumps(text).encode(),
        surrogate_free(json.dumps(text, ensure_ascii=False)),
        escaped(text).encode(),
    ):
        offset = offset_of(literal, text, at)
        spliced = literal[:offset] + inner("【X】\n") + literal[offset:]
        assert json.loads(spliced) == text[:at] + "【X】\n" + text[at:]


def test_a_character_beyond_the_text_is_an_error() -> None:
    """An offset that the literal does not have is refused."""
    with pytest.raises(ValueError, match="no character"):
        offset_of(b'"a\\n"', "a\n", 5)


@given(st.text())
def test_words_are_written_in_ascii(words: str) -> None:
    """Inserted words are ASCII, so that no client splits a line in them, and say what they say."""
    literal = b'"' + inner(words) + b'"'
    assert literal.isascii()
    assert json.loads(literal) == words


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'["\\ud83d"]', ["\ud83d"]),
        (b"[1e400]", [math.inf]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b" \r\n\t{}\n", {}),
    ],
)
def test_what_only_python_reads_is_read(data: bytes, value: Any) -> None:
    """What the fast parser refuses and clients accept is read all the same."""
    assert loads(data) == value


def test_nan_is_read() -> None:
    """Python upstreams write NaN, and Python clients read it."""
    assert math.isnan(loads(b"[NaN]")[0])


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{'a':1}", b'{"a":1}x', b"\xff", b"[" * 100_000, '{"a":1}'.encode("utf-16")]
)
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    """Broken, endlessly nested and not UTF-8 (RFC 8259, 8.1): one kind of error for all."""
    with pytest.raises(ValueError):  # noqa: PT011
        loads(data)
