"""Signed links to pictures that the gateway serves again, labelled: stateless, so that every replica reads them.

A token is base64url over `body + tag`. The body is the compact JSON array `[url, scenarios, language]`,
deflated (RFC 1950) where that is shorter; the tag is the first 128 bits of HMAC-SHA256 over a fixed
prefix and the body. It hides nothing: who reads the token sees the URL that the upstream gave.
"""

from __future__ import annotations

import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

import orjson

from labeler.errors import ContentError, PolicyError, Problem

PATH = "/_labeler/picture/"
"""Where the gateway serves the pictures; the token comes behind it."""

_PURPOSE = b"labeler picture link 1\0"  # what else is signed with the same key is no link
_TAG = 16
_LONGEST = 8192  # bytes of JSON; a longer link would not pass the servers and proxies of this world
KEY = 32
"""Bytes of a key, at least."""


class Link(NamedTuple):
    """What a link stands for: the picture's own URL and the verdict under which it is labelled."""

    url: str
    scenarios: tuple[str, ...]
    language: str


class Links:
    """Makes and reads links. Immutable, to be shared between threads."""

    def __init__(self, base: str, key: bytes) -> None:
        """`base` is the gateway's public URL; replicas share the `key`, of 32 random bytes or more.

        Raises PolicyError for a shorter key.
        """
        if len(key) < KEY:
            wrong, hint = f"a key of {len(key)} bytes is too short", f"{KEY} random bytes or more"
            raise PolicyError(Problem("links", 0, 0, "key", wrong, hint))
        self._base, self._key = base.rstrip("/"), key

    def make(self, url: str, scenarios: tuple[str, ...], language: str) -> str:
        """The link for a picture; the same input gives the same link.

        Raises ContentError for a URL that is too long for one.
        """
        try:
            body = orjson.dumps((url, scenarios, language))
        except orjson.JSONEncodeError as error:
            msg = "the picture's URL is not valid Unicode"
            raise ContentError(msg) from error
        if len(body) > _LONGEST:
            msg = f"the picture's URL is too long for a link: {len(url)} characters"
            raise ContentError(msg)
        return self._base + PATH + self._token(min(body, zlib.compress(body, 9), key=len)).decode()

    def read(self, token: str) -> Link:
        """What a token from `make` stands for; raises ContentError for any other."""
        try:
            body = urlsafe_b64decode(token + "=" * (-len(token) % 4))[:-_TAG]
            # the whole token is compared, so that another spelling of the same bytes is no link either
            if not hmac.compare_digest(self._token(body), token.encode()):
                raise ValueError(token)
            plain = body if body[:1] == b"[" else zlib.decompressobj().decompress(body, _LONGEST)
            url, scenarios, language = orjson.loads(plain)
        except (ValueError, zlib.error):
            msg = "the link was not made by this service, or its key has changed since"
            raise ContentError(msg) from None
        return Link(url, tuple(scenarios), language)

    def made(self, url: str) -> bool:
        """Whether a URL is a link that was made here, or by a replica."""
        base, _, token = url.rpartition(PATH)
        try:
            return base == self._base and bool(self.read(token))
        except ContentError:
            return False

    def _token(self, body: bytes) -> bytes:
        tag = hmac.digest(self._key, _PURPOSE + body, "sha256")[:_TAG]
        return urlsafe_b64encode(body + tag).rstrip(b"=")
