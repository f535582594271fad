"""Pictures: drawing the label beside Pillow's way of decoding, drawing and encoding the whole picture.

    python -m benchmarks.pictures [--rounds N]

Each line is one job of the library: the visible label and the record, read back. Pillow's way has its
default settings and a label that is made already; JPEG keeps the file's own tables, WebP its kind.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import indexed_gzip
import isal.isal_zlib
from PIL import Image

from benchmarks import pictures_made as made
from benchmarks import pictures_outside as outside
from benchmarks.common import interleave, median_ratio
from labeler.labels.provider_code import provider_code
from labeler.picture import Drawing, Studio
from labeler.pixels import turbo
from labeler.pixels.mark import GRID, Mark, mark
from labeler.pixels.png_deflate import backend
from labeler.values import Look, PictureRule, Position

PRODUCER = provider_code("91310000MA1BENCH0J")
_FAST = {module.__name__: module for module in (isal, isal.isal_zlib, indexed_gzip)}
"""The modules of the extra `fast`."""
SIDES = (1024, 2048, 4096)


class Aim(NamedTuple):
    """At most so much time (a ratio) and growth (a share of the input); outside the label at least so many
    dB, None: identical."""

    time: float
    growth: float
    decibels: float | None = None


class Way(NamedTuple):
    """One way to label a file. `without`: whether it is measured without the extra `fast` as well."""

    what: str
    aim: Aim
    position: Position = "bottom-right"
    without: bool = False
    library: bool = True
    """With libturbojpeg."""


class Case(NamedTuple):
    """A file, how Pillow writes it again, and the ways to label it."""

    name: str
    data: bytes
    options: dict[str, Any]
    ways: Sequence[Way]
    grid: int = GRID
    """On which the label lies."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: times as ratios to Pillow's."""

    what: str
    picture: str
    seconds: float
    ratio: float
    plain: float | None
    """The ratio without the extra `fast`, None where that is not measured."""
    growth: float
    decibels: float
    """Outside the label; infinite: identical."""
    aim: Aim

    @property
    def met(self) -> bool:
        """Whether all aims are met."""
        like = self.decibels >= (self.aim.decibels or float("inf"))
        return self.ratio <= self.aim.time and self.growth <= self.aim.growth and like


def lines(rounds: int) -> Iterator[Line]:
    """All lines of the table, as they are measured."""
    for case in _cases():
        yield from _measured(case, rounds)


def _cases() -> Iterator[Case]:
    for side in SIDES:
        for make in (made.photo, made.flat):
            image, name = make(side), f"{make.__name__} {side}²"
            yield Case(name, made.saved(image, "PNG"), {}, _png(make is made.photo, side), 1)
            jpeg = made.saved(image, "JPEG", quality=90)
            yield Case(name, jpeg, {"quality": "keep"}, _JPEG)
            if side < SIDES[-1]:
                yield Case(name, made.saved(image, "WEBP"), {}, _LOSSY)
            if side == SIDES[0]:
                yield Case(name, made.saved(image, "AVIF"), {}, _AVIF)
                lossless = {"lossless": True}
                yield Case(name, made.saved(image, "WEBP", **lossless), lossless, _LOSSLESS, 1)
    image, name = made.photo(SIDES[0]), f"photo {SIDES[0]}²"
    for write in (made.interlaced, made.sixteen_bits, made.one_block):
        what = f"PNG, {write.__name__.replace('_', ' ')}"
        yield Case(name, write(image), {}, (Way(what, Aim(0.35, 0.10), without=True),), 1)


def _png(photo: bool, side: int) -> Sequence[Way]:
    top = Aim(0.08 if side == SIDES[0] else 0.05, 0.01) if photo else Aim(0.25, 0.08)
    bottom = Aim(0.20, 0.01) if photo else Aim(0.45, 0.06)
    without = side < SIDES[-1]  # of the largest it takes long, and tells nothing new
    return (
        Way("PNG, label at the top", top, "top-right", without=without),
        Way("PNG, label at the bottom", bottom, without=without),
    )


_JPEG = (
    Way("JPEG with libturbojpeg", Aim(1.0, 0.02)),
    Way("JPEG without", Aim(1.1, 0.02, 45), library=False),
)
_LOSSLESS = (Way("WebP lossless", Aim(0.15, 0.12)),)
_LOSSY = (Way("WebP lossy", Aim(0.6, 0.05, 40)),)
_AVIF = (Way("AVIF", Aim(0.4, 0.10, 40)),)


def _measured(case: Case, rounds: int) -> Iterator[Line]:
    calls: dict[str, Callable[[], float]] = {}
    for way in case.ways:
        label = partial(drawing(Look(position=way.position)).label, case.data)
        calls[way.what] = partial(_seconds if way.library else _without_library, label)
        if way.without:
            calls[f"{way.what} plain"] = partial(_without_extra, calls[way.what])
    with Image.open(BytesIO(case.data)) as image:
        size = image.size
    labels = {way.what: mark(Look(position=way.position), *size, grid=case.grid) for way in case.ways}
    drawn = {way.what: _labelled(case.data, way) for way in case.ways}
    calls["pillow"] = partial(_seconds, partial(_pillow, case, labels[case.ways[0].what]))
    samples = interleave(calls, rounds)
    for way in case.ways:
        what = way.what
        yield Line(
            what=what,
            picture=case.name,
            seconds=median(samples[what]),
            ratio=median_ratio(samples, what, "pillow"),
            plain=median_ratio(samples, f"{what} plain", "pillow") if way.without else None,
            growth=len(drawn[what]) / len(case.data) - 1,
            decibels=outside.decibels(
                case.data, drawn[what], labels[what].box, coded=way.aim.decibels is None
            ),
            aim=way.aim,
        )


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def drawing(look: Look | None = None, **changes: Any) -> Drawing:
    """What labels one picture after the other, nothing remembered."""
    return Drawing(Studio(producer=PRODUCER), PictureRule(look=look or Look()), number="1", **changes)


def _labelled(data: bytes, way: Way) -> bytes:
    label = drawing(Look(position=way.position)).label
    if way.library:
        return label(data)[0]
    with patch.object(turbo, "library", return_value=None):
        return label(data)[0]


def _without_library(call: Callable[[], object]) -> float:
    """The seconds of a call to which libturbojpeg is not installed."""
    with patch.object(turbo, "library", return_value=None):
        return _seconds(call)


def _without_extra(call: Callable[[], float]) -> float:
    """A call to which the modules of the extra `fast` are not installed."""
    with _hidden():
        return call()


@contextmanager
def _hidden() -> Iterator[None]:
    modules: dict[str, Any] = sys.modules  # with None in it, importing raises ImportError
    modules.update(dict.fromkeys(_FAST))
    backend.cache_clear()
    try:
        yield
    finally:
        modules.update(_FAST)
        backend.cache_clear()


def _pillow(case: Case, label: Mark) -> bytes:
    """What somebody would write who knows only Pillow."""
    out = BytesIO()
    with Image.open(BytesIO(case.data)) as image:
        image.load()
        image.paste(label.image, label.box, label.image)
        image.save(out, image.format, **case.options)
    return out.getvalue()


def print_lines(found: Iterable[Line]) -> None:
    """Print the lines as a Markdown table, each as soon as it is there."""
    print("| path | picture | ms | / Pillow | without `fast` | aim | size | aim | outside | aim | met |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for line in found:
        plain = "" if line.plain is None else f"{line.plain:.3f}"
        same = "identical" if line.decibels == float("inf") else f"{line.decibels:.1f} dB"
        kept = "identical" if line.aim.decibels is None else f">= {line.aim.decibels} dB"
        print(
            f"| {line.what} | {line.picture} | {line.seconds * 1e3:.1f} | {line.ratio:.3f} | {plain} "
            f"| <= {line.aim.time} | {line.growth:+.2%} | <= {line.aim.growth:+.0%} | {same} | {kept} "
            f"| {'yes' if line.met else 'NO'} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    print_lines(lines(parser.parse_args().rounds))
