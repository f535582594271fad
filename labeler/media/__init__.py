"""How: the container formats of pictures, and the one that a file is in."""

from __future__ import annotations

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


def _stranger(data: bytes) -> str:
    """What a file that is no picture looks like, in words."""
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
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
    if b"<svg" in start:
        return "an SVG drawing"
    return "an HTML page" if b"<html" in start or b"<!doctype html" in start else "XML"
