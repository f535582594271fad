"""The label in animated PNG (APNG; W3C PNG, 3rd edition, 11.3.8): every frame shows it.

A frame that paints below the label gets it where it paints. Frames that blend with what is there already,
and those that have to paint again what was cleared, are stored as they are shown. Timing and loops stay.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import count
from typing import NamedTuple

from PIL import Image

from labeler.errors import ContentError
from labeler.pixels.animation import Box, Disposal, Stage, Step, common, moved
from labeler.pixels.base import Drawn
from labeler.pixels.mark import Mark
from labeler.pixels.png_file import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGBA,
    Header,
    Picture,
    Piece,
    chunk,
    cut,
    replaced,
    run,
    written,
)
from labeler.pixels.png_ink import OPAQUE, Samples
from labeler.pixels.png_passes import length
from labeler.pixels.png_rows import MODES, decoded
from labeler.pixels.png_splice import redrawn
from labeler.pixels.png_whole import colours, encoded, restated

_CONTROL = struct.Struct(">5I4sBB")
"""fcTL: sequence number, width, height, left, top, timing, disposal, blending."""
_DISPOSALS: tuple[Disposal, ...] = ("keep", "clear", "restore")
_LOST = "a frame's data have no control chunk"
_NOTE = "PNG: frames stored with alpha and 8 bits, to be as they are shown"


class Frame(NamedTuple):
    """A picture of the file: the header that it would have alone, its place, its zlib stream in spans, and
    where its chunks are. One that belongs to the animation has the number of its fcTL chunk in `control`,
    and its timing, disposal and blending."""

    header: Header
    box: Box
    spans: list[memoryview]
    chunks: list[int]
    control: int | None = None
    timing: bytes = b""
    disposal: int = 0
    over: bool = False


class Painted(NamedTuple):
    """A frame with the label: its place, whether it blends, and its zlib stream in pieces."""

    box: Box
    over: bool
    pieces: Iterable[Piece]


class _Unlike(ContentError):
    """A frame cannot be stored with the header that the file has."""


def moving(picture: Picture) -> bool:
    """Whether the picture is an animation: acTL stands before the picture data."""
    kinds = [part.kind for part in picture.chunks]
    return b"acTL" in kinds[: kinds.index(b"IDAT")]


def animated(picture: Picture, label: Mark, *, exact: bool) -> Drawn:
    """The animation with the label in all of its frames, and in the picture for viewers without animation.
    `re-encoded` where 16 bits became 8."""
    frames = _frames(picture)
    header = picture.header
    if header.colour != PALETTE and header.depth >= 8 and not picture.key:
        try:
            painted = list(_painted(picture, frames, label, direct=True))
            return Drawn(_written(picture, frames, painted, {}), "identical")
        except _Unlike:
            pass
    if exact and header.depth == 16:
        msg = "the frames of the animated PNG build on one another, so they would not keep their 16 bits"
        raise ContentError(msg)
    painted = list(_painted(picture, frames, label, direct=False))
    changed = replaced(picture, restated(picture, _recoding(header)))
    drawn = _written(picture, frames, painted, changed)
    return Drawn(drawn, "re-encoded" if header.depth == 16 else "identical", (_NOTE,))


def _frames(picture: Picture) -> list[Frame]:
    """The pictures of the file in order; ContentError where they are not as acTL says."""
    frames, sequence = list[Frame](), count()
    for number, part in enumerate(picture.chunks):
        if part.kind in (b"fcTL", b"fdAT"):
            _check(part.body[:4] == next(sequence).to_bytes(4, "big"), "its chunks are not in order")
        if part.kind == b"fcTL":
            frames.append(_controlled(picture, number))
        elif part.kind == b"IDAT":
            if not frames:
                frames.append(Frame(picture.header, (0, 0, *picture.header[:2]), [], []))
            _check(frames[-1].header == picture.header, "its first frame is smaller than the picture")
            _add(frames[-1], picture, number, part.body)
        elif part.kind == b"fdAT":
            _check(bool(frames) and frames[-1].control is not None, _LOST)
            _add(frames[-1], picture, number, part.body[4:])
    timed = [number for number, frame in enumerate(frames) if frame.control is not None]
    said = int.from_bytes(picture.body(b"acTL")[:4], "big")
    _check(0 < len(timed) == said, "it has not as many frames as it says")
    _check(all(frame.chunks for frame in frames), "it has a frame without data")
    frames[timed[0]] = frames[timed[0]]._replace(over=False)  # nothing lies under it
    return frames


def _check(sound: bool, fault: str) -> None:
    if not sound:
        msg = f"the animated PNG is broken: {fault}"
        raise ContentError(msg)


def _controlled(picture: Picture, number: int) -> Frame:
    body = picture.chunks[number].body
    _check(len(body) == _CONTROL.size, "a frame's control chunk has a wrong length")
    _, width, height, left, top, timing, disposal, blending = _CONTROL.unpack(body)
    right, bottom = left + width, top + height
    inside = right <= picture.header.width and bottom <= picture.header.height
    _check(bool(width and height and inside), "a frame is empty or reaches out of the picture")
    _check(disposal < len(_DISPOSALS) and blending <= 1, "a frame's disposal or blending is unknown")
    header = picture.header._replace(width=width, height=height)
    return Frame(header, (left, top, right, bottom), [], [], number, timing, disposal, blending == 1)


def _add(frame: Frame, picture: Picture, number: int, data: memoryview) -> None:
    first = (frame.chunks or [number])[0]
    _check(picture.chunks[first].kind == picture.chunks[number].kind, _LOST)
    frame.spans.append(data)
    frame.chunks.append(number)


def _painted(picture: Picture, frames: list[Frame], label: Mark, *, direct: bool) -> Iterator[Painted]:
    """The frames with the label, `direct` with their own samples (_Unlike where that is not enough), else
    with alpha and 8 bits."""
    stage = Stage(picture.header.width, picture.header.height, label)
    for frame in frames:
        planes = decoded(b"".join(frame.spans), frame.header[:2], frame.header)
        image = colours(planes, picture).convert("RGBA")
        if frame.control is None:
            still = Stage(*image.size, label)
            step, shown = still.show(image, (0, 0), "keep", over=False), still
        else:
            step = stage.show(image, frame.box[:2], _DISPOSALS[frame.disposal], over=frame.over)
            shown = stage
        yield _direct(frame, image, step, shown) if direct else _recoded(frame, image, step, shown)


def _direct(frame: Frame, image: Image.Image, step: Step | None, stage: Stage) -> Painted:
    if step is None:
        return Painted(frame.box, frame.over, frame.spans)
    opaque = not frame.over or image.getchannel("A").getextrema()[0] == OPAQUE
    shared = common(stage.mark.box, frame.box)
    if opaque and shared and step.box == frame.box:
        pieces = redrawn(frame.spans, frame.header, _part(stage.mark, shared, frame.box), Samples().lay)
        return Painted(frame.box, frame.over, pieces)
    if frame.header != _recoding(frame.header):
        raise _Unlike
    return _recoded(frame, image, step, stage)


def _recoded(frame: Frame, image: Image.Image, step: Step | None, stage: Stage) -> Painted:
    gain = length(frame.header) / sum(map(len, frame.spans))
    mode = MODES[_recoding(frame.header).colour]
    if step is None:
        return Painted(frame.box, frame.over, encoded(image.convert(mode), gain))
    return Painted(step.box, False, encoded(stage.labelled(step.box).convert(mode), gain))


def _recoding(header: Header) -> Header:
    """How frames are stored that are not as they were."""
    colour = GREY_ALPHA if header.colour in (GREY, GREY_ALPHA) else RGBA
    return header._replace(depth=8, colour=colour, interlaced=False)


def _part(label: Mark, shared: Box, box: Box) -> Mark:
    """The part of the label that a box shares with it, counted from the corner of the box."""
    left, top, *_ = moved(shared, *box[:2])
    return Mark(left, top, label.image.crop(moved(shared, label.left, label.top)))


def _written(
    picture: Picture, frames: list[Frame], painted: list[Painted], new: dict[int, Iterable[Piece]]
) -> bytes:
    """The file with these frames; chunks are numbered in the order in which they stand."""
    sequence = count()
    for frame, (box, over, pieces) in zip(frames, painted, strict=True):
        if frame.control is not None:
            left, top, right, bottom = box
            size = right - left, bottom - top
            body = _CONTROL.pack(next(sequence), *size, left, top, frame.timing, frame.disposal, over)
            new[frame.control] = chunk(b"fcTL", body)
        kind = picture.chunks[frame.chunks[0]].kind
        new |= run(frame.chunks, _chunks(kind, pieces, sequence))
    return written(picture, new)


def _chunks(kind: bytes, pieces: Iterable[Piece], sequence: Iterator[int]) -> Iterator[Iterable[Piece]]:
    for group in cut(pieces):
        number = [next(sequence).to_bytes(4, "big")] if kind == b"fdAT" else []
        yield chunk(kind, *number, *group)
