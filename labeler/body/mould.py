"""The mould of a stream: most of its events are alike but for their text, which alone has to be read then."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from labeler.framing import json_text

Plain = Callable[[Any], tuple[int, str] | None]
"""A dialect's look at an event (`Dialect.plain`)."""


class Mould(NamedTuple):
    """What stands before and behind the text of an event, each with its quotation mark; `text` is where
    the JSON string lies that both of them bound, and `doc` a document of this shape."""

    start: bytes
    end: bytes
    text: slice
    slot: int
    doc: Any


def mould(event: bytes, doc: Any, found: tuple[int, str], plain: Plain) -> Mould | None:
    """The mould of a plain event, a line of data and its end, in which `plain` has found some text; None where
    that cannot be told apart.

    Whatever JSON string stands in it instead, the event is plain and says that: a probe has shown that
    the dialect finds its text in this place, and nothing else of the event changes.
    """
    slot, text = found
    probe = "!" if text == "?" else "?"
    for string in (orjson.dumps(text), json.dumps(text).encode("ascii")):
        at = event.rfind(string)
        if at < 0:
            continue
        start, end = event[: at + 1], event[at + len(string) - 1 :]
        try:
            other = json_text.loads_fast(start.removeprefix(b"data: ") + probe.encode("ascii") + end)
        except ValueError:
            continue  # it was no string, but what stands between two
        if plain(other) == (slot, probe):
            return Mould(start, end, slice(at, 1 - len(end)), slot, doc)
    return None
