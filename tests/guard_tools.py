"""A house whose policies guard answers, and answers in which its guards find something."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labeler import Labeler, LabelMiddleware, Outcome, undo
from labeler.values import Guarded
from tests.driver import CHAT, Passed, Upstream, call, house
from tests.wire import MARK, NOTE, documents

SAFE = "用药请遵医嘱"
"""What the guard says; nothing in it is what the guard looks for."""
DOSE = "阿莫西林每次500 mg，一天三次。"
"""The sentence that is found."""
BEFORE, AFTER = "发烧先看体温。", "多喝水。"
ANSWER = f"{BEFORE}{DOSE}{AFTER}"
HARMLESS = f"{BEFORE}{AFTER}"
RULE = "house/dose"
_NOTE = f"disclaimers: [{{words: {NOTE}, place: end}}]\n"
_FIND = '[{words: [阿莫西林, amoxicillin]}, {pattern: "\\\\d+ ?mg"}]'


def guard(action: str, *more: str, name: str = "dose", find: str = _FIND, words: str = SAFE) -> str:
    """One guard as YAML, of the drug and the dose unless another `find` is given; `more` are fields."""
    fields = [f"find: {find}", f"action: {action}", f"words: {words}", *more]
    return f"  {name}: {{{', '.join(fields)}}}\n"


def guarded(
    folder: Path, *guards: str, settings: str = "", fields: str = "", marker: str = "", note: bool = True
) -> Labeler:
    """A service whose one policy has a marker, a disclaimer at the end and these guards; `fields` are more
    of the policy, `settings` of the service."""
    policy = _NOTE * note + fields + (f"\nguards:\n{''.join(guards)}" if guards else "")
    return house(folder, policy, f"routes: [{{path: /answer, dialect: text}}]\n{settings}", marker=marker)


def labelled(*parts: str) -> str:
    """An answer with the house's labels around it: the marker, these paragraphs, the note."""
    return "\n\n".join([MARK, *parts, NOTE])


def ended(
    chunks: Iterable[bytes],
    labeler: Labeler,
    *,
    path: str = CHAT,
    request: bytes = b"{}",
    raises: bool = False,
    **upstream: Any,
) -> Passed:
    """Ask an upstream whose answer a guard ends: what was taken in of it comes back where the edits are
    undone, the response is whole, nothing but what the app `raises` is raised, and there is one outcome."""
    outcomes: list[Outcome] = []
    behind = Upstream(list(chunks), **upstream)
    app = LabelMiddleware(behind, Labeler(labeler.service, on_outcome=outcomes.append))
    reply = call(app, path, request, sent=behind.sent)
    (outcome,) = outcomes
    assert b"".join(behind.chunks).startswith(undo(reply.body, outcome.edits))
    assert (reply.error is not None) is raises
    assert reply.whole
    return Passed(reply, outcome, behind)


def one_guarded(outcome: Outcome, slot: int = 0) -> Guarded:
    """The one thing that guards found in an answer."""
    (found,) = outcome.slots[slot].guarded
    return found


def finishes(body: bytes) -> list[tuple[int, str]]:
    """Which answers of a stream end, and how, in order."""
    return [
        (choice["index"], choice["finish_reason"])
        for doc in documents(body)
        for choice in doc.get("choices", ())
        if choice.get("finish_reason")
    ]


def streamed(labeler: Labeler, pieces: list[str]) -> tuple[list[str], Outcome]:
    """What a stream gives piece by piece, and its one outcome."""
    outcomes: list[Outcome] = []
    given = list(Labeler(labeler.service, on_outcome=outcomes.append).stream(pieces))
    (outcome,) = outcomes
    return given, outcome
