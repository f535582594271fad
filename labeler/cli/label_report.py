"""`labeler label`: what became of each file, in a line for people and as an object for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeler.values import Outcome, PictureOutcome


@dataclass(frozen=True, slots=True)
class Done:
    """A file, where it went, and its outcome; or the error that kept it from being labelled.

    `code` is the exit code that it asks for: 0, 1 for content that failed, 2 for a package that is
    not installed.
    """

    name: str
    target: Path | None = None
    outcome: Outcome | None = None
    error: str = ""
    code: int = 0


def line(done: Done) -> str:
    """One line for a terminal: state, the labels of a picture, scenarios, number, notes."""
    if done.outcome is None:
        return printable(done.error)
    outcome = done.outcome
    observed = "only observed, would be " if outcome.observed else ""
    reason = f" ({outcome.reason})" if outcome.reason else ""
    facts = [f"{observed}{outcome.state}{reason}"]
    for picture in outcome.pictures:
        facts += _labels(picture)
    facts += [f"scenarios {' '.join(_scenarios(outcome)) or 'none'}", f"number {outcome.number}"]
    notes = "".join(f"; {note}" for note in _notes(outcome))
    return printable(f"{done.name}: {', '.join(facts)}{notes}")


def _labels(picture: PictureOutcome) -> list[str]:
    """What is known: a picture that is left alone has neither label looked at."""
    labels = {"visible": picture.visible, "record": picture.record}
    said = [f"{name} {text}" for name, text in labels.items() if text]
    return [*filter(None, [picture.format]), *said, f"outside {picture.outside}"]


def _scenarios(outcome: Outcome) -> tuple[str, ...]:
    return outcome.verdict.scenarios if outcome.verdict else ()


def _notes(outcome: Outcome) -> list[str]:
    return [*outcome.notes, *(note for picture in outcome.pictures for note in picture.notes)]


def print_json(all_done: Iterable[Done]) -> None:
    """An array with an object for each file."""
    text = json.dumps([_plain(done) for done in all_done], ensure_ascii=False, indent=2)
    print(text.encode("utf-8", "backslashreplace").decode())  # file names may be bytes


def _plain(done: Done) -> dict[str, Any]:
    output = None if done.target is None else str(done.target)
    outcome = done.outcome
    if outcome is None:
        return {"file": done.name, "output": None, "state": "failed", "reason": done.error}
    plain: dict[str, Any] = {
        "file": done.name,
        "output": output,
        "state": outcome.state,
        "reason": outcome.reason,
        "observed": outcome.observed,
        "scenarios": list(_scenarios(outcome)),
        "number": outcome.number,
        "notes": _notes(outcome),
    }
    for picture in outcome.pictures:
        plain |= {name: getattr(picture, name) for name in ("format", "visible", "record", "outside")}
    return plain


def printable(text: str) -> str:
    """A foreign text that cannot steer a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
