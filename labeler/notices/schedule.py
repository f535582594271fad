"""What waits to be sent, and whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from labeler.notices.notice import Notice


@dataclass(slots=True, eq=False)
class Delivery:
    """A notice on its way; `tries` is how often it was tried."""

    url: str
    notice: Notice
    tries: int = 0

    @property
    def server(self) -> str:
        """Scheme and authority of the URL."""
        return "/".join(self.url.split("/", 3)[:3])


class Schedule:
    """Deliveries, each of which waits until it is due.

    Among the servers for which something is due, the one that took least time so far has its turn
    (start-time fair queueing: Goyal, Vin, Cheng, 1996). One that lets every try run into the timeout
    keeps the others waiting for one such try, not for all that is due for it. Not safe between threads.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[tuple[float, int, Delivery]]] = {}
        self._took: dict[str, float] = {}
        self._least = 0.0
        self._order = count()

    def put(self, delivery: Delivery, due: float) -> None:
        """Let a delivery wait; `due` is in seconds of the clock that `take` is asked with."""
        heappush(self._lines.setdefault(delivery.server, []), (due, next(self._order), delivery))

    def take(self, now: float) -> Delivery | None:
        """The delivery whose turn it is, which then waits no more; None where nothing is due."""
        ready = [server for server, line in self._lines.items() if line[0][0] <= now]
        if not ready:
            self._took.clear()  # nobody keeps anybody waiting: all begin anew
            self._least = 0.0
            return None
        server = min(ready, key=self._share)
        self._least = self._share(server)
        line = self._lines[server]
        _, _, delivery = heappop(line)
        if not line:
            del self._lines[server]
        return delivery

    def charge(self, delivery: Delivery, seconds: float) -> None:
        """Tell how long a try took."""
        self._took[delivery.server] = self._share(delivery.server) + seconds

    def pause(self, now: float) -> float | None:
        """Seconds until something is due; None where nothing waits."""
        return max(0.0, min(line[0][0] for line in self._lines.values()) - now) if self._lines else None

    def _share(self, server: str) -> float:
        """The seconds that a server took; who was away does not catch up on the time of its absence."""
        return max(self._took.get(server, 0.0), self._least)
