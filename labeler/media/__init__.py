"""How: the container formats of pictures, and the one that a file is in."""

from __future__ import annotations

from labeler.errors import ContentError
from labeler.media.base import Container
from labeler.media.bmp import BMP
from labeler.media.gif import GIF
from labeler.media.jpeg import JPEG
from labeler.media.png import PNG
from labeler.media.tiff import TIFF
from labeler.media.webp import WEBP

CONTAINERS: dict[str, Container] = {box.name: box for box in (PNG, JPEG, GIF, WEBP, TIFF, BMP)}
"""The formats that can be read, by name."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"BM", "bmp"),
)


def container(data: bytes) -> Container:
    """The format of a picture file, told by its first bytes; ContentError where it is none that is known."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return CONTAINERS["webp"]
    name = next((name for magic, name in _MAGIC if data.startswith(magic)), "")
    if not name:
        msg = f"no picture format that is known begins with {bytes(data[:12])!r}"
        raise ContentError(msg)
    return CONTAINERS[name]
