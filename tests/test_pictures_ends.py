"""How streams with pictures end: withheld, broken off, left by the client, cancelled."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler import BlockedError, undo
from tests.asgi_tools import (
    CHAT,
    DONE,
    EVENTS,
    Got,
    Message,
    Scripted,
    Service,
    acall,
    event,
    part,
    scope_of,
    start,
)
from tests.picture_tools import (
    ASKED,
    END,
    GENERATIONS,
    PING,
    TORN,
    URL,
    ask_for,
    b64,
    documents,
    file,
    image_event,
    is_labelled,
    pictured,
    slow,
    text_of,
    unb64,
    with_images,
)
from tests.wire import chunk


@pytest.fixture
def one(tmp_path: Path) -> Service:
    """A service with a provider that withholds what it cannot label."""
    return pictured(tmp_path)


@pytest.mark.parametrize("path", [GENERATIONS, CHAT])
def test_a_picture_that_has_to_be_withheld(one: Service, path: str) -> None:
    """Under `block` the stream breaks off with an error event; neither the picture nor what stood behind
    it leaves, and the app gets to know."""
    torn = image_event("completed", file("png")[:300]) if path == GENERATIONS else with_images(TORN)
    before = image_event("partial_image", file("gif")) if path == GENERATIONS else chunk({"content": "Hi"})
    got = ask_for(one, before, torn, PING, before, before, END, path=path)
    assert isinstance(got.error, BlockedError)
    assert "the PNG ends inside" in str(got.error)
    assert not got.complete
    assert b64(file("png")[:300]).encode() not in got.body
    *_, error = documents(got.body)
    assert error["error"]["code"] == "label_failed"
    assert one.outcome.state == "failed"
    assert [picture.state for picture in one.outcome.pictures][-1] == "failed"


def test_a_picture_that_may_pass(tmp_path: Path) -> None:
    """Under `pass` the picture leaves as it came, all else labelled, and the outcome is a failure."""
    one = pictured(tmp_path, on_failure="pass")
    torn = image_event("partial_image", file("png")[:300])
    good = image_event("completed", file("png"))
    got = ask_for(one, torn, good, END)
    assert got.complete
    assert got.body.startswith(torn)
    assert is_labelled(unb64(documents(got.body)[1]["b64_json"]))
    assert [picture.state for picture in one.outcome.pictures] == ["failed", "applied"]
    assert one.outcome.state == "failed"


@pytest.mark.parametrize("ending", [[OSError("gone")], []], ids=["raises", "returns"])
def test_an_app_that_ends_while_a_picture_is_away(one: Service, ending: list[Any]) -> None:
    """What came before the break leaves labelled; the response does not look complete."""
    got = ask_for(one, image_event("partial_image", slow()), PING, b"data: {", *ending)
    assert [repr(got.error)] == [repr(error) for error in ending or [None]]
    assert not got.complete
    (doc,) = documents(got.body.removesuffix(b"data: {"))
    assert is_labelled(unb64(doc["b64_json"]))
    assert [outcome.state for outcome in one.outcomes] == ["applied"]


def test_an_app_that_ends_within_a_picture(one: Service) -> None:
    """Half a picture in a text is none: under `block` no byte of it leaves."""
    got = ask_for(one, chunk({"content": "See "}), chunk({"content": URL[:500]}), OSError("gone"), path=CHAT)
    assert str(got.error) == "gone"
    assert b"data:image/png;base64," not in got.body
    assert one.outcome.state == "failed"


def test_a_client_that_leaves(one: Service) -> None:
    """A server that can send no more: the app hears of it, the response has its one outcome, and what
    nobody waits for is not worked on."""

    async def run() -> tuple[Got, list[Message], int]:
        sent: list[Message] = []

        async def gone(message: Message) -> None:
            sent.append(message)
            if message.get("body"):
                raise OSError("the client left")  # noqa: EM101

        pictures = [part(image_event("completed", data)) for data in (file("png"), *[slow()] * 3)]
        app = Scripted(start(200, EVENTS), *pictures, END)
        got = await acall(one.before(app), scope_of(GENERATIONS), ASKED, gone)
        await asyncio.sleep(0)
        return got, sent, len(asyncio.all_tasks())

    got, sent, tasks = asyncio.run(run())
    assert isinstance(got.error, OSError)
    assert (len(sent), tasks) == (2, 1)
    assert len(one.outcomes) == 1


def test_a_request_that_is_cancelled(one: Service) -> None:
    """A server that cancels the call while a picture is away: nothing leaves any more, one outcome."""

    async def run() -> list[Message]:
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        async def waits(scope: Any, receive: Any, send: Any) -> None:
            await Scripted(start(200, EVENTS), part(image_event("completed", slow())))(scope, receive, send)
            await asyncio.Event().wait()

        task = asyncio.create_task(acall(one.before(waits), scope_of(GENERATIONS), ASKED, keep))
        while not sent:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.5)  # the thread ends its picture
        return sent

    assert [message["type"] for message in asyncio.run(run())] == ["http.response.start"]
    assert len(one.outcomes) == 1


@pytest.mark.parametrize("late", [[], [DONE], [event(None, "stop"), DONE]])
def test_an_error_behind_a_picture_loses_nothing(one: Service, late: list[bytes]) -> None:
    """A usage chunk and the upstream's error while a picture is away: all that was held leaves behind it."""
    usage = b'data: {"choices":[],"usage":{"total_tokens":1}}\n\n'
    error = b'data: {"error":{"message":"overloaded"}}\n\n'
    stream = [event("Look"), with_images(URL), event(""), usage, error, PING, *late]
    got = ask_for(one, *stream, END, path=CHAT)
    assert got.complete
    assert error in got.body
    assert undo(got.body, one.outcome.edits) == b"".join(stream)
    assert [picture.state for picture in one.outcome.pictures] == ["applied"]


def test_pictures_behind_the_end_of_an_answer(one: Service) -> None:
    """An upstream that goes on after its error, or after the end: pictures are labelled there, too."""
    data = b64(file("jpeg grey"))
    pieces = [event(piece) for piece in ("See ![x](data:image/j", "peg;base64,", data[:500], data[500:], ")")]
    for ending in (event(None, "stop"), b'data: {"error":{"message":"overloaded"}}\n\n'):
        got = ask_for(one, event("Hi"), ending, *pieces, DONE, END, path=CHAT)
        text = text_of(documents(got.body))
        assert is_labelled(unb64(text.partition("base64,")[2].partition(")")[0]))


STEPS = {
    "good": image_event("partial_image", file("jpeg grey")),
    "large": image_event("partial_image", file("png animated")),
    "torn": image_event("partial_image", file("png")[:300]),
    "url": b'data: {"type":"image_generation.partial_image","url":"https://pictures.example/1"}\n\n',
    "ping": PING,
    "nonsense": b'data: {"type":\n\n',
}
"""What an upstream may send next in a stream of pictures."""
ENDINGS: dict[str, list[Any]] = {"ends": [END], "raises": [OSError("gone")], "stops": []}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([*STEPS]), max_size=7),
    st.sampled_from([*ENDINGS]),
    st.sampled_from(["block", "pass"]),
    st.booleans(),
)
def test_whatever_comes_nothing_leaves_unlabelled(
    tmp_path: Path, steps: list[str], ending: str, word: str, together: bool
) -> None:
    """Any stream, any end: one outcome, messages one at a time, every sound picture labelled, and under
    `block` no other one; a response that is complete was ended by the app and has all its pictures."""
    one = pictured(tmp_path, on_failure=word)
    pieces = [STEPS[step] for step in steps]
    inside = 0

    async def slowly(message: Message) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0.002)
        inside -= 1

    parts = map(part, [b"".join(pieces)] if together else pieces)
    app = Scripted(start(200, EVENTS), *parts, *ENDINGS[ending])
    got = asyncio.run(acall(one.before(app), scope_of(GENERATIONS), ASKED, slowly))
    assert not isinstance(got.error, AssertionError)
    outcome = one.outcome
    docs = documents(got.body.replace(STEPS["nonsense"], b""))
    left = [unb64(doc["b64_json"]) for doc in docs if "b64_json" in doc]
    sound = [data for data in left if data != file("png")[:300]]
    if word == "block" or "nonsense" not in steps:  # under `pass`, nothing behind it is looked at
        assert all(is_labelled(data) for data in sound)
    if word == "block":
        assert len(sound) == len(left)
        assert got.complete == (ending == "ends" and not {"torn", "nonsense"} & {*steps})
    if got.complete:
        assert ending == "ends"
        assert undo(got.body, outcome.edits) == b"".join(pieces)
    if got.complete and {"torn", "nonsense"} & {*steps}:
        assert outcome.state in ("failed", "degraded")


SMALL, TORN_DATA = b64(file("jpeg grey")), b64(file("png")[:300])


@st.composite
def talks(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """A chat stream, event by event, and the same in chunks that are cut anywhere."""
    events: list[bytes] = []
    for kind in draw(st.lists(st.sampled_from(("words", "url", "beside", "torn", "other")), max_size=5)):
        if kind == "words":
            events.append(event(draw(st.sampled_from(WORDS))))
        elif kind == "other":
            events.append(draw(st.sampled_from(OTHERS)))
        elif kind == "beside":
            events.append(with_images(f"data:image/jpeg;base64,{SMALL}"))
        else:
            text = f"![x](data:image/jpeg;base64,{SMALL if kind == 'url' else TORN_DATA}) "
            step = draw(st.integers(10, len(text)))
            events += [event(text[at : at + step]) for at in range(0, len(text), step)]
    events += draw(st.sampled_from(([], [DONE], [event(None, "stop"), DONE])))
    stream = b"".join(events)
    places = draw(st.lists(st.integers(0, len(stream)), max_size=9))
    cuts = [0, *sorted(places), len(stream)]
    return events, [stream[a:b] for a, b in pairwise(cuts) if a < b]


WORDS = (
    "Hi ",
    "",
    "x,y",
    "data:image/png;base64,",
    "data:image",
    "![a](",
    "{",
    "AAAA",
    "<think>",
    "</think>",
)
OTHERS = (
    PING,
    chunk({"role": "assistant"}),
    b'data: {"choices":[],"usage":{"total_tokens":1}}\n\n',
    b'data: {"error":{"message":"overloaded"}}\n\n',
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(talks(), st.booleans(), st.sampled_from([*ENDINGS]))
def test_whatever_a_chat_says_no_picture_leaves_unlabelled(
    one: Service, talk: tuple[list[bytes], list[bytes]], whole: bool, ending: str
) -> None:
    """Under `block`: no picture of the upstream's is in what the client got, a response that is complete
    lost nothing, and each has one outcome."""
    one.outcomes.clear()
    events, chunks = talk
    got = ask_for(one, *(events if whole else chunks), *ENDINGS[ending], path=CHAT)
    assert got.error is None or isinstance(got.error, BlockedError | OSError)
    text = text_of(documents(got.body))
    assert SMALL.encode() not in got.body
    assert SMALL not in text
    assert TORN_DATA not in text
    if got.complete:
        assert ending == "ends"
        assert undo(got.body, one.outcome.edits) == b"".join(events)
    assert len(one.outcomes) == 1
