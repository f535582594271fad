"""A streaming reverse proxy: an ASGI app that rewrites nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from labeler.errors import LabelerError, MissingExtra, TransferBroken
from labeler.gateway.client import Client
from labeler.gateway.headers import Headers, credentials, request_headers, response_headers
from labeler.gateway.redirects import STATUSES, led_back

try:
    import aiohttp
    from yarl import URL
except ImportError as error:
    raise MissingExtra("aiohttp", "gateway") from error  # noqa: EM101 - a package, not a message

logger = logging.getLogger("labeler.gateway")

_IDLE = 4.0
"""Seconds that an unused connection is kept: uvicorn and Node close theirs after 5, and a POST that
meets the closing end cannot be repeated."""

_HEADER_LIMIT = 64 * 1024

_UNASKED = frozenset(("accept", "content-type", "user-agent"))
"""Fields that the client library adds where they are missing, unless told not to."""


class Refusal(LabelerError):
    """A request that gets its answer from the gateway itself, in OpenAI's error shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        kind = "invalid_request_error" if status < 500 else "upstream_error"
        self.response = JSONResponse(
            {"error": {"message": message, "type": kind, "param": None, "code": code}}, status
        )


class Proxy:
    """Forwards each request to the upstream of the longest matching path prefix.

    `upstreams` maps a path prefix (`/` for all) to a base URL. The prefix stays in the path: the target
    is base URL + path + query as they came in; user name and password in the URL are for requests without an
    `Authorization`. `connect_timeout` and `read_timeout` are in seconds; the second bounds the time to the
    start of an answer and between two pieces of it. `connections`: open at once to one upstream, at most.
    """

    def __init__(
        self,
        upstreams: Mapping[str, str],
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 600.0,
        connections: int = 1000,
    ) -> None:
        routes = ((prefix.rstrip("/"), *credentials(url.rstrip("/"))) for prefix, url in upstreams.items())
        self._routes = sorted(routes, key=lambda route: len(route[0]), reverse=True)
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=read_timeout, sock_connect=connect_timeout, sock_read=read_timeout
        )
        self._connections = connections
        self._sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            WeakKeyDictionary()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            logger.warning("%s: %s connections are not carried", _path(scope), scope["type"])
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = Client(receive)
        try:
            await self._forward(scope, client, receive, send)
        except asyncio.CancelledError:
            if not client.has_left():
                raise
            logger.info("%s: the client left", _path(scope))
        finally:
            client.close()

    async def _forward(self, scope: Scope, client: Client, receive: Receive, send: Send) -> None:
        try:
            answer = await self._ask(scope, client)
        except Refusal as refusal:
            client.close()
            await refusal.response(scope, receive, send)
            return
        headers = response_headers(answer.raw_headers, answer.status)
        if answer.status in STATUSES:
            headers = self._led_back(headers, answer.url, _path(scope))
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await _relay(answer, client, scope, send)
        finally:
            answer.close()  # of no effect on a connection whose answer was read to the end

    async def _ask(self, scope: Scope, client: Client) -> aiohttp.ClientResponse:
        """Send the request; return the answer as soon as its headers are there. Raises Refusal."""
        try:
            (target, authorization), headers = self._target(scope), request_headers(scope["headers"])
            names = [name for name, _ in headers]
            if authorization and "authorization" not in names:
                headers.append(("authorization", authorization))
            missing = _UNASKED.difference(names)
            body = await client.body()
            if body is not client:  # it has the length that it has, whatever was announced
                headers = [field for field in headers if field[0] != "content-length"]
            answer = await self._session().request(
                scope["method"],
                target,
                headers=headers,
                skip_auto_headers=missing or None,
                data=body,
                allow_redirects=False,
            )
            if answer.status == 101:
                answer.close()
                changed = "the upstream changes the protocol, which nobody asked for"
                raise Refusal(502, "upstream_failed", changed)
            return answer
        except TimeoutError as error:
            logger.warning("%s: the upstream did not answer: %s", _path(scope), error)
            raise Refusal(504, "upstream_timeout", "the upstream did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            logger.warning("%s: the upstream failed: %s", _path(scope), error)
            raise Refusal(502, "upstream_unreachable", "the upstream cannot be reached") from None
        except ValueError as error:
            raise Refusal(400, "bad_request", f"this request cannot be forwarded: {error}") from None

    def _target(self, scope: Scope) -> tuple[URL, str]:
        """Where a request goes, and with which `Authorization` if it has none."""
        path = _path(scope)
        if not path.startswith("/"):  # `OPTIONS *`; and `@elsewhere` would change the host
            message = "its path does not begin with a slash"
            raise ValueError(message)
        if "#" in path:  # which would end it for the upstream, but not for those who label
            message = "its path holds a `#`"
            raise ValueError(message)
        query = scope["query_string"]
        tail = f"{path}?{query.decode('ascii')}" if query else path
        if (found := self._upstream(path)) is None:
            raise Refusal(404, "no_upstream", "no upstream is configured for this path")
        base, authorization = found
        return URL(base + tail, encoded=True), authorization

    def _upstream(self, path: str) -> tuple[str, str] | None:
        """The URL of the upstream for a path, and the `Authorization` for those who have none."""
        fitting = (
            (base, authorization)
            for prefix, base, authorization in self._routes
            if path.startswith(prefix) and path[len(prefix) :][:1] in ("", "/")
        )
        return next(fitting, None)

    def _led_back(self, headers: Headers, target: URL, path: str) -> Headers:
        upstream = self._upstream(path)
        assert upstream is not None  # it has answered
        headers, away = led_back(headers, target, upstream[0], lambda to: self._upstream(to) == upstream)
        if away:
            logger.warning("%s: the upstream redirects to %s: nothing labels what is there", path, away)
        return headers

    def _session(self) -> aiohttp.ClientSession:
        """The session of the running event loop: connections cannot move between loops."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, limit_per_host=self._connections, keepalive_timeout=_IDLE
                ),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_line_size=_HEADER_LIMIT,
                max_field_size=_HEADER_LIMIT,
            )
        return session

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._session()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._sessions.pop(asyncio.get_running_loop()).close()
        await send({"type": "lifespan.shutdown.complete"})


async def _relay(answer: aiohttp.ClientResponse, client: Client, scope: Scope, send: Send) -> None:
    """Pass the answer's body on piece by piece, as it arrives and as fast as the client takes it."""
    content = answer.content
    more = True
    while more:
        try:
            piece = await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            logger.warning("%s: the upstream broke off: %s", _path(scope), error)
            message = f"the upstream broke off: {error}"
            raise TransferBroken(message) from error
        more = not content.at_eof()
        if not more:
            client.close()  # servers report a finished exchange as `http.disconnect` too
        await send({"type": "http.response.body", "body": piece, "more_body": more})


def _path(scope: Scope) -> str:
    """The path as it came in, still percent-encoded: safe in a URL and in a log line."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return URL.build(path=scope["path"]).raw_path
    return raw.decode("ascii")
