"""The errors of the package, one tree; the class says whose fault it is.

LabelerError
 +- PolicyError      whoever configures: a policy file, labeler.yaml, an environment variable
 +- ContentError     the bytes: a body that cannot be read, a shape nobody knows, a limit passed
 |   +- BlockedError the policy forbids to let this response go out unlabelled
 +- TransferBroken   the upstream: it broke off in the middle of an answer
 +- MissingExtra     an optional dependency is not installed; the message names the extra
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass


class LabelerError(Exception):
    """Base of every error that this package raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a configuration, and where.

    `line` and `column` count from 1; 0 means that the place is not in a file
    (an environment variable, an argument).
    """

    file: str
    line: int
    column: int
    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        field = f" {self.field}:" if self.field else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}:{field} {self.message}{hint}"


class PolicyError(LabelerError):
    """The configuration is wrong; `problems` holds all that was found, in file order."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class ContentError(LabelerError):
    """The content cannot be read or labelled; the message says what and why."""


class BlockedError(ContentError):
    """A response was withheld or broken off because it could not be labelled (`on_failure: block`)."""


class TransferBroken(LabelerError):
    """The upstream broke off in the middle of an answer: the client's transfer breaks too, or where nothing
    has left of it yet, an error stands for it."""


class MissingExtra(LabelerError, ImportError):
    """A feature needs a package that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed: pip install 'aigc-labeler[{extra}]'")


def let_go(error: BaseException) -> None:
    """Free what the frames of an app hold that was ended: a generator that streams is closed by that, and
    not when the garbage is collected some time."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and not any(one is other for other in seen):
            seen.append(one)
            traceback.clear_frames(one.__traceback__)
            todo += (one.__cause__, one.__context__)
            todo += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
