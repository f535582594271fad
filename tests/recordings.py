"""The folder of recorded API responses, where there is one, and ways to cut a body."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = os.environ.get("AIGC_RECORDINGS", "")
needs_recordings = pytest.mark.skipif(
    not FOLDER, reason="AIGC_RECORDINGS names no folder of recorded API responses"
)


@dataclass(frozen=True)
class Recording:
    """One recorded response and the request that it answered (`{}` where that is not known)."""

    name: str
    dialect: str
    stream: bool
    content_type: str
    request: dict[str, Any]
    body: bytes


def recordings(*dialects: str) -> list[Recording]:
    """Every recording of these dialects."""
    if not FOLDER:
        return []
    found = []
    for line in (Path(FOLDER) / "index.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["dialect"] not in dialects:
            continue
        stream = row["mode"] == "stream"
        found.append(
            Recording(
                row["file"],
                row["dialect"],
                stream,
                row["content_type"] or ("text/event-stream" if stream else "application/json"),
                json.loads(row["request"]) if row["request"].startswith("{") else {},
                (Path(FOLDER) / row["file"]).read_bytes(),
            )
        )
    return found


def cuts(body: bytes, seed: int = 0) -> list[list[bytes]]:
    """The body in one piece, byte by byte, cut at random, and event by event, as servers send it."""
    dice = random.Random(seed)
    pieces: list[bytes] = []
    start = 0
    while start < len(body):
        size = dice.choice((1, 2, 5, 40, 300, 4000))
        pieces.append(body[start : start + size])
        start += size
    events = [event for event in re.split(rb"(?<=\n\n)", body) if event]
    return [[body], [body[at : at + 1] for at in range(len(body))], pieces, events]


def named(found: list[Recording]) -> Iterator[Any]:
    """Recordings as parameters with readable names."""
    return (pytest.param(one, id=one.name) for one in found)
