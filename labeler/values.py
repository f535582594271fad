"""The values that every layer speaks: plain, frozen, without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Place = Literal["start", "end", "both", "interface"]
OnFailure = Literal["block", "pass"]
Structured = Literal["header", "field", "block"]
State = Literal["applied", "skipped", "failed", "degraded"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is known about a request; the whole input of a decision.

    `headers` are the request's, names in lower case. `messages` are the user's, oldest first.
    `named` scenarios come from the operator or the app and replace detection; `assumed` ones are
    added to what is detected (a route's own scenarios, or those for a request that cannot be read).
    `human` says that a person wrote the answer. `unread` says why the request could not be read.
    `number` is the content number, a sortable UUID.
    """

    route: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    messages: tuple[str, ...] = ()
    named: tuple[str, ...] | None = None
    assumed: tuple[str, ...] = ()
    human: bool = False
    unread: str = ""
    number: str = ""


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


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: `inserted` stands at byte `offset` of the labelled body (content-decoded), where
    the original had `removed`. Edits do not overlap and are in order of `offset`."""

    offset: int
    removed: bytes
    inserted: bytes


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What happened to one answer (choice) of a response. `number` is its content number."""

    slot: int
    number: str
    state: State
    reason: str = ""
    said: tuple[Stamp, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to one response and why; every covered response has exactly one.

    `state` sums the slots up: `failed` before `degraded` before `applied` before `skipped`.
    `observed` is true where `mode: observe` only reported what would have been done.
    `notes` are facts that a reviewer wants: `scenario: request unread`, `history: signed`, `re-dump`.
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
    edits: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()
