"""The ways to stream a chat answer that were met (vendor by vendor), and the spellings of an event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labeler.values import Edit
from tests.driver import checked, house, send
from tests.wire import (
    DONE,
    MARK,
    NOTE,
    ROLE,
    USAGE,
    P,
    S,
    bytewise,
    chunk,
    documents,
    envelope,
    event,
    say,
    spoken,
    texts,
    visible,
)

REASONED = {
    "content": None,
    "reasoning_content": "hm",
    "reasoning": "hm",
    "reasoning_details": [{"text": "hm"}],
}


ANNOTATED = envelope([], prompt_filter_results=[{"prompt_index": 0, "content_filter_results": {}}])


RELAY = [chunk({"content": "Hi"}, finish_reason="null"), chunk({}, "stop")]


RESULTS = '[{"title": "【AI生成】"}]'


RENAMED = event(
    {**envelope([{"index": 0, "delta": {}, "finish_reason": "stop"}]), "object": "chat.completion.done"}
)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([*say("Hi"), chunk({}, "stop", usage={}), USAGE, DONE], id="OpenRouter: finish twice"),
        pytest.param([*say("Hi", finish=None), USAGE, DONE], id="Snowflake: no finish, usage"),
        pytest.param([*say("Hi", finish=None), DONE], id="GPUStack: no finish, [DONE]"),
        pytest.param([*say("Hi", finish=None)], id="relay: no finish at all"),
        pytest.param([*texts("Hi"), RENAMED], id="Perplexity: the end is of another object"),
        pytest.param([chunk(REASONED), chunk(ROLE), *say("Hi"), DONE], id="DeepSeek: reasoning first"),
        pytest.param(
            [chunk({**ROLE, "content": "Hi", "name": "M"}), chunk({**ROLE, "content": ""}, "stop"), DONE],
            id="Zhipu: role everywhere",
        ),
        pytest.param([event(ANNOTATED), *say("Hi"), DONE], id="Azure: filter results first"),
        pytest.param([event(envelope([])), *say("Hi"), DONE], id="choices: [] first"),
        pytest.param(
            [event(envelope([], usage=None)), *say("Hi"), DONE], id="choices: [] and no usage first"
        ),
        pytest.param([b": OPENROUTER PROCESSING\n\n", *say("Hi"), b": keep-alive\n\n", DONE], id="comments"),
        pytest.param([*RELAY, DONE], id='finish "null"'),
        pytest.param([chunk({"content": "Hi"}, ""), chunk({}, "stop"), DONE], id="finish empty"),
        pytest.param([chunk({"content": "Hi"}, "stop"), DONE], id="vLLM: all in the finish"),
        pytest.param([*texts("H"), chunk({"content": "i"}, "stop"), DONE], id="Mistral: text in the finish"),
        pytest.param([*texts("Hi"), chunk({"content": "\n"[:0]}, "sensitive"), DONE], id="Zhipu: sensitive"),
        pytest.param([*texts("Hi"), chunk({}, "length"), DONE], id="cut by length"),
        pytest.param([*texts("Hi"), chunk({}, "content_filter"), DONE], id="cut by the filter"),
        pytest.param(
            [*texts("Hi"), chunk({}, "stop", usage={"total_tokens": 3}), DONE],
            id="Moonshot: usage in the choice",
        ),
        pytest.param(
            [chunk({"role": "tool", "content": RESULTS}), *say("Hi"), DONE], id="MiniMax: search results"
        ),
        pytest.param(
            [
                event(
                    {
                        **envelope([{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]),
                        "usage": {"total_tokens": 1},
                    }
                ),
                USAGE,
                DONE,
            ],
            id="usage everywhere",
        ),
        pytest.param(
            [*texts("H", "", "i"), chunk({"content": None}), chunk({"content": ""}, "stop"), DONE],
            id="empty deltas",
        ),
        pytest.param(
            [chunk({"refusal": None, "content": "Hi"}), chunk({}, "stop"), DONE], id="refusal: null"
        ),
        pytest.param(
            [chunk({"content": "Hi", "tool_calls": None}), chunk({"tool_calls": []}, "stop"), DONE],
            id="empty tool calls",
        ),
        pytest.param(
            [event({**envelope([{"delta": {"content": "Hi"}}]), "error": {"code": None}}), DONE],
            id="error: empty",
        ),
        pytest.param(
            [*texts("Hi"), event({"status": "running"}), event([1]), chunk({}, "stop"), DONE],
            id="foreign events",
        ),
        pytest.param(
            [event(envelope([{"index": 0, "delta": None, "finish_reason": None}])), *say("Hi"), DONE],
            id="delta: null",
        ),
    ],
)
def test_every_variant_is_labelled_once(chunks: list[bytes]) -> None:
    """Each way to stream that was met (wire formats 2.1): marker, text and disclaimer, said once, in two
    insertions, and nothing waits but one usage chunk that may be the end."""
    passed = checked(chunks, f"{P}Hi{S}")
    assert len(passed.outcome.edits) == 2
    assert passed.waiting == [] or (USAGE in chunks and len(passed.waiting) == 1)
    checked([b"".join(chunks)], f"{P}Hi{S}")
    crlf = [piece.replace(b"\n", b"\r\n") for piece in chunks]
    assert send(crlf).body == passed.body.replace(b"\n", b"\r\n")


def cumulative(*pieces: str, finish: str | None = None, delta: bool = True) -> list[bytes]:
    """Perplexity: each event has the new piece and the whole text so far, CRLF, no [DONE]."""
    found = []
    for at, piece in enumerate(pieces):
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(pieces[: at + 1])}}
        choice |= {"delta": {"content": piece}} if delta else {}
        choice["finish_reason"] = finish if at == len(pieces) - 1 else None
        found.append(event(envelope([choice]), "\r\n\r\n"))
    return found


def messages(body: bytes) -> list[str]:
    """The whole texts that a stream repeats."""
    return [
        visible(choice["message"]["content"])
        for doc in documents(body)
        for choice in doc["choices"]
        if "message" in choice
    ]


@pytest.mark.parametrize("pieces", [("A", "B", ""), ("A", "B"), ("<", "b>", ""), ("\n", "A")])
def test_cumulative_texts_have_the_marker_every_time(pieces: tuple[str, ...]) -> None:
    """R7, Perplexity: every `message` begins with the marker, the last one ends with the disclaimer, and
    the deltas agree with it."""
    passed = send(cumulative(*pieces, finish="stop"))
    whole = P + "".join(pieces) + S
    assert spoken(passed.body) == whole
    found = messages(passed.body)
    assert found[-1] == whole
    assert found[:-1] == [P + "".join(pieces[: at + 1]) for at in range(len(pieces) - 1)]
    assert b"\r\n\r\n" in passed.body
    assert b"\n" not in passed.body.replace(b"\r\n", b"")


def test_texts_that_only_repeat_are_labelled() -> None:
    """R7 without deltas: the marker every time, the disclaimer on the one that ends it."""
    passed = send(cumulative("A", "B", finish="stop", delta=False))
    assert messages(passed.body) == [f"{P}A", f"{P}AB{S}"]


def test_the_whole_message_at_the_end_agrees_with_the_deltas() -> None:
    """R5, MiniMax: the finish carries text, and a `chat.completion` with the full message follows."""
    final = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi you"}}
    chunks = [
        chunk({"role": "tool", "content": RESULTS, "name": "search"}),
        chunk({"role": "assistant", "content": "Hi", "name": "M"}),
        chunk({"role": "assistant", "content": " you", "name": "M"}, "stop"),
        event({**envelope([final]), "object": "chat.completion"}),
    ]
    passed = send(chunks)
    assert spoken(passed.body) == f"{P}Hi you{S}"
    assert messages(passed.body) == [f"{P}Hi you{S}"]
    assert passed.reply.bodies[0] == chunks[0]
    assert len(documents(passed.body)) == 4


def test_fastgpt_is_read_by_shape_and_answered_in_style() -> None:
    """Named events, mixed line ends, lists as content, the answer repeated in the details: the choices
    are labelled, the rest passes."""
    parts = [
        {"type": "reasoning", "reasoning": {"content": "hm"}},
        {"type": "text", "text": {"content": "Hi"}},
    ]
    named = b"event: answer\n"
    chunks = [
        b'event: flowNodeStatus\ndata: {"status":"running","name":"AI"}\n\n',
        named + chunk({"role": "assistant", "content": parts}),
        (named + chunk({"content": " you"})).replace(b"\n", b"\r\n"),
        named + chunk({"content": ""}, "stop"),
        named + DONE,
        b'event: flowResponses\ndata: [{"historyPreview": [{"value": "Hi you"}]}]\n\n',
    ]
    passed = checked(chunks, f"{P}Hi you{S}")
    assert passed.reply.bodies[0] == chunks[0]
    assert passed.reply.bodies[-2:] == [chunks[-1], b""]
    own = passed.outcome.edits[-1].inserted
    assert own.startswith(b"event: answer\r\ndata: ")
    assert own.endswith(b"\r\n\r\n")


def test_mistral_thinks_in_parts() -> None:
    """Lists as content: thinking parts are no text, text parts are."""
    chunks = [
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
        chunk({"content": [{"type": "text", "text": "H"}]}),
        chunk({"content": "i"}, "stop"),
        DONE,
    ]
    passed = checked(chunks, f"{P}Hi{S}")
    assert passed.reply.bodies[0] == chunks[0]


def test_the_envelope_is_that_of_the_text() -> None:
    """R6: the event of our own is a copy of the last one with text, without usage, role or anything of
    the finish, and with the answer's index."""
    choice = {"index": 3, "delta": {"role": "assistant", "content": "Hi"}, "logprobs": {"content": []}}
    like = envelope(
        [choice], system_fingerprint="fp", usage={"total_tokens": 1}, service_tier="x", obfuscation="y"
    )
    end = {
        **envelope([{"index": 3, "delta": {}, "finish_reason": "stop"}]),
        "object": "chat.completion.done",
        "id": "2",
    }
    body = send([event(like), event(end), DONE]).body
    delta = {"index": 3, "delta": {"content": S}, "logprobs": None, "finish_reason": None}
    assert documents(body)[1] == {**envelope([delta]), "system_fingerprint": "fp"}


@pytest.mark.parametrize(
    "delta", [{"content": ""}, {"content": None, "reasoning_content": "hm"}, {"role": "assistant"}]
)
def test_an_event_without_text_lends_no_envelope(delta: dict[str, Any]) -> None:
    """R6: only events that carry the answer's text are copied, however they come."""
    other = event({**envelope([{"index": 0, "delta": delta}]), "id": "2", "object": "other"})
    chunks = [*texts("H", "i"), other, DONE]
    for passed in (send(chunks), send([b"".join(chunks)]), send(bytewise(b"".join(chunks)))):
        own = documents(passed.body)[-1]
        assert own["choices"][0]["delta"] == {"content": S}
        assert (own["id"], own["object"]) == ("chatcmpl-1", "chat.completion.chunk")


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"choices": [ {"delta" :{"content": "\\u0048i", "x": 1.0E+2}} ], "n": 12345678901234567890123}\n\n',
        b'data: {"choices":[{"delta":{"content":"x","content":"Hi"}}],"id":1,"id":2}\n\n',
        b'data: {"choices":[{"delta":{"\\u0063ontent":"Hi"}}],"content":"Hi"}\n\n',
        b'data: {"choices":[{"delta":{"content":"Hi"},"p":NaN}],"s":"\\ud83d"}\n\n',
        b'data: {"choices":\ndata: [{"delta":{"content":\ndata:   "Hi"}}]}\n\n',
        b'data:{"choices":[{"delta":{"content":"Hi"}}]}  \n\n',
        b'id: 1\nevent: x\nretry: 3\ndata: {"choices":[{"delta":{"content":"Hi"}}]}\n\n',
        b'data: {"choices":[{"x":"\\"content\\":\\"Hi\\"","delta":{"content":"Hi"}}]}\n\n',
    ],
)
def test_only_the_labels_are_new(raw: bytes) -> None:
    """However an event is written, the marker stands in the text that a parser reads, and every other
    byte stays (R2)."""
    passed = checked([raw, DONE], f"{P}Hi{S}")
    assert send(bytewise(raw + DONE)).body == passed.body


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("policy", ["", "structured: field"])
def test_a_byte_order_mark_does_not_cost_the_words_behind_it(tmp_path: Path, policy: str) -> None:
    """Clients lose the event that a BOM stands before: it goes where we put something into that event, as
    an edit, and stays where we do not."""
    labeler = house(tmp_path, policy)
    request = {"response_format": {"type": "json_object"}} if policy else b"{}"
    chunks = [BOM + texts("Hi")[0], *texts(" you"), DONE]
    for cut in (chunks, [b"".join(chunks)], bytewise(b"".join(chunks))):
        passed = send(cut, request, labeler=labeler)
        assert passed.body.startswith(b"data: {")
        assert passed.outcome.edits[0] == Edit(0, BOM, b"")
    role = BOM + chunk({"role": "assistant", "content": ""})
    assert send([role, *chunks[1:]], labeler=labeler).body.startswith(role)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["\ud83d", "\ude00 Hi"], f"{P}\ud83d\ude00 Hi{S}"),
        (["Hi \ud83d", "\ude00"], f"{P}Hi \ud83d\ude00{S}"),
        (["\u2028", "\u0085Hi\x0b"], f"{P}\u2028\u0085Hi\x0b{S}"),
        (["a\\", "b\\"], f"{P}a\\b\\{S}"),
        (['"content":"', '"'], f'{P}"content":""{S}'),
        (["\x00", "\x7f"], f"{P}\x00\x7f{S}"),
        (["\ufeffHi"], f"\ufeff{P}Hi{S}"),
    ],
)
def test_odd_characters_survive(pieces: list[str], text: str) -> None:
    """R3: halves of characters, line separators, escapes and controls pass, in ASCII."""
    last = chunk({"content": pieces[-1]}, "stop")
    passed = checked([*texts(*pieces[:-1]), last, DONE], text)
    assert passed.body.isascii()


def test_raw_characters_stay_raw() -> None:
    """UTF-8 in the upstream's events is not escaped on the way."""
    raw = 'data: {"choices":[{"delta":{"content":"é中😀"}}]}\n\n'.encode()
    passed = send([raw, DONE])
    assert "é中😀".encode() in passed.body


def copied(text: str | None, finish: str | None = None) -> bytes:
    """An event that says all of an answer so far in a message of its own."""
    message = {} if text is None else {"message": {"role": "assistant", "content": text}}
    return event(envelope([{"index": 0, "delta": {}, **message, "finish_reason": finish}]))


@pytest.mark.parametrize(
    "end",
    [[copied(None, "stop"), DONE], [DONE], [USAGE, DONE], [], [chunk({}, "stop"), USAGE, DONE]],
    ids=len,
)
def test_copies_alone_have_their_labels_wherever_the_end_is_told(end: list[bytes]) -> None:
    """An answer that comes in messages alone: each has the marker, the last one the disclaimer too, whether
    it says itself that it is the last, an event of its own does, or none."""
    passed = send([copied("He"), copied("Hello"), *end])
    assert messages(passed.body) == [f"{P}He", f"{P}Hello{S}"]
    assert passed.outcome.state == "applied"
    assert len(passed.waiting) <= 2 + len(end)


@pytest.mark.parametrize("text", ["{not JSON", "<think>a</think>Hi", "[1, x"])
def test_a_copy_that_could_be_something_else_is_labelled_at_its_end(text: str) -> None:
    """What is no JSON has its labels all the same, and behind reasoning."""
    passed = send([copied(text), copied(None, "stop"), DONE])
    assert MARK in messages(passed.body)[0]
    assert passed.outcome.state == "applied"


def test_a_copy_that_is_said_twice_is_labelled_twice() -> None:
    """Some relays send the end again, with the usage: both copies say the same."""
    last = copied("Hello", "stop")
    assert messages(send([last, last, DONE]).body) == [f"{P}Hello{S}"] * 2


def test_a_copy_that_is_json_has_the_sidecar_or_is_withheld(tmp_path: Path) -> None:
    """`structured:` holds for it as for any other answer."""
    (tmp_path / "block").mkdir()
    for end in ([copied('{"a":1}', "stop"), DONE], [copied('{"a":1}'), copied(None, "stop"), DONE]):
        assert b'"aigc"' in send(end, labeler=house(tmp_path, "structured: field")).body
        blocked = send(end, labeler=house(tmp_path / "block", "structured: block"))
        assert blocked.outcome.state == "failed"
        assert b'{\\"a\\":1}' not in blocked.body


def test_a_broken_choice_gets_no_disclaimer_however_it_comes() -> None:
    """An error within a choice ends it, event by event as all at once."""
    broken = event(envelope([{"index": 0, "delta": {"content": " you"}, "error": {"message": "No."}}]))
    chunks = [*say("Hi")[:2], broken, DONE]
    assert send(chunks).body == send([b"".join(chunks)]).body
    assert NOTE not in spoken(send(chunks).body)
