"""What the benchmarks share: interleaved rounds, medians of ratios, one table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive


class Nothing(BaseHTTPMiddleware):
    """Starlette's BaseHTTPMiddleware that does nothing."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


def asking(body: bytes) -> Receive:
    """The `receive` of a client that sends this body and stays."""
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.sleep(3600)
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


Samples = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure of ours beside another of the same run.

    `ratio` is what `aim` speaks of (`>= 0.80`, `<= 2`); an empty `aim` is a figure for information.
    """

    what: str
    ours: str
    beside: str
    ratio: float
    aim: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        if not self.aim:
            return None
        sign, bound = self.aim.split()
        return self.ratio >= float(bound) if sign == ">=" else self.ratio <= float(bound)


def interleave(functions: Mapping[str, Callable[[], float]], rounds: int) -> Samples:
    """Call each function once a round, the order turning, so that a slow moment hits all alike."""
    names = list(functions)
    samples: Samples = {name: [] for name in names}
    for round_ in range(rounds):
        turn = round_ % len(names)
        for name in names[turn:] + names[:turn]:
            samples[name].append(functions[name]())
    return samples


def median_ratio(samples: Samples, ours: str, beside: str) -> float:
    """The median over the rounds of ours / beside, each taken within one round."""
    return median(a / b for a, b in zip(samples[ours], samples[beside], strict=True))


def print_table(rows: Iterable[Row]) -> None:
    """Print the rows as a Markdown table."""
    print("| what | ours | beside | ratio | aim | met |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        met = {None: "", True: "yes", False: "NO"}[row.met]
        print(f"| {row.what} | {row.ours} | {row.beside} | {row.ratio:.2f} | {row.aim} | {met} |", flush=True)


def median_difference_ratio(
    samples: Samples, ours: str, beside: str, bare: str
) -> tuple[float, float, float]:
    """What `ours` and `beside` add to `bare`, as medians over the rounds, and the ratio of the two."""
    added = [
        median(a - b for a, b in zip(samples[name], samples[bare], strict=True)) for name in (ours, beside)
    ]
    return added[0], added[1], added[0] / added[1]
