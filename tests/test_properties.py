"""What must always hold, tried on generated answers: the cut does not matter, undoing gives the input,
twice is once, and the text between the labels is the upstream's."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeler import undo
from tests.driver import JSON, LEGACY, SHIPPED, Passed, send
from tests.wire import DONE, MARK, NOTE, P, S, bytewise, documents, event, spoken

FRAGMENTS = st.sampled_from(
    [
        *'[{]}"\\:,1a \n`<>#|【】😀é\ud83d\ude00\u2028\x85\ufeff',
        *[
            "```",
            "~~~",
            "true",
            "AI",
            "生成",
            "AI生成",
            "内容",
            "<think>",
            "</think>",
            "<think",
            "<html>",
            "</body></html>",
        ],
        *("- ", "\n\n", '{"a":1}', '"content":"', MARK, P, NOTE, S),
    ]
)
PIECES = st.lists(FRAGMENTS, max_size=5).map(lambda parts: json.loads(json.dumps("".join(parts))))
CALLS = st.sampled_from(
    [{"tool_calls": [{"index": 0}]}, {"reasoning_content": "a"}, {"refusal": "a"}, {"role": "assistant"}]
)
NOTES = {"annotations": [{"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 1}}]}
DELTAS = st.one_of(
    PIECES.map(lambda text: {"content": text}),
    PIECES.map(lambda text: {"content": text, "role": "assistant"}),
    CALLS,
    st.just(NOTES),
    st.just({}),
)
CHOICES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"index": st.sampled_from([0, 0, 0, 1]), "delta": DELTAS},
    optional={"finish_reason": st.sampled_from([None, None, "null", "stop", "length", "tool_calls"])},
)
DOCS = st.one_of(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["1", "2"]),
            "choices": st.lists(CHOICES, min_size=1, max_size=2, unique_by=lambda choice: choice["index"]),
        }
    ),
    st.just({"choices": [], "usage": {"total_tokens": 1}}),
    st.just({"choices": [], "prompt_filter_results": []}),
)
NEWLINES = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])


def spelled(doc: Any, ascii_only: bool, **style: Any) -> bytes:
    """A document in one of the ways to write it; lone surrogates are escapes in all of them."""
    text = json.dumps(doc, ensure_ascii=ascii_only, **style)
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text).encode()


def written(made: tuple[Any, str, str, bool]) -> bytes:
    """One event in one of the ways to write it."""
    doc, newline, head, ascii_only = made
    return (head.encode() + spelled(doc, ascii_only) + b"\n\n").replace(b"\n", newline.encode())


HEADS = st.sampled_from(["data: ", "data: ", "data:", "event: answer\ndata: ", "data: \ndata: "])
EVENTS = st.tuples(DOCS, NEWLINES, HEADS, st.booleans()).map(written) | st.sampled_from(
    [b": ping\n\n", b"\n", b"\r\n", b"event: ping\n\n", DONE]
)
ERRORS = st.sampled_from([b"", b'event: error\ndata: {"a":1}\n\n', b'data: {"error":{"message":"No."}}\n\n'])
STREAMS = st.tuples(
    st.lists(EVENTS, max_size=6), ERRORS, st.sampled_from([b"", DONE, DONE[:-1], DONE[:-2]])
).map(lambda made: b"".join([*made[0], *made[1:]]))
EDGES = st.lists(st.integers(0, 2000), max_size=5)


def pieces(body: bytes, at: list[int]) -> list[bytes]:
    """A body cut at some of its places."""
    edges = [0, *sorted(one % (len(body) + 1) for one in at), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


def same(one: Passed, other: Passed) -> bool:
    """Whether two answers leave the same, with the same account."""
    states = [
        [(slot.slot, slot.state, slot.reason) for slot in p.outcome.slots] for p in (one, other) if p.outcome
    ]
    return one.body == other.body and states[0] == states[1] and one.outcome.edits == other.outcome.edits


@settings(max_examples=300)
@given(STREAMS, EDGES)
@example(b'data: {"choices":[{"index":0,"delta":{"content":"<"}}]}\r\n\r\ndata: [DONE]\r\n\r\n', [59])
@example(b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}', [])
def test_the_cut_of_a_stream_does_not_matter(body: bytes, at: list[int]) -> None:
    """However the bytes come, the same bytes leave with the same account, which undoes them."""
    whole = send([body])
    assert same(send(pieces(body, at)), whole)
    assert same(send(re.split(rb"(?<=\n\n)", body)), whole)
    assert same(send(bytewise(body)), whole)


STRINGS = st.sampled_from(
    [
        *('"Hi"', '"生成"', '"\\u751f"', '"a\\n"', '""', '"?"', '","', '":"', '"x"'),
        *("null", "1", '"a\rb"', '"a\nb"', ' "a"', '"a" ', '"', '"\\ud83d"', '"a', '"a" "b"'),
        *('"a","role":"assistant"', '"a","tool_calls":[{"index":0}]', '"a","content":"b"', '"a","x":"b"'),
        *(
            '"a"},"finish_reason":"stop","x":{"y":"b"',
            '"a"},"message":{"content":"b"',
            '"a"},"index":1,"x":{"y":""',
        ),
        *('"a"}}],"error":{"message":"b"},"x":[{"y":{"z":""', '"a"}}],"choices":[{"delta":{"content":"b"'),
    ]
)
"""What can stand in a stream where the text of an event stands: a text mostly, and much that is more."""
ALIKE = st.tuples(st.integers(0, 11), STRINGS | st.sampled_from(['"Hi"', '"\\n```\\n"'])).map(
    lambda made: (
        b'data: {"created":%d,"choices":[{"index":0,"delta":{"content":%s}}],"x":%s}\n\n'
        % (
            made[0] == 11,
            made[1].encode(),
            {10: b'"\xff"', 9: made[1].encode(), 8: b'"\\n```\\n"', 7: b'"Hi"'}.get(made[0], b'"?"'),
        )
    )
)


ANOTHER = b'data: {"created":1,"choices":[{"index":0,"delta":{"content":"?"}}],"x":"%s"}\n\n'


@settings(max_examples=300)
@given(st.lists(ALIKE, max_size=12), st.sampled_from([b"", DONE]))
@example([ANOTHER % b"?", ANOTHER % b"\\n```\\n"], DONE)
def test_events_that_are_alike_are_read_like_any_other(events: list[bytes], end: bytes) -> None:
    """Whatever stands between a start and an end that many events share, the stream leaves as if all of
    it had come at once."""
    first = b'data: {"created":0,"choices":[{"index":0,"delta":{"content":"%s"}}],"x":"?"}\n\n'
    chunks = [first % b"Hi", first % b" you", first % b" two", *events, end]
    assert same(send(chunks), send([b"".join(chunks)]))


@settings(max_examples=200)
@given(STREAMS)
@example(b'data: {"choices":[{"index":0,"delta":{"content":"{"},"finish_reason":"stop"}]}\n\n')
def test_a_stream_that_is_labelled_twice_is_labelled_once(body: bytes) -> None:
    """A gateway before a labelled app adds nothing."""
    once = send([body])
    if once.reply.whole:
        assert send([once.body]).body == once.body


@settings(max_examples=200)
@given(st.lists(PIECES, min_size=1, max_size=6), st.booleans())
def test_the_text_stays_between_the_labels(texts: list[str], finished: bool) -> None:
    """What the client puts together is the upstream's text with whole labels in it: nothing is lost,
    nothing doubled, and nothing waits for longer than it could be a label."""
    deltas = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    chunks = [
        b"data: " + json.dumps(doc).encode() + b"\n\n" for doc in [*deltas, *([end] if finished else [])]
    ]
    out = spoken(send([*chunks, DONE]).body)
    text = "".join(texts)
    assert removed(out, text), (text, out)


def removed(out: str, text: str) -> bool:
    """Whether `out` is `text` with words of ours put in at two places at most."""
    start = 0
    while start < len(text) and out[start : start + 1] == text[start]:
        start += 1
    for begin in range(start + 1):
        for words in ("", P, f"\n\n{P}"):
            rest = out[begin + len(words) :]
            if out[begin : begin + len(words)] != words or not rest.startswith(text[begin:]):
                continue
            tail = rest[len(text) - begin :]
            if tail.lstrip("\n `~") in ("", NOTE, f"{P}{NOTE}", MARK):
                return True
    return False


MESSAGES = st.one_of(
    st.none(), PIECES, st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": PIECES}), max_size=3)
)
WHOLE: st.SearchStrategy[Any] = st.lists(
    st.fixed_dictionaries(
        {
            "message": st.fixed_dictionaries(
                {"content": MESSAGES, "x": PIECES}, optional={"tool_calls": st.just([1])}
            )
        },
        optional={"index": st.integers(0, 3), "finish_reason": st.just("stop"), "x": PIECES},
    ),
    max_size=3,
)
STYLES = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}])


@settings(max_examples=300)
@given(WHOLE, STYLES, st.booleans(), EDGES)
def test_a_body_is_spliced_and_not_written_anew(
    choices: list[Any], style: dict[str, Any], ascii_only: bool, at: list[int]
) -> None:
    """Any chat answer in any spelling: the cut does not matter, undoing gives the input, twice is once,
    and a parser finds nothing changed but the texts."""
    body = spelled({"choices": choices, "content": "x"}, ascii_only, **style)
    whole = send([body], content_type=JSON)
    assert send(pieces(body, at), content_type=JSON).body == whole.body
    assert send([whole.body], content_type=JSON).body == whole.body
    doc = json.loads(body)
    out = json.loads(whole.body)
    for choice in (*doc["choices"], *out["choices"]):
        del choice["message"]["content"]
    assert out == doc


@settings(max_examples=150)
@given(st.lists(PIECES, max_size=4))
def test_legacy_offsets_point_at_the_same_characters(texts: list[str]) -> None:
    """Each token begins in the labelled text where its offset says."""
    chunks, at = [], 0
    for text in texts:
        choice = {"text": text, "logprobs": {"tokens": [text], "text_offset": [at]}, "finish_reason": None}
        chunks.append(event({"choices": [{"index": 0, **choice}]}))
        at += len(text)
    body = send([*chunks, DONE], path=LEGACY).body
    out = spoken(body)
    for doc in documents(body):
        logprobs = doc["choices"][0]["logprobs"]
        if logprobs and logprobs["tokens"][0]:
            offset = logprobs["text_offset"][0]
            assert out[offset] == logprobs["tokens"][0][0]


@settings(max_examples=150)
@given(PIECES, PIECES)
def test_what_we_say_is_known_in_the_history(text: str, question: str) -> None:
    """A labelled answer that comes back reaches the upstream without a marker at its start or a
    disclaimer at its end, and a request without marks byte for byte."""
    answer = "".join(SHIPPED.stream([text]))
    turns = [{"role": "assistant", "content": answer}, {"role": "user", "content": question}]
    raw = json.dumps({"messages": turns}).encode()
    passed = send([b'{"choices":[]}'], raw, content_type=JSON)
    got = json.loads(passed.asked)["messages"]
    assert got[1] == json.loads(json.dumps(turns[1]))
    assert not got[0]["content"].startswith(MARK)
    assert not got[0]["content"].rstrip().endswith(NOTE)
    assert MARK in text or MARK not in got[0]["content"]
    if MARK not in text and NOTE not in text:
        assert send([b'{"choices":[]}'], passed.asked, content_type=JSON).asked == passed.asked


TURNS: st.SearchStrategy[Any] = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["assistant", "assistant", "user"]), "content": MESSAGES}),
    max_size=4,
)


@settings(max_examples=150)
@given(TURNS, STYLES, st.booleans())
def test_every_turn_is_cut_as_if_it_were_alone(
    turns: list[Any], style: dict[str, Any], ascii_only: bool
) -> None:
    """In any spelling of a conversation, each turn reaches the upstream as it would by itself."""

    def reached(messages: list[Any]) -> list[Any]:
        raw = spelled({"messages": messages, "content": P}, ascii_only, **style)
        asked = json.loads(send([b'{"choices":[]}'], raw, content_type=JSON).asked)
        assert asked.pop("content") == P
        return list(asked["messages"])

    assert reached(turns) == [one for turn in turns for one in reached([turn])]


@settings(max_examples=150)
@given(PIECES)
def test_a_text_can_be_undone(text: str) -> None:
    """The library's edits give the text back, and labelling twice is labelling once."""
    done = SHIPPED.text(text)
    back = undo(done.content.encode("utf-8", "surrogatepass"), done.outcome.edits)
    assert back.decode("utf-8", "surrogatepass") == text
    assert SHIPPED.text(done.content).content == done.content
