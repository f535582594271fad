"""All lexicons in one automaton: one pass over a text finds the words of every topic.

Weights of different words add up; of overlapping finds of one lexicon only the longest counts, and
nothing that lies within a blocker. The patterns of all lexicons stand in one RE2 set, so that a text
that holds none of them costs one more pass.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from labeler.policy.patterns import compile_pattern, pattern_set
from labeler.policy.topics.ceiling import Ceiling, Hit, Use
from labeler.policy.topics.fold import fold, fold_term, latin, stands_alone
from labeler.policy.topics.hint import Hint, hint
from labeler.policy.topics.lexicon import Lexicon

_PLACES = 1000  # of a set's words in one text that are tried as halves of a pair
_KEPT = 8  # engines; a process has few sets of lexicons, tests have many


class _Pair(NamedTuple):
    first: str
    second: str
    within: int
    weight: float
    ordered: bool


@dataclass(slots=True)
class _Tally:
    """What one lexicon found in one text: words, and the numbers of patterns. Spans are (end, start)."""

    reach: int = 0
    blocked: int = 0
    found: dict[str | int, float] = field(default_factory=dict)
    places: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def add(self, words: str | int, weight: float) -> None:
        self.found[words] = self.found.get(words, 0) + weight


@dataclass(frozen=True, eq=False)
class Engine:
    """The lexicons of all topics, ready to search; immutable and safe to share."""

    lexicons: tuple[Lexicon, ...]
    words: tuple[str, ...]
    _bounded: tuple[bool, ...]  # whether a word begins or ends with a Latin letter or digit
    _uses: tuple[tuple[Use, ...], ...]
    _ceiling: Ceiling
    _automaton: AhoCorasick
    _pairs: tuple[Mapping[str, Sequence[_Pair]], ...]
    _searches: tuple[tuple[int, float, Callable[[str], str | None]], ...]
    _patterns: Callable[[str], Collection[int]]

    @classmethod
    def of(cls, lexicons: Iterable[Lexicon]) -> Engine:
        """The automaton over lexicons that are valid; built once for the same ones."""
        sheets = tuple(lexicons)
        key = tuple(map(id, sheets))  # the engine keeps them, so that their ids stay theirs
        known = _built.get(key)
        if known is None:
            if len(_built) >= _KEPT:
                _built.clear()
            known = _built[key] = cls._of(sheets)
        return known

    @classmethod
    def _of(cls, sheets: tuple[Lexicon, ...]) -> Engine:
        uses = _uses(sheets)
        words = tuple(uses)
        patterns = [(number, one) for number, sheet in enumerate(sheets) for one in sheet.patterns]
        return cls(
            lexicons=sheets,
            words=words,
            _bounded=tuple(latin(word[0]) or latin(word[-1]) for word in words),
            _uses=tuple(uses.values()),
            _ceiling=Ceiling(sheets, uses.values()),
            _automaton=AhoCorasick(words),
            _pairs=tuple(map(_by_first, sheets)),
            _searches=tuple((at, one.weight, compile_pattern(one.regex)) for at, one in patterns),
            _patterns=pattern_set([one.regex for _, one in patterns]),
        )

    @cached_property
    def hint(self) -> Hint | None:
        """A first look for engines of words of which any one is enough; None for others."""
        words: list[str] = []
        for one in self.lexicons:
            enough = all(group.weight >= one.threshold for group in one.groups)
            if not enough or one.pairs or one.patterns:
                return None
            words += [term for group in one.groups for term in group.terms]
        return hint(tuple(words))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of the lexicons, in hex."""
        whole = "\n".join([lexicon.model_dump_json() for lexicon in self.lexicons])
        return hashlib.sha256(whole.encode()).hexdigest()

    def find(self, *texts: str, decay: float = 1.0) -> dict[str, tuple[str, ...]]:
        """The topics that texts (oldest first, well-formed, as written) are about, in the order of the
        lexicons, each with the words that speak for it, as folded.

        Every text is scored apart. One that reaches a topic's threshold is enough, however early it is
        (a question that follows often says no more than "and how much of it?"); below it they add up,
        and what is `k` before the last weighs `decay ** k`.
        """
        folded = [fold(text) for text in texts]
        hits = [self.scan(text) for text in folded]
        patterns = [self._patterns(text) for text in folded]
        others = [self._searches[number][:2] for found in patterns for number in found]
        reach = self._ceiling.within_reach(hits, others)
        if not reach:
            return {}
        tallies = [self._tallies(*one, reach) for one in zip(folded, hits, patterns, strict=True)]
        sums: dict[int, float] = {}
        met: set[int] = set()
        weight = 1.0
        for tally in reversed(tallies):
            for lexicon, one in tally.items():
                score = sum(one.found.values())
                sums[lexicon] = total = sums.get(lexicon, 0.0) + score * weight
                if max(score, total) >= self._ceiling.thresholds[lexicon]:
                    met.add(lexicon)
            weight *= decay
        return self._named(met, tallies, folded) if met else {}

    def _named(
        self, met: Iterable[int], tallies: Sequence[Mapping[int, _Tally]], texts: Sequence[str]
    ) -> dict[str, tuple[str, ...]]:
        """The topics of the lexicons that are met, each with the words that speak for it, the heaviest
        first."""
        topics: dict[str, dict[str, float]] = {}
        for lexicon in sorted(met):
            words = topics.setdefault(self.lexicons[lexicon].id, {})
            for tally, text in zip(tallies, texts, strict=True):
                for found, weight in tally[lexicon].found.items() if lexicon in tally else ():
                    word = found if isinstance(found, str) else self._searches[found][2](text)
                    if word and weight > 0:
                        words[word] = max(weight, words.get(word, 0.0))
        return {
            topic: tuple(sorted(words, key=words.__getitem__, reverse=True))
            for topic, words in topics.items()
        }

    def _tallies(
        self, text: str, hits: Iterable[Hit], patterns: Iterable[int], reach: Collection[int]
    ) -> dict[int, _Tally]:
        """What the lexicons in reach have in one text."""
        tallies: dict[int, _Tally] = {}
        for start, end, index in self._ordered(text, hits):
            for lexicon, literal, weight, sets in self._uses[index]:
                if lexicon not in reach:
                    continue
                tally = tallies.get(lexicon)
                if tally is None:
                    tally = tallies[lexicon] = _Tally()
                if literal and end > tally.reach:  # else it lies within a longer one
                    tally.reach = end
                    if weight:
                        tally.found[self.words[index]] = weight
                    else:
                        tally.blocked = end
                if sets and end > tally.blocked:
                    for name in sets:
                        places = tally.places.setdefault(name, [])
                        if len(places) < _PLACES:
                            places.append((end, start))
        for lexicon, tally in tallies.items():
            if tally.places:
                for words, weight in _paired(text, self._pairs[lexicon], tally.places):
                    tally.add(words, weight)
        for number in patterns:
            lexicon, weight, _ = self._searches[number]
            tallies.setdefault(lexicon, _Tally()).add(number, weight)
        return tallies

    def scan(self, folded: str) -> list[Hit]:
        """Every place of every word, overlapping or not: its number in `words`, start and end."""
        return self._automaton.find_matches_as_indexes(folded, overlapping=True)

    def _ordered(self, text: str, hits: Iterable[Hit]) -> Iterator[tuple[int, int, int]]:
        """Start, end and word of every find, earlier ones first, and longer ones before those inside."""
        bounded = self._bounded
        for start, behind, index in sorted([(start, -end, index) for index, start, end in hits]):
            if not bounded[index] or stands_alone(text, start, -behind):
                yield start, -behind, index


_built: dict[tuple[int, ...], Engine] = {}


def forget() -> None:
    """Build anew the next time, as a new process does."""
    _built.clear()


def _uses(sheets: Sequence[Lexicon]) -> dict[str, tuple[Use, ...]]:
    """What each folded word means to which lexicon; of a word that stands twice the last place counts."""
    known: dict[str, tuple[Use, ...]] = {}
    for number, sheet in enumerate(sheets):
        weights = {fold_term(term): group.weight for group in sheet.groups for term in group.terms}
        weights |= {fold_term(word): 0.0 for word in sheet.blockers}
        sets: dict[str, tuple[str, ...]] = {}
        for name, words in sheet.sets.items():
            for word in dict.fromkeys(map(fold_term, words)):
                sets[word] = (*sets.get(word, ()), name)
        for typo, word in sheet.typos.items():
            wrong, right = fold_term(typo), fold_term(word)
            if right in weights:
                weights.setdefault(wrong, weights[right])
            if right in sets:
                sets.setdefault(wrong, sets[right])
        shared: dict[tuple[float | None, tuple[str, ...]], tuple[Use]] = {}  # by all words that weigh alike
        for word in weights | sets:
            key = weights.get(word), sets.get(word, ())
            if key not in shared:
                shared[key] = (Use(number, key[0] is not None, key[0] or 0.0, key[1]),)
            known[word] = known[word] + shared[key] if word in known else shared[key]
    known.pop("", None)  # reported by `check_words`
    return known


def _by_first(sheet: Lexicon) -> Mapping[str, Sequence[_Pair]]:
    """The pairs of a lexicon, by the name of their first set."""
    pairs: dict[str, list[_Pair]] = {}
    for one in sheet.pairs:
        pairs.setdefault(one.of[0], []).append(_Pair(*one.of, one.within, one.weight, one.ordered))
    return pairs


def _paired(
    text: str, pairs: Mapping[str, Sequence[_Pair]], places: Mapping[str, Sequence[tuple[int, int]]]
) -> Iterator[tuple[str, float]]:
    """The pairs that stand in the text, each once, as the text has them."""
    for name, first in places.items():
        for pair in pairs.get(name, ()):
            second = places.get(pair.second)
            if not second:
                continue
            span = _near(first, second, pair.within)
            if span is None and not pair.ordered:
                span = _near(second, first, pair.within)
            if span is not None:
                yield text[slice(*span)], pair.weight


def _near(
    first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]], within: int
) -> tuple[int, int] | None:
    """The first span from one of `first` to one of `second` behind it, at most `within` in between."""
    ends = sorted(first)
    for end, start in second:
        at = bisect_right(ends, (start, start)) - 1
        if at >= 0 and ends[at][0] >= start - within:
            return ends[at][1], end
    return None
