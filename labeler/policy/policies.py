"""The policies of a service, compiled: what there is to decide with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from labeler.policy.assemble import assemble
from labeler.policy.condition import Answer
from labeler.policy.document import Document
from labeler.policy.guard import Rule, compiled
from labeler.policy.match import Match, compile_match
from labeler.policy.model import Disclaimer, Marker, Policy
from labeler.policy.patterns import name_glob, pattern_set
from labeler.policy.people import Remind
from labeler.policy.reader import Rules
from labeler.policy.topics import Engine, Topics, all_lexicons
from labeler.policy.topics.scan import Scanner, idle, word_list
from labeler.policy.triggers import Triggers
from labeler.values import Because, Verdict

_KEPT = 1024  # combinations of scenarios, with what follows from each; far more than are in use


@dataclass(frozen=True, slots=True)
class Marks:
    """Every wording that can stand at the start and at the end of an answer, longest first."""

    starts: tuple[str, ...]
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service adds to its policies: the default policy's id, the language where a question
    has none, how many of the user's last messages count, and the operator's word on models: a glob
    over the name, and the scenarios that a request for such a model always falls under. Explicit labels
    are said under its `jurisdictions` alone.

    A message before the last one counts `decay` times what the one after it counts. `answer` is how
    many characters at each end of an answer are searched (8 KiB of Chinese), 0 for none.
    """

    default: str = "general"
    language: str = "zh"
    messages: int = 3
    models: tuple[tuple[str, tuple[str, ...]], ...] = ()
    decay: float = 0.6
    answer: int = 2730
    jurisdictions: tuple[str, ...] = ("cn",)


@dataclass(frozen=True, slots=True)
class Source:
    """A policy and the file that it came from."""

    policy: Policy
    document: Document


@dataclass(frozen=True, slots=True, eq=False)
class PolicySet:
    """The policies of a service, in stable order, the default first; immutable, safe to share.

    `revision` is the first 12 hex digits of the SHA-256 over the policies, the topics that they name
    and the settings: the same digits, the same decisions.
    """

    sources: tuple[Source, ...]
    topics: Topics
    settings: Settings
    revision: str
    marks: Marks
    _engine: Engine
    _patterns: Callable[[str], Collection[int]]
    _answers: Engine | None
    _policies: Mapping[str, Policy]
    _matches: tuple[tuple[str, Match], ...]
    _triggers: Triggers
    _answering: tuple[tuple[str, Match], ...]
    _rules: tuple[Rule, ...]
    _models: tuple[tuple[str, Callable[[str], bool], tuple[str, ...]], ...]
    _default: Because
    _places: Mapping[str, int]
    _assembled: dict[tuple[tuple[str, ...], str], Verdict]
    _guards: dict[tuple[str, ...], Rules]

    @classmethod
    def of(cls, sources: Iterable[Source], topics: Topics, settings: Settings) -> PolicySet:
        """Compile policies that are valid, with different ids, one of them the default."""
        ordered = tuple(sorted(sources, key=lambda one: one.policy.id != settings.default))
        policies = {one.policy.id: one.policy for one in ordered}
        others = [one for one in ordered if one.policy.id != settings.default]
        patterns: list[str] = []
        matches, conditions = [], []
        for one in others:
            before = len(patterns)
            matches.append(_match(one, patterns))
            conditions.append((one.policy.match, range(before, len(patterns))))
        answering = {one.policy.id for one in others if _answers(one.policy)}
        engine = Engine.of(all_lexicons(topics))
        return cls(
            sources=ordered,
            topics=topics,
            settings=settings,
            revision=_revision(policies.values(), engine.digest, settings),
            marks=_marks(policies.values()),
            _engine=engine,
            _patterns=pattern_set(patterns),
            _answers=_answer_engine(engine, [one.policy for one in others]) if settings.answer else None,
            _policies=policies,
            _matches=tuple(matches),
            _triggers=Triggers(conditions),
            _answering=tuple((name, match) for name, match in matches if name in answering),
            _rules=tuple(
                compiled(one.id, name, guard)
                for one in policies.values()
                for name, guard in one.guards.items()
            ),
            _models=tuple((glob, name_glob(glob), scenarios) for glob, scenarios in settings.models),
            _default=Because(settings.default, "default"),
            _places={name: at for at, name in enumerate(policies)},
            _assembled={},
            _guards={},
        )

    @property
    def policies(self) -> tuple[Policy, ...]:
        return tuple(self._policies.values())

    @property
    def reminding(self) -> Mapping[str, Remind]:
        """The policies that want users to be reminded, and how."""
        return {one.id: one.remind for one in self.policies if one.remind is not None}

    @property
    def constant(self) -> frozenset[str]:
        """The ids of the policies that apply to every request: the default, and `match: always`."""
        always = {one.id for one in self.policies if one.match.always}
        return frozenset(always | {self.settings.default})

    def assembled(self, scenarios: tuple[str, ...], language: str) -> Verdict:
        """The verdict where these scenarios apply, the default alone as its reason; made once and kept."""
        verdict = self._assembled.get((scenarios, language))
        if verdict is None:
            chosen = [self._policies[name] for name in scenarios]
            settings = self.settings
            bare = assemble(chosen, language, settings.language, self.revision, settings.jurisdictions)
            verdict = replace(bare, because=(self._default,))
            if len(self._assembled) < _KEPT:
                self._assembled[scenarios, language] = verdict
        return verdict

    def ordered(self, scenarios: Iterable[str]) -> tuple[str, ...]:
        """Scenarios in the order of their policies."""
        return tuple(sorted(scenarios, key=self._places.__getitem__))

    def guards(self, scenarios: tuple[str, ...]) -> Rules:
        """The guards of these scenarios; put together once and kept."""
        rules = self._guards.get(scenarios)
        if rules is None:
            rules = Rules.of(rule for rule in self._rules if rule.policy in scenarios)
            if len(self._guards) < _KEPT:
                self._guards[scenarios] = rules
        return rules

    def idle(self, answer: str) -> bool:
        """Whether it is certain at a glance that `scanner` finds nothing in a complete answer."""
        return self._answers is None or idle(self._answers, self.settings.answer, answer)

    def scanner(self) -> Scanner | None:
        """What looks at the text of one answer as it passes; None where no policy asks for it."""
        if self._answers is None:
            return None
        return Scanner(self._answers, self.settings.answer, (self.marks.starts, self.marks.ends))


def _match(source: Source, patterns: list[str]) -> tuple[str, Match]:
    path = f"{source.document.problem(('match',), '').file}: match"  # it may be inherited
    return source.policy.id, compile_match(source.policy.match, patterns, path)


def _answers(policy: Policy) -> list[Answer]:
    return [leaf.answer for leaf in policy.match.leaves() if leaf.answer is not None]


def _answer_engine(questions: Engine, policies: Iterable[Policy]) -> Engine | None:
    """What answers are searched with: the lexicons and words that policies ask for, and no others."""
    asked = [answer for policy in policies for answer in _answers(policy)]
    if not asked:
        return None
    topics = {answer.topic for answer in asked}
    lists = {one.id: one for one in (word_list(answer.words) for answer in asked if answer.words is not None)}
    return Engine.of([*(one for one in questions.lexicons if one.id in topics), *lists.values()])


def _revision(policies: Iterable[Policy], lexicons: str, settings: Settings) -> str:
    dumps = [one.model_dump(mode="json", by_alias=True) for one in policies]
    whole = [dumps, lexicons, asdict(settings)]
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _marks(policies: Iterable[Policy]) -> Marks:
    """All wordings, longest first. Each may stand at both ends: a stream has an end-only label at its
    start too, and a policy's place may have been another one when an earlier answer was labelled."""
    found = {words for policy in policies for words in _wordings(policy)}
    ordered = tuple(sorted(found, key=lambda words: (-len(words), words)))
    return Marks(ordered, ordered)


def _wordings(policy: Policy) -> Sequence[str]:
    marker = (policy.marker,) if policy.marker else ()
    labels: tuple[Marker | Disclaimer, ...] = (*marker, *policy.disclaimers)
    said = [words for label in (*labels, *policy.guards.values()) for words in label.words.values()]
    said += [*(policy.handoff.words.values() if policy.handoff else ())]
    said += sorted(policy.remind.wordings) if policy.remind else []
    return [*policy.formerly, *(words for words in said if "{number}" not in words)]
