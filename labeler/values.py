"""The values that every layer speaks: plain, frozen, without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Place = Literal["start", "end", "both", "interface"]
OnFailure = Literal["block", "pass"]
Structured = Literal["header", "field", "block"]
State = Literal["applied", "skipped", "failed", "degraded"]
Action = Literal["disclaim", "replace", "stop", "hold"]
Position = Literal["top-left", "top", "top-right", "left", "right", "bottom-left", "bottom", "bottom-right"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Exchange(NamedTuple):
    """What is known about a request; the whole input of a decision.

    `headers` are the request's, names in lower case. `messages` are the user's, oldest first.
    `named` scenarios come from the operator or the app and replace detection; `assumed` ones are
    added to what is detected (a route's own scenarios, or those for a request that cannot be read).
    `human` says that a person wrote the answer. `unread` says why the request could not be read.
    `fields` is the request's JSON object. `tenants` says whose request it is: by API key or by the app,
    never by a client's header. `number` is the content number, a sortable UUID. `language` is that of the labels, where somebody
    says it; else it follows the last question. `due` are the policies whose reminder is to be said in this
    answer; how long a session has gone on enters as a value: how often a reminder's `every` fits into it, 0
    where nobody counted. `batch` is how many of the last messages are
    asked at once, each for an answer of its own, so that all of them count; 0 where they are a conversation.
    """

    route: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = _NOTHING
    model: str = ""
    messages: tuple[str, ...] = ()
    named: tuple[str, ...] | None = None
    assumed: tuple[str, ...] = ()
    human: bool = False
    unread: str = ""
    number: str = ""
    language: str = ""
    fields: Mapping[str, object] = _NOTHING
    tenants: tuple[str, ...] = ()
    due: Mapping[str, int] = _NOTHING
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Because:
    """Why a scenario applies: the rule (file and field) and what it found (words, a path, a value)."""

    scenario: str
    rule: str
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """One text label to be said: the exact words, where, and the policy that asks for it.

    `explicit` is true where the words claim to be the explicit label (GB 45438-2025, 5.1).
    """

    kind: Literal["marker", "disclaimer"]
    words: str
    place: Place
    policy: str
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The visible label of a picture: its words (lines, each with both elements where it stands alone)
    and how they are drawn.

    `size` is the height of every drawn letter, digit and ideograph, `margin` the distance from the
    edge; both are fractions of the picture's shortest side (GB 45438-2025, 5.2: at least 0.05).
    Colours are `#rrggbb`. `plate` lies under the words with `opacity` (0 to 1); without one ("") the
    words have an `outline`. `font` is the path of a font file, "" for the one that travels along.
    """

    words: str = "AI生成"
    position: Position = "bottom-right"
    size: float = 0.05
    margin: float = 0.02
    colour: str = "#ffffff"
    plate: str = "#000000"
    outline: str = ""
    opacity: float = 0.65
    font: str = ""


@dataclass(frozen=True, slots=True)
class PictureRule:
    """What holds for the pictures of one response.

    `exact`: all but the label must stay as it was. `record`: whether a picture without an AIGC
    record is a failure. `existing`: what happens to a valid record of another producer. `signed`:
    whether files with a C2PA manifest are labelled, which makes it invalid, or left alone.
    `source_type`: the IPTC DigitalSourceType that is written beside the record, "" for none. `url`:
    what happens to a picture that arrives only as a URL. `on_failure` is the verdict's.
    """

    look: Look = field(default_factory=Look)
    exact: bool = False
    record: Literal["wanted", "required"] = "wanted"
    existing: Literal["keep", "replace", "refuse"] = "keep"
    signed: Literal["label", "leave"] = "label"
    source_type: str = ""
    url: Literal["leave", "proxy", "embed"] = "leave"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What has to be said in one response, because of what, and what happens where it cannot be."""

    scenarios: tuple[str, ...]
    stamps: tuple[Stamp, ...]
    because: tuple[Because, ...]
    revision: str
    language: str
    on_failure: OnFailure = "block"
    structured: Structured = "header"
    end_only_streams: bool = False
    picture: PictureRule = field(default_factory=PictureRule)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: `inserted` stands at byte `offset` of the labelled body (content-decoded), where
    the original had `removed`. Edits do not overlap and are in order of `offset`."""

    offset: int
    removed: bytes
    inserted: bytes


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a guard of a policy found in an answer, and what was done about it.

    `words` are what was said, `found` is the end of the passage; `text` is what had been generated, for
    the review of an answer that is held, else "".
    """

    policy: str
    guard: str
    action: Action
    words: str
    found: str
    text: str = ""

    @property
    def rule(self) -> str:
        """As a reason: `stop: medical/prescription`."""
        return f"{self.action}: {self.policy}/{self.guard}"


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What happened to one answer (choice) of a response. `number` is its content number. `because`
    are the scenarios that the answer itself added, `guarded` what guards found in it."""

    slot: int
    number: str
    state: State
    reason: str = ""
    said: tuple[Stamp, ...] = ()
    because: tuple[Because, ...] = ()
    guarded: tuple[Guarded, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """What happened to one picture.

    `number` is its content number, `format` as `png`, `place` where it stood (`data[0].b64_json`,
    "" for a body or a file that is one picture). `visible` and `record` tell about the two labels:
    `applied`, `there already`, `kept: <producer>`, `skipped: <reason>`. `outside` says whether all
    that the label does not cover is `identical` or was `re-encoded`. `notes` are facts that a
    reviewer wants: which system package is missing, whether an upstream's C2PA manifest is still valid.
    """

    number: str
    state: State
    reason: str = ""
    format: str = ""
    place: str = ""
    visible: str = ""
    record: str = ""
    outside: Literal["identical", "re-encoded"] = "identical"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to one response and why; every covered response has exactly one.

    `state` sums the slots and pictures up: `failed` before `degraded` before `applied` before `skipped`.
    `observed` is true where `mode: observe` only reported what would have been done.
    `notes` are facts that a reviewer wants: `scenario: request unread`, `history: signed`, `re-dump`.
    `edits` are what was changed in the body: nothing, where it was only observed.
    """

    state: State
    reason: str = ""
    route: str = ""
    dialect: str = ""
    number: str = ""
    stream: bool = False
    observed: bool = False
    verdict: Verdict | None = None
    slots: tuple[SlotOutcome, ...] = ()
    pictures: tuple[PictureOutcome, ...] = ()
    edits: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()
