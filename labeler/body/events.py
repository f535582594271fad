"""A stream of server-sent events as bytes: cut into events, a run of them read in one go."""

from __future__ import annotations

from typing import Any

from labeler.body.base import BROKEN_OFF, Body, Job, Stopped
from labeler.body.mould import Mould, mould
from labeler.body.queue import Record
from labeler.body.records import DONE, Records
from labeler.body.splice import Piece
from labeler.body.whole import JsonBody
from labeler.errors import ContentError
from labeler.framing import json_text, sse
from labeler.framing.sniff import BLANK
from labeler.labels.heard import OPEN
from labeler.labels.slot import Slot
from labeler.values import SlotOutcome

_loads = json_text.loads_fast
_NEXT = b"\n\ndata: "
_LF = 0x0A
_FOLD = 1 << 16
"""Bytes of events after which the text in them is let go, but for its end."""
_MOULDS = 8
"""How many moulds may be made in vain until no more are."""
_SMALL = 1 << 16
"""An event longer than this is put together from its pieces once, not with every one of them."""


class EventBody(Records):
    """Cuts the bytes of a stream into events, and takes many of them at once where it can."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._splitter = sse.Splitter(job.limits.record)
        self._rest = self._splitter.rest
        self._alone: JsonBody | None = None
        self._limit = job.limits.record
        self._plain = _closer_look if job.stops else job.dialect.plain
        self._pictured = self.pictures.wanted
        self._ahead: tuple[bytes, Any, tuple[int, str] | None] | None = None  # an event that was read already
        self._mould: Mould | None = None
        self._moulds = _MOULDS
        self._full = _FOLD  # the length of the output at which texts are let go

    def feed(self, data: bytes) -> bytes:
        if self._passing:
            return self._unread(data) if self.failure else self._pass(data)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] is data:
            return self._single(*ahead)
        rest = self._rest
        if len(rest) < _SMALL and len(rest) + len(data) <= self._limit:
            if rest:
                data = self._splitter.take() + data
            cut = data.rfind(b"\n\n") + 2
            if cut > 1 and data.startswith(b"data: {") and b"\r" not in data:
                parts = data[6 : cut - 2].split(_NEXT)
                lone = data.count(b"\n", 0, cut) - 2 * len(parts)  # line ends within an event
                if not lone and (docs := _documents(parts)):
                    out = self._run(data, cut, parts, docs)
                    return out if cut == len(data) or self._passing else out + self._slowly(data[cut:])
        return self._slowly(data)

    def close(self, *, clean: bool = True) -> bytes:
        if self._passing:
            return b""
        rest = bytes(self._rest)
        if rest.lstrip(BLANK).startswith(b"{") and not self._shapes.known:
            return self._document_alone(rest, clean=clean)
        out: list[bytes] = []
        try:
            if not clean and any(watch.open for watch in self._watches.values()):
                raise ContentError(BROKEN_OFF)
            self._splitter.close()
            if rest and (clean or rest.endswith((b"\n", b"\r"))):  # its lines are whole
                self._unended = _missing_end(rest)
                out.append(self._record(rest))
                if self.stopped:
                    return b"".join(out)
            elif rest:  # torn: whatever it was to be, it is none of our failures
                self._held.append(Piece(rest))
            rest = b""
            out.append(self._end(clean=clean))
            if clean:
                self._shapes.end()
        except Stopped:
            out.append(self._stop(rest))
        except ContentError as error:
            out.append(self._failed(str(error), rest))
        if self._sidecar and not self.failure:
            self.notes.append("sidecar: no event was left to carry it")
        return b"".join(out)

    def settled(self) -> bytes:
        return self._alone.settled() if self._alone else super().settled()

    def withheld(self, reason: str) -> bytes:
        return Body.withheld(self, reason) if self._alone else super().withheld(reason)

    def slots(self) -> tuple[SlotOutcome, ...]:
        return self._alone.slots() if self._alone else super().slots()

    def _document_alone(self, data: bytes, *, clean: bool) -> bytes:
        """A JSON body that was announced as a stream (an error, mostly) is what it is."""
        body = self._alone = JsonBody(self.job)
        body.output, body.pictures = self.output, self.pictures
        out = body.feed(data) + body.close(clean=clean)
        self.failure, self.broken, self.reason = body.failure, body.broken, body.reason
        return out

    # The quick way: events of one line, read all at once; those with text of answers that are open,
    # and nothing else that counts, leave without a further look.

    def passes(self, data: Any) -> bool:
        """The usual message: one event, with text of an answer that is open."""
        if type(data) is not bytes or self._passing or self._rest or self._held or self._sidecar:
            return False
        size = len(data)
        if size > self._limit:
            return False
        text: Any = None
        if self._mould is not None:
            start, end, string, index, doc = self._mould
            slot = self._slots[index]
            if data.startswith(start) and data.endswith(end) and slot.state == OPEN and not slot.tool:
                try:
                    text = _loads(data[string])
                except ValueError:
                    text = None  # it is no string that stands in the mould
        if not text:
            found = self._open_text(data)
            if found is None:
                return False
            slot, text, doc = found
        if text:
            if "," in text and self._pictured and slot.begins_picture(text):
                return False
            slot.run(text)
            slot.last = doc
        length = self.output.length = self.output.length + size
        if length > self._full:
            self._fold()
        return True

    def _open_text(self, data: bytes) -> tuple[Slot, str, Any] | None:
        """What such an event says, and to which answer, read as a whole; None where there is more in it."""
        if data.find(b"\n") != len(data) - 2 or data[-1] != _LF or b"\r" in data:
            return None
        if not data.startswith(b"data: {"):
            return None
        try:
            doc = _loads(data[6:])
        except ValueError:
            return None
        found = self._plain(doc)
        slot = None if found is None else self._slots.get(found[0])
        if found is None or slot is None or slot.state != OPEN or slot.tool:
            self._ahead = data, doc, found
            return None
        if found[1] and self._moulds:
            served = self._mould is not None and slot.last is self._mould.doc
            self._moulds = _MOULDS if served else self._moulds - 1
            self._mould = mould(data, doc, found, self._plain)
        return slot, found[1], doc

    def _single(self, data: bytes, doc: Any, found: tuple[int, str] | None) -> bytes:
        """An event that was read already, and in which there is more than text of an open answer."""
        if found is not None and not found[1]:
            self._shapes.known = True
            self.output.passed(len(data))
            return data
        try:
            return self._one(data, data[6:-2], doc)
        except ContentError as error:
            return self._failed(str(error), data)

    def _fold(self) -> None:
        """Let texts go, but for their ends."""
        self._full = self.output.length + _FOLD
        for slot in self._slots.values():
            slot.fold()

    def _run(self, data: bytes, cut: int, parts: list[bytes], docs: list[Any]) -> bytes:
        plain, slots = self._plain, self._slots
        out: list[bytes] = []
        start = at = 0
        try:
            for part, doc in zip(parts, docs, strict=False):
                end = at + len(part) + 8
                found = None if self._held or self._sidecar else plain(doc)
                if found is not None:
                    index, text = found
                    slot = slots.get(index)
                    if not text or (
                        slot is not None
                        and slot.state == OPEN
                        and not slot.tool
                        and not ("," in text and self._pictured and slot.begins_picture(text))
                    ):
                        if text:
                            slot.run(text)  # type: ignore[union-attr]
                            slot.last = doc  # type: ignore[union-attr]
                        at = end
                        continue
                self._passed(data, start, at, out)
                start = at
                out.append(self._one(data[at:end], part, doc))
                if self.stopped:
                    return b"".join(out)
                start = at = end
            self._passed(data, start, at, out)
            if at < cut:
                start = at
                out.append(self._record(data[at:cut]))
        except ContentError as error:
            out.append(self._failed(str(error), data[start:]))
        if self.output.length > self._full:
            self._fold()
        return out[0] if len(out) == 1 else b"".join(out)

    def _passed(self, data: bytes, start: int, end: int, out: list[bytes]) -> None:
        if end > start:
            self._shapes.known = True
            self.output.passed(end - start)
            out.append(data if end - start == len(data) else data[start:end])

    def _one(self, raw: bytes, payload: bytes, doc: Any) -> bytes:
        if not isinstance(doc, dict):
            return self._record(raw)
        event = sse.Event(payload, ((0, 6, len(payload)),), b"data: ", b"\n")
        return self._document(Record(raw, event, doc))

    def _slowly(self, data: bytes) -> bytes:
        out: list[bytes] = []
        records: list[bytes] = []
        left = 0
        try:
            while records := self._splitter.feed(data):
                data, left = b"", 0
                for raw in records:
                    out.append(self._record(raw))
                    if self.stopped:
                        return b"".join(out)
                    left += 1
        except ContentError as error:
            out.append(self._failed(str(error), b"".join(records[left:]) + self._splitter.take()))
        return b"".join(out)


def _closer_look(doc: Any) -> None:
    """No event is plain where a guard reads along."""


def _missing_end(record: bytes) -> bytes:
    """The line ends that a last record lacks before another one can follow it."""
    if record.endswith(b"\r"):
        return b"\r"
    return b"\n" if record.endswith(b"\n") else b"\n\n"


def _documents(parts: list[bytes]) -> list[Any]:
    """The documents of events, read in one go; none where one of them is no JSON."""
    if parts[-1] == DONE:
        parts = parts[:-1]
    try:
        if len(parts) == 1:
            return [json_text.loads_fast(parts[0])]
        docs: list[Any] = json_text.loads_fast(b"[%s]" % b",".join(parts))
    except ValueError:
        return []
    return docs if len(docs) == len(parts) else []
