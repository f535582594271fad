"""What a dialect is: where generated text stands in an API's wire format.

A dialect is stateless. It reads parsed documents and names places in them by path; the splicing
of bytes, the labels and the order of things are not its business.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Doc = dict[str, Any]
Path = tuple[str | int, ...]


class Asked(NamedTuple):
    """What a request says.

    `messages` are the user's texts, oldest first. `mute` says why no text may be put into the
    answer (`structured output`, `prefill` …), "" where it may. `turns` are the texts of earlier
    assistant turns and where they stand. `batch` is how many messages are asked at once, each for an
    answer of its own; 0 where they are one conversation.
    """

    model: str = ""
    messages: tuple[str, ...] = ()
    mute: str = ""
    turns: tuple[tuple[Path, str], ...] = ()
    batch: int = 0


class Text(NamedTuple):
    """Visible text of one answer; `whole` where it repeats the answer from its start."""

    slot: int
    path: Path
    text: str
    whole: bool = False


class Shift(NamedTuple):
    """Character offsets into the text of an answer (a number or a list of them at `path`), which
    a label before them moves. `end`: the offset is where a range ends. `based`: the first offset of an
    answer is where its text starts (behind the prompt)."""

    slot: int
    path: Path
    values: tuple[int, ...]
    end: bool = False
    based: bool = False


class Picture(NamedTuple):
    """One picture of an answer: its base64, or a URL (`data:` too)."""

    slot: int
    path: Path
    text: str
    form: Literal["base64", "url"]


class Unknown(NamedTuple):
    """Something visible that this dialect cannot read: where, and what is wrong with it. `picture`: it
    holds a picture, else what may be a text."""

    path: Path
    what: str
    picture: bool = False


class Tool(NamedTuple):
    """The answer calls a tool: what follows its text is not for people."""

    slot: int


class Finish(NamedTuple):
    """One answer ends."""

    slot: int


class Broken(NamedTuple):
    """One answer ends with an error of the upstream."""

    slot: int


@dataclass(frozen=True, slots=True)
class End:
    """Every answer that is still open ends (a usage chunk, `[DONE]`)."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The upstream reports an error: nothing may be said after it."""


Part = Text | Picture | Unknown | Shift | Tool | Finish | Broken | End | Failure


class Dialect(Protocol):
    """One API's wire format."""

    name: str
    suffixes: tuple[str, ...]
    """Paths that end so are claimed, under any prefix."""

    def asked(self, doc: Any) -> Asked:
        """Read a request's document."""
        ...

    def parts(self, doc: Any) -> Iterator[Part]:
        """The places in a complete answer; ContentError where the shape is none of this dialect's."""
        ...

    def events(self, doc: Any) -> Iterator[Part]:
        """The places in one event of a stream, in the order in which they count."""
        ...

    def alone(self, doc: Any) -> Text | None:
        """The one text of a complete answer that has nothing else that counts; None where it needs a
        closer look."""
        ...

    def refused(self, doc: Any) -> bool:
        """True where a document is the upstream's error."""
        ...

    def knows(self, doc: Any) -> bool:
        """True where an event has this dialect's shape, with or without text."""
        ...

    def plain(self, doc: Any) -> tuple[int, str] | None:
        """(slot, text) of an event that carries text of one answer, or none at all (""), and nothing
        else that counts; None where it needs a closer look. Which of the two does not depend on the
        text, where there is some: events like it are read by that alone (`body/mould.py`)."""
        ...

    def chunk(self, like: Doc, slot: int, words: str) -> bytes:
        """The data of an event with `words` as text of `slot`, its envelope cloned from `like`."""
        ...

    def ending(self, like: Doc, slot: int) -> bytes:
        """The data of an event that ends `slot` as filtered content, its envelope cloned from `like`."""
        ...

    def instead(self, doc: Any, slot: int, words: str) -> tuple[Path, Doc]:
        """What stands for one answer of a complete document once `words` replace it, filtered: the
        place and its new value, in which nothing of what was generated is left."""
        ...

    def error(self, message: str, code: str) -> bytes:
        """An error body in this dialect's shape (JSON)."""
        ...


def openai_error(message: str, code: str) -> bytes:
    """The error body of OpenAI's APIs and of all that speak them."""
    error = {"message": message, "type": "labeling_error", "param": None, "code": code}
    return json.dumps({"error": error}).encode()
