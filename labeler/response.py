"""What a response is to the labels: its start, what holds for all, and how its state is summed up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Self

from labeler.body import Body, Draw, Job, Limits
from labeler.dialects import Dialect
from labeler.errors import ContentError
from labeler.headers import RawHeaders, relabelled
from labeler.labels.header import ai_disclosure, labeler_field
from labeler.labels.opening import JSON_ANSWER
from labeler.labels.plan import Plan
from labeler.labels.reading import Reading
from labeler.values import Exchange, Outcome, PictureOutcome, SlotOutcome, State, Verdict

NOT_GENERATED = ("human", "no body", "error body")
"""Reasons for which a response holds nothing that a model made."""

_ORDER: tuple[State, ...] = ("failed", "degraded", "applied", "skipped")


class Start(NamedTuple):
    """The start of a response: what an ASGI server, a proxy or a test sends first."""

    status: int
    headers: RawHeaders


@dataclass(frozen=True, slots=True)
class Setting:
    """What holds for every response of a service: limits in bytes, which headers are added,
    whether it only observes, the provider's name, and what tells the filing of a model."""

    limits: Limits = field(default_factory=Limits)
    labeler_header: bool = True
    ai_disclosure: bool = True
    observe: bool = False
    provider: str = ""
    filing: Callable[[str], bytes | None] | None = None


def unlabelled(status: int, exchange: Exchange) -> str:
    """Why a response is none that a label belongs to."""
    if exchange.human:
        return "human"
    if exchange.method == "HEAD" or status in (204, 205, 304):
        return "no body"
    if status == 206:
        return "partial content"
    return "" if 200 <= status < 300 else f"status {status}"


class Head(NamedTuple):
    """What the headers say of a body: its content coding, its media type and charset, in lower case."""

    coding: str
    media: str
    charset: str

    @classmethod
    def of(cls, headers: RawHeaders) -> Self:
        """Read them; of a repeated `Content-Type` the last one counts."""
        kind = b""
        codings: list[bytes] = []
        for name, value in headers:
            key = name.lower()
            if key == b"content-type":
                kind = value
            elif key == b"content-encoding":
                codings.append(value)
        coding = b", ".join(codings).decode("latin-1").strip().lower() if codings else ""
        return cls(coding, *_content_type(kind))


@lru_cache(maxsize=256)
def _content_type(value: bytes) -> tuple[str, str]:
    """A media type and its charset."""
    media, _, parameters = value.decode("latin-1").lower().partition(";")
    _, _, charset = parameters.partition("charset=")
    return media.strip(), charset.partition(";")[0].strip(' "') or "utf-8"


def body_kind(dialect: str, media: str) -> str:
    """What a body is by its media type: `events`, `text`, `picture`; "" where its bytes have to tell.

    Raises ContentError for what the route cannot have.
    """
    if media.startswith("image/"):
        return "picture"
    if dialect == "text":
        if media in ("text/plain", "text/markdown", ""):
            return "text"
        msg = f"content type {media} on a route of plain text"
        raise ContentError(msg)
    if dialect == "picture":
        if media in ("application/octet-stream", "binary/octet-stream", ""):
            return "picture"
        msg = f"content type {media} on a route of pictures"
        raise ContentError(msg)
    return "events" if media == "text/event-stream" else ""


def summary(
    slots: tuple[SlotOutcome, ...],
    failure: str,
    reason: str = "",
    pictures: tuple[PictureOutcome, ...] = (),
) -> tuple[State, str]:
    """The state of the whole response from those of its answers and pictures."""
    if len(slots) == 1 and not failure and not pictures:
        return slots[0].state, slots[0].reason
    parts: tuple[SlotOutcome | PictureOutcome, ...] = (*slots, *pictures)
    states = {part.state for part in parts}
    if failure:
        return ("degraded" if states & {"applied", "degraded"} else "failed"), failure
    for state in _ORDER:
        if state in states:
            return state, next(part.reason for part in parts if part.state == state)
    return "skipped", reason or "no text"


def sum_up(body: Body | None, failure: str, reason: str, *, broken: bool, over: bool) -> tuple[State, str]:
    """The state of a response by what became of its body. `broken`: its transfer is broken off; `over`:
    where something failed, an error stands for it."""
    failure = failure or (body.failure if body else "")
    slots, pictures = (body.slots(), body.pictures.outcomes) if body else ((), ())
    state, reason = summary(slots, failure, reason or (body.reason if body else ""), pictures)
    if broken or (failure and over):
        return "failed", reason
    return ("degraded" if body and body.degraded else state), reason


def job(
    dialect: Dialect,
    said: Plan,
    verdict: Verdict,
    mute: str,
    number: str,
    limits: Limits,
    draw: Draw | None,
    reads: Reading | None,
) -> Job:
    """What the body of one response has to do. `mute`: why no text may be put into it."""
    mute = mute or ("said in the interface" if said.silent else "")
    field = verdict.structured == "field"
    beside = bool(said.aside) or (field and bool(mute))
    content = sidecar(verdict, number) if beside or field else b""
    return Job(
        dialect,
        said,
        verdict.on_failure,
        mute,
        content,
        beside,
        verdict.structured,
        number,
        limits,
        draw,
        None if mute else reads,
    )


def account(
    state: State,
    reason: str,
    exchange: Exchange,
    dialect: str,
    setting: Setting,
    verdict: Verdict | None,
    body: Body | None,
    *,
    stream: bool,
    notes: Iterable[str] = (),
) -> Outcome:
    """What was done to one response."""
    return Outcome(
        state,
        reason,
        route=exchange.route,
        dialect=dialect,
        number=exchange.number,
        stream=stream,
        observed=setting.observe,
        verdict=verdict,
        slots=body.slots() if body else (),
        pictures=body.pictures.outcomes if body else (),
        edits=body.output.edits if body and not setting.observe else (),
        notes=(*notes, *(body.notes if body else ())),
    )


def told(outcome: Outcome) -> str:
    """An outcome in a line of the log; nothing of the question or the answer stands in it."""
    route = f"{outcome.route!r}: " if outcome.route else ""  # a client chooses its characters
    facts = [f"{outcome.state}: {outcome.reason}" if outcome.reason else outcome.state]
    scenarios = outcome.verdict.scenarios if outcome.verdict else ()
    facts += [f"scenarios {' '.join(scenarios)}"] if scenarios else []
    facts += [f"number {outcome.number}"] if outcome.number else []
    return route + "; ".join(facts)


def sidecar(verdict: Verdict, number: str) -> bytes:
    """The `aigc` object beside the choices: what is said about this answer, in ASCII JSON."""
    labels = [{"kind": s.kind, "words": s.words, "policy": s.policy} for s in verdict.stamps]
    content = {"scenarios": verdict.scenarios, "labels": labels, "policy": verdict.revision, "number": number}
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def announced(
    start: Start,
    exchange: Exchange,
    verdict: Verdict | None,
    setting: Setting,
    state: str,
    reason: str,
    said: Plan,
    *,
    changed: bool,
    length: int | None,
    mute: str = "",
) -> Start:
    """The start of a response with the headers that tell about its labels. `changed`: its body is not
    the upstream's any more; `length` is the new one's in bytes, None where nobody knows it yet. `mute`: why
    no text goes into answers to this request; then the words are said here (`structured: header`)."""
    added: list[tuple[bytes, bytes]] = []
    if setting.labeler_header:
        aside = said.aside
        if reason and reason in (mute, JSON_ANSWER) and verdict and verdict.structured == "header":
            aside = verdict.stamps
        field = labeler_field(state, reason, verdict, exchange.number, aside)
        added.append((b"labeler", field.encode("ascii")))
    generated = 200 <= start.status < 300 and reason not in NOT_GENERATED
    if setting.ai_disclosure and generated and verdict and verdict.stamps:
        added.append((b"ai-disclosure", disclosure(exchange.model, setting.provider)))
    if setting.filing is not None and generated and (filed := setting.filing(exchange.model)):
        added.append((b"labeler-filing", filed))
    cors = "origin" in exchange.headers
    return Start(start.status, relabelled(start.headers, added, changed=changed, length=length, cors=cors))


@lru_cache(maxsize=256)
def disclosure(model: str, provider: str) -> bytes:
    """The value of `AI-Disclosure`; the same for every answer of a model."""
    return ai_disclosure(model, provider).encode("ascii")
