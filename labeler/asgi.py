"""LabelMiddleware: one line in front of an ASGI app, and its answers leave labelled."""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeler.answer import Answer
from labeler.body import Work
from labeler.claims import Claim
from labeler.dialects import DIALECTS
from labeler.engine import Labeler
from labeler.errors import BlockedError, ContentError, PolicyError, TransferBroken, let_go
from labeler.headers import blocked, relabelled
from labeler.incoming import Incoming
from labeler.lifespan import lifespan
from labeler.reminders import Given
from labeler.response import Start
from labeler.scope import BYPASSES, Wishes, wishes
from labeler.values import Outcome, State, Verdict
from labeler.workers import Errands, Workers

log = logging.getLogger("labeler")
_WARNED = 100
_ENDED = "a guard has ended this answer"


class LabelMiddleware:
    """Labels the answers of the app behind it, by the policies of `labeler` (default: the shipped
    ones). Holds nothing of a request: each has a Responder of its own.

    The app may set `scope["labeler"] = {"scenarios": [...]}` or `{"human": True}` before its
    answer starts; what it says counts, and nothing of the kind that a client sends does.
    """

    def __init__(self, app: ASGIApp, labeler: Labeler | None = None) -> None:
        if not isinstance(labeler, Labeler | None):
            msg = f"labeler is a {type(labeler).__name__}, not a Labeler: Labeler.load('labeler.yaml') gives one"
            raise TypeError(msg)
        self.app = app
        self.labeler = labeler or Labeler.load()
        self.workers = Workers(self.labeler.service.pictures.workers, self.labeler.studio.fetching)
        self._warned: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(self.app, self.labeler, scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        claim = self.labeler.claim(path, method)
        if claim.exempt:
            observed = self.labeler.service.mode == "observe"
            self.labeler.record(Outcome("skipped", f"exempt: {claim.exempt}", path, observed=observed))
        elif claim.dialect is not None:
            await Responder(self, claim, scope, receive, send)()
            return
        elif method not in ("OPTIONS", "HEAD") and self._unclaimed(path):
            await _refuse(send, f"no dialect claims {path} (unclaimed: block)")
            return
        await self.app(scope, receive, send)

    def _unclaimed(self, path: str) -> bool:
        """Count and warn; whether the response is withheld."""
        if path not in self._warned and len(self._warned) < _WARNED:
            self._warned.add(path)
            log.warning("nothing labels %r: name it under `routes:` with a dialect, or as exempt", path)
        service = self.labeler.service
        blocks = service.unclaimed == "block"
        observed = service.mode == "observe"
        state: State = "failed" if blocks else "skipped"
        self.labeler.record(Outcome(state, "unclaimed", path, observed=observed))
        return blocks and not observed


class Responder:
    """One request and its answer."""

    def __init__(
        self, middleware: LabelMiddleware, claim: Claim, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._app = middleware.app
        self._labeler = middleware.labeler
        self._workers = middleware.workers
        self._errands: Errands | None = None  # once there is a picture
        self._claim = claim
        self._incoming = Incoming(self._labeler, claim, scope, receive)
        self._send = send
        self._answer: Answer | None = None
        self._opening: Message = {}
        self._over = self._broken = False
        self._reminded: tuple[Given, ...] = ()
        self._last_came = False  # the app has ended its response

    async def __call__(self) -> None:
        await self._incoming.read()
        try:
            await self._app(self._incoming.scope, self._incoming.next, self._label)
        except Exception as error:
            if self._answer is not None and self._answer.stopped:
                log.debug("the app ended with an error after a guard had ended its answer", exc_info=True)
                let_go(error)
                return
            told = isinstance(error, TransferBroken)  # nobody else has said so to the client
            await self._broken_off(raised=not told)
            if told and self._answer is not None and self._answer.over:
                log.warning("%r: withheld: %s", self._claim.path, error)
                return
            raise
        except BaseException:
            self._end(clean=False)
            raise
        else:
            if not self._over or self._broken:
                await self._broken_off(raised=False)
        finally:
            if self._reminded and self._answer:
                await self._labeler.reminders.ended(self._reminded, self._answer.outcome())

    # The answer.

    async def _label(self, message: Message) -> None:
        kind = message["type"]
        answer = self._answer
        if kind == "http.response.body" and answer is not None:
            if self._errands is None:
                if self._over:
                    await self._pass_on(answer, message)
                elif not message.get("more_body"):
                    await self._last(answer, message)
                elif answer.passes(message.get("body")):
                    await self._send(message)  # most of a stream
                    return
                else:
                    await self._pass_on(answer, message)
            else:
                self._errands.check()
                async with self._errands.lock:
                    await self._pass_on(answer, message)
            if self._errands is not None:
                await (self._errands.back() if self._last_came else self._errands.room())
        elif kind == "http.response.start":
            await self._begin(message)
        elif kind in BYPASSES:
            msg = f"the app sent {kind}, which was not offered: its bytes cannot be labelled"
            raise ContentError(msg)
        elif kind == "http.response.trailers" and answer is not None and answer.changes:
            headers = relabelled(list(message.get("headers", ())), [], changed=True)
            await self._send({**message, "headers": headers})
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        self._opening = message
        dialect = self._claim.dialect
        assert dialect is not None
        verdict: Verdict | PolicyError | None = None
        wished = Wishes()
        try:
            wished = wishes(self._incoming.scope.get("labeler"))
        except PolicyError as error:
            verdict = error
        exchange, request = self._incoming.exchange(wished), self._incoming.request
        if verdict is None:
            verdict = self._labeler.decide(exchange)
            if isinstance(verdict, Verdict) and self._labeler.reminders.concern(verdict):
                reminders = self._labeler.reminders
                exchange, verdict, notes, self._reminded = await reminders(exchange, verdict, wished.session)
                request = request._replace(notes=(*request.notes, *notes)) if notes else request
        self._answer = self._labeler.open(
            dialect, exchange, request, verdict, assume_visible=self._claim.assume_visible
        )
        start, data = self._answer.begin(message["status"], list(message.get("headers", ())))
        if start is not None or data:
            await self._out(self._answer, start, data, more=True)

    async def _pass_on(self, answer: Answer, message: Message) -> None:
        if self._over:
            if answer.stopped:
                raise OSError(_ENDED)
            return
        if not message.get("more_body", False):
            await self._last(answer, message)
            return
        body = message.get("body", b"")
        if type(body) is not bytes:
            body = bytes(body)  # Starlette passes a memoryview on
        start, data = answer.feed(body)
        if data is body and start is None and (data or answer.started) and not answer.broken:
            await self._send(message)
        elif start is not None or data or answer.broken or answer.stopped:
            await self._out(answer, start, data, more=True)
        if answer.stopped:  # as a server says that the client has left: the app ends what it is doing
            raise OSError(_ENDED)
        if answer.waiting:
            self._hand_out(answer)

    async def _last(self, answer: Answer, message: Message) -> None:
        self._last_came = True
        start, data = answer.finish(bytes(message.get("body", b"")))
        if answer.waiting:
            if start is not None or data or answer.broken:
                await self._out(answer, start, data, more=True)
            self._hand_out(answer)
            return
        if not answer.broken:
            self._end()
        await self._out(answer, start, data, more=answer.broken)

    # Pictures.

    def _hand_out(self, answer: Answer) -> None:
        if works := answer.take():  # what stood before them has left: they may be back at once
            self._errands = self._errands or Errands(self._workers, self._settled)
            self._errands.begin(works)

    async def _settled(self, work: Work) -> None:
        """A picture is back: what waited for it leaves, and after the last one the response ends."""
        answer = self._answer
        assert answer is not None
        if self._over:
            return
        start, data = answer.settle(work)
        last = self._last_came and not answer.waiting and not answer.broken
        if last:
            self._end()
        if start is not None or data or last or answer.broken:
            await self._out(answer, start, data, more=not last)

    async def _out(self, answer: Answer, start: Start | None, data: bytes, *, more: bool) -> None:
        if answer.over:  # an error stands for the response: it is complete, whatever the app goes on with
            more = False
            self._end()
        try:
            if start is not None:
                await self._send({**self._opening, "status": start.status, "headers": start.headers})
            if data or not more:
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        finally:
            if answer.broken:
                self._end()
        if answer.broken:
            self._broken = True
            raise BlockedError(answer.result()[1])

    async def _broken_off(self, *, raised: bool) -> None:
        """The app ended without ending its response: what is held leaves, and nothing is added. Where
        the response would have to be withheld, the app's own error is enough."""
        answer = self._answer
        try:
            if answer is not None and not self._over:
                errands = self._errands = self._errands or Errands(self._workers, self._settled)
                async with errands.lock:
                    await self._left(answer, raised=raised)
                await errands.back()
        except OSError:
            log.debug("the client left before the end of a response that broke off", exc_info=True)
        except BlockedError:
            self._broken = True
        finally:
            self._end()
        if self._broken and answer is not None and not raised:
            raise BlockedError(answer.result()[1])

    async def _left(self, answer: Answer, *, raised: bool) -> None:
        """Send what is held of a response that broke off; pictures that are still away follow."""
        start, data = answer.close(clean=False)
        if answer.broken or (answer.over and raised and not answer.stopped):
            return
        self._hand_out(answer)
        if start is not None:
            await self._send({**self._opening, "status": start.status, "headers": start.headers})
        if data:
            await self._send({"type": "http.response.body", "body": data, "more_body": not answer.over})

    def _end(self, *, clean: bool = True) -> None:
        """Account for the answer, once."""
        if self._over:
            return
        self._over = True
        if self._answer is None:
            observed = self._labeler.service.mode == "observe"
            self._labeler.record(Outcome("skipped", "no response", self._claim.path, observed=observed))
            return
        if self._errands is not None:
            self._errands.cancel()
        if not clean:
            self._answer.close(clean=False)
        self._labeler.end(self._answer)


async def _refuse(send: Send, reason: str) -> None:
    error = DIALECTS["openai-chat"].error(f"Withheld: {reason}", "label_failed")
    await send({"type": "http.response.start", "status": 502, "headers": blocked([], len(error))})
    await send({"type": "http.response.body", "body": error, "more_body": False})
