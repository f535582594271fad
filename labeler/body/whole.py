"""A complete JSON answer: read once, labels spliced into its string literals."""

from __future__ import annotations

from typing import Any

from labeler.body.base import Body, Job
from labeler.body.places import insert_member, insert_words, move_offsets, moved
from labeler.body.splice import Piece
from labeler.dialects.base import Shift, Text, Tool
from labeler.errors import ContentError
from labeler.framing import json_text
from labeler.framing.sse import BOM
from labeler.labels.slot import whole
from labeler.values import SlotOutcome, Stamp


class JsonBody(Body):
    """Keeps the answer to its end; white space before it (a keep-alive) passes at once."""

    kind = "json"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._kept: list[bytes] = []
        self._size = 0
        self._slots: tuple[SlotOutcome, ...] = ()

    def feed(self, data: bytes) -> bytes:
        if not self._kept and not data.lstrip():
            self.output.passed(len(data))
            return data
        if self.failure:
            return self._pass(data)
        self._kept.append(data)
        self._size += len(data)
        if self._size > self.job.limits.response:
            self._fail(f"the answer is longer than {self.job.limits.response} bytes (limits.response)")
            return self._release()
        return b""

    def close(self, *, clean: bool = True) -> bytes:
        if self.failure:
            return b""
        data = b"".join(self._kept)
        if not clean:
            self._fail("the upstream broke off")
            return self._release()
        if not data:
            self._slots = ()
            return b""
        piece = Piece(data)
        try:
            self._label(piece)
        except ContentError as error:
            self._fail(str(error))
            return self._release()
        return self.output.write([piece])

    def slots(self) -> tuple[SlotOutcome, ...]:
        return self._slots

    def _label(self, piece: Piece) -> None:
        lead = len(BOM) if piece.raw.startswith(BOM) else 0
        payload = piece.raw[lead:]
        try:
            doc = json_text.loads(payload)
        except ValueError as error:
            msg = f"the answer is no JSON: {error}"
            raise ContentError(msg) from None
        if isinstance(doc, dict) and doc.get("error") and not doc.get("choices"):
            self.notes.append("error body")
            return
        self._answers(piece, payload, lead, list(self.job.dialect.parts(doc)))
        sidecar = self.job.sidecar if self.job.beside else b""
        if any(slot.reason == "JSON answer" for slot in self._slots):
            sidecar = sidecar or self.json_answer()
        if sidecar:
            insert_member(piece, payload, lambda at: at + lead, "aigc", sidecar)

    def _answers(self, piece: Piece, payload: bytes, lead: int, parts: list[Any]) -> None:
        if self.job.mute:
            self._slots = self.muted()
            return
        indices = sorted({part.slot for part in parts if isinstance(part, Text | Tool)}) or [0]
        found = []
        for index in indices:
            own = [part for part in parts if getattr(part, "slot", None) == index]
            said, reason = self._answer(piece, payload, lead, own)
            number = self.number(index, len(indices))
            found.append(SlotOutcome(index, number, "applied" if said else "skipped", reason, said))
        self._slots = tuple(found)

    def _answer(
        self, piece: Piece, payload: bytes, lead: int, parts: list[Any]
    ) -> tuple[tuple[Stamp, ...], str]:
        def where(at: int) -> int:
            return at + lead

        texts = [part for part in parts if isinstance(part, Text)]
        tool = any(isinstance(part, Tool) for part in parts)
        joined = texts[0].text if len(texts) == 1 else "".join(text.text for text in texts)
        inserts, said, reason = whole(joined, self.job.plan, tool=tool)
        for text, own in spread(texts, inserts):
            insert_words(piece, payload, where, text, own)
        for shift in parts:
            if isinstance(shift, Shift):
                values = [
                    moved(value, [i for i in inserts if i[0] < len(joined)], end=shift.end)
                    for value in shift.values
                ]
                move_offsets(piece, payload, where, shift, values)
        return said, reason

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self.broken = self.job.on_failure == "block"

    def _release(self) -> bytes:
        data = b"".join(self._kept)
        self._kept.clear()
        return self._pass(data)

    def _pass(self, data: bytes) -> bytes:
        if self.broken:
            return b""
        self.output.passed(len(data))
        return data


def spread(texts: list[Text], inserts: list[tuple[int, str]]) -> list[tuple[Text, list[tuple[int, str]]]]:
    """Insertions into the joined texts, sorted to the text that each falls into."""
    spread: list[tuple[Text, list[tuple[int, str]]]] = []
    start = 0
    for text in texts:
        end = start + len(text.text)
        last = text is texts[-1]
        own = [(at - start, words) for at, words in inserts if start <= at < end or (last and at == end)]
        if own:
            spread.append((text, own))
        start = end
    return spread
