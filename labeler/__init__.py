"""Labels for LLM output, as the law and good sense demand: middleware, gateway, library."""

from __future__ import annotations

from labeler.asgi import LabelMiddleware
from labeler.body import undo
from labeler.engine import Labeler, Labelled
from labeler.errors import (
    BlockedError,
    ContentError,
    LabelerError,
    MissingExtra,
    PolicyError,
    Problem,
)
from labeler.values import Because, Edit, Exchange, Outcome, SlotOutcome, Stamp, Verdict

__version__ = "0.1.0"

__all__ = [
    "Because",
    "BlockedError",
    "ContentError",
    "Edit",
    "Exchange",
    "LabelMiddleware",
    "Labeler",
    "LabelerError",
    "Labelled",
    "MissingExtra",
    "Outcome",
    "PolicyError",
    "Problem",
    "SlotOutcome",
    "Stamp",
    "Verdict",
    "undo",
]
