"""What a policy file says, as pydantic models; the JSON Schema that editors use comes from here.

Validation takes a context: `jurisdiction` (the file's own, so that words can be checked even where
other fields are wrong) and `topics` (the ids that exist).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from labeler.labels.wording import JURISDICTIONS
from labeler.policy.base import Model, Name, jurisdiction_of
from labeler.policy.document import Fault, fault
from labeler.policy.patterns import compile_pattern, route_glob
from labeler.policy.picture import Picture
from labeler.policy.topics.fold import fold
from labeler.policy.words import Line, Words, faults_of_label
from labeler.values import OnFailure, Place, Structured

MARKER_LIMIT = 100
DISCLAIMER_LIMIT = 500


def _route(glob: str) -> str:
    try:
        route_glob(glob)
    except ValueError as error:
        raise fault(Fault(f"'{glob}' matches no path: {error}", "write for example /medical/**")) from None
    return glob


def _pattern(pattern: str) -> str:
    try:
        compile_pattern(pattern)
    except ValueError as error:
        hint = "RE2 syntax: linear time, without look-around and back-references"
        raise fault(Fault(f"the pattern is broken: {error}", hint)) from None
    return pattern


def _known_topic(topic: str | None, info: ValidationInfo) -> str | None:
    known = (info.context or {}).get("topics", ())
    if topic is not None and topic not in known:
        raise fault(Fault(f"there is no topic '{topic}'", f"known: {', '.join(sorted(known))}"))
    return topic


Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Route = Annotated[str, AfterValidator(_route)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class Basis(Model):
    """One rule that the policy rests on."""

    rule: Name
    """The law, order or standard, as one cites it."""
    article: str = ""
    duty: str = ""
    """What it asks for, in short."""
    wording: Literal["mandated", "practice"] = "practice"
    """`mandated`: the rule prescribes the words; `practice`: they are what services commonly write."""


class Header(Model):
    """A request header: present, or with a value that fits the glob `value` or holds `pattern`."""

    name: Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    """Case does not matter."""
    value: Name | None = None
    """A glob over the whole value: `*` is any run of characters; case does not matter."""
    pattern: Pattern | None = None
    """An RE2 expression, searched for in the value."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.value is not None and self.pattern is not None:
            raise fault(Fault("has both `value` and `pattern`", "keep one of them"))
        return self


class Answer(Model):
    """What the answer itself is about; it adds labels at the answer's end, and never any before."""

    topic: str | None = None
    """The answer is about this topic."""
    words: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """The answer has one of these words; case, width and white space do not matter."""

    @field_validator("words")
    @classmethod
    def _has_words(cls, words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        empty = tuple(
            Fault("the word is empty", path=(at,)) for at, one in enumerate(words or ()) if not fold(one)
        )
        if empty:
            raise fault(*empty)
        return words

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.topic is None) == (self.words is None):
            raise fault(Fault("has exactly one of `topic` and `words`", "join several with `any:`"))
        return self

    @field_validator("topic")
    @classmethod
    def _known_topic(cls, topic: str | None, info: ValidationInfo) -> str | None:
        return _known_topic(topic, info)


class Condition(Model):
    """What makes a request fall under a policy: exactly one field; combine with `any`, `all`, `not`."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    any: Annotated[tuple[Condition, ...], Field(min_length=1)] | None = None
    """At least one of these holds; the first that does is the reason given."""
    all: Annotated[tuple[Condition, ...], Field(min_length=1)] | None = None
    """All of these hold."""
    not_: Condition | None = Field(default=None, alias="not")
    """This does not hold. No header may stand inside: a client could take a label away with it; and no
    `answer`, which is not known in time."""
    route: Route | None = None
    """A glob over the path: `*` stays within one segment, `**` is any number of segments."""
    header: Header | None = None
    model: Name | None = None
    """A glob over the model's name: `*` is any run of characters; case does not matter."""
    topic: str | None = None
    """The user's messages are about this topic, for example `medical`."""
    pattern: Pattern | None = None
    """An RE2 expression, searched for in the user's messages that count (after Unicode NFKC)."""
    answer: Answer | None = None
    """The answer is about a topic or has certain words; known only when the answer has passed."""
    always: Literal[True] | None = None

    @field_validator("topic")
    @classmethod
    def _known_topic(cls, topic: str | None, info: ValidationInfo) -> str | None:
        return _known_topic(topic, info)

    @field_validator("not_")
    @classmethod
    def _only_adds(cls, inside: Condition | None) -> Condition | None:
        for leaf in inside.leaves() if inside is not None else ():
            if leaf.header is not None:
                hint = "a client could take a label away by sending it; headers may only add"
                raise fault(Fault("a header may not stand under `not`", hint))
            if leaf.answer is not None:
                hint = "the answer is not known yet when its first label leaves; it may only add"
                raise fault(Fault("`answer` may not stand under `not`", hint))
        return inside

    @model_validator(mode="after")
    def _one_field(self) -> Self:
        filled = sum(getattr(self, name) is not None for name in self.model_fields_set)
        if filled != 1 or len(self.model_fields_set) != 1:
            message = f"a condition has exactly one field, this one has {filled} with a value"
            raise fault(Fault(message, "join several with `any:` or `all:`, each behind a dash"))
        return self

    def leaves(self) -> Iterator[Condition]:
        """The conditions inside that are not made of others; this one itself where it is none."""
        inside = (*(self.any or ()), *(self.all or ()), *((self.not_,) if self.not_ else ()))
        if not inside:
            yield self
        for one in inside:
            yield from one.leaves()


class Marker(Model):
    """The explicit label: the words that say that a machine wrote this."""

    words: Words
    """Per language (`zh:`, `en:`, ...), or one text for all. Under `cn` each of them carries the Chinese
    elements (GB 45438-2025, 5.1); at most 100 characters."""
    place: Place = "start"
    """`interface`: in headers and a sidecar field only, because the page around shows the label
    (GB 45438-2025, 5.6)."""

    @field_validator("words")
    @classmethod
    def _complies(cls, words: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        faults = tuple(faults_of_label(words, jurisdiction_of(info), MARKER_LIMIT, explicit=True))
        if faults:
            raise fault(*faults)
        return words


class Disclaimer(Model):
    """What has to be said besides the marker: limits, advice, where to turn to."""

    explicit: bool = False
    """The words claim to be an explicit label too and are checked like a marker's."""
    words: Words
    """Per language, or one text for all; at most 500 characters."""
    place: Place = "end"
    when: Literal["always", "alone"] = "always"
    """`alone`: said only where no other policy that applies says a disclaimer."""

    @field_validator("words")
    @classmethod
    def _complies(cls, words: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        explicit = bool(info.data.get("explicit"))
        faults = tuple(faults_of_label(words, jurisdiction_of(info), DISCLAIMER_LIMIT, explicit=explicit))
        if faults:
            raise fault(*faults)
        return words


class Example(Model):
    """A request and the scenarios that it must lead to; `labeler policy test` tries them."""

    ask: Annotated[
        tuple[str, ...],
        BeforeValidator(
            lambda ask: (ask,) if isinstance(ask, str) else ask, json_schema_input_type=str | tuple[str, ...]
        ),
    ]
    """What the user writes: one message, or the user's messages of a conversation, oldest first."""
    scenarios: tuple[str, ...]
    """Exactly these, in any order, leaving out the default policy and those that always apply."""
    route: str = "/v1/chat/completions"
    model: str = ""
    headers: dict[str, str] = Field(default_factory=dict)


class Policy(Model):
    """One policy: what falls under it, and what is said in an answer that does."""

    id: Id
    """The scenario's name, in lower case: `medical`."""
    version: Annotated[str, Field(min_length=1)]
    """Yours to count; in quotes where it looks like a number."""
    title: Words
    jurisdiction: str = "cn"
    """Whose rule the explicit label follows: cn, eu, us-ca, kr, in."""
    basis: tuple[Basis, ...] = ()
    match: Condition
    marker: Marker | None = None
    disclaimers: tuple[Disclaimer, ...] = ()
    picture: Picture | None = None
    """How pictures are labelled; without it, as the default policy says."""
    on_failure: OnFailure = "block"
    """What happens to an answer that cannot be labelled; where several policies apply, `block` wins."""
    structured: Structured = "header"
    """Where an answer is data into which no text may go: say it in a `header`, in a `field` beside the
    answer, or `block`; the stricter one wins."""
    streams: Literal["both-ends", "end-only"] = "both-ends"
    """`end-only`: a stream does not get an end-only explicit label at its start too; one that breaks
    off is then unlabelled."""
    formerly: tuple[Line, ...] = ()
    """Wordings of earlier versions, so that they are still known as marks in a conversation's history."""
    examples: Annotated[tuple[Example, ...], Field(validate_default=True)] = ()

    @field_validator("jurisdiction")
    @classmethod
    def _known_jurisdiction(cls, jurisdiction: str) -> str:
        if jurisdiction not in JURISDICTIONS:
            raise fault(
                Fault(f"'{jurisdiction}' is no known jurisdiction", f"known: {', '.join(JURISDICTIONS)}")
            )
        return jurisdiction

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.marker is None and not self.disclaimers and self.picture is None:
            hint = "give it a `marker:`, `disclaimers:` or `picture:`"
            raise fault(Fault("the policy says nothing", hint))
        return self

    def is_explicit(self) -> bool:
        """Whether every answer under this policy carries an explicit label because of it."""
        return self.marker is not None or any(
            one.explicit and one.when == "always" for one in self.disclaimers
        )
