"""An ASGI driver in process, for tests in which the order of messages counts, and answers to drive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labeler import Labeler, LabelMiddleware, Outcome

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Mapping[str, str] | Sequence[tuple[str, str]]

CHAT = "/v1/chat/completions"
FEVER = "孩子发烧39度怎么办"
MARK = "【AI生成】\n\n"
GENERAL = "内容由AI生成，仅供参考，请仔细甄别"
MEDICAL = "不替代医生诊断"
SHOP = "请以实物和商品详情页为准"
JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
DONE = b"data: [DONE]\n\n"
HISTORY = [
    {"role": "user", "content": "你好"},
    {"role": "assistant", "content": f"{MARK}Hello"},
    {"role": "user", "content": "再来"},
]
"""Messages with an earlier answer that carries our mark."""


def ask(question: str = "你好", **more: Any) -> bytes:
    """A chat request's body."""
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": question}], **more}).encode()


def chat(text: str | None = "Hello", **message: Any) -> bytes:
    """A complete chat answer."""
    full = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": full, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()


def event(text: str | None, finish: str | None = None) -> bytes:
    """One event of a streamed chat answer."""
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    doc = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: %s\n\n" % json.dumps(doc).encode()


def events(*texts: str) -> list[bytes]:
    """A whole streamed chat answer, an event for each text."""
    return [*map(event, texts), event(None, "stop"), DONE]


def said(body: bytes) -> str:
    """The visible text of a chat answer, complete or streamed."""
    if body.lstrip().startswith(b"{"):
        return str(json.loads(body)["choices"][0]["message"]["content"])
    docs = [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for doc in docs for choice in doc.get("choices", ()))


def bytewise(data: bytes) -> list[bytes]:
    """The same bytes, one at a time."""
    return [data[at : at + 1] for at in range(len(data))]


def raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]


def start(status: int = 200, headers: Headers = JSON, **more: Any) -> Message:
    """`http.response.start`."""
    return {"type": "http.response.start", "status": status, "headers": raw(headers), **more}


def part(body: bytes, *, more: bool = True) -> Message:
    """`http.response.body`."""
    return {"type": "http.response.body", "body": body, "more_body": more}


def answer(body: bytes | Iterable[bytes], headers: Headers = JSON, status: int = 200) -> list[Message]:
    """The messages of a whole answer; in pieces, they end with an empty one."""
    opening = start(status, headers)
    if isinstance(body, bytes):
        return [opening, part(body, more=False)]
    return [opening, *map(part, body), part(b"", more=False)]


class Scripted:
    """An app that reads its whole request, sends the messages given, and remembers what it saw.

    A callable among the messages is called with the scope; an exception is raised.
    """

    def __init__(self, *messages: Message | BaseException | Callable[[Scope], object]) -> None:
        self.messages = messages
        self.scope: Scope = {}
        self.request = b""
        self.received: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.received = scope, []
        while not self.received or self.received[-1].get("more_body"):
            self.received.append(await receive())
        self.request = b"".join(message.get("body", b"") for message in self.received)
        for message in self.messages:
            if isinstance(message, BaseException):
                raise message
            if callable(message):
                message(scope)
            else:
                await send(message)


@dataclass
class Got:
    """What came out of one call: every message in order, and the exception that ended it."""

    messages: list[Message] = field(default_factory=list)
    error: Exception | None = None

    @property
    def kinds(self) -> list[str]:
        """What kinds of messages came, without their common prefix."""
        return [message["type"].removeprefix("http.response.") for message in self.messages]

    @property
    def start(self) -> Message:
        """The one start, which came before every body."""
        assert self.kinds.count("start") == 1
        assert "body" not in self.kinds[: self.kinds.index("start")]
        return self.messages[self.kinds.index("start")]

    @property
    def status(self) -> int:
        return int(self.start["status"])

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; every name may come once only."""
        pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in self.start["headers"]]
        assert len({name for name, _ in pairs}) == len(pairs), f"a header came twice: {pairs}"
        return dict(pairs)

    @property
    def bodies(self) -> list[bytes]:
        assert not self.messages or self.start
        return [m.get("body", b"") for m in self.messages if m["type"] == "http.response.body"]

    @property
    def body(self) -> bytes:
        return b"".join(self.bodies)

    @property
    def complete(self) -> bool:
        """Whether the response was ended as ASGI wants it: nothing came after its last body, and the
        Content-Length was kept."""
        bodies = [m for m in self.messages if m["type"] == "http.response.body"]
        assert all(m.get("more_body") for m in bodies[:-1]), "a body message after the last one"
        ended = bool(bodies) and not bodies[-1].get("more_body", False)
        length = self.headers.get("content-length") if ended else None
        assert length is None or int(length) == len(self.body)
        return ended


def scope_of(path: str = CHAT, *, method: str = "POST", headers: Headers = JSON, **more: Any) -> Scope:
    """An HTTP scope as servers make it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": raw(headers),
        "server": ("test", 80),
        "client": ("test", 1),
        "extensions": {},
        **more,
    }


async def acall(app: Any, scope: Scope, body: bytes | Iterable[bytes] = b"", send: Send | None = None) -> Got:
    """Call an app once. After the body, `receive` says that the client has left."""
    pieces = [body] if isinstance(body, bytes) else list(body)
    left: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1}
        for at, piece in enumerate(pieces)
    ]
    got = Got()

    async def receive() -> Message:
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        if send is not None:
            await send(message)
        got.messages.append(message)

    try:
        await app(scope, receive, keep)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
        got.error = error
    return got


def call(app: Any, body: bytes | Iterable[bytes] = b"", path: str = CHAT, **scope: Any) -> Got:
    """Call an app once, in an event loop of its own."""
    return asyncio.run(acall(app, scope_of(path, **scope), body))


@dataclass
class Service:
    """A Labeler and every Outcome that it has reported."""

    labeler: Labeler
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """The one outcome that there is."""
        (only,) = self.outcomes
        return only

    def before(self, app: Any) -> LabelMiddleware:
        return LabelMiddleware(app, labeler=self.labeler)

    def call(
        self, app: Any, body: bytes | Iterable[bytes] | None = None, path: str = CHAT, **scope: Any
    ) -> Got:
        """Drive the middleware in front of `app` once."""
        return call(self.before(app), ask() if body is None else body, path, **scope)

    def answer(self, body: bytes | Iterable[bytes], headers: Headers = JSON, status: int = 200) -> Got:
        """Drive the middleware in front of an app that gives this answer to a chat request."""
        return self.call(Scripted(*answer(body, headers, status)))


def policy(**changes: Any) -> str:
    """A policy like the shipped general one, called `house`, with changes."""
    whole = {
        "id": "house",
        "version": "1",
        "title": {"zh": "通用"},
        "jurisdiction": "cn",
        "basis": [{"rule": "GB 45438-2025", "article": "5.1", "duty": "explicit label"}],
        "match": {"always": True},
        "marker": {"words": {"zh": "【AI生成】"}, "place": "start"},
        "disclaimers": [{"words": {"zh": GENERAL}, "place": "end", "explicit": True}],
        "examples": [{"ask": "你好", "scenarios": []}],
    }
    return json.dumps(whole | changes)


def service(folder: Path | None = None, config: str = "", **changes: Any) -> Service:
    """A service on a configuration (YAML). With changes, on the policy `house` alone, changed so;
    else on the shipped policies."""
    outcomes: list[Outcome] = []
    path = None
    if folder is not None:
        path = folder / "labeler.yaml"
        if changes:
            (folder / "house.yaml").write_text(policy(**changes), encoding="utf-8")
            config = f"policies: [house.yaml]\ndefault: house\n{config}"
        path.write_text(config, encoding="utf-8")
    return Service(Labeler.load(path, on_outcome=outcomes.append), outcomes)
