"""One answer, read while it passes: its topics, for labels at the end, and what guards look for."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from labeler.policy.guard import Rule
from labeler.policy.patterns import well_formed
from labeler.policy.topics.fold import fold
from labeler.policy.topics.scan import Found, Scanner
from labeler.values import Because, Guarded, Stamp

# Both begin with one set of characters, which is looked for three times as fast as several things are.
_ENDS = re.compile(r"[。！？!?；;\n.](?:(?<!\.)|(?=\s))")
_RUN = re.compile(r"[。！？!?；;\n.][\W_]++")
"""An end, and what follows it that is no sentence (`***`, `！！`)."""
_SIGN = re.compile(r"(?<=[。！？!?；;\n.\s])(?:[^\w\s]|_)")
"""A sign that may be the first one of those; in most texts there is none."""
_CLOSING = "。！？!?；;\n"
_BLOCK = 4096
"""Characters that are read in one go where nothing may be stopped."""
_SHORT = 400
_LONGEST = 1000
"""Characters of a sentence; what goes on without an end is cut here, so that the wait is bounded."""
_SHOWN = 200
_KEPT = 1 << 20
"""Characters of an answer that are kept for a review."""

Extend = Callable[[Found], tuple[tuple[Stamp, ...], tuple[Because, ...]]]


@dataclass(frozen=True, slots=True)
class Rules:
    """The guards of the policies that an answer falls under, and what follows from them."""

    all: tuple[Rule, ...]
    stops: bool
    waits: bool
    holds: bool
    within: int

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> Self:
        """What holds for all these guards together."""
        found = tuple(rules)
        return cls(
            found,
            stops=any(rule.stops for rule in found),
            waits=any(rule.waits for rule in found),
            holds=any(rule.action == "hold" for rule in found),
            within=max((rule.within for rule in found), default=1),
        )

    def worth_a_look(self, text: str) -> bool:
        """Whether some guard may find something in a complete text, as it is written."""
        return any(rule.worth_a_look(text) for rule in self.all)


class AnswerReader:
    """Reads one answer under the guards of its policies. What it says does not depend on how the text
    was cut."""

    def __init__(
        self,
        rules: Rules,
        scanner: Scanner | None,
        extend: Extend,
        languages: Sequence[str],
        number: str = "",
    ) -> None:
        """`number` is the response's content number, which a guard's words may name."""
        self._rules = list(rules.all)
        self._scanner, self._extend = scanner, extend
        self._languages, self._number = languages, number
        self.stops, self._waits = rules.stops, rules.waits
        self._block = 0 if rules.stops else _BLOCK
        self._pieces: list[str] = []
        self._size = 0
        self._passage: deque[str] = deque(maxlen=rules.within)
        self._kept: list[str] | None = [] if rules.holds else None
        self._room = _KEPT
        self._stamps: tuple[Stamp, ...] = ()
        self.because: tuple[Because, ...] = ()
        self.guarded: tuple[Guarded, ...] = ()

    @property
    def unread(self) -> int:
        return self._size if self._waits else 0

    @property
    def more(self) -> tuple[Stamp, ...]:
        said = tuple(
            Stamp("disclaimer", one.words, "end", one.policy)
            for one in self.guarded
            if one.action == "disclaim"
        )
        return self._stamps + said

    def feed(self, text: str) -> Guarded | None:
        if self._scanner is not None:
            self._scanner.feed(text)
        if not self._rules:
            return None
        if self._kept is not None and self._room > 0:
            self._kept.append(text[: self._room])
            self._room -= len(text)
        after_point = text[:1].isspace() and bool(self._pieces) and self._pieces[-1].endswith(".")
        self._pieces.append(text)
        self._size += len(text)
        if self._size <= self._block:
            return None
        if self._block or self._size > _LONGEST or after_point or _ENDS.search(text):
            return self._look(final=False)
        return None

    def end(self) -> Guarded | None:
        stopped = self._look(final=True) if self._rules else None
        if self._scanner is not None:
            self._stamps, self.because = self._extend(self._scanner.end())
        return stopped

    def _look(self, *, final: bool) -> Guarded | None:
        """Read the sentences that are complete."""
        text = "".join(self._pieces)
        if len(text) > _BLOCK and not final:
            cut, sentences = self._last(text)
            if sentences and not self._suspect(text[:cut]):
                self._passage.extend(sentences)
                self._keep(text[cut:])
                return None
        elif self._block and not self._suspect(text):
            return None
        ends = list(_ends(text, final=final))
        cut = ends[-1] if ends else 0
        self._keep(text[cut:])
        return self._read(text[:cut], ends) if cut else None

    def _keep(self, rest: str) -> None:
        self._pieces, self._size = ([rest], len(rest)) if rest else ([], 0)

    def _suspect(self, text: str) -> bool:
        """Whether some rule may find something in a text: most hold nothing of what any looks for."""
        written = " ".join([*self._passage, text])
        rules = [rule for rule in self._rules if rule.worth_a_look(written)]
        if not rules:
            return False
        return _any_in(rules, " ".join([*self._passage, _filled(text)]))

    def _last(self, text: str) -> tuple[int, list[str]]:
        """Where the last complete sentence ends, and as many of the last ones as a passage may have;
        none where one of them is so long that it counts as several."""
        count = self._passage.maxlen or 1
        for size in (_SHORT, _LONGEST * (count + 2)):
            tail = len(text) - size
            ends = [match.end() for match in _ENDS.finditer(text, max(0, tail))]
            places = list(pairwise([0, *ends] if tail <= 0 else ends))
            sentences = [text[start:end].strip() for start, end in places]
            wanted = [one for one in sentences if any(map(str.isalnum, one))][-count:]
            if ends and (tail <= 0 or len(wanted) == count):
                parts = [*places, (ends[-1], len(text))]
                long = any(end - start > _LONGEST for start, end in parts)
                return (0, []) if long else (ends[-1], wanted)
        return 0, []

    def _read(self, text: str, ends: list[int]) -> Guarded | None:
        """Look at whole sentences: at all of them, and where there may be something, one by one."""
        sentences = [(start, text[start:end].strip()) for start, end in pairwise([0, *ends])]
        sentences = [one for one in sentences if any(map(str.isalnum, one[1]))]
        if len(sentences) > 1:
            written = [*self._passage, *(sentence for _, sentence in sentences)]
            if not _any_in(self._rules, " ".join(written)):
                self._passage.extend(written[-len(sentences) :])
                return None
        for start, sentence in sentences:
            self._passage.append(sentence)
            for rule in list(self._rules):
                stopped = self._apply(rule)
                if stopped is not None:
                    self._size += len(text) - start
                    return stopped
        return None

    def _apply(self, rule: Rule) -> Guarded | None:
        recent = list(self._passage)[-rule.within :]
        passage = fold(well_formed(" ".join(recent)))
        if rule.found_in(passage) is None:
            return None
        self._rules.remove(rule)
        words = rule.said(self._languages).replace("{number}", self._number)
        text = "".join(self._kept or ()) if rule.action == "hold" else ""
        guarded = Guarded(rule.policy, rule.guard, rule.action, words, " ".join(recent)[-_SHOWN:], text)
        self.guarded += (guarded,)
        return guarded if rule.stops else None


def _filled(text: str) -> str:
    """The text without sentences in which there is no word."""
    return _RUN.sub(_cut, text) if _SIGN.search(text) else text


def _cut(run: re.Match[str]) -> str:
    """The end itself, without what follows it up to the last end; white space alone stays."""
    found, rest = run[0], run[0][1:]
    if not rest.strip():
        return found
    last = max(map(rest.rfind, _CLOSING))
    return found if last < 0 else f"{found[0]} {rest[last + 1 :]}"


def _any_in(rules: Iterable[Rule], written: str) -> bool:
    """Whether some rule may find something in a passage of these sentences."""
    folded = fold(well_formed(written))
    return any(all(test(folded) is not None for test in rule.tests) for rule in rules)


def _ends(text: str, *, final: bool) -> Iterator[int]:
    """Where the sentences of a text end; what goes on for too long counts as several."""
    start = 0
    for end in [*(match.end() for match in _ENDS.finditer(text)), len(text)]:
        while end - start > _LONGEST:
            start += _LONGEST
            yield start
        if end > start and (end < len(text) or final or _ENDS.match(text, end - 1)):
            start = end
            yield end
