"""The visible label in AVIF, through Pillow and libavif: the picture is encoded again, as it was coded.

Chroma subsampling and quality are told from the bitstream. Pillow decodes to 8 bits, so deeper pictures
lose depth, and a note says so. What libavif does not hand over is lost: gain maps, depth maps, thumbnails,
and how often an animation repeats (it repeats for ever).
"""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

from PIL import ExifTags, Image

from labeler.errors import ContentError
from labeler.media import CONTAINERS
from labeler.media.base import Head
from labeler.pixels import trial
from labeler.pixels.av1 import Coding, coding
from labeler.pixels.base import Drawn, composite, opened, reading
from labeler.pixels.mark import GRID, Mark, mark
from labeler.values import Look

_QUALITIES = (
    *((0, 100), (16, 95), (32, 90), (48, 85), (60, 80), (76, 75)),
    *((92, 70), (120, 60), (148, 50), (196, 30), (255, 0)),
)
"""Base quantisers and the qualities of libavif that give them (measured: libavif 1.4 with libaom, stills)."""
_DEFAULT = 80
"""The quality where the bitstream does not tell it."""
_QUICK, _NEXT, _SLOW, _USUAL = 9, 8, 7, 6
"""Speeds of libavif."""
_LARGER, _MUCH = 1.15, 1.5
"""How much larger than at the next speed a photograph becomes at most at the quickest one, and any picture at the
next one than at the slow one: small text needs tools that only that has."""
_SCREEN = {"advanced": {"tune-content": "screen"}}
"""Makes libaom use its tools for screens (palettes, copies of blocks). Else it looks for itself whether a picture
is one; pages of text often were, and are not any more when they have been coded once and are coded again."""
_GROWN, _LABEL = 1.25, 4096
"""A drawing that grows by so much, and by more than a label's bytes, lacks the tools with which it was coded before."""
_BEST, _FINE, _LOW = 100, 85, 50
"""Drawings grow, the more the quicker, and most keep well with a lower quality unless they had the best one. Below
the low one only the encoder's usual speed comes close enough to the picture as it was."""
_SHORT = 64
"""Bytes of EXIF that hold nothing but perhaps an orientation."""
_COLOURS = b"colrnclx"
"""The box that names primaries and transfer (ISO/IEC 23091-2), two bytes each, and the matrix."""


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The picture with its label; see `labeler.pixels.base.Drawer`. Always `re-encoded`."""
    if exact:
        msg = "AVIF cannot take the label without a change to the rest of the picture"
        raise ContentError(msg)
    coded = _coding(data)
    image = opened(data, ("AVIF",), head)
    if getattr(image, "n_frames", 1) > head.frames:
        msg = "the AVIF has more frames than its header says"
        raise ContentError(msg)
    frames, durations = _frames(image, mark(look, head.width, head.height, head.orientation, grid=GRID))
    quality = _quality(coded.quantiser)
    options: dict[str, Any] = {
        "subsampling": coded.subsampling,
        "icc_profile": image.info.get("icc_profile"),
        "xmp": image.info.get("xmp"),
    }
    speed, quality = _effort(frames[0], coded.subsampling, quality)
    options |= {"speed": speed, "quality": quality}
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:], "duration": durations}
    drawn = _encoded(frames[0], image.info.get("exif", b""), options, _size(data))
    notes = [f"AVIF: encoded again, quality {quality}"]
    if coded.depth > 8:
        notes.append(f"AVIF: {coded.depth} bits became 8")
    return Drawn(_with_colours(drawn, data), "re-encoded", tuple(notes))


def _effort(image: Image.Image, subsampling: str, quality: int) -> tuple[int, int]:
    """The speed and the quality that make the picture about as good and as large as it was. At its usual
    speed the encoder decides as it did the first time, so that hardly anything is lost; grain needs that."""
    if quality == _BEST:
        return _QUICK, quality
    part = trial.bands(image)

    def tried(speed: int, at: int) -> bytes:
        return _saved(part, b"", {"subsampling": subsampling, "quality": at, "speed": speed})

    quick = max(quality - 3, 0)
    if not trial.even(part):
        drawn = tried(_QUICK, quick)
        if len(drawn) <= len(tried(_NEXT, quick)) * _LARGER and _like(part, drawn) >= trial.LEAST:
            return _QUICK, quick
    fine = quality >= _FINE
    lower = quality - (15 if fine else min((quality - _LOW) // 2, 10))
    if quality >= _LOW and _like(part, drawn := tried(_NEXT, lower)) >= trial.LEAST - 1:
        quick_does = fine and len(drawn) <= len(tried(_SLOW, lower)) * _MUCH
        return _NEXT if quick_does else _SLOW, lower
    return _USUAL, quality


def _encoded(image: Image.Image, exif: bytes, options: dict[str, Any], size: int) -> bytes:
    """The file; if it is a drawing that became much larger than it was, with the tools for screens."""
    drawn = _saved(image, exif, options)
    if _size(drawn) <= size * _GROWN + _LABEL or not trial.even(trial.bands(image)):
        return drawn
    try:
        screen = _saved(image, exif, options | _SCREEN | {"speed": min(options["speed"], _SLOW)})
    except ContentError:  # another encoder than libaom, which does not know the tools
        return drawn
    return min(drawn, screen, key=len)


def _size(data: bytes) -> int:
    """How many bytes the pictures have in the file."""
    return sum(map(len, CONTAINERS["avif"].essence(data)))


def _like(part: Image.Image, drawn: bytes) -> float:
    image = opened(drawn, ("AVIF",))
    with reading("AVIF"):
        image.load()
    return trial.decibels(part, image)


def _coding(data: bytes) -> Coding:
    """How the picture is coded; that of its alpha channel, which is grey, does not count."""
    found = [one for part in CONTAINERS["avif"].essence(data) if (one := coding(bytes(part[:4096])))]
    coloured = [one for one in found if one.subsampling != "4:0:0"]
    return (*coloured, *found, Coding("4:2:0", 8, None))[0]


def _quality(quantiser: int | None) -> int:
    if quantiser is None:
        return _DEFAULT
    for (low, better), (high, worse) in pairwise(_QUALITIES):
        if quantiser <= high:
            return round(better - (quantiser - low) / (high - low) * (better - worse))
    return 0


def _frames(image: Image.Image, label: Mark) -> tuple[list[Image.Image], list[int]]:
    """All frames with the label, and how long each is shown (ms)."""
    frames, durations = [], []
    for at in range(getattr(image, "n_frames", 1)):
        with reading("AVIF"):
            image.seek(at)
            image.load()
        frame = image.copy()
        composite(frame, label)
        frames.append(frame)
        durations.append(image.info.get("duration", 0))
    return frames, durations


def _saved(image: Image.Image, exif: bytes, options: dict[str, Any]) -> bytes:
    """The file. Pillow turns EXIF's orientation into the container's own and writes EXIF anew; where there
    is none to turn, a stand-in of the same length travels through, so that the bytes stay."""
    out = BytesIO()
    with reading("AVIF"):
        parsed = Image.Exif()
        parsed.load(exif)
        turned = parsed.get(ExifTags.Base.Orientation, 1) != 1
        stand_in = exif if turned or len(exif) < _SHORT else _stand_in(exif)
        image.save(out, "AVIF", exif=stand_in, **options)
    return out.getvalue().replace(stand_in, exif, 1) if stand_in else out.getvalue()


def _stand_in(exif: bytes) -> bytes:
    """EXIF of the same length, with nothing in it but a text that is nowhere else."""
    prefix = b"Exif\0\0" if exif.startswith(b"Exif\0\0") else b""
    empty = prefix + b"II*\0\x08\0\0\0" + bytes(6)
    return (empty + b"labeler: EXIF goes here. " * (len(exif) // 25 + 1))[: len(exif)]


def _with_colours(drawn: bytes, data: bytes) -> bytes:
    """The file with the primaries and the transfer function that the old one names."""
    old, new = data.find(_COLOURS), drawn.find(_COLOURS)
    if old < 0 or new < 0:
        return drawn
    old, new = old + len(_COLOURS), new + len(_COLOURS)
    return drawn[:new] + data[old : old + 4] + drawn[new + 4 :]
