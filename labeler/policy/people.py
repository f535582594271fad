"""What a policy says about people: the way to one, and that the service is none."""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from labeler.deadline import shown
from labeler.errors import ContentError
from labeler.notices.connect import address
from labeler.policy.base import Model
from labeler.policy.condition import AnySpoken
from labeler.policy.document import Fault, fault
from labeler.policy.words import Words
from labeler.values import Place

_PERIOD = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h)")
_SECONDS = {"s": 1, "min": 60, "h": 3600}
_MOST = 48  # reminders of one session that are known as marks
HOURS = "{hours}"
"""Stands in a reminder's words for the hours of continuous use."""


def in_seconds(time: str) -> float | None:
    """How long `2h`, `90min` or `30s` is; None for anything else."""
    match = _PERIOD.fullmatch(time)
    return float(match[1]) * _SECONDS[match[2]] if match else None


def _period(said: object) -> object:
    found = in_seconds(said) if isinstance(said, str) else None
    if found is None:
        raise fault(Fault(f"'{said}' is no period", "write for example 2h or 90min"))
    return found


def spelled(seconds: float) -> str:
    """A period as people write it."""
    unit = next((unit for unit in ("h", "min") if seconds % _SECONDS[unit] == 0), "s")
    return f"{seconds / _SECONDS[unit]:g}{unit}"


def _webhook(url: str) -> str:
    try:
        host = address(url).host
        host.encode("idna")  # as the look-up does
        sound = not urlsplit(url).fragment
    except (ContentError, ValueError):
        sound = False
    if not sound:
        raise fault(Fault(f"'{shown(url)}' is no URL", "write for example https://desk.example.com/handoff"))
    return url


Period = Annotated[float, BeforeValidator(_period, json_schema_input_type=str), Field(gt=0)]
"""Seconds; written as `2h`, `90min`, `30s`."""
Webhook = Annotated[str, AfterValidator(_webhook)]
"""An http or https URL that notices can be sent to."""


class Handoff(Model):
    """The one-step way from the machine to a person."""

    words: Words
    """Said in every answer under the policy: how one gets to a person; a link may stand in it."""
    place: Place = "end"
    asks: AnySpoken = ()
    """Words by which a user asks for a person, as 「转人工」; then the webhook is told."""
    webhook: Webhook | None = None
    """Gets a POST with a JSON object for each such request; see docs/policies.md."""


class Remind(Model):
    """What is said again while a session goes on (拟人化互动服务管理暂行办法, Art. 18)."""

    every: Period
    """Of continuous use, as `2h`; `sessions:` in labeler.yaml says what a session is."""
    first: Words | None = None
    """Said when a session begins, and where nobody knows how long one has gone on. Without it nothing is said at
    the beginning, and `words` where nobody knows."""
    words: Words
    """Said after each `every`. `{hours}` becomes the hours of continuous use: 2, 4, 6."""
    place: Place = "start"

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.first is None and any(HOURS in words for words in self.words.values()):
            hint = "give it `first:`, which is said there: that this is an AI and not a person"
            raise fault(Fault(f"`{HOURS}` is not known where nobody counts", hint, ("words",)))
        if any(HOURS in words for words in (self.first or {}).values()):
            raise fault(Fault(f"`{HOURS}` is not known there", "say it in `words`", ("first",)))
        return self

    def said(self, spans: int) -> dict[str, str]:
        """The words, by language, after so many times `every`; 0 where nobody counted."""
        if not spans:
            return self.first or self.words
        hours = f"{spans * self.every / 3600:.1f}".removesuffix(".0")
        return {language: words.replace(HOURS, hours) for language, words in self.words.items()}

    @property
    def wordings(self) -> set[str]:
        """All that may have been said in a session of a day."""
        most = max(1, min(_MOST, int(24 * 3600 / self.every)))
        return {words for spans in range(most + 1) for words in self.said(spans).values()}
