"""URLs that somebody else wrote, taken apart in one way only, and held against the operator's list of hosts."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv6Address
from typing import NoReturn
from urllib.parse import quote, urljoin, urlsplit

import idna

from labeler.errors import ContentError

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]+\]")
_GLOB = re.compile(r"([a-z0-9_.*-]+|\[[0-9a-f:.]+\])(?::([0-9]+|\*))?")
_AROUND = "".join(map(chr, range(0x21)))
_WITHIN = str.maketrans("", "", "\t\n\r")


@dataclass(frozen=True, slots=True)
class Site:
    """A URL, as it is asked for: `host` is lower case and ASCII, an IPv6 address stands in brackets;
    `target` is path and query, ASCII, with the URL's own percent-encoding."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def name(self) -> str:
        """The host as the resolver and TLS want it, without brackets."""
        return self.host.strip("[]")

    @property
    def authority(self) -> str:
        """The host, and the port where it is not the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def joined(self, location: str) -> str:
        """The URL that a Location header of this site means; raises ContentError for a broken one.

        `location` is what the header holds, read as Latin-1.
        """
        written = quote(location.encode("latin-1"), safe=string.punctuation)
        try:
            url = urljoin(f"{self.scheme}://{self.authority}{self.target}", written)
            downgrade = self.scheme == "https" and urlsplit(url).scheme != "https"
        except ValueError:
            _refuse("its server redirects to a broken URL")
        if downgrade:
            _refuse("its server redirects from https to something else")
        return url


def bare(url: str) -> str:
    """A URL without what every reader of URLs overlooks (WHATWG URL, 4.4): control characters and blanks
    around it, tabs and line ends within it."""
    url = url.strip(_AROUND)
    return url.translate(_WITHIN) if any(sign in url for sign in "\t\n\r") else url


def site(url: str, hosts: Iterable[str]) -> Site:
    """Take a URL apart that fits one of the globs in `hosts`; raises ContentError for any other."""
    if not url.isprintable() or " " in url:
        _refuse("the URL holds spaces or control characters")
    if url.partition(":")[0].lower() not in _PORTS:
        _refuse("only https and http are spoken, and a URL has to say which")
    try:
        parts = urlsplit(url)
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError:
        _refuse("the URL's host or port is broken")
    if "@" in parts.netloc:
        _refuse("the URL holds a user name or a password")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    found = Site(parts.scheme, host, port or _PORTS[parts.scheme], quote(target, safe=string.punctuation))
    if not any(_fits(found, pattern) for pattern in hosts):
        _refuse(f"{found.authority} is not on the list of hosts that pictures may be fetched from")
    return found


def glob(pattern: str) -> tuple[str, str | None]:
    """The globs of a host and of its port, for `fnmatch`; raises ValueError where no host can fit."""
    found = _GLOB.fullmatch(_ascii(pattern))
    if not found:
        raise ValueError(pattern)
    return found[1].replace("[", "[[]"), found[2]  # a bracket is itself: it encloses an IPv6 address


def _refuse(reason: str) -> NoReturn:
    raise ContentError(reason) from None  # the cause would show what may be a password


def _fits(found: Site, pattern: str) -> bool:
    host, port = glob(pattern)
    return fnmatchcase(found.host, host) and fnmatchcase(str(found.port), port or str(_PORTS[found.scheme]))


def _host(name: str) -> str:
    """A host in the one way in which it is compared, looked up and asked; raises ValueError."""
    host = f"[{IPv6Address(name)}]" if ":" in name else _ascii(name.removesuffix("."))
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise ValueError(host)
    return host


def _ascii(name: str) -> str:
    """A name in lower case, its labels that are not ASCII as A-labels (UTS 46, RFC 5891)."""
    labels = name.lower().split(".")
    return ".".join(each if each.isascii() else idna.encode(each, uts46=True).decode() for each in labels)
