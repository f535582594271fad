"""Notices to a house's own systems: what arrives, what is tried again, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler import notices
from labeler.errors import PolicyError
from labeler.notices import Notice, Notifier, dropped
from labeler.notices.schedule import Delivery, Schedule
from tests.fetching import resolving
from tests.servers import Talk, serve, serve_raw

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
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
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


# What arrives.


def test_notice_arrives_as_json_with_its_names(hook: Webhook, base: str) -> None:
    """The body has the fields of the notice; the headers say which event it is, and of which answer."""
    assert delivered(f"{base}/a%2Fb/图?key=%2b&x=y", NOTICE).counts == counts(sent=1)
    (asked,) = hook.asked
    assert json.loads(asked.body) == asdict(NOTICE) | {"scenarios": []}
    assert asked.target == "/a%2Fb/%E5%9B%BE?key=%2b&x=y"
    assert asked.headers == {
        "host": base.removeprefix("http://"),
        "user-agent": "aigc-labeler",
        "content-type": "application/json; charset=utf-8",
        "content-length": str(len(asked.body)),
        "connection": "close",
        "labeler-event": "held",
        "labeler-delivery": "0192",
    }


def test_signature_is_over_timestamp_and_body(hook: Webhook, base: str) -> None:
    """With a secret, a receiver can tell that the notice is ours and of this moment."""
    before = int(time.time())
    delivered(base, NOTICE, secret="geheim 密")
    (asked,) = hook.asked
    stamp = asked.headers["labeler-timestamp"]
    assert before <= int(stamp) <= time.time()
    signed = hmac.new("geheim 密".encode(), stamp.encode() + b"." + asked.body, hashlib.sha256).hexdigest()
    assert asked.headers["labeler-signature"] == f"sha256={signed}"


def test_any_text_arrives_as_it_is(hook: Webhook, base: str) -> None:
    """Whatever a user writes comes back out of the JSON, in UTF-8; halves of surrogate pairs become `?`."""
    notifier = Notifier()

    @settings(max_examples=50)
    @given(text=st.text(st.characters(exclude_categories=())), scenarios=st.lists(st.text(max_size=5)))
    def check(text: str, scenarios: list[str]) -> None:
        notice = Notice("held", "1", "t", "p", scenarios=tuple(scenarios), question=text, text=text)
        done = notifier.counts["sent"]
        assert notifier.send(base, notice)
        until(lambda: notifier.counts["sent"] == done + 1)
        plain = text.encode("utf-8", "replace").decode()
        got = json.loads(hook.asked.pop().body.decode())
        assert (got["question"], got["text"]) == (plain, plain)
        assert got["scenarios"] == scenarios

    check()
    assert notifier.close() == 0


def test_user_name_and_password_of_the_url_are_sent_as_credentials(hook: Webhook, base: str) -> None:
    """A webhook behind basic authentication is reached."""
    delivered(base.replace("//", "//us%40er:pa%3Ass@"), NOTICE)
    assert hook.asked[0].headers["authorization"] == "Basic dXNAZXI6cGE6c3M="
    assert hook.asked[0].headers["host"] == base.removeprefix("http://")


# What is tried again, and what is not.


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_passing_failures_are_tried_again(hook: Webhook, base: str, status: int) -> None:
    """After a status that may pass, the same notice comes again, with the same body, until it is taken."""
    hook.answers += [(status, {}), (status, {})]
    assert delivered(base, NOTICE).counts == counts(sent=1)
    assert hook.numbers == ["0192"] * 3
    assert len({asked.body for asked in hook.asked}) == 1


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308, 400, 401, 403, 404, 410, 413, 422, 451])
def test_other_failures_are_final(
    hook: Webhook, base: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Another status is told with the URL, without its secrets; nothing is asked again or elsewhere."""
    hook.answers.append((status, {"location": f"{base}/moved", "retry-after": "1"}))
    url = base.replace("//", "//user:SECRET@")
    assert delivered(f"{url}/hook?key=SECRET", NOTICE).counts == counts(failed=1)
    assert [asked.target for asked in hook.asked] == ["/hook?key=SECRET"]
    (message,) = told(caplog)
    reason = f"its server answers with status {status}"
    assert message == f"the notice 0192 (held) did not reach {base}/hook (tries: 1): {reason}"


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_success_is_any_status_of_its_class(hook: Webhook, base: str, status: int) -> None:
    hook.answers.append((status, {}))
    assert delivered(base, NOTICE).counts == counts(sent=1)


def test_notice_is_given_up_after_so_many_tries(
    hook: Webhook, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    """`retries` is the number of tries after the first; then the notice has failed."""
    hook.answers += [(503, {})] * 9
    assert delivered(base, NOTICE, retries=3).counts == counts(failed=1)
    assert len(hook.asked) == 4
    assert [message.partition("tries: ")[2] for message in told(caplog)] == [
        "4): its server answers with status 503"
    ]


def test_broken_connections_are_tried_again() -> None:
    """A server that hangs up, or says what is no HTTP, is asked again."""
    says = [b"", b"SMTP ready\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"]
    assert _answered(says, NOTICE).counts == counts(sent=1)
    assert says == []


def _answered(says: list[bytes], *sent: Notice, **options: Any) -> Notifier:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(says.pop(0))
        await writer.drain()

    with serve_raw(talk) as base:
        return delivered(base, *sent, **options)


def test_status_counts_even_where_the_answer_breaks_off() -> None:
    """Once the server said that it took the notice, the rest of its answer does not matter."""
    says = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
    assert _answered(says, NOTICE).counts == counts(sent=1)


def test_status_that_does_not_exist_is_final() -> None:
    """Beyond 599 there is nothing that would pass."""
    says = [b"HTTP/1.1 600 What\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"]
    assert _answered(says, NOTICE).counts == counts(failed=1)


def test_server_that_is_away_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert delivered(f"http://127.0.0.1:{port}", NOTICE, retries=2).counts == counts(failed=1)
    assert "(tries: 3): the connection failed (Connection refused)" in caplog.text


@pytest.mark.parametrize(
    "after", ["7200", lambda: format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)]
)
def test_server_may_ask_for_a_pause(
    after: str | Callable[[], str], hook: Webhook, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retry-After, in seconds or as a date, puts the next try off: nobody waits for it at the end."""
    monkeypatch.setattr(notices, "_LONGEST_WAIT", 9000)
    hook.answers.append((503, {"retry-after": after if isinstance(after, str) else after()}))
    notifier = Notifier()
    notifier.send(base, NOTICE)
    until(lambda: hook.answers == [])
    assert notifier.close(3600) == 1
    assert len(hook.asked) == 1


@pytest.mark.parametrize("after", ["3600", "9" * 400])
def test_pause_is_not_as_long_as_a_server_likes(
    after: str, hook: Webhook, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Retry-After beyond our patience is cut to it."""
    monkeypatch.setattr(notices, "_LONGEST_WAIT", 0.01)
    hook.answers.append((429, {"retry-after": after}))
    assert delivered(base, NOTICE).counts == counts(sent=1)


@pytest.mark.parametrize(
    "after", ["soon", "", "-5", "Fri, 99 Foo 2026", "Thu, 01 Jan 1970 00:00:00 GMT", "²"]
)
def test_broken_or_past_pauses_are_ignored(after: str, hook: Webhook, base: str) -> None:
    hook.answers.append((503, {"retry-after": after}))
    assert delivered(base, NOTICE).counts == counts(sent=1)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "h",
        "",
        "http://",
        "http://[/",
        "http://h:SECRET/",
        "http://a b/",
        "http://h/\n",
        "http://..",
    ],
)
def test_broken_urls_fail_and_are_told(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A URL that nothing can be sent to is a failure like any other, told once and without a password."""
    assert delivered(url, NOTICE).counts["failed"] == 1
    assert len(told(caplog)) == 1
    assert "SECRET" not in caplog.text


def test_number_that_breaks_the_header_is_not_sent(hook: Webhook, base: str) -> None:
    """Nothing in a notice can write header fields of its own."""
    assert delivered(base, numbered("1\r\nX: y"), NOTICE).counts == counts(sent=1, failed=1)
    assert hook.numbers == ["0192"]


def test_thread_outlives_a_notice_of_wrong_types(
    hook: Webhook, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be written as JSON is a mistake in a program: told with its trace, and the next is sent."""
    wrong = Notice("held", "1", "t", "p", text=cast(str, b"bytes"))
    assert delivered(base, wrong, NOTICE).counts == counts(sent=1, failed=1)
    assert hook.numbers == ["0192"]
    assert "TypeError" in caplog.text


# The way there: TLS, addresses and proxies.


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


# Nobody waits for it.


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


def silent(connections: list[str], gate: threading.Event) -> Talk:
    """A server that takes connections and says nothing until the gate opens."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append("silent")
        await asyncio.to_thread(gate.wait, LONG)

    return talk


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


# The end.


def test_closing_sends_what_waits(hook: Webhook, base: str) -> None:
    """All that was taken is sent before `close` returns; then nothing more is taken."""
    notifier = Notifier()
    assert [notifier.send(base, numbered(each)) for each in range(50)] == [True] * 50
    assert notifier.close(LONG) == 0
    assert sorted(hook.numbers, key=int) == [str(each) for each in range(50)]
    assert notifier.send(base, numbered(50)) is False
    assert notifier.close() == 0
    assert notifier.counts == counts(sent=50, dropped=1)


def test_closing_tells_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """What is not sent in time is lost, the try that is under way too; each is counted once."""
    seen, gate = cast("list[str]", []), threading.Event()
    with serve_raw(silent(seen, gate)) as stuck:
        notifier = Notifier(timeout=LONG, retries=0)
        for each in range(3):
            notifier.send(stuck, numbered(each))
        until(lambda: bool(seen))
        assert notifier.close(0.05) == 3
        assert notifier.counts == counts(dropped=3)
        gate.set()
        until(lambda: not _threads())
    assert notifier.close() == 0
    assert notifier.counts == counts(dropped=3)
    assert told(caplog) == ["notices lost: 3 that could not be sent within 0.05 s"]


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "labeler-notices"]


def test_thread_lives_from_the_first_notice_to_the_end(hook: Webhook, base: str) -> None:
    """Without a notice there is no thread; with many there is one, which keeps no process alive."""
    notifier = Notifier()
    assert _threads() == []
    senders = [threading.Thread(target=notifier.send, args=(base, numbered(each))) for each in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [thread.daemon for thread in _threads()] == [True]
    notifier.close()
    assert _threads() == []
    assert len(hook.asked) == 8
    assert Notifier().close() == 0


@pytest.mark.parametrize("wrong", [{"queue": 0}, {"retries": -1}, {"timeout": 0}, {"timeout": float("nan")}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(PolicyError, match=f"notices: {name}: .* is less than"):
        Notifier(**wrong)


SCRIPT = """
import atexit, logging, os, sys, threading, time
import labeler.notices
from labeler.notices import Notice, Notifier

logging.basicConfig(format="%(message)s")
base = sys.argv[1]

def notice(number):
    return Notice("held", number, "2026-01-02T03:04:05Z", "bank")

"""


def script(text: str, base: str) -> str:
    """Run a program of its own to its end; returns what it logged."""
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT + text, base],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stderr


def test_end_of_the_interpreter_sends_what_waits(hook: Webhook, base: str) -> None:
    """A program that just ends still tells what it handed over."""
    program = "notifier = Notifier()\nassert all([notifier.send(base, notice(n)) for n in 'abc'])"
    assert script(program, base) == ""
    assert sorted(hook.numbers) == ["a", "b", "c"]


def test_end_sends_where_no_thread_can_be_started_any_more(hook: Webhook, base: str) -> None:
    """From Python 3.12 on, the interpreter starts no threads while it ends."""
    program = """
notifier = Notifier()
busy = threading.Event()
get = labeler.notices.queue.Queue.take
def later(queue):
    busy.wait()
    return get(queue)
labeler.notices.queue.Queue.take = later
assert notifier.send(base, notice("a"))

def ending():
    def start(thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")
    threading.Thread.start = start
    assert Notifier().send(base, notice("b")) is False
    busy.set()

atexit.register(ending)
"""
    assert (
        script(program, base) == "notices dropped: 1, since too many wait already or the notifier is closed\n"
    )
    assert hook.numbers == ["a"]


def test_end_of_the_interpreter_does_not_wait_for_a_silent_webhook() -> None:
    """What cannot be sent while the interpreter ends is lost, and told."""
    gate = threading.Event()
    program = """
labeler.notices._AT_EXIT = 0.1
Notifier(timeout=60).send(base, notice("a"))
Notifier(timeout=60).send(base, notice("b"))
"""
    with serve_raw(silent([], gate)) as stuck:
        told = script(program, stuck)
        assert told.count("notices lost: 1") == 2
        assert told.endswith("within 0 s\n"), "both share the time"
        gate.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_process_sends_its_own_notices_alone(hook: Webhook, base: str) -> None:
    """After a fork each process sends what it was given, and nobody sends anything twice."""
    hook.answers.append((503, {"retry-after": "60"}))
    program = """
notifier, closed = Notifier(), Notifier()
closed.close()
notifier.send(base, notice("waits"))
notifier.send(base, notice("first"))
while notifier.counts["sent"] < 1:
    time.sleep(0.005)
child = os.fork()
name = "parent" if child else "child"
assert notifier.counts["queued"] == (1 if child else 0)
assert closed.send(base, notice("closed")) is False
assert notifier.send(base, notice(name))
assert notifier.close(10) == (1 if child else 0)
assert notifier.counts["sent"] == (2 if child else 1)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    script(program, base)
    assert sorted(hook.numbers) == ["child", "first", "parent", "waits"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_fork_at_any_moment_leaves_no_lock_shut(hook: Webhook, base: str) -> None:
    """A process that is forked while others hold the locks sends as well as any other."""
    program = """
notifier = Notifier(queue=5)
ended = threading.Event()

def busy():
    while not ended.is_set():
        notifier.send(base, notice("parent"))
        notifier.counts

threads = [threading.Thread(target=busy, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
for each in range(20):
    child = os.fork()
    if child == 0:
        sent = notifier.send(base, notice("child")) and notifier.close(20) == 0
        os._exit(0 if sent else 1)
    assert os.waitpid(child, 0)[1] == 0
ended.set()
for thread in threads:
    thread.join()
notifier.close(0)
"""
    script(program, base)
    assert hook.numbers.count("child") == 20
