"""Pictures in event streams through the middleware: what is labelled, in which order, and what passes meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeler import undo
from tests import wire
from tests.asgi_tools import (
    CHAT,
    DONE,
    EVENTS,
    GENERAL,
    MARK,
    Got,
    Message,
    Scripted,
    Service,
    acall,
    ask,
    chat,
    event,
    part,
    said,
    scope_of,
    start,
)
from tests.picture_tools import (
    ASKED,
    END,
    ENTRIES,
    GENERATIONS,
    HIDDEN,
    PING,
    URL,
    ask_for,
    b64,
    documents,
    file,
    image_event,
    is_labelled,
    pictured,
    record_of,
    shown,
    slow,
    text_of,
    unb64,
    with_images,
)
from tests.wire import chunk, say


@pytest.fixture
def one(tmp_path: Path) -> Service:
    """A service with a provider that withholds what it cannot label."""
    return pictured(tmp_path)


# What is labelled.


@pytest.mark.parametrize("size", [1, 50, 4096, 10**6])
def test_partial_and_final_pictures(one: Service, size: int) -> None:
    """Each picture of an images stream is labelled, in its place, whatever chunks it comes in."""
    events = [
        image_event("partial_image", file("webp"), partial_image_index=0),
        image_event("partial_image", file("jpeg"), partial_image_index=1),
        image_event("completed", file("png"), usage={"total_tokens": 3}),
    ]
    stream = b"".join(events)
    size = max(size, len(stream) // 500)
    got = ask_for(one, *[stream[at : at + size] for at in range(0, len(stream), size)], END)
    assert got.complete
    docs = documents(got.body)
    assert [doc["type"].rpartition(".")[2] for doc in docs] == ["partial_image", "partial_image", "completed"]
    assert [is_labelled(unb64(doc["b64_json"])) for doc in docs] == [True] * 3
    assert docs[2]["usage"] == {"total_tokens": 3}
    outcome = one.outcome
    assert undo(got.body, outcome.edits) == stream
    assert [picture.format for picture in outcome.pictures] == ["webp", "jpeg", "png"]
    assert [picture.number for picture in outcome.pictures] == [f"{outcome.number}-{at}" for at in range(3)]
    assert [record_of(unb64(doc["b64_json"])).produce_id for doc in docs] == [
        picture.number for picture in outcome.pictures
    ]
    assert (outcome.state, outcome.stream, outcome.dialect) == ("applied", True, "openai-images")
    assert "content-length" not in got.headers


def test_pictures_beside_a_chat_answer(one: Service) -> None:
    """`delta.images`: the pictures are labelled, and so is the text around them."""
    got = ask_for(
        one,
        *[chunk({"role": "assistant"}), chunk({"content": "Look: "}), with_images(URL, URL)],
        *[chunk({"content": "nice."}), chunk({}, "stop"), DONE, END],
        path=CHAT,
    )
    docs = documents(got.body)
    urls = [
        image["image_url"]["url"] for doc in docs for image in doc["choices"][0]["delta"].get("images", ())
    ]
    assert [is_labelled(unb64(url)) for url in urls] == [True, True]
    assert all(url.startswith("data:image/png;base64,") for url in urls)
    assert text_of(docs) == f"{MARK}Look: nice.\n\n{GENERAL}"
    assert got.body.endswith(DONE)
    assert [picture.place for picture in one.outcome.pictures] == [
        f"choices[0].delta.images[{at}].image_url.url" for at in range(2)
    ]


@pytest.mark.parametrize("name", ENTRIES)
def test_the_ways_to_write_a_picture(one: Service, name: str) -> None:
    """Beside the deltas, beside a whole message, and in an images stream."""
    entry = ENTRIES[name]
    beside = chunk({"content": "Look", "images": [entry]})
    whole = chunk({"content": "Look"}, message={"content": "Look", "images": [entry]})
    for chunks, path in (
        ([beside, chunk({}, "stop"), DONE], CHAT),
        ([whole, chunk({}, "stop"), DONE], CHAT),
        ([wire.event({"type": "image_generation.completed", "data": [entry]})], GENERATIONS),
    ):
        got = ask_for(one, *chunks, END, path=path)
        pictures = [picture for doc in documents(got.body) for picture in shown(doc)]
        assert [is_labelled(picture) for picture in pictures] == [True]
        assert undo(got.body, one.outcomes[-1].edits) == b"".join(chunks)


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("before", [[], [chunk({"content": "Look"})]])
def test_a_picture_that_nobody_can_read(one: Service, name: str, before: list[bytes]) -> None:
    """It breaks the stream off under `block`, also where the text has its marker already."""
    got = ask_for(one, *before, chunk({"images": [HIDDEN[name]]}), chunk({}, "stop"), DONE, END, path=CHAT)
    assert not got.complete
    assert shown(documents(got.body)) == []
    assert b"pictures.example" not in got.body
    assert "choices[0].delta.images[0] is no picture that can be read" in one.outcome.reason


def test_a_picture_is_all_there_is(one: Service) -> None:
    """An answer without a word has its picture labelled, and no words put beside it that need text."""
    got = ask_for(one, with_images(URL), chunk({}, "stop"), DONE, END, path=CHAT)
    (delta, _) = (doc["choices"][0]["delta"] for doc in documents(got.body))
    assert is_labelled(unb64(delta["images"][0]["image_url"]["url"]))
    assert one.outcome.state == "applied"


def test_a_picture_that_is_only_a_url_is_left(one: Service) -> None:
    """`url: leave`, the default: it passes as it came, and the outcome says so."""
    url = "https://pictures.example/cat.png"
    got = ask_for(one, with_images(url, text="Look"), chunk({}, "stop"), DONE, END, path=CHAT)
    assert url.encode() in got.body
    (picture,) = one.outcome.pictures
    assert (picture.state, picture.reason) == ("skipped", "only a URL (url: leave)")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 700), st.lists(st.integers(0, 20_000), max_size=9), st.booleans())
def test_a_data_url_in_markdown(one: Service, step: int, places: list[int], ended: bool) -> None:
    """A picture within the text is one, however deltas and chunks cut it; the text around it is labelled,
    also where the picture is the end of it."""
    text = f"See ![cat]({URL}) and {URL}{'' if ended else ' there.'}"
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    stream = b"".join([*map(event, pieces), event(None, "stop"), DONE])
    cuts = [0, *sorted(place for place in places if place < len(stream)), len(stream)]
    got = ask_for(one, *[stream[a:b] for a, b in pairwise(cuts)], END, path=CHAT)
    text_ = text_of(documents(got.body))
    assert text_.startswith(f"{MARK}See ![cat](data:image/png;base64,")
    assert text_.endswith(f"{'' if ended else ' there.'}\n\n{GENERAL}")
    first, second = text_.split("base64,")[1:]
    for found in (first.partition(")")[0], second.split(" " if not ended else "\n")[0]):
        assert is_labelled(unb64(found))
    assert undo(got.body, one.outcomes[-1].edits) == stream
    assert len(one.outcomes[-1].pictures) == 2


LONG = f";{20 * 'a'}={40 * 'b'}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["Write data:image/png;base64,... for ![x](data:im", "age/gif;base6", "4,"], [")"]),
        (["data:image/png;base64,", "AAAA) ![x](data:i", "mage/jpeg;b", "ase64,"], [")"]),
        (["<think>so ", "data:image/png;", "base64,"], [" </think>", "Hi"]),
        (["{", "data:image/png;base64", ","], ["}"]),
        (["data:image/png;charset=x;base64,"], []),
        (['<img src="DATA:IMAGE/PNG;BA', "SE64,"], ['">']),
        (["data:image/png; base64 ", ",", " ", "\n"], ["\n"]),
        (["data:image/png;base64", " " * 8, ","], []),
        (["da", "ta:image/png" + 4 * LONG + ";base64", ","], []),
        (["data:image/png;base64,", "\n", " " * 14], []),
    ],
)
def test_a_data_url_is_found_wherever_it_stands(one: Service, before: list[str], after: list[str]) -> None:
    """Right behind another one, in what a model thinks aloud, in JSON, at the end, in capitals and with
    blanks as browsers take them."""
    data = b64(file("jpeg grey"))
    got = ask_for(one, *map(event, [*before, data[:700], data[700:], *after]), DONE, END, path=CHAT)
    said_ = text_of(documents(got.body))
    assert data not in said_
    found = re.match("[A-Za-z0-9+/=]*", said_.partition("".join(before)[-20:])[2])
    assert found is not None
    assert is_labelled(unb64(found.group()))
    assert len(one.outcome.pictures) == 1


@pytest.mark.parametrize("alone", [False, True])
def test_a_text_said_once_more_has_its_pictures_labelled(one: Service, alone: bool) -> None:
    """Some servers end a stream with the whole message: a picture in it is labelled there too."""
    text = f"See ![cat]({URL}), there."
    whole = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", "index": 0}
    last = b"data: " + json.dumps({"choices": [whole]}).encode() + b"\n\n"
    pieces = [] if alone else [event(text[:90]), event(text[90:])]
    got = ask_for(one, *pieces, last, DONE, END, path=CHAT)
    (choice,) = documents(got.body)[-1]["choices"]
    said_ = choice["message"]["content"]
    assert said_.startswith(f"{MARK}See ![cat](data:image/png;base64,")
    assert is_labelled(unb64(said_.split("base64,")[1].partition(")")[0]))
    assert len(one.outcome.pictures) == (1 if alone else 2)
    assert undo(got.body, one.outcome.edits) == b"".join([*pieces, last, DONE])


def test_a_structured_stream_has_its_pictures_labelled(one: Service) -> None:
    """No text goes into a machine's answer, but its pictures are labelled, also those within its text."""
    pieces = ['{"cat":"data:image/p', f"ng;base64,{URL[22:]}", '"}']
    stream = [*map(event, pieces), with_images(URL), event(None, "stop"), DONE]
    script = [start(200, EVENTS), *map(part, stream), END]
    got = one.call(Scripted(*script), ask(response_format={"type": "json_object"}))
    text = text_of(documents(got.body))
    assert text.startswith('{"cat":"data:image/png;base64,')
    assert text.endswith('"}')
    assert is_labelled(unb64(text.split('"')[3]))
    assert [picture.state for picture in one.outcome.pictures] == ["applied", "applied"]


@pytest.mark.parametrize("word", ["block", "pass"])
def test_a_picture_in_a_text_has_a_limit(tmp_path: Path, word: str) -> None:
    """`limits.record`: one that goes on for longer is a failure, and nothing of it is kept."""
    one = pictured(tmp_path, on_failure=word, settings="limits: {record: 2000}")
    pieces = [event(URL[at : at + 500]) for at in range(0, len(URL), 500)]
    got = ask_for(one, event("See "), *pieces, event(None, "stop"), DONE, END, path=CHAT)
    assert (got.complete, URL in text_of(documents(got.body))) == ((word == "pass"), (word == "pass"))
    assert "a picture within a text is longer than 2000 characters" in one.outcome.reason


def test_blanks_before_a_picture_have_the_same_limit(tmp_path: Path) -> None:
    """Nothing is held for ever by white space that goes on and on."""
    one = pictured(tmp_path, settings="limits: {record: 2000}")
    pieces = [event("See data:image/png;base64,"), *[event(" " * 500)] * 5]
    got = ask_for(one, *pieces, DONE, END, path=CHAT)
    assert not got.complete
    assert "a picture within a text is longer than 2000 characters" in one.outcome.reason


def test_a_failure_under_observe_is_told_once(tmp_path: Path) -> None:
    """However many pictures follow it."""
    one = pictured(tmp_path, settings="mode: observe")
    stream = [event("Hi"), b"data: {nonsense\n\n", *[with_images(URL)] * 5, DONE]
    got = ask_for(one, *stream, END, path=CHAT)
    assert got.body == b"".join(stream)
    assert one.outcome.reason.count("then a picture came") == 1


# What passes meanwhile.


def test_comments_pass_and_events_wait(one: Service) -> None:
    """While a thread works on a picture, comments leave at once; the events behind it stay behind it."""
    first = image_event("partial_image", slow())
    last = image_event("completed", file("gif"))
    got = ask_for(one, first, PING, PING, last, PING, END)
    assert got.bodies[:3] == [PING, PING, PING]
    assert [doc["type"] for doc in documents(got.body)] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert all(is_labelled(unb64(doc["b64_json"])) for doc in documents(got.body))
    assert undo(got.body, one.outcome.edits) == first + PING + PING + last + PING


def test_text_behind_a_picture_waits_for_it(one: Service) -> None:
    """The words after a picture come after it, the last label too, and the end at the end."""
    url = f"data:image/webp;base64,{b64(slow())}"
    got = ask_for(one, *say("Look"), with_images(url), PING, chunk({"content": "!"}), DONE, END, path=CHAT)
    order = [name for body in got.bodies for name in ("ping", "images", "[DONE]") if name.encode() in body]
    assert order == ["ping", "images", "[DONE]"]
    assert got.complete
    assert got.body.endswith(DONE)


def test_the_event_loop_goes_on(one: Service) -> None:
    """While a large picture is labelled, other things happen in the same loop."""
    beats = 0
    count: list[int] = []

    async def run() -> Got:
        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        async def keep(message: Message) -> None:
            count.append(beats)

        app = Scripted(start(200, EVENTS), part(image_event("completed", slow())), END)
        ticker = asyncio.create_task(beat())
        got = await acall(one.before(app), scope_of(GENERATIONS), ASKED, keep)
        ticker.cancel()
        return got

    got = asyncio.run(run())
    assert is_labelled(unb64(documents(got.body)[0]["b64_json"]))
    assert count[1] - count[0] > 10  # from the start to the picture; a loop that is blocked gives 1


def test_two_messages_are_never_on_their_way_at_once(one: Service) -> None:
    """A server that takes its time gets a picture behind the text before it, not in the middle of it."""
    inside: list[bytes] = []

    async def reluctant(message: Message) -> None:
        assert not inside, "sent while another message was on its way"
        inside.append(message.get("body", b""))
        await asyncio.sleep(0.1 if message["type"] == "http.response.body" else 0)
        inside.clear()

    async def run() -> Got:
        first = b"".join([*say("Look", finish=None), with_images(URL)])
        script = [part(first), part(chunk({"content": "!"})), part(chunk({}, "stop") + DONE), END]
        app = Scripted(start(200, EVENTS), *script)
        return await acall(one.before(app), scope_of(CHAT), ask(), reluctant)

    got = asyncio.run(run())
    assert got.error is None
    assert got.complete
    assert text_of(documents(got.body)) == f"{MARK}Look!\n\n{GENERAL}"


def test_the_dry_run(tmp_path: Path) -> None:
    """`mode: observe`: every byte leaves at once as it came, and the outcome tells about the pictures."""
    one = pictured(tmp_path, settings="mode: observe", on_failure="pass")
    stream = [image_event("partial_image", slow()), PING, image_event("completed", file("png")[:300])]
    got = ask_for(one, *stream, END)
    assert got.complete
    assert got.bodies[:3] == stream
    assert one.outcome.observed
    assert [picture.state for picture in one.outcome.pictures] == ["applied", "failed"]


ABOUT = (
    ["Use ", "data:image/png", " or ", "data:text/plain;base64,AAAA", ", see", " docs."],
    ["<img src='data:image/png;base64,", "{data}'>"],
    ["data:image/png;base64,", "", "![a](data:image/jpeg;base64,", "...)"],
    ['"data:image/png;base64,iVBORw0KGgo..." or data:image/jpeg;base64,/9j/4AAQ', "SkZJRg…"],
    ["data:image/gif;base64,<", "data:image/gif;base64,", "<", "data:image/gif;base64,%s"],
)
"""Texts that only talk about pictures."""


@pytest.mark.parametrize("pieces", ABOUT)
def test_what_is_no_picture_is_no_work(one: Service, pieces: list[str]) -> None:
    """Text that only talks about data URLs passes, event by event or whole."""
    got = ask_for(one, *map(event, pieces), event(None, "stop"), DONE, END, path=CHAT)
    assert text_of(documents(got.body)) == f"{MARK}{''.join(pieces)}\n\n{GENERAL}"
    whole = one.answer(chat("".join(pieces)))
    assert said(whole.body) == f"{MARK}{''.join(pieces)}\n\n{GENERAL}"
    assert [outcome.pictures for outcome in one.outcomes] == [(), ()]
