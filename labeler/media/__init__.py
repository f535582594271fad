"""How: the container formats of pictures, and the one that a file is in."""

from __future__ import annotations

import os
from typing import TypeAlias

from labeler.errors import ContentError
from labeler.media.base import Container
from labeler.media.bmff import AVIF, HEIF
from labeler.media.bmp import BMP
from labeler.media.gif import GIF
from labeler.media.jpeg import JPEG
from labeler.media.png import PNG
from labeler.media.tiff import TIFF
from labeler.media.webp import WEBP

CONTAINERS: dict[str, Container] = {box.name: box for box in (PNG, JPEG, GIF, WEBP, TIFF, BMP, HEIF, AVIF)}
"""The formats that can be read, by name."""

Source: TypeAlias = "bytes | str | os.PathLike[str]"
"""A picture file's bytes, or its path."""

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"BM": "bmp",
}
_AVIF = frozenset((b"avif", b"avis"))
_HEIF = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1".split())
"""Brands of ISO/IEC 23008-12 (HEIF); MIAF's `mif1` alone does not tell what codes the picture."""
_STRANGERS = {
    b"\xff\x0a": "a JPEG XL picture",
    b"\0\0\0\x0cJXL ": "a JPEG XL picture",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture",
    b"\0\0\1\0": "a Windows icon (ICO)",
    b"8BPS": "a Photoshop document",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"RIFF": "a RIFF file (audio or video), but no WebP",
    b"PK\3\4": "a ZIP archive",
    b"\x1f\x8b": "gzip data",
    b"data:": "a data URL: decode it first",
    b"iVBORw0KGgo": "Base64: decode it first",
    b"/9j/": "Base64: decode it first",
    b"UklGR": "Base64: decode it first",
    b"{": "JSON",
    b"[": "JSON",
}
_SVG = "an SVG drawing"
_START = 4096
"""Bytes that tell what a file is that is no picture; in XML a long comment may stand in front."""


def content(source: Source) -> bytes:
    """The bytes of a picture file; ContentError where it cannot be read."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if not isinstance(source, str | os.PathLike):
        msg = f"a picture is the bytes of a file or its path, and not a {type(source).__name__}"
        raise ContentError(msg)
    try:
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        msg = f"{os.fspath(source)} cannot be read: {error.strerror}"
        raise ContentError(msg) from error
    except ValueError as error:  # no name of a file has a NUL, or half of a surrogate pair
        msg = f"{os.fspath(source)!r} cannot be read: {error}"
        raise ContentError(msg) from error


def container(data: bytes) -> Container:
    """The format of a picture file, told by its first bytes; ContentError, which names what it looks
    like, where it is none that can be read."""
    found = CONTAINERS.get(_name(data))
    if found is None:
        msg = f"this is no picture in a format that can be read ({', '.join(CONTAINERS)}): {_stranger(data)}"
        raise ContentError(msg)
    return found


def _name(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        return "avif" if brands & _AVIF else "heif" if brands & _HEIF else ""
    return next((name for magic, name in _MAGIC.items() if data.startswith(magic)), "")


def _brands(data: bytes) -> set[bytes]:
    """The major and the compatible brands of an ISO media file (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 1024)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}


def is_svg(data: bytes) -> bool:
    """Whether a file is an SVG drawing, or declares itself XML, in which its `<svg` may come late."""
    start = _start(data).lower()
    return start.startswith(b"<?xml") or (start.startswith(b"<") and _markup(start) == _SVG)


def _start(data: bytes) -> bytes:
    return data[:_START].removeprefix(b"\xef\xbb\xbf").lstrip()


def _stranger(data: bytes) -> str:
    """What a file that is no picture looks like, in words."""
    start = _start(data)
    if not start:
        return "it is empty"
    for magic, name in _STRANGERS.items():
        if data.startswith(magic) or start.startswith(magic):
            return f"it looks like {name}"
    if data[4:8] == b"ftyp":
        return "it looks like a video or another ISO media file"
    if start.startswith(b"<"):
        return f"it looks like {_markup(start.lower())}"
    return f"it begins with {bytes(data[:12])!r}"


def _markup(start: bytes) -> str:
    page = (b"<html", b"<!doctype html")
    if b"<svg" in start and not start.startswith(page):
        return _SVG
    return "an HTML page" if any(word in start for word in page) else "XML"
