"""Notices: what arrives at a webhook, what is tried again, and what is not."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler import notices
from labeler.config import load
from labeler.errors import PolicyError
from labeler.notices import Notice, Notifier
from tests import notice_tools
from tests.notice_tools import NOTICE, Webhook, counts, delivered, numbered, told, until
from tests.servers import serve_raw

_quick = notice_tools.quick
hook = notice_tools.hook
base = notice_tools.base


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
        "http://h:99999/a",
        "https://h/hand off",
        f"http://{'h' * 64}/",
    ],
)
def test_broken_urls_fail_and_are_told(url: str, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """A URL that nothing can be sent to is a failure like any other, told once and without a password; in a
    configuration it is refused."""
    assert delivered(url, NOTICE).counts["failed"] == 1
    assert len(told(caplog)) == 1
    assert "SECRET" not in caplog.text
    config = tmp_path / "labeler.yaml"
    config.write_text(f"notices: {{review: {json.dumps(url)}}}\n", encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load(config, environ={})
    (problem,) = caught.value.problems
    assert (problem.field, "is no URL" in problem.message) == ("notices.review", True)
    assert "SECRET" not in str(problem)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "https://u:p@[::1]:1/a?b=c",
        "https://客服.example.com/转人工",
        "http://desk./",
    ],
)
def test_sound_urls_are_taken(url: str, tmp_path: Path) -> None:
    """In a configuration as at delivery: names and paths in any script, ports, credentials."""
    config = tmp_path / "labeler.yaml"
    config.write_text(f"notices: {{review: {json.dumps(url)}}}\n", encoding="utf-8")
    assert load(config, environ={}).notices.review == url


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
