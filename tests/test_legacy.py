"""Legacy completions, complete and streamed: `text`, its offsets, and the requests that want no labels."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.driver import JSON, LEGACY, SHIPPED, Passed, send
from tests.wire import DONE, MARK, P, S, event, spoken

FIM = [
    "<|fim_prefix|>def f(<|fim_suffix|>)<|fim_middle|>",
    "<fim_prefix>x",
    "<｜fim▁begin｜>x",
    "<PRE> x <SUF>y <MID>",
]


def complete(*choices: dict[str, Any], request: Any = b"{}") -> Passed:
    """A complete answer with these choices."""
    doc = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": list(choices)}
    return send([json.dumps(doc).encode()], request, path=LEGACY, content_type=JSON)


def piece(text: str, finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish, **more}
    return event(
        {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}
    )


def stream(chunks: list[bytes], request: Any = b"{}") -> Passed:
    """A streamed answer."""
    return send(chunks, request, path=LEGACY)


@pytest.mark.parametrize(
    ("text", "labelled"),
    [
        ("Hi", f"{P}Hi{S}"),
        ("\n\nHi", f"{P}\n\nHi{S}"),
        (f"{P}Hi{S}", f"{P}Hi{S}"),
        ('{"a": 1}', '{"a": 1}'),
        ("<think>a</think>\nHi", f"<think>a</think>\n{P}Hi{S}"),
        (" \n", " \n"),
        ("", ""),
        ("a\\", f"{P}a\\{S}"),
    ],
)
def test_text_is_labelled_like_a_chat_answer(text: str, labelled: str) -> None:
    """Marker before, disclaimer behind, complete or streamed, with the end in an event of its own or not."""
    doc = json.loads(complete({"index": 0, "text": text, "finish_reason": "stop"}).body)
    assert doc["choices"][0]["text"] == labelled
    assert spoken(stream([piece(text), piece("", "stop"), DONE]).body) == labelled
    assert spoken(stream([piece(text, "stop"), DONE]).body) == labelled
    assert spoken(stream([piece(char) for char in text]).body) == labelled


def test_the_injected_event_is_a_completion() -> None:
    """Its envelope is the answer's, its choice has `text`."""
    body = stream([piece("Hi"), piece("", "stop"), DONE]).body
    own = json.loads(body.split(b"\n\n")[1][6:])
    choice = {"index": 0, "text": S, "logprobs": None, "finish_reason": None}
    assert own == {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
    }


def test_every_choice_is_an_answer_of_its_own() -> None:
    """R12, with content numbers of their own."""
    passed = complete(*({"index": at, "text": "Hi", "finish_reason": "stop"} for at in (0, 1)))
    assert [choice["text"] for choice in json.loads(passed.body)["choices"]] == [f"{P}Hi{S}"] * 2
    assert [slot.number[-2:] for slot in passed.outcome.slots] == ["-0", "-1"]


@pytest.mark.parametrize("index", [{"index": 0}, {"index": None}, {}])
def test_choices_of_one_index_are_still_several(index: dict[str, Any]) -> None:
    """Some servers number none of them, or all of them 0."""
    passed = complete(*({**index, "text": text} for text in ("A", "B")))
    assert [choice["text"] for choice in json.loads(passed.body)["choices"]] == [f"{P}A{S}", f"{P}B{S}"]
    assert [slot.number[-2:] for slot in passed.outcome.slots] == ["-0", "-1"]


def logprobs(*offsets: int) -> dict[str, Any]:
    """The logprobs of tokens at these places."""
    return {
        "tokens": ["x"] * len(offsets),
        "token_logprobs": [-0.000017] * len(offsets),
        "text_offset": list(offsets),
    }


def moved(*offsets: int) -> list[int]:
    """Offsets behind the marker."""
    return [offset + len(P) for offset in offsets]


def offsets(passed: Passed) -> list[list[int]]:
    """The offsets in each event that has some."""
    docs = [json.loads(line[6:]) for line in passed.body.split(b"\n\n") if line.startswith(b"data: {")]
    found = [doc["choices"][0]["logprobs"] for doc in docs]
    return [one["text_offset"] for one in found if one]


def test_offsets_move_with_the_text() -> None:
    """`text_offset` counts characters of the text; numbers elsewhere keep their spelling."""
    passed = complete({"index": 0, "text": "Hi you", "logprobs": logprobs(0, 2)})
    assert json.loads(passed.body)["choices"][0]["logprobs"]["text_offset"] == moved(0, 2)
    assert passed.body.count(b"-1.7e-05") == 2


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["Hi", " you"], [moved(16), moved(18)]),
        (["\n\n", "Hi"], [moved(16), moved(18)]),
        (["<", "b>"], [moved(16), moved(17)]),
        (["{", '"a":1}'], [[16], [17]]),
        ([P, "Hi"], [[16], [16 + len(P)]]),
    ],
)
def test_offsets_move_in_streams_too(texts: list[str], wanted: list[list[int]]) -> None:
    """Also in events that were held back while the start was undecided, and not without a marker."""
    at, chunks = 16, []
    for text in texts:
        chunks.append(piece(text, logprobs=logprobs(at)))
        at += len(text)
    assert offsets(stream([*chunks, piece("", "stop"), DONE])) == wanted


@pytest.mark.parametrize(
    "request_",
    [
        {"prompt": "def f(", "suffix": "return x"},
        *({"prompt": prompt} for prompt in FIM),
        {"prompt": ["a", FIM[0]]},
        {"prompt": "Once", "echo": True},
        {"prompt": "x", "guided_json": {"type": "object"}},
        {"prompt": "x", "response_format": {"type": "json_object"}},
    ],
    ids=json.dumps,
)
def test_code_and_echoes_are_not_labelled(request_: dict[str, Any]) -> None:
    """Fill-in-the-middle, echo and structured output leave byte for byte, and the header says why."""
    choice = {"index": 0, "text": "Hi", "finish_reason": "stop"}
    for passed in (
        complete(choice, request=request_),
        stream([piece("Hi"), piece("", "stop"), DONE], request_),
    ):
        assert passed.body == b"".join(passed.upstream.chunks)
        assert passed.reply.headers["labeler"].startswith("skipped;reason=")


@pytest.mark.parametrize(
    "request_", [{"prompt": "Once", "suffix": None, "echo": False}, {"prompt": [1, 2]}, {}]
)
def test_other_requests_are(request_: dict[str, Any]) -> None:
    """Fields that are not set, prompts of tokens: nothing takes the label away."""
    assert MARK in json.loads(complete({"text": "Hi"}, request=request_).body)["choices"][0]["text"]


def test_the_prompt_tells_the_scenario() -> None:
    """The prompt is the user's question."""
    passed = complete({"text": "多喝水"}, request={"prompt": "孩子发烧39度怎么办"})
    assert "不替代医生诊断" in json.loads(passed.body)["choices"][0]["text"]


@pytest.mark.parametrize("at", [0, 2, 5])
def test_every_prompt_of_a_batch_is_a_question(at: int) -> None:
    """Each is answered, so each counts, however many follow it."""
    prompts = ["写一首诗"] * 6
    prompts[at] = "孩子发烧39度怎么办"
    passed = complete({"text": "多喝水"}, request={"prompt": prompts})
    assert "不替代医生诊断" in json.loads(passed.body)["choices"][0]["text"]
    body = SHIPPED.body(
        b'{"choices":[{"text":"Hi"}]}',
        request=json.dumps({"prompt": prompts}).encode(),
        dialect="openai-legacy",
    )
    assert body.outcome.verdict is not None
    assert body.outcome.verdict.scenarios == ("general", "medical")


def test_a_chat_answer_on_the_legacy_path_is_an_unknown_shape() -> None:
    """Choices without `text` are withheld: nobody could say where the answer stands."""
    assert complete({"index": 0, "message": {"content": "Hi"}}).reply.status == 502


@pytest.mark.parametrize("where", ["message", "delta"])
def test_an_empty_text_hides_no_other_one(where: str) -> None:
    """A text in a place that this dialect does not know is no empty answer."""
    choice = {"index": 0, "text": "", where: {"content": "Secret"}}
    blocked = send([json.dumps({"choices": [choice]}).encode()], path=LEGACY, content_type=JSON)
    assert (blocked.reply.status, b"Secret" in blocked.body) == (502, False)
    streamed = send([event({"choices": [choice]}), DONE], path=LEGACY)
    assert b"Secret" not in streamed.body
