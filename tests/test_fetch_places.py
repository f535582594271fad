"""From where a picture may be fetched: which URLs, hosts, addresses and redirects are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from labeler.errors import PolicyError
from labeler.fetch import Fetching, fetch
from labeler.fetch.addresses import refusal
from tests.fetching import APP, HOUSE, PICTURE, refused, resolving, says
from tests.servers import serve, serve_raw


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serve(APP) as address:
        yield address


# Which hosts.


@pytest.mark.parametrize(
    ("url", "hosts", "fits"),
    [
        ("http://a.pics.example/", ("*.pics.example",), True),
        ("https://a.b.PICS.example./", ("*.pics.example",), True),
        ("https://a.pics.example:443/", ("*.PICS.example",), True),
        ("https://pics.example/", ("*.pics.example",), False),
        ("https://a.pics.example.evil.example/", ("*.pics.example",), False),
        ("https://evilpics.example/", ("*.pics.example", "pics.example"), False),
        ("https://a.pics.example:8443/", ("*.pics.example",), False),
        ("https://a.pics.example:80/", ("*.pics.example",), False),
        ("https://a.pics.example:8443/", ("*.pics.example:8443",), True),
        ("https://a.pics.example/", ("*.pics.example:8443",), False),
        ("https://a.pics.example:1/", ("*.pics.example:*",), True),
        ("http://bücher.example/", ("BÜCHER.example",), True),
        ("http://xn--bcher-kva.example/", ("bücher.example",), True),
        ("http://Bücher。example/", ("xn--bcher-kva.example",), True),
        ("http://my_bucket.pics.example/", ("*.pics.example",), True),
        ("http://a.example/", (), False),
        ("http://a.example/", ("b.example", "*"), True),
    ],
)
def test_hosts_are_held_against_the_list(
    url: str, hosts: tuple[str, ...], fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host fits a glob whole, in any spelling, on its scheme's port or the one named; others are not looked up."""
    with resolving(monkeypatch, ("10.0.0.1",)) as names:
        reason = refused(url, Fetching(hosts=hosts, timeout=5))
    assert ("which is not a public address" in reason) == fits
    assert ("is not on the list of hosts" in reason) != fits
    assert bool(names) == fits
    assert all(name.isascii() and name == name.lower() for name in names)


def test_ipv6_host_is_named_in_brackets(base: str) -> None:
    """The list names an IPv6 address in brackets, and any spelling of it fits."""
    rule = Fetching(hosts=("[::1]:*",), private=True, timeout=5)
    assert "the connection failed" in refused("http://[0:0::1]:1/", rule)
    assert "[::2]:1 is not on the list" in refused("http://[::2]:1/", rule)


@pytest.mark.parametrize(
    "pattern", ["https://a.example", "a.example/b", "", "a b", "a.example:http", "::1", "a@b"]
)
def test_list_that_no_host_fits_is_refused(pattern: str) -> None:
    """A mistake in the list is the operator's and said at once."""
    with pytest.raises(PolicyError, match="is no host name"):
        Fetching(hosts=(pattern,))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "only https and http"),
        ("ftp://pictures.example/a.png", "only https and http"),
        ("data:image/png;base64," + "A" * 9999, "only https and http"),
        ("//pictures.example/a.png", "only https and http"),
        ("pictures.example/a.png", "only https and http"),
        ("", "only https and http"),
        ("http:///a.png", "host or port is broken"),
        ("http://pictures.example:port/?SECRET", "host or port is broken"),
        ("http://pictures.example:99999/?SECRET", "host or port is broken"),
        ("http://[::1/?SECRET", "host or port is broken"),
        ("http://[fe80::1%25eth0]/?SECRET", "host or port is broken"),
        ("http://pictures..example/", "host or port is broken"),
        ("http://" + "a" * 64 + ".example/", "host or port is broken"),
        ("http://" + "a." * 140 + "example/", "host or port is broken"),
        ("http://pictures%2eexample/", "host or port is broken"),
        ("http://evil.example\\.pictures.example/", "host or port is broken"),
        ("http://\u200b.example/", "spaces or control"),
        ("http://pictures.example/\r\nHost: evil?SECRET", "spaces or control"),
        ("http://pictures.example/a b?SECRET", "spaces or control"),
        ("http://pictures.example/\ud800?SECRET", "spaces or control"),
        ("http://user:SECRET@pictures.example/", "a user name or a password"),
        ("http://SECRET\\@pictures.example/", "a user name or a password"),
        ("http://@pictures.example/", "a user name or a password"),
    ],
)
def test_urls_of_another_kind_are_refused(url: str, reason: str) -> None:
    """A URL that is not plainly an http(s) URL of a host is refused before anything is looked up."""
    assert reason in refused(url, Fetching(hosts=("*:*",), private=True, timeout=5))


# Which addresses.


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"]
)
def test_loopback_is_refused_unless_the_rule_says_private(base: str, host: str) -> None:
    """The house's own addresses are refused by default, in every spelling that the system understands."""
    url = base.replace("127.0.0.1", host) + "/a.png"
    assert "not a public address" in refused(url, Fetching(hosts=("*:*",), timeout=5))
    if host != "[::ffff:127.0.0.1]":
        assert fetch(url, Fetching(hosts=("*:*",), private=True, timeout=5)) == PICTURE


@pytest.mark.parametrize(
    "text",
    [
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "198.18.0.1", "192.0.2.1"),
        *("::1", "fc00::1", "fd12::1", "2001:db8::1", "2001::1", "fec0::1", "::7f00:1", "64:ff9b:1::1"),
        *("::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1"),
    ],
)
def test_private_addresses_need_the_rule(text: str) -> None:
    """An address that is not public, or that wraps one, is reached only where the rule says private."""
    assert refusal(text, private=False) == "which is not a public address"
    assert refusal(text, private=True) == ""


@pytest.mark.parametrize(
    "text",
    [
        *(
            "169.254.169.254",
            "169.254.0.23",
            "100.100.100.200",
            "100.96.0.96",
            "168.63.129.16",
            "192.0.0.192",
        ),
        *(
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ),
        *("0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "fe80::1", "fe80::1%2", "ff02::1"),
    ],
)
def test_some_addresses_are_never_reached(text: str) -> None:
    """Metadata services, link-local, multicast and reserved addresses stay forbidden under private, too."""
    for private in (False, True):
        assert refusal(text, private=private) == "from which pictures are never fetched"


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_public_addresses_are_reached(text: str) -> None:
    """A public address may be reached, also where IPv6 only wraps it (NAT64)."""
    assert refusal(text, private=False) == ""


@pytest.mark.parametrize("answer", [("10.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("8.8.8.8", "::ffff:10.0.0.1")])
def test_one_forbidden_address_is_enough(answer: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for a forbidden address beside a public one is refused without a connection."""
    rule = Fetching(hosts=("*.example",), timeout=5)
    with resolving(monkeypatch, answer):
        assert "10.0.0.1, which is not a public address" in refused("http://pictures.example/?SECRET", rule)


def test_name_is_looked_up_once(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was checked, though the name stands for another one by now."""
    port = base.rpartition(":")[2]
    with resolving(monkeypatch, ("127.0.0.1",), ("169.254.169.254",)) as names:
        assert fetch(f"http://pictures.example:{port}/a.png", HOUSE) == PICTURE
    assert names == ["pictures.example"]


def test_every_redirect_is_looked_up_and_checked(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that moves to a forbidden address between a redirect and the next request is refused."""
    port = base.rpartition(":")[2]
    with resolving(monkeypatch, ("127.0.0.1",), ("169.254.169.254",)) as names:
        assert "never fetched" in refused(f"http://pictures.example:{port}/moved?to=/a.png?SECRET", HOUSE)
    assert len(names) == 2


def test_unknown_host_is_refused() -> None:
    """A name that stands for nothing is refused, in our words."""
    rule = Fetching(hosts=("*.invalid",), timeout=5)
    assert refused("http://pictures.invalid/", rule) in (
        "its host cannot be looked up",
        "it took longer than 5 s",
    )


# Redirects.


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("http://169.254.169.254/latest?SECRET", "is not on the list"),
        ("//evil.example/?SECRET", "is not on the list"),
        ("http://user:SECRET@127.0.0.1/", "a user name or a password"),
        ("file:///etc/passwd", "only https and http"),
        ("gopher://127.0.0.1/", "only https and http"),
        ("http://[::1/?SECRET", "redirects to a broken URL"),
        ("http://127.0.0.1:x/?SECRET", "host or port is broken"),
    ],
)
def test_redirect_to_a_forbidden_place_is_refused(base: str, to: str, reason: str) -> None:
    """A redirect's URL is checked as the first one was."""
    head = f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
    with serve_raw(says(head)) as server:
        assert reason in refused(server + "/?SECRET", HOUSE)


def test_redirect_to_the_metadata_service_is_refused_even_if_listed() -> None:
    """With a list of all hosts and private addresses, the metadata service is still out of reach."""
    head = b"HTTP/1.1 307 Moved\r\nLocation: http://169.254.169.254/latest/meta-data/\r\n\r\n"
    with serve_raw(says(head)) as server:
        assert "never fetched" in refused(server, replace(HOUSE, hosts=("*:*",)))


def test_redirects_are_counted(base: str) -> None:
    """As many redirects are followed as the rule says, and a loop ends."""
    three = "/moved?to=/moved?to=/moved?to=/a.png"
    assert fetch(base + three, HOUSE) == PICTURE
    assert "behind more than 2 redirects" in refused(base + three, replace(HOUSE, redirects=2))
    with serve_raw(says(b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n")) as server:
        assert "behind more than 3 redirects" in refused(server + "/?SECRET", HOUSE)
