"""The state machine of one response: bytes in, labelled bytes out. No clock, no sockets."""

from __future__ import annotations

from labeler.body.base import BROKEN_OFF, Body, Job, Limits
from labeler.body.events import EventBody
from labeler.body.picture import PictureBody
from labeler.body.pictures import Draw, Given, Pictured, Work
from labeler.body.splice import undo
from labeler.body.text import TextBody
from labeler.body.whole import JsonBody

__all__ = [
    "BROKEN_OFF",
    "Body",
    "Draw",
    "EventBody",
    "Given",
    "Job",
    "JsonBody",
    "Limits",
    "PictureBody",
    "Pictured",
    "TextBody",
    "Work",
    "undo",
]
