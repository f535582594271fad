"""LabelMiddleware: one line in front of an ASGI app, and its answers leave labelled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeler.answer import Answer
from labeler.dialects import DIALECTS
from labeler.engine import Claim, Labeler
from labeler.errors import BlockedError, ContentError, PolicyError, Problem
from labeler.headers import blocked, relabelled, with_length
from labeler.request import Request, unread
from labeler.response import Start
from labeler.values import Exchange, Outcome, State

log = logging.getLogger("labeler")
_EXTENSIONS = ("http.response.pathsend", "http.response.zerocopysend")
_WARNED = 100


class LabelMiddleware:
    """Labels the answers of the app behind it, by the policies of `labeler` (default: the shipped
    ones). Holds nothing of a request: each has a Responder of its own.

    The app may set `scope["labeler"] = {"scenarios": [...]}` or `{"human": True}` before its
    answer starts; what it says counts, and nothing of the kind that a client sends does.
    """

    def __init__(self, app: ASGIApp, labeler: Labeler | None = None) -> None:
        self.app = app
        self.labeler = labeler or Labeler.load()
        self._warned: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        claim = self.labeler.claim(path, method)
        if claim.exempt:
            self.labeler.record(Outcome("skipped", f"exempt: {claim.exempt}", path))
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
        self._claim = claim
        self._scope = _without_shortcuts(scope, observe=self._labeler.service.mode == "observe")
        self._receive = receive
        self._send = send
        self._replay: list[Message] = []
        self._request: Request | None = None
        self._answer: Answer | None = None
        self._opening: Message = {}
        self._over = self._broken = False

    async def __call__(self) -> None:
        await self._read()
        try:
            await self._app(self._scope, self._next, self._label)
        except Exception:
            await self._broken_off(raised=True)
            raise
        except BaseException:
            self._end(clean=False)
            raise
        await self._broken_off(raised=False)

    # The request.

    async def _read(self) -> None:
        """Read the request's body, up to the limit; the app gets what was read."""
        size, limit = 0, self._labeler.service.limits.request
        while True:
            message = await self._receive()
            self._replay.append(message)
            size += len(message.get("body", b""))
            if not message.get("more_body") or size > limit:
                break
        headers = self._headers = _joined(self._scope["headers"])
        if message["type"] != "http.request" or size > limit:
            self._request = unread(f"longer than {limit} bytes" if size > limit else "the client left")
            return
        body = b"".join([message.get("body", b"") for message in self._replay])
        read = self._labeler.request(self._claim, headers, body, self._scope.get("query_string", b""))
        self._request = read
        if read.body is not body:
            self._replay = [{"type": "http.request", "body": read.body, "more_body": False}]
            self._scope["headers"] = with_length(self._scope["headers"], len(read.body))

    async def _next(self) -> Message:
        return self._replay.pop(0) if self._replay else await self._receive()

    def _exchange(self, request: Request, named: tuple[str, ...] | None, human: bool) -> Exchange:
        claim = self._claim
        return Exchange(
            route=claim.path,
            method=self._scope["method"],
            headers=self._headers,
            model=request.asked.model,
            messages=request.asked.messages,
            named=named,
            assumed=claim.scenarios + claim.unread if request.unread else claim.scenarios,
            human=human,
            unread=request.unread,
            number=self._labeler.number(),
        )

    # The answer.

    async def _label(self, message: Message) -> None:
        kind = message["type"]
        answer = self._answer
        if kind == "http.response.body" and answer is not None:
            if not message.get("more_body", False):
                await self._last(answer, message)
            elif not self._over:
                body = message.get("body", b"")
                if type(body) is not bytes:
                    body = bytes(body)  # Starlette passes a memoryview on
                start, data = answer.feed(body)
                if data is body and start is None and (data or answer.started) and not answer.broken:
                    await self._send(message)
                elif start is not None or data or answer.broken:
                    await self._out(answer, start, data, more=True)
        elif kind == "http.response.start":
            await self._begin(message)
        elif kind in _EXTENSIONS:
            msg = f"the app sent {kind}, which was not offered: its bytes cannot be labelled"
            raise ContentError(msg)
        elif kind == "http.response.trailers" and answer is not None and answer.changes:
            await self._send(
                {**message, "headers": relabelled(list(message.get("headers", ())), [], changed=True)}
            )
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        self._opening = message
        request, dialect = self._request, self._claim.dialect
        assert request is not None
        assert dialect is not None
        wrong = None
        named: tuple[str, ...] | None = None
        human = False
        try:
            named, human = _wishes(self._scope.get("labeler"))
        except PolicyError as error:
            wrong = error
        exchange = self._exchange(request, named, human)
        self._answer = self._labeler.open(dialect, exchange, request, wrong=wrong)
        start, data = self._answer.begin(message["status"], list(message.get("headers", ())))
        await self._out(self._answer, start, data, more=True)

    async def _last(self, answer: Answer, message: Message) -> None:
        if self._over:
            return
        start, data = answer.feed(bytes(message.get("body", b"")))
        if not answer.broken:
            late, rest = answer.close()
            start, data = start or late, data + rest
        if not answer.broken:
            self._end()
        await self._out(answer, start, data, more=answer.broken)

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
        if answer is None or self._over:
            if self._broken and answer is not None and not raised:
                raise BlockedError(answer.result()[1])
            return
        start, data = answer.close(clean=False)
        self._end()
        if answer.broken or (answer.over and raised):
            return
        try:
            if start is not None:
                await self._send({**self._opening, "status": start.status, "headers": start.headers})
            if data:
                await self._send({"type": "http.response.body", "body": data, "more_body": not answer.over})
        except OSError:
            log.debug("the client left before the end of a response that broke off", exc_info=True)

    def _end(self, *, clean: bool = True) -> None:
        """Account for the answer, once."""
        if self._answer is None or self._over:
            return
        self._over = True
        if not clean:
            self._answer.close(clean=False)
        self._labeler.end(self._answer)


_SHORTCUTS = frozenset({b"range", b"if-range", b"if-none-match", b"if-modified-since", b"accept-encoding"})
"""By which a client could have a part of the answer, an old copy, or one that cannot be read, and so no
label."""


def _without_shortcuts(scope: Scope, *, observe: bool) -> Scope:
    """A copy of the scope with room for the app's wishes, in which neither the app can send files past
    us nor the client ask for an answer that cannot be labelled."""
    copy = {**scope, "labeler": scope.get("labeler", {})}
    if not observe:
        copy["headers"] = [pair for pair in scope["headers"] if pair[0] not in _SHORTCUTS]
    extensions = scope.get("extensions")
    if extensions:
        copy["extensions"] = {name: value for name, value in extensions.items() if name not in _EXTENSIONS}
    return copy


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Request headers by name in lower case; the values of a repeated one with commas (RFC 9110, 5.2)."""
    found: dict[str, str] = {}
    for raw, value in headers:
        name = raw.decode("latin-1").lower()
        text = value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _wishes(said: Any) -> tuple[tuple[str, ...] | None, bool]:
    """What the app set as `scope["labeler"]`: (scenarios or None, human). PolicyError if it is wrong."""
    if not said:
        return None, False
    if not isinstance(said, Mapping) or not said.keys() <= {"scenarios", "human"}:
        problem = "it is none of {'scenarios': [...]} and {'human': True}"
        raise _wrong_wish(problem)
    scenarios, human = said.get("scenarios"), said.get("human", False)
    if isinstance(scenarios, str):
        scenarios = [scenarios]
    sound = scenarios is None or (
        isinstance(scenarios, list | tuple) and all(isinstance(one, str) for one in scenarios)
    )
    if not isinstance(human, bool) or not sound:
        problem = "scenarios is a list of policy ids, human is true or false"
        raise _wrong_wish(problem)
    return (None if scenarios is None else tuple(scenarios)), human


def _wrong_wish(problem: str) -> PolicyError:
    return PolicyError(Problem('scope["labeler"]', 0, 0, "", problem, "set it in the app"))


async def _refuse(send: Send, reason: str) -> None:
    error = DIALECTS["openai-chat"].error(f"Withheld: {reason}", "label_failed")
    await send({"type": "http.response.start", "status": 502, "headers": blocked([], len(error))})
    await send({"type": "http.response.body", "body": error, "more_body": False})
