"""Nobody waits for a notice: full queues, silent webhooks, slow resolvers."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.notices import Notifier, dropped
from labeler.notices.schedule import Delivery, Schedule
from tests import notice_tools
from tests.notice_tools import LONG, NOTICE, Webhook, counts, delivered, numbered, silent, told, until
from tests.servers import serve_raw

_quick = notice_tools.quick
hook = notice_tools.hook
base = notice_tools.base


def test_sending_does_not_wait_and_drops_what_finds_no_room(
    hook: Webhook, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While the webhook hangs, notices wait up to the bound; the others are dropped, which is told once."""
    hook.gate = threading.Event()
    notifier = Notifier(queue=3)
    assert [notifier.send(base, numbered(each)) for each in range(8)] == [True] * 3 + [False] * 5
    assert notifier.counts == counts(queued=3, dropped=5)
    assert [message.partition(",")[0] for message in told(caplog)] == ["notices dropped: 1"]
    hook.gate.set()
    assert notifier.close(LONG) == 0
    assert [message.partition(",")[0] for message in told(caplog)[1:]] == ["notices dropped: 4"]
    assert sorted(hook.numbers) == ["0", "1", "2"]
    assert notifier.counts == counts(sent=3, dropped=5)


def test_drops_are_told_when_their_minute_is_over(
    hook: Webhook, base: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are dropped after the first line are told by the thread, without another one."""
    monkeypatch.setattr(dropped, "_BETWEEN", 0.05)
    hook.answers.append((503, {"retry-after": "60"}))
    notifier = Notifier(queue=1)
    for each in range(4):
        notifier.send(base, numbered(each))
    until(lambda: len(told(caplog)) == 2)
    assert [message.partition(",")[0] for message in told(caplog)] == [
        "notices dropped: 1",
        "notices dropped: 2",
    ]
    notifier.close(0)


def test_notice_that_is_tried_again_keeps_its_place(hook: Webhook, base: str) -> None:
    """What waits for its next try counts as waiting: the bound holds for it too."""
    hook.answers.append((503, {"retry-after": "60"}))
    notifier = Notifier(queue=1)
    assert notifier.send(base, numbered(1))
    until(lambda: hook.answers == [])
    assert not notifier.send(base, numbered(2))
    assert notifier.close(0) == 1


def test_silent_webhook_does_not_starve_another(
    hook: Webhook, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever takes all the time of a try has the next turn after those who take little."""
    seen, gate = cast("list[str]", []), threading.Event()
    with serve_raw(silent(seen, gate)) as stuck:
        notifier = Notifier(timeout=0.2, retries=0)
        for each in range(4):
            notifier.send(stuck, numbered(f"stuck {each}"))
        until(lambda: bool(seen))
        for each in range(4):
            notifier.send(base, numbered(each))
        until(lambda: len(hook.asked) == 4)
        assert notifier.counts["queued"] >= 2
        notifier.close(0)
        gate.set()
    assert "it took longer than 0.2 s" in caplog.text


@pytest.mark.parametrize(
    ("head", "drop"),
    [(b"", b"H"), (b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"), (b"HTTP/1.1 100 Continue\r\n\r\n", b"")],
)
def test_drops_do_not_stretch_a_try(head: bytes, drop: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A server that gives a byte now and then has no more time than a silent one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    with serve_raw(talk) as base:
        assert delivered(base, NOTICE, timeout=0.1, retries=0).counts == counts(failed=1)
    assert "it took longer than 0.1 s" in caplog.text


def test_endless_answer_does_not_keep_the_thread(hook: Webhook, base: str) -> None:
    """A server that took the notice and then goes on for ever loses us at the deadline, not the notice."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    with serve_raw(talk) as endless:
        assert delivered(endless, NOTICE, timeout=0.1).counts == counts(sent=1)


def test_slow_resolver_does_not_keep_the_thread(
    hook: Webhook, base: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look-up that hangs is given up at the deadline, and others are sent."""
    late = threading.Event()
    real = socket.getaddrinfo

    def look_up(host: Any, *rest: Any, **options: Any) -> Any:
        if host == "hook.example":
            late.wait(LONG)
        return real("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    notifier = Notifier(timeout=0.1, retries=0)
    notifier.send("http://hook.example/", numbered(1))
    notifier.send(base, numbered(2))
    assert notifier.close(LONG) == 0
    late.set()
    assert notifier.counts == counts(sent=1, failed=1)
    assert "http://hook.example/ (tries: 1): it took longer than 0.1 s" in caplog.text


servers = st.sampled_from(["http://a", "https://a", "http://b", "http://c:1"])


@given(st.lists(st.tuples(servers, st.floats(0, 9), st.floats(0.001, 5)), max_size=30))
def test_schedule_gives_each_once_and_none_too_early(work: list[tuple[str, float, float]]) -> None:
    """Whatever waits comes exactly once, when it is due, and the pause it tells is never too long."""
    schedule, times = Schedule(), dict[str, tuple[float, float]]()
    for server, due, took in work:
        delivery = Delivery(f"{server}/{len(times)}", NOTICE)
        times[delivery.url] = due, took
        schedule.put(delivery, due)
    now = 0.0
    while (pause := schedule.pause(now)) is not None:
        taken = schedule.take(now)
        assert (taken is None) == (pause > 0)
        if taken is None:
            now = min(due for due, _ in times.values())
            continue
        due, took = times.pop(taken.url)
        assert due <= now
        now += took
        schedule.charge(taken, took)
    assert times == {}
    assert schedule.take(now) is None


@given(st.lists(st.tuples(servers, st.floats(0.001, 5)), min_size=1, max_size=40))
def test_schedule_is_fair(work: list[tuple[str, float]]) -> None:
    """As long as servers all have something due, none got more time than another and one longest try."""
    schedule, waiting, took = Schedule(), dict.fromkeys((server for server, _ in work), 0), {}
    for number, (server, seconds) in enumerate(work):
        took[f"{server}/{number}"] = seconds
        waiting[server] += 1
        schedule.put(Delivery(f"{server}/{number}", NOTICE), 0.0)
    spent = dict.fromkeys(waiting, 0.0)
    while all(waiting.values()) and (delivery := schedule.take(0.0)) is not None:
        spent[delivery.server] += took[delivery.url]
        waiting[delivery.server] -= 1
        schedule.charge(delivery, took[delivery.url])
        assert max(spent.values()) - min(spent.values()) <= max(took.values()) * (1 + 1e-9)
