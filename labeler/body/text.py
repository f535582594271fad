"""Plain text, in chunks: labels before its first and after its last character."""

from __future__ import annotations

import codecs

from labeler.body.base import BROKEN_OFF, Body, Job, Stopped
from labeler.body.splice import Piece
from labeler.errors import ContentError
from labeler.labels.opening import JSON_ANSWER
from labeler.labels.pieces import Insertion
from labeler.labels.slot import Slot
from labeler.values import SlotOutcome

_STATEFUL = "iso2022", "hz", "utf-7"
"""Encodings in which a byte means what an escape before it says."""


class TextBody(Body):
    """One slot over the whole body. Bytes pass as they came; a character cut in two waits.

    `charset` is any that Python knows in which ASCII stands for itself; bytes that are none of
    its characters pass untouched. `whole`: the text is kept to its end and judged as a whole.
    """

    kind = "text"

    def __init__(self, job: Job, charset: str = "utf-8", *, whole: bool = False) -> None:
        super().__init__(job)
        self._charset = charset
        self._whole = whole
        self._slot = Slot(job.plan, job.limits.answer, job.reader())
        self._held: list[tuple[Piece, str]] = []
        self._cut = b""
        try:
            decoder = codecs.getincrementaldecoder(charset)
        except LookupError:
            self._fail(f"the charset {charset} is not known")
        else:
            self._decoder = decoder(errors="surrogateescape")
            self._check()

    def feed(self, data: bytes) -> bytes:
        if self.failure or self.job.mute or self.stopped:
            return b"" if self.broken or self.stopped else self._raw(data)
        text = self._decoder.decode(data)
        waiting = self._decoder.getstate()[0]
        raw = self._cut + data
        self._cut = waiting
        raw = raw[: len(raw) - len(waiting)]
        return self._take(raw, text) if raw else b""

    def close(self, *, clean: bool = True) -> bytes:
        if self.failure or self.job.mute or self.stopped:
            return b""
        out = b""
        if self._cut:
            cut, self._cut = self._cut, b""
            out = self._take(cut, cut.decode(self._charset, "surrogateescape"))
            if self.stopped:
                return out
        last = Piece(b"")
        try:
            self._last(last, "" if clean else BROKEN_OFF)
        except Stopped:
            return out + self._stop()
        except ContentError as error:
            self._fail(str(error))
        return b"" if self.broken else out + self._flush(last)

    def slots(self) -> tuple[SlotOutcome, ...]:
        if self.job.mute:
            return self.muted()
        return (self._slot.outcome(0, self.job.number),)

    def _check(self) -> None:
        try:
            if codecs.lookup(self._charset).name.startswith(_STATEFUL):
                msg = f"what stands behind a label in {self._charset} would depend on what stood before it"
                raise ContentError(msg)
            if self._encoded("A") != b"A":
                msg = f"the charset {self._charset} is none in which ASCII stands for itself"
                raise ContentError(msg)
            for stamp in self.job.plan.said:
                self._encoded(stamp.words)
        except ContentError as error:
            self._fail(str(error))

    def _last(self, last: Piece, failed: str) -> None:
        if self._whole:
            joined = Piece(b"".join(piece.raw for piece, _ in self._held))
            text = "".join(text for _, text in self._held)
            self._held = [(joined, text)]
            insertions, words = self._slot.complete((joined, text), text), ""
        else:
            insertions, words = self._slot.close(failed=failed)
        if self._slot.stopped is not None:
            raise Stopped
        self._insert(insertions)
        if words:
            last.add(0, self._encoded(words))
        if self._slot.reason == JSON_ANSWER:
            self.json_answer()

    def _take(self, raw: bytes, text: str) -> bytes:
        piece = Piece(raw)
        handle = (piece, text)
        if self._whole:
            self._held.append(handle)
            return b""
        try:
            self._insert(self._slot.feed(handle, text))
        except ContentError as error:
            self._fail(str(error))
            return b"" if self.broken else self._flush(piece)
        if self._slot.stopped is not None:
            self._held.append(handle)
            return self._stop()
        if self._slot.holding or self._slot.unread:
            self._held.append(handle)
            return self._release() if self._slot.unread else b""
        if self.job.stops:
            self._slot.left()
        return self._flush(piece)

    def _release(self) -> bytes:
        """Let go what stands before a sentence that is not complete."""
        first = self._slot.unread_from()
        at = next(at for at, handle in enumerate(self._held) if handle is first)
        leaves, self._held = self._held[:at], self._held[at:]
        self._slot.left(lambda handle: any(handle is held for held in self._held))
        return self.output.write([piece for piece, _ in leaves])

    def _stop(self) -> bytes:
        """End the text here: what is held does not leave, safe words do."""
        pieces, self._held = [piece.raw for piece, _ in self._held], []
        try:
            words = self._encoded(self._slot.cut_off(), "surrogateescape")
        except ContentError as error:
            self.failure, self.broken = str(error), True
            return b""
        gone = Piece(b"".join(pieces))
        gone.add(0, words, removed=gone.raw)
        self.stopped = True
        return self.output.write([gone])

    def _insert(self, insertions: list[Insertion]) -> None:
        for insertion in insertions:
            piece, text = insertion.handle
            at = len(text[: insertion.at].encode(self._charset, "surrogateescape")) if insertion.at else 0
            piece.add(at, self._encoded(insertion.words))

    def _encoded(self, words: str, errors: str = "strict") -> bytes:
        try:
            return words.encode(self._charset, errors)
        except (UnicodeEncodeError, LookupError):
            msg = f"the label cannot be written in {self._charset}"
            raise ContentError(msg) from None

    def _flush(self, piece: Piece) -> bytes:
        held, self._held = self._held, []
        return self.output.write([*(held_piece for held_piece, _ in held), piece])

    def _raw(self, data: bytes) -> bytes:
        self.output.passed(len(data))
        return data

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._slot.fail(reason)
        marked = self._slot.marked and not self.job.stops  # what a guard may stop does not go on unread
        self.broken = self.job.on_failure == "block" and not marked
