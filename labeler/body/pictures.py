"""The pictures of one body: found, handed out as work, and put back where they stood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, Protocol

from labeler.errors import ContentError
from labeler.labels.slot import LEAD
from labeler.values import PictureOutcome, State

_BLANK = r"[ \t\r\n]{0,8}"
_PARAMETER = rf"{_BLANK};{_BLANK}[\w.+-]{{1,20}}=[\w.+-]{{1,40}}"
DATA_URL = re.compile(
    rf"data:image/[\w.+-]{{1,40}}(?:{_PARAMETER}){{0,4}}{_BLANK};{_BLANK}base64{_BLANK},",
    re.IGNORECASE,
)
"""The start of a picture within a text, with the blanks that browsers overlook; what follows, behind any more
of them, is its base64."""

SHORTEST = 15
"""Characters of base64 within a text that may be a picture: every file has more, and what is written in
the place of one has fewer (`{data}`, `iVBORw0KGgo…`, `/9j/4AAQSkZJRg…`)."""

_BASE64 = re.compile(r"[A-Za-z0-9+/=_%-]*")
"""With what stands in a URL for a character."""
_BLANKS = re.compile(r"[ \t\r\n]*")


class Given(NamedTuple):
    """A picture as it stands in a body: the file itself, its base64, or a URL (`data:` too); of a URL the
    file, once it was fetched, or why it could not be.

    `place` says where (`data[0].b64_json`), `nth` which one of the response it is, from 0;
    `alone` is true where it is known to be the only one, `within` where it stands within a text.
    """

    form: Literal["raw", "base64", "url"]
    content: bytes | str | ContentError
    place: str = ""
    nth: int = 0
    alone: bool = False
    within: bool = False


class Pictured(NamedTuple):
    """What stands there afterwards, in ASCII or as a file, and what was done."""

    content: bytes
    outcome: PictureOutcome


class Drawer(Protocol):
    """Labels the pictures of one response."""

    def away(self, given: Given, /) -> str:
        """The URL from which a picture has to be fetched first; "" where it need not be."""

    def __call__(self, given: Given, /) -> Pictured:
        """Label one picture. A pure function; heavy, so a driver runs it outside its event loop. A picture
        that cannot be labelled is an outcome whose state is `failed`, no exception."""


Draw = Callable[[], Drawer]
"""Makes the drawer of a response, once there is a picture."""


class Work:
    """One picture to be labelled: `fetched` where it is `away`; `run` it anywhere, then give it to `settle`
    of its body."""

    __slots__ = ("_drawer", "given", "pictured", "put")

    def __init__(self, drawer: Drawer, given: Given, put: Callable[[bytes], None]) -> None:
        self._drawer, self.given = drawer, given
        self.put = put
        self.pictured: Pictured | None = None

    @property
    def away(self) -> str:
        """The URL from which the picture has to be fetched first; "" where it need not be."""
        return self._drawer.away(self.given)

    def fetched(self, content: bytes | ContentError) -> None:
        """Take what is behind the URL, or why nothing is."""
        self.given = self.given._replace(content=content)

    def failed(self, reason: str) -> None:
        """It cannot be labelled."""
        self.pictured = Pictured(b"", PictureOutcome("", "failed", reason, place=self.given.place))

    def run(self) -> None:
        """Label the picture; touches nothing but this object."""
        self.pictured = self._drawer(self.given)


class Pictures:
    """The pictures of one body so far. `new` is work that no driver has taken yet."""

    _drawer: Drawer | None = None

    def __init__(self, draw: Draw | None) -> None:
        self._draw = draw
        self._found = 0
        self._out: set[Work] = set()  # what is not back yet
        self._outcomes: dict[int, PictureOutcome] = {}
        self.new: list[Work] = []

    @property
    def wanted(self) -> bool:
        """Whether pictures are looked for at all."""
        return self._draw is not None

    @property
    def busy(self) -> bool:
        """Whether a picture is being worked on."""
        return bool(self._out)

    @property
    def outcomes(self) -> tuple[PictureOutcome, ...]:
        """What became of each, in the order of the body."""
        return tuple(outcome for _, outcome in sorted(self._outcomes.items())) if self._outcomes else ()

    def add(self, given: Given, put: Callable[[bytes], None]) -> None:
        """Hand one out; `put` will write what comes back."""
        assert self._draw is not None
        self._drawer = self._drawer or self._draw()
        work = Work(self._drawer, given._replace(nth=self._found), put)
        self._out.add(work)
        self._found += 1
        self.new.append(work)

    def take(self) -> list[Work]:
        """The work that nobody has taken yet."""
        new, self.new = self.new, []
        return new

    def settle(self, work: Work) -> str:
        """Put a labelled picture into its place; why it could not be labelled, or ""."""
        assert work.pictured is not None, "work that was not run"
        if work not in self._out:  # abandoned
            return ""
        self._out.remove(work)
        outcome = self._outcomes[work.given.nth] = work.pictured.outcome
        if outcome.state == "failed":
            return outcome.reason or "a picture could not be labelled"
        if outcome.state != "skipped":
            work.put(work.pictured.content)
        return ""

    def abandon(self, reason: str, state: State = "failed") -> None:
        """Wait for no picture any more: the response failed, or ends without them."""
        for work in self._out:
            given = work.given
            self._outcomes[given.nth] = PictureOutcome("", state, reason, place=given.place)
        self._out.clear()
        self.new.clear()


Run = tuple[Any, int, int]
"""A part of a picture's base64: the piece of text (a handle of the caller's), from, to."""


class Watch:
    """Finds pictures in a text that arrives in pieces: each `data:` URL's base64 as runs of pieces."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tail = ""
        self._begun = False
        self._size = 0
        self._texts: list[str] = []
        self._runs: list[Run] = []

    @property
    def open(self) -> bool:
        """Whether a picture has begun and not ended."""
        return self._begun

    def feed(self, handle: Any, text: str, before: str | None) -> Iterator[tuple[str, list[Run]]]:
        """The pictures that end in this piece. `before` is the end of the text so far; None where
        nobody has it.

        Raises ContentError for one that is longer than the limit.
        """
        if before is None:
            before, self._tail = self._tail, (self._tail + text[-LEAD:])[-LEAD:]
        at = 0
        while True:
            if not self._begun:
                start = _start(text, at, before)
                if start < 0:
                    return
                at, self._begun = start, True
            if not self._runs:
                at, before_blanks = _blank_end(text, at), at
                self._size += at - before_blanks
                if at == len(text):
                    self._check()
                    return
            match = _BASE64.match(text, at)
            assert match is not None
            self._runs.append((handle, at, match.end()))
            self._texts.append(match.group())
            self._size += match.end() - at
            at = match.end()
            self._check()
            if at == len(text):
                return
            before = ""  # what began there has ended: it is not found a second time
            content, runs = self.end()
            if len(content) >= SHORTEST:
                yield content, runs

    def _check(self) -> None:
        if self._size > self._limit:
            msg = f"a picture within a text is longer than {self._limit} characters (limits.record)"
            raise ContentError(msg)

    def end(self) -> tuple[str, list[Run]]:
        """The picture that is open, whole: the text ends here."""
        content, runs = "".join(self._texts), self._runs
        self._texts, self._runs, self._size, self._begun = [], [], 0, False
        return content, runs


def _blank_end(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    assert blanks is not None
    return blanks.end()


def _start(text: str, at: int, before: str) -> int:
    """Where the base64 of the next picture begins in `text`, -1 for none; the URL may begin before."""
    if at == 0 and before:
        lead = before[-LEAD:]
        for found in DATA_URL.finditer(lead + text[:LEAD]):  # the first ones may be over
            if found.end() >= len(lead):
                return found.end() - len(lead)
    match = DATA_URL.search(text, at)
    return match.end() if match else -1


def within(text: str) -> Iterator[tuple[int, int]]:
    """Where the base64 of each picture stands in a whole text: (from, to)."""
    at = 0
    while (start := _start(text, at, "")) >= 0:
        start = _blank_end(text, start)
        match = _BASE64.match(text, start)
        assert match is not None
        at = match.end()
        if at - start >= SHORTEST:
            yield start, at


def spelled(path: tuple[str | int, ...]) -> str:
    """A path as people write it: `data[0].b64_json`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
