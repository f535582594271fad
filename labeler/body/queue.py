"""The events of a stream between their coming and their leaving: what is held, what is put into it,
and what overtakes it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from functools import partial
from typing import Any

from labeler.body.base import Body, Job
from labeler.body.pictures import SHORTEST, Given, Run, Watch, spelled, within
from labeler.body.places import Range, Source, moved
from labeler.body.splice import Change, Piece
from labeler.dialects.base import Doc, Picture, Shift, Text
from labeler.framing import sse
from labeler.labels.pieces import Insertion
from labeler.labels.slot import Slot

_NO_BOM: Change = (0, sse.BOM, b"")
HELD = 64
"""No more events are held back than this while an answer's first characters are undecided."""


class Record(Source):
    """One event, its data, and what is changed in it."""

    def __init__(self, raw: bytes, event: sse.Event, doc: Doc) -> None:
        super().__init__(Piece(raw), event.payload)
        self.event = event
        self.doc = doc

    def where(self, at: int) -> int:
        return self.event.raw_offset(at)

    def locate(self) -> None:
        """Also take a byte order mark away from what gets words: clients lose an event behind one."""
        super().locate()
        piece = self.piece
        if piece.raw.startswith(sse.BOM) and piece.changes and _NO_BOM not in piece.changes:
            piece.changes.append(_NO_BOM)


class Queue(Body):
    """The events that wait, in order: for how an answer begins, for its end, for a picture."""

    kind = "events"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._slots: dict[int, Slot] = {}
        self._watches: dict[int, Watch] = {}  # of the answers in whose text a picture has begun
        self._held: list[Piece] = []
        self._end_at = -1  # among the held: where the last words go, should a usage chunk have been the end
        self._touched: list[Record] = []  # records among the held that get words
        self._late: list[tuple[Record, Text | Shift, bool]] = []  # what waits for how its answer begins

    @property
    def _drawing(self) -> bool:
        """Whether what is held waits for a picture."""
        return self.pictures.busy or any(watch.open for watch in self._watches.values())

    @property
    def _undecided(self) -> bool:
        """Whether what is held waits for more of the text."""
        waiting = (self._end_at >= 0 and len(self._held) < HELD) or self._repeated
        return waiting or any(slot.holding or slot.unread for slot in self._slots.values())

    @property
    def _repeated(self) -> bool:
        """Whether a text that comes in copies alone waits for its end: the last copy, and where a guard may
        stop it, which reads that one, all of them."""
        return (self.job.stops or len(self._held) < HELD) and any(map(self._waits, self._late))

    def _waits(self, late: tuple[Record, Text | Shift, bool]) -> bool:
        return isinstance(late[1], Text) and self._slots[late[1].slot].fresh

    def _supersede(self, slots: Container[int]) -> None:
        """Copies of answers in these slots that wait are not the last ones."""
        old = {id(late[0].piece) for late in self._late if late[1].slot in slots and self._waits(late)}
        if old:
            self._catch_up({id(record.piece) for record, _, _ in self._late} - old)

    def _last_copy(self, index: int) -> tuple[Record, Text] | None:
        """Take the last copy of an answer that came in copies alone; None where there is none."""
        for at in reversed(range(len(self._late))):
            record, part, _ = self._late[at]
            if part.slot == index and isinstance(part, Text) and self._waits(self._late[at]):
                del self._late[at]
                return record, part
        return None

    def _slot(self, index: int) -> Slot:
        slot = self._slots.get(index)
        if slot is None:
            slot = self._slots[index] = Slot(self.job.plan, self.job.limits.answer, self.job.reader())
        return slot

    def settled(self) -> bytes:
        return self._leave()

    def _leave(self) -> bytes:
        """Let go what waits for nothing: all of it, or what stands before the sentences that guards have
        not read to their end, and before the last copy of a text that comes in copies."""
        if not self._undecided:
            return self._flush()
        slots = self._slots.values()
        if self._drawing or self._end_at >= 0 or any(slot.holding for slot in slots):
            return b""
        if self.job.stops and self._repeated:
            return b""
        firsts = {id(slot.unread_from()[0].piece) for slot in slots if slot.unread}
        firsts |= {id(late[0].piece) for late in self._late if self._waits(late)}
        at = next(at for at, piece in enumerate(self._held) if id(piece) in firsts)
        if not at:
            return b""
        leaves, self._held = self._held[:at], self._held[at:]
        stay = {id(piece) for piece in self._held}
        if self._late:
            self._catch_up(stay)
        for record in self._touched:
            record.locate()
        self._touched = [record for record in self._touched if id(record.piece) in stay]
        for slot in slots:
            slot.left(lambda handle: id(handle[0].piece) in stay)
        return self.output.write(leaves)

    def _give(self, pieces: list[Piece]) -> None:
        """Put events of our own behind those that are held, or before the one that seemed to be the end."""
        if pieces:
            at = len(self._held) if self._end_at < 0 else self._end_at
            self._held[at:at] = pieces
            self._end_at = -1

    def _insert(self, insertions: Iterable[Insertion]) -> None:
        for insertion in insertions:
            record, text = insertion.handle
            record.insert_words(text, [(insertion.at, insertion.words)])
            self._touched.append(record)

    def _catch_up(self, stay: Container[int] = ()) -> None:
        """What repeats an answer or points into it follows, once it is known how the answer begins; but for
        pieces that `stay`, by their ids."""
        late, self._late = self._late, []
        for record, part, ended in late:
            if id(record.piece) in stay:
                self._late.append((record, part, ended))
                continue
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

    def _overtake(self, raw: bytes) -> bytes:
        """A comment or heartbeat passes at once, also ahead of events that are held; the account
        says that it stood behind them. Line ends alone may belong to the event before them."""
        if not self._held:
            return self._flush(raw)
        if not raw.strip(b"\r\n"):
            self._held.append(Piece(raw))
            return b""
        self._held.append(gone(raw))
        return self.output.write([own(raw)])

    def _flush(self, raw: bytes = b"") -> bytes:
        if self._drawing:
            if raw:
                self._held.append(Piece(raw))
            return b""
        for slot in self._slots.values():
            if slot.holding:  # what leaves must be decided
                self._insert(slot.settle())
        if self._late:
            self._catch_up()
        for record in self._touched:
            record.locate()
        self._touched.clear()
        self._end_at = -1
        if self.job.stops:
            for slot in self._slots.values():
                slot.left()
        if not self._held:
            self.output.passed(len(raw))
            return raw
        held, self._held = self._held, []
        return self.output.write([*held, Piece(raw)] if raw else held)

    # Pictures.

    def _picture(self, record: Record, part: Picture) -> None:
        self._touched.append(record)
        given = Given(part.form, part.text, spelled(part.path))
        self.pictures.add(given, partial(record.replace, Range(part.path, part.text, 0, len(part.text))))

    def _look(self, slot: Slot | None, record: Record, part: Text) -> None:
        """Look for pictures within a text, which may have begun in an earlier piece of it. Without a
        slot nobody else keeps the text's end."""
        if part.whole:
            for start, end in within(part.text):
                self._collected(part.text[start:end], [((record, part), start, end)])
            return
        watch = self._watches.get(part.slot)
        if watch is None:
            if slot is not None and not slot.begins_picture(part.text):
                return
            watch = self._watches[part.slot] = Watch(self.job.limits.record)
        for content, runs in watch.feed((record, part), part.text, slot.recent if slot else None):
            self._collected(content, runs)

    def _ended(self, index: int) -> None:
        """The text of an answer is over, and so is a picture in it."""
        watch = self._watches.get(index)
        if watch is not None and watch.open:
            self._collected(*watch.end())

    def _collected(self, content: str, runs: list[Run]) -> None:
        if len(content) < SHORTEST:
            return
        (_, part), _, _ = runs[0]
        self._touched += [record for (record, _), _, _ in runs]
        given = Given("base64", content, spelled(part.path), within=True)
        self.pictures.add(given, partial(_put, runs))


def like(slot: Slot) -> tuple[Any, sse.Event]:
    """The document and the event after which one of our own for this answer is made."""
    last = slot.last
    return (last.doc, last.event) if isinstance(last, Record) else (last, _LIKE)


def own(data: bytes) -> Piece:
    """An event of ours."""
    piece = Piece(b"")
    piece.add(0, data)
    return piece


def gone(raw: bytes) -> Piece:
    """What came and does not leave."""
    piece = Piece(raw)
    piece.add(0, b"", removed=raw)
    return piece


def beside(sidecar: bytes, chunk: bytes) -> bytes:
    """A document with the `aigc` object, if there is one to give."""
    return b'{"aigc":%s,%s' % (sidecar, chunk[1:]) if sidecar else chunk


def _put(runs: list[Run], content: bytes) -> None:
    """Write a picture over the pieces in which the original came."""
    for (record, part), start, end in runs:
        record.replace(Range(part.path, part.text, start, end), content)
        content = b""


_LIKE = sse.Event(b"", (), b"data: ", b"\n")
