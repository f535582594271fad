"""Complete texts: what is told at a glance about the ordinary ones is what reading them tells."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labeler.dialects import DIALECTS
from labeler.dialects.base import Finish
from labeler.labels.ending import closing
from labeler.labels.opening import opening
from labeler.labels.plan import Plan
from labeler.labels.whole import united, whole
from labeler.values import Stamp

MARKER = Stamp("marker", "【AI生成】", "start", "general", explicit=True)
OTHER = Stamp("disclaimer", "AI-generated", "both", "house", explicit=True)
LAST = Stamp("disclaimer", "不替代医生诊断", "end", "medical")
PLANS = st.sampled_from(
    [
        Plan((MARKER,), (LAST,)),
        Plan((MARKER, OTHER), (OTHER, LAST)),
        Plan((), (LAST,)),
        Plan((MARKER,), ()),
        Plan((OTHER,), (OTHER,)),
    ]
)
BITS = [
    *("【AI生成】", "AI-generated", "不替代医生诊断", "```", "~~~", "<!--", "<html>", "</body></html>", "<think>", "</think>"),
    *("多喝水", "{", "}", "[", "]", "1", "\n", "\n\n", " ", "\ufeff", "\u3000", "- ", "`", "a", "。"),
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(BITS), max_size=8).map("".join)


@given(TEXTS, PLANS)
def test_ordinary_texts_need_no_reading(text: str, plan: Plan) -> None:
    """The labels stand where they would stand after a look at how the text begins and how it ends."""
    begun = opening(text, plan.opening, final=True)
    inserts, said, reason = whole(text, plan)
    if begun is not None and begun.kind == "thinking":
        at, words = closing(text, united(plan.opening, plan.closing))
        assert (inserts, reason) == ([(at, words)] if words else [], "")
        return
    if begun is None or begun.kind != "text":
        assert not inserts
        assert not said
        assert reason
        return
    at, words = closing(text, plan.closing, 0 if begun.words else begun.at)
    expected = [(begun.at, begun.words)] if begun.words else []
    assert inserts == ([*expected, (at, words)] if words else expected)
    assert said == united(begun.said, plan.closing)


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, "", "text", [], {}, [{}], {"name": "f"}, 0, 1, True, "stop", "tool_calls"]
)
MESSAGES = st.dictionaries(
    st.sampled_from(["content", "role", "tool_calls", "function_call", "annotations", "images", "audio"]),
    VALUES,
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "index": VALUES,
        "message": st.one_of(VALUES, MESSAGES),
        "finish_reason": VALUES,
        "error": VALUES,
        "text": VALUES,
        "logprobs": st.one_of(VALUES, st.just({"text_offset": [0, 4]})),
        "content_filter_offsets": st.one_of(VALUES, st.just({"check_offset": 4})),
    },
)


@given(st.lists(CHOICES, max_size=2), st.sampled_from(["openai-chat", "openai-legacy"]))
def test_an_answer_told_at_a_look_is_all_that_there_is(choices: list[object], name: str) -> None:
    """Where a document is said to hold one text alone, its parts are that text and nothing else."""
    dialect, doc = DIALECTS[name], {"choices": choices}
    alone = dialect.alone(doc)
    if alone is not None:
        assert [part for part in dialect.parts(doc) if not isinstance(part, Finish)] == [alone]


def test_the_usual_answers_are_told_at_a_look() -> None:
    """With the members that services send beside a text."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "好",
        "refusal": None,
        "annotations": [],
        "tool_calls": None,
    }
    chat = {"choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]}
    legacy = {"choices": [{"index": 0, "text": "好", "logprobs": None, "finish_reason": "length"}]}
    assert DIALECTS["openai-chat"].alone(chat)
    assert DIALECTS["openai-legacy"].alone(legacy)
