"""The way to a webhook: certificates, addresses, proxies."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from labeler.notices import Notifier
from tests import notice_tools
from tests.fetching import resolving
from tests.notice_tools import LONG, NOTICE, Webhook, counts, delivered, numbered, told
from tests.servers import Talk, serve, serve_raw

_quick = notice_tools.quick
hook = notice_tools.hook
base = notice_tools.base


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that signs itself for hook.example, and its key."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hook.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hook.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, form, plain))
    return files


@pytest.fixture
def tls_port(hook: Webhook, certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    certificate, key = certified
    with (
        serve(hook, ssl_certfile=str(certificate), ssl_keyfile=str(key)) as base,
        resolving(monkeypatch, ("127.0.0.1",)),
    ):
        yield int(base.rpartition(":")[2])


def trust(certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified[0]))


def test_untrusted_certificate_is_refused(
    hook: Webhook, tls_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is told to a server that no trusted authority vouches for."""
    done = delivered(f"https://hook.example:{tls_port}/", NOTICE, retries=1)
    assert done.counts == counts(failed=1)
    assert "(tries: 2): its server's certificate is refused (self" in told(caplog)[0]
    assert hook.asked == []


def test_trusted_certificate_counts_for_its_name_alone(
    hook: Webhook, tls_port: int, certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A house's own authority is trusted as the system says (SSL_CERT_FILE), for the name it signed."""
    trust(certified, monkeypatch)
    notifier = Notifier(retries=0)
    notifier.send(f"https://other.example:{tls_port}/", numbered("other"))
    notifier.send(f"https://127.0.0.1:{tls_port}/", numbered("bare"))
    notifier.send(f"https://hook.example:{tls_port}/", NOTICE)
    assert notifier.close(LONG) == 0
    assert notifier.counts == counts(sent=1, failed=2)
    assert hook.numbers == ["0192"]
    assert hook.asked[0].headers["host"] == f"hook.example:{tls_port}"


def test_further_addresses_are_tried(hook: Webhook, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a host refuses the connection, the next is tried, without a pause."""
    port = base.rpartition(":")[2]
    with resolving(monkeypatch, ("127.0.0.9", "127.0.0.1")):
        done = delivered(f"http://hook.example:{port}/", NOTICE, retries=0)
    assert done.counts == counts(sent=1)


def test_silent_address_leaves_time_for_the_next(
    hook: Webhook, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that does not answer at all takes its share of the time, not the whole."""
    port = int(base.rpartition(":")[2])
    with ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.9", port), backlog=0))
        for _ in range(4):  # its queue is full: what comes later hears nothing
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.9", port))
        stack.enter_context(resolving(monkeypatch, ("127.0.0.9", "127.0.0.1")))
        done = delivered(f"http://hook.example:{port}/", NOTICE, timeout=0.6, retries=0)
    assert done.counts == counts(sent=1)


def test_names_are_looked_up_as_they_are_registered(
    hook: Webhook, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host beyond ASCII goes by its A-label."""
    port = base.rpartition(":")[2]
    with resolving(monkeypatch, ("127.0.0.1",)) as names:
        assert delivered(f"http://Bücher.example:{port}/", NOTICE).counts == counts(sent=1)
    assert names == ["xn--bcher-kva.example"]
    assert hook.asked[0].headers["host"] == f"xn--bcher-kva.example:{port}"


def proxying(heads: list[str], answer: bytes, port: int = 0) -> Talk:
    """A proxy that keeps the heads of what it is asked, answers, and with a port joins both sides."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        await writer.drain()
        if port:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(_pass_on(reader, to_writer), _pass_on(to_reader, writer))
            finally:
                to_writer.close()

    return talk


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.close()


def test_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An http webhook is reached through the proxy, with its whole URL and the proxy's credentials."""
    heads: list[str] = []
    with serve_raw(proxying(heads, b"HTTP/1.1 204 No Content\r\n\r\n")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("//", "//us:pa%40@"))
        assert delivered("http://me:x@hook.example/a?b", NOTICE).counts == counts(sent=1)
    (head,) = heads
    assert head.startswith("POST http://hook.example/a?b HTTP/1.1\r\nHost: hook.example\r\n")
    assert "\r\nProxy-Authorization: Basic dXM6cGFA\r\n" in head
    assert "\r\nAuthorization: Basic bWU6eA==\r\n" in head


def test_https_goes_through_the_proxy_in_a_tunnel(
    hook: Webhook, tls_port: int, certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy of an https webhook gets to know host and port, and its own credentials; no more."""
    trust(certified, monkeypatch)
    heads: list[str] = []
    with serve_raw(proxying(heads, b"HTTP/1.1 200 Established\r\n\r\n", tls_port)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.replace("http://", "us:pa@"))
        assert delivered("https://hook.example/a?b", NOTICE).counts == counts(sent=1)
    host = "Host: hook.example:443\r\nProxy-Authorization: Basic dXM6cGE=\r\n"
    assert heads == [f"CONNECT hook.example:443 HTTP/1.1\r\n{host}\r\n"]
    (asked,) = hook.asked
    assert (asked.target, asked.headers["host"]) == ("/a?b", "hook.example")
    assert "proxy-authorization" not in asked.headers


def test_proxy_that_opens_no_tunnel_is_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []
    with serve_raw(proxying(heads, b"HTTP/1.1 502 Bad Gateway\r\n\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", proxy)
        assert delivered("https://hook.example/", NOTICE, retries=1).counts == counts(failed=1)
    assert len(heads) == 2
    assert "(tries: 2): the connection failed (the proxy answers with status 502)" in told(caplog)[0]


def test_exceptions_of_the_environment_are_reached_directly(
    hook: Webhook, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`no_proxy` is respected."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "hook.example")
    port = base.rpartition(":")[2]
    with resolving(monkeypatch, ("127.0.0.1",)):
        assert delivered(f"http://hook.example:{port}/", NOTICE).counts == counts(sent=1)
        assert delivered(f"http://in.example:{port}/", NOTICE, retries=0).counts == counts(failed=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.9", "[::ffff:127.0.0.1]"])
def test_loopback_is_reached_without_a_proxy(
    hook: Webhook, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No proxy could reach this machine's own webhooks, whatever the environment says."""
    heads: list[str] = []
    with serve_raw(proxying(heads, b"HTTP/1.1 204 No Content\r\n\r\n")) as proxy, serve(hook) as base:
        monkeypatch.setenv("http_proxy", proxy)
        delivered(base.replace("127.0.0.1", host), NOTICE, retries=0)
    assert heads == []


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://[", "h:x"]
)
def test_other_proxies_fail_and_are_told(
    proxy: str, hook: Webhook, base: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that we cannot speak to is not passed by: the notice fails at once."""
    monkeypatch.setenv("http_proxy", proxy)
    port = base.rpartition(":")[2]
    with resolving(monkeypatch, ("127.0.0.1",)):
        assert delivered(f"http://hook.example:{port}/", NOTICE).counts == counts(failed=1)
    assert "environment's proxy" in told(caplog)[0]
    assert "(tries: 1)" in told(caplog)[0]
    assert hook.asked == []
