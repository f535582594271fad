"""Topics: lexicons that tell from the user's words what a question is about.

Each `<topic>.<language>.yaml` here is a lexicon. Terms have weights; the weights of the different
terms that are found are added up, and the topic is met from a lexicon's threshold on. A blocker is a
longer word that holds a term by accident: 「潮流感」 holds 「流感」. A pair is a word of each of two
sets, near each other: a part of the body and a complaint.
"""

from labeler.policy.topics.engine import Engine
from labeler.policy.topics.files import Topics, all_lexicons, lexicon_of, load_topics
from labeler.policy.topics.fold import fold
from labeler.policy.topics.house import House, with_house
from labeler.policy.topics.lexicon import Group, Lexicon, Pair, Pattern

__all__ = [
    "Engine",
    "Group",
    "House",
    "Lexicon",
    "Pair",
    "Pattern",
    "Topics",
    "all_lexicons",
    "fold",
    "lexicon_of",
    "load_topics",
    "with_house",
]
