"""Pictures as base64 in a text or in JSON."""

from __future__ import annotations

import binascii
from urllib.parse import unquote

from labeler.errors import ContentError
from labeler.media import container, is_svg

_SEEN = 64
"""Pixels of a picture's shortest side; below, the label of GB 45438-2025, 5.2, is hardly to be drawn."""

_ICON = b"\0\0\1\0"


def example(data: bytes) -> str:
    """Why a picture within a text is none that anybody looks at: help with code is full of them."""
    if is_svg(data):
        return "an SVG within a text has no pixels"
    try:
        side = _icon(data) if data.startswith(_ICON) else min(container(data).head(data)[:2])
    except ContentError:
        return ""
    return f"within a text, and smaller than {_SEEN} pixels" if side < _SEEN else ""


def _icon(data: bytes) -> int:
    """The side of the largest picture in an icon, 256 where it says nothing; in ICONDIR each has 16 bytes,
    the first of which is the width."""
    entries = data[6 : 6 + 16 * int.from_bytes(data[4:6], "little") : 16]
    return max((width or 256 for width in entries), default=256)


def is_data(url: str) -> bool:
    """Whether a URL holds what it stands for."""
    return url[:5].lower() == "data:"


def opened(url: str) -> tuple[str, bytes]:
    """What stands before the comma of a `data:` URL, and the file behind it; ContentError where the one does
    not say that base64 follows (Fetch, 6), or none does."""
    head, comma, content = url.partition(",")
    _, parameter, last = head.rpartition(";")
    if not (comma and parameter and last.strip().lower() == "base64"):
        msg = "a data: URL that is not in base64 cannot be labelled"
        raise ContentError(msg)
    return head, decoded(content)


def as_url(data: bytes) -> bytes:
    """A picture file as a `data:` URL."""
    return b"data:%s;base64,%s" % (container(data).media_type.encode("ascii"), encoded(data))


def encoded(data: bytes) -> bytes:
    """A file in base64."""
    return binascii.b2a_base64(data, newline=False)


def decoded(text: str) -> bytes:
    """The bytes of base64, in either alphabet, padded or not, with escapes of a URL (`%2B`) or without;
    ContentError where it is none."""
    if "%" in text:
        text = unquote(text)
    if "-" in text or "_" in text:
        text = text.translate({45: 43, 95: 47})
    if any(blank in text for blank in " \n\r\t"):
        text = "".join(text.split())
    text += "=" * (-len(text) % 4)
    try:
        return binascii.a2b_base64(text)
    except ValueError as error:
        msg = f"a picture's base64 is broken: {error}"
        raise ContentError(msg) from None
