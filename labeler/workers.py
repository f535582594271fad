"""Threads for the pictures: nothing of them is worked on in the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from labeler.body import Work
from labeler.errors import ContentError
from labeler.fetch import Fetching
from labeler.fetch.pool import Pool

log = logging.getLogger("labeler")
Result = TypeVar("Result")
Settle = Callable[[Work], Awaitable[None]]
_AHEAD = 2
"""Times the number of threads that one response may have in pictures which are not back yet."""


class Workers:
    """The threads of one service, shared by all its responses: `count` that draw, and apart from them those
    that fetch by `rule`. None is started before the first picture."""

    def __init__(self, count: int, rule: Fetching) -> None:
        self.count = count
        self._pool = Pool(rule)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="labeler-picture")

    async def run(self, task: Callable[[], Result]) -> Result:
        """Label one picture; waits for a free thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, task)

    async def fetch(self, url: str) -> bytes:
        """Fetch one picture, as `labeler.fetch.fetch` does; waits for a free thread. Who asks for the same
        one at the same time shares it, and who is cancelled holds no place any more."""
        return await asyncio.wrap_future(self._pool.ask(url))


class Errands:
    """The pictures of one response that are under way. `settle` gets each one that is back, while `lock`
    is held: whoever sends holds it, so that what leaves stays in order."""

    def __init__(self, workers: Workers, settle: Settle) -> None:
        self.lock = asyncio.Lock()
        self._workers = workers
        self._settle = settle
        self._ahead = _AHEAD * workers.count
        self._places = asyncio.Semaphore(self._ahead)  # what is fetched and not yet drawn takes memory
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None

    def begin(self, works: Iterable[Work]) -> None:
        """Hand pictures out."""
        for work in works:
            task = asyncio.create_task(self._run(work))
            self._tasks.add(task)
            task.add_done_callback(self._gone)

    async def room(self) -> None:
        """Wait until not too much is under way; raises what settling raised."""
        while len(self._tasks) >= self._ahead and self._error is None:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self.check()

    async def back(self) -> None:
        """Wait for all; raises what settling raised."""
        while self._tasks and self._error is None:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self.check()

    def check(self) -> None:
        """Raise what settling raised."""
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """Nobody waits for them any more; threads that have begun end their picture."""
        for task in self._tasks - {asyncio.current_task()}:  # settling may be what ends the response
            task.cancel()

    async def _run(self, work: Work) -> None:
        async with self._places:
            if url := work.away:
                work.fetched(await self._fetched(url))
            try:
                await self._workers.run(work.run)
            except Exception as error:  # none that we know of: the policy has the word all the same
                log.exception("a picture could not be labelled")
                work.failed(f"an error of the labeler: {type(error).__name__}")
        async with self.lock:
            await self._settle(work)

    async def _fetched(self, url: str) -> bytes | ContentError:
        try:
            return await self._workers.fetch(url)
        except ContentError as error:
            return error
        except Exception as error:
            log.exception("a picture could not be fetched")
            return ContentError(f"an error of the labeler: {type(error).__name__}")

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self._error is None:
            self._error = error
