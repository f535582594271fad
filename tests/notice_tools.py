"""What the tests of notices share: a webhook that is told, and a notifier's counts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from labeler import notices
from labeler.notices import Notice, Notifier
from tests.servers import Talk, serve

NOTICE = Notice("held", "0192", "2026-01-02T03:04:05Z", "bank", guard="promise", question="问", text="答")
LONG = 10.0  # seconds that a test waits at most for what comes at once


@dataclass
class Asked:
    """A request that a webhook got."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def number(self) -> str:
        return self.headers["labeler-delivery"]


@dataclass
class Webhook:
    """An ASGI app that keeps what it is asked and answers with `answers`, then with 204."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    gate: threading.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        assert scope["method"] == "POST"
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        target = (scope["raw_path"] + b"?" + scope["query_string"]).decode().removesuffix("?")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(target, headers, body))
        if self.gate is not None:
            await asyncio.to_thread(self.gate.wait, LONG)
        status, fields = self.answers.pop(0) if self.answers else (204, {})
        pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": b"" if status in (204, 304) else b"why"})

    @property
    def numbers(self) -> list[str]:
        return [each.number for each in self.asked]


def numbered(number: object) -> Notice:
    return Notice("handoff", str(number), "2026-01-02T03:04:05Z", "bank")


def counts(sent: int = 0, failed: int = 0, dropped: int = 0, queued: int = 0) -> dict[str, int]:
    return {"queued": queued, "sent": sent, "failed": failed, "dropped": dropped}


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What we logged, without the servers' own lines."""
    return [record.getMessage() for record in caplog.records if record.name == "labeler"]


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread is about to bring about."""
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.002)


def delivered(url: str, *sent: Notice, **options: Any) -> Notifier:
    """A notifier that has sent or given up all of these."""
    notifier = Notifier(**options)
    assert [notifier.send(url, each) for each in sent] == [True] * len(sent)
    assert notifier.close(LONG) == 0
    return notifier


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a back-off, and none meets a proxy of the machine it runs on."""
    monkeypatch.setattr(notices, "_BACK_OFF", 0.001)
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def hook() -> Webhook:
    return Webhook()


@pytest.fixture
def base(hook: Webhook) -> Iterator[str]:
    with serve(hook) as address:
        yield address


def silent(connections: list[str], gate: threading.Event) -> Talk:
    """A server that takes connections and says nothing until the gate opens."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append("silent")
        await asyncio.to_thread(gate.wait, LONG)

    return talk
