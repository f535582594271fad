"""One try to deliver a notice, and what its outcome means."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from time import time

from labeler.deadline import Clock, explained
from labeler.errors import ContentError
from labeler.notices.connect import address, connected, exchange, proxy
from labeler.notices.notice import Notice, body, headers

_AGAIN = frozenset((408, 425, 429))
_READ = 65536  # bytes of an answer that are read, so that a server can end it in peace


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed. `again` says that another one may succeed, `wait` after how many seconds the
    server asks for it (0 where it does not)."""

    reason: str
    again: bool
    wait: float = 0.0


class Post:
    """Posts notices, each try within `timeout` seconds for everything together."""

    def __init__(self, timeout: float, secret: str) -> None:
        self._timeout, self._secret = timeout, secret
        self._context: ssl.SSLContext | None = None

    def deliver(self, url: str, notice: Notice) -> Failure | None:
        """Try once; None when the server took it, which is what a status of 2xx says."""
        try:
            return self._ask(url, notice, Clock(self._timeout))
        except (OSError, HTTPException) as error:  # before ValueError: a certificate's error is both
            return Failure(explained(error, self._timeout), again=True)
        except ContentError as error:
            return Failure(str(error), again=False)
        except ValueError:  # its message may show a password
            return Failure("its URL or the environment's proxy is broken", again=False)

    def _ask(self, url: str, notice: Notice, clock: Clock) -> Failure | None:
        to = address(url)
        through = proxy(to)
        content = body(notice)
        fields = {
            "Host": to.site,
            "User-Agent": "aigc-labeler",
            "Content-Length": str(len(content)),
            "Connection": "close",
            **headers(notice, content, self._secret, int(time())),
        }
        if to.credentials:
            fields["Authorization"] = to.credentials
        target = to.target
        if through is not None and to.scheme == "http":
            target = f"http://{to.site}{to.target}"
            if through.credentials:
                fields["Proxy-Authorization"] = through.credentials
        with (
            connected(to, through, self._tls, clock) as connection,
            exchange(connection, f"POST {target}", fields, content, clock) as response,
        ):
            with suppress(OSError, HTTPException):  # the status has decided
                response.read(_READ)
            return _judged(response)

    def _tls(self) -> ssl.SSLContext:
        """Made once, since that reads all certificates; without a lock that a fork could leave shut."""
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context


def _judged(response: HTTPResponse) -> Failure | None:
    status = response.status
    if 200 <= status < 300:
        return None
    again = status in _AGAIN or 500 <= status < 600
    return Failure(
        f"its server answers with status {status}", again, _seconds(response.getheader("Retry-After"))
    )


def _seconds(after: str | None) -> float:
    """A Retry-After field (RFC 9110, 10.2.3: seconds or a date) in seconds from now; 0 for a broken one."""
    if after is None:
        return 0.0
    if after.isascii() and after.isdigit():
        return float(after)
    try:
        return max(0.0, parsedate_to_datetime(after).timestamp() - time())
    except (ValueError, OverflowError):
        return 0.0
