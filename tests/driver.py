"""An ASGI app run in process, and the upstream side: an app that answers with given bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeler import Labeler, LabelMiddleware, Outcome, undo
from tests.wire import MARK, P, S, spoken

CHAT = "/v1/chat/completions"


LEGACY = "/v1/completions"


SSE = "text/event-stream"


JSON = "application/json"


_WORDS = {json.dumps(words)[1:-1].encode() for words in (P, S, f"\n\n{P}", P + S)}
SHIPPED = Labeler.load()
"""The shipped policies: the marker at the start and the general disclaimer at the end."""


@dataclass(frozen=True)
class Reply:
    """What an app sent in answer to one request; `error` is what it raised."""

    status: int
    headers: dict[str, str]
    messages: list[Message]
    body: bytes
    error: BaseException | None = None

    @property
    def whole(self) -> bool:
        """Whether the response came to its end."""
        return bool(self.messages) and not self.messages[-1].get("more_body", True)

    @property
    def bodies(self) -> list[bytes]:
        """The bytes of each body message."""
        return [m["body"] for m in self.messages if m["type"] == "http.response.body"]


def call(
    app: ASGIApp,
    path: str = CHAT,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    scope: Mapping[str, Any] | None = None,
    sent: list[Message] | None = None,
) -> Reply:
    """Send one request to an app and collect what it sends back, in `sent` if that is given."""
    sent = [] if sent is None else sent
    requests: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return requests.pop(0) if requests else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        known = bool(sent)
        assert (message["type"] == "http.response.start") is not known, f"out of order: {message}"
        sent.append(message)

    fields = {"content-length": str(len(body)), **(headers or {})}
    asked: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()],
        **(scope or {}),
    }

    async def run() -> BaseException | None:
        [error] = await asyncio.gather(app(asked, receive, send), return_exceptions=True)
        return error

    error = asyncio.run(run())
    if isinstance(error, AssertionError):
        raise error
    start: Message = sent[0] if sent else {"status": 0, "headers": []}
    return Reply(
        start["status"],
        {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]},
        sent,
        b"".join(message.get("body", b"") for message in sent),
        error,
    )


@dataclass
class Upstream:
    """An ASGI app that answers every request with `chunks`, and keeps what it was asked.

    `ends` says how the answer ends: `well`, `raises` (an exception), or `stops` (it returns without
    its last message). `progress` counts, after each chunk, what the client in `sent` has got.
    """

    chunks: Sequence[bytes]
    content_type: str = SSE
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ends: str = "well"
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        names = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.received.append((names, body))
        fields = {"content-type": self.content_type, **self.headers}
        start = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": start})
        for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            self.progress.append(len(self.sent))
        if self.ends == "raises":
            raise ConnectionError("the upstream went away")  # noqa: EM101
        if self.ends == "well":
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@dataclass(frozen=True)
class Passed:
    """One exchange through the middleware: what was sent in and out, and the outcome."""

    reply: Reply
    outcome: Outcome
    upstream: Upstream

    @property
    def body(self) -> bytes:
        return self.reply.body

    @property
    def waiting(self) -> list[int]:
        """The upstream's messages after which nothing left at once."""
        before = [1, *self.upstream.progress]
        return [at for at, (old, new) in enumerate(pairwise(before)) if old == new]

    @property
    def asked(self) -> bytes:
        """The request's body as it reached the upstream."""
        return self.upstream.received[0][1]


def send(
    chunks: Iterable[bytes],
    request: Mapping[str, Any] | bytes = b"{}",
    *,
    labeler: Labeler = SHIPPED,
    path: str = CHAT,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    **upstream: Any,
) -> Passed:
    """Ask an upstream that answers with `chunks` through the middleware. The upstream's bytes always
    come back where the edits are undone, so that is checked for every answer but those withheld."""
    outcomes: list[Outcome] = []
    behind = Upstream(list(chunks), **upstream)
    app = LabelMiddleware(behind, Labeler(labeler.service, on_outcome=outcomes.append))
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    reply = call(app, path, body, headers, method, sent=behind.sent)
    (outcome,) = outcomes  # one response has exactly one
    if outcome.state != "failed":
        assert undo(reply.body, outcome.edits) == b"".join(behind.chunks)
    return Passed(reply, outcome, behind)


def house(folder: Path, policy: str = "", settings: str = "", *, marker: str = "") -> Labeler:
    """A service with one policy, `house`, whose marker, disclaimers and so on are given as YAML."""
    marker = marker or f"{{words: {MARK}, place: start}}"
    text = f'id: house\nversion: "1"\ntitle: House\nmatch: {{always: true}}\nmarker: {marker}\n'
    text += f"examples: [{{ask: Hi, scenarios: []}}]\n{policy}\n"
    (folder / "house.yaml").write_text(text, encoding="utf-8")
    service = f"policies: [house.yaml]\ndefault: house\n{settings}\n"
    (folder / "labeler.yaml").write_text(service, encoding="utf-8")
    return Labeler.load(folder / "labeler.yaml")


def answer(body: bytes, request: Any = b"{}", **more: Any) -> bytes:
    """What leaves where the upstream answers with one JSON body."""
    more = {"content_type": JSON, **more}
    return send([body], request, **more).body


def checked(chunks: list[bytes], text: str, index: int = 0, **more: Any) -> Passed:
    """Send a stream that is one answer, and see that the client gets `text`, that nothing but labels was
    inserted, and that nothing stands after the end."""
    passed = send(chunks, **more)
    assert spoken(passed.body, index) == text
    for edit in passed.outcome.edits:
        assert edit.removed == b""
        assert edit.inserted in _WORDS or spoken(edit.inserted, index) in (S, f"\n\n{MARK}{S}")
    assert passed.reply.whole
    return passed
