"""How an answer begins: where the labels before it go, or why none may."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import orjson

from labeler.labels.plan import GAP
from labeler.values import Stamp

THINK, THOUGHT = "<think>", "</think>"
JSON_ANSWER = "JSON answer"
"""The reason for which a text that turned out to be JSON takes no words."""
_BRACKETS = {
    "【": "】",
    "[": "]",
    "「": "」",
    "『": "』",
    "(": ")",
    "（": "）",
    "〔": "〕",
    "<": ">",
    "《": "》",
}
_SPACES = re.compile(r"\s*")
_JSON_START = re.compile(r'\s*(?:\{|\[\s*(?:[\[{"\]\d-]|true|false|null))')
_JSON_PREFIX = re.compile(r"\s*(?:\[\s*(?:t|tr|tru|f|fa|fal|fals|n|nu|nul)?)?\Z")


class Opening(NamedTuple):
    """`words` go in at character `at`; `said` are the stamps that the answer then begins with.

    `kind` is `text`, `json` (could be a JSON answer: no words at the start), `thinking` (the text
    begins with inline reasoning that is still open, at its end too) or `empty` (nothing visible).
    """

    kind: str
    at: int = 0
    words: str = ""
    said: tuple[Stamp, ...] = ()


def opening(text: str, stamps: tuple[Stamp, ...], *, final: bool, reasoned: bool = False) -> Opening | None:
    """Decide on the first characters of an answer; None while they could still become the mark
    itself, inline reasoning, or JSON, and more may come (`final` says that no more will).

    `reasoned`: the text follows inline reasoning, whose end stands before its first character.
    """
    bom = text.startswith("\ufeff")  # stays in front of everything
    first = 0 if text[:1] > " " and not bom else len(text) - len(text[bom:].lstrip())
    if first == len(text):
        return Opening("empty") if final else None
    if not reasoned and text.startswith(THINK, first):
        return _after_thinking(text, stamps) if final else Opening("thinking")
    if not (final or reasoned) and THINK.startswith(text[first : first + len(THINK)]):
        return None
    at, missing, undecided = _already(text, first, stamps, final=final)
    if undecided:
        return None
    if at == first:
        json = is_json(text) if final else _begins_json(text[bom:])
        if json is None:
            return None
        if json:
            return Opening("json")
        at = _line_start(text, first) if reasoned else int(bom)
    lead = GAP if (reasoned and at == 0) or at > first else ""
    lead = lead[: 2 - min(2, len(text[:at]) - len(text[:at].rstrip("\n")))] if at > first else lead
    words = "".join([stamp.words + GAP for stamp in missing])
    return Opening("text", at, words and lead + words, stamps)


def _after_thinking(text: str, stamps: tuple[Stamp, ...]) -> Opening:
    end = text.find(THOUGHT)
    if end < 0:
        return Opening("thinking")
    after = opening(text[end + len(THOUGHT) :], stamps, final=True, reasoned=True)
    if after is None:
        return Opening("empty")
    return after._replace(at=end + len(THOUGHT) + after.at)


def _line_start(text: str, first: int) -> int:
    """The start of the line on which the first visible character stands: its indent stays its own."""
    return text.rfind("\n", 0, first) + 1


def _already(
    text: str, first: int, stamps: tuple[Stamp, ...], *, final: bool
) -> tuple[int, tuple[Stamp, ...], bool]:
    """Where the labels end that the text already begins with, which are missing, and whether the
    text breaks off within what could still become one of those."""
    missing, at = stamps, first
    while missing:
        hit = next((s for s in missing if marked(text, at, s.words, final=final)), None)
        if hit is None:
            return at, missing, not final and any(_could_be(text[at:], s.words) for s in missing)
        missing = tuple(stamp for stamp in missing if stamp is not hit)
        at += len(hit.words)
        at = _SPACES.match(text, at).end() if missing else at  # type: ignore[union-attr]
    return at, missing, False


def marked(text: str, at: int, words: str, *, final: bool) -> bool:
    """Only the exact mark counts: words without a closing bracket of their own must end their line."""
    if not text.startswith(words, at):
        return False
    after = text[at + len(words) : at + len(words) + 1]
    return _bracketed(words) or after in ("\n", "\r") or (final and not after)


def _could_be(rest: str, words: str) -> bool:
    return words.startswith(rest) if len(rest) < len(words) else rest == words


def _bracketed(words: str) -> bool:
    return _BRACKETS.get(words[0]) == words[-1]


def _begins_json(text: str) -> bool | None:
    """Whether the text could be the start of a JSON object or array (`[链接](…)` cannot); None
    while too few characters are there to tell. A brace is enough, so that the way in which an upstream
    cuts its text decides nothing."""
    if _JSON_START.match(text):
        return True
    return None if _JSON_PREFIX.match(text) else False


def is_json(text: str) -> bool:
    """True where the whole text is one JSON object or array."""
    text = text.removeprefix("\ufeff")
    if text[:1] not in "{[ \t\n\r" or text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        whole = _without_halves(text)
        return is_json(whole) if whole != text else _deep_json(text)
    return True


def _deep_json(text: str) -> bool:
    """What is nested too deeply for the fast parser; too deep for any is left alone as well."""
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _without_halves(text: str) -> str:
    """The text with surrogate pairs that came in two pieces put together; other halves become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
