"""The library's streams and their ends, and one Labeler shared by threads, tasks and a hook."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labeler import BlockedError, Labeler, Outcome, PolicyError
from tests.asgi_tools import (
    FEVER,
    GENERAL,
    MARK,
    MEDICAL,
    chat,
    said,
    service,
)

HELLO = f"{MARK}Hello\n\n{GENERAL}"


# Generators: sources that fail, readers that leave.


def test_a_source_that_fails() -> None:
    """The source's own exception comes out; what was given counts as broken off."""
    boom = RuntimeError("boom")

    def source() -> Iterator[str]:
        yield "Hello"
        raise boom

    one = service()
    got: list[str] = []
    with pytest.raises(RuntimeError) as caught:
        got.extend(one.labeler.stream(source()))
    assert caught.value is boom
    assert got == [f"{MARK}Hello"]
    assert one.outcome.state == "degraded"
    assert GENERAL not in "".join(got)


def test_an_async_source_that_fails() -> None:
    """As for a synchronous one."""
    boom = RuntimeError("boom")

    async def source() -> AsyncIterator[str]:
        yield "Hello"
        raise boom

    async def run() -> None:
        async for piece in one.labeler.astream(source()):
            assert piece == f"{MARK}Hello"

    one = service()
    with pytest.raises(RuntimeError) as caught:
        asyncio.run(run())
    assert caught.value is boom
    assert one.outcome.state == "degraded"


def test_a_reader_that_leaves() -> None:
    """A stream that is closed early has one outcome, its source is closed, and one never begun has none."""
    closed: list[bool] = []

    def source() -> Iterator[str]:
        try:
            yield from ("Hel", "lo")
        finally:
            closed.append(True)

    one = service()
    stream = one.labeler.stream(source())
    assert next(stream) == f"{MARK}Hel"
    stream.close()  # type: ignore[attr-defined]
    assert closed == [True]
    assert one.outcome.state == "degraded"
    one.labeler.stream(source()).close()  # type: ignore[attr-defined]
    assert len(one.outcomes) == 1


def test_an_async_reader_that_leaves() -> None:
    """A stream that is left ends its source at once: it may be a connection to a model."""
    closed: list[bool] = []

    async def source() -> AsyncIterator[str]:
        try:
            for piece in ("Hel", "lo"):
                yield piece
        finally:
            closed.append(True)

    async def run() -> None:
        async with contextlib.aclosing(one.labeler.astream(source())) as stream:  # type: ignore[type-var]
            async for _ in stream:
                break
        assert closed == [True]

    one = service()
    asyncio.run(run())
    assert one.outcome.state == "degraded"


def test_a_reader_that_is_cancelled() -> None:
    """Cancelling the task that reads ends in one outcome."""

    async def source() -> AsyncIterator[str]:
        yield "Hello"
        await asyncio.sleep(60)

    async def read() -> None:
        async for _ in one.labeler.astream(source()):
            begun.set()

    async def run() -> None:
        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    one, begun = service(), asyncio.Event()
    asyncio.run(run())
    assert one.outcome.state == "degraded"


def test_streams_may_interleave() -> None:
    """Two streams of one Labeler know nothing of each other."""
    one = service()
    pairs = zip(
        one.labeler.stream("abc", question=FEVER), one.labeler.stream("xyz", question="你好"), strict=True
    )
    left, right = map("".join, zip(*pairs, strict=True))
    assert left.startswith(f"{MARK}abc\n\n")
    assert MEDICAL in left
    assert right == f"{MARK}xyz\n\n{GENERAL}"


# One Labeler for everybody.


def test_threads_share_a_labeler() -> None:
    """Many threads at once get their own text with its own labels; nothing is lost in the counts."""
    one = service()
    barrier = threading.Barrier(8)

    def work(thread: int) -> list[str]:
        barrier.wait(10)
        out = []
        for at in range(50):
            question = FEVER if (thread + at) % 2 else "你好"
            pieces = [f"{thread}", f"-{at}"]
            out.append("".join(one.labeler.stream(pieces, question=question)))
            assert out[-1].startswith(f"{MARK}{thread}-{at}\n\n")
            assert (MEDICAL in out[-1]) == (question == FEVER)
        return out

    with ThreadPoolExecutor(8) as pool:
        texts = [text for found in pool.map(work, range(8)) for text in found]
    assert len(set(texts)) == 400
    assert one.labeler.counts == {"applied": 400}
    assert len({outcome.number for outcome in one.outcomes}) == 400


def test_the_hook_sees_every_outcome_right_away() -> None:
    """`on_outcome` is called once for each text, when its last piece has been given."""
    seen: list[Outcome] = []
    labeler = Labeler.load(on_outcome=seen.append)
    stream = labeler.stream(["Hello"])
    assert next(stream) == f"{MARK}Hello"
    assert seen == []
    assert list(stream) == [f"\n\n{GENERAL}"]
    assert len(seen) == 1
    assert labeler.text("Hello").outcome == seen[1]


@pytest.mark.parametrize("error", [ValueError("hook"), BlockedError("hook"), KeyError("hook")])
def test_a_hook_that_fails(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """A hook's exception is logged with its trace; the text comes out and is counted."""

    def hook(outcome: Outcome) -> None:
        raise error

    labeler = Labeler.load(on_outcome=hook)
    assert labeler.text("Hello").content == HELLO
    assert "".join(labeler.stream(["Hello"])) == HELLO
    assert said(labeler.body(chat()).content) == HELLO
    assert labeler.counts == {"applied": 3}
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error] * 3


def test_counts_cannot_be_changed_from_outside() -> None:
    """What `counts` gives is a copy."""
    labeler = Labeler.load()
    dict.clear(labeler.counts)  # type: ignore[arg-type]
    labeler.text("Hello")
    assert labeler.counts == {"applied": 1}


def test_a_wrong_configuration_is_said_at_loading(tmp_path: Path) -> None:
    """`Labeler.load` raises with every fault of the file, and for a file that is not there."""
    file = tmp_path / "labeler.yaml"
    file.write_text("mode: off\nlimits: {request: x}\n")
    with pytest.raises(PolicyError) as caught:
        Labeler.load(file)
    assert [problem.field for problem in caught.value.problems] == ["mode", "limits.request"]
    with pytest.raises(PolicyError, match=r"absent\.yaml"):
        Labeler.load(tmp_path / "absent.yaml")
