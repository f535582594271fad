"""Companion services: users are reminded that it is a machine, after every so much continuous use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeler import Labeler, LabelMiddleware, PolicyError
from tests.asgi_tools import JSON, Scripted, Service, answer, ask, call, chat, said, service
from tests.redis_server import redis_server
from tests.servers import serve

AGAIN = "您正在与人工智能服务互动，而非自然人"
COMPANION = {
    "id": "friend",
    "version": "1",
    "title": "t",
    "match": {"route": "/friend/**"},
    "remind": {"every": "2h", "words": {"zh": AGAIN, "en": "You are talking to an AI, not a person."}},
    "examples": [{"ask": "x", "route": "/friend/chat/completions", "scenarios": ["friend"]}],
}
PATH = "/friend/chat/completions"
HEADER = "sessions: {header: X-Session, idle: 30min}\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, which the test moves."""
    now = [1_800_000_000.0]
    monkeypatch.setattr("labeler.reminders.time.time", lambda: now[0])
    return now


def house(folder: Path, sessions: str = HEADER) -> Service:
    (folder / "friend.yaml").write_text(json.dumps(COMPANION), encoding="utf-8")
    return service(folder, f"policies: [general, ./friend.yaml]\n{sessions}")


class Talk:
    """One session with one service."""

    def __init__(self, here: Service, clock: list[float]) -> None:
        self._app, self._clock = here.before(Scripted(*answer(chat()))), clock
        self.here = here

    def after(self, minutes: float, headers: dict[str, str] | None = None, **body: Any) -> bool:
        """Whether an answer reminds, so many minutes after the last one."""
        self._clock[0] += minutes * 60
        got = call(self._app, ask(**body), PATH, headers=JSON | (headers or {"x-session": "a"}))
        return AGAIN in said(got.body)


def test_a_reminder_comes_after_every_two_hours_of_use(tmp_path: Path, clock: list[float]) -> None:
    """Not before, once, and again after two further hours."""
    talk = Talk(house(tmp_path), clock)
    assert [talk.after(20) for _ in range(14)] == [False] * 6 + [True] + [False] * 5 + [True] + [False]


def test_a_pause_ends_the_use(tmp_path: Path, clock: list[float]) -> None:
    """After a pause longer than `idle` the two hours begin anew."""
    talk = Talk(house(tmp_path), clock)
    assert [talk.after(25) for _ in range(4)] == [False] * 4
    assert [talk.after(31), *(talk.after(25) for _ in range(4))] == [False] * 5


def test_sessions_do_not_count_for_each_other(tmp_path: Path, clock: list[float]) -> None:
    """Another session's two hours are its own."""
    talk = Talk(house(tmp_path), clock)
    for _ in range(6):
        talk.after(20)
    assert not talk.after(20, {"x-session": "b"})
    assert talk.after(0)


@pytest.mark.parametrize(
    ("sessions", "headers", "body"),
    [
        ("cookie: sid", {"cookie": "x=1; sid=a"}, {}),
        ("field: metadata.session", {}, {"metadata": {"session": "a"}}),
    ],
)
def test_a_session_may_be_named_by_a_cookie_or_a_field(
    tmp_path: Path, clock: list[float], sessions: str, headers: dict[str, str], body: dict[str, Any]
) -> None:
    """Whatever the service has."""
    talk = Talk(house(tmp_path, f"sessions: {{{sessions}}}\n"), clock)
    assert [talk.after(20, headers, **body) for _ in range(7)] == [False] * 6 + [True]


def test_without_a_session_the_reminder_is_given(tmp_path: Path, clock: list[float]) -> None:
    """Rather than missed, and the outcome says why; other scenarios are not bothered."""
    talk = Talk(house(tmp_path), clock)
    assert talk.after(0, {"x-other": "1"})
    assert "sessions: the request names none" in talk.here.outcome.notes
    got = talk.here.call(Scripted(*answer(chat())))
    assert AGAIN not in said(got.body)


def test_the_app_may_name_the_session(tmp_path: Path, clock: list[float]) -> None:
    """`scope["labeler"]`: for apps that know their sessions by other means."""
    here = house(tmp_path, "")

    def name(scope: Any) -> None:
        scope["labeler"] = {"session": "a"}

    got = here.call(Scripted(name, *answer(chat())), path=PATH)
    assert AGAIN not in said(got.body)
    assert here.outcome.notes == ()


def test_redis_away_gives_the_reminder(tmp_path: Path, clock: list[float]) -> None:
    """And says so in the outcome."""
    pytest.importorskip("redis")
    talk = Talk(house(tmp_path, "sessions: {header: X-Session, store: 'redis://127.0.0.1:1/0'}\n"), clock)
    assert talk.after(0)
    assert any(note.startswith("sessions: redis away") for note in talk.here.outcome.notes)


def test_a_program_counts_its_own_sessions(tmp_path: Path) -> None:
    """The library says the reminder where the caller says that it is due."""
    labeler = house(tmp_path).labeler
    plain = labeler.text("Hi", scenarios="friend").content
    reminded = labeler.text("Hi", scenarios="friend", due=["friend"]).content
    assert AGAIN not in plain
    assert reminded.startswith(f"【AI生成】\n\n{AGAIN}\n\nHi")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("sessions: {header: a, cookie: b}", "sessions"),
        ("sessions: {store: 'mysql://x'}", "sessions.store"),
        ("sessions: {idle: soon}", "sessions.idle"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, field: str) -> None:
    """In labeler.yaml, when it is loaded."""
    (tmp_path / "labeler.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        Labeler.load(tmp_path / "labeler.yaml")
    assert [one.field for one in caught.value.problems] == [field]


def test_nothing_is_asked_where_nobody_reminds(tmp_path: Path, clock: list[float]) -> None:
    """The session of a scenario without reminders is not looked up, so a store that is away does no harm."""
    here = house(tmp_path, "sessions: {header: X-Session, store: 'redis://127.0.0.1:1/0'}\n")
    here.call(Scripted(*answer(chat())), headers=JSON | {"x-session": "a"})
    assert here.outcome.notes == ()


def test_two_workers_share_a_session_in_redis(tmp_path: Path, clock: list[float]) -> None:
    """What one worker has counted the other one knows; the reminder is said once."""

    async def friend(request: Request) -> Response:
        return Response(chat(), media_type="application/json")

    app = Starlette(routes=[Route(PATH, friend, methods=["POST"])])
    said_by: list[bool] = []
    with redis_server() as server:
        config = f"sessions: {{header: X-Session, store: '{server.unix}'}}\n"
        workers = [LabelMiddleware(app, labeler=house(tmp_path, config).labeler) for _ in range(2)]
        with serve(workers[0]) as one, serve(workers[1]) as other:
            for url in [one, other] * 4:
                clock[0] += 20 * 60
                got = httpx2.post(url + PATH, content=ask(), headers=JSON | {"x-session": "a"})
                said_by.append(AGAIN in said(got.content))
    assert said_by == [False] * 6 + [True, False]
