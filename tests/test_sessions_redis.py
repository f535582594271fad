"""Sessions in Redis, with a real server: shared by replicas, and what is said while it is away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from itertools import count

import pytest
import redis
from hypothesis import example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from labeler.sessions import Due, Sessions, sessions
from tests.redis_server import RedisServer, eventually, redis_server
from tests.servers import serve_raw
from tests.test_sessions import EVERY, GOING_ON, IDLE, REMINDER, START, TIMES, gaps, names, touched

PATIENCE = 10.0
"""A time limit that no server reaches on a busy machine, in seconds."""

prefixes = map("test{}:".format, count())


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    """A server that nobody stops."""
    with redis_server() as server:
        yield server


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own."""
    with redis_server() as server:
        yield server


def away(kind: str) -> Due:
    """The answer without knowledge."""
    return Due(reminder=True, first=False, note=f"sessions: redis away: {kind}")


def store_in(url: str, idle: float = IDLE, timeout: float = PATIENCE, prefix: str = "") -> Sessions:
    """The store, with keys of its own."""
    return sessions(url, idle, timeout=timeout, prefix=prefix or next(prefixes))


def run(store: Sessions, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work in an event loop that closes the store at its end."""

    async def all_of_it() -> None:
        try:
            await work()
        finally:
            await store.close()

    asyncio.run(all_of_it())


def skip(seconds: float) -> None:
    """The running event loop's clock goes ahead by some seconds, for as long as it lives."""
    loop = asyncio.get_running_loop()
    real = loop.time
    pytest.MonkeyPatch().setattr(loop, "time", lambda: real() + seconds)


async def in_vain(store: Sessions, session: str, now: float) -> Due:
    """What a request is told that is not answered within the time limit."""
    task = asyncio.create_task(store.touch(session, EVERY, now))
    await asyncio.sleep(0.01)
    skip(PATIENCE)
    return await task


@pytest.mark.parametrize("address", ["tcp", "unix"])
@pytest.mark.parametrize(("times", "answers"), TIMES.values(), ids=TIMES)
def test_a_session_goes_on_in_another_replica(
    shared: RedisServer, address: str, times: tuple[float, ...], answers: list[Due]
) -> None:
    """Each replica knows what the others were asked; a gap ends the session for all."""
    prefix = next(prefixes)
    replicas = [store_in(getattr(shared, address), prefix=prefix) for _ in range(3)]
    assert [touched(replicas[n % 3], ("a", now))[0] for n, now in enumerate(times)] == answers


skews = st.one_of(st.just(0), st.integers(-IDLE, IDLE), st.floats(-3 * IDLE, 3 * IDLE))
steps = st.lists(st.tuples(names, gaps, skews), max_size=40)


@hypothesis(max_examples=60)
@given(steps, st.sets(st.integers(0, 40)))
@example([("a", 0, 0), *3 * [("a", IDLE, 0)], ("a", 10, 0), ("a", 0, -20)], {4})
def test_redis_says_what_memory_says(
    shared: RedisServer, steps: list[tuple[str, int, float]], owed: set[int]
) -> None:
    """Whatever the clocks do, to fractions of a second, the server's script agrees with the other store."""
    now, requests = 1_790_000_000.25, []
    for name, gap, skew in steps:
        now += gap
        requests.append((name, now + skew))
    redis, memory = store_in(shared.unix), sessions("memory", IDLE)
    assert touched(redis, *requests, owed=owed) == touched(memory, *requests, owed=owed)


def test_one_of_all_concurrent_requests_is_reminded(shared: RedisServer) -> None:
    """Replicas, threads with an event loop each and tasks ask at once: one starts the session, one is reminded."""
    prefix = next(prefixes)
    replicas = [store_in(shared.unix, prefix=prefix) for _ in range(2)]
    answers: list[Due] = []
    barrier = threading.Barrier(6)

    def work(store: Sessions) -> None:
        async def ask() -> None:
            for now in (0, 25, 50, 75, 100):
                barrier.wait(60)
                answers.extend(await asyncio.gather(*(store.touch("a", EVERY, now) for _ in range(40))))

        run(store, ask)

    threads = [threading.Thread(target=work, args=(store,)) for store in replicas * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 6 * 5 * 40
    assert [answers.count(answer) for answer in (START, REMINDER)] == [1, 1]
    assert answers.count(GOING_ON) == len(answers) - 2


def test_keys_name_nobody_and_end_by_themselves(shared: RedisServer) -> None:
    """A key shows the hash of the session's id, and ends soon after the session can no longer go on."""
    store = store_in(shared.unix, prefix="keys:", timeout=2.0)
    assert touched(store, ("张三\ud800", 0), ("张三\ud800", 5)) == [START, GOING_ON]
    with redis.Redis.from_url(shared.unix) as client:
        (key,) = client.scan_iter("keys:*")
        assert key == b"keys:session:" + sha256("张三".encode() + b"\xed\xa0\x80").hexdigest().encode()
        assert IDLE * 1000 < client.pttl(key) <= (IDLE + 2) * 1000


def test_the_server_forgets_a_session_that_is_over(shared: RedisServer) -> None:
    """The key of a session is gone after `idle`, so that the next request starts one."""
    store = store_in(shared.unix, prefix="over:", idle=0.05, timeout=0.6)
    assert touched(store, ("a", 0)) == [START]
    eventually(shared, lambda client: not list(client.scan_iter("over:*")))
    assert touched(store, ("a", 0)) == [START]


def test_more_requests_than_connections_wait_for_their_turn(shared: RedisServer) -> None:
    """A crowd is answered over a few connections, none of it without knowledge, and all of them are closed."""
    store = store_in(shared.unix)

    async def crowd() -> None:
        answers = await asyncio.gather(*(store.touch(str(n), EVERY, 0) for n in range(500)))
        assert answers == 500 * [START]
        with redis.Redis.from_url(shared.unix) as client:
            assert len(client.client_list()) <= 20

    run(store, crowd)
    eventually(shared, lambda client: len(client.client_list()) == 1)


def test_requests_that_are_given_up_harm_no_others(shared: RedisServer) -> None:
    """Clients that leave at any moment take no connection with them, and nobody gets another's answer."""
    store = store_in(shared.unix)

    async def crowd() -> None:
        for turn in range(20):
            leaving = [asyncio.create_task(store.touch("a", EVERY, turn)) for _ in range(60)]
            for _ in range(turn):
                await asyncio.sleep(0)
            for task in leaving[::2]:
                task.cancel()
            await asyncio.wait(leaving)
        answers = await asyncio.gather(*(store.touch(f"b{n}", EVERY, 0) for n in range(100)))
        assert answers == 100 * [START]

    run(store, crowd)


def test_a_restart_of_the_server_goes_unnoticed(server: RedisServer) -> None:
    """Connections and scripts are gone, the data are not: the session goes on."""
    store = store_in(server.tcp)

    async def before_and_after() -> None:
        assert await asyncio.gather(*(store.touch(name, EVERY, 0) for name in "abc")) == 3 * [START]
        await asyncio.to_thread(server.restart)
        assert await store.touch("a", EVERY, 20) == GOING_ON
        await asyncio.to_thread(server.restart)
        answers = await asyncio.gather(*(store.touch("a", 50, 50) for _ in range(3)))
        assert sorted(answers) == [GOING_ON, GOING_ON, REMINDER]

    run(store, before_and_after)


def test_a_server_that_is_away_is_left_alone_for_a_second(server: RedisServer) -> None:
    """While it is away a reminder is given; it is asked again after the back-off and not before."""
    store = store_in(server.tcp)

    async def there_and_away() -> None:
        assert await store.touch("a", EVERY, 0) == START
        server.stop()
        assert await store.touch("a", EVERY, 1) == away("ConnectionError")
        server.start()
        assert await store.touch("a", EVERY, 2) == away("ConnectionError")
        skip(1)
        assert await store.touch("a", EVERY, 3) == GOING_ON
        assert await store.touch("a", EVERY, 4) == GOING_ON

    run(store, there_and_away)


def test_a_server_that_hangs_is_waited_for_once(server: RedisServer) -> None:
    """The first request waits for the time limit; those behind it do not even ask."""
    store = store_in(server.tcp)

    async def hanging() -> None:
        server.freeze()
        assert await in_vain(store, "a", 0) == away("TimeoutError")
        server.thaw()
        assert await store.touch("a", EVERY, 0) == away("TimeoutError")

    run(store, hanging)


def test_what_was_not_said_waits_for_no_server_that_is_away(server: RedisServer) -> None:
    """It is lost at once, and the log says so."""
    store = store_in(server.tcp)

    async def hanging() -> None:
        server.freeze()
        assert await in_vain(store, "a", 0) == away("TimeoutError")
        await asyncio.wait_for(store.owe("a", first=False), PATIENCE / 20)
        server.thaw()

    run(store, hanging)


def test_the_time_limit_holds_for_a_crowd(server: RedisServer) -> None:
    """Those who wait for a connection are not kept longer than those who have one."""
    store = store_in(server.tcp)

    async def crowd() -> None:
        server.freeze()
        tasks = [asyncio.create_task(store.touch("a", EVERY, 0)) for _ in range(100)]
        await asyncio.sleep(0.01)
        skip(PATIENCE)
        done, _ = await asyncio.wait(tasks, timeout=PATIENCE / 2)
        assert [task.result() for task in done] == 100 * [away("TimeoutError")]

    run(store, crowd)


def test_connections_that_lead_nowhere_are_not_tried_one_after_another(server: RedisServer) -> None:
    """When another server has taken over, one request waits in vain, however many connections there were."""
    store = store_in(server.unix)

    async def failover() -> None:
        assert await asyncio.gather(*(store.touch(str(n), EVERY, 0) for n in range(8))) == 8 * [START]
        server.replace()
        assert await in_vain(store, "1", 1) == away("TimeoutError")
        skip(1)
        assert await store.touch("1", EVERY, 1) == START
        assert await asyncio.gather(*(store.touch(str(n), EVERY, 2) for n in range(2, 8))) == 6 * [START]

    run(store, failover)


def test_one_request_looks_whether_the_server_is_back() -> None:
    """After the back-off one of many requests tries, and the others do not wait for it."""
    calls = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(await reader.read(1))

    async def crowd() -> None:
        for turn in range(1, 4):
            await store.touch("a", EVERY, 0)
            answers = await asyncio.gather(*(store.touch("a", EVERY, 0) for _ in range(30)))
            assert answers == 30 * [away("ConnectionError")]
            assert len(calls) == 2 * turn - 1
            skip(1)
            answers = await asyncio.gather(*(store.touch("a", EVERY, 0) for _ in range(30)))
            assert answers == 30 * [away("ConnectionError")]
            assert len(calls) == 2 * turn
            skip(1)

    with serve_raw(refuse) as url:
        store = store_in(url.replace("http:", "redis:"))
        run(store, crowd)


def test_an_error_of_the_server_is_no_error_of_the_request(shared: RedisServer) -> None:
    """What the server refuses is noted by its kind: a key that holds something else, a wrong password."""
    store = store_in(shared.unix, prefix="wrong:")
    assert touched(store, ("a", 0)) == [START]
    with redis.Redis.from_url(shared.unix) as client:
        (key,) = client.scan_iter("wrong:*")
        client.delete(key)
        client.lpush(key, "x")
        assert touched(store, ("a", 0)) == [away("ResponseError")]
        client.set(key, "no times")
        assert touched(store, ("a", 0), ("a", 1)) == [START, GOING_ON]
    stranger = store_in(shared.tcp.replace("redis://", "redis://nobody:secret@"))
    assert touched(stranger, ("a", 0)) == [away("AuthenticationError")]
