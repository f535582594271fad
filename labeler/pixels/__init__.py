"""Pixels: the visible label drawn into pictures (GB 45438-2025, 5.2). Pillow is imported here alone.

One module per format; each keeps everything that the label does not cover as it was, as far as the
format lets it, and tells the truth about it.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels.base import Drawer, Drawn
from labeler.values import Look

__all__ = ["FORMATS", "Drawn", "draw"]

FORMATS = frozenset(("png", "jpeg", "gif", "webp", "tiff", "bmp", "heif", "avif"))
"""The containers whose pictures can take a visible label; each is a module with a `draw`."""


def draw(data: bytes, container_name: str, head: Head, look: Look, *, exact: bool = False) -> Drawn:
    """The picture with its visible label and all its metadata.

    The caller has checked width, height and frames of the head against its limit. `exact`: only if
    the pixels that the label does not cover stay identical. ContentError where the picture is broken,
    no layout of the label meets the rule, or `exact` cannot be kept; MissingExtra where a package is
    not installed.
    """
    if container_name not in FORMATS:
        msg = f"no visible label can be drawn into {container_name}"
        raise ContentError(msg)
    drawer = cast(Drawer, import_module(f"labeler.pixels.{container_name}"))
    return drawer.draw(data, head, look, exact=exact)
