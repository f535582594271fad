"""The events of a stream, one at a time: labels go into those that carry the text, or right before
the one that ends it; all else leaves as it came, at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from labeler.body.base import BROKEN_OFF, UPSTREAM_ERROR, Job, Stopped
from labeler.body.queue import HELD, Queue, Record, beside, gone, like, own
from labeler.body.shapes import Shapes
from labeler.body.splice import Piece
from labeler.dialects.base import Broken, End, Failure, Finish, Picture, Shift, Text, Tool
from labeler.errors import ContentError
from labeler.framing import json_text, sse
from labeler.labels.heard import CLOSED, THINKING
from labeler.labels.opening import JSON_ANSWER
from labeler.labels.slot import Slot
from labeler.values import SlotOutcome

DONE = b"[DONE]"
_PICTURED = re.compile(
    rb"data:image\\?/|\"(?:b64_json|image(?:_url)?)\"|\"images\"\s{0,8}:\s{0,8}\[\s{0,8}[^\s\]]",
    re.IGNORECASE,
)
_MARK = 40
"""Bytes: no sign of a picture is longer."""
_NAMED_ERROR = re.compile(rb"event: ?error[\r\n]")


class Records(Queue):
    """The state machine of one stream; each answer in it is a slot of its own."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._unended = b""  # the line ends that the last event of the stream lacks
        self._passing = bool(job.mute and not job.beside and job.draw is None)
        self._sidecar = job.sidecar if job.beside else b""
        self._beside = False  # the stream has an `aigc` object
        self._carrier: Piece | None = None  # the event into which it was put
        self._shapes = Shapes(job.dialect, mute=bool(job.mute))
        self._seen: Record | None = None  # the last one
        self._tail = b""  # of what passed behind a failure

    def slots(self) -> tuple[SlotOutcome, ...]:
        if self.job.mute:
            return self.muted()
        many = len(self._slots)
        return tuple(slot.outcome(at, self.number(at, many)) for at, slot in sorted(self._slots.items()))

    def _record(self, raw: bytes) -> bytes:
        try:
            return self._read(raw)
        except Stopped:
            return self._stop(raw)

    def _read(self, raw: bytes) -> bytes:
        event = sse.parse(raw)
        if event is None:
            return self._overtake(raw)
        payload = event.payload.strip()
        if _NAMED_ERROR.search(event.prefix):
            return self._upstream_error(raw)
        if payload == DONE:
            return self._end() + self._flush(raw)
        try:
            doc = json_text.loads(event.payload)
        except ValueError as error:
            if not payload:
                return self._overtake(raw)
            msg = f"an event's data is no JSON: {error}"
            raise ContentError(msg) from None
        if not isinstance(doc, dict):
            return self._odd(raw, doc)
        return self._labelled(Record(raw, event, doc))

    def _odd(self, raw: bytes, data: Any) -> bytes:
        """An event whose data is no object."""
        self._shapes.see_odd(data)
        if not self._held:
            return self._flush(raw)
        self._held.append(Piece(raw))
        return b""

    def _document(self, record: Record) -> bytes:
        try:
            return self._labelled(record)
        except Stopped:
            return self._stop(record.piece.raw)

    def _labelled(self, record: Record) -> bytes:
        doc = record.doc
        self._seen = record
        self._shapes.see(doc)
        if "aigc" in doc:
            self._beside, self._sidecar = True, b""
        before: list[Piece] = []
        parts = self.known(self.job.dialect.events(doc))
        silent = not any(isinstance(part, Text) and part.text for part in parts)
        if self._end_at >= 0 and not silent:
            self._end_at = -1  # usage was told on the way: the answer goes on
        wholes = {part.slot: part for part in parts if isinstance(part, Text) and part.whole}
        if self._late and not self.job.stops:
            self._supersede(wholes)
        for part in parts:
            if isinstance(part, Failure):
                return self._upstream_error(record.piece.raw)
            if isinstance(part, End):
                if self._end_at < 0 and any(slot.open for slot in self._slots.values()):
                    self._end_at = len(self._held)
            elif isinstance(part, Picture):
                if self.pictures.wanted:
                    self._picture(record, part)
            elif self.job.mute:
                if isinstance(part, Text) and part.text and self.pictures.wanted:
                    self._look(None, record, part)
            elif isinstance(part, Shift) or (isinstance(part, Text) and part.whole):
                if isinstance(part, Text) and self.pictures.wanted:
                    self._look(None, record, part)
                if isinstance(part, Shift) or part.slot in wholes:
                    self._late.append((record, part, self._slot(part.slot).state == CLOSED))
            elif isinstance(part, Text):
                self._text(record, part)
            elif isinstance(part, Tool):
                self._tool(part.slot)
            elif isinstance(part, Broken):
                self._slot(part.slot).ends_at((record, None))
                before += self._close_slot(part.slot, None, UPSTREAM_ERROR)
            elif isinstance(part, Finish):
                before += self._finish(record, part.slot, parts, wholes)
        if self._sidecar and any(isinstance(part, Text | Finish) for part in parts):
            record.insert_member("aigc", self._sidecar)
            self._touched.append(record)
            self._carrier, self._beside, self._sidecar = record.piece, True, b""
        self._give(before)
        self._held.append(record.piece)
        for slot in self._slots.values():
            if slot.holding and (len(self._held) >= HELD or (silent and slot.blank)):
                self._insert(slot.settle())
        return self._leave()

    def _tool(self, index: int) -> None:
        """What follows is not for people: nothing is waited for any more."""
        slot = self._slot(index)
        slot.tool = True
        if slot.holding:
            self._insert(slot.settle())
        if slot.unread:
            slot.read_out()
        if slot.stopped is not None:
            raise Stopped

    def _text(self, record: Record, part: Text) -> None:
        if part.text:
            slot = self._slot(part.slot)
            if self.pictures.wanted:  # in some states a slot does not keep its text
                self._look(None if slot.state in (CLOSED, THINKING) else slot, record, part)
            slot.last = record
            slot.tool = (
                slot.tool and not part.text.strip()
            )  # it ends in a call only if none of its text follows
            self._insert(slot.feed((record, part), part.text))
            if slot.stopped is not None:
                raise Stopped

    def _finish(self, record: Record, index: int, parts: list[Any], wholes: dict[int, Text]) -> list[Piece]:
        slot = self._slot(index)
        slot.ends_at((record, None))
        if slot.fresh and index in wholes:
            self._late.append((record, wholes.pop(index), False))
        own = [p for p in parts if isinstance(p, Text) and not p.whole and p.slot == index and p.text]
        return self._close_slot(index, (record, own[-1]) if own else None)

    def _close_slot(
        self, index: int, here: tuple[Record, Text] | None = None, failed: str = ""
    ) -> list[Piece]:
        """End one answer: its last words go to the end of the text at `here`, else into an event
        of their own, which is returned."""
        slot = self._slots[index]
        if slot.state == CLOSED:
            return []
        self._ended(index)
        if (copy := None if failed else self._last_copy(index)) is not None:
            insertions, words = slot.complete(copy, copy[1].text), ""
        else:
            insertions, words = slot.close(failed=failed)
        if slot.stopped is not None:
            raise Stopped
        self._insert(insertions)
        if slot.reason == JSON_ANSWER and not failed and not self._beside:
            self._sidecar = self._sidecar or self.json_answer()
        if not words:
            return []
        if here is not None:
            record, text = here
            record.insert_words(text, [(len(text.text), words)])
            self._touched.append(record)
            return []
        return [self._injected(slot, index, words)]

    def _injected(self, slot: Slot, index: int, words: str, sidecar: bytes = b"") -> Piece:
        doc, event = like(slot)
        return own(event.write(beside(sidecar, self.job.dialect.chunk(doc, index, words))))

    def _close_all(self, failed: str = "") -> list[Piece]:
        """End all answers, with no event at hand that ends them."""
        pieces = [piece for index in list(self._slots) for piece in self._close_slot(index, None, failed)]
        for index in self._watches:
            self._ended(index)
        for index, slot in self._slots.items():
            if self._sidecar and slot.last is not None:
                pieces.append(self._injected(slot, index, "", self._sidecar))
                self._beside, self._sidecar = True, b""
        return pieces

    def _end(self, *, clean: bool = True) -> bytes:
        last = self._close_all("" if clean else BROKEN_OFF)
        if last and self._unended and self._end_at < 0:
            self._held.append(own(self._unended))
        self._give(last)
        self._end_at = -1
        return self._flush()

    def _stop(self, raw: bytes) -> bytes:
        """End the response here: what is held and `raw` do not leave, safe words and the dialect's own
        end for filtered content do."""
        pieces = [gone(one) for one in (*(piece.raw for piece in self._held), raw) if one]
        if self._carrier in self._held:
            self._sidecar = self.job.sidecar
        self._held.clear()
        self._late.clear()
        self._watches.clear()
        self.pictures.abandon("the answer was stopped", "skipped")
        for at, slot in sorted(self._slots.items()):
            pieces += self._cut_off(at, slot)
        pieces.append(own(b"data: %s\n\n" % DONE))
        self.stopped = self._passing = True
        return self.output.write(pieces)

    def _cut_off(self, index: int, slot: Slot) -> Iterator[Piece]:
        if slot.over and slot.stopped is None:
            return
        slot.last = slot.last or self._seen
        doc, event = like(slot)
        if words := slot.cut_off():
            yield own(event.write(self.job.dialect.chunk(doc, index, words)))
        yield own(event.write(beside(self._sidecar, self.job.dialect.ending(doc, index))))
        self._sidecar = b""

    def _upstream_error(self, raw: bytes) -> bytes:
        self._shapes.known = True
        self._held += self._close_all(UPSTREAM_ERROR)
        self._end_at = -1  # nothing is waited for any more
        return self._flush(raw)

    def withheld(self, reason: str) -> bytes:
        return self._failed(reason, b"", withhold=True)

    def _failed(self, reason: str, rest: bytes, *, withhold: bool = False) -> bytes:
        """The policy's word: `block` breaks the transfer off while an answer lacks its marker, or where
        a picture has to be withheld; otherwise the rest passes as it is."""
        self.failure = reason
        self._passing = True
        withhold = withhold or self._drawing or self._unseen
        self.pictures.abandon(reason)
        self._watches.clear()
        slots = self._slots.values()
        marked = (bool(self.job.mute) and self._beside) or (
            bool(slots) and all(slot.marked for slot in slots)
        )
        if self.job.on_failure == "block" and (withhold or not marked or self.job.stops):
            self.broken = True
            self._held.clear()
            for slot in slots:
                slot.fail(reason)
            message = f"This answer could not be labelled as AI-generated and was withheld: {reason}"
            error = self.job.dialect.error(message, "label_failed")
            return self.output.write([own(b"data: %s\n\n" % error)])
        self.degraded = marked
        for slot in slots:
            self._insert(slot.close(failed=reason)[0])
            if slot.stopped is not None:  # what was held does not pass
                self.notes.append(reason)
                self.failure, self.degraded = "", False
                return self._stop(rest)
        return self._flush(b"") + self._unread(rest)

    def _unread(self, data: bytes) -> bytes:
        """What passes behind a failure; under `block` a picture that nobody would label breaks it off."""
        if self.job.on_failure == "block" and self.pictures.wanted and not self.broken:
            if _PICTURED.search(self._tail + data):
                self.failure, self.broken = f"{self.failure}; then a picture came", True
                return b""
            self._tail = (self._tail + data)[-_MARK:]
        return self._pass(data)
