"""One response on its way out: decided, labelled, accounted for. No sockets, no event loop.

`begin` takes the response's start, `feed` and `close` its body; each gives what is to be sent
now: the start (once, else None) and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from labeler.body import Body, EventBody, Job, JsonBody, TextBody
from labeler.dialects import Dialect
from labeler.errors import ContentError, LabelerError
from labeler.framing.coding import IDENTITY, KNOWN, Decoder
from labeler.headers import RawHeaders, blocked, first, relabelled
from labeler.labels.header import labeler_field
from labeler.labels.plan import Plan, plan
from labeler.response import Setting, Start, disclosure, sidecar, summary, unlabelled
from labeler.values import Exchange, Outcome, State, Verdict

Step = tuple[Start | None, bytes]
_EVENT_STARTS = (b"data:", b"event:", b":", b"id:", b"retry:")


class Answer:
    """The state of one response. `broken` asks the driver to break the transfer off."""

    def __init__(
        self,
        dialect: Dialect,
        exchange: Exchange,
        verdict: Verdict | LabelerError,
        setting: Setting,
        *,
        mute: str = "",
        notes: Iterable[str] = (),
    ) -> None:
        """`mute` says why no text may be put into this answer (structured output, prefill …). A
        verdict that is an error is the fault of whoever configures: the response is blocked."""
        self.broken = False
        self._dialect = dialect
        self._exchange = exchange
        self._verdict = verdict if isinstance(verdict, Verdict) else None
        self._failure = "" if isinstance(verdict, Verdict) else str(verdict)
        self._setting = setting
        self._mute = mute
        self._notes = list(notes)
        self._start = Start(0, [])
        self._body: Body | None = None
        self._direct: Body | None = None  # the body, once nothing else stands between it and the driver
        self._plan = Plan()
        self._decoder: Decoder | None = None
        self._charset = "utf-8"
        self._reason = ""
        self._sent = self._over = False
        self._sniffed = b""

    def begin(self, status: int, headers: RawHeaders) -> Step:
        """Take the response's start."""
        step = self._begin(status, headers)
        return (Start(status, headers), b"") if self._setting.observe else step

    def feed(self, data: bytes) -> Step:
        """Take the next bytes of the body."""
        if self._direct is not None:
            out = self._direct.feed(data)
            if out is not data:
                self.broken = self._direct.broken
            return None, out
        step = self._feed(data)
        return (None, data) if self._setting.observe else step

    def close(self, *, clean: bool = True) -> Step:
        """End the body; `clean` is false where the upstream broke off."""
        step = self._close(clean=clean)
        if self._setting.observe:
            self.broken = False
            return None, b""
        return step

    def result(self) -> tuple[State, str]:
        """The state of this response and its reason; ask at its end."""
        slots = self._body.slots() if self._body else ()
        failure = self._failure or (self._body.failure if self._body else "")
        state, reason = summary(slots, failure, self._reason)
        return ("failed" if self.broken or (failure and self._over) else state), reason

    def outcome(self) -> Outcome:
        """What was done to this response, and why; ask at its end."""
        state, reason = self.result()
        body = self._body
        return Outcome(
            state=state,
            reason=reason,
            route=self._exchange.route,
            dialect=self._dialect.name,
            number=self._exchange.number,
            stream=body is not None and body.kind != "json",
            observed=self._setting.observe,
            verdict=self._verdict,
            slots=body.slots() if body else (),
            edits=body.output.edits if body else (),
            notes=(*self._notes, *(body.notes if body else ())),
        )

    # How a response begins.

    def _begin(self, status: int, headers: RawHeaders) -> Step:
        self._start = Start(status, headers)
        if reason := unlabelled(status, self._exchange):
            self._reason = reason
            return self._send("skipped", reason), b""
        if self._failure or self._verdict is None:
            return self._fail(self._failure)
        if self._mute and self._verdict.structured == "block":
            return self._fail(f"{self._mute}, and the policy says `structured: block`")
        fields = {name.lower(): value for name, value in headers}
        coding = fields.get(b"content-encoding", b"").decode("latin-1").lower()
        if coding in KNOWN:
            self._decoder = Decoder(coding)
            self._notes.append(f"content-encoding: {coding} decoded")
        elif coding not in IDENTITY:
            return self._fail(f"content-encoding {coding} cannot be read")
        media, _, parameters = fields.get(b"content-type", b"").decode("latin-1").lower().partition(";")
        return self._choose(media.strip(), parameters)

    def _choose(self, media: str, parameters: str) -> Step:
        """Take the body that the media type names; else its first bytes will tell."""
        if self._dialect.name == "text":
            if media not in ("text/plain", "text/markdown", ""):
                return self._fail(f"content type {media} on a route of plain text")
            _, _, charset = parameters.partition("charset=")
            self._charset = charset.strip(' "') or "utf-8"
            return self._take("text")
        return self._take("events") if media == "text/event-stream" else (None, b"")

    def _take(self, kind: str) -> Step:
        job = self._job(stream=kind != "json")
        if kind == "json":
            self._body = JsonBody(job)
            return None, b""
        self._body = TextBody(job, self._charset) if kind == "text" else EventBody(job)
        if self._body.failure:
            return self._fail(self._body.failure)
        if self._decoder is None and not self._setting.observe:
            self._direct = self._body
        if job.mute and not job.beside:
            return self._send("skipped", job.mute), b""
        return self._send("planned", changed=True), b""

    def _job(self, *, stream: bool) -> Job:
        verdict = self._verdict
        assert verdict is not None
        self._plan = plan(verdict, stream=stream)
        mute = self._mute or ("said in the interface" if self._plan.silent else "")
        field = verdict.structured == "field"
        beside = bool(self._plan.aside) or (field and bool(self._mute))
        return Job(
            self._dialect,
            self._plan,
            verdict.on_failure,
            mute,
            sidecar(verdict, self._exchange.number) if beside or field else b"",
            beside,
            verdict.structured,
            self._exchange.number,
            self._setting.limits,
        )

    # How it goes on, and how it ends.

    def _feed(self, data: bytes) -> Step:
        if self._over:
            return None, b""
        if self._body is None and self._sent:
            return None, data
        try:
            data = self._decoder.feed(data) if self._decoder else data
        except ContentError as error:
            return self._block(str(error))
        if self._body is None:
            return self._sniff(data)
        return self._emit(self._body.feed(data))

    def _sniff(self, data: bytes) -> Step:
        self._sniffed += data
        if not self._sniffed.strip(b" \r\n\t\xef\xbb\xbf"):
            if b"json" not in first(self._start.headers, b"content-type").lower().encode():
                return None, b""
            head = b"{"
        else:
            head = self._sniffed.lstrip(b" \r\n\t\xef\xbb\xbf")
        kind = "json" if head.startswith((b"{", b"[")) else "events" if head.startswith(_EVENT_STARTS) else ""
        data, self._sniffed = self._sniffed, b""
        if not kind:
            start, out = self._fail("the body is neither JSON nor an event stream")
            return start, out or (b"" if self._over else data)
        start, _ = self._take(kind)
        assert self._body is not None
        if self._over:
            return start, b""
        late, out = self._emit(self._body.feed(data))
        return start or late, out

    def _close(self, *, clean: bool) -> Step:
        if self._over:
            return None, b""
        if self._decoder and clean:
            try:
                self._decoder.close()
            except ContentError as error:
                return self._block(str(error))
        if self._body is None:
            return self._empty()
        return self._emit(self._body.close(clean=clean), last=True)

    def _empty(self) -> Step:
        """No byte came that would have told what this body is."""
        if self._sent:
            return None, b""
        self._reason = "no body"
        data, self._sniffed = self._sniffed, b""
        return self._send("skipped", self._reason), data

    def _emit(self, out: bytes, *, last: bool = False) -> Step:
        body = self._body
        assert body is not None
        if self._sent:
            self.broken = body.broken
            return None, out
        if body.failure:
            start, error = self._fail(body.failure)
            return start, error or out
        if last:
            return self._whole(out), out
        return (self._send("planned", changed=True), out) if out else (None, b"")

    def _whole(self, out: bytes) -> Start:
        state, reason = self.result()
        changed = bool(self._body and self._body.output.changed) or self._decoder is not None
        return self._send(state, reason, changed=changed, length=len(out))

    # The two ways to fail, and the one way to start.

    def _fail(self, reason: str) -> Step:
        """The policy's word, while nothing has been sent yet."""
        if self._verdict is None or self._verdict.on_failure == "block":
            return self._block(reason)
        self._failure = reason
        return self._send("failed", reason, changed=self._decoder is not None), b""

    def _block(self, reason: str) -> Step:
        self._failure = reason
        if self._sent:
            self.broken = True
            return None, b""
        self._over = True
        message = f"This answer could not be labelled as AI-generated content and was withheld: {reason}"
        error = self._dialect.error(message, "label_failed")
        self._start = Start(502, blocked(self._start.headers, len(error)))
        return self._send("failed", reason), error

    def _send(
        self, state: str, reason: str = "", *, changed: bool = False, length: int | None = None
    ) -> Start:
        self._sent = True
        added: list[tuple[bytes, bytes]] = []
        exchange, verdict = self._exchange, self._verdict
        if self._setting.labeler_header:
            field = labeler_field(state, reason, verdict, exchange.number, self._plan.aside)
            added.append((b"labeler", field.encode("ascii")))
        if self._setting.ai_disclosure and verdict and verdict.stamps and 200 <= self._start.status < 300:
            added.append((b"ai-disclosure", disclosure(exchange.model, self._setting.provider)))
        return Start(
            self._start.status, relabelled(self._start.headers, added, changed=changed, length=length)
        )
