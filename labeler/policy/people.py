"""What a policy says about people: the way to one, and that the service is none."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from labeler.deadline import shown
from labeler.policy.base import Model, Name
from labeler.policy.document import Fault, fault
from labeler.policy.words import Words
from labeler.values import Place

_PERIOD = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}


def _period(said: object) -> object:
    match = _PERIOD.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        raise fault(Fault(f"'{said}' is no period", "write for example 2h or 90min"))
    return float(match[1]) * _SECONDS[match[2]]


def spelled(seconds: float) -> str:
    """A period as people write it."""
    unit = next((unit for unit in ("h", "min") if seconds % _SECONDS[unit] == 0), "s")
    return f"{seconds / _SECONDS[unit]:g}{unit}"


def _webhook(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise fault(Fault(f"'{shown(url)}' is no URL", "write for example https://desk.example.com/handoff"))
    return url


Period = Annotated[float, BeforeValidator(_period, json_schema_input_type=str), Field(gt=0)]
"""Seconds; written as `2h`, `90min`, `30s`."""
Webhook = Annotated[str, AfterValidator(_webhook)]


class Handoff(Model):
    """The one-step way from the machine to a person."""

    words: Words
    """Said in every answer under the policy: how one gets to a person; a link may stand in it."""
    place: Place = "end"
    asks: tuple[Name, ...] = ()
    """Words by which a user asks for a person, as 「转人工」; then the webhook is told."""
    webhook: Webhook | None = None
    """Gets a POST with a JSON object for each such request; see docs/policies.md."""


class Remind(Model):
    """What is said again while a session goes on (拟人化互动服务管理暂行办法, Art. 18)."""

    every: Period
    """Of continuous use, as `2h`; `sessions:` in labeler.yaml says what a session is."""
    words: Words
    place: Place = "start"
