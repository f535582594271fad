"""An image of Pillow's as a PNG file: with what it brought along from the file it was read from."""

from __future__ import annotations

from io import BytesIO
from typing import TypeAlias

from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo, iTXt

from labeler.errors import ContentError
from labeler.media.exif import byte_order, entries
from labeler.pixels.base import UNREADABLE

Handed: TypeAlias = Image.Image
"""What a caller can hand over instead of a file."""

_XMP = "XML:com.adobe.xmp"


def as_png(image: object) -> bytes:
    """The image as a file, with its EXIF (and so its orientation), XMP, texts, resolution and profile.

    ContentError for what is no image, cannot be decoded, has several frames, or a mode that PNG lacks.
    """
    if not isinstance(image, Image.Image):
        msg = f"a picture is the bytes of a file, its path or a PIL.Image, and not a {type(image).__name__}"
        raise ContentError(msg)
    try:
        return _saved(image)
    except UNREADABLE as error:
        why = str(error) or type(error).__name__
        msg = f"this image cannot become a PNG file: {why}; give the bytes of a file"
        raise ContentError(msg) from error


def _saved(image: Image.Image) -> bytes:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # whose further pictures are a gain map or a preview
        msg = f"this image has {frames} frames, of which a PNG would keep one; give the bytes of its file"
        raise ContentError(msg)
    out = BytesIO()
    image.save(out, "PNG", exif=_exif(image), dpi=image.info.get("dpi"), pnginfo=_texts(image))
    return out.getvalue()


def _exif(image: Image.Image) -> bytes:
    """The image's EXIF, b"" where it says nothing, or is a TIFF's, which Pillow turns upright itself."""
    found = b"" if image.format == "TIFF" else image.getexif().tobytes()
    tiff = found.removeprefix(b"Exif\0\0")
    return found if any(entries(tiff, byte_order(tiff))) else b""


def _texts(image: Image.Image) -> PngInfo:
    found = PngInfo()
    texts = image.text if isinstance(image, PngImageFile) else {}
    for name, text in texts.items():
        if isinstance(text, iTXt):
            found.add_itxt(name, text, text.lang or "", text.tkey or "")
        else:
            found.add_text(name, text)
    packet = image.info.get("xmp")
    if packet and _XMP not in texts:
        found.add_itxt(_XMP, packet.decode() if isinstance(packet, bytes) else packet)
    return found
