"""The visible label in PNG: only what lies under it is drawn, filtered and compressed anew."""

from __future__ import annotations

from collections.abc import Mapping

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels.base import Drawn, composite
from labeler.pixels.mark import Mark, mark
from labeler.pixels.png_file import GREY, PALETTE, Picture, Piece, chunk, cut, parsed, replaced, run, written
from labeler.pixels.png_frames import animated, moving
from labeler.pixels.png_ink import Indices, Samples, Unfit
from labeler.pixels.png_passes import length
from labeler.pixels.png_rows import Planes, decoded
from labeler.pixels.png_splice import redrawn
from labeler.pixels.png_whole import colours, encoded, restated, stored_as
from labeler.values import Look

_Still = tuple[list[Piece], Mapping[bytes, Piece | None], tuple[str, ...]]
"""The picture data as a zlib stream, the other chunks that change, and notes."""


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The picture with its label; see `labeler.pixels.base.Drawer`.

    Pixels beside the label are always identical; but an animation of 16 bits per sample whose frames
    build on one another is `re-encoded` with 8.
    """
    picture = parsed(data)
    if picture.header[:2] != head[:2]:
        msg = "the PNG is {} x {} pixels large, not {} x {}"
        raise ContentError(msg.format(*picture.header[:2], head.width, head.height))
    label = mark(look, picture.header.width, picture.header.height, head.orientation)
    if moving(picture):
        return animated(picture, label, exact=exact)
    pieces, bodies, notes = _still(picture, label, look)
    chunks = (chunk(b"IDAT", *group) for group in cut(pieces))
    new = replaced(picture, bodies) | run(picture.numbers(b"IDAT"), chunks)
    return Drawn(written(picture, new), "identical", notes)


def _still(picture: Picture, label: Mark, look: Look) -> _Still:
    if picture.header.colour == PALETTE:
        return _indexed(picture, label, look)
    if picture.header.colour == GREY and picture.header.depth < 8:
        return _widened(picture, _decoded(picture), label)
    lay = Samples(picture.key).lay
    return redrawn(picture.spans, picture.header, label, lay), {}, ()


def _indexed(picture: Picture, label: Mark, look: Look) -> _Still:
    """In colours of the palette and new ones, if need be in place of those that no pixel has; else as
    colours."""
    try:
        return _with_palette(picture, label, Indices(picture, look))
    except Unfit:
        planes = _decoded(picture)
    used = planes[0].histogram()
    free = [index for index in range(1 << picture.header.depth) if not used[index]]
    try:
        return _with_palette(picture, label, Indices(picture, look, free))
    except Unfit:
        return _widened(picture, planes, label)


def _with_palette(picture: Picture, label: Mark, ink: Indices) -> _Still:
    pieces = redrawn(picture.spans, picture.header, label, ink.lay)
    changed = {b"PLTE": b"".join(map(bytes, ink.colours))}
    if frequencies := picture.body(b"hIST"):
        changed[b"hIST"] = frequencies.ljust(2 * len(ink.colours), b"\0")
    return pieces, changed, ()


def _decoded(picture: Picture) -> Planes:
    stream = b"".join(picture.spans)
    return decoded(stream, (picture.header.width, picture.header.height), picture.header)


def _widened(picture: Picture, planes: Planes, label: Mark) -> _Still:
    image = colours(planes, picture)
    composite(image, label)
    gain = length(picture.header) / sum(map(len, picture.spans))
    header = stored_as(image)
    note = f"PNG: stored as {image.mode} with 8 bits, to have all colours that the label needs"
    return encoded(image, gain), restated(picture, header), (note,)
