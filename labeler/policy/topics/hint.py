"""A first look at a text as it is written: whether it can have one of some words at all.

Folding a text costs more than searching it. Most texts have none of the few characters without which
none of the words can stand in it, nor any that folds to something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from labeler.policy.topics.fold import fold_term, plain

_COMMON = frozenset(
    "abcdefghilmnoprstuy的一是不了在有人我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她"
    "里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将"
    "外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门"
    "相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五水万市眼体别处总才场师书比住员九笑性通目华报立马活难"
    "神数件安表原车白应路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它许特觉"
    "望直服毛林题建南度统色字请交爱让认算论百吃"
)
"""Characters that nearly every text has."""
_DULL = 0.05
"""What one of those is worth as an anchor, beside another."""
Hint = Callable[[str], object]
"""Nothing, where a text has none of the words; it may have one where there is something."""


@lru_cache(maxsize=256)
def hint(words: tuple[str, ...]) -> Hint:
    """The first look for these words."""
    anchors = _anchors([set(fold_term(word)) for word in words])
    return re.compile(f"[^{plain(anchors | {char.upper() for char in anchors})}]").search


def _anchors(words: Iterable[set[str]]) -> set[str]:
    """Few characters of which every word has one; white space and signs are none."""
    left = [{char for char in word if char.isalnum()} or word for word in words]
    anchors: set[str] = set()
    while left:
        counts: dict[str, int] = {}
        for word in left:
            for char in word:
                counts[char] = counts.get(char, 0) + 1
        best = max(sorted(counts), key=lambda char: counts[char] * (_DULL if char in _COMMON else 1))
        anchors.add(best)
        left = [word for word in left if best not in word]
    return anchors
