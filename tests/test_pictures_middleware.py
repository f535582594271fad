"""Pictures through the middleware: documents with pictures, whole."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from labeler import BlockedError, PolicyError, undo
from labeler.pixels.font import SHIPPED
from tests.asgi_tools import (
    CHAT,
    EVENTS,
    GENERAL,
    JSON,
    MARK,
    Got,
    Scripted,
    Service,
    answer,
    ask,
    chat,
    said,
)
from tests.picture_tools import (
    ASKED,
    EDITS,
    ENTRIES,
    GENERATIONS,
    HIDDEN,
    URL,
    b64,
    broken,
    documents,
    file,
    given,
    image_event,
    images,
    is_labelled,
    pictured,
    record_of,
    shown,
    unb64,
)
from tests.pixel_pictures import saved, scene

JSON_WANTED = ask(response_format={"type": "json_object"})


@pytest.fixture
def one(tmp_path: Path) -> Service:
    """A service with a provider that withholds what it cannot label."""
    return pictured(tmp_path)


def document(one: Service, body: bytes, path: str = GENERATIONS, request: bytes = ASKED, **scope: Any) -> Got:
    """What leaves where the app gives this document."""
    headers = {**JSON, "etag": '"upstream"', "content-length": str(len(body))}
    return one.call(Scripted(*answer(body, headers)), request, path, **scope)


# Documents.


@pytest.mark.parametrize("path", [GENERATIONS, EDITS, "/v1/images/variations"])
def test_the_images_api(one: Service, path: str) -> None:
    """Two pictures: each is labelled and has a number of its own; all else stays byte for byte."""
    body = images(file("png"), file("jpeg"), usage={"total_tokens": 3}, output_format="png")
    got = document(one, body, path)
    assert got.complete
    assert "etag" not in got.headers
    assert got.headers["labeler"].startswith("applied;")
    assert [is_labelled(data) for data in given(got.body)] == [True, True]
    outcome = one.outcome
    assert undo(got.body, outcome.edits) == body
    numbers = [f"{outcome.number}-0", f"{outcome.number}-1"]
    assert [record_of(data).produce_id for data in given(got.body)] == numbers
    assert [picture.number for picture in outcome.pictures] == numbers
    assert [picture.place for picture in outcome.pictures] == ["data[0].b64_json", "data[1].b64_json"]


def test_one_picture_has_the_number_of_its_response(one: Service) -> None:
    """Where there is only one, no index is added."""
    got = document(one, images(file("webp")))
    assert record_of(given(got.body)[0]).produce_id == one.outcome.number == one.outcome.pictures[0].number


def test_an_edit_is_asked_for_by_a_form(one: Service) -> None:
    """The request of an edit is multipart: it is not read, and its answer is labelled all the same."""
    form = b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na cat\r\n--x--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    app = Scripted(*answer(images(file("png")), JSON))
    got = one.call(app, form, EDITS, headers=headers)
    assert app.request == form
    assert is_labelled(given(got.body)[0])
    assert "scenario: request unread (multipart)" in one.outcome.notes


def test_pictures_in_a_chat_answer(one: Service) -> None:
    """`message.images`, and data URLs in the text; both beside the labels of the text."""
    shown = [{"type": "image_url", "image_url": {"url": URL}}]
    body = chat(f"See ![cat]({URL}).", images=shown)
    got = document(one, body, CHAT, ask())
    text = said(got.body)
    message = json.loads(got.body)["choices"][0]["message"]
    assert text.startswith(f"{MARK}See ![cat](data:image/png;base64,")
    assert text.endswith(f").\n\n{GENERAL}")
    assert is_labelled(unb64(text.partition("(")[2].partition(")")[0]))
    assert is_labelled(unb64(message["images"][0]["image_url"]["url"]))
    assert undo(got.body, one.outcome.edits) == body


@pytest.mark.parametrize("name", ENTRIES)
def test_the_ways_to_write_a_picture(one: Service, name: str) -> None:
    """A text, or an object with its URL or base64: beside a chat answer, alone or in a list, between its
    parts, and in the lists of an images answer."""
    entry = ENTRIES[name]
    bodies = [chat("Look", images=[entry]), chat("Look", images=entry)]
    if isinstance(entry, dict):
        bodies.append(chat(None, content=[{"type": "text", "text": "Look"}, {"type": "image", **entry}]))
    documents = [{"data": [entry]}, {"images": [entry], "data": []}, {"images": [entry]}]
    images = [json.dumps({"created": 1, **more}).encode() for more in documents]
    asked = [(body, CHAT, ask()) for body in bodies] + [(body, GENERATIONS, ASKED) for body in images]
    for body, path, request in asked:
        got = document(one, body, path, request)
        assert [is_labelled(data) for data in shown(json.loads(got.body))] == [True], body[:200]
        assert undo(got.body, one.outcomes[-1].edits) == body
        assert (one.outcomes[-1].state, len(one.outcomes[-1].pictures)) == ("applied", 1)


def test_both_lists_of_an_images_answer(one: Service) -> None:
    """SiliconFlow gives the same pictures in `images` and in `data`."""
    got = document(one, json.dumps({"images": [{"url": URL}], "data": [{"url": URL}]}).encode())
    assert [is_labelled(data) for data in shown(json.loads(got.body))] == [True, True]
    assert [picture.place for picture in one.outcome.pictures] == ["data[0].url", "images[0].url"]


@pytest.mark.parametrize("name", HIDDEN)
def test_a_picture_that_nobody_can_read(tmp_path: Path, name: str) -> None:
    """The policy's word, also where no text goes into the answer: 502 with the place, or as it came."""
    entry = HIDDEN[name]
    asked = [
        (chat("Look", images=[entry]), CHAT, ask(), "choices[0].message.images[0]"),
        (chat("{}", images=[entry]), CHAT, JSON_WANTED, "choices[0].message.images[0]"),
        (json.dumps({"data": [entry]}).encode(), GENERATIONS, ASKED, "data[0]"),
    ]
    for body, path, request, place in asked:
        one = pictured(tmp_path)
        got = document(one, body, path, request)
        assert (got.status, got.complete) == (502, True)
        assert one.outcome.reason == f"unknown shape: {place} is no picture that can be read"
        one = pictured(tmp_path, on_failure="pass")
        assert document(one, body, path, request).body == body
        assert one.outcome.state == "failed"


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"type": "image", "index": 0},
        {"revised_prompt": "a cat"},
        {"error": {"help": "https://a.b"}},
    ],
)
def test_an_entry_without_a_picture_is_none(one: Service, entry: Any) -> None:
    """A filtered picture has an error or a prompt in its place: there is nothing to label."""
    body = json.dumps({"data": [entry]}).encode()
    assert document(one, body).body == body
    got = document(one, chat("Look", images=[entry]), CHAT, ask())
    assert said(got.body).startswith(MARK)
    assert [outcome.state for outcome in one.outcomes] == ["skipped", "applied"]


def test_several_choices(one: Service) -> None:
    """n > 1: each choice keeps its own pictures and its own labels."""
    message = {"role": "assistant", "content": f"![]({URL})", "images": [{"image_url": {"url": URL}}]}
    choices = [{"index": at, "message": message, "finish_reason": "stop"} for at in (1, 0)]
    body = json.dumps({"id": "c", "object": "chat.completion", "choices": choices}).encode()
    got = document(one, body, CHAT, ask(n=2))
    for choice in json.loads(got.body)["choices"]:
        assert is_labelled(unb64(choice["message"]["images"][0]["image_url"]["url"]))
        assert is_labelled(unb64(choice["message"]["content"].partition("(")[2].partition(")")[0]))
        assert choice["message"]["content"].startswith(MARK)
    assert undo(got.body, one.outcome.edits) == body
    assert len({picture.number for picture in one.outcome.pictures}) == 4


def test_a_picture_between_the_parts_of_a_text(one: Service) -> None:
    """Content in parts: a picture part is labelled like any other."""
    parts = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": URL}]
    got = document(one, chat(None, content=parts), CHAT, ask())
    content = json.loads(got.body)["choices"][0]["message"]["content"]
    assert is_labelled(unb64(content[1]["image_url"]))
    assert content[0]["text"].startswith(MARK)


def test_a_structured_answer_has_its_pictures_labelled(one: Service) -> None:
    """No text goes into a machine's answer, but its picture is a picture."""
    request = ask(response_format={"type": "json_object"})
    got = document(one, chat("{}", images=[{"image_url": {"url": URL}}]), CHAT, request)
    message = json.loads(got.body)["choices"][0]["message"]
    assert message["content"] == "{}"
    assert is_labelled(unb64(message["images"][0]["image_url"]["url"]))


@pytest.mark.parametrize("name", broken())
def test_a_document_with_a_picture_that_fails(tmp_path: Path, name: str) -> None:
    """`block`: nothing of it leaves. `pass`: the sound one is labelled, the other as it came."""
    body = images(file("png"), broken()[name])
    one = pictured(tmp_path)
    got = document(one, body)
    assert (got.status, got.complete) == (502, True)
    assert json.loads(got.body)["error"]["code"] == "label_failed"
    assert one.outcome.state == "failed"
    one = pictured(tmp_path, on_failure="pass")
    got = document(one, body)
    assert (got.status, got.complete) == (200, True)
    first, second = given(got.body)
    assert is_labelled(first)
    assert second == broken()[name]
    assert got.headers["labeler"].startswith("failed;")
    assert [picture.state for picture in one.outcome.pictures] == ["applied", "failed"]


def test_base64_that_is_none(one: Service) -> None:
    """Broken base64 fails with a reason; the URL-safe alphabet and missing padding are read."""
    torn = json.dumps({"data": [{"b64_json": "iVBOR&&&"}]}).encode()
    assert document(one, torn).status == 502
    safe = b64(file("png")).replace("+", "-").replace("/", "_").rstrip("=")
    got = document(one, json.dumps({"data": [{"b64_json": safe}]}).encode())
    assert is_labelled(given(got.body)[0])


def test_pictures_that_are_only_urls(one: Service) -> None:
    """`url: leave`: the document stays byte for byte, its entity tag too, and the outcome says why."""
    body = json.dumps({"data": [{"url": "https://pictures.example/1.png"}, {"url": URL}]}).encode()
    got = document(one, body)
    first, second = json.loads(got.body)["data"]
    assert first["url"] == "https://pictures.example/1.png"
    assert is_labelled(unb64(second["url"]))
    assert [picture.state for picture in one.outcome.pictures] == ["skipped", "applied"]
    alone = document(one, json.dumps({"data": [{"url": "https://pictures.example/1.png"}]}).encode())
    assert alone.headers["etag"] == '"upstream"'
    assert (one.outcomes[-1].state, one.outcomes[-1].reason) == ("skipped", "only a URL (url: leave)")


def test_more_pictures_than_threads(tmp_path: Path) -> None:
    """One thread works on many pictures; each comes back to its own place."""
    one = pictured(tmp_path, settings="pictures: {workers: 1}")
    kinds = ["png", "jpeg", "gif", "webp", "tiff", "png alpha", "jpeg grey"] * 2
    got = document(one, images(*[file(kind) for kind in kinds]))
    assert [is_labelled(data) for data in given(got.body)] == [True] * len(kinds)
    assert [picture.format for picture in one.outcome.pictures] == [kind.split()[0] for kind in kinds]


def test_errors_and_other_shapes(one: Service) -> None:
    """The upstream's error passes; a document without pictures has nothing to label; an unknown shape
    is withheld."""
    error = b'{"error":{"message":"no","code":"moderation"}}'
    assert document(one, error).body == error
    assert document(one, b'{"created":1,"data":[]}').status == 200
    assert document(one, b'{"created":1}').status == 502
    assert [outcome.state for outcome in one.outcomes] == ["skipped", "skipped", "failed"]


def test_compressed_answers_of_pictures(one: Service) -> None:
    """gzip is undone, in documents and in streams of events."""
    coding = {"content-encoding": "gzip"}
    app = Scripted(*answer(gzip.compress(images(file("png"))), {**JSON, **coding}))
    got = one.call(app, ASKED, GENERATIONS)
    assert got.complete
    assert is_labelled(given(got.body)[0])
    stream = gzip.compress(image_event("completed", file("png")))
    pieces = [stream[at : at + 500] for at in range(0, len(stream), 500)]
    got = one.call(Scripted(*answer(pieces, {**EVENTS, **coding})), ASKED, GENERATIONS)
    assert got.complete
    assert is_labelled(unb64(documents(got.body)[0]["b64_json"]))
    assert "content-encoding" not in got.headers


@pytest.mark.parametrize(
    ("dialect", "media", "body"),
    [
        ("openai-images", "application/json", images(file("png"))),
        ("openai-images", "text/event-stream", image_event("completed", file("png"))),
        ("openai-chat", "application/json", chat("Look", images=[{"image_url": {"url": URL}}])),
        ("picture", "image/png", file("png")),
    ],
)
def test_the_library_labels_the_same_bodies(one: Service, dialect: str, media: str, body: bytes) -> None:
    """`Labeler.body` does inline what the middleware does in threads."""
    labelled = one.labeler.body(body, dialect=dialect, content_type=media)
    assert [picture.visible for picture in labelled.outcome.pictures] == ["applied"]
    assert undo(labelled.content, labelled.outcome.edits) == body
    data = labelled.content
    if dialect != "picture":
        data = unb64(re.findall(rb'(?:b64_json": "|base64,)([^"]+)', data)[0].decode())
    assert is_labelled(data)
    with pytest.raises(BlockedError):
        one.labeler.body(images(file("png")[:99]), dialect="openai-images")


def test_a_mistake_of_our_own_is_a_failure_too(
    one: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody foresaw lets no picture slip out: it is logged, and the policy has the word."""

    def mistaken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("labeler.picture.draw", mistaken)
    got = document(one, images(file("png")))
    assert (got.status, got.error) == (502, None)
    assert one.outcome.reason == "an error of the labeler: ZeroDivisionError"
    assert "Traceback" in caplog.text


def test_a_font_that_is_gone(tmp_path: Path) -> None:
    """What fails while it draws, whosever fault it is, is a failure like any other: nothing leaves."""
    shutil.copy(SHIPPED, tmp_path / "house.ttf")
    blocks, observes = (
        pictured(tmp_path, label={"font": "house.ttf"}, settings=mode) for mode in ("", "mode: observe")
    )
    (tmp_path / "house.ttf").unlink()
    body = images(saved(scene(97, 83), "PNG"))
    got = document(blocks, body)
    assert (got.status, got.complete) == (502, True)
    assert "house.ttf: font: no such file" in blocks.outcome.reason
    assert document(observes, body).body == body
    assert (observes.outcome.state, observes.outcome.observed) == ("failed", True)
    with pytest.raises(PolicyError, match="no such file"):
        blocks.labeler.label_image(file("png"))
    assert blocks.outcomes[-1].state == "failed"
