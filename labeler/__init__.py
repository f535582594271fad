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
from labeler.inspection import Inspection, RecordFound, inspect
from labeler.values import (
    Because,
    Edit,
    Exchange,
    Look,
    Outcome,
    PictureOutcome,
    PictureRule,
    SlotOutcome,
    Stamp,
    Verdict,
)

__version__ = "0.1.0"

__all__ = [
    "Because",
    "BlockedError",
    "ContentError",
    "Edit",
    "Exchange",
    "Inspection",
    "LabelMiddleware",
    "Labeler",
    "LabelerError",
    "Labelled",
    "Look",
    "MissingExtra",
    "Outcome",
    "PictureOutcome",
    "PictureRule",
    "PolicyError",
    "Problem",
    "RecordFound",
    "SlotOutcome",
    "Stamp",
    "Verdict",
    "inspect",
    "undo",
]
