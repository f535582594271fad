"""What the drawers of all formats share: their result, a careful way into Pillow, and compositing.

Pillow's global limit of pixels belongs to the host application: nothing here changes it. The caller
checks the size in the header before anything is decoded, so the warning which Pillow's own `open`
gives from 89 megapixels on has no work left, and `opened` goes past it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from typing import Literal, NamedTuple, Protocol

from PIL import Image, ImageFile

from labeler.errors import ContentError, MissingExtra
from labeler.media.base import Head
from labeler.pixels.mark import Mark
from labeler.values import Look

PLUGINS = {
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "HEIF": ("pillow_heif.as_plugin", "HeifImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "TIFF": ("labeler.pixels.tiff_file", "TiffFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
}
"""Where Pillow's reader of each format is."""

UNREADABLE = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError),
    *(RuntimeError, SyntaxError, TypeError, ValueError, Warning),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow's readers raise for broken files."""


class Drawn(NamedTuple):
    """A picture with its label. `outside` tells what became of the pixels that the label does not
    cover; `notes` are for the outcome."""

    data: bytes
    outside: Literal["identical", "re-encoded"]
    notes: tuple[str, ...] = ()


class Drawer(Protocol):
    """The module of one format."""

    def draw(self, data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
        """The picture with its visible label and all its metadata. `exact`: ContentError where the
        rest of the picture would not stay identical; it says why."""
        ...


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises for a broken file into a ContentError about the picture, called
    `name` (`PNG`). Only calls of Pillow belong inside."""
    try:
        yield
    except UNREADABLE as error:
        msg = f"the {name} picture cannot be decoded: {str(error).strip() or type(error).__name__}"
        raise ContentError(msg) from error


def opened(data: bytes, formats: tuple[str, ...], head: Head | None = None) -> ImageFile.ImageFile:
    """The picture as the first of Pillow's `formats` that reads it, not decoded yet.

    With `head`, a picture of another size than its header told is refused (readers that apply the
    EXIF orientation may have swapped the sides). ContentError where no format reads it,
    MissingExtra where the reader of one is not installed.
    """
    for name in formats[:-1]:
        try:
            return _opened(data, name, head)
        except ContentError:
            continue
    return _opened(data, formats[-1], head)


def _opened(data: bytes, name: str, head: Head | None) -> ImageFile.ImageFile:
    reader = _reader(name)
    with reading(name):
        image = reader(BytesIO(data))
    if head and sorted(image.size) != sorted(head[:2]):  # HEIF and TIFF readers turn it upright
        msg = "the {} picture is {} x {} pixels large, but its header says {} x {}"
        raise ContentError(msg.format(name, *image.size, head.width, head.height))
    return image


def _reader(name: str) -> type[ImageFile.ImageFile]:
    module, cls = PLUGINS[name]
    try:
        reader: type[ImageFile.ImageFile] = getattr(import_module(module), cls)
    except ImportError as error:
        raise MissingExtra(module.partition(".")[0], "heic") from error
    return reader


def composite(image: Image.Image, mark: Mark) -> None:
    """Lay the label over the picture, in place; the picture is decoded, of mode L, LA, RGB, RGBA,
    RGBX, CMYK or YCbCr, and of the size (or a region that starts at the origin) the mark was made for.
    """
    if image.mode == "RGBA":
        image.alpha_composite(mark.image, (mark.left, mark.top))
    elif image.mode == "LA":
        ground = image.crop(mark.box).convert("RGBA")
        image.paste(Image.alpha_composite(ground, mark.image).convert("LA"), mark.box)
    else:
        tile = mark.image.convert("RGB").convert(image.mode)
        image.paste(tile, mark.box, mark.image.getchannel("A"))
