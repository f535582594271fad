"""What a response is to the labels: its start, what holds for all, and how its state is summed up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from labeler.body import Job, Limits
from labeler.dialects import Dialect
from labeler.headers import RawHeaders
from labeler.labels.header import ai_disclosure
from labeler.labels.plan import Plan
from labeler.values import Exchange, SlotOutcome, State, Verdict

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
    whether it only observes, and the provider's name."""

    limits: Limits = field(default_factory=Limits)
    labeler_header: bool = True
    ai_disclosure: bool = True
    observe: bool = False
    provider: str = ""


def unlabelled(status: int, exchange: Exchange) -> str:
    """Why a response is none that a label belongs to."""
    if exchange.human:
        return "human"
    if exchange.method == "HEAD" or status in (204, 205, 304):
        return "no body"
    if status == 206:
        return "partial content"
    return "" if 200 <= status < 300 else f"status {status}"


def summary(slots: tuple[SlotOutcome, ...], failure: str, reason: str = "") -> tuple[State, str]:
    """The state of the whole response from those of its answers."""
    if len(slots) == 1 and not failure:
        return slots[0].state, slots[0].reason
    states = {slot.state for slot in slots}
    if failure:
        return ("degraded" if states & {"applied", "degraded"} else "failed"), failure
    for state in _ORDER:
        if state in states:
            return state, next(slot.reason for slot in slots if slot.state == state)
    return "skipped", reason or "no text"


def job(dialect: Dialect, said: Plan, verdict: Verdict, mute: str, number: str, limits: Limits) -> Job:
    """What the body of one response has to do. `mute`: why no text may be put into it."""
    mute = mute or ("said in the interface" if said.silent else "")
    field = verdict.structured == "field"
    beside = bool(said.aside) or (field and bool(mute))
    content = sidecar(verdict, number) if beside or field else b""
    return Job(dialect, said, verdict.on_failure, mute, content, beside, verdict.structured, number, limits)


def sidecar(verdict: Verdict, number: str) -> bytes:
    """The `aigc` object beside the choices: what is said about this answer, in ASCII JSON."""
    labels = [{"kind": s.kind, "words": s.words, "policy": s.policy} for s in verdict.stamps]
    content = {"scenarios": verdict.scenarios, "labels": labels, "policy": verdict.revision, "number": number}
    return json.dumps(content, separators=(",", ":")).encode("ascii")


@lru_cache(maxsize=256)
def disclosure(model: str, provider: str) -> bytes:
    """The value of `AI-Disclosure`; the same for every answer of a model."""
    return ai_disclosure(model, provider).encode("ascii")
