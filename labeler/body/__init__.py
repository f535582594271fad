"""The state machine of one response: bytes in, labelled bytes out. No clock, no sockets."""

from __future__ import annotations

from labeler.body.base import Body, Job, Limits
from labeler.body.events import EventBody
from labeler.body.splice import undo
from labeler.body.text import TextBody
from labeler.body.whole import JsonBody

__all__ = ["Body", "EventBody", "Job", "JsonBody", "Limits", "TextBody", "undo"]
