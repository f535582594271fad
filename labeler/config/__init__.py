"""A service's configuration: labeler.yaml, the policies in use, the environment."""

from __future__ import annotations

from labeler.config.load import PREFIX, load
from labeler.config.model import (
    DIALECTS,
    Gateway,
    Headers,
    Limits,
    ModelRule,
    RouteRule,
    ServiceFile,
    Upstream,
)
from labeler.config.pictures import Pictures
from labeler.config.provider import Provider
from labeler.config.service import UNCOUNTED, Service

__all__ = [
    "DIALECTS",
    "PREFIX",
    "UNCOUNTED",
    "Gateway",
    "Headers",
    "Limits",
    "ModelRule",
    "Pictures",
    "Provider",
    "RouteRule",
    "Service",
    "ServiceFile",
    "Upstream",
    "load",
]
