"""Pictures that come as a URL: read as browsers read it; left, linked or embedded as the policy says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.asgi_tools import CHAT, Got, Scripted, Service, answer, ask, chat
from tests.picture_tools import ASKED, GENERATIONS, URL, is_labelled, pictured, unb64

FETCHING = """
pictures: {fetch: {hosts: ["127.0.0.1:*"], private: true}, public_url: "https://ai.example.com", link_key: KEY}
""".replace("KEY", "k" * 32)
BLANKS = [" ", "\n", "\t\r\n ", "\0\x1f "]
"""What every reader of URLs overlooks before one."""


def given(one: Service, *urls: str) -> Got:
    """What leaves where the images API gives these URLs."""
    body = json.dumps({"created": 1, "data": [{"url": url} for url in urls]}).encode()
    return one.call(Scripted(*answer(body)), ASKED, GENERATIONS)


def urls(got: Got) -> list[str]:
    """The URLs of an answer of the images API."""
    return [entry["url"] for entry in json.loads(got.body)["data"]]


@pytest.mark.parametrize("blank", BLANKS)
def test_blanks_hide_no_picture(tmp_path: Path, blank: str) -> None:
    """A data URL is labelled behind blanks and with line ends within it, whatever member holds it."""
    one = pictured(tmp_path)
    broken = URL.replace("data:", "da\nta:", 1)
    assert [is_labelled(unb64(url)) for url in urls(given(one, blank + URL, blank + broken + blank))] == [
        True
    ] * 2
    entries = [{"image": blank + URL}, blank + URL]
    got = one.call(Scripted(*answer(chat("Look", images=entries))), ask(), CHAT)
    first, second = json.loads(got.body)["choices"][0]["message"]["images"]
    assert is_labelled(unb64(first["image"]))
    assert is_labelled(unb64(second))


@pytest.mark.parametrize("blank", BLANKS)
def test_blanks_hide_no_picture_that_nobody_reads(tmp_path: Path, blank: str) -> None:
    """In an unknown member, too, a data URL behind blanks is a picture: the answer is withheld."""
    one = pictured(tmp_path)
    got = one.call(Scripted(*answer(chat("Look", images=[{"picture": blank + URL}]))), ask(), CHAT)
    assert got.status == 502
    assert one.outcome.reason.endswith("is no picture that can be read")


REFERENCES = ["//127.0.0.1/a.png", "/files/a.png", "a.png", "blob:x", "file:///a.png", "http:"]
"""What leads to a picture somewhere, but not for a server."""


@pytest.mark.parametrize("url", REFERENCES)
def test_a_reference_is_left_by_its_policy_alone(tmp_path: Path, url: str) -> None:
    """`url: leave`: it stays, and the outcome says why it has no label."""
    one = pictured(tmp_path)
    assert urls(given(one, url)) == [url]
    assert (one.outcome.state, one.outcome.reason) == ("skipped", "only a URL (url: leave)")


@pytest.mark.parametrize("way", ["proxy", "embed"])
@pytest.mark.parametrize("url", REFERENCES)
def test_a_reference_that_cannot_be_fetched_fails(tmp_path: Path, url: str, way: str) -> None:
    """Where pictures are to be fetched, one that cannot be is a failure: withheld, or as it came."""
    one = pictured(tmp_path, settings=FETCHING, url=way)
    assert given(one, url).status == 502
    assert " was not fetched: " in one.outcome.reason
    one = pictured(tmp_path, settings=FETCHING, url=way, on_failure="pass")
    assert urls(given(one, url)) == [url]
    assert one.outcome.state == "failed"


def test_an_empty_reference_is_none(tmp_path: Path) -> None:
    """Nothing but blanks is no picture."""
    one = pictured(tmp_path, settings=FETCHING, url="proxy")
    assert urls(given(one, " \n")) == [" \n"]
    assert (one.outcome.state, one.outcome.reason) == ("skipped", "neither a picture nor a URL of one")


@pytest.mark.parametrize("blank", BLANKS)
def test_blanks_keep_no_url_from_being_fetched(tmp_path: Path, blank: str) -> None:
    """Behind blanks a URL is a URL: it becomes the same link as without them."""
    one = pictured(tmp_path, settings=FETCHING, url="proxy")
    plain, blanks = urls(given(one, "http://127.0.0.1/a.png", f"{blank}http://127.0.0.1/a\n.png{blank}"))
    assert plain == blanks
    assert plain.startswith("https://ai.example.com/_labeler/picture/")


def test_a_link_that_would_lead_nowhere_is_not_made(tmp_path: Path) -> None:
    """A host that is not on the list is a failure at once, not when somebody follows the link."""
    one = pictured(tmp_path, settings=FETCHING, url="proxy")
    assert given(one, "https://pictures.example/a.png?sig=SECRET").status == 502
    assert "pictures.example is not on the list of hosts" in one.outcome.reason
    assert "SECRET" not in one.outcome.reason
    one = pictured(tmp_path, settings=FETCHING, url="proxy", on_failure="pass")
    assert urls(given(one, "https://pictures.example/a.png")) == ["https://pictures.example/a.png"]
    assert one.outcome.pictures[0].state == "failed"


def test_a_link_of_ours_stays(tmp_path: Path) -> None:
    """What a gateway before this one has linked is not linked again, nor refused for its host; what only
    looks so is."""
    one = pictured(tmp_path, settings=FETCHING, url="proxy")
    (link,) = urls(given(one, "http://127.0.0.1/a.png"))
    assert urls(given(one, link)) == [link]
    assert (one.outcomes[-1].state, one.outcomes[-1].reason) == ("skipped", "labelled already")
    assert given(one, link[:-3] + "AAA").status == 502
