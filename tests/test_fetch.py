"""Fetching a picture by its URL: whole, within its limits, from servers of every manner."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeler.errors import ContentError
from labeler.fetch import Fetching, fetch
from tests.fetching import APP, HOUSE, PICTURE, refused, resolving, says
from tests.servers import serve, serve_raw


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serve(APP) as address:
        yield address


# What arrives.


@pytest.mark.parametrize("path", ["/a.png", "/pieces", "/moved?to=/a.png", "/moved?to=pieces&status=308"])
def test_picture_arrives_whole(base: str, path: str) -> None:
    """The bytes come as they were sent, with a length, in chunks, and behind redirects."""
    assert fetch(base + path, HOUSE) == PICTURE


def test_answer_that_ends_with_the_connection_arrives() -> None:
    """An answer without a length ends where the server closes."""
    with serve_raw(says(b"HTTP/1.0 200 OK\r\n\r\n", PICTURE)) as base:
        assert fetch(base, HOUSE) == PICTURE


def test_request_is_plain(base: str) -> None:
    """The request asks for no coding, carries nobody's credentials, and keeps a signature's spelling."""
    text = fetch(f"{base}/asked/a%2Fb%20c/图?sig=%2b+/=&x=~'(é)", HOUSE).decode()
    target, *headers = text.split("\n")
    assert target == "/asked/a%2Fb%20c/%E5%9B%BE?sig=%2b+/=&x=~'(%C3%A9)"
    names = {line.partition(":")[0] for line in headers}
    assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert "accept-encoding: identity" in headers
    assert f"host: {base.removeprefix('http://')}" in headers


def test_proxies_of_the_environment_are_not_used(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names, which would look names up itself, is not asked."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(base + "/a.png", HOUSE) == PICTURE


def test_second_address_is_tried(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a host refuses the connection, the next is tried."""
    port = base.rpartition(":")[2]
    with resolving(monkeypatch, ("127.0.0.9", "127.0.0.1")):
        assert fetch(f"http://pictures.example:{port}/a.png", HOUSE) == PICTURE


def test_silent_address_leaves_time_for_the_next(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that does not answer at all takes its share of the time, not the whole."""
    port = int(base.rpartition(":")[2])
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.9", port), backlog=0))
        for _ in range(4):  # its queue is full: what comes later hears nothing
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.9", port))
        url, rule = f"http://pictures.example:{port}/a.png", replace(HOUSE, timeout=1)
        with resolving(monkeypatch, ("127.0.0.9",)):
            assert refused(url, replace(rule, timeout=0.2)) == "it took longer than 0.2 s"
        with resolving(monkeypatch, ("127.0.0.9", "127.0.0.1")):
            assert fetch(url, rule) == PICTURE


# What servers do.


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\nSECRET", "status 404"),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", "status 206"),
        (b"HTTP/1.1 302 Found\r\n\r\n", "status 302"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx",
            "in a Content-Encoding that was not asked for",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx",
            "in a Transfer-Encoding that was",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234567", "ends 3 bytes early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "breaks the rules of HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\nx", "larger than 33554432 bytes"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", "LineTooLong"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n", "breaks the rules of HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "BadStatusLine"),
        (b"", "RemoteDisconnected"),
    ],
)
def test_answers_that_are_no_picture_are_refused(answer: bytes, reason: str) -> None:
    """Another status, a coding, a cut or broken answer and an endless header each give a reason."""
    with serve_raw(says(answer)) as server:
        assert reason in refused(server + "/?SECRET", HOUSE)


@pytest.mark.parametrize(
    ("head", "forever"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"Trailer: x\r\n" * 5000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
        (b"HTTP/1.1 200 OK\r\n", b"X" * 65536),
    ],
)
def test_endless_answers_are_cut_off(head: bytes, forever: bytes) -> None:
    """A server that never stops is left soon after the limit, at whatever point it goes on and on."""
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(forever)
            sent += len(forever)
            await writer.drain()

    with serve_raw(talk) as server:
        reason = refused(server + "/?SECRET", replace(HOUSE, limit=300_000, timeout=20))
    assert "longer than" not in reason
    assert sent < 16 << 20  # the limit, what goes around it, and the buffers of both ends


def test_limit_is_exact(base: str) -> None:
    """A picture as large as the limit is fetched, one byte more is refused, announced or not."""
    for path in ("/a.png", "/pieces"):
        assert fetch(base + path, replace(HOUSE, limit=len(PICTURE))) == PICTURE
        reason = refused(base + path, replace(HOUSE, limit=len(PICTURE) - 1))
        assert reason == f"it is larger than {len(PICTURE) - 1} bytes"


@pytest.mark.parametrize(
    ("head", "forever"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 302 Found\r\n", b"X: a\r\n"),
    ],
)
def test_drops_do_not_stretch_the_deadline(head: bytes, forever: bytes) -> None:
    """A server that gives a byte now and then has no more time than a silent one."""
    start = time.monotonic()
    with serve_raw(says(head, forever=forever, pause=0.05)) as server:
        assert refused(server + "/?SECRET", replace(HOUSE, timeout=0.4)) == "it took longer than 0.4 s"
    assert time.monotonic() - start < 2


def test_deadline_holds_over_all_redirects() -> None:
    """Redirects share one deadline."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n")

    start = time.monotonic()
    with serve_raw(talk) as server:
        assert "longer than 0.5 s" in refused(server, replace(HOUSE, timeout=0.5, redirects=99))
    assert time.monotonic() - start < 2


def test_slow_resolver_does_not_stretch_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that hangs is given up at the deadline."""
    late = threading.Event()

    def look_up(*arguments: Any, **options: Any) -> Any:
        late.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    start = time.monotonic()
    assert "longer than 0.2 s" in refused("http://pictures.example/", Fetching(("*",), timeout=0.2))
    assert time.monotonic() - start < 2
    late.set()


def test_silent_tls_server_does_not_stretch_the_deadline() -> None:
    """A server that accepts and then says nothing to a TLS hello is given up at the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert "longer than 0.2 s" in refused(url, replace(HOUSE, timeout=0.2))


def test_refused_connection_is_told() -> None:
    """A port where nobody listens gives our error."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert refused(f"http://127.0.0.1:{port}/?SECRET", HOUSE) == "the connection failed (Connection refused)"


SOUND = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A sound answer with a few places overwritten."""
    answer = bytearray(SOUND)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(answer)))
        answer[start : start + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(answer)


def test_broken_answers_give_our_error_alone() -> None:
    """Whatever a server says, the outcome is bytes or a ContentError."""
    answer = b""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    with serve_raw(talk) as server:

        @settings(max_examples=150)
        @given(broken() | st.binary(max_size=60) | st.binary(max_size=60).map(b"HTTP/1.1 200 OK\r\n".__add__))
        @example(SOUND)
        def run(said: bytes) -> None:
            nonlocal answer
            answer = said
            got: bytes | ContentError
            try:
                got = fetch(server, HOUSE)
            except ContentError as error:
                got = error
            assert isinstance(got, bytes) or " was not fetched: " in str(got)
            assert got == b"abcde" or said != SOUND

        run()


# TLS.


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that signs itself for pictures.example, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("pictures.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.fixture
def tls_port(certified: tuple[Path, Path]) -> Iterator[str]:
    certificate, key = certified
    with serve(APP, ssl_certfile=str(certificate), ssl_keyfile=str(key)) as base:
        yield base.rpartition(":")[2]


def test_untrusted_certificate_is_refused(tls_port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that no trusted authority signed is refused."""
    with resolving(monkeypatch, ("127.0.0.1",)):
        reason = refused(f"https://pictures.example:{tls_port}/a.png?SECRET", HOUSE)
    assert reason.startswith("its server's certificate is refused (self")


def test_trusted_certificate_counts_for_its_name_alone(
    tls_port: str, certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted server is fetched from by the name in its certificate, and refused by any other."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certified[0]))
    rule = replace(HOUSE, hosts=("*:*",))
    with resolving(monkeypatch, ("127.0.0.1",)):
        assert fetch(f"https://pictures.example:{tls_port}/a.png", rule) == PICTURE
        assert "certificate is refused" in refused(f"https://other.example:{tls_port}/a.png", rule)
    assert "certificate is refused" in refused(f"https://127.0.0.1:{tls_port}/a.png", rule)


def test_redirect_out_of_tls_is_refused(
    base: str, tls_port: str, certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect from https to http is not followed, though both are allowed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certified[0]))
    with resolving(monkeypatch, ("127.0.0.1",)):
        reason = refused(f"https://pictures.example:{tls_port}/moved?to={base}/a.png?SECRET", HOUSE)
        assert fetch(f"https://pictures.example:{tls_port}/moved?to=/a.png", HOUSE) == PICTURE
    assert reason == "its server redirects from https to something else"


def test_plain_server_behind_https_is_refused(base: str) -> None:
    """A server that speaks no TLS is refused under https."""
    assert "the connection failed" in refused(base.replace("http:", "https:") + "/a.png?SECRET", HOUSE)
