"""What a caller of the library knows about a content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from labeler.request import Request
from labeler.values import Exchange


class About(TypedDict, total=False):
    """What is known about a content that is labelled by a call of the library."""

    question: str | Sequence[str]
    """What the user asked: a text, or all the user's messages, oldest first."""
    scenarios: str | Sequence[str]
    """Ids of policies; they replace what the question would tell."""
    route: str
    model: str
    headers: Mapping[str, str]
    tenant: str
    """Whose content it is: the name that a policy's `tenant:` is about."""
    due: str | Sequence[str] | Mapping[str, int]
    """Ids of policies whose reminder is due: a program counts the time of its own sessions. As a mapping, with
    how often the reminder's `every` fits into it: `{"companion": 2}` after four hours."""
    language: str
    """Of the labels, as `en`; default: the question's."""
    human: bool
    """True where a person made the content."""


def exchange_of(about: About, number: str, read: Request | None = None) -> Exchange:
    """The input of a decision; what the caller says goes before what a request that was read tells.

    Raises TypeError for an argument that nobody knows.
    """
    if unknown := about.keys() - About.__annotations__.keys():
        msg = f"unknown argument {', '.join(sorted(unknown))}; known: {', '.join(About.__annotations__)}"
        raise TypeError(msg)
    question = about.get("question", ())
    messages = (question,) if isinstance(question, str) else tuple(question)
    named = about.get("scenarios")
    named = (named,) if isinstance(named, str) else named
    return Exchange(
        route=about.get("route", ""),
        headers={name.lower(): value for name, value in about.get("headers", {}).items()},
        model=about.get("model", "") or (read.asked.model if read else ""),
        messages=messages or (read.asked.messages if read else ()),
        named=None if named is None else tuple(named),
        human=about.get("human", False),
        unread=read.unread if read and not messages else "",
        number=number,
        language=about.get("language", ""),
        fields=read.fields if read else {},
        due=_spans(about.get("due", ())),
        batch=read.asked.batch if read and not messages else 0,
        tenants=(about["tenant"],) if about.get("tenant") else (),
    )


def _spans(due: str | Sequence[str] | Mapping[str, int]) -> Mapping[str, int]:
    if isinstance(due, Mapping):
        return due
    return dict.fromkeys((due,) if isinstance(due, str) else due, 0)
