"""Sessions in a Redis server: shared by all replicas, kept over their restarts.

One key for each session, `<prefix>session:<SHA-256 of its id in hex>`: the three times of its state, as
they were given, with spaces between them. A script reads and writes it in one step; the server drops it
when the session is over.
"""

from __future__ import annotations

import asyncio
import logging
import math
from weakref import WeakKeyDictionary

from labeler.errors import MissingExtra, PolicyError, Problem
from labeler.sessions.base import Due, digest_of

try:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError as error:
    raise MissingExtra("redis", "redis") from error  # noqa: EM101 - a package, not a message

logger = logging.getLogger("labeler.sessions")

_CONNECTIONS = 16
"""Connections that one event loop may have open; more requests than that wait for one of them."""

_BACK_OFF = 1.0
"""Seconds between two attempts to reach a server that is away."""

_AWAY = (RedisError, OSError)
"""What goes wrong with a server: its refusals, connections that fail, the time limit."""

_SCRIPT = """
local now, every, idle = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local last, since, start = string.match(redis.call("GET", KEYS[1]) or "", "^(%S+) (%S+) (%S+)$")
local asked, told, began = tonumber(last or ""), tonumber(since or ""), tonumber(start or "")
local answer = 0
if not asked or not told or not began or now - asked > idle then
    answer, last, since, start = -1, ARGV[1], ARGV[1], ARGV[1]
else
    if now < told then
        told, since = now, ARGV[1]
    end
    if now < began then
        began, start = now, ARGV[1]
    end
    if now - told >= every then
        answer, since = math.floor((now - began) / every) + 1, ARGV[1]
    end
    if now > asked or asked - now > idle then
        last = ARGV[1]
    end
end
redis.call("SET", KEYS[1], last .. " " .. since .. " " .. start, "PX", ARGV[4])
return answer
"""
"""Gives -1 for a session that begins; for one that goes on 0, or where a reminder is due 1 and its spans."""

_OWED = """
local last, _, start = string.match(redis.call("GET", KEYS[1]) or "", "^(%S+) (%S+) (%S+)$")
if ARGV[1] == "1" then
    redis.call("DEL", KEYS[1])
elseif last then
    redis.call("SET", KEYS[1], last .. " 0 " .. start, "PX", ARGV[2])
end
return 0
"""
"""Forgets a session that began, or takes back that it was reminded."""


class RedisSessions:
    """Sessions in the server at `url`; each event loop has connections of its own.

    A server that does not answer within `timeout` seconds, or with an error, is away: a reminder is then
    given rather than missed, and for a second all requests but one get that answer at once.
    """

    def __init__(self, url: str, idle: float, prefix: str, timeout: float) -> None:
        """Raises PolicyError for a URL that cannot be used."""
        self._url, self._idle, self._timeout = url, idle, timeout
        self._prefix = f"{prefix}session:"
        # a request arrives at most `timeout` after its `now`: no key ends before its session
        self._life = math.ceil((idle + timeout) * 1000)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, _Client] = WeakKeyDictionary()
        try:
            pool = _pool(url, timeout)
            pool.connection_class(**pool.connection_kwargs)  # connects nothing, but reads all options
        except (ValueError, TypeError, RedisError) as error:
            # a ValueError may quote the password
            wrong = str(error) if isinstance(error, TypeError) else "this Redis URL cannot be read"
            hint = "redis://user:password@host:6379/0, percent-encoded; behind ? options of redis-py alone"
            raise PolicyError(Problem("sessions", 0, 0, "store", wrong, hint)) from None

    async def touch(self, session: str, every: float, now: float) -> Due:
        """A request of a session arrives at `now`; a reminder is due after each `every` seconds."""
        arguments = float(now), float(every), float(self._idle), self._life
        return await self._client().touch(self._key(session), *arguments)

    async def owe(self, session: str, *, first: bool) -> None:
        """What was due in a session could not be said: it is due again with its next request."""
        await self._client().owe(self._key(session), int(first), self._life)

    def _client(self) -> _Client:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = _Client(_pool(self._url, self._timeout), self._timeout)
        return client

    def _key(self, session: str) -> str:
        return self._prefix + digest_of(session).hex()

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()


class _Client:
    """The connections of one event loop, and what it knows about a server that is away."""

    def __init__(self, pool: BlockingConnectionPool, timeout: float) -> None:
        self._redis, self._pool, self._timeout = Redis.from_pool(pool), pool, timeout
        self._script, self._owed = map(self._redis.register_script, (_SCRIPT, _OWED))
        self._away = ""  # the note for those who cannot be told more
        self._again = 0.0  # when the next one tries, on the loop's clock

    async def touch(self, key: str, *arguments: float) -> Due:
        if self._away and self._clock() < self._again:
            return Due(reminder=True, first=False, note=self._away)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(key, *arguments)
        except _AWAY as error:
            self._leave(error)
            return Due(reminder=True, first=False, note=self._away)
        self._away = ""
        return Due(reminder=answer > 0, first=answer < 0, spans=max(answer - 1, 0))

    async def owe(self, key: str, *arguments: float) -> None:
        if not self._away or self._clock() >= self._again:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._owed(keys=[key], args=arguments)
                return
            except _AWAY as error:
                self._leave(error)
        logger.warning("%s; a reminder that was not said is lost", self._away)

    def _leave(self, error: Exception) -> None:
        """Leave the server alone for a while."""
        self._away = f"sessions: redis away: {type(error).__name__}"
        self._again = self._clock() + _BACK_OFF
        logger.warning("%s: %s", self._away, error)

    async def _ask(self, key: str, *arguments: float) -> int:
        if self._away:
            self._again = self._clock() + _BACK_OFF  # one tries, the others go on without
            await self._pool.disconnect(inuse_connections=False)  # they may lead to where nobody is any more
        answer: int = await self._script(keys=[key], args=arguments)
        return answer

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    async def close(self) -> None:
        await self._redis.aclose()  # and the pool with it


def _pool(url: str, timeout: float) -> BlockingConnectionPool:
    """Connections that do not repeat a command: the reminder may have been given to the first one."""
    return BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=None,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
