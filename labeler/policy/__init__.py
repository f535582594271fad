"""When: policies as data, and the decision which of them apply."""

from __future__ import annotations

from labeler.policy.answers import extend, reading
from labeler.policy.decide import Marks, PolicySet, Settings, Source, decide
from labeler.policy.model import Policy

__all__ = ["Marks", "Policy", "PolicySet", "Settings", "Source", "decide", "extend", "reading"]
