"""What texts weigh at most: no topic that they are about is ever given up too early."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labeler.policy.topics import Engine, Group, Lexicon, Pair, Pattern
from labeler.policy.topics.ceiling import Ceiling, Use

WEIGHTS = st.sampled_from([-0.5, 0.1, 0.3, 0.4, 0.5, 1.0])
TEXTS = st.lists(st.text("甲乙丙丁a ", max_size=12), min_size=1, max_size=3)
WORDS = st.lists(st.text("甲乙丙丁", min_size=1, max_size=2), min_size=1, max_size=3, unique=True)


@st.composite
def lexicons(draw: st.DrawFn) -> Lexicon:
    """A small one with terms, pairs and patterns, some of them against the topic."""
    terms = draw(WORDS)
    return Lexicon(
        id=draw(st.sampled_from(["x", "y"])),
        version="1",
        threshold=draw(st.sampled_from([0.3, 0.7, 1.0])),
        groups=tuple(Group(weight=draw(WEIGHTS), terms=(term,)) for term in terms),
        sets={"one": tuple(draw(WORDS)), "two": tuple(draw(WORDS))},
        pairs=(
            Pair(of=("one", "two"), within=2, weight=draw(WEIGHTS)),
            Pair(of=("one", "one"), within=5, weight=draw(WEIGHTS), ordered=True),
        ),
        patterns=(Pattern(regex="甲+乙", weight=draw(WEIGHTS)), Pattern(regex="丁.?a", weight=draw(WEIGHTS))),
    )


class Open(Ceiling):
    """Gives nothing up."""

    def within_reach(self, *_: object) -> set[int]:
        return set(range(len(self.thresholds)))


@given(st.lists(lexicons(), min_size=1, max_size=3), TEXTS, st.sampled_from([0.0, 0.6, 1.0]))
def test_every_topic_of_a_text_is_within_reach(sheets: list[Lexicon], texts: list[str], decay: float) -> None:
    """What is found is what a search finds that looks at everything, in one message or several."""
    engine = Engine._of(tuple(sheets))
    patient = Engine._of(tuple(sheets))
    object.__setattr__(patient, "_ceiling", Open(sheets, patient._uses))
    assert engine.find(*texts, decay=decay) == patient.find(*texts, decay=decay)


def test_words_that_reach_no_threshold_are_looked_at_no_further() -> None:
    """One word of a pair is not enough, nor is a word that speaks against the topic."""
    sheet = Lexicon(
        id="x",
        version="1",
        threshold=1,
        groups=(Group(weight=-1, terms=("丙",)),),
        sets={"one": ("甲",), "two": ("乙",)},
        pairs=(Pair(of=("one", "two"), within=2, weight=1),),
    )
    words = [(Use(0, False, 0.0, ("one",)),), (Use(0, False, 0.0, ("two",)),), (Use(0, True, -1.0, ()),)]
    ceiling = Ceiling([sheet], words)
    assert ceiling.within_reach([[(0, 0, 1), (2, 1, 2)]], []) == set()
    assert ceiling.within_reach([[(0, 0, 1)], [(1, 0, 1)]], []) == set()
    assert ceiling.within_reach([[(0, 0, 1), (1, 3, 4)]], []) == {0}
