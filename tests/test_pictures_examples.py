"""Pictures within a text that nobody looks at: help with code is full of them, and must not be withheld."""

from __future__ import annotations

import base64
from io import BytesIO
from urllib.parse import quote

import pytest
from PIL import Image

from tests.asgi_tools import DONE, EVENTS, Service, chat, event, events, said, service

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>'


def png(width: int, height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


def icon(*sides: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (max(sides),) * 2, "teal").save(out, "ICO", sizes=[(side, side) for side in sides])
    return out.getvalue()


PICTURE = base64.b64encode(png(64, 64)).decode()


def url(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def here() -> Service:
    return service()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("link", "why"),
    [
        (url(SVG, "svg+xml"), "an SVG within a text has no pixels"),
        (url(b'<?xml version="1.0"?>' + SVG, "svg+xml"), "an SVG within a text has no pixels"),
        (url(SVG.replace(b" ", b"\n"), "svg+xml"), "an SVG within a text has no pixels"),
        (url(b"\xef\xbb\xbf<!-- by hand -->\n" + SVG, "svg+xml"), "an SVG within a text has no pixels"),
        (url(b"<!DOCTYPE svg>" + SVG, "svg+xml"), "an SVG within a text has no pixels"),
        (url(png(1, 1)), "within a text, and smaller than 64 pixels"),
        (url(png(600, 63)), "within a text, and smaller than 64 pixels"),
        (url(icon(32), "x-icon"), "within a text, and smaller than 64 pixels"),
    ],
    ids=["svg", "xml", "lines", "comment", "doctype", "pixel", "strip", "icon"],
)
def test_an_example_leaves_as_it_is(here: Service, stream: bool, link: str, why: str) -> None:
    """And the outcome says of each why it has no label."""
    text = f'Write `<img src="{link}">` there.'
    body = events(text[:40], text[40:]) if stream else chat(text)
    got = here.answer(body, EVENTS) if stream else here.answer(body)
    assert text in said(got.body)
    assert [(one.state, one.reason) for one in here.outcome.pictures] == [("skipped", why)]
    assert here.outcome.state == "applied"


def test_a_picture_of_64_pixels_is_one(here: Service) -> None:
    """From there on it is labelled."""
    text = f"![cat]({url(png(64, 64))})"
    got = here.answer(chat(text))
    assert text not in said(got.body)
    assert here.outcome.pictures[0].visible == "applied"


@pytest.mark.parametrize(
    "link",
    [
        "DATA:IMAGE/PNG;BASE64,{}",
        "data:image/png; base64, {}",
        "data:image/png;base64,\n{}",
        "data:image/png;base64,\n            {}",
        "data:image/png;base64,%20{}",
    ],
)
def test_capitals_and_blanks_hide_no_picture(here: Service, link: str) -> None:
    """Browsers show such a URL, so the picture in it is labelled."""
    got = here.answer(chat(f'<img src="{link.format(PICTURE)}">, see.'))
    assert PICTURE not in said(got.body)
    assert here.outcome.pictures[0].visible == "applied"


def test_escapes_of_a_url_hide_no_picture(here: Service) -> None:
    """Browsers take them out of a data URL before they read its base64."""
    escaped = quote(PICTURE, safe="")
    assert "%" in escaped
    got = here.answer(chat(f'<img src="data:image/png;base64,{escaped}">'))
    assert escaped not in said(got.body)
    assert here.outcome.pictures[0].visible == "applied"


def test_a_large_icon_is_no_example(here: Service) -> None:
    """One that people could look at cannot be labelled, so the answer is withheld."""
    assert here.answer(chat(f"![i]({url(icon(16, 128), 'x-icon')})")).status == 502


def test_a_small_picture_of_its_own_is_no_example(here: Service) -> None:
    """In a place for pictures it is one, whatever its size: it is labelled, or the answer is withheld."""
    got = here.answer(chat("", images=[{"type": "image_url", "image_url": {"url": url(png(5, 5))}}]))
    assert here.outcome.pictures[0].state in ("applied", "failed")
    assert (got.status == 502) == (here.outcome.pictures[0].state == "failed")


@pytest.mark.parametrize("cut", [0, 5, 9, 40])
def test_behind_a_failure_no_picture_slips_out(here: Service, cut: int) -> None:
    """After the marker an event that cannot be read lets the rest pass (`degraded`); a picture in it breaks
    the transfer off under `block`, wherever its bytes are cut."""
    last = event(f"![cat](data:image/png;base64,{PICTURE})")
    at = last.index(b"data:image") + cut
    got = here.answer(
        [event("你好。"), b"data: {nonsense\n\n", event("再见。"), last[:at], last[at:], DONE], EVENTS
    )
    assert event("再见。") in got.body
    assert PICTURE[:40].encode() not in got.body
    assert not got.complete
    assert "then a picture came" in here.outcome.reason
    assert here.outcome.state == "failed"


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_behind_a_failure_no_place_for_pictures_slips_out(here: Service, cut: int) -> None:
    """The same of `images`, with the blanks that JSON may have."""
    last = (
        b'data: {"choices":[{"index":0,"delta":{"images"  :  [     {"url":"https://x.example/y.png"}]}}]}\n\n'
    )
    at = last.index(b'"images"') + cut
    got = here.answer([event("你好。"), b"data: {nonsense\n\n", last[:at], last[at:], DONE], EVENTS)
    assert b"y.png" not in got.body
    assert here.outcome.reason.count("then a picture came") == 1


def test_an_escape_hides_no_picture(here: Service) -> None:
    """JSON may write any character as an escape."""
    body = chat(f"![cat]({url(png(64, 64))})").replace(b"base64,", b"\\u0062ase64,")
    got = here.answer(body)
    assert here.outcome.pictures[0].visible == "applied"
    assert PICTURE[:60].encode() not in got.body
