"""Webhooks: users who ask for a person, and answers that are held for a review."""

from __future__ import annotations

import json
import queue
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from labeler import LabelMiddleware, PolicyError
from labeler.policy.guard import any_of
from tests.asgi_tools import Scripted, Service, answer, ask, chat, events, said, service
from tests.servers import serve

HUMAN = "如需人工服务请输入「转人工」"
SAFE = "内容正在人工审核，编号{number}"
DOSE = "请服用阿莫西林0.5g，每日三次。"


class Desk:
    """A house's own system that is told."""

    def __init__(self) -> None:
        self.told: queue.Queue[dict[str, Any]] = queue.Queue()

    async def take(self, request: Request) -> Response:
        self.told.put({"path": request.url.path, "headers": dict(request.headers), **await request.json()})
        return Response(status_code=204)

    def next(self) -> dict[str, Any]:
        return self.told.get(timeout=5)


@contextmanager
def desk() -> Iterator[tuple[Desk, str]]:
    here = Desk()
    with serve(Starlette(routes=[Route("/{rest:path}", here.take, methods=["POST"])])) as url:
        yield here, url


def house(folder: Path, url: str, config: str = "") -> Service:
    extra = {
        "id": "desk",
        "version": "1",
        "title": "t",
        "match": {"route": "/desk/**"},
        "handoff": {"words": HUMAN, "asks": ["转人工", "human agent"], "webhook": f"{url}/handoff"},
        "guards": {
            "dose": {
                "find": [{"words": ["阿莫西林"]}, {"pattern": "每日"}],
                "action": "hold",
                "words": SAFE,
            }
        },
        "examples": [{"ask": "x", "route": "/desk/chat/completions", "scenarios": ["desk"]}],
    }
    (folder / "desk.yaml").write_text(json.dumps(extra), encoding="utf-8")
    return service(
        folder, f"policies: [general, ./desk.yaml]\nnotices: {{review: '{url}/review', secret: s}}\n{config}"
    )


PATH = "/desk/chat/completions"


def test_the_way_to_a_person_is_said_in_every_answer(tmp_path: Path) -> None:
    """At the end, like a disclaimer."""
    with desk() as (told, url):
        got = house(tmp_path, url).call(Scripted(*answer(chat())), ask("你好"), path=PATH)
        assert said(got.body).endswith(HUMAN)
        assert told.told.empty()


@pytest.mark.parametrize("question", ["请帮我转人工", "A HUMAN AGENT please", "我要轉人工"])
def test_a_user_who_asks_for_a_person_is_told_about(tmp_path: Path, question: str) -> None:
    """With what the desk needs to find the conversation; signed."""
    with desk() as (told, url):
        here = house(tmp_path, url)
        here.call(Scripted(*answer(chat())), ask(question), path=PATH)
        notice = told.next()
        here.labeler.close()
    assert notice["path"] == "/handoff"
    assert notice["event"] == "handoff"
    assert notice["question"] == question
    assert notice["number"] == here.outcome.number
    assert notice["policy"] == "desk"
    assert notice["headers"]["labeler-signature"].startswith("sha256=")


def test_a_word_stands_alone_where_it_is_latin(tmp_path: Path) -> None:
    """What holds the words inside others asks for nobody; half a character beside them is no hindrance."""
    with desk() as (told, url):
        here = house(tmp_path, url)
        for question in ("An inhuman agent?", "human agents", "human agent\ud800", "转人工"):
            here.call(Scripted(*answer(chat())), ask(question), path=PATH)
        here.labeler.close()
        assert {told.next()["question"][:5] for _ in range(2)} == {"human", "转人工"}
        assert told.told.empty()


def test_an_empty_word_is_in_no_message() -> None:
    """What is white space once it is folded asks for nobody."""
    assert any_of([" ", "\u200b"])("转人工") is None
    assert any_of([" ", "人工"])("转人工") == "人工"


@pytest.mark.parametrize("stream", [False, True])
def test_a_held_answer_goes_to_the_review(tmp_path: Path, stream: bool) -> None:
    """The client gets safe words and the reference; the reviewer gets what was generated."""
    with desk() as (told, url):
        here = house(tmp_path, url)
        if stream:
            app = Scripted(*answer(events("好的。", DOSE, "多喝水。"), {"content-type": "text/event-stream"}))
            got = here.call(app, ask("怎么办", stream=True), path=PATH)
        else:
            got = here.call(Scripted(*answer(chat("好的。" + DOSE))), ask("怎么办"), path=PATH)
        notice = told.next()
        here.labeler.close()
    number = here.outcome.number
    assert "阿莫西林" not in said(got.body)
    assert SAFE.replace("{number}", number) in said(got.body)
    assert (notice["event"], notice["guard"], notice["number"]) == ("held", "dose", number)
    assert notice["text"] == "好的。" + DOSE
    assert here.outcome.slots[0].guarded[0].action == "hold"


def test_a_dry_run_tells_nobody(tmp_path: Path) -> None:
    """`mode: observe` changes nothing and sends nothing."""
    with desk() as (told, url):
        here = house(tmp_path, url, "mode: observe\n")
        got = here.call(Scripted(*answer(chat("好的。" + DOSE))), ask("转人工"), path=PATH)
        here.labeler.close()
        assert told.told.empty()
    assert got.body == chat("好的。" + DOSE)


def test_a_webhook_that_is_away_does_not_stand_in_the_way(tmp_path: Path) -> None:
    """The answer leaves as if it were there."""
    here = house(tmp_path, "http://127.0.0.1:1", "")
    got = here.call(Scripted(*answer(chat())), ask("转人工"), path=PATH)
    assert got.complete
    assert said(got.body).endswith(HUMAN)


@pytest.mark.parametrize("lives", [False, True], ids=["no lifespan", "two lives"])
def test_a_person_is_told_whatever_the_apps_life(tmp_path: Path, lives: bool) -> None:
    """Behind an app that knows no lifespan, and after an app with the same labeler has ended."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            if not lives:
                raise NotImplementedError
            for _ in range(2):
                await send({"type": f"{(await receive())['type']}.complete"})
            return
        await Scripted(*answer(chat()))(scope, receive, send)

    with desk() as (told, url):
        labelled = LabelMiddleware(app, house(tmp_path, url).labeler)
        for _ in range(1 + lives):
            with serve(labelled) as base:
                request = urllib.request.Request(
                    base + PATH, ask("转人工"), {"content-type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=5) as got:
                    assert said(got.read()).endswith(HUMAN)
            assert told.next()["event"] == "handoff"


def test_a_webhook_has_to_be_a_url(tmp_path: Path) -> None:
    """Told with its place."""
    with pytest.raises(PolicyError) as caught:
        house(tmp_path, "ftp://x")
    assert {one.field for one in caught.value.problems} >= {"handoff.webhook"}
