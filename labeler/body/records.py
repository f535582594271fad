"""The events of a stream, one at a time: labels go into those that carry the text, or right before
the one that ends it; all else leaves as it came, at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from labeler.body.base import BROKEN_OFF, UPSTREAM_ERROR, Body, Job
from labeler.body.places import Source, moved
from labeler.body.shapes import Shapes
from labeler.body.splice import Piece
from labeler.dialects.base import Broken, Doc, End, Failure, Finish, Shift, Text, Tool
from labeler.errors import ContentError
from labeler.framing import json_text, sse
from labeler.labels.slot import CLOSED, Insertion, Slot
from labeler.values import SlotOutcome

DONE = b"[DONE]"
_NAMED_ERROR = re.compile(rb"event: ?error[\r\n]")
_HELD = 64
"""No more events are held back than this while an answer's first characters are undecided."""


class Record(Source):
    """One event, its data, and what is changed in it."""

    def __init__(self, raw: bytes, event: sse.Event, doc: Doc) -> None:
        super().__init__(Piece(raw), event.payload)
        self.event = event
        self.doc = doc

    def where(self, at: int) -> int:
        return self.event.raw_offset(at)


class Records(Body):
    """The state machine of one stream; each answer in it is a slot of its own."""

    kind = "events"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._slots: dict[int, Slot] = {}
        self._held: list[Piece] = []
        self._end_at = -1  # among the held: where the last words go, should a usage chunk have been the end
        self._touched: list[Record] = []  # records among the held that get words
        self._late: list[tuple[Record, Text | Shift, bool]] = []  # what waits for how its answer begins
        self._unended = b""  # the line ends that the last event of the stream lacks
        self._passing = bool(job.mute and not job.beside)
        self._sidecar = job.sidecar if job.beside else b""
        self._beside = False  # the stream has an `aigc` object
        self._shapes = Shapes(job.dialect, mute=bool(job.mute))

    def slots(self) -> tuple[SlotOutcome, ...]:
        if self.job.mute:
            return self.muted()
        many = len(self._slots)
        return tuple(slot.outcome(at, self.number(at, many)) for at, slot in sorted(self._slots.items()))

    def _record(self, raw: bytes) -> bytes:
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
        except ValueError:
            if not payload:
                return self._overtake(raw)
            msg = f"an event's data is no JSON: {payload[:80]!r}"
            raise ContentError(msg) from None
        if not isinstance(doc, dict):
            return self._odd(raw, doc)
        return self._document(Record(raw, event, doc))

    def _odd(self, raw: bytes, data: Any) -> bytes:
        """An event whose data is no object."""
        self._shapes.see_odd(data)
        if not self._held:
            return self._flush(raw)
        self._held.append(Piece(raw))
        return b""

    def _document(self, record: Record) -> bytes:
        doc = record.doc
        self._shapes.see(doc)
        if "aigc" in doc:
            self._beside, self._sidecar = True, b""
        before: list[Piece] = []
        parts = list(self.job.dialect.events(doc))
        silent = not any(isinstance(part, Text) and part.text for part in parts)
        if self._end_at >= 0 and not silent:
            self._end_at = -1  # usage was told on the way: the answer goes on
        wholes = {part.slot: part for part in parts if isinstance(part, Text) and part.whole}
        for part in parts:
            if isinstance(part, Failure):
                return self._upstream_error(record.piece.raw)
            if isinstance(part, End):
                if self._end_at < 0 and any(slot.open for slot in self._slots.values()):
                    self._end_at = len(self._held)
            elif self.job.mute:
                continue
            elif isinstance(part, Shift) or (isinstance(part, Text) and part.whole):
                self._late.append((record, part, self._slot(part.slot).state == CLOSED))
            elif isinstance(part, Text):
                self._text(record, part)
            elif isinstance(part, Tool):
                self._tool(self._slot(part.slot))
            elif isinstance(part, Broken):
                self._slot(part.slot)
                before += self._close_slot(part.slot, None, UPSTREAM_ERROR)
            elif isinstance(part, Finish):
                before += self._finish(record, part.slot, parts, wholes)
        if self._sidecar and any(isinstance(part, Text | Finish) for part in parts):
            record.insert_member("aigc", self._sidecar)
            self._beside, self._sidecar = True, b""
        self._give(before)
        self._held.append(record.piece)
        for slot in self._slots.values():
            if slot.holding and (len(self._held) >= _HELD or (silent and slot.blank)):
                self._insert(slot.settle())
        waiting = self._end_at >= 0 and len(self._held) < _HELD
        return b"" if waiting or any(slot.holding for slot in self._slots.values()) else self._flush()

    def _give(self, pieces: list[Piece]) -> None:
        """Put events of our own behind those that are held, or before the one that seemed to be the end."""
        if pieces:
            at = len(self._held) if self._end_at < 0 else self._end_at
            self._held[at:at] = pieces
            self._end_at = -1

    def _slot(self, index: int) -> Slot:
        slot = self._slots.get(index)
        if slot is None:
            slot = self._slots[index] = Slot(self.job.plan, self.job.limits.answer)
        return slot

    def _tool(self, slot: Slot) -> None:
        """What follows is not for people: nothing is waited for any more."""
        slot.tool = True
        if slot.holding:
            self._insert(slot.settle())

    def _text(self, record: Record, part: Text) -> None:
        if part.text:
            slot = self._slot(part.slot)
            slot.last = record
            slot.tool = (
                slot.tool and not part.text.strip()
            )  # it ends in a call only if none of its text follows
            self._insert(slot.feed((record, part), part.text))

    def _catch_up(self) -> None:
        """What repeats an answer or points into it follows, once it is known how the answer begins."""
        late, self._late = self._late, []
        for record, part, ended in late:
            slot = self._slots[part.slot]
            if isinstance(part, Text):
                self._insert(slot.repeat((record, part), part.text, ended=ended))
            else:
                if slot.base is None:
                    slot.base = part.values[0] if part.based else 0
                base, given = slot.base, slot.given
                values = [base + moved(value - base, given, end=part.end) for value in part.values]
                record.move_offsets(part, values)
                self._touched.append(record)

    def _insert(self, insertions: Iterable[Insertion]) -> None:
        for insertion in insertions:
            record, text = insertion.handle
            record.insert_words(text, [(insertion.at, insertion.words)])
            self._touched.append(record)

    def _finish(self, record: Record, index: int, parts: list[Any], wholes: dict[int, Text]) -> list[Piece]:
        slot = self._slot(index)
        if slot.fresh and index in wholes:
            self._insert(slot.complete((record, wholes[index]), wholes[index].text))
            return []
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
        insertions, words = slot.close(failed=failed)
        self._insert(insertions)
        if slot.reason == "JSON answer" and not failed and not self._beside:
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
        like = slot.last
        doc, event = (like.doc, like.event) if isinstance(like, Record) else (like, _LIKE)
        chunk = self.job.dialect.chunk(doc, index, words)
        if sidecar:
            chunk = b'{"aigc":%s,%s' % (sidecar, chunk[1:])
        piece = Piece(b"")
        piece.add(0, event.write(chunk))
        return piece

    def _close_all(self, failed: str = "") -> list[Piece]:
        """End all answers, with no event at hand that ends them."""
        pieces = [piece for index in list(self._slots) for piece in self._close_slot(index, None, failed)]
        for index, slot in self._slots.items():
            if self._sidecar and slot.last is not None:
                pieces.append(self._injected(slot, index, "", self._sidecar))
                self._beside, self._sidecar = True, b""
        return pieces

    def _overtake(self, raw: bytes) -> bytes:
        """A comment or heartbeat passes at once, also ahead of events that are held; the account
        says that it stood behind them. Line ends alone may belong to the event before them."""
        if not self._held:
            return self._flush(raw)
        if not raw.strip(b"\r\n"):
            self._held.append(Piece(raw))
            return b""
        ahead, ghost = Piece(b""), Piece(raw)
        ahead.add(0, raw)
        ghost.add(0, b"", removed=raw)
        self._held.append(ghost)
        return self.output.write([ahead])

    def _flush(self, raw: bytes = b"") -> bytes:
        for slot in self._slots.values():
            if slot.holding:  # what leaves must be decided
                self._insert(slot.settle())
        if self._late:
            self._catch_up()
        for record in self._touched:
            record.locate()
        self._touched.clear()
        self._end_at = -1
        if not self._held:
            self.output.passed(len(raw))
            return raw
        held, self._held = self._held, []
        return self.output.write([*held, Piece(raw)] if raw else held)

    def _end(self, *, clean: bool = True) -> bytes:
        last = self._close_all("" if clean else BROKEN_OFF)
        if last and self._unended and self._end_at < 0:
            ends = Piece(b"")
            ends.add(0, self._unended)
            self._held.append(ends)
        self._give(last)
        return self._flush()

    def _upstream_error(self, raw: bytes) -> bytes:
        self._shapes.known = True
        self._held += self._close_all(UPSTREAM_ERROR)
        return self._flush(raw)

    def _pass(self, data: bytes) -> bytes:
        if self.broken:
            return b""
        self.output.passed(len(data))
        return data

    def _failed(self, reason: str, rest: bytes) -> bytes:
        """The policy's word: `block` breaks the transfer off while an answer lacks its marker;
        otherwise the rest passes as it is."""
        self.failure = reason
        self._passing = True
        slots = self._slots.values()
        beside = bool(self.job.mute) and self._beside
        marked = beside or (bool(slots) and all(slot.marked for slot in slots))
        if self.job.on_failure == "block" and not marked:
            self.broken = True
            self._held.clear()
            error = Piece(b"")
            message = f"This answer could not be labelled as AI-generated and was withheld: {reason}"
            error.add(0, b"data: %s\n\n" % self.job.dialect.error(message, "label_failed"))
            return self.output.write([error])
        self.degraded = marked
        for slot in slots:
            self._insert(slot.close(failed=reason)[0])
        return self._flush(rest)


_LIKE = sse.Event(b"", (), b"data: ", b"\n")
