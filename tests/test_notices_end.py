"""How notices end: closing, the end of the interpreter, forks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from labeler.errors import PolicyError
from labeler.notices import Notifier
from tests import notice_tools
from tests.notice_tools import LONG, Webhook, counts, numbered, silent, told, until
from tests.servers import serve_raw

_quick = notice_tools.quick
hook = notice_tools.hook
base = notice_tools.base


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
