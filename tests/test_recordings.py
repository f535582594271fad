"""Real answers of real services: what the unmodified `openai` SDK sees, and what leaves byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from labeler import Exchange, Labeler, LabelMiddleware, Outcome, undo
from labeler.request import Request
from tests.recordings import Recording, cuts, needs_recordings, recordings
from tests.servers import serve

pytestmark = needs_recordings
FOUND = recordings("openai-chat", "openai-legacy")
MARKS = ("【AI生成】\n\n", "【AI生成】 AI-generated\n\n")


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return []


@pytest.fixture(scope="module")
def server(outcomes: list[Outcome]) -> Iterator[str]:
    """`/plain/<n>/v1/…` replays a recording, `/labelled/<n>/v1/…` does so behind the middleware."""

    async def replay(request: HttpRequest) -> Response:
        one = FOUND[request.path_params["n"]]
        if not one.stream:
            return Response(one.body, media_type=one.content_type)

        async def pieces() -> Any:
            for piece in cuts(one.body, seed=request.path_params["n"])[2]:
                yield piece

        return StreamingResponse(pieces(), headers={"content-type": one.content_type})

    routes = [
        Route(f"/{kind}/{{n:int}}/v1/{api}", replay, methods=["POST"])
        for kind in ("plain", "labelled")
        for api in ("chat/completions", "completions")
    ]
    plain = Starlette(routes=routes)
    labelled = LabelMiddleware(plain, Labeler.load(on_outcome=outcomes.append))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        chosen = labelled if scope["type"] == "http" and scope["path"].startswith("/labelled/") else plain
        await chosen(scope, receive, send)

    with serve(app) as url:
        yield url


def seen(base: str, one: Recording, *, helper: bool = False) -> dict[str, Any]:
    """What the SDK makes of a recording: the texts, everything else, and the error that it raises."""
    client = openai.OpenAI(base_url=base, api_key="k", max_retries=0, timeout=20)
    request = {"model": "m", **one.request}
    try:
        with client:
            if one.dialect == "openai-legacy":
                request.setdefault("prompt", "")
                return _legacy(client, one, request)
            request.setdefault("messages", [])
            return _helper(client, request) if helper else _chat(client, one, request)
    except (openai.OpenAIError, TypeError, IndexError, AttributeError, AssertionError, ValueError) as error:
        return {"error": type(error).__name__, "texts": {}, "rest": []}


def _chat(client: openai.OpenAI, one: Recording, request: dict[str, Any]) -> dict[str, Any]:
    fixed = {"model": request.pop("model"), "messages": request.pop("messages")}
    request.pop("stream", None)
    if not one.stream:
        answer = client.chat.completions.create(**fixed, extra_body=request)
        rest = answer.to_dict(warnings=False)
        texts = {}
        for choice in rest["choices"]:
            content = choice["message"].pop("content", None)
            texts[choice["index"]], choice["message"]["others"] = visible(content)
            choice["message"].pop("annotations", None)
        return {"error": "", "texts": texts, "rest": [rest]}
    texts, others = {}, []
    for chunk in client.chat.completions.create(**fixed, stream=True, extra_body=request):
        rest = chunk.to_dict(warnings=False)
        injected = True
        for choice in rest.get("choices") or []:
            delta = choice.get("delta") or {}
            text, parts = visible(delta.pop("content", None))
            texts[choice["index"]] = (texts.get(choice["index"]) or "") + (text or "")
            if parts:
                delta["others"] = parts
            injected = injected and bool(text) and not delta and not choice.get("finish_reason")
        if not (injected and rest.get("choices")):
            others.append(rest)
    return {"error": "", "texts": texts, "rest": others}


def visible(content: Any) -> tuple[str | None, list[Any]]:
    """The visible text of a message's content, and its parts that are none (Mistral's lists)."""
    if not isinstance(content, list):
        return content, []
    text = "".join(part["text"] for part in content if part.get("type") == "text")
    return text, [part for part in content if part.get("type") != "text"]


def _helper(client: openai.OpenAI, request: dict[str, Any]) -> dict[str, Any]:
    """The SDK's strict accumulator, which builds the message from the events."""
    fixed = {"model": request["model"], "messages": request["messages"]}
    with client.chat.completions.stream(**fixed) as stream:
        final = stream.get_final_completion()
    texts = {choice.index: choice.message.content or "" for choice in final.choices}
    tools = [
        [call.to_dict(warnings=False) for call in choice.message.tool_calls or []] for choice in final.choices
    ]
    return {
        "error": "",
        "texts": texts,
        "rest": [tools, final.usage.to_dict(warnings=False) if final.usage else None],
    }


def _legacy(client: openai.OpenAI, one: Recording, request: dict[str, Any]) -> dict[str, Any]:
    fixed = {"model": request.pop("model"), "prompt": request.pop("prompt")}
    request.pop("stream", None)
    texts: dict[int, str] = {}
    if not one.stream:
        answer = client.completions.create(**fixed, extra_body=request)
        return {"error": "", "texts": {c.index: c.text for c in answer.choices}, "rest": [answer.usage]}
    for chunk in client.completions.create(**fixed, stream=True, extra_body=request):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
    return {"error": "", "texts": texts, "rest": []}


def untouched(one: Recording, text: str) -> bool:
    """Whether the rules forbid to put words into this text (see docs/wire.md)."""
    request = one.request
    if not text or not text.strip():
        return True
    if (request.get("response_format") or {}).get("type", "text") != "text":
        return True
    if isinstance(request.get("tool_choice"), dict) or request.get("tool_choice") in ("required", "any"):
        return True
    messages = request.get("messages") or []
    if messages and messages[-1].get("role") == "assistant":
        return True
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def check_text(one: Recording, before: str, after: str, *, tool: bool) -> None:
    """Marker, the original text, disclaimer; or the exact original where the rules forbid."""
    if untouched(one, before):
        assert after == before
        return
    head, think, visible = "", "", before
    if before.lstrip().startswith("<think>"):
        head, think, visible = before.partition("</think>")
        if not visible.strip():
            assert after == before
            return
    assert after.startswith(head + think)
    rest = after[len(head + think) :].lstrip() if think else after
    mark = next(mark for mark in MARKS if rest.startswith(mark))
    rest = rest[len(mark) :]
    text = visible.lstrip() if think else visible
    assert rest.startswith(text)
    tail = rest[len(text) :]
    if tool:
        assert tail == ""
    else:
        assert "AI" in tail
        assert tail.lstrip("`~ ").startswith("\n") or tail == ""


@pytest.mark.parametrize("n", range(len(FOUND)), ids=[one.name for one in FOUND])
def test_the_sdk_sees_marker_text_and_disclaimer(server: str, n: int) -> None:
    """The SDK raises nothing new, shows marker + original + disclaimer, and the rest as it was."""
    one = FOUND[n]
    before = seen(f"{server}/plain/{n}/v1", one)
    after = seen(f"{server}/labelled/{n}/v1", one)
    assert after["error"] == before["error"]
    assert after["rest"] == before["rest"]
    assert after["texts"].keys() == before["texts"].keys()
    tool = b'"tool_calls":[' in one.body.replace(b" ", b"").replace(b'"tool_calls":[]', b"")
    for index, text in before["texts"].items():
        if isinstance(text, str):
            check_text(one, text, after["texts"][index], tool=tool and after["texts"][index].endswith(text))


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the SDK's own, on the originals too
@pytest.mark.parametrize(
    "n",
    [n for n, one in enumerate(FOUND) if one.stream and one.dialect == "openai-chat"],
    ids=lambda n: FOUND[n].name,
)
def test_the_sdk_accumulator_agrees(server: str, n: int) -> None:
    """The SDK's own accumulator of streams raises nothing new and keeps tool calls and usage."""
    one = FOUND[n]
    before = seen(f"{server}/plain/{n}/v1", one, helper=True)
    after = seen(f"{server}/labelled/{n}/v1", one, helper=True)
    assert after["error"] == before["error"]
    assert after["rest"] == before["rest"]
    for index, text in before["texts"].items():
        assert text in after["texts"][index]


@pytest.mark.parametrize("n", range(len(FOUND)), ids=[one.name for one in FOUND])
def test_cutting_does_not_matter_and_everything_can_be_undone(n: int) -> None:
    """However the bytes are cut the same bytes leave, undoing gives the input, and twice is once."""
    one = FOUND[n]
    labeler = Labeler.load()
    request = json.dumps(one.request).encode() if one.request else b""
    results = {tuple(labelled(labeler, one, request, pieces)) for pieces in cuts(one.body, seed=n)}
    assert len(results) == 1
    out = results.pop()[0]
    again = labelled(labeler, Recording(**{**one.__dict__, "body": out}), request, [out])
    assert again[0] == out


def exchange(read: Request | None) -> Exchange:
    if read is None:
        return Exchange()
    return Exchange(model=read.asked.model, messages=read.asked.messages)


def labelled(labeler: Labeler, one: Recording, request: bytes, pieces: list[bytes]) -> tuple[bytes]:
    """The labelled bytes of a recording that comes in pieces, undone once for a check."""
    claim = labeler.claim(
        "/v1/chat/completions" if one.dialect == "openai-chat" else "/v1/completions", "POST"
    )
    assert claim.dialect is not None
    read = labeler.request(claim, {}, request) if request else None
    known = exchange(read)
    answer = labeler.open(claim.dialect, known, read, labeler.decide(known))
    out = [answer.begin(200, [(b"content-type", one.content_type.encode())])[1]]
    out += [piece if answer.passes(piece) else answer.feed(piece)[1] for piece in pieces]
    out.append(answer.close()[1])
    body = b"".join(out)
    outcome = answer.outcome()
    assert outcome.state in ("applied", "skipped", "degraded"), outcome
    assert undo(body, outcome.edits) == b"".join(pieces)
    return (body,)
