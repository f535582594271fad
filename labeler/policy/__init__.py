"""When: policies as data, and the decision which of them apply."""

from __future__ import annotations

from labeler.policy.answers import extend, reading
from labeler.policy.decide import decide
from labeler.policy.model import Policy
from labeler.policy.policies import Marks, PolicySet, Settings, Source

__all__ = ["Marks", "Policy", "PolicySet", "Settings", "Source", "decide", "extend", "reading"]
