"""Many pictures fetched at the same time, in threads that nothing else needs."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

from labeler.fetch import Fetching, allowed, fetch


class _Wanted(NamedTuple):
    """One URL, and all who wait for what is behind it."""

    url: str
    server: str
    clients: list[Future[bytes]]


class Pool:
    """Fetches `rule.connections` pictures at a time and half as many, rounded up, from one server, so that a
    slow one leaves the others their places. Whoever asks for a URL that is being fetched shares what comes.
    No thread is started before the first picture."""

    def __init__(self, rule: Fetching) -> None:
        self._rule = rule
        self._share = (rule.connections + 1) // 2
        self._threads = ThreadPoolExecutor(rule.connections, thread_name_prefix="labeler-fetch")
        self._lock = Lock()
        self._waiting: dict[str, _Wanted] = {}
        self._running: dict[str, _Wanted] = {}

    def ask(self, url: str) -> Future[bytes]:
        """What is behind a URL, or the ContentError of `fetch`; raises it for one that is not allowed.

        Cancel it to wait no longer: what nobody waits for is not begun.
        """
        wanted = _Wanted(url, allowed(url, self._rule).authority, [])
        client: Future[bytes] = Future()
        with self._lock:
            wanted = self._running.get(url) or self._waiting.setdefault(url, wanted)
            wanted.clients.append(client)
            if url in self._waiting:
                self._begin([wanted])
        return client

    def _begin(self, several: Iterable[_Wanted]) -> None:
        """Begin those for which there is a place, and forget those for which nobody waits; under the lock."""
        for wanted in several:
            if all(client.cancelled() for client in wanted.clients):
                del self._waiting[wanted.url]
            elif self._room(wanted.server):
                self._threads.submit(self._run, wanted)
                self._running[wanted.url] = self._waiting.pop(wanted.url)

    def _room(self, server: str) -> bool:
        of_server = sum(wanted.server == server for wanted in self._running.values())
        return len(self._running) < self._rule.connections and of_server < self._share

    def _run(self, wanted: _Wanted) -> None:
        content, failure = b"", None
        try:
            content = fetch(wanted.url, self._rule)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            failure = error
        with self._lock:
            del self._running[wanted.url]
            self._begin(list(self._waiting.values()))
        for client in wanted.clients:
            if not client.set_running_or_notify_cancel():
                continue
            if failure is None:
                client.set_result(content)
            else:
                client.set_exception(failure)
