"""What a policy file says, as pydantic models; the JSON Schema that editors use comes from here.

Validation takes a context: `jurisdiction` (the file's own, so that words can be checked even where
other fields are wrong) and `topics` (the ids that exist).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from labeler.labels.wording import JURISDICTIONS
from labeler.policy.base import Id, Model, Name, jurisdiction_of
from labeler.policy.condition import Condition
from labeler.policy.document import Fault, fault
from labeler.policy.guard import Guard
from labeler.policy.people import Handoff, Remind
from labeler.policy.picture import Picture
from labeler.policy.words import Line, Words, faults_of_label
from labeler.values import OnFailure, Place, Structured

MARKER_LIMIT = 100
DISCLAIMER_LIMIT = 500


class Basis(Model):
    """One rule that the policy rests on."""

    rule: Name
    """The law, order or standard, as one cites it."""
    article: str = ""
    duty: str = ""
    """What it asks for, in short."""
    wording: Literal["mandated", "practice"] = "practice"
    """`mandated`: the rule prescribes the words; `practice`: they are what services commonly write."""


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


Messages = Annotated[tuple[str, ...], Field(min_length=1)]


class Example(Model):
    """A request and the scenarios that it must lead to; `labeler policy test` tries them."""

    ask: Annotated[
        Messages,
        BeforeValidator(
            lambda ask: (ask,) if isinstance(ask, str) else ask, json_schema_input_type=str | Messages
        ),
    ]
    """What the user writes: one message, or the user's messages of a conversation, oldest first."""
    scenarios: tuple[str, ...]
    """Exactly these, in any order, leaving out the default policy and those that always apply."""
    route: str = "/v1/chat/completions"
    model: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    tenant: str = ""
    """Whose request it is: a name of `tenants:` in labeler.yaml, or what the app says."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """The request's JSON, as far as a condition asks for it: `{metadata: {scene: shop}}`."""
    answer: str = ""
    """The text of the answer, where it is what leads to a scenario."""


Examples = Annotated[tuple[Example, ...], Field(validate_default=True)]


class Tried(Model):
    """What of a policy file has to be right so that its examples can be tried."""

    model_config = ConfigDict(extra="ignore")

    id: Id
    match: Condition
    examples: Examples = ()


class Policy(Model):
    """One policy: what falls under it, and what is said in an answer that does."""

    extends: str | None = None
    """The policy that this one changes: a shipped one's id, or a file beside this one. Its fields hold
    where this file has none; mappings are united, lists and `match` replaced."""
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
    guards: dict[Id, Guard] = Field(default_factory=dict)
    """What an answer under this policy must not say without consequence, by a name of yours."""
    handoff: Handoff | None = None
    """The way to a person."""
    remind: Remind | None = None
    """What users of a companion service are told again and again."""
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
    examples: Examples = ()

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
        said = (self.marker, self.disclaimers, self.picture, self.guards, self.handoff, self.remind)
        if not any(said):
            hint = "give it a `marker:`, `disclaimers:`, `picture:` or `guards:`"
            raise fault(Fault("the policy says nothing", hint))
        return self

    def is_explicit(self) -> bool:
        """Whether every answer under this policy carries an explicit label because of it."""
        return bool(self.explicit_words())

    def explicit_words(self) -> tuple[dict[str, str], ...]:
        """The words of the explicit labels that every answer under this policy carries."""
        marker = (self.marker.words,) if self.marker is not None else ()
        said = (one.words for one in self.disclaimers if one.explicit and one.when == "always")
        return (*marker, *said)
