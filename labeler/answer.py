"""One response on its way out: decided, labelled, accounted for. No sockets, no event loop.

`begin` takes the response's start, `feed` and `close` its body; each gives what is to be sent
now: the start (once, else None) and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from labeler.body import BROKEN_OFF, Body, Draw, EventBody, JsonBody, PictureBody, TextBody, Work
from labeler.dialects import Dialect
from labeler.errors import ContentError, LabelerError
from labeler.framing.coding import Decoder, decoder
from labeler.framing.sniff import BLANK, kind_of
from labeler.headers import RawHeaders, blocked
from labeler.labels.plan import Plan, plan
from labeler.labels.reading import Reading
from labeler.response import Head, Setting, Start, account, announced, body_kind, job, sum_up, unlabelled
from labeler.values import Exchange, Outcome, State, Verdict

Step = tuple[Start | None, bytes]
WITHHELD = "This answer could not be labelled as AI-generated content and was withheld: {}"
_BLANKS = 1 << 16  # bytes of white space that may stand before what tells which kind a body is
_NEITHER = "the body is neither JSON nor an event stream"


class Answer:
    """The state of one response. `broken` asks the driver to break the transfer off."""

    broken = _over = _sent = _closed = False
    _fresh = False  # nothing of the body has come, and its first bytes are to tell what it is
    _passing = False  # the rest leaves as it comes
    _body: Body | None = None
    _direct: Body | None = None  # the body, once nothing else stands between it and the driver
    _decoder: Decoder | None = None
    _result: tuple[State, str] | None = None  # of a complete answer, once it is labelled
    passes: Callable[[Any], bool] = staticmethod(lambda _: False)
    """Takes the next bytes of the body if they leave as they came, and nothing with them."""
    _start, _plan, _head = Start(0, []), Plan(), Head("", "", "")
    _reason, _sniffed = "", b""

    def __init__(
        self,
        dialect: Dialect,
        exchange: Exchange,
        verdict: Verdict | LabelerError,
        setting: Setting,
        *,
        mute: str = "",
        notes: Iterable[str] = (),
        draw: Draw | None = None,
        reads: Reading | None = None,
    ) -> None:
        """`mute` says why no text may be put into this answer (structured output …). A verdict that
        is an error is the fault of whoever configures: the response is blocked. `draw` labels its
        pictures; without it nobody looks for any. `reads`: who reads its text."""
        self._dialect = dialect
        self.exchange = exchange
        self._verdict = verdict if isinstance(verdict, Verdict) else None
        self._failure = "" if isinstance(verdict, Verdict) else str(verdict)
        self._setting = setting
        self._mute, self._notes, self._draw, self._reads = mute, list(notes), draw, reads
        self._given: list[bytes] = []  # what came in, while it is compressed and nothing has left

    @property
    def over(self) -> bool:
        """True where an error stands for the response, or a guard has ended it: nothing more of it leaves."""
        return self._over or self.stopped

    @property
    def stopped(self) -> bool:
        """True where a guard has ended the response: nothing more of it is wanted."""
        return self._body is not None and self._body.stopped

    @property
    def started(self) -> bool:
        """True once the start has left."""
        return self._sent

    @property
    def waiting(self) -> bool:
        """True while a picture is being worked on; the response ends after it, also behind `close`."""
        return self._body is not None and self._body.pictures.busy and not self._over

    @property
    def _held(self) -> bool:
        """Whether the body leaves in one piece."""
        return self._body is not None and self._body.kind in ("json", "picture")

    @property
    def changes(self) -> bool:
        """True where the body is not the upstream's any more."""
        if self._body is None or self._passing:
            return False
        return not self._held or self._body.output.changed or self._decoder is not None

    def begin(self, status: int, headers: RawHeaders) -> Step:
        """Take the response's start."""
        self._start = Start(status, headers)
        if reason := unlabelled(status, self.exchange):
            self._reason, self._passing = reason, True
            of_head = reason == "no body" and status == 200  # nobody knows how long the labelled one is
            return self._send("skipped", reason, changed=of_head), b""
        if self._failure or self._verdict is None:
            return self._fail(self._failure)
        if self._mute and self._verdict.structured == "block":
            return self._fail(f"{self._mute}, and the policy says `structured: block`")
        self._head = Head.of(headers)
        try:
            self._decoder = decoder(self._head.coding)
            kind = body_kind(self._dialect.name, self._head.media)
        except ContentError as error:
            return self._fail(str(error))
        if self._decoder is not None:
            self._notes.append(f"content-encoding: {self._head.coding} decoded")
        self._fresh = not kind and self._decoder is None  # its first bytes will tell
        return self._take(kind) if kind else (None, b"")

    def feed(self, data: bytes) -> Step:
        """Take the next bytes of the body."""
        if self._direct is not None:
            out = self._direct.feed(data)
            if out is not data:
                self.broken = self._direct.broken
            return None, out
        self._fresh = False
        return self._feed(data)

    def close(self, *, clean: bool = True) -> Step:
        """End the body, once; `clean` is false where it broke off."""
        if self._closed:
            return None, b""
        self._closed = True
        if self._over or self._passing:
            return None, b""
        if self._decoder and clean:
            try:
                self._decoder.close()
            except ContentError as error:
                return self._fail(str(error))
        if self._body is None:
            return self._empty() if clean else self._fail(BROKEN_OFF, self._sniffed)
        return self._emit(self._body.close(clean=clean), last=True)

    def finish(self, data: bytes) -> Step:
        """Take the rest of the body, and end it."""
        if data.startswith(b"{") and self._fresh:  # most complete answers
            self._closed = True
            self._take("json")
            assert self._body is not None
            return self._emit(self._body.feed(data) + self._body.close(), last=True)
        start, out = self.feed(data)
        if self.broken:
            return start, out
        late, rest = self.close()
        return start or late, out + rest

    def take(self) -> list[Work]:
        """The pictures that came since the last call: run each, anywhere, and give it to `settle`."""
        return self._body.pictures.take() if self._body is not None else []

    def settle(self, work: Work) -> Step:
        """Take a picture back, in any order."""
        if self._body is None or self._over or self._passing:
            return None, b""
        return self._emit(self._body.settle(work), last=self._closed)

    def result(self) -> tuple[State, str]:
        """The state of this response and its reason; ask at its end."""
        if self._result is not None:
            return self._result
        return sum_up(self._body, self._failure, self._reason, broken=self.broken, over=self._over)

    def outcome(self) -> Outcome:
        """What was done to this response, and why; ask at its end."""
        name, stream = self._dialect.name, self._body is not None and not self._held
        verdict, body, notes = self._verdict, self._body, self._notes
        setting, exchange = self._setting, self.exchange
        return account(*self.result(), exchange, name, setting, verdict, body, stream=stream, notes=notes)

    # What its body is.

    def _take(self, kind: str) -> Step:
        verdict = self._verdict
        assert verdict is not None
        self._plan = plan(verdict, stream=kind in ("events", "text"))
        number, limits = self.exchange.number, self._setting.limits
        task = job(self._dialect, self._plan, verdict, self._mute, number, limits, self._draw, self._reads)
        if kind in ("json", "picture"):  # held to its end
            self._body = JsonBody(task) if kind == "json" else PictureBody(task)
            return None, b""
        self._body = TextBody(task, self._head.charset) if kind == "text" else EventBody(task)
        if self._body.failure:
            return self._fail(self._body.failure)
        silent = bool(task.mute) and not task.beside
        if silent and (kind == "text" or task.draw is None):
            return self._pass(self._send("skipped", task.mute), b"")
        if self._decoder is None:
            self._direct, self.passes = self._body, self._body.passes
        said = ("skipped", task.mute) if silent else ("planned", "")  # pictures may still come
        return self._send(*said, changed=True), b""

    # How it goes on.

    def _feed(self, data: bytes) -> Step:
        if self._over or self._passing:
            return None, b"" if self._over else data
        if self._decoder is None:
            return self._take_in(data)
        if not self._sent:
            self._given.append(data)
        start, out = None, []
        try:
            for piece in self._decoder.feed(data):
                begun, given = self._take_in(piece)
                start = start or begun
                out.append(given)
                if self._over or self._passing or self.broken:
                    break
        except ContentError as error:
            begun, given = self._fail(str(error))
            return start or begun, b"".join([*out, given])
        return start, b"".join(out)

    def _take_in(self, data: bytes) -> Step:
        if self._body is not None:
            return self._emit(self._body.feed(data))
        return self._sniff(data) if data else (None, b"")

    def _sniff(self, data: bytes) -> Step:
        """Tell by its first bytes what a body is whose media type does not say it."""
        if self._sniffed:
            data, self._sniffed = self._sniffed + data, b""
        kind = kind_of(data, blank="json" if "json" in self._head.media else None)
        if kind is None:
            self._sniffed = data
            return self._fail(_NEITHER, data) if len(data) > _BLANKS else (None, b"")
        if not kind:
            return self._fail(_NEITHER, data)
        start, out = self._take(kind)
        if self._over or self._passing:
            return start, out or (b"" if self._over else data)
        assert self._body is not None
        late, out = self._emit(self._body.feed(data))
        return start or late, out

    def _empty(self) -> Step:
        """No byte came that would have told what this body is."""
        if self._sniffed.strip(BLANK):
            return self._fail(_NEITHER, self._sniffed)
        self._reason = "no body"
        return self._pass(self._send("skipped", self._reason), self._sniffed)

    def _emit(self, out: bytes, *, last: bool = False) -> Step:
        body = self._body
        assert body is not None
        if self._sent:
            self.broken = body.broken
            return None, out
        if body.failure:
            return self._fail(body.failure, out)
        if last and not body.pictures.busy:
            state, reason = self._result = self.result()
            return self._send(state, reason, changed=self.changes, length=len(out)), out
        return (self._send("planned", changed=True), out) if out else (None, b"")

    # The ways to fail, and the one way to start.

    def _fail(self, reason: str, kept: bytes = b"") -> Step:
        """The policy's word, while nothing has been sent; afterwards only breaking off is left."""
        self._failure = reason
        if self._sent:
            self.broken = True
            return None, b""
        blocks = self._verdict is None or self._verdict.on_failure == "block"
        return self._block(reason) if blocks else self._pass(self._send("failed", reason), kept)

    def _pass(self, start: Start, kept: bytes) -> Step:
        """From here on all leaves as it came, compressed or not, `kept` and what was given first."""
        self._passing = True
        given, self._given = b"".join(self._given), []
        return start, given if self._decoder else kept

    def _block(self, reason: str) -> Step:
        self._over = True
        error = self._dialect.error(WITHHELD.format(reason), "label_failed")
        self._start = Start(502, blocked(self._start.headers, len(error)))
        return self._send("failed", reason), error

    def _send(
        self, state: str, reason: str = "", *, changed: bool = False, length: int | None = None
    ) -> Start:
        self._sent = True
        start, exchange, verdict, said = self._start, self.exchange, self._verdict, self._plan
        setting, mute = self._setting, self._mute
        return announced(
            start, exchange, verdict, setting, state, reason, said, changed=changed, length=length, mute=mute
        )
