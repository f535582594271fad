"""Companion services: users are reminded that it is a machine, after every so much continuous use."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeler import Labeler, LabelMiddleware, PolicyError
from labeler.cli import main
from labeler.gateway.app import gateway
from tests.asgi_tools import (
    JSON,
    Headers,
    Scripted,
    Service,
    answer,
    ask,
    call,
    chat,
    event,
    part,
    said,
    service,
    start,
)
from tests.redis_server import redis_server
from tests.servers import serve

AGAIN = "您正在与人工智能服务互动，而非自然人"
SAME = {"every": "2h", "words": {"zh": AGAIN, "en": "You are talking to an AI, not a person."}}
"""Reminds in the same words whenever it is due."""
COMPANION = {
    "id": "friend",
    "version": "1",
    "title": "t",
    "match": {"route": "/friend/**"},
    "examples": [{"ask": "x", "route": "/friend/chat/completions", "scenarios": ["friend"]}],
}
AI = "您正在与人工智能服务互动"
COUNTED = {
    "every": "2h",
    "first": {"zh": AI, "en": "This is an AI, not a person."},
    "words": {
        "zh": f"{AI}；您已连续使用{{hours}}小时",
        "en": "This is an AI. You have been here for {hours} h.",
    },
}
PATH = "/friend/chat/completions"
HEADER = "sessions: {header: X-Session, idle: 30min}\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, which the test moves."""
    now = [1_800_000_000.0]
    monkeypatch.setattr("labeler.reminders.time.time", lambda: now[0])
    return now


def house(folder: Path, sessions: str = HEADER, remind: Mapping[str, Any] = SAME) -> Service:
    companion = COMPANION | {"remind": remind}
    (folder / "friend.yaml").write_text(json.dumps(companion), encoding="utf-8")
    return service(folder, f"policies: [general, ./friend.yaml]\n{sessions}")


class Talk:
    """One session with one service."""

    def __init__(self, here: Service, clock: list[float]) -> None:
        self._app, self._clock = here.before(Scripted(*answer(chat()))), clock
        self.here = here

    def after(self, minutes: float, headers: Headers | None = None, **body: Any) -> bool:
        """Whether an answer reminds, so many minutes after the last one."""
        return AGAIN in self.told(minutes, headers, **body)

    def told(self, minutes: float, headers: Headers | None = None, **body: Any) -> str:
        """What stands between marker and answer."""
        self._clock[0] += minutes * 60
        own = {"x-session": "a"} if headers is None else headers
        pairs = own.items() if isinstance(own, Mapping) else own
        got = call(self._app, ask(**body), PATH, headers=[*JSON.items(), *pairs])
        return said(got.body).partition("\n\n")[2].rpartition("Hello")[0].strip()


def test_a_reminder_comes_after_every_two_hours_of_use(tmp_path: Path, clock: list[float]) -> None:
    """Not before, once, and again after two further hours."""
    talk = Talk(house(tmp_path), clock)
    assert [talk.after(20) for _ in range(14)] == [False] * 6 + [True] + [False] * 5 + [True] + [False]


TOOL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]}
MUTE = {
    "an error": Scripted(*answer(b'{"error": {"message": "slow down"}}', JSON, 429)),
    "a tool call": Scripted(*answer(json.dumps({"choices": [{"index": 0, "message": TOOL}]}).encode())),
    "JSON": Scripted(*answer(chat("{}"))),
}


@pytest.mark.parametrize("kind", MUTE)
def test_what_an_answer_cannot_say_the_next_one_says(tmp_path: Path, clock: list[float], kind: str) -> None:
    """Neither the beginning nor a reminder is used up by an answer without text."""
    here = house(tmp_path, remind=COUNTED)
    talk, mute = Talk(here, clock), here.before(MUTE[kind])
    told = []
    for minutes in (0, 1, 29, 30, 30, 30, 1, 1):
        if minutes in (0, 30):
            clock[0] += minutes * 60
            call(mute, ask(), PATH, headers=JSON | {"x-session": "a"})
        else:
            told.append(talk.told(minutes))
    assert told == [AI, "", f"{AI}；您已连续使用2小时", ""]


ENDS = {
    "a tool call": Scripted(
        *answer(json.dumps({"choices": [{"index": 0, "message": {**TOOL, "content": "Hm"}}]}).encode())
    ),
    "the upstream breaks off": Scripted(
        start(headers={"content-type": "text/event-stream"}), part(event("Hm")), ConnectionError("gone")
    ),
}


@pytest.mark.parametrize("kind", ENDS)
def test_what_was_to_stand_behind_an_answer_the_next_one_says(
    tmp_path: Path, clock: list[float], kind: str
) -> None:
    """An answer whose end has no place for it has a marker, but did not remind."""
    here = house(tmp_path, remind=COUNTED | {"place": "end"})
    full, cut = here.before(Scripted(*answer(chat()))), here.before(ENDS[kind])
    steps = [(0, cut), (1, full), (30, full), (30, full), (30, full), (30, cut), (1, full), (1, full)]
    told = []
    for minutes, app in steps:
        clock[0] += minutes * 60
        got = call(app, ask(), PATH, headers=JSON | {"x-session": "a"})
        last = said(got.body).rpartition("\n\n")[2]
        told.append(last if AI in last else "")
    assert told == ["", AI, "", "", "", "", f"{AI}；您已连续使用2小时", ""]


def test_a_session_begins_with_the_first_words_and_hours_are_those_that_were_counted(
    tmp_path: Path, clock: list[float]
) -> None:
    """That it is an AI and no person at the beginning, then with the hours, 2, 4 and so on; a new session has
    a beginning again."""
    talk = Talk(house(tmp_path, remind=COUNTED), clock)
    told = [talk.told(30) for _ in range(10)]
    two, four = (f"{AI}；您已连续使用{hours}小时" for hours in (2, 4))
    assert told == [AI, "", "", "", two, "", "", "", four, ""]
    assert talk.told(31) == AI


@pytest.mark.parametrize(("every", "hours"), [("1h", ["1", "2", "3"]), ("90min", ["1.5", "3", "4.5"])])
def test_hours_are_right_whatever_the_period(
    tmp_path: Path, clock: list[float], every: str, hours: list[str]
) -> None:
    """A house may remind more often, in any language."""
    talk = Talk(house(tmp_path, remind=COUNTED | {"every": every}), clock)
    told = [talk.told(15, messages=[{"role": "user", "content": "How are you?"}]) for _ in range(19)]
    assert [one for one in told if "been here" in one][: len(hours)] == [
        f"This is an AI. You have been here for {one} h." for one in hours
    ]


@pytest.mark.parametrize(
    "sessions", ["", HEADER, "sessions: {header: X-Session, store: 'redis://127.0.0.1:1/0'}\n"]
)
def test_nobody_is_told_hours_that_nobody_counted(
    tmp_path: Path, clock: list[float], sessions: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a session, and while Redis is away, every answer says that this is an AI, and no more."""
    pytest.importorskip("redis")
    talk = Talk(house(tmp_path, sessions, COUNTED), clock)
    headers = {"x-session": "a"} if "redis" in sessions else {"x-other": "1"}
    assert [talk.told(60, headers) for _ in range(4)] == 4 * [AI]
    call(talk.here.before(MUTE["JSON"]), ask(), PATH, headers=JSON | headers)
    assert not [one for one in caplog.messages if "was not said is lost" in one]


def test_a_service_that_cannot_count_is_warned_once(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """When such an answer is given first; a request that names no session where others do is no mistake of
    the service's."""
    for sessions in ("", HEADER):
        talk = Talk(house(tmp_path, sessions, COUNTED), clock)
        for _ in range(2):
            talk.told(1, {"x-other": "1"})
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        "friend reminds, but nothing names a session, so nobody counts hours"
    )


def test_reminders_with_hours_leave_a_conversation(tmp_path: Path, clock: list[float]) -> None:
    """Our own words in an earlier answer do not reach the model, whatever hours they told."""
    here = house(tmp_path, remind=COUNTED)
    app = Scripted(*answer(chat()))
    earlier = f"【AI生成】\n\n{AI}；您已连续使用12小时\n\nHello"
    turns = [{"role": "assistant", "content": earlier}, {"role": "user", "content": "嗯"}]
    here.call(app, ask(messages=turns), PATH)
    assert json.loads(app.request)["messages"][0]["content"] == "Hello"


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


def test_nobody_else_can_name_a_tenants_session(tmp_path: Path, clock: list[float]) -> None:
    """Whatever a client without a key writes there, the tenant's own reminder comes, and comes to the tenant."""
    tenant = f"tenants: [{{name: acme, keys: [{hashlib.sha256(b'key').hexdigest()}]}}]\n"
    talk = Talk(house(tmp_path, f"sessions: {{field: metadata.session}}\n{tenant}"), clock)
    acme = {"authorization": "Bearer key"}
    assert not any(talk.after(20, acme, metadata={"session": "S1"}) for _ in range(6))
    for name in ("acme\nS1", '["acme", "S1"]', '"S1"', "S1"):
        assert not talk.after(20 if name == "acme\nS1" else 0, {}, metadata={"session": name})
    assert talk.after(0, acme, metadata={"session": "S1"})


@pytest.mark.parametrize(
    ("sessions", "headers", "body"),
    [
        ("cookie: sid", {"cookie": "x=1; sid=a"}, {}),
        ("cookie: sid", [("cookie", "x=1"), ("cookie", "sid=a"), ("cookie", "y=2")], {}),
        ("cookie: sid", {"cookie": 'foo[bar]=1; prefs={"a":1}; sid="a"; flag'}, {}),
        ("field: metadata.session", {}, {"metadata": {"session": "a"}}),
    ],
)
def test_a_session_may_be_named_by_a_cookie_or_a_field(
    tmp_path: Path, clock: list[float], sessions: str, headers: Headers, body: dict[str, Any]
) -> None:
    """Whatever the service has, and however HTTP/2 splits it."""
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
    ("due", "says"),
    [("friend", AI), (["friend"], AI), ({"friend": 0}, AI), ({"friend": 3}, f"{AI}；您已连续使用6小时")],
)
def test_a_program_says_what_it_has_counted(tmp_path: Path, due: Any, says: str) -> None:
    """How often `every` fits; without that no hours are told."""
    labeler = house(tmp_path, remind=COUNTED).labeler
    assert labeler.text("嗨", scenarios="friend", due=due).content.startswith(f"【AI生成】\n\n{says}\n\n嗨")


@pytest.mark.parametrize(
    ("field", "changes"),
    [("remind.words", {"first": None}), ("remind.first", {"first": f"{AI}：{{hours}}"})],
)
def test_hours_have_no_place_where_nobody_counts(tmp_path: Path, field: str, changes: dict[str, Any]) -> None:
    """A policy whose words would claim them there is refused."""
    with pytest.raises(PolicyError) as caught:
        house(tmp_path, remind=COUNTED | changes)
    assert [(one.field, "`{hours}` is not known" in one.message) for one in caught.value.problems] == [
        (field, True)
    ]


@pytest.mark.parametrize(
    ("settings", "warns"),
    [
        ("policies: [general, companion]", True),
        ("policies: [shipped]\nroutes: [{path: /v1/**, scenarios: [companion]}]", True),
        ("policies: [shipped]\nmodels: [{name: luna, scenarios: [companion]}]", True),
        ("policies: [general, companion]\nsessions: {cookie: sid}", False),
        ("policies: [shipped]", False),
        ("", False),
    ],
)
def test_reminders_without_sessions_are_warned_of(
    tmp_path: Path,
    settings: str,
    warns: bool,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By `policy check` and at the start of the gateway, where the house has chosen the policy; that it is
    one of all that are shipped says nothing."""
    config = tmp_path / "labeler.yaml"
    config.write_text(settings, encoding="utf-8")
    assert main(["policy", "check", "--config", str(config)]) == 0
    gateway(Labeler.load(config), "http://127.0.0.1:1")
    told = capsys.readouterr().err, "\n".join(caplog.messages)
    assert [
        bool(re.search(r"companion\.yaml:\d+:\d+: remind: nothing names a session", one)) for one in told
    ] == 2 * [warns]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("sessions: {header: a, cookie: b}", "sessions"),
        ("sessions: {store: 'mysql://x'}", "sessions.store"),
        ("sessions: {idle: soon}", "sessions.idle"),
        ("sessions: {header: 'X-Session-Id:'}", "sessions.header"),
        ("sessions: {field: metadata..s}", "sessions.field"),
        ("sessions: {field: metadata.s.}", "sessions.field"),
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
    """What one worker has counted the other one knows; the beginning and the reminder are said once."""

    async def friend(request: Request) -> Response:
        return Response(chat(), media_type="application/json")

    app = Starlette(routes=[Route(PATH, friend, methods=["POST"])])
    told: list[str] = []
    with redis_server() as server:
        config = f"sessions: {{header: X-Session, store: '{server.unix}'}}\n"
        workers = [LabelMiddleware(app, labeler=house(tmp_path, config, COUNTED).labeler) for _ in range(2)]
        with serve(workers[0]) as one, serve(workers[1]) as other:
            for url in [one, other] * 4:
                clock[0] += 20 * 60
                got = httpx2.post(url + PATH, content=ask(), headers=JSON | {"x-session": "a"})
                told.append(said(got.content).partition("\n\n")[2].rpartition("Hello")[0].strip())
    assert told == [AI, *5 * [""], f"{AI}；您已连续使用2小时", ""]
