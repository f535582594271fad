"""The proxy: what goes up and comes down unchanged, and what a proxy must not hand on."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from unittest import mock
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest

from labeler.gateway.proxy import Proxy
from tests.servers import serve, serve_raw

Pairs = list[tuple[str, str]]


class Echo:
    """An upstream that answers with what it got, and knows a few special paths."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status, headers, answer = self.answer(scope, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def answer(self, scope: Any, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if scope["path"] == "/cookies":
            headers = [(b"Set-Cookie", b"b=2"), (b"X-Kept", b"1"), (b"Set-Cookie", b"a=1; Path=/")]
            hop = [(b"keep-alive", b"timeout=5"), (b"connection", b"x-gone"), (b"x-gone", b"1")]
            return 200, headers + hop, b""
        if scope["path"] == "/gzip":
            return 200, [(b"content-encoding", b"gzip")], gzip.compress(b"words", mtime=0)
        if scope["path"] == "/redirect":
            return 302, [(b"location", b"/elsewhere")], b""
        if scope["path"].endswith("/moved"):
            host = dict(scope["headers"])[b"host"]
            return 307, [(b"location", unquote_to_bytes(scope["query_string"]).replace(b"HOST", host))], b""
        if scope["path"] == "/204":
            return 204, [], b""
        if scope["path"] == "/304":
            return 304, [(b"etag", b'"1"')], b""
        seen = {
            "method": scope["method"],
            "target": scope["raw_path"].decode() + "?" + scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": body.decode(),
            "port": scope["client"][1],
        }
        answer = json.dumps(seen).encode()
        return 200, [(b"content-length", b"%d" % len(answer))], answer


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """An echoing upstream."""
    with serve(Echo(), server_header=False, date_header=False) as url:
        yield url


@pytest.fixture(scope="module")
def base(upstream: str) -> Iterator[str]:
    """A proxy in front of it."""
    with serve(Proxy({"/": upstream}), server_header=False, date_header=False) as url:
        yield url


def connect(base: str) -> HTTPConnection:
    """A connection to a server by its base URL."""
    address = urlsplit(base)
    assert address.hostname
    return HTTPConnection(address.hostname, address.port, timeout=5)


def call(
    base: str, target: str = "/", method: str = "GET", headers: Pairs | None = None, body: bytes = b""
) -> tuple[HTTPResponse, bytes]:
    """Make one request with exactly these headers and read the answer."""
    connection = connect(base)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers or []:
        connection.putheader(name, value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def echoed(*arguments: Any, **options: Any) -> Any:
    """What the upstream saw of a request."""
    answer, content = call(*arguments, **options)
    assert answer.status == 200, content
    return json.loads(content)


def test_path_and_query_arrive_as_they_were_sent(base: str) -> None:
    """Percent-encoding, encoded slashes, dots and the query go up untouched."""
    target = "/v1/a%2Fb%20c/%E4%BD%A0/../x;p=1?q=%2B&x=1+2&q=a%3Db"
    assert echoed(base, target)["target"] == target


def test_upstream_prefix_stands_before_the_path(upstream: str) -> None:
    """The target is the upstream's URL, prefix and all, followed by the request's path."""
    with serve(Proxy({"/": f"{upstream}/compatible-mode/"})) as base:
        assert echoed(base, "/v1/models")["target"] == "/compatible-mode/v1/models?"


def test_longest_prefix_wins_at_segment_borders(upstream: str) -> None:
    """Of several upstreams the longest matching path prefix is taken, and it stays in the path."""
    proxy = Proxy({"/a": f"{upstream}/one", "/a/b": f"{upstream}/two"})
    with serve(proxy) as base:
        targets = [echoed(base, path)["target"] for path in ("/a", "/a/bc", "/a/b", "/a/b/c")]
        missing, content = call(base, "/ab")
    assert targets == ["/one/a?", "/one/a/bc?", "/two/a/b?", "/two/a/b/c?"]
    assert (missing.status, json.loads(content)["error"]["code"]) == (404, "no_upstream")


def test_request_headers_pass_without_the_hop_by_hop_ones(base: str, upstream: str) -> None:
    """Credentials, repeated and unknown headers go up in order; hop-by-hop ones do not; none is added."""
    sent = [
        ("X-Twice", "1"),
        ("Authorization", "Bearer sk-123"),
        ("Cookie", "session=1; other=2"),
        ("Connection", "keep-alive, X-Named"),
        ("X-Named", "1"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Trailer", "X-T"),
        ("Upgrade", "h2c"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Accept-Encoding", "gzip, br"),
        ("X-Twice", "2"),
        ("X-Name", "名字".encode().decode("latin-1")),
        ("X-Empty", ""),
    ]
    assert echoed(base, headers=sent)["headers"] == [
        ["host", urlsplit(upstream).netloc],
        ["accept-encoding", "identity"],
        ["x-twice", "1"],
        ["authorization", "Bearer sk-123"],
        ["cookie", "session=1; other=2"],
        ["x-twice", "2"],
        ["x-name", "名字".encode().decode("latin-1")],
        ["x-empty", ""],
    ]


def test_an_upstream_s_own_credentials_are_for_requests_without_any(upstream: str) -> None:
    """User name and password in the upstream's URL go up where the client sends no `Authorization`; one that
    it sends goes up as it is."""
    with serve(Proxy({"/": upstream.replace("://", "://us%40er:p%3Aass@")})) as base:
        without = echoed(base)["headers"]
        own = echoed(base, headers=[("Authorization", "Bearer sk-123")])["headers"]
    assert ["authorization", "Basic " + b64encode(b"us@er:p:ass").decode()] in without
    assert [value for name, value in own if name == "authorization"] == ["Bearer sk-123"]
    assert ["host", urlsplit(upstream).netloc] in without


def test_response_headers_pass_without_the_hop_by_hop_ones(base: str) -> None:
    """Repeated Set-Cookie headers come down in order; hop-by-hop ones and those they name do not."""
    answer, _ = call(base, "/cookies")
    kept = [
        (name.lower(), value) for name, value in answer.getheaders() if name.lower() != "transfer-encoding"
    ]
    assert kept == [("set-cookie", "b=2"), ("x-kept", "1"), ("set-cookie", "a=1; Path=/")]


@pytest.mark.parametrize(
    ("prefix", "location", "led"),
    [
        ("", "http://HOST/v1/chat/completions?a=%2F#b", "/v1/chat/completions?a=%2F#b"),
        ("", "//HOST/v1", "/v1"),
        ("", "../v1/models", "../v1/models"),
        ("/base", "http://HOST/base/v1/models", "/v1/models"),
        ("/base", "/base/v1/models", "/v1/models"),
        ("/base", "models", "/models"),
        ("/base", "http://HOST/base", "/"),
    ],
)
def test_a_redirect_to_the_upstream_leads_through_the_gateway(
    upstream: str, prefix: str, location: str, led: str
) -> None:
    """An upstream that redirects to itself does not lead the client past the labels, prefix or not."""
    with serve(Proxy({"/": upstream + prefix})) as base:
        answer, _ = call(base, f"/moved?{quote(location, safe='')}")
    assert answer.getheader("location") == led


def test_a_redirect_to_another_prefix_leads_there(upstream: str) -> None:
    """Of several upstreams the one that answers for the path decides, whatever follows the path."""
    with serve(Proxy({"/": upstream, "/v1": f"{upstream}/b"})) as base:
        for end in ("", "?a=1", "#part"):
            answer, _ = call(base, f"/v1/moved?{quote('http://HOST/b/v1' + end, safe='')}")
            assert answer.getheader("location") == f"/v1{end}"


@pytest.mark.parametrize(
    "location",
    [
        "https://example.com/v1",
        "http://HOST/other",
        "http://HOST/base//example.com/",
        "http://HOST/base/\\example.com/",
        "http://127.0.0.1:1/base",
    ],
)
def test_a_redirect_elsewhere_is_told(upstream: str, location: str, caplog: pytest.LogCaptureFixture) -> None:
    """A redirect that does not lead to the upstream stays as it is, and a warning says where to."""
    with serve(Proxy({"/": f"{upstream}/base"})) as base:
        answer, _ = call(base, f"/moved?{quote(location, safe='')}")
    sent = location.replace("HOST", urlsplit(upstream).netloc)
    assert answer.getheader("location") == sent
    assert f"redirects to {sent}" in caplog.text


def test_no_cookie_is_kept_and_no_redirect_followed(base: str) -> None:
    """One client's cookies never reach another's request; a redirect is the client's to follow."""
    call(base, "/cookies")
    assert "cookie" not in dict(echoed(base)["headers"])
    answer, _ = call(base, "/redirect")
    assert (answer.status, answer.getheader("location")) == (302, "/elsewhere")


def test_encoded_bodies_are_not_decoded(base: str) -> None:
    """An upstream that compresses all the same has its bytes passed as they are."""
    answer, content = call(base, "/gzip")
    assert answer.getheader("content-encoding") == "gzip"
    assert content == gzip.compress(b"words", mtime=0)


def test_environment_does_not_divert_requests(base: str) -> None:
    """Proxy settings of the environment play no part."""
    with mock.patch.dict(
        os.environ, {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}
    ):
        assert echoed(base)["method"] == "GET"


@pytest.mark.parametrize("method", ["OPTIONS", "PATCH", "DELETE", "PUT", "PURGE"])
def test_every_method_passes(base: str, method: str) -> None:
    """The method is the client's, also one that nobody has heard of."""
    assert echoed(base, method=method)["method"] == method


@pytest.mark.parametrize(
    ("target", "method", "status"), [("/204", "GET", 204), ("/304", "GET", 304), ("/", "HEAD", 200)]
)
def test_answers_without_a_body_end_at_once(base: str, target: str, method: str, status: int) -> None:
    """HEAD, 204 and 304 keep the connection usable: nothing of a body follows."""
    connection = connect(base)
    for _ in range(2):
        connection.request(method, target)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, b"")
        assert answer.getheader("transfer-encoding") is None
    connection.close()


def test_known_length_is_kept(base: str) -> None:
    """A body with a Content-Length goes up with it and is not chunked; so does a large one."""
    for size in (3, 3_000_000):
        seen = echoed(base, method="POST", headers=[("Content-Length", str(size))], body=b"x" * size)
        headers = dict(seen["headers"])
        assert (headers["content-length"], len(seen["body"])) == (str(size), size)
        assert "transfer-encoding" not in headers


def test_chunked_body_arrives_whole_and_framed_once(base: str) -> None:
    """A chunked upload arrives with one framing of the proxy's own."""
    connection = connect(base)
    pieces = (b"a" * size for size in (10, 70_000, 1))
    connection.request(
        "POST", "/", body=pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    seen = json.loads(connection.getresponse().read())
    connection.close()
    framing = [name for name, _ in seen["headers"] if name in ("content-length", "transfer-encoding")]
    assert (len(seen["body"]), len(framing)) == (70_011, 1)


def test_expect_is_answered_here_and_not_handed_on(base: str) -> None:
    """A client that waits for 100 Continue gets it; the upstream is not asked."""
    address = urlsplit(base)
    with socket.create_connection((address.hostname, address.port), timeout=5) as client:
        client.sendall(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"hi")
        answer = HTTPResponse(client)
        answer.begin()
        seen = json.loads(answer.read())
    assert seen["body"] == "hi"
    assert "expect" not in dict(seen["headers"])


def test_connections_are_pooled(base: str) -> None:
    """Requests one after the other share a connection to the upstream."""
    assert len({echoed(base)["port"] for _ in range(3)}) == 1


class Gate:
    """An upstream that streams: the second piece goes out when the test lets it."""

    def __init__(self) -> None:
        self.got_first = threading.Event()
        self.let_second = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        self.got_first.set()
        while message.get("more_body"):
            message = await receive()
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await asyncio.to_thread(self.let_second.wait, 5)
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})


def test_pieces_pass_both_ways_as_they_come() -> None:
    """The upstream has the first piece of a body before the client sends the next; so has the client."""
    gate = Gate()
    with serve(gate) as upstream, serve(Proxy({"/": upstream})) as base:
        connection = connect(base)
        connection.putrequest("POST", "/")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        connection.send(b"5\r\nfirst\r\n")
        assert gate.got_first.wait(5)
        connection.send(b"6\r\nsecond\r\n0\r\n\r\n")
        answer = connection.getresponse()
        first = answer.read1()
        gate.let_second.set()
        rest = answer.read()
        connection.close()
    assert (first, rest) == (b"data: 1\n\n", b"data: 2\n\n")


def test_what_cannot_be_forwarded_is_refused(upstream: str) -> None:
    """A target that would change the upstream's host gets a 400."""
    proxy = Proxy({"/": upstream})
    statuses: list[int] = []

    async def ask(raw_path: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "raw_path": raw_path, "query_string": b""}

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            statuses.append(message.get("status", 0))

        await proxy(scope | {"headers": headers}, receive, send)

    asyncio.run(ask(b"@127.0.0.1:1/", []))
    assert [status for status in statuses if status] == [400]


def test_websockets_are_refused_before_they_open(upstream: str) -> None:
    """A websocket gets a close instead of an accept, which servers answer with 403."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/v1/realtime", "raw_path": b"/v1/realtime"}
    asyncio.run(Proxy({"/": upstream})(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("package", ["aiohttp", "uvicorn"])
def test_missing_package_names_the_extra(package: str) -> None:
    """Without what the extra brings, `labeler serve` says what to install."""
    code = f"import sys; sys.modules[{package!r}] = None; from labeler.cli import main; sys.exit(main())"
    call = [sys.executable, "-c", code, "serve", "--upstream", "http://127.0.0.1:1"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert done.stderr == f"{package} is not installed: pip install 'aigc-labeler[gateway]'\n"


def dialled(base: str) -> socket.socket:
    """A connection of one's own to a server."""
    return socket.create_connection(("127.0.0.1", urlsplit(base).port or 0), timeout=10)


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_a_length_that_was_announced_for_nothing_is_not_passed_on(http: str) -> None:
    """Beside `Upgrade` a server may hand on a body's length without its bytes: sent upstream, it would have the
    next request on that connection taken for the body."""
    got: list[bytes] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(65536):
            got.append(head)
            writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    with serve_raw(upstream) as url, serve(Proxy({"/": url}), http=http) as base, dialled(base) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n"
            b"content-length: 40\r\n\r\n" + b"x" * 40
        )
        assert client.recv(65536).startswith(b"HTTP/1.1 4")
    (head,) = got
    length = int(re.findall(rb"content-length: (\d+)", head.lower())[0])
    assert len(head.partition(b"\r\n\r\n")[2]) == length


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_a_fragment_hides_no_path(upstream: str, http: str) -> None:
    """`#` ends a path for the upstream; where a server leaves it there, the request is refused."""
    with serve(Proxy({"/": upstream}), http=http) as base, dialled(base) as client:
        client.sendall(b"GET /v1/models#x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400") or b'"/v1/models?"' in answer
