"""Sizes, times and URLs as people write them."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from labeler.deadline import shown
from labeler.policy.document import Fault, fault
from labeler.policy.people import in_seconds

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def _bytes(size: Any) -> Any:
    if not isinstance(size, str):
        return size
    match = _SIZE.fullmatch(size)
    if match is None or match[2].lower() not in _UNITS:
        raise fault(Fault(f"'{size}' is no size", "write bytes, or for example 32 MiB"))
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _seconds(time: Any) -> Any:
    if not isinstance(time, str):
        return time
    plain = _NUMBER.fullmatch(time)  # as the environment has it
    found = float(time) if plain else in_seconds(time)
    if found is None:
        raise fault(Fault(f"'{time}' is no time", "write seconds, or for example 30s, 90min or 2h"))
    return found


def _service(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise fault(
            Fault(f"'{shown(url)}' is no URL of a service", "write for example https://api.deepseek.com")
        )
    if parts.query or parts.fragment:
        raise fault(Fault("the URL of a service has neither `?` nor `#`", "paths are put behind it"))
    return url


Size = Annotated[int, BeforeValidator(_bytes, json_schema_input_type=int | str), Field(gt=0)]
"""Bytes: a number, or as in `32 MiB`."""
Seconds = Annotated[
    float,
    BeforeValidator(_seconds, json_schema_input_type=float | str),
    Field(gt=0, allow_inf_nan=False),
]
"""Seconds: a number, or as in `90min`."""
ServiceUrl = Annotated[str, AfterValidator(_service)]
"""The base URL of a service, http or https."""
