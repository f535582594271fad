"""Pages of another origin: what their scripts may read of our headers."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.middleware.cors import CORSMiddleware

from tests.asgi_tools import (
    EVENTS,
    JSON,
    MARK,
    Got,
    Scripted,
    answer,
    ask,
    call,
    chat,
    events,
    said,
    service,
)

ORIGIN = {**JSON, "origin": "https://page.example"}


def exposed(got: Got) -> set[str]:
    """What scripts may read, over all lines of the header."""
    lines = [v for k, v in got.start["headers"] if k.lower() == b"access-control-expose-headers"]
    return {name.strip().lower() for name in b",".join(lines).decode().split(",")}


@pytest.mark.parametrize(
    ("sent", "theirs"),
    [
        ([("access-control-allow-origin", "*")], set()),
        ([("Access-Control-Allow-Origin", "https://page.example")], set()),
        (
            [("access-control-allow-origin", "*"), ("access-control-expose-headers", "x-a, x-b")],
            {"x-a", "x-b"},
        ),
        (
            [
                ("access-control-expose-headers", "x-a"),
                ("access-control-expose-headers", "x-b"),
                ("access-control-allow-origin", "*"),
            ],
            {"x-a", "x-b"},
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_cors(sent: list[tuple[str, str]], theirs: set[str], stream: bool) -> None:
    """Where CORS is in use our headers are exposed besides those that the app exposes."""
    headers = [*(EVENTS if stream else JSON).items(), *sent]
    got = service().answer(events("Hello") if stream else chat(), headers)
    assert exposed(got) == theirs | {"labeler", "ai-disclosure"}


def test_cors_that_exposes_all() -> None:
    """`*` says it already."""
    headers = {**JSON, "access-control-allow-origin": "*", "access-control-expose-headers": "*"}
    assert service().answer(chat(), headers).headers["access-control-expose-headers"] == "*"


def test_beside_credentials_a_star_exposes_nothing() -> None:
    """There `*` is a name like any other, so ours are added to it."""
    headers = {**JSON, "access-control-allow-origin": "https://page.example"}
    headers |= {"access-control-allow-credentials": "true", "access-control-expose-headers": "*"}
    exposed = service().answer(chat(), headers).headers["access-control-expose-headers"]
    assert exposed.startswith("*, ")
    assert "labeler" in exposed


def test_cors_of_a_withheld_answer() -> None:
    """A page's script can read the error that stands for its answer, and our header on it."""
    headers = {**JSON, "access-control-allow-origin": "https://page.example", "set-cookie": "a=b"}
    got = service().answer(b"{nope", headers)
    assert got.headers["access-control-allow-origin"] == "https://page.example"
    assert "labeler" in exposed(got)


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("own", [(), ("X-Own",)])
def test_cors_middleware_on_either_side(outside: bool, own: tuple[str, ...]) -> None:
    """Starlette's CORSMiddleware may stand behind or before ours: a page can read our headers."""
    one = service()
    app = Scripted(*answer(chat()))

    def cors(inner: Any) -> CORSMiddleware:
        return CORSMiddleware(inner, allow_origins=["https://page.example"], expose_headers=own)

    whole = cors(one.before(app)) if outside else one.before(cors(app))
    got = call(whole, ask(), headers=ORIGIN)
    assert said(got.body).startswith(MARK)
    if not (outside and own):  # a list of its own is the operator's word, outside and after ours
        assert exposed(got) == {"labeler", "ai-disclosure", *map(str.lower, own)}


def test_without_cors_nothing_is_exposed() -> None:
    """Where no page of another origin asks, no CORS header comes in."""
    assert not [name for name in service().answer(chat()).headers if name.startswith("access-control")]
