"""Pictures that come as a URL: read as browsers read it; left, linked or embedded as the policy says."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from labeler import BlockedError
from tests.asgi_tools import (
    CHAT,
    Got,
    Receive,
    Scope,
    Scripted,
    Send,
    Service,
    acall,
    answer,
    ask,
    chat,
    scope_of,
)
from tests.fetching import Held, holding, says
from tests.picture_tools import (
    ASKED,
    FILE,
    GENERATIONS,
    ROUTES,
    URL,
    file,
    is_labelled,
    pictured,
    record_of,
    unb64,
)
from tests.servers import serve_raw

FETCHING = """
pictures: {fetch: {hosts: ["127.0.0.1:*"], private: true}, public_url: "https://ai.example.com", link_key: KEY}
""".replace("KEY", "k" * 32)
BLANKS = [" ", "\n", "\t\r\n ", "\0\x1f "]
"""What every reader of URLs overlooks before one."""


def document(*urls: str) -> bytes:
    """An answer of the images API that gives these URLs."""
    return json.dumps({"created": 1, "data": [{"url": url} for url in urls]}).encode()


def given(one: Service, *urls: str) -> Got:
    """What leaves where the images API gives these URLs."""
    return one.call(Scripted(*answer(document(*urls))), ASKED, GENERATIONS)


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


# Embedded.


def test_pictures_are_fetched_into_the_answer(tmp_path: Path) -> None:
    """`url: embed`: a labelled data URL stands where the URL stood, through the middleware and the library."""
    one = pictured(tmp_path, settings=FETCHING, url="embed")
    kinds = ("png", "jpeg", "webp")
    serving = (says(b"HTTP/1.0 200 OK\r\n\r\n", file(kind)) for kind in kinds)
    with ExitStack() as stack:
        png, jpeg, webp = (stack.enter_context(serve_raw(talk)) for talk in serving)
        got = given(one, png, f" {jpeg}/a", webp, URL)
        inline = one.labeler.body(document(png), dialect="openai-images")
    assert [url.partition(";")[0] for url in urls(got)[:3]] == [f"data:image/{kind}" for kind in kinds]
    data = [unb64(url) for url in urls(got)]
    assert [is_labelled(each) for each in data] == [True] * 4
    number = one.outcomes[0].number
    assert [record_of(each).produce_id for each in data] == [f"{number}-{at}" for at in range(4)]
    assert is_labelled(unb64(json.loads(inline.content)["data"][0]["url"]))


def test_a_picture_that_cannot_be_fetched_fails_its_answer(tmp_path: Path) -> None:
    """The policy's word, for the middleware and the library; the other pictures of the answer are labelled."""
    gone = says(b"HTTP/1.1 404 Not Found\r\n\r\n")
    with serve_raw(gone) as server:
        one = pictured(tmp_path, settings=FETCHING, url="embed")
        assert given(one, f"{server}/a?sig=SECRET").status == 502
        with pytest.raises(BlockedError, match="status 404"):
            one.labeler.body(document(server), dialect="openai-images")
        assert [outcome.reason for outcome in one.outcomes] == [
            f"{server}{path} was not fetched: its server answers with status 404" for path in ("/a", "")
        ]
        one = pictured(tmp_path, settings=FETCHING, url="embed", on_failure="pass")
        got = given(one, server, URL)
    first, second = urls(got)
    assert (first, is_labelled(unb64(second))) == (server, True)
    states = [(picture.state, picture.number) for picture in one.outcome.pictures]
    number = one.outcome.number
    assert states == [("failed", f"{number}-0"), ("applied", f"{number}-1")]


def test_slow_fetches_hold_up_no_other_picture(tmp_path: Path) -> None:
    """While more pictures are away than there are threads that draw, those that are there are labelled; and
    one that stands in several answers is fetched once."""
    one = pictured(tmp_path, settings=FETCHING + ROUTES, url="embed")

    async def run(server: str, held: Held) -> tuple[Got, list[Got]]:
        away = answer(document(f"{server}/a", f"{server}/b"))
        here = answer(file("jpeg"), {"content-type": "image/jpeg"})

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await Scripted(*(here if scope["path"] == FILE else away))(scope, receive, send)

        labelled = one.before(app)
        asked = [asyncio.create_task(acall(labelled, scope_of(GENERATIONS), ASKED)) for _ in range(3)]
        while len(held.asked) < 2:
            await asyncio.sleep(0.01)
        got = await acall(labelled, scope_of(FILE, method="GET"))
        assert not any(task.done() for task in asked)
        held.released.set()
        return got, [await task for task in asked]

    with holding(file("png")) as (server, held):
        got, answers = asyncio.run(run(server, held))
    assert is_labelled(got.body)
    assert [is_labelled(unb64(url)) for each in answers for url in urls(each)] == [True] * 6
    assert sorted(held.asked) == ["/a", "/b"]


def test_an_answer_that_has_failed_fetches_nothing_more(tmp_path: Path) -> None:
    """Where one picture has it withheld, the others are not waited for, and those behind them not asked for."""
    one = pictured(tmp_path, settings=FETCHING, url="embed")
    gone = says(b"HTTP/1.1 404 Not Found\r\n\r\n")
    with holding(file("png")) as (server, held), serve_raw(gone) as nothing:
        start = time.monotonic()
        assert given(one, nothing, *(f"{server}/{number}" for number in range(20))).status == 502
        assert time.monotonic() - start < 5  # not the 20 s that a fetch may take
    assert len(held.asked) < 8
    assert "status 404" in one.outcome.reason
