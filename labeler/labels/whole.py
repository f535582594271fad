"""The labels of a text that is there as a whole."""

from __future__ import annotations

from labeler.labels.ending import closing
from labeler.labels.opening import JSON_ANSWER, THINK, THOUGHT, opening
from labeler.labels.plan import GAP, Plan
from labeler.values import Stamp


def instead(words: str, plan: Plan) -> str:
    """Safe words as an answer of their own, with its labels."""
    return GAP.join([*(one.words for one in plan.opening), words, *(one.words for one in plan.closing)])


def visible(text: str) -> str:
    """A text without the inline reasoning that it begins with."""
    if not text.removeprefix("\ufeff").lstrip().startswith(THINK):
        return text
    return text.partition(THOUGHT)[2]


def whole(
    text: str, plan: Plan, *, tool: bool = False
) -> tuple[list[tuple[int, str]], tuple[Stamp, ...], str]:
    """The labels of a complete text: (character, words) to insert, the stamps that then stand in
    it, and why there are none. `tool`: the turn goes on with a tool call."""
    if not tool and _ordinary(text, plan):
        inserts = [(0, plan.head)] if plan.head else []
        return [*inserts, (len(text), plan.foot)] if plan.foot else inserts, plan.said, ""
    begun = opening(text, plan.opening, final=True)
    if begun is None or begun.kind == "empty":
        return [], (), "tool call" if tool else "no text"
    if begun.kind == "json":
        return [], (), JSON_ANSWER
    if begun.kind == "thinking":  # who does not know the tag shows all of it
        return _behind_thinking(text, plan) if not tool else ([], (), "tool call")
    inserts = [(begun.at, begun.words)] if begun.words else []
    if tool:
        return inserts, begun.said, "tool call"
    at, words = closing(text, plan.closing, 0 if begun.words else begun.at)
    if words:
        inserts.append((at, words))
    return inserts, plan.said if begun.said is plan.opening else united(begun.said, plan.closing), ""


def _behind_thinking(text: str, plan: Plan) -> tuple[list[tuple[int, str]], tuple[Stamp, ...], str]:
    said = united(plan.opening, plan.closing)
    at, words = closing(text, said)
    return [(at, words)] if words else [], said, ""


def _ordinary(text: str, plan: Plan) -> bool:
    """Whether a text surely is one into whose beginning and end nothing has to be read: it starts with
    no sign that could belong to JSON, reasoning, a page or a label, opens no block that a label would
    fall into, and ends with none of the labels."""
    first = text[:1]
    if first <= " " or first in _UNSURE or first in plan.starts:
        return False
    if "<" in text or ("`" in text and "```" in text) or ("~" in text and "~~~" in text):
        return False  # one character is found thirty times as fast as several
    return not text.rstrip().endswith(plan.ends)


_UNSURE = frozenset("{[<\ufeff")


def united(first: tuple[Stamp, ...], second: tuple[Stamp, ...]) -> tuple[Stamp, ...]:
    """Both, each stamp once."""
    return tuple(dict.fromkeys(first + second))
