"""Pictures in a body: handed out as work, put back where they stood, in order."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler import Exchange, Labeler, undo
from labeler.body import Body, EventBody, Given, Job, JsonBody, Pictured
from labeler.dialects import DIALECTS
from labeler.labels.plan import plan
from labeler.policy import decide
from labeler.values import PictureOutcome

VERDICT = decide(Labeler.load().service.policies, Exchange(messages=("你好",)))
SOUND, BROKEN = "aGVsbG8gd29ybGQ", "QkFE"
TEXT = f"看图：![a](data:image/png;base64,{SOUND}) 完。"


class Stand:
    """A stand-in for drawing, which has tests of its own: tells which picture it was."""

    def away(self, picture: Given) -> str:
        return ""

    def __call__(self, picture: Given) -> Pictured:
        failed = picture.content == BROKEN
        outcome = PictureOutcome(
            "", "failed" if failed else "applied", "broken" if failed else "", place=picture.place
        )
        return Pictured(b"NEW%d" % picture.nth, outcome)


def through(kind: type[Body], dialect: str, chunks: list[bytes]) -> tuple[Body, bytes]:
    """A body that was fed these chunks, its pictures labelled one by one, and what it gave."""
    body = kind(Job(DIALECTS[dialect], plan(VERDICT, stream=kind is EventBody), draw=Stand))
    out = b""
    for step in [*chunks, None]:
        out += body.close() if step is None else body.feed(step)
        for work in body.pictures.take():
            work.run()
            out += body.settle(work)
    return body, out


def event(text: str | None, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "a", "choices": [choice]}).encode() + b"\n\n"


def document(content: str) -> bytes:
    return json.dumps({"data": [{"b64_json": content}]}).encode()


@pytest.mark.parametrize("kind", [JsonBody, EventBody])
def test_a_document_of_pictures_leaves_with_them_replaced(kind: type[Body]) -> None:
    """A JSON answer gets its pictures back, also where it was announced as a stream."""
    body, out = through(kind, "openai-images", [document(SOUND)])
    assert out == document("NEW0")
    assert [one.place for one in body.pictures.outcomes] == ["data[0].b64_json"]
    assert undo(out, body.output.edits) == document(SOUND)


def test_a_picture_that_fails_is_withheld() -> None:
    """Under `block` a document whose picture cannot be labelled gives no byte, announced as what it may."""
    for kind in (JsonBody, EventBody):
        body, out = through(kind, "openai-images", [document(BROKEN)])
        assert out == b""
        assert (body.broken, body.failure) == (True, "broken")


def test_comments_overtake_a_picture_and_events_do_not() -> None:
    """While a picture is worked on, a comment passes, and the events behind it wait in order."""
    first, comment, second = (
        b'data: {"type":"image_generation.partial_image","b64_json":"%s"}\n\n' % SOUND.encode(),
        b": ping\n\n",
        b'data: {"type":"image_generation.completed","b64_json":"%s"}\n\n' % SOUND.encode(),
    )
    body, out = through(EventBody, "openai-images", [first + comment + second])
    labelled = (first + second).replace(SOUND.encode(), b"%s") % (b"NEW0", b"NEW1")
    assert out == comment + labelled
    assert undo(out, body.output.edits) == first + comment + second


@given(st.integers(1, len(TEXT)), st.lists(st.integers(0, 2000)))
def test_a_data_url_is_found_however_it_is_cut(step: int, places: list[int]) -> None:
    """A picture within a text is one picture, whatever deltas and chunks it comes in."""
    deltas = [event(TEXT[at : at + step]) for at in range(0, len(TEXT), step)]
    stream = b"".join([*deltas, event(None, "stop"), b"data: [DONE]\n\n"])
    cuts = [0, *sorted(place for place in places if place < len(stream)), len(stream)]
    body, out = through(EventBody, "openai-chat", [stream[a:b] for a, b in pairwise(cuts)])
    events = [json.loads(line[6:]) for line in out.decode().splitlines() if line.startswith("data: {")]
    said = "".join(one["choices"][0]["delta"].get("content", "") for one in events)
    marker, closing = (stamp.words for stamp in VERDICT.stamps)
    assert said == f"{marker}\n\n{TEXT.replace(SOUND, 'NEW0')}\n\n{closing}"
    assert undo(out, body.output.edits) == stream
