"""What is heard of one answer: its text as it is read, as it leaves, and where a guard cuts it off."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from labeler.labels.ending import Ending
from labeler.labels.plan import GAP, Plan
from labeler.labels.reading import Reader
from labeler.labels.whole import instead, visible
from labeler.values import Guarded, Stamp

HEAD, THINKING, OPEN, JSON, CLOSED = range(5)


def pictured(text: str) -> bool:
    """Whether a text may have a picture's `data:` URL in it, told at a glance: one character is found thirty
    times as fast as several."""
    return "," in text and "64" in text and "image/" in text.lower()


class Heard:
    """The part of a slot that a reader listens to."""

    def __init__(self, plan: Plan, reader: Reader | None) -> None:
        self.plan = self._asked = plan
        self.reader = reader
        self.stopped: Guarded | None = None
        self.state = HEAD
        self.said: tuple[Stamp, ...] = ()
        self.reason = ""
        self.out = self.over = False
        """For the caller, where a guard may stop the answer: some of it has left; its end too."""
        self._reasoned = False
        self._opened: tuple[int, str] | None = None  # at which of its characters, with which words
        self._stops = reader is not None and reader.stops
        self._ending = self._new_ending()
        self._later: deque[tuple[Any, str]] = deque()  # handle and text of what has not left
        self._written = False  # into the ending, all of it
        self._ends = False
        self._size = 0  # characters that have left
        self._more: tuple[Stamp, ...] = ()  # what these call for at the end
        self.run = self._runner()
        """Takes a piece without a look at its start, nor at how many there are: say `fold` from time to time.
        Only in state OPEN, where nothing is stopped."""

    @property
    def open(self) -> bool:
        """True while there is text whose end has not come."""
        return self.state in (OPEN, JSON)

    @property
    def unread(self) -> bool:
        """True while the text ends in a sentence that must not leave before it is complete."""
        return self.open and self.reader is not None and bool(self.reader.unread)

    def unread_from(self) -> Any:
        """The handle of the first piece of that sentence."""
        assert self.reader is not None
        size = self.reader.unread
        for handle, text in reversed(self._later):
            size -= len(text)
            if size <= 0:
                return handle
        return self._later[0][0]

    def left(self, stays: Callable[[Any], bool] | None = None) -> None:
        """What was fed has left, but for the pieces whose handle `stays`; safe words come behind it."""
        while self._later and not (stays and stays(self._later[0][0])):
            _, text = self._later.popleft()
            if not self._written:
                self._ending.add(text)
            self.out = self.out or bool(text)
            self._size += len(text)
        if self._stops and self.reader is not None:
            self._more = self.reader.more
        self.over = self._ends and not self._later

    def ends_at(self, handle: Any) -> None:
        """The answer's end stands there."""
        self._ends = True
        self._later.append((handle, ""))

    def cut_off(self) -> str:
        """End the answer behind what has left of it; what is to be said there: safe words where it is the
        one that was stopped, behind its marker where nothing has left."""
        self.state = CLOSED
        if self.stopped is None:
            self.said = self.plan.opening if self.out and self._opened else ()
            self.reason = "another answer was stopped"
            return ""
        before = self._read_before()
        if not self.out and not before:
            self.said = self._asked.said
            return (GAP if self._reasoned else "") + instead(self.stopped.words, self._asked)
        self.plan = self.plan.with_more(self._more)
        self.said = self.plan.said
        self._ending.add(before)
        before, opened = self._with_opening(before)
        safe = Stamp("disclaimer", self.stopped.words, "end", self.stopped.policy)
        return before + self._ending.closing((safe, *(self.plan.closing if opened else self.plan.said)))

    def _read_before(self) -> str:
        """What has not left and stands before the sentence that was found, in the same piece as it; nothing
        where a picture is in it, which would not be labelled."""
        size = self.reader.unread if self.reader is not None else 0
        before = "".join([text for _, text in self._later])[:-size] if size else ""
        return "" if pictured(before) else before

    def _with_opening(self, before: str) -> tuple[str, bool]:
        """That text with the words at the start of the answer, where they belong into it; whether they, or
        those that the upstream had said itself, have then left."""
        if self._opened is None:
            return before, False
        at, words = self._opened
        at -= self._size
        if words and 0 <= at <= len(before):
            return before[:at] + words + before[at:], True
        return before, at < 0 or (not words and at <= len(before))

    def fold(self) -> None:
        """Let the text so far go, but for its end."""
        self._ending.hand_on()

    def _runner(self) -> Callable[[str], object]:
        return self._heard if self._stops else self._ending.keep

    def _new_ending(self) -> Ending:
        """One that a reader listens to which stops nothing: it costs no event anything."""
        return Ending(self.reader.feed if self.reader is not None and not self._stops else None)

    def _heard(self, text: str) -> None:
        assert self.reader is not None
        self.stopped = self.stopped or self.reader.feed(text)

    def _add(self, handle: Any, text: str) -> None:
        if self._stops:
            self._later.append((handle, text))
            self._heard(text)
        else:
            self._ending.add(text)

    def _write_down(self) -> None:
        for _, text in self._later:
            self._ending.add(text)
        self._written = True

    def read_out(self) -> None:
        """The text pauses here: what may not leave unread is read as it stands."""
        if self.reader is not None:
            self._ending.hand_on()
            self.stopped = self.stopped or self.reader.end()
            self.plan = self.plan.with_more(self.reader.more)

    def _read_whole(self, text: str) -> None:
        if self.reader is not None:
            self.stopped = self.reader.feed(visible(text))
            self.read_out()
