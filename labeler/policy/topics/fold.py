"""The form in which texts and terms are compared: one spelling for all that a reader takes for the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

_SIMPLIFIED = {
    pair[0]: pair[1]
    for line in Path(__file__).with_name("simplified.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for pair in line.split()
}
_UNSEEN = [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF]
_UNSEEN += range(0xFE00, 0xFE10)  # variation selectors
_AWAY = dict.fromkeys(_UNSEEN)
_WIDE = {sign: chr(ord(sign) - 0xFEE0) for sign in "！，：；？（）"}  # as NFKC has them
_HAN = "\u3007\u3400-\u9fff"
_GAP = re.compile(f" (?:(?<=[{_HAN}] )|(?=[{_HAN}]))").sub
_SIGNS = f"\\x00-\\x7f、。“”‘’《》【】{''.join(_WIDE)}"
_RARE_RUNS = re.compile(f"[^{_SIGNS}\u4e00-\u9fa5]+").finditer
_TRADITIONAL = re.compile(f"[{''.join(_SIMPLIFIED)}]").search
_HELD = sorted(char for char in _SIMPLIFIED if "\u4e00" <= char <= "\u9fa5")
_SIMPLE = [  # the ranges of Chinese characters without the traditional ones
    (ord(before) + 1, ord(after) - 1)
    for before, after in pairwise(["\u4dff", *_HELD, "\u9fa6"])
    if ord(after) - ord(before) > 1
]
_KEPT = [(0, 0x7F), *((ord(sign), ord(sign)) for sign in (*"、。“”‘’《》【】", *_WIDE)), *_SIMPLE]


def plain(without: Iterable[str] = ()) -> str:
    """The inside of a character class: what `fold` leaves as it is, but for case and a few signs,
    `without` some characters."""
    cuts = sorted({ord(char) for char in without})
    parts: list[tuple[int, int]] = []
    for first, last in _KEPT:
        start = first
        for cut in cuts:
            if start <= cut <= last:
                parts.append((start, cut - 1))
                start = cut + 1
        parts.append((start, last))
    return _inside(parts)


def _inside(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(
        f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges if first <= last
    )


_OTHERS = re.compile(f"[^{plain()}]").search
_CHANGING = re.compile(f"[^{plain(map(chr, range(0x41, 0x5B)))}]").search
_PLAIN = re.compile(f"[{_inside(_SIMPLE)}]+").fullmatch
_SAME = {code: code for code in (*range(0x80), *range(0x4E00, 0x9FA6), *map(ord, "，。？！、：；（）“”"))}
_TABLE = _SAME | str.maketrans(_SIMPLIFIED)  # a character that is not in the table costs three times as much


def fold(text: str) -> str:
    """Unicode NFKC, case-folded, traditional characters as simplified ones, unseen characters left
    out, white space made single, and none of it beside a Chinese character."""
    if text.isascii():
        return " ".join(text.lower().split())
    if _PLAIN(text):
        return text
    if _CHANGING(text):  # also by its case
        if _OTHERS(text):
            text = _normal(text)
            if _TRADITIONAL(text):
                text = text.translate(_TABLE)
        text = text.lower()
    for wide, narrow in _WIDE.items():
        text = text.replace(wide, narrow)
    text = " ".join(text.split())
    return _GAP("", text) if " " in text else text


def _normal(text: str) -> str:
    """NFKC, case-folded, of what is neither ASCII nor common Chinese; the rest is left as it is."""
    parts: list[str] = []
    done = 0
    for run in _RARE_RUNS(text):
        start = max(done, run.start() - 1)  # with the letter before, which an accent joins
        normal = unicodedata.normalize("NFKC", text[start : run.end()])
        parts += text[done:start], normal.casefold().translate(_AWAY)
        done = run.end()
    return "".join([*parts, text[done:]]) if done else text


@lru_cache(maxsize=1 << 15)
def fold_term(term: str) -> str:
    """`fold` for the terms of lexicons, which are looked at several times while they are loaded."""
    return fold(term)


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a find's Latin ends are not inside a longer Latin word or number."""
    return not (
        (latin(text[start]) and start > 0 and latin(text[start - 1]))
        or (latin(text[end - 1]) and end < len(text) and latin(text[end]))
    )


def latin(char: str) -> bool:
    """Whether a character belongs to a word that has its bounds at spaces and signs."""
    return char < "\u2000" and char.isalnum()
