"""A complete JSON answer: read once, labels spliced into its string literals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from labeler.body.base import BROKEN_OFF, UPSTREAM_ERROR, Body, Job
from labeler.body.pictures import Given, spelled, within
from labeler.body.places import Range, Source, moved
from labeler.body.splice import Piece
from labeler.dialects.base import Broken, Part, Picture, Shift, Text, Tool
from labeler.errors import ContentError
from labeler.framing import json_text
from labeler.framing.sse import BOM
from labeler.labels.heard import pictured
from labeler.labels.opening import JSON_ANSWER
from labeler.labels.plan import Plan
from labeler.labels.reading import Reader, told
from labeler.labels.whole import instead, visible, whole
from labeler.values import Guarded, SlotOutcome, State


class JsonBody(Body):
    """Keeps the answer to its end; white space before it (a keep-alive) passes at once."""

    kind = "json"

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._kept: list[bytes] = []
        self._size = 0
        self._slots: tuple[SlotOutcome, ...] = ()
        self._piece = Piece(b"")
        self._source: Source | None = None
        self._doc: Any = None

    def feed(self, data: bytes) -> bytes:
        if self.failure:
            return self._pass(data)
        self._size += len(data)
        if self._size > self.job.limits.response:
            self._fail(f"the answer is longer than {self.job.limits.response} bytes (limits.response)")
            return self._release() + self._pass(data)
        if not self._kept and not data.lstrip():
            self.output.passed(len(data))
            return data
        self._kept.append(data)
        return b""

    def close(self, *, clean: bool = True) -> bytes:
        if self.failure:
            return b""
        data = b"".join(self._kept)
        if not clean:
            self._fail(BROKEN_OFF)
            return self._release()
        if not data:
            self.reason = "no body"
            return b""
        self._piece = Piece(data)
        try:
            self._label(self._piece)
        except ContentError as error:
            self._fail(str(error))
            return self._release()
        return b"" if self.pictures.new else self.settled()

    def settled(self) -> bytes:
        if self._source is not None:
            self._source.locate()
        return self.output.write([self._piece])

    def slots(self) -> tuple[SlotOutcome, ...]:
        return self._slots

    def _label(self, piece: Piece) -> None:
        lead = len(BOM) if piece.raw.startswith(BOM) else 0
        payload = piece.raw[lead:] if lead else piece.raw
        try:
            doc = json_text.loads(payload)
        except ValueError as error:
            msg = f"the answer is no JSON: {error}"
            raise ContentError(msg) from None
        if isinstance(doc, dict) and not doc.get("choices") and self.job.dialect.refused(doc):
            self.reason = "error body"
            return
        alone = None if self.job.mute or self.job.beside else self.job.dialect.alone(doc)
        if alone is not None and self._alone(piece, payload, lead, alone):
            return
        self._doc = doc
        source = self._source = Source(piece, payload, lead)
        answers = _answers(self._parts(doc))
        if self.job.mute:
            self._slots = self.muted()
        else:
            self._slots = tuple([self._answer(source, one, len(answers)) for one in answers if one.spoken])
        if self.pictures.wanted:
            self._draw(source, answers)
        sidecar = self.job.sidecar if self.job.beside else b""
        if JSON_ANSWER in [slot.reason for slot in self._slots]:
            sidecar = sidecar or self.json_answer()
        if sidecar and isinstance(doc, dict) and "aigc" not in doc:
            source.insert_member("aigc", sidecar)

    def _alone(self, piece: Piece, payload: bytes, lead: int, one: Text) -> bool:
        """Label the usual answer: one text, of which a reader says no more than what it adds to its end;
        False, and nothing is done, where it is another one."""
        text = one.text
        if self.job.stops or (self.pictures.wanted and pictured(text)):
            return False
        reader, _ = self._read(text)
        plan = self.job.plan if reader is None else self.job.plan.with_more(reader.more)
        inserts, said, reason = whole(text, plan)
        if reason == JSON_ANSWER:
            return False
        if inserts:
            start, end = json_text.find_string(payload, one.path, text)
            for at, words in inserts:
                piece.add(lead + json_text.place_in(payload, start, end, text, at), json_text.inner(words))
        state: State = "applied" if said else "skipped"
        self._slots = (SlotOutcome(one.slot, self.job.number, state, reason, said, *told(reader)),)
        return True

    def _read(self, text: str) -> tuple[Reader | None, Guarded | None]:
        """Who has read a whole text, None where nobody would find anything; and what stops the answer."""
        reads = self.job.reads
        if reads is None or reads.idle(text):
            return None, None
        reader = reads.new()
        return reader, reader.feed(visible(text)) or reader.end()

    def _parts(self, doc: Any) -> list[Part]:
        """The parts of a document. One into which no text goes may have any shape; in one that its
        dialect does not know there is no place for a picture either."""
        try:
            parts = list(self.job.dialect.parts(doc))
        except ContentError:
            if self.job.mute:
                return []
            raise
        return self.known(parts)

    def _draw(self, source: Source, answers: list[_One]) -> None:
        """Hand the pictures out: those in places of their own, and those within texts."""
        found: list[tuple[Range, Given]] = []
        for one in answers:
            for picture in one.pictures:
                range_ = Range(picture.path, picture.text, 0, len(picture.text))
                found.append((range_, Given(picture.form, picture.text, spelled(picture.path))))
            for text in one.texts:
                for start, end in within(text.text) if pictured(text.text) else ():
                    given = Given("base64", text.text[start:end], spelled(text.path), within=True)
                    found.append((Range(text.path, text.text, start, end), given))
        for range_, given in found:
            self.pictures.add(given._replace(alone=len(found) == 1), partial(source.replace, range_))

    def _answer(self, source: Source, one: _One, count: int) -> SlotOutcome:
        texts = one.texts
        joined = texts[0].text if len(texts) == 1 else "".join([text.text for text in texts])
        plan = self.job.plan
        reader, stopped = self._read(joined)
        if reader is not None:
            if stopped is not None:
                return self._instead(source, one, count, plan, stopped, reader)
            plan = plan.with_more(reader.more)
        inserts, said, reason = whole(joined, plan, tool=one.tool or one.broken)
        if len(texts) == 1:
            source.insert_words(texts[0], inserts)
        else:
            for text, own in _spread(texts, inserts):
                source.insert_words(text, own)
        if one.shifts:
            before = [(at, words) for at, words in inserts if at < len(joined)]
            for shift in one.shifts:
                base = shift.values[0] if shift.based else 0
                values = [base + moved(value - base, before, end=shift.end) for value in shift.values]
                source.move_offsets(shift, values)
        state: State = "applied" if said else "skipped"
        if one.broken:
            state, reason = ("degraded" if said else "skipped"), UPSTREAM_ERROR
        return SlotOutcome(one.index, self.number(one.index, count), state, reason, said, *told(reader))

    def _instead(
        self, source: Source, one: _One, count: int, plan: Plan, stopped: Guarded, reader: Reader
    ) -> SlotOutcome:
        """A guard stops this answer: safe words stand for it, and nothing that was generated stays."""
        words = instead(stopped.words, plan)
        path, value = self.job.dialect.instead(self._doc, one.index, words)
        source.replace_value(path, json.dumps(value, separators=(",", ":")).encode("ascii"))
        one.pictures.clear()
        one.texts.clear()
        number = self.number(one.index, count)
        return SlotOutcome(one.index, number, "applied", stopped.rule, plan.said, *told(reader))

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self.broken = self.job.on_failure == "block"

    def _release(self) -> bytes:
        data = b"".join(self._kept)
        self._kept.clear()
        return self._pass(data)


@dataclass(slots=True)
class _One:
    """What a document holds of one answer."""

    index: int
    texts: list[Text] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    tool: bool = False
    broken: bool = False

    @property
    def spoken(self) -> bool:
        """Whether there is more to it than pictures."""
        return bool(self.texts or not self.pictures or self.tool or self.broken)


def _answers(parts: Iterable[Part]) -> list[_One]:
    """The answers of a document, in order of their index."""
    found: dict[int, _One] = {}
    for part in parts:
        if isinstance(part, Text | Tool | Shift | Broken | Picture):
            one = found.get(part.slot)
            if one is None:
                one = found[part.slot] = _One(part.slot)
            if isinstance(part, Text):
                one.texts.append(part)
            elif isinstance(part, Tool):
                one.tool = True
            elif isinstance(part, Broken):
                one.broken = True
            elif isinstance(part, Picture):
                one.pictures.append(part)
            else:
                one.shifts.append(part)
    return sorted(found.values(), key=lambda one: one.index) if len(found) > 1 else list(found.values())


def _spread(
    texts: list[Text], inserts: list[tuple[int, str]]
) -> Iterator[tuple[Text, list[tuple[int, str]]]]:
    """Insertions into the joined texts, sorted to the text that each falls into."""
    start = 0
    for text in texts:
        end = start + len(text.text)
        last = text is texts[-1]
        own = [(at - start, words) for at, words in inserts if start <= at < end or (last and at == end)]
        if own:
            yield text, own
        start = end
