"""Pictures as base64 in a text or in JSON."""

from __future__ import annotations

import binascii

from labeler.errors import ContentError
from labeler.media import container

_SEEN = 64
"""Pixels of a picture's shortest side; below, the label of GB 45438-2025, 5.2, is hardly to be drawn."""


def example(data: bytes) -> str:
    """Why a picture within a text is none that anybody looks at: help with code is full of them."""
    if data.lstrip()[:5].lower() in (b"<svg ", b"<svg>", b"<?xml"):
        return "an SVG within a text has no pixels"
    try:
        head = container(data).head(data)
    except ContentError:
        return ""
    small = min(head.width, head.height) < _SEEN
    return f"within a text, and smaller than {_SEEN} pixels" if small else ""


def decoded(text: str) -> bytes:
    """The bytes of base64, in either alphabet, padded or not; ContentError where it is none."""
    if "-" in text or "_" in text:
        text = text.translate({45: 43, 95: 47})
    text = text.strip() + "=" * (-len(text.strip()) % 4)
    try:
        return binascii.a2b_base64(text)
    except ValueError as error:
        msg = f"a picture's base64 is broken: {error}"
        raise ContentError(msg) from None
