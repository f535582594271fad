"""JPEG: the label goes into the coefficients of the blocks that it touches; all others stay as they are.

That takes libturbojpeg. (Where chroma is subsampled, viewers interpolate it: one pixel around these blocks
may look different.) Without the library, or where it refuses a picture because it is damaged or oddly
sampled, Pillow encodes the picture anew: with the file's own quantisation tables and subsampling where it is
grey, RGB or YCbCr in 4:4:4, 4:2:2 or 4:2:0, and else with the nearest that Pillow can write (`_options`).

Either way the file keeps its APPn and COM segments and what follows its end, byte for byte, but for the places
in an MPF index. So an EXIF thumbnail, and further pictures, show the picture without its label.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.media.jpeg import reindexed
from labeler.pixels import turbo
from labeler.pixels.base import Drawn, composite, reading
from labeler.pixels.jpeg_blocks import crop_box, is_rgb, is_ycck, planes, quantisation, strips
from labeler.pixels.jpeg_frame import Frame, bare, frame, replaced
from labeler.pixels.mark import GRID, Mark, mark
from labeler.values import Look

MISSING = (
    "the rest of the JPEG stays identical only with libturbojpeg: install the system package "
    "libturbojpeg0 (Debian), libturbojpeg (Ubuntu, Alpine), turbojpeg (Fedora) or jpeg-turbo (Homebrew)"
)
"""The note, or the error, where the machine lacks the library."""

NOTABLE_GROWTH = 0.02
"""The share of its size by which a file may grow before the outcome speaks of it."""

ROOM = 1.8
"""Bytes a pixel: Pillow has 2 for a progressive or optimised file, and fails where these are not enough."""

_SUBSAMPLINGS = {(1, 1): 0, (2, 1): 1, (2, 2): 2}


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The picture with its visible label.

    `exact`: ContentError where the coefficients of the other blocks would not stay identical. ContentError
    too where the file is cut, broken or of a kind that no browser shows.
    """
    old = frame(data)
    if (old.width, old.height) != (head.width, head.height):
        msg = f"the JPEG says two sizes: {head.width} x {head.height} and {old.width} x {old.height}"
        raise ContentError(msg)
    label = mark(look, old.width, old.height, head.orientation, grid=GRID)
    try:
        return _indexed(data, _spliced(data, old, label))
    except turbo.TurboError as error:
        why = str(error) if turbo.library() else MISSING
        if exact:
            msg = f"the JPEG cannot be labelled without encoding it anew: {why}"
            raise ContentError(msg) from error
        return _indexed(data, Drawn(_encoded(data, old, label), "re-encoded", (why,)))


def _spliced(data: bytes, old: Frame, label: Mark) -> Drawn:
    box = crop_box(old, label)
    new = turbo.repainted(
        data,
        box,
        lambda crop: strips(old, crop, box, label),
        progressive=old.progressive,
        optimise=old.optimised,
    )
    drawn = replaced(old, new)
    return Drawn(drawn, "identical", _growth(old, len(drawn) / len(data) - 1))


def _indexed(data: bytes, drawn: Drawn) -> Drawn:
    """With the index of further pictures as it has to be now."""
    new, note = reindexed(data, drawn.data)
    return drawn._replace(data=new, notes=(*drawn.notes, note) if note else drawn.notes)


def _growth(old: Frame, growth: float) -> tuple[str, ...]:
    """What to say of a baseline picture with optimised tables, which an old library cannot make."""
    if not old.optimised or old.progressive or turbo.optimises() or growth <= NOTABLE_GROWTH:
        return ()
    return (f"the JPEG grew by {growth:.1%}: libturbojpeg before 3.0 does not optimise Huffman tables",)


def _encoded(data: bytes, old: Frame, label: Mark) -> bytes:
    file = BytesIO()
    with reading("JPEG"):
        image = JpegImageFile(BytesIO(bare(data)))
        image.decodermaxblock = len(data)  # libjpeg then need not stop and resume
        image.load()
        composite(image, label)
        options = _options(image, old, len(data) < ROOM * old.width * old.height)
        inks = _as_inks(image) if image.mode == "CMYK" and is_ycck(image) else image
        inks.save(file, "JPEG", **options)
    return replaced(old, file.getvalue())


def _options(image: JpegImageFile, old: Frame, room: bool) -> dict[str, Any]:
    """Pillow's options for a file like the old one. libjpeg gives the chroma of YCbCr the second table and all
    other components the first, those of CMYK and YCCK too, which it does not subsample. Of YCbCr the last
    component's sampling counts for both of chroma; 4:1:1, 4:4:0 and others that Pillow lacks become 4:4:4, and
    the file grows (4:1:1 at q95 by 39 %). Without `room` the file becomes a plain baseline one."""
    coloured = image.mode == "RGB" and not is_rgb(image)
    across, down = old.sampling
    part = old.components[-1]
    return {
        "qtables": [quantisation(image, number) for number in range(1 + coloured)],
        "subsampling": _SUBSAMPLINGS.get((across // part.across, down // part.down), 0) if coloured else 0,
        "keep_rgb": image.mode == "RGB" and not coloured,
        "progressive": old.progressive and room,
        "optimize": old.optimised and room,
    }


def _as_inks(image: JpegImageFile) -> Image.Image:
    """The planes of a YCCK picture in the place of inks: Pillow writes these unconverted, and the file's
    own Adobe segment says what they are."""
    return Image.merge("CMYK", [ImageChops.invert(plane) for plane in planes(image)])
