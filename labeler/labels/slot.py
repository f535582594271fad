"""One answer: WAIT -> OPEN (marker given) -> CLOSED (disclaimer given, or left out with a reason).

A slot sees the visible text of one choice, in pieces or whole, and says what to insert where.
It knows nothing of the wire: a piece comes with a handle of the caller's, and an insertion names
the handle and the character.
"""

from __future__ import annotations

from typing import Any

from labeler.errors import ContentError
from labeler.labels.ending import Ending, closing
from labeler.labels.heard import CLOSED, HEAD, JSON, OPEN, THINKING, Heard
from labeler.labels.opening import JSON_ANSWER, THOUGHT, Opening, is_json, opening
from labeler.labels.pieces import Insertion, Piece, place
from labeler.labels.plan import Plan
from labeler.labels.reading import Reader, told
from labeler.labels.whole import united, whole
from labeler.values import SlotOutcome, State

LEAD = 400
"""The start of a picture's `data:` URL is no longer than this."""
_HELD = 4096
"""No more characters are held back than this (white space, inline reasoning that may begin)."""


class Slot(Heard):
    """The labels of one answer that arrives in pieces."""

    def __init__(self, plan: Plan, limit: int, reader: Reader | None = None) -> None:
        """`reader` reads the text; look at `stopped` after each call where it may stop an answer."""
        super().__init__(plan, reader)
        self.tool = False
        """The turn goes on with a tool call, so nothing is said after its text."""
        self.base: int | None = None
        """For the caller: where the offsets into this answer start to count."""
        self.last: Any = None
        """For the caller: the last record that carried text of this slot."""
        self._limit = limit
        self._pending: list[Piece] = []
        self._waiting = 0
        self._fed = self._came_whole = False
        self._kept: list[str] = []
        self._thought = Ending()
        self._length = 0
        self._head = (0, "")  # what a repetition of the whole text gets at its start
        self._foot = ""

    @property
    def holding(self) -> bool:
        """True while pieces wait for the decision on how the answer begins."""
        return self.state == HEAD and bool(self._pending)

    @property
    def blank(self) -> bool:
        """True where nothing but white space waits."""
        return not any(piece.text[piece.skip :].strip() for piece in self._pending)

    @property
    def fresh(self) -> bool:
        """True while no text has come in pieces."""
        return self.state == HEAD and not self._fed

    @property
    def given(self) -> list[tuple[int, str]]:
        """The words that stand before or in the text so far, and at which of its characters."""
        at, words = self._head
        return [(at, words)] if words else []

    @property
    def marked(self) -> bool:
        """True once the answer carries its explicit label, by our words or already by its own."""
        return self.state in (OPEN, CLOSED) and any(stamp.explicit for stamp in self.said)

    @property
    def recent(self) -> str:
        """The last characters of the text so far, enough to tell how a picture's URL begins."""
        if self.state == OPEN:
            later = "" if self._written else "".join([text for _, text in self._later])
            return (self._ending.recent(LEAD) + later)[-LEAD:]
        kept = [*self._kept[-LEAD:], *[piece.text for piece in self._pending]]
        return "".join(kept)[-LEAD:]

    def begins_picture(self, text: str) -> bool:
        """Whether the base64 of a picture's `data:` URL may begin in this piece."""
        return "," in text and "64" in self.recent[-10:] + text  # up to eight blanks stand before the comma

    def feed(self, handle: Any, text: str) -> list[Insertion]:
        """Take the next piece; what goes in where. Look at `holding` afterwards."""
        if self.state == OPEN:
            self._add(handle, text)
            return []
        if self.state == JSON:
            self._keep(handle, text)
            return []
        if self.state == CLOSED:
            return self._reopen(handle, text)
        self._fed = True
        piece = Piece(handle, text)
        if self.state == THINKING:
            return self._think([piece])
        self._pending.append(piece)
        self._waiting += len(text)
        return self.settle() if self._waiting > _HELD else self._decide(final=False)

    def settle(self) -> list[Insertion]:
        """Decide with what is there: the caller holds back no more. White space alone decides nothing,
        and is let go."""
        given = self._decide(final=True)
        if self.state == HEAD:
            self._length += sum(len(piece.text) - piece.skip for piece in self._pending)
            self._pending.clear()
            self._waiting = 0
        return given

    def close(self, *, failed: str = "") -> tuple[list[Insertion], str]:
        """End the answer: insertions into what was held, and the words to append to it.

        `failed`: the answer broke off, and a disclaimer must not make it look complete.
        """
        if self.state == CLOSED:
            return [], ""
        given = self.settle() if self.state == HEAD else []
        if self.state == HEAD or (self.state == THINKING and (failed or self.tool)):
            self.reason = failed or ("tool call" if self.tool else "no text")
            return given, ""
        self.read_out()
        if self.stopped is not None:
            return given, ""
        words = "" if self.tool or failed else self._last_words()
        self.reason = self.reason or failed or ("tool call" if self.tool else "")
        self._foot = words
        self.state = CLOSED
        return given, words

    def fail(self, reason: str) -> None:
        """The response fails here, and with it an answer that has not ended."""
        if self.state != CLOSED:
            self.reason = self.reason or reason

    def repeat(self, handle: Any, text: str, *, ended: bool) -> list[Insertion]:
        """The insertions for a copy of the whole text so far (a snapshot beside the deltas), which had
        `ended` there or not."""
        if self.fresh:
            return self._snapshot(handle, text)
        if self._came_whole:
            inserts, _, _ = whole(text, self.plan, tool=self.tool)
            return [Insertion(handle, at, words) for at, words in inserts]
        given = [Insertion(handle, at, words) for at, words in self.given if at <= len(text)]
        if self._foot and ended:
            given.append(Insertion(handle, len(text), self._foot))
        return given

    def complete(self, handle: Any, text: str) -> list[Insertion]:
        """Take a whole answer that never came in pieces, and end it."""
        self._read_whole(text)
        inserts, self.said, self.reason = whole(text, self.plan, tool=self.tool)
        self.state, self._came_whole = CLOSED, True
        return [Insertion(handle, at, words) for at, words in inserts]

    def outcome(self, index: int, number: str) -> SlotOutcome:
        """What became of this answer."""
        state: State = "applied"
        if self.stopped is not None and self.state == CLOSED:
            self.reason = self.stopped.rule
        elif not self.said:
            state = "skipped"
        elif self.reason not in ("", "tool call"):
            state = "degraded"
        return SlotOutcome(index, number, state, self.reason, self.said, *told(self.reader))

    def _snapshot(self, handle: Any, text: str) -> list[Insertion]:
        """A stream that only repeats: each event carries the text from its start."""
        begun = opening(text, self.plan.opening, final=False)
        if begun is None or begun.kind != "text":
            return []
        self.said = begun.said
        return [Insertion(handle, begun.at, begun.words)] if begun.words else []

    def _reopen(self, handle: Any, text: str) -> list[Insertion]:
        """Text after the end (an upstream that goes on): its end will be labelled again."""
        if not text.strip() or self.reason not in ("", "tool call", JSON_ANSWER):
            return []
        self.reason = ""
        if self._kept:
            self.state = JSON
            self._keep(handle, text)
        else:
            self.state, self._ending, self._written = OPEN, self._new_ending(), False
            self.run = self._runner()
            self._add(handle, text)
        return []

    def _decide(self, *, final: bool) -> list[Insertion]:
        head = "".join([piece.text[piece.skip :] for piece in self._pending])
        begun = opening(head, self.plan.opening, final=final, reasoned=self._reasoned)
        if begun is None or begun.kind == "empty":
            return []
        pending, self._pending = self._pending, []
        if begun.kind == "thinking":
            self.state = THINKING
            return self._think(pending)
        if begun.kind == "json":
            self.state = JSON
            for piece in pending:
                self._keep(piece.handle, piece.text[piece.skip :])
            return []
        return self._open(begun, pending)

    def _open(self, begun: Opening, pending: list[Piece]) -> list[Insertion]:
        self.state, self._opened = OPEN, (begun.at, begun.words)
        self.said = begun.said
        for piece in pending:
            self._add(piece.handle, piece.text[piece.skip :])
        handle, at = place(pending, begun.at)
        self._head = (self._length + begun.at, begun.words)
        return [Insertion(handle, at, begun.words)] if begun.words else []

    def _think(self, pieces: list[Piece]) -> list[Insertion]:
        text = "".join(piece.text for piece in pieces)
        self._thought.add(text)
        before = "".join(self._kept)
        end = (before + text).find(THOUGHT)
        if end < 0:
            self._kept = [(before + text)[1 - len(THOUGHT) :]]
            self._length += len(text)
            return []
        end += len(THOUGHT) - len(before)
        self._length += end
        self._kept = []
        self.state, self._reasoned = HEAD, True
        for piece in pieces:
            if end < len(piece.text):
                self._pending.append(Piece(piece.handle, piece.text, max(0, end)))
            end -= len(piece.text)
        return self._decide(final=False) if self._pending else []

    def _keep(self, handle: Any, text: str) -> None:
        self._kept.append(text)
        self._length += len(text)
        if self._length > self._limit:
            msg = f"an answer that begins as JSON is longer than {self._limit} bytes (limits.answer)"
            raise ContentError(msg)
        if self.reader is not None:
            self._add(handle, text)

    def _last_words(self) -> str:
        if self.state == THINKING:  # who does not know the tag shows all of it
            self.said = united(self.plan.opening, self.plan.closing)
            return self._thought.closing(self.said)
        if self.state == JSON:
            return self._after_json("".join(self._kept))
        self._write_down()
        words = self._ending.closing(self.plan.closing)
        self.said = united(self.said, self.plan.closing)
        return words

    def _after_json(self, text: str) -> str:
        """Text that began as JSON and is none gets all its labels at the end."""
        if is_json(text):
            self.reason = JSON_ANSWER
            return ""
        self.said = united(self.plan.opening, self.plan.closing)
        return closing(text, self.said)[1]
