"""An animation as viewers show it, frame over frame, and what has to be painted for the label to stay.

Formats store a frame as a rectangle that goes onto a canvas; what a frame leaves there (its disposal)
is what the next one goes onto. The label has to be in every frame as shown, so it is painted where a
frame paints below it, and painted again where the canvas was cleared.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from PIL import Image

from labeler.pixels.mark import Mark

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""
Disposal = Literal["keep", "clear", "restore"]
"""What becomes of a frame's rectangle when its time is over."""


class Step(NamedTuple):
    """How one frame has to change: it must cover `box` (its own rectangle or a larger one), and show
    the labelled canvas in all of `fresh`, even where it used to be transparent."""

    box: Box
    fresh: Box | None


class Stage:
    """The canvas: as it is without the label (`canvas`, RGBA), and which part of the labelled one
    still differs from it in more than the label (`_stale`)."""

    def __init__(self, width: int, height: int, mark: Mark, grid: int = 1) -> None:
        """`grid`: what the corners of frames are multiples of."""
        self.canvas = Image.new("RGBA", (width, height))
        self.mark = mark
        self._grid = grid
        self._stale: Box | None = mark.box
        self._pending: tuple[Disposal, Box, Step, Image.Image] | None = None

    def show(
        self, image: Image.Image, corner: tuple[int, int], disposal: Disposal, *, over: bool
    ) -> Step | None:
        """Put the next frame (RGBA) on, blended `over` what is there or instead of it. None: the frame
        can stay as it is."""
        self._dispose()
        box = (*corner, corner[0] + image.width, corner[1] + image.height)
        step = Step(self._snapped(joined(box, self._stale)) if self._stale else box, self._stale)
        self._pending = disposal, box, step, self.canvas.crop(box)
        if over:
            self.canvas.alpha_composite(image, corner)
        else:
            self.canvas.paste(image, corner)
        self._stale = None
        return step if step.fresh or common(box, self.mark.box) else None

    def _dispose(self) -> None:
        if not self._pending:
            return
        disposal, box, step, before = self._pending
        if disposal == "restore":
            self.canvas.paste(before, box)
            self._stale = step.fresh
        elif disposal == "clear":
            self.canvas.paste((0, 0, 0, 0), box)
            grown = step.box != box and self.canvas.crop(step.box).getchannel("A").getbbox()
            self._stale = step.box if grown else common(step.box, self.mark.box)

    def _snapped(self, box: Box) -> Box:
        return box[0] - box[0] % self._grid, box[1] - box[1] % self._grid, box[2], box[3]

    def labelled(self, box: Box) -> Image.Image:
        """A part of the canvas as it has to be shown, with the label."""
        part = self.canvas.crop(box)
        if shared := common(box, self.mark.box):
            left, top, *_ = self.mark.box
            tile = self.mark.image.crop(
                (shared[0] - left, shared[1] - top, shared[2] - left, shared[3] - top)
            )
            part.alpha_composite(tile, (shared[0] - box[0], shared[1] - box[1]))
        return part


def common(one: Box, other: Box) -> Box | None:
    """What both cover."""
    box = max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])
    return box if box[0] < box[2] and box[1] < box[3] else None


def joined(one: Box, other: Box) -> Box:
    """The smallest box that covers both."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def moved(box: Box, left: int, top: int) -> Box:
    """The box as seen from a corner at `left`, `top`."""
    return box[0] - left, box[1] - top, box[2] - left, box[3] - top
