"""What texts can weigh for each lexicon at most, told from their words alone, wherever they stand.

Most texts cannot reach any threshold, and are then looked at no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labeler.policy.topics.lexicon import Lexicon

_ROUNDING = 1e-9  # sums of tenths that should be 1
_KEPT = 4096  # sets that stand in one text together, of which the pairs are remembered

Hit = tuple[int, int, int]
"""A word's number, and from where to where it stands in a text."""
Gain = tuple[int, float]
"""The number of a lexicon, and what speaks for it."""


class Use(NamedTuple):
    """What one lexicon knows a word as."""

    lexicon: int
    literal: bool
    weight: float  # 0 for a blocker
    sets: tuple[str, ...]


class Ceiling:
    """The most that texts can weigh for lexicons: never less than what they do."""

    def __init__(self, sheets: Sequence[Lexicon], words: Iterable[Sequence[Use]]) -> None:
        """`words` in the order of their numbers; those that are used alike may share their uses."""
        self.thresholds = tuple(sheet.threshold - _ROUNDING for sheet in sheets)
        names = [(at, name) for at, sheet in enumerate(sheets) for name in sheet.sets]
        bits = {name: 1 << number for number, name in enumerate(names)}
        self._pairs = [
            (bits[at, pair.of[0]] | bits[at, pair.of[1]], (at, pair.weight))
            for at, sheet in enumerate(sheets)
            for pair in sheet.pairs
            if pair.weight > 0
        ]
        self._paired: dict[int, tuple[Gain, ...]] = {}
        self._sets: list[int] = []  # of each word, a bit for each
        self._gains: list[tuple[Gain, ...]] = []  # of each word
        known: dict[int, tuple[int, tuple[Gain, ...]]] = {}
        for uses in words:
            if id(uses) not in known:
                own = {bits[one.lexicon, name] for one in uses for name in one.sets}
                gains = tuple((one.lexicon, one.weight) for one in uses if one.weight > 0)
                known[id(uses)] = sum(own), gains
            sets, gains = known[id(uses)]
            self._sets.append(sets)
            self._gains.append(gains)

    def within_reach(self, texts: Iterable[Iterable[Hit]], others: Iterable[Gain]) -> set[int]:
        """The lexicons whose threshold the texts may reach together. `texts` are the words that stand in
        each, `others` what speaks for a lexicon, or against it, besides."""
        all_sets, all_gains = self._sets, self._gains
        gains = [gain for gain in others if gain[1] > 0]
        for words in texts:
            sets = 0
            for word, _, _ in words:
                sets |= all_sets[word]
                gains += all_gains[word]
            if sets:
                known = self._paired.get(sets)
                gains += self._pairs_of(sets) if known is None else known
        most: dict[int, float] = {}
        for lexicon, weight in gains:
            most[lexicon] = most.get(lexicon, 0.0) + weight
        return {lexicon for lexicon, weight in most.items() if weight >= self.thresholds[lexicon]}

    def _pairs_of(self, sets: int) -> tuple[Gain, ...]:
        """The pairs that may stand in a text with words of these sets."""
        found = tuple(gain for both, gain in self._pairs if sets & both == both)
        if len(self._paired) < _KEPT:
            self._paired[sets] = found
        return found
