"""Streamed chat answers: what goes into which event, and what is held back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.driver import checked, send
from tests.wire import CALL, DONE, MARK, NOTE, USAGE, P, S, chunk, envelope, event, say, spoken, texts

MORE = {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}


def test_marker_in_the_first_text_disclaimer_before_the_end() -> None:
    """R1, R2, R4, R6: the marker stands in the first text, the disclaimer in an event of its own right
    before the one that ends the answer, and every other event leaves byte for byte, at once."""
    chunks = [*say("Hi", " you"), USAGE, DONE]
    passed = send(chunks)
    own = (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":%s},"logprobs":null,"finish_reason":null}]}\n\n'
    ) % json.dumps(S).encode()
    first = chunk({"content": f"{P}Hi"})
    assert passed.reply.bodies == [chunks[0], first, chunks[2], own + chunks[3], USAGE, DONE, b""]
    assert passed.reply.headers["labeler"].startswith('planned;scenarios="general";policy="')
    assert "content-length" not in passed.reply.headers
    assert (passed.outcome.state, passed.outcome.stream) == ("applied", True)


@pytest.mark.parametrize(
    "pieces",
    [
        ["Hi", " you"],
        ["#", " Title"],
        ["-", " item"],
        ["AI", "生成", "内容"],
        ["「", "AI生成内容需要标识", "」"],
        ["(", "1)"],
        ["|", "a|"],
        ["```", "py\n"],
        ["`", "x`"],
        [" Hi"],
        ["\n\nHi"],
        ["😀"],
        ["]"],
        ["!", "[图](u)"],
        ["{", "名字}"],
        ["{", '"a": 1}'],
        ["[1", "] x"],
    ],
)
def test_no_event_waits(pieces: list[str]) -> None:
    """Every event of ordinary text, and of what could be JSON, leaves when it came, and is one event."""
    chunks = [*say(*pieces), DONE]
    passed = send(chunks)
    assert passed.waiting == []
    assert spoken(passed.body).count(NOTE) <= 1


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([*MARK, "\n\n", "Hi"], f"{P}Hi{S}"),
        (["【", "AI", "生成", "】", "Hi"], f"{MARK}Hi{S}"),
        (["\n", " 【", "AI生成", "】Hi"], f"\n {MARK}Hi{S}"),
        (["【AI", "绘画】Hi"], f"{P}【AI绘画】Hi{S}"),
        (["【", "注意】Hi"], f"{P}【注意】Hi{S}"),
        (["【AI生成", "内容】Hi"], f"{P}【AI生成内容】Hi{S}"),
        (["【AI生成"], f"{P}【AI生成{S}"),
        (["【AI生成】"], f"【AI生成】{S}"),
        (["Hi", *S], f"{P}Hi{S}"),
        (["Hi\n", NOTE, "\n"], f"{P}Hi\n{NOTE}\n"),
        (["Hi", S, " 完"], f"{P}Hi{S} 完{S}"),
        ([P + "Hi" + S], f"{P}Hi{S}"),
    ],
)
def test_what_the_upstream_says_is_not_said_twice(pieces: list[str], text: str) -> None:
    """R9: the exact mark and the same disclaimer count, however they are cut into events."""
    checked([*say(*pieces), DONE], text)


def test_only_what_could_be_the_mark_is_held() -> None:
    """The events of a possible mark wait for one another; the first that cannot be it lets them go."""
    passed = send([*say("【", "AI", "绘", "画", "】"), DONE])
    assert passed.waiting == [1, 2]
    passed = send([*say("【", "注", "】"), DONE])
    assert passed.waiting == [1]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (['{"a":', " 1}"], '{"a": 1}'),
        (["{", '"a": 1', "}"], '{"a": 1}'),
        (["[", "1, 2", "]"], "[1, 2]"),
        (["[", "]"], "[]"),
        (["\n", "{", "}", "\n"], "\n{}\n"),
        (['{"a": "\ud83d', '\ude00"}'], '{"a": "😀"}'),
        (['{"a": ', "1", ", "], f'{{"a": 1, \n\n{MARK}{S}'),
        (["[1", "] 引用"], f"[1] 引用\n\n{MARK}{S}"),
        (["{", "名字}，你好"], f"{{名字}}，你好\n\n{MARK}{S}"),
        (["[链接](u)"], f"{P}[链接](u){S}"),
        (["[", "链接", "](u)"], f"{P}[链接](u){S}"),
        (["[^1", "]"], f"{P}[^1]{S}"),
        (['"a"'], f'{P}"a"{S}'),
        (["{}", S], f"{{}}{S}\n\n{MARK}"),
    ],
)
def test_json_that_only_the_prompt_asked_for(pieces: list[str], text: str) -> None:
    """What could begin an object or array passes without a marker; valid JSON stays as it is, anything
    else gets marker and disclaimer at its end; a link cannot be JSON."""
    passed = send([*say(*pieces), DONE])
    assert spoken(passed.body).encode("utf-16", "surrogatepass").decode("utf-16") == text
    if "AI" not in text:
        assert passed.body == b"".join(passed.upstream.chunks)


THOUGHTS = {
    "<think>\nhm\n</think>\n\nHi": f"<think>\nhm\n</think>\n\n{P}Hi{S}",
    "<think></think>Hi": f"<think></think>\n\n{P}Hi{S}",
    "\n<think>a</thin</think>  Hi": f"\n<think>a</thin</think>\n\n{P}  Hi{S}",
    f"<think>a</think>\n{P}Hi": f"<think>a</think>\n{P}Hi{S}",
    "<think>a</think>\n\n": "<think>a</think>\n\n",
    "<think>a": f"<think>a\n\n{MARK}{S}",
    "<thinking>a": f"{P}<thinking>a{S}",
    "<b>a</b>": f"{P}<b>a</b>{S}",
    "<think>a</think>{}": "<think>a</think>{}",
}


@pytest.mark.parametrize("text", THOUGHTS, ids=repr)
def test_inline_reasoning_is_split_anywhere(text: str) -> None:
    """R11: the marker goes behind `</think>` wherever the two tags are cut."""
    checked([*say(*text), DONE], THOUGHTS[text])
    for first in range(1, len(text)):
        checked([*say(text[:first], text[first:]), DONE], THOUGHTS[text])


def test_reasoning_does_not_wait() -> None:
    """Only the opening tag is held, and the few characters behind the closing one."""
    passed = send([*say("<th", "ink>", "a", "b", "</th", "ink>", "\n\n", "Hi"), DONE])
    assert passed.waiting == [1, 7]


@pytest.mark.parametrize("before", [[], ["\n"], ["\n", " \n"], ["<think>hm", "</think>", "\n\n"]])
@pytest.mark.parametrize("finish", ["tool_calls", "function_call", "stop"])
def test_a_tool_call_alone_passes(before: list[str], finish: str) -> None:
    """White space or reasoning, then a tool call: nothing is visible, so every byte stays; and the call
    does not wait for text that never comes."""
    chunks = [*say(*before, finish=None), chunk(CALL), chunk(MORE), chunk({}, finish), USAGE, DONE]
    passed = checked(chunks, "".join(before))
    assert passed.body == b"".join(chunks)
    assert max(passed.waiting, default=0) <= len(before)
    assert passed.outcome.reason == "tool call"


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
@pytest.mark.parametrize("call", [CALL, {"content": None, **CALL}, {"function_call": {"name": "f"}}])
def test_no_disclaimer_before_or_after_a_tool_call(finish: str, call: dict[str, Any]) -> None:
    """Text that a tool call follows has its marker alone, whichever finish the service gives."""
    chunks = [*say("Let me", finish=None), chunk(call), chunk(MORE), chunk({}, finish), DONE]
    checked(chunks, f"{P}Let me")
    checked([b": x\n\n" + b"".join(chunks)], f"{P}Let me")


def test_reasoning_does_not_wait_behind_white_space() -> None:
    """An event that has something else than the text that is waited for goes on at once."""
    passed = send([*texts("\n"), *[chunk({"reasoning_content": "hm"})] * 5, *texts("Hi"), DONE])
    assert passed.waiting in ([], [0])
    assert spoken(passed.body).split() == [MARK, "Hi", NOTE]


@pytest.mark.parametrize("delta", [{"content": "\n"}, {"content": "\n", "reasoning_content": "hm"}])
def test_white_space_without_end(delta: dict[str, str]) -> None:
    """However much white space comes first, the marker stands in the text, or the outcome says that it
    does not."""
    chunks = [*[chunk(delta)] * 200, *say("Hi"), DONE]
    passed = send(chunks)
    assert MARK in spoken(passed.body)
    assert spoken(passed.body).replace(MARK, "").split() == ["Hi", NOTE]


def test_one_choice_that_waits_does_not_cost_it_the_marker() -> None:
    """A choice whose start is undecided while another one goes on and on is labelled all the same."""
    chunks = [chunk({"content": "\n"}, index=0), *texts(*["a"] * 200, index=1), *texts("Hi", index=0), DONE]
    passed = send(chunks)
    assert MARK in spoken(passed.body, 0)
    assert spoken(passed.body, 1) == P + "a" * 200 + S


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        pytest.param(
            [
                *say("A", "B", finish=None),
                *say("C", "D", index=1, finish=None),
                chunk({}, "stop"),
                chunk({}, "stop", 1),
            ],
            [f"{P}AB{S}", f"{P}CD{S}"],
            id="one after the other",
        ),
        pytest.param(
            [
                *(
                    event(envelope([{"index": i, "delta": {"content": t}} for i, t in both]))
                    for both in (((0, "A"), (1, "B")), ((1, "C"), (0, "D")))
                ),
                event(envelope([{"index": i, "delta": {}, "finish_reason": "stop"} for i in (1, 0)])),
            ],
            [f"{P}AD{S}", f"{P}BC{S}"],
            id="several in one event",
        ),
        pytest.param(
            [
                *texts("A"),
                *texts("{", index=1),
                *texts("B"),
                *texts("}", index=1),
                chunk({}, "stop", 1),
                chunk({}, "stop"),
            ],
            [f"{P}AB{S}", "{}"],
            id="one is JSON",
        ),
        pytest.param(
            [
                *texts("<", index=1),
                *texts("A"),
                chunk({"content": "B"}, "stop"),
                chunk({"content": "b>"}, "stop", 1),
            ],
            [f"{P}AB{S}", f"{P}<b>{S}"],
            id="one is held",
        ),
        pytest.param(
            [*texts("A"), chunk(CALL, index=1), chunk({}, "tool_calls", 1), chunk({}, "stop")],
            [f"{P}A{S}", ""],
            id="one calls a tool",
        ),
        pytest.param(
            [event(envelope([{"delta": {"content": "A"}}, {"delta": {"content": "B"}}])), DONE],
            [f"{P}A{S}", f"{P}B{S}"],
            id="without index",
        ),
        pytest.param(
            [
                event(
                    envelope(
                        [{"index": None, "delta": {"content": "A"}}, {"index": [], "delta": {"content": "B"}}]
                    )
                )
            ],
            [f"{P}A{S}", f"{P}B{S}"],
            id="the index is no number",
        ),
        pytest.param(
            [*texts("A"), event({"choices": [{"index": [], "delta": {"content": "B"}}]})],
            [f"{P}AB{S}"],
            id="a late index is no number",
        ),
        pytest.param(
            [*texts("A", index=1), *texts("A"), USAGE], [f"{P}A{S}", f"{P}A{S}"], id="1 comes first"
        ),
        pytest.param([*texts("A"), *texts("B", index=1)], [f"{P}A{S}", f"{P}B{S}"], id="nobody finishes"),
    ],
)
def test_every_choice_is_an_answer_of_its_own(chunks: list[bytes], wanted: list[str]) -> None:
    """R12: however the choices are mixed, each has its own labels and its own content number."""
    passed = send(chunks)
    assert [spoken(passed.body, at) for at in range(len(wanted))] == wanted
    number = passed.outcome.number
    numbers = [f"{number}-{at}" for at in range(len(wanted))] if len(wanted) > 1 else [number]
    assert [one.number for one in passed.outcome.slots] == numbers
