"""Signed links to pictures: read back whole by who holds the key, refused after any change."""

from __future__ import annotations

import hmac
import re
import zlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labeler.errors import ContentError, PolicyError
from labeler.links import PATH, Link, Links

BASE = "https://gateway.example"
KEY = bytes(range(32))
LINKS = Links(BASE, KEY)
SIGNED = "https://cdn.example/a.png?Expires=1760000000&Signature=" + "kT9w" * 40

names = st.lists(st.text(max_size=12), max_size=4).map(tuple)


def token_of(link: str) -> str:
    assert link.startswith(BASE + PATH)
    return link.removeprefix(BASE + PATH)


def signed(body: bytes) -> str:
    """A token as the module's documentation describes it."""
    tag = hmac.digest(KEY, b"labeler picture link 1\0" + body, "sha256")[:16]
    return urlsafe_b64encode(body + tag).rstrip(b"=").decode()


@given(st.text(max_size=300), names, st.text(max_size=8))
def test_link_is_read_back(url: str, scenarios: tuple[str, ...], language: str) -> None:
    """What a link was made from comes back from another replica with the same key, and the link is a plain URL."""
    link = LINKS.make(url, scenarios, language)
    assert Links("https://replica.example", KEY).read(token_of(link)) == Link(url, scenarios, language)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token_of(link))


def test_same_input_gives_the_same_link() -> None:
    """Two services with the same key and base make the same link, with or without a slash at the base's end."""
    again = Links(BASE + "/", bytes(KEY)).make(SIGNED, ("general",), "zh")
    assert again == LINKS.make(SIGNED, ("general",), "zh")


@given(st.data())
def test_any_changed_token_is_refused(data: st.DataObject) -> None:
    """A token with a character replaced, added or removed, or cut anywhere, is refused."""
    token = token_of(LINKS.make(SIGNED, ("general", "medical"), "zh"))
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(start + 3, len(token))))
    changed = token[:start] + data.draw(st.text(max_size=3)) + token[end:]
    assume(changed != token)
    with pytest.raises(ContentError, match="was not made by this service"):
        LINKS.read(changed)


@given(st.text() | st.binary(max_size=200).map(lambda raw: urlsafe_b64encode(raw).decode()))
def test_foreign_tokens_are_refused(token: str) -> None:
    """Text that nobody signed is refused, whatever it is."""
    with pytest.raises(ContentError, match="was not made by this service"):
        LINKS.read(token)


def test_every_bit_of_the_last_character_counts() -> None:
    """Another base64 spelling of the same bytes is refused, padding and unused bits included."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    urls = ("https://cdn.example/" + "a" * length for length in range(3))
    for token in (token_of(LINKS.make(url, (), "")) for url in urls):
        spellings = {token[:-1] + last for last in alphabet} | {token + "=" * pads for pads in (1, 2, 3)}
        for other in spellings - {token}:
            with pytest.raises(ContentError):
                LINKS.read(other)


def test_other_key_is_refused() -> None:
    """A token of a service with another key is refused."""
    token = token_of(Links(BASE, bytes(32)).make(SIGNED, (), "zh"))
    with pytest.raises(ContentError, match="its key has changed"):
        LINKS.read(token)


def test_tag_for_another_purpose_is_refused() -> None:
    """A tag with the same key over the body alone makes no link."""
    body = b'["https://cdn.example/a.png",[],"zh"]'
    tag = hmac.digest(KEY, body, "sha256")[:16]
    with pytest.raises(ContentError):
        LINKS.read(urlsafe_b64encode(body + tag).rstrip(b"=").decode())
    assert LINKS.read(signed(body)) == Link("https://cdn.example/a.png", (), "zh")


def test_long_url_is_deflated_and_too_long_a_one_refused() -> None:
    """A URL that repeats itself gives a link shorter than itself; one over 8 KiB is refused."""
    url = "https://cdn.example/" + "picture/" * 500
    link = LINKS.make(url, ("general",), "zh")
    assert len(link) < 400
    assert LINKS.read(token_of(link)).url == url
    with pytest.raises(ContentError, match="too long for a link: 9020 characters"):
        LINKS.make("https://cdn.example/" + "a" * 9000, (), "zh")


@pytest.mark.parametrize("size", [8193, 8 << 20])
def test_deflated_bomb_is_refused_even_if_signed(size: int) -> None:
    """A body that inflates to more than a link may hold is refused although its tag is right."""
    bomb = zlib.compress(b'["' + b"a" * size + b'",[],"zh"]', 9)
    with pytest.raises(ContentError):
        LINKS.read(signed(bomb))


def test_broken_unicode_is_refused() -> None:
    """A URL with half a surrogate pair, which JSON from a model can bring, gives our error."""
    with pytest.raises(ContentError, match="not valid Unicode"):
        LINKS.make("https://cdn.example/\ud800", (), "zh")


def test_short_key_is_refused() -> None:
    """A key under 32 bytes is the operator's fault and said so."""
    with pytest.raises(PolicyError, match="a key of 31 bytes is too short"):
        Links(BASE, bytes(31))
