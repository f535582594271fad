"""Labeler, the library's face: one immutable object that decides and labels for everybody."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from random import getrandbits
from typing import Any, Generic, TypeVar, Unpack

from labeler.about import About, exchange_of
from labeler.answer import Answer, Step
from labeler.body import Limits
from labeler.claims import Claim, Claims
from labeler.config import Service, load
from labeler.dialects import DIALECTS, Dialect
from labeler.errors import BlockedError, ContentError, LabelerError, PolicyError
from labeler.fetch import Fetching, fetch
from labeler.filing import disclosure, filed
from labeler.images import ImageCall, Source, drawing_of, studio
from labeler.number import content_number
from labeler.observed import ObservedAnswer
from labeler.picture import Drawing, Only
from labeler.policy import decide, reading
from labeler.reminders import Reminders
from labeler.request import Request, read_request
from labeler.response import Setting, told
from labeler.telling import Telling
from labeler.tenants import Tenants
from labeler.texts import TextCall
from labeler.values import Exchange, Outcome, Verdict

log = logging.getLogger("labeler")
OnOutcome = Callable[[Outcome], None]
Content = TypeVar("Content", str, bytes)
_REASONS = 1000  # counted apart; what comes after that is counted together


@dataclass(frozen=True, slots=True)
class Labelled(Generic[Content]):
    """A labelled text or body, and what was done to it."""

    content: Content
    outcome: Outcome


class Labeler:
    """Decides and labels by the policies of one service. Immutable: share it between threads and
    tasks. `on_outcome` is called with the Outcome of every response, right after its end."""

    def __init__(self, service: Service, *, on_outcome: OnOutcome | None = None) -> None:
        self.service = service
        self._on_outcome = on_outcome
        self._setting = Setting(
            limits=Limits(service.limits.response, service.limits.record, service.limits.answer),
            labeler_header=service.headers.labeler,
            ai_disclosure=service.headers.ai_disclosure,
            filing=filed(service) if service.headers.filing else None,
            observe=service.mode == "observe",
            provider=service.provider.name if service.provider else "",
        )
        self._marks = (service.policies.marks.starts, service.policies.marks.ends)
        self._claims = Claims(service)
        self.tenants = Tenants(service)
        self.reminders = Reminders(service)
        self._telling = Telling(service)
        self.studio = studio(service)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__:
            msg = f"a Labeler is immutable: make another one for another {name}"
            raise AttributeError(msg)
        super().__setattr__(name, value)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | None = None, *, on_outcome: OnOutcome | None = None
    ) -> Labeler:
        """Read labeler.yaml, or take the shipped policies alone. Raises PolicyError with all that
        is wrong, at once."""
        return cls(load(path), on_outcome=on_outcome)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many outcomes there were, by state and reason (`applied`, `skipped: unclaimed` …)."""
        with self._lock:
            return dict(self._counts)

    # The library: texts, streams of texts, response bodies.

    def text(self, text: str, **about: Unpack[About]) -> Labelled[str]:
        """Label a complete text.

        Raises BlockedError where the policy forbids that it goes out, PolicyError for a scenario
        that no policy has.
        """
        call = self._call(about, whole=True)
        try:
            out = call.put(text) + call.end()
        finally:
            outcome = self.record(call.outcome())
        return Labelled(out, outcome)

    def stream(self, pieces: Iterable[str], **about: Unpack[About]) -> Iterator[str]:
        """Label a text that comes in pieces; each leaves as soon as it is sure how the text begins.

        Raises as `text`, in the middle of the stream too. The Outcome goes to `on_outcome`.
        """
        call = self._call(about)
        try:
            for piece in pieces:
                if out := call.put(piece):
                    yield out
                if call.over:
                    break
            if out := call.end():
                yield out
        finally:
            self.record(call.outcome())

    async def astream(self, pieces: AsyncIterable[str], **about: Unpack[About]) -> AsyncIterator[str]:
        """As `stream`, for an asynchronous source; a generator is closed with it."""
        call = self._call(about)
        try:
            async for piece in pieces:
                if out := call.put(piece):
                    yield out
                if call.over:
                    break
            if out := call.end():
                yield out
        finally:
            self.record(call.outcome())
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    def body(
        self,
        body: bytes,
        *,
        request: bytes = b"",
        dialect: str = "openai-chat",
        content_type: str = "application/json",
        **about: Unpack[About],
    ) -> Labelled[bytes]:
        """Label a whole response body: JSON, or server-sent events under `text/event-stream`.

        `request` is the body of the request that it answers: the question, the model and whether
        text may be inserted are read from it. Raises as `text`.
        """
        if dialect not in DIALECTS:
            msg = f"there is no dialect {dialect!r}; known: {', '.join(DIALECTS)}"
            raise LabelerError(msg)
        spoken = DIALECTS[dialect]
        read = self.request(Claim("", spoken), {}, request) if request else None
        exchange = exchange_of(about, self.number(), read)
        answer = self.open(spoken, exchange, read, decide(self.service.policies, exchange))
        steps = [
            answer.begin(200, [(b"content-type", content_type.encode("latin-1"))]),
            answer.feed(body),
            *_drawn(answer, self.studio.fetching),
            answer.close(),
            *_drawn(answer, self.studio.fetching),
        ]
        outcome = self.record(answer.outcome())
        if answer.broken or (answer.over and not answer.stopped):
            raise BlockedError(outcome.reason)
        return Labelled(b"".join(data for _, data in steps), outcome)

    def label_image(
        self, image: Source, *, only: Only = "", derived: bool = False, **about: Unpack[About]
    ) -> Labelled[bytes]:
        """Label one picture: a file's bytes, its path, or a `PIL.Image`, which becomes a PNG file.

        `only` leaves one of the two labels out: `visible` or `record`. `derived`: the content number
        comes from the bytes, so that the same picture gives the same file every time. The visible label follows
        GB 45438-2025, 5.2, the implicit record its chapter 6. Raises ContentError where the picture
        cannot be read, or a label that has to be there cannot; MissingExtra for a format whose package
        is not installed; PolicyError for a scenario that no policy has.
        """
        exchange = exchange_of(about, self.number())
        verdict = decide(self.service.policies, exchange)
        drawing = Drawing.of(self.studio, verdict, exchange.number, derived=derived, only=only)
        call = ImageCall(verdict, exchange, self._setting, drawing)
        try:
            out = call(image)
        finally:
            outcome = self.record(call.outcome())
        return Labelled(out, outcome)

    # What the middleware drives: a path, a request, an answer, an outcome.

    def claim(self, path: str, method: str) -> Claim:
        """Who reads the responses of a path, or why nobody does."""
        return self._claims(path, method)

    def request(self, claim: Claim, headers: Mapping[str, str], body: bytes, query: bytes = b"") -> Request:
        """Read a claimed request; its body goes on to the upstream without our own marks."""
        assert claim.dialect is not None
        marks = ((), ()) if self._setting.observe else self._marks
        return read_request(claim.dialect, headers, body, marks, query)

    def decide(self, exchange: Exchange) -> Verdict | PolicyError:
        """What has to be said in the answer to an exchange. An error says what is wrong with what the app
        asked for (a scenario that no policy has); such an answer is blocked."""
        try:
            return decide(self.service.policies, exchange)
        except PolicyError as error:
            return error

    def open(
        self,
        dialect: Dialect,
        exchange: Exchange,
        request: Request | None,
        verdict: Verdict | PolicyError,
        *,
        assume_visible: bool = False,
    ) -> Answer:
        """Open the answer to an exchange on which was decided. `assume_visible`: the upstream draws a
        visible label into its pictures."""
        mute, notes = (request.asked.mute, request.notes) if request else ("", ())
        draw = reads = None
        if isinstance(verdict, Verdict):
            draw = drawing_of(self.studio, verdict, exchange, assumed=assume_visible)
            reads = reading(self.service.policies, verdict, exchange)
        kind = ObservedAnswer if self._setting.observe else Answer
        return kind(dialect, exchange, verdict, self._setting, mute=mute, notes=notes, draw=draw, reads=reads)

    def end(self, answer: Answer) -> None:
        """Account for the answer: count it, and tell whoever wants to know."""
        if self._on_outcome is not None or self._telling.wanted or self._setting.observe:
            self._telling(answer.exchange, self.record(answer.outcome()))
        else:
            self._count(*answer.result())

    def record(self, outcome: Outcome) -> Outcome:
        """Count an outcome and hand it to the hook; a hook that fails does not harm the answer."""
        self._count(outcome.state, outcome.reason)
        if outcome.observed:
            log.info("observed, nothing changed: %s", told(outcome))
        if self._on_outcome is not None:
            try:
                self._on_outcome(outcome)
            except Exception:
                log.exception("the on_outcome hook failed")
        return outcome

    def disclosure(self) -> dict[str, Any]:
        """What a service has to publish about itself, for a page or an endpoint of its own: provider, filed
        models with the words of the notice (备案号, 上线编号), policies. The gateway serves it under
        `/.well-known/aigc-disclosure`."""
        return disclosure(self.service)

    def close(self) -> None:
        """Let notices to webhooks leave that still wait, for some seconds: at a server's end. More may come."""
        self._telling.close()

    def _count(self, state: str, reason: str) -> None:
        name = f"{state}: {reason.partition(':')[0]}" if reason else state
        with self._lock:
            self._counts[name if name in self._counts or len(self._counts) < _REASONS else "other"] += 1

    def number(self) -> str:
        """A new content number: a sortable UUID (version 7)."""
        return content_number(time.time_ns() // 1_000_000, getrandbits(80))

    def _call(self, about: About, *, whole: bool = False) -> TextCall:
        exchange = exchange_of(about, self.number())
        verdict = decide(self.service.policies, exchange)
        reads = reading(self.service.policies, verdict, exchange)
        return TextCall(verdict, exchange, self._setting, reads, whole=whole)


def _drawn(answer: Answer, rule: Fetching) -> Iterator[Step]:
    """Work on the pictures that came, here and now."""
    for work in answer.take():
        if work.away:
            try:
                work.fetched(fetch(work.away, rule))
            except ContentError as error:
                work.fetched(error)
        work.run()
        yield answer.settle(work)
