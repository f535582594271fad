"""Sessions in memory: what is due, whatever the clocks do, and what is forgotten."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
import tracemalloc
from collections.abc import Container
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import MissingExtra, PolicyError
from labeler.sessions import Due, Sessions, sessions

IDLE = 30
EVERY = 100
"""Seconds between reminders."""

START = Due(reminder=False, first=True)
GOING_ON = Due(reminder=False, first=False)
REMINDER = Due(reminder=True, first=False, spans=1)

gaps = st.one_of(st.integers(0, IDLE), st.integers(0, 2 * IDLE), st.just(IDLE), st.just(IDLE + 1))
names = st.sampled_from("abc")


def touched(store: Sessions, *requests: tuple[str, float], owed: Container[int] = ()) -> list[Due]:
    """What the requests of sessions at some times are told, in an event loop of their own. What is due to the
    `owed` ones (their numbers) cannot be said."""

    async def told(number: int, session: str, now: float) -> Due:
        due = await store.touch(session, EVERY, now)
        if number in owed and (due.first or due.reminder):
            await store.owe(session, first=due.first)
        return due

    async def run() -> list[Due]:
        try:
            return [await told(number, *request) for number, request in enumerate(requests)]
        finally:
            await store.close()

    return asyncio.run(run())


def expected(history: list[float]) -> Due:
    """What is due to the last request of a session, read off the times of all of them."""
    begins = [0, *(n for n in range(1, len(history)) if history[n] - history[n - 1] > IDLE)]
    run = history[begins[-1] :]
    if len(run) == 1:
        return START
    mark = run[0]
    for now in run[1:-1]:
        mark = now if now - mark >= EVERY else mark
    due = run[-1] - mark >= EVERY
    return Due(reminder=due, first=False, spans=int((run[-1] - run[0]) // EVERY) if due else 0)


@given(st.lists(st.tuples(names, gaps), max_size=60))
def test_sessions_go_on_until_a_longer_gap(steps: list[tuple[str, int]]) -> None:
    """Each session begins after a gap longer than `idle` and is reminded after each `every`, by itself."""
    now, requests = 1_790_000_000, []
    for name, gap in steps:
        now += gap
        requests.append((name, float(now)))
    answers = touched(sessions("memory", IDLE), *requests)
    for n, (name, _) in enumerate(requests):
        history = [time for other, time in requests[: n + 1] if other == name]
        assert answers[n] == expected(history)


TIMES: dict[str, tuple[tuple[float, ...], list[Due]]] = {
    "due": ((0, 30, 60, 90, 100), [START, *3 * [GOING_ON], REMINDER]),
    "a gap": ((0, 30, 61), [START, GOING_ON, START]),
    "due again": (
        (0, 30, 60, 90, 120, 150, 180, 210, 220),
        [START, *3 * [GOING_ON], REMINDER, *3 * [GOING_ON], REMINDER._replace(spans=2)],
    ),
    "due late, counted from the start": (
        tuple(range(0, 601, 30)),
        [
            START,
            *(one for n in (1, 2, 3, 4, 6) for one in (*3 * [GOING_ON], REMINDER._replace(spans=n))),
        ],
    ),
    "set back": ((1000, 1, 2), [START, GOING_ON, GOING_ON]),
    "due after it was set back": ((1000, 1, 31, 61, 91, 101), [START, *4 * [GOING_ON], REMINDER]),
    "a gap after it was set back": ((1000, 1, 32), [START, GOING_ON, START]),
    "overtaken": ((0, 25, 20, 55), [START, *3 * [GOING_ON]]),
}
"""When a session has its requests, and what they are told."""


@pytest.mark.parametrize(("times", "answers"), TIMES.values(), ids=TIMES)
def test_what_is_due(times: tuple[float, ...], answers: list[Due]) -> None:
    """A reminder at `every`, a new session after a gap; a clock that is set back ends nothing and delays
    nothing by more than that."""
    assert touched(sessions("memory", IDLE), *(("a", time) for time in times)) == answers


SKEW = 10


@given(st.lists(st.tuples(st.integers(0, IDLE - SKEW), st.integers(0, SKEW)), min_size=1, max_size=80))
def test_clocks_that_differ_move_a_reminder_by_no_more_than_that(steps: list[tuple[int, int]]) -> None:
    """Replicas whose clocks differ by up to SKEW remind at most SKEW too early, and at most SKEW too late."""
    truth = list(accumulate(gap for gap, _ in steps))
    requests = [("a", true + ahead) for true, (_, ahead) in zip(truth, steps, strict=True)]
    mark = truth[0]
    start, *answers = touched(sessions("memory", IDLE), *requests)
    assert start == START
    for true, answer in zip(truth[1:], answers, strict=True):
        assert answer == (REMINDER._replace(spans=answer.spans) if answer.reminder else GOING_ON)
        assert answer.spans * EVERY <= true - truth[0] + SKEW
        assert not answer.reminder or answer.spans >= max(1, (true - truth[0] - SKEW) // EVERY)
        assert true - mark >= EVERY - SKEW if answer.reminder else true - mark < EVERY + SKEW
        mark = true if answer.reminder else mark


@given(st.lists(st.tuples(names, st.floats(-1e12, 1e12)), max_size=40))
def test_no_times_are_too_strange(requests: list[tuple[str, float]]) -> None:
    """Whatever the clock says, a session's first request starts it and no request gets both."""
    answers = touched(sessions("memory", IDLE), *requests)
    for n, (name, _) in enumerate(requests):
        assert answers[n].first or name in [other for other, _ in requests[:n]]
        assert not (answers[n].first and answers[n].reminder)


def test_what_was_not_said_is_due_again() -> None:
    """A beginning and a reminder, as often as it takes, and the count of hours goes on."""
    times = [("a", now) for now in (0, 1, *(EVERY + 1, EVERY + 2, EVERY + 3, EVERY + 4))]
    first, again, nothing = Due(False, True), Due(True, False, spans=1), Due(False, False)
    told = touched(sessions("memory", EVERY * 2), *times, owed={0, 2, 3})
    assert told == [first, first, again, again, again, nothing]


@given(st.lists(st.sampled_from("abcdef"), max_size=60), st.integers(1, 5))
def test_the_session_that_was_silent_longest_is_forgotten(order: list[str], limit: int) -> None:
    """No more than `limit` sessions are kept: those with the latest requests."""
    kept: list[str] = []
    store = sessions("memory", IDLE, limit=limit)
    for name, answer in zip(order, touched(store, *((name, 0) for name in order)), strict=True):
        assert answer.first == (name not in kept)
        kept = [*(other for other in kept if other != name), name][-limit:]


class Slow(float):
    """A time with which one calculates so slowly that other threads get their turn meanwhile."""

    def __sub__(self, other: float) -> float:
        time.sleep(0.001)
        return super().__sub__(other)


def test_a_reminder_is_given_once_to_threads() -> None:
    """One of many threads is reminded, however they take turns."""
    store = sessions("memory", EVERY)
    assert touched(store, ("a", 0)) == [START]
    answers: list[Due] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait(60)
        answers.extend(touched(store, *3 * [("a", Slow(EVERY))]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answers.count(answer) for answer in (REMINDER, GOING_ON)] == [1, 23]


def test_long_ids_are_not_kept() -> None:
    """An id is of any length and any characters, and costs the same."""
    store = sessions("memory", IDLE)
    tracemalloc.start()
    try:
        assert touched(store, *((f"\ud800{n}" + "名" * 100_000, 0) for n in range(50))) == 50 * [START]
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
    assert touched(store, ("\ud8000" + "名" * 100_000, 0), ("\ud8000" + "名" * 99_999, 0)) == [
        GOING_ON,
        START,
    ]


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("file", "store: neither `memory` nor the URL of a Redis server"),
        ("", "store: neither `memory` nor the URL of a Redis server"),
        ("http://redis.example", "store: neither `memory` nor the URL of a Redis server"),
        ("redis://redis.example:port", "store: this Redis URL cannot be read"),
        ("redis://redis.example?db=first", "store: this Redis URL cannot be read"),
        ("redis://redis.example/0?colour=red", "store: .* unexpected keyword argument 'colour'"),
    ],
)
def test_a_store_that_is_none_is_refused(store: str, message: str) -> None:
    """What is no store, or no usable URL of one, is refused at the start."""
    with pytest.raises(PolicyError, match=f"^sessions: {message}"):
        sessions(store, IDLE)


def test_a_refusal_keeps_the_password() -> None:
    """The message about a URL does not quote from it: `#` in a password cuts it off in the middle."""
    with pytest.raises(PolicyError, match="percent-encoded") as caught:
        sessions("redis://:se#cret@redis.example", IDLE)
    assert "'se'" not in str(caught.value)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("options", [{"idle": 0}, {"idle": math.nan}, {"timeout": math.inf}, {"limit": -1}])
def test_numbers_have_to_be_positive(options: dict[str, Any]) -> None:
    """Zero, less, infinity and no number at all are refused."""
    (field,) = options
    with pytest.raises(PolicyError, match=f"sessions: {field}: .* is not a positive number"):
        sessions("memory", **({"idle": IDLE} | options))


def test_the_package_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis-py, memory works and a URL says what to install."""
    monkeypatch.delitem(sys.modules, "labeler.sessions.redis", raising=False)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    assert touched(sessions("memory", IDLE), ("a", 0)) == [START]
    with pytest.raises(MissingExtra, match=r"redis is not installed: .*\[redis\]"):
        sessions("redis://redis.example", IDLE)


def test_closing_memory_forgets_nothing() -> None:
    """A loop that closes the store does not end the sessions of the others."""
    store = sessions("memory", IDLE)
    touched(store, ("a", 0))
    asyncio.run(store.close())
    assert touched(store, ("a", 1)) == [GOING_ON]
