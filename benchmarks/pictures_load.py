"""Pictures: the record alone and `inspect` beside a copy of the bytes, the event loop meanwhile, and memory."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks import pictures_made as made
from benchmarks.common import Row, asking, interleave
from benchmarks.pictures import PRODUCER, drawing
from labeler import Labeler, LabelMiddleware, inspect
from labeler.media import container

_SIDE = 2048
_TICK = 0.001
_SECONDS = 3.0
"""For which the ticker runs beside each kind of picture."""
_CLIENTS = 2
_LARGE = 12_000, 9_000
"""108 megapixels."""
_CONFIG = f"""
provider: {{name: Benchmark, code: {PRODUCER}}}
pictures: {{cache: null}}
routes:
  - {{path: /picture, dialect: picture}}
"""


def rows(rounds: int) -> Iterator[Row]:
    """All figures but those of the drawing."""
    photo = made.photo(_SIDE)
    png, jpeg = made.saved(photo, "PNG"), made.saved(photo, "JPEG", quality=90)
    files = {"PNG": png, "PNG in chunks of 8 KB": made.in_small_chunks(png), "JPEG": jpeg}
    for name, data in files.items():
        yield from _records(name, data, 11 * rounds)
    yield from _loops({"PNG": png, "JPEG": jpeg, "WebP": made.saved(photo, "WEBP")})
    yield from _memories()


def _records(name: str, data: bytes, rounds: int) -> Iterator[Row]:
    """The record alone, and inspection, beside what five copies and 0.2 ms take."""
    label = drawing(only="record").label
    labelled = label(data)[0]
    box = container(data)
    if b"".join(box.essence(data)) != b"".join(box.essence(labelled)):
        msg = f"the record changed the picture's data: {name}"
        raise AssertionError(msg)
    calls: dict[str, Callable[[], object]] = {
        "copy": partial(bytearray, data),
        "record": partial(label, data),
        "inspect": partial(inspect, labelled),
    }
    samples = interleave({what: partial(_seconds, call) for what, call in calls.items()}, rounds)
    allowed = [5 * copy + 0.0002 for copy in samples["copy"]]
    more = len(labelled) - len(data) - len(box.packet(labelled))
    for what, said in (
        ("record", f"record alone, read back (packet + {more} bytes)"),
        ("inspect", "inspect"),
    ):
        ratio = median(ours / most for ours, most in zip(samples[what], allowed, strict=True))
        ours, most = (f"{median(found) * 1e3:.2f} ms" for found in (samples[what], allowed))
        yield Row(
            f"{said}, {name} of {len(data) / 1e6:.1f} MB", ours, f"{most} (5 copies + 0.2 ms)", ratio, "<= 1"
        )


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


# The event loop.


def _loops(files: dict[str, bytes]) -> Iterator[Row]:
    with TemporaryDirectory() as folder, asyncio.Runner() as runner:
        path = Path(folder) / "labeler.yaml"
        path.write_text(_CONFIG, encoding="utf-8")
        labeler = Labeler.load(path)
        idle = _p99(runner.run(_late(_SECONDS / 3)))
        for name, data in files.items():
            app = LabelMiddleware(_serving(data, container(data).media_type), labeler=labeler)
            late, count = runner.run(_beside(app))
            yield Row(
                f"event loop, p99 of a ticker of 1 ms while {_CLIENTS} {name} of {_SIDE}² are labelled at a time",
                f"{_p99(late):.1f} ms late",
                f"{idle:.1f} ms idle; {count} pictures",
                _p99(late),
                "<= 15",
            )


def _serving(data: bytes, media_type: str) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    return app


async def _beside(app: ASGIApp) -> tuple[list[float], int]:
    """How late a ticker was, in ms, while clients ask for pictures all the time; how many these got."""
    got = 0

    async def ask() -> None:
        nonlocal got
        while True:
            sent: list[Message] = []
            await app(_scope(), asking(b""), _collecting(sent))
            got += 1

    clients = [asyncio.create_task(ask()) for _ in range(_CLIENTS)]
    await asyncio.sleep(0.1)
    late = await _late(_SECONDS)
    for client in clients:
        if client.done():
            client.result()
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return late, got


def _scope() -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/picture",
        "query_string": b"",
        "headers": [],
    }


def _collecting(sent: list[Message]) -> Callable[[Message], Awaitable[None]]:
    async def send(message: Message) -> None:
        sent.append(message)

    return send


async def _late(seconds: float) -> list[float]:
    found, end = [], time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        await asyncio.sleep(_TICK)
        found.append((time.perf_counter() - start - _TICK) * 1e3)
    return found


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]


# Memory.


def _memories() -> Iterator[Row]:
    """Each in a process of its own, the file made in another: what a process has had at most stays."""
    width, height = _LARGE
    raw = width * height * 3
    with TemporaryDirectory() as folder:
        for name, options in (("PNG", {"compress_level": 1}), ("JPEG", {"quality": 90})):
            path = Path(folder) / name
            _apart(_write, path, name, options)
            grown = _apart(_growth, path)
            what = f"peak memory, {name} of {raw // 3_000_000} megapixels"
            yield Row(what, f"{grown / 1e6:.0f} MB", f"{raw / 1e6:.0f} MB raw", grown / raw, "<= 2")


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a fresh process. It is forked from a small server: what this one has had at most would count
    as the peak of its child."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        return pool.submit(function, *arguments).result()


def _write(path: Path, name: str, options: dict[str, int]) -> None:
    tile = made.photo(1500)
    image = Image.new("RGB", _LARGE)
    for left in range(0, _LARGE[0], tile.width):
        for top in range(0, _LARGE[1], tile.height):
            image.paste(tile, (left, top))
    image.save(path, name, **options)


def _growth(path: Path) -> int:
    """By how many bytes the peak grows while a file is labelled that is in memory already."""
    label = drawing().label
    label(made.saved(made.photo(256), path.name))  # all modules are loaded
    data = path.read_bytes()
    before = _peak()
    label(data)
    return _peak() - before


def _peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
