"""The label on rows of a PNG: on samples of 8 and 16 bits, and on indices into a palette."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from PIL import Image, ImageChops

from labeler.errors import ContentError
from labeler.pixels.base import composite
from labeler.pixels.contrast import RGB
from labeler.pixels.mark import Mark
from labeler.pixels.palette import Painted, Tile, coloured, painted, plain, tile
from labeler.pixels.png_file import Picture
from labeler.pixels.png_rows import Planes
from labeler.values import Look

OPAQUE = 255
"""The alpha of what hides all that lies under it."""
VISIBLE = [0] + [OPAQUE] * 255
"""For `Image.point`: a mask of all that is not transparent."""


class Unfit(ContentError):
    """The label cannot be drawn in the way in which the pixels are stored."""


def keyed(planes: Planes, key: Sequence[int]) -> Image.Image:
    """A mask of the pixels of one colour, whose samples have as many bytes as there are planes."""
    masks = [
        channel.point([OPAQUE * (value == sample >> 8 * place & 0xFF) for value in range(256)])
        for place, plane in enumerate(reversed(planes))
        for channel, sample in zip(plane.split(), key, strict=True)
    ]
    return reduce(ImageChops.darker, masks)


class Samples:
    """Draws on grey and colours, with and without alpha.

    Where a colour of its own stands for transparency (`key`), the label lies on black instead, and
    never takes that colour. Of 16-bit samples the label's have twice the same byte.
    """

    def __init__(self, key: Sequence[int] = ()) -> None:
        self._key = key

    def lay(self, planes: Planes, label: Mark) -> None:
        """Put the mark onto the planes."""
        old = [plane.crop(label.box) for plane in planes]
        if self._key:
            planes[0].paste(0, label.box, keyed(old, self._key))
        composite(planes[0], label)
        new = [planes[0].crop(label.box)] * len(planes)
        covered = label.image.getchannel("A").point(VISIBLE)
        if self._key:
            new[-1] = self._other(new, ImageChops.darker(keyed(new, self._key), covered))
        for plane, before, after in zip(planes, old, new, strict=True):
            plane.paste(Image.composite(after, before, covered), label.box)

    def _other(self, planes: Planes, where: Image.Image) -> Image.Image:
        """The last plane, with pixels that differ from the key in a bit."""
        plane = planes[-1].copy()
        plane.paste(
            Image.merge(plane.mode, [Image.new("L", plane.size, sample & 0xFF ^ 1) for sample in self._key]),
            mask=where,
        )
        return plane


def check(indices: Image.Image, colours: Sequence[RGB]) -> None:
    """ContentError where a pixel (L) has no entry in the palette."""
    if any(indices.histogram()[len(colours) :]):
        msg = "the PNG has pixels of a colour that its palette lacks"
        raise ContentError(msg)


class Indices:
    """Draws on indices, in colours of the palette and in new ones as far as there is room.

    `colours` is the palette that this takes. `free` are entries which no pixel has; by default those
    behind the end of the palette.
    """

    def __init__(self, picture: Picture, look: Look, free: Sequence[int] | None = None) -> None:
        self.colours: list[RGB] = picture.palette
        self._alphas = picture.body(b"tRNS").ljust(256, b"\xff")
        self._look = look
        self._free = range(len(self.colours), 1 << picture.header.depth) if free is None else free

    def lay(self, planes: Planes, label: Mark) -> None:
        """Put the mark onto the indices; Unfit where the colours do not do, or half of one is needed."""
        indices = plain(planes[0].crop(label.box))
        check(indices, self.colours)
        covered = label.image.getchannel("A").point(VISIBLE)
        shown = self._shown(indices)
        shown.alpha_composite(label.image)
        if ImageChops.subtract(covered, shown.getchannel("A")).getbbox():
            raise Unfit
        indices = self._painted(tile(shown, label.image, self._look)).indices
        planes[0].paste(Image.frombytes("P", indices.size, indices.tobytes()), label.box, covered)

    def _shown(self, indices: Image.Image) -> Image.Image:
        picture = coloured(indices, self.colours)
        picture.putalpha(indices.point(list(self._alphas)))
        return picture

    def _painted(self, label: Tile) -> Painted:
        usable = [index for index in range(len(self.colours)) if self._alphas[index] == OPAQUE]
        fit = painted(label, self.colours, usable, ())
        if not (fit and fit.faithful):
            free = [index for index in self._free if self._alphas[index] == OPAQUE]
            fit = painted(label, self.colours, usable, free)
        if not (fit and fit.faithful):
            raise Unfit
        taken = {
            index for index, colour in enumerate(fit.colours) if [colour] != self.colours[index : index + 1]
        }
        self._free = [index for index in self._free if index not in taken]
        self.colours = fit.colours
        return fit
