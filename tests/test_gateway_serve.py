"""`labeler serve` as a process: what it prints, how it fails, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import IncompleteRead
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.servers import serve

SERVE = [sys.executable, "-c", "import sys; from labeler.cli import main; sys.exit(main())", "serve"]


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """An upstream that greets; `/slow` takes half a second over it."""
    if scope["type"] != "http":
        return
    headers = [(b"content-length", b"2"), (b"server", b"theirs")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await asyncio.sleep(0.5 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.body", "body": b"hi"})


CHAT = json.dumps(
    {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "多喝水"}}],
    }
).encode()


async def chat(scope: Any, receive: Any, send: Any) -> None:
    """An upstream with one answer for all."""
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": CHAT})


def ask(question: str) -> dict[str, Any]:
    """A chat request."""
    return {"model": "m", "messages": [{"role": "user", "content": question}]}


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, the base URL that it prints, and the whole line."""
    call = [*SERVE, "--port", "0", *arguments]
    pipe, env = subprocess.PIPE, os.environ | environment
    with subprocess.Popen(call, stdout=pipe, stderr=pipe, encoding="utf-8", env=env) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            found = re.search(r"http://\S+:\d+", line)
            assert found, process.communicate(timeout=5)
            yield process, found[0], line
        finally:
            process.kill()


observing = partial(serving, LABELER__MODE="observe")


def failing(*arguments: str) -> tuple[int, str]:
    """The exit code and what was said of a call that cannot work."""
    done = subprocess.run(
        [*SERVE, *arguments], capture_output=True, encoding="utf-8", timeout=20, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_serves_without_any_configuration_and_ends_cleanly() -> None:
    """One argument is enough; the line says where it listens and what it fronts; SIGTERM is no failure."""
    with (
        serve(hello, server_header=False) as upstream,
        serving("--upstream", upstream) as (process, base, line),
    ):
        assert upstream in line
        with urlopen(f"{base}/v1/models", timeout=5) as answer:
            assert answer.read() == b"hi"
            assert answer.headers.get_all("server") == ["theirs"]
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=5)
        assert (process.returncode, rest[0]) == (0, "")
        assert "Traceback" not in rest[1]


def test_an_upstream_s_password_is_not_printed() -> None:
    """Neither in the line that says what is fronted nor where the URL is wrong."""
    with serving("--upstream", "http://user:secret@127.0.0.1:1/base") as (_, _, line):
        assert "http://127.0.0.1:1/base" in line
        assert "secret" not in line
    for wrong in (
        "ftp://user:secret@host",
        "user:secret@host",
        "http://user:secret@host?x",
        "http://user:secret",
    ):
        code, said = failing("--upstream", wrong)
        assert code == 2
        assert "secret" not in said


def test_running_answers_end_before_the_process_does() -> None:
    """An answer that is under way when SIGTERM comes arrives whole."""
    with serve(hello) as upstream, serving("--upstream", upstream) as (process, base, _):
        with urlopen(f"{base}/slow", timeout=5) as answer:
            process.send_signal(signal.SIGTERM)
            assert answer.read() == b"hi"
        assert process.wait(5) == 0


def test_broken_answer_is_one_line_of_the_log() -> None:
    """An upstream that breaks off is named in the log once, without a traceback."""

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})

    with serve(breaks) as upstream, serving("--upstream", upstream) as (process, base, _):
        with (
            urlopen(f"{base}/v1/models", timeout=5) as answer,
            pytest.raises((IncompleteRead, ConnectionError)),
        ):
            answer.read()
        process.send_signal(signal.SIGTERM)
        lines = process.communicate(timeout=5)[1].splitlines()
    assert ["broke off" in line for line in lines if "labeler.gateway" in line] == [True]
    assert not any("Traceback" in line for line in lines)


def test_a_dry_run_reports_without_being_asked() -> None:
    """`mode: observe` is warned of at the start; then each outcome has one line of the log, without a word of
    the question or the answer, and nothing has changed."""
    with serve(chat) as upstream, observing("--upstream", upstream) as (process, base, _):
        for path, question in (("/v1/chat/completions", "孩子发烧39度怎么办"), ("/v1/models", "")):
            with urlopen(f"{base}{path}", json.dumps(ask(question)).encode(), timeout=5) as answer:
                assert answer.read() == CHAT
        process.send_signal(signal.SIGTERM)
        lines = process.communicate(timeout=5)[1].splitlines()
    assert sum("WARNING labeler: mode: observe: nothing is labelled" in line for line in lines) == 1
    told = [line.partition("observed, nothing changed: ")[2] for line in lines if "INFO labeler" in line]
    assert re.fullmatch(r"'/v1/chat/completions': applied; scenarios general medical; number \S+", told[0]), (
        lines
    )
    assert told[1:] == ["'/v1/models': skipped: unclaimed"]
    assert not re.search("发烧|多喝水", "".join(lines))


def test_a_dry_run_is_as_silent_as_it_is_told_to_be() -> None:
    """A log level that is asked for counts."""
    with serve(chat) as upstream, observing("--upstream", upstream, "--log-level", "warning") as running:
        process, base, _ = running
        with urlopen(f"{base}/v1/chat/completions", json.dumps(ask("x")).encode(), timeout=5) as answer:
            assert answer.read() == CHAT
        process.send_signal(signal.SIGTERM)
        assert "INFO" not in process.communicate(timeout=5)[1]


def test_what_failed_has_one_line_of_the_log() -> None:
    """With the reason, and no empty brackets where there is no number."""
    with serve(chat) as upstream, serving("--upstream", upstream, LABELER__UNCLAIMED="block") as running:
        process, base, _ = running
        with pytest.raises(HTTPError, match="502"):
            urlopen(f"{base}/v1/a%0Ab", timeout=5)
        process.send_signal(signal.SIGTERM)
        lines = process.communicate(timeout=5)[1].splitlines()
    assert [line.partition("WARNING labeler: ")[2] for line in lines if "failed" in line] == [
        r"'/v1/a\nb': failed: unclaimed"
    ]


def test_port_in_use_is_said_plainly() -> None:
    """A port that somebody else has is a mistake of the call, named with host and port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = failing("--upstream", "http://127.0.0.1:1", "--port", port, "--log-level", "error")
    assert code == 2
    assert said.startswith(f"--host 127.0.0.1 --port {port}: cannot listen there: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "there is no upstream (call it with --upstream URL, or name it in labeler.yaml)"),
        (("--upstream", "api.deepseek.com"), "'api.deepseek.com' is no URL of a service"),
        (("--upstream", "http://h", "--port", "99999"), "cannot listen there"),
        (("--upstream", "http://h", "--config", "/nowhere/labeler.yaml"), "/nowhere/labeler.yaml"),
    ],
    ids=["none", "no scheme", "port", "config"],
)
def test_mistakes_of_the_call_are_said_plainly(arguments: tuple[str, ...], says: str) -> None:
    """What is wrong comes on stderr, without a traceback, and with exit code 2."""
    code, said = failing(*arguments)
    assert code == 2
    assert says in said
    assert "Traceback" not in said


def test_help_shows_examples() -> None:
    """The help names the options and shows calls that work."""
    done = subprocess.run([*SERVE, "--help"], capture_output=True, encoding="utf-8", check=True)
    assert "labeler serve --upstream https://api.deepseek.com" in done.stdout
    assert {"--upstream", "--host", "--port", "--config", "--log-level"} <= set(
        re.findall(r"--[\w-]+", done.stdout)
    )
