"""The demo's picture: painted by its upstream, asked for through the SDK, compared pixel by pixel."""

from __future__ import annotations

import base64
import math
import struct
import tempfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import openai

from labeler.errors import ContentError
from labeler.inspection import Inspection, inspect

WIDTH, HEIGHT = 768, 512
_HORIZON, _SUN, _RADIUS = 340, (256, 318), 52
_SKY, _SEA = ((64, 78, 140), (250, 160, 118)), ((150, 104, 118), (22, 42, 78))
"""The colours of each at its upper and at its lower edge."""
_GLOW = (255, 226, 160)
_WAVE = 11  # rows


def painted() -> bytes:
    """A PNG of a sunset at sea, the same every time."""
    rows = b"".join(b"\0" + bytes(_row(y)) for y in range(HEIGHT))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _row(y: int) -> Iterator[int]:
    far = y / _HORIZON if y < _HORIZON else (y - _HORIZON) / (HEIGHT - _HORIZON)
    edges, share, light = (_SKY, far**1.6, _air) if y < _HORIZON else (_SEA, far**0.6, _glitter)
    ground = [a + (b - a) * share for a, b in zip(*edges, strict=True)]
    gain = [b - a for a, b in zip(ground, _GLOW, strict=True)]
    for x in range(WIDTH):
        lit = light(x, y)
        yield from (int(a + b * lit) for a, b in zip(ground, gain, strict=True))


def _air(x: int, y: int) -> float:
    """How much of the glow a point of the sky has: all of it within the sun."""
    away = math.dist((x, y), _SUN)
    return max(min(1.0, _RADIUS + 0.5 - away), 0.6 * math.exp(-away / 110))


def _glitter(x: int, y: int) -> float:
    """The same of the sea: each wave has a streak of the sun, the nearer ones weaker and narrower."""
    wave, row = divmod(y - _HORIZON, _WAVE)
    reach = (62 - 2.2 * wave) * (0.72 + 0.28 * math.cos(2.4 * wave))
    along = (x - _SUN[0] - 9 * math.sin(1.7 * wave)) / reach
    across = 2 * row / _WAVE - 0.9
    return max(0.0, 0.8 - along**2 - across**2) * (1 - 0.045 * wave)


class Painting(NamedTuple):
    """The picture before and after: what the second one's file says, and the box in which the pixels of
    the two differ (left, top, right, bottom; None where nowhere)."""

    before: bytes
    after: bytes
    said: Inspection
    box: tuple[int, int, int, int] | None

    @property
    def labelled(self) -> bool:
        """Whether the label is there, and nothing else changed: its box keeps to the lower right."""
        if self.box is None:
            return False
        left, top, _, _ = self.box
        return bool(self.said.visible) and left > WIDTH // 2 and top > HEIGHT * 3 // 4

    @property
    def share(self) -> float:
        """The part of the picture's area that the box takes, 0 to 1."""
        left, top, right, bottom = self.box or (0, 0, 0, 0)
        return (right - left) * (bottom - top) / (WIDTH * HEIGHT)

    def saved(self) -> Path:
        """Write both into a new temporary folder; gives the labelled one's path."""
        folder = Path(tempfile.mkdtemp(prefix="labeler-demo-"))
        (folder / "before.png").write_bytes(self.before)
        after = folder / "after.png"
        after.write_bytes(self.after)
        return after


def painting(before: openai.OpenAI, after: openai.OpenAI) -> Painting:
    """Ask both for a picture. Raises ContentError where the SDK raises."""
    try:
        plain, labelled = (_asked(client) for client in (before, after))
    except openai.OpenAIError as error:
        message = f"a picture: the SDK raised {type(error).__name__}: {error}"
        raise ContentError(message) from error
    return Painting(plain, labelled, inspect(labelled), _difference(plain, labelled))


def _asked(client: openai.OpenAI) -> bytes:
    answer = client.images.generate(model="house-painter", prompt="海边日落", response_format="b64_json")
    return base64.b64decode((answer.data or [])[0].b64_json or "")


def _difference(one: bytes, other: bytes) -> tuple[int, int, int, int] | None:
    from PIL import Image, ImageChops

    a, b = (Image.open(BytesIO(data)).convert("RGB") for data in (one, other))
    return ImageChops.difference(a, b).getbbox()
