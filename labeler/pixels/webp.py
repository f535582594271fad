"""The visible label in WebP: only the bitstreams that show it are encoded anew, every other chunk of
the file stays as it is (RFC 9649).

Lossless pictures stay lossless. Lossy ones are encoded again with their own quality, told from the
bitstream: libwebp offers no way to change a part of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import NamedTuple

from PIL import Image

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import trial, vp8
from labeler.pixels.animation import Box, Disposal, Stage, Step, common, moved
from labeler.pixels.base import Drawn, composite, opened, reading
from labeler.pixels.mark import GRID, Mark, mark
from labeler.values import Look

_BITSTREAM = (b"ALPH", b"VP8 ", b"VP8L")
_ALPHA = 0x10
"""Flag in VP8X."""
_CLEAR, _INSTEAD = 1, 2
"""Flags in ANMF: clear the frame's rectangle after it; put it there instead of blending it."""
_MUCH = 1.25
"""How much larger than with the next method a photograph becomes at most with libwebp's quickest one that
loses nothing. (Drawings become several times as large.)"""
_QUICK, _SLOW, _SLOWEST = 0, 2, 4
"""Methods of libwebp."""
_LARGER = 1.18
"""How much larger than with the slow method a photograph becomes at most with the quick one."""
_FINE, _COARSE = 85, 70
"""From the one on writing grows, and keeps well with a quality two steps lower. Below the other only the
slowest method, which searches as the first encoder did, comes close enough to the picture as it was."""


class _Chunk(NamedTuple):
    kind: bytes
    payload: bytes | memoryview


class _Frame(NamedTuple):
    """A frame of an animation: its rectangle, the rest of its head (duration), flags and chunks."""

    box: Box
    duration: bytes
    flags: int
    chunks: list[_Chunk]


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The picture with its label; see `labeler.pixels.base.Drawer`. `re-encoded` where a lossy bitstream
    had to change: the note tells the quality."""
    stop = min(8 + int.from_bytes(data[4:8], "little"), len(data))
    chunks = _chunks(memoryview(data)[12:stop])
    grid = GRID if any(chunk.kind == b"VP8 " for chunk in chunks) else 1
    label = mark(look, head.width, head.height, head.orientation, grid=grid)
    coder = _Coder(exact)
    if any(chunk.kind == b"ANMF" for chunk in chunks):
        chunks = _animation(chunks, head, label, coder)
    else:
        chunks = _still(chunks, head, label, coder)
    body = _joined(chunks)
    drawn = b"".join((b"RIFF", (4 + len(body)).to_bytes(4, "little"), b"WEBP", body, data[stop:]))
    if not coder.qualities:
        return Drawn(drawn, "identical")
    return Drawn(drawn, "re-encoded", (f"WebP: encoded again, quality {min(coder.qualities)}",))


def _chunks(body: memoryview) -> list[_Chunk]:
    """The chunks one after the other; ContentError where one is cut off."""
    chunks, at = [], 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        chunk = _Chunk(bytes(body[at : at + 4]), body[at + 8 : at + 8 + size])
        if len(chunk.payload) < size:
            msg = f"the WebP ends inside its {chunk.kind.decode('ascii', 'backslashreplace').strip()} chunk"
            raise ContentError(msg)
        chunks.append(chunk)
        at += 8 + size + size % 2
    return chunks


def _joined(chunks: Iterable[_Chunk]) -> bytes:
    parts: list[bytes | memoryview] = []
    for kind, payload in chunks:
        parts += kind, len(payload).to_bytes(4, "little"), payload, b"\0" * (len(payload) % 2)
    return b"".join(parts)


def _still(chunks: list[_Chunk], head: Head, label: Mark, coder: _Coder) -> list[_Chunk]:
    old = _bitstream(chunks)
    image = _decoded(old, head.width, head.height)
    composite(image, label)
    return _replaced(chunks, coder.encoded(image, old))


def _bitstream(chunks: list[_Chunk]) -> list[_Chunk]:
    """The chunks of one picture: VP8L, or VP8 with or without an ALPH before it."""
    found = {chunk.kind: chunk for chunk in chunks if chunk.kind in _BITSTREAM}
    if b"VP8L" in found:
        return [found[b"VP8L"]]
    if b"VP8 " not in found:
        msg = "the WebP has a frame without a picture"
        raise ContentError(msg)
    return [found[kind] for kind in _BITSTREAM if kind in found]


def _replaced(chunks: list[_Chunk], new: list[_Chunk]) -> list[_Chunk]:
    """The chunks with another picture, in the place of the old one's first chunk."""
    at = next(at for at, chunk in enumerate(chunks) if chunk.kind in _BITSTREAM)
    rest = [chunk for chunk in chunks[at:] if chunk.kind not in _BITSTREAM]
    return [*chunks[:at], *new, *rest]


def _decoded(bitstream: list[_Chunk], width: int, height: int) -> Image.Image:
    chunks = bitstream
    if len(bitstream) > 1:
        sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks = [_Chunk(b"VP8X", bytes((_ALPHA, 0, 0, 0)) + sizes), *bitstream]
    body = _joined(chunks)
    image = opened(
        b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body, ("WEBP",), Head(width, height)
    )
    with reading("WebP"):
        image.load()
    return image


class _Coder:
    """Encodes as the old bitstream was, and remembers with which qualities if it was lossy."""

    def __init__(self, exact: bool) -> None:
        self._exact = exact
        self.qualities: set[int] = set()

    def encoded(self, image: Image.Image, old: list[_Chunk]) -> list[_Chunk]:
        """The bitstream of an image that replaces `old`."""
        if old[-1].kind == b"VP8L":
            return _lossless(image)
        if self._exact:
            msg = "a lossy WebP cannot take the label without a change to the rest of the picture"
            raise ContentError(msg)
        quality = vp8.quality(bytes(old[-1].payload[:512]))
        options = _effort(image, quality)
        self.qualities.add(options["quality"])
        return _saved(image, **options)


def _lossless(image: Image.Image) -> list[_Chunk]:
    part = trial.bands(image)
    quick, next_ = (
        _size(_saved(part, lossless=True, exact=True, quality=0, method=method)) for method in (0, 1)
    )
    quality, method = (0, 0) if quick <= next_ * _MUCH else (40, 2)
    return _saved(image, lossless=True, exact=True, quality=quality, method=method)


def _effort(image: Image.Image, quality: int) -> dict[str, int]:
    """The method and the quality that make a lossy picture about as good and as large as it was."""
    part = trial.bands(image)
    if not trial.even(part) and _quick_does(part, quality):
        return {"method": _QUICK, "quality": quality - 1}
    if quality >= _COARSE:
        return {"method": _SLOW, "quality": quality - 2 * (quality >= _FINE)}
    return {"method": _SLOWEST, "quality": quality}


def _quick_does(part: Image.Image, quality: int) -> bool:
    """Whether the quick method, a step of quality lower for its size, is good enough for a picture of
    which this is a part."""
    if not quality:
        return False
    quick = _saved(part, quality=quality - 1, method=_QUICK)
    if _size(quick) > _size(_saved(part, quality=quality, method=_SLOW)) * _LARGER:
        return False
    return trial.decibels(part, _decoded(quick, *part.size)) >= trial.LEAST


def _size(chunks: list[_Chunk]) -> int:
    return sum(len(chunk.payload) for chunk in chunks)


def _saved(image: Image.Image, **options: int) -> list[_Chunk]:
    out = BytesIO()
    with reading("WebP"):
        image.save(out, "WEBP", **options)
    return _bitstream(_chunks(out.getbuffer()[12:]))


def _animation(chunks: list[_Chunk], head: Head, label: Mark, coder: _Coder) -> list[_Chunk]:
    stage = Stage(head.width, head.height, label, grid=2)
    drawn = []
    for chunk in chunks:
        if chunk.kind == b"ANMF":
            frame = _frame(chunk.payload, head)
            drawn.append(_Chunk(b"ANMF", _packed(new)) if (new := _shown(frame, stage, coder)) else chunk)
        else:
            drawn.append(chunk)
    return drawn


def _frame(payload: bytes | memoryview, head: Head) -> _Frame:
    """The parts of an ANMF chunk (RFC 9649, 2.7.1.1)."""
    if len(payload) < 16:
        msg = "the WebP has a frame without a head"
        raise ContentError(msg)
    left, top, width, height = (int.from_bytes(payload[at : at + 3], "little") for at in (0, 3, 6, 9))
    box = (2 * left, 2 * top, 2 * left + width + 1, 2 * top + height + 1)
    if box[2] > head.width or box[3] > head.height:
        msg = "the WebP has a frame that reaches out of the canvas"
        raise ContentError(msg)
    return _Frame(box, bytes(payload[12:15]), payload[15], _chunks(memoryview(payload)[16:]))


def _packed(frame: _Frame) -> bytes:
    left, top, right, bottom = frame.box
    numbers = (left // 2, top // 2, right - left - 1, bottom - top - 1)
    start = b"".join(number.to_bytes(3, "little") for number in numbers)
    return start + frame.duration + bytes((frame.flags,)) + _joined(frame.chunks)


def _shown(frame: _Frame, stage: Stage, coder: _Coder) -> _Frame | None:
    """The frame with the label, None where it needs no change. One that does not blend, and one that lets
    the label below it show through, are stored as they are shown."""
    left, top, right, bottom = frame.box
    old, flags = _bitstream(frame.chunks), frame.flags
    image = _decoded(old, right - left, bottom - top).convert("RGBA")
    disposal: Disposal = "clear" if flags & _CLEAR else "keep"
    step = stage.show(image, (left, top), disposal, over=not flags & _INSTEAD)
    if step is None:
        return None
    if flags & _INSTEAD or _faint(image, frame.box, stage):
        image, flags = stage.labelled(step.box), flags | _INSTEAD
    else:
        image = _painted(image, frame.box, step, stage)
    return _Frame(step.box, frame.duration, flags, _replaced(frame.chunks, coder.encoded(image, old)))


def _faint(image: Image.Image, box: Box, stage: Stage) -> bool:
    """Whether a frame that blends leaves half-transparent what it paints below the label: viewers would
    blend that with the label that is there."""
    shared = common(box, stage.mark.box)
    if not shared:
        return False
    shown = stage.labelled(shared).getchannel("A")
    return any(shown.histogram(_cover(image.crop(moved(shared, *box[:2]))))[1:255])


def _painted(image: Image.Image, box: Box, step: Step, stage: Stage) -> Image.Image:
    """The picture of a frame that blends, with the label where it paints below it, and with all that has
    to be shown anew."""
    left, top, right, bottom = step.box
    larger = Image.new("RGBA", (right - left, bottom - top))
    larger.paste(image, moved(box, left, top))
    if shared := common(step.box, stage.mark.box):
        at = moved(shared, left, top)
        larger.paste(stage.labelled(shared), at, _cover(larger.crop(at)))
    if step.fresh:
        larger.paste(stage.labelled(step.fresh), moved(step.fresh, left, top))
    return larger


def _cover(image: Image.Image) -> Image.Image:
    """Where something is painted at all."""
    return image.getchannel("A").point(lambda alpha: 255 if alpha else 0)
