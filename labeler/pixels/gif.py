"""The visible label in GIF: every frame shows it, and only frames that paint below it are coded anew.

The label is drawn in colours of the frame's table, which grows (or becomes the frame's own) where it
lacks them. Timing, loops, disposal, comments and all other frames stay byte for byte.
"""

from __future__ import annotations

from PIL import Image, ImageChops

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels.animation import Box, Stage, Step, common, moved
from labeler.pixels.base import Drawn
from labeler.pixels.contrast import RGB
from labeler.pixels.gif_blocks import Frame, colours, parsed
from labeler.pixels.mark import mark
from labeler.pixels.palette import (
    Painted,
    Tile,
    coloured,
    colours_of,
    exactly,
    painted,
    rarest,
    tile,
    without,
)
from labeler.values import Look

_NOTE = "GIF: some pixels took the nearest colour, to make room for the label's"


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The picture with its label; see `labeler.pixels.base.Drawer`. `re-encoded` only where a frame uses
    all 256 colours and none of them can be read on another."""
    gif = parsed(data)
    if not gif.frames:
        msg = "the GIF has no frame"
        raise ContentError(msg)
    artist = _Artist(colours(gif.table), head, look)
    for frame in gif.frames:
        if changed := artist.show(frame):
            gif.put(changed)
    if len(artist.table) > len(gif.table) // 3:
        gif = gif.with_table(artist.table)
    if not artist.inexact:
        return Drawn(gif.bytes(), "identical")
    if exact:
        msg = "a frame of the GIF uses all 256 colours, so the label would change those of other pixels"
        raise ContentError(msg)
    return Drawn(gif.bytes(), "re-encoded", (_NOTE,))


class _Artist:
    """Draws frame after frame. `table`, the global one, may grow meanwhile; `inexact` tells whether a
    pixel beside the label had to change."""

    def __init__(self, table: list[RGB], head: Head, look: Look) -> None:
        self.table, self.inexact = table, False
        self._look = look
        label = mark(look, head.width, head.height, head.orientation)
        self._stage = Stage(head.width, head.height, label)

    def show(self, frame: Frame) -> Frame | None:
        """The next frame with the label, None where it can stay as it is."""
        self._check(frame)
        indices = frame.indices()
        solid = indices.point([0 if index == frame.transparent else 255 for index in range(256)])
        picture = coloured(indices, self._table(frame))
        picture.putalpha(solid)
        step = self._stage.show(picture, frame.box[:2], frame.disposal, over=True)
        if step is None:
            return None
        layers = _Layers(
            frame._replace(box=step.box),
            _grown(indices, frame.box, step.box),
            _grown(solid, frame.box, step.box),
        )
        if step.fresh:
            self._restore(layers, step.fresh)
        self._paint(layers, step)
        if layers.solid.getextrema() != (255, 255):
            self._see_through(layers)
        return layers.frame.with_indices(layers.indices)

    def _check(self, frame: Frame) -> None:
        left, top, right, bottom = frame.box
        if not (left < right <= self._stage.canvas.width and top < bottom <= self._stage.canvas.height):
            msg = "the GIF has a frame that is empty or reaches out of the screen"
            raise ContentError(msg)
        if not self._table(frame):
            msg = "the GIF has a frame without a table of colours"
            raise ContentError(msg)

    def _table(self, frame: Frame) -> list[RGB]:
        return colours(frame.table) or self.table

    def _restore(self, layers: _Layers, fresh: Box) -> None:
        """Paint again what a frame that had to be larger has cleared too much of."""
        at = layers.inside(fresh)
        canvas = self._stage.canvas.crop(fresh)
        lost = ImageChops.subtract(canvas.getchannel("A"), layers.solid.crop(at))
        if not lost.getbbox():
            return
        wanted = canvas.convert("RGB")
        entries = self._entries(layers, colours_of(wanted, lost))
        layers.put(exactly(wanted, entries), at, lost)

    def _entries(self, layers: _Layers, wanted: list[RGB]) -> dict[int, RGB]:
        """The table's entries that may be used, the wanted colours among them as far as there is room: then
        in a table of the frame's own."""
        table, transparent = self._table(layers.frame), layers.frame.transparent
        entries = {index: colour for index, colour in enumerate(table) if index != transparent}
        known = {colour: index for index, colour in entries.items()}
        missing = [colour for colour in wanted if colour not in known]
        used = layers.indices.histogram(layers.solid)
        taken = {transparent, *(known[colour] for colour in wanted if colour in known)}
        free = [index for index in range(256) if not used[index] and index not in taken]
        self.inexact |= len(missing) > len(free)
        entries |= dict(zip(free, missing, strict=False))
        if missing:
            own = [entries.get(index, (0, 0, 0)) for index in range(max(entries) + 1)]
            layers.frame = layers.frame.with_table(own)
        return entries

    def _paint(self, layers: _Layers, step: Step) -> None:
        """Put the label where the frame counts below it, and wherever it has to be put anew."""
        shared = common(step.box, self._stage.mark.box)
        if not shared:
            return
        at = layers.inside(shared)
        label = self._stage.mark.image.crop(moved(shared, *self._stage.mark.box[:2]))
        under = self._stage.labelled(shared)
        where = layers.solid.crop(at)
        if step.fresh and (fresh := common(shared, step.fresh)):
            where.paste(255, moved(fresh, *shared[:2]))
        for alpha, least in ((label.getchannel("A"), 1), (under.getchannel("A"), 128)):
            where = ImageChops.darker(
                where, alpha.point([255 if value >= least else 0 for value in range(256)])
            )
        if where.getbbox():
            layers.put(self._fitted(layers, tile(under, label, self._look), at, where), at, where)

    def _fitted(self, layers: _Layers, label: Tile, at: Box, where: Image.Image) -> Image.Image:
        """The label in indices of the frame's table, which may have to change for it."""
        table, transparent = self._table(layers.frame), layers.frame.transparent
        rest = layers.solid.copy()
        rest.paste(0, at, where)
        used = layers.indices.histogram(rest)
        usable = [index for index in range(len(table)) if index != transparent]
        unused = [index for index in range(256) if not used[index] and index != transparent]
        given = painted(label, table, usable, ())
        if given and given.faithful:
            return given.indices
        if not layers.frame.table:
            larger = painted(label, table, usable, [index for index in unused if index >= len(table)])
            if larger and larger.faithful:
                self.table = larger.colours
                return larger.indices
        own = painted(label, table, usable, unused)
        if given and not (own and own.faithful):
            return given.indices
        own = own or self._sacrificed(layers, label, used)
        layers.frame = layers.frame.with_table(own.colours)
        return own.indices

    def _sacrificed(self, layers: _Layers, label: Tile, used: list[int]) -> Painted:
        """The label in the entries of the rarest colours, whose pixels take the nearest other ones."""
        table = self._table(layers.frame)
        given_up = rarest(used, 2)
        kept = [index for index in range(len(table)) if used[index] and index not in given_up]
        fit = painted(label, table, kept, given_up)
        if fit is None:
            msg = "no two colours of the GIF can be told apart well enough for the label"
            raise ContentError(msg)
        layers.indices = without(layers.indices, table, given_up, kept)
        self.inexact = True
        return fit

    def _see_through(self, layers: _Layers) -> None:
        """Give the transparent index to pixels that do not count."""
        index = layers.frame.transparent
        if index is None:
            used = layers.indices.histogram(layers.solid)
            index = next((index for index in range(256) if not used[index]), None)
            if index is None:
                (index,) = rarest(used, 1)
                layers.indices = without(layers.indices, self._table(layers.frame), [index], range(256))
                self.inexact = True
            layers.frame = layers.frame.with_transparent(index)
        layers.indices.paste(index, mask=ImageChops.invert(layers.solid))


class _Layers:
    """A frame at work: its indices, and a mask of those that count."""

    def __init__(self, frame: Frame, indices: Image.Image, solid: Image.Image) -> None:
        self.frame, self.indices, self.solid = frame, indices, solid

    def inside(self, box: Box) -> Box:
        """A box of the screen as the frame sees it."""
        return moved(box, *self.frame.box[:2])

    def put(self, indices: Image.Image, box: Box, where: Image.Image) -> None:
        """Paint a part."""
        self.indices.paste(indices, box, where)
        self.solid.paste(255, box, where)


def _grown(image: Image.Image, box: Box, larger: Box) -> Image.Image:
    """The image in a larger box, with zeros around it."""
    if box == larger:
        return image
    grown = Image.new("L", (larger[2] - larger[0], larger[3] - larger[1]))
    grown.paste(image, moved(box, *larger[:2]))
    return grown
