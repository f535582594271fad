"""The visible label in HEIF and HEIC, through pillow-heif: the pictures are encoded again.

That takes an HEVC encoder. The wheels of pillow-heif carry x265, which is under the GPL, so this project
does not depend on it; an operator who installs it decides that for themselves.
"""

from __future__ import annotations

from copy import deepcopy
from io import BytesIO
from math import log2
from typing import Any, cast

from labeler.errors import ContentError, LabelerError, MissingExtra
from labeler.media import CONTAINERS
from labeler.media.base import Head
from labeler.pixels.base import Drawn, reading
from labeler.pixels.mark import GRID, Mark, mark
from labeler.pixels.samples import Layout, Space, drawn
from labeler.values import Look

_BEST, _LEAST, _STEP = 85, 30, 20
"""Qualities of libheif (0 to 100). The quality of a file cannot be told: the best one is tried first, and
if the file grows, a lower one by so many steps for each doubling."""
_GROWTH = 1.2
_SIMPLE = 1 << 25
"""Pixels that a file may have, however small its first picture is."""


class MissingEncoder(MissingExtra):
    """No package that encodes HEVC is installed; the message says which one does, and its licence."""

    def __init__(self) -> None:
        self.package, self.extra = "pillow-heif", ""
        LabelerError.__init__(
            self,
            "the visible label on HEIC needs an HEVC encoder: pip install pillow-heif (its wheels carry x265, "
            "GPL-2); without it, convert the picture to another format, or write only the record",
        )


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The pictures with their label; see `labeler.pixels.base.Drawer`. Always `re-encoded`. Depth stays
    up to 12 bits. The label is drawn on what libheif shows, already turned upright."""
    if exact:
        msg = "HEIC cannot take the label without a change to the rest of the picture"
        raise ContentError(msg)
    library = _library()
    for _ in CONTAINERS["heif"].essence(data):  # refuses what is cut off, which libheif would show in part
        pass
    with reading("HEIF"):
        old, new = library.open_heif(data, convert_hdr_to_8bit=False), library.HeifFile()
        if not len(old):
            msg = "the HEIF has no picture"
            raise ContentError(msg)
        _check(old, head)
        notes = []
        for image in old:
            _add(library, new, image, mark(look, *image.size, grid=GRID))
            if image.info["depth_images"]:
                notes.append("HEIF: the depth map is lost")
        drawn, quality = _saved(new, old, len(data))
    notes.insert(0, f"HEIF: encoded again, quality {quality}")
    return Drawn(drawn, "re-encoded", tuple(dict.fromkeys(notes)))


def _saved(new: Any, old: Any, size: int) -> tuple[bytes, int]:
    """The new file, about as large as the old one, and its quality."""
    options = {
        "chroma": old[old.primary_index].info.get("chroma", 420),
        "primary_index": old.primary_index,
    }
    out = BytesIO()
    new.save(out, quality=_BEST, **options)
    grown = len(out.getvalue()) / size
    if grown <= _GROWTH:
        return out.getvalue(), _BEST
    quality = max(_LEAST, round(_BEST - _STEP * log2(grown)))
    out = BytesIO()
    new.save(out, quality=quality, **options)
    return out.getvalue(), quality


def _library() -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingEncoder from error
    if not pillow_heif.libheif_info()["HEIF"]:
        raise MissingEncoder
    return pillow_heif


def _check(file: Any, head: Head) -> None:
    """The pictures together are no larger than what the caller has allowed, or than any may be."""
    pixels = sum(width * height for width, height in (image.size for image in file))
    if pixels > max(head.width * head.height * head.frames, _SIMPLE):
        msg = f"the HEIF has {pixels} pixels, but its header says {head.width} x {head.height}"
        raise ContentError(msg)


def _add(library: Any, file: Any, image: Any, label: Mark) -> None:
    """Put a picture with its label and all that is known of it into a new file."""
    added = file.add_frombytes(image.mode, image.size, _drawn(image, label), stride=image.stride)
    added.info = deepcopy(
        {key: value for key, value in image.info.items() if key not in ("primary", "entity_groups")}
    )
    library.set_orientation(added.info)  # the pixels are upright already


def _drawn(image: Any, label: Mark) -> bytes:
    """The samples of a picture with the label, in rows of the same stride."""
    colours, _, depth = image.mode.partition(";")
    space = cast("Space", colours.rstrip("Aa"))
    layout = Layout(
        space,
        "straight" if colours.endswith("A") else "premultiplied" if colours.endswith("a") else "",
        len(colours),
        2 if depth else 1,
    )
    pixels, (left, top, right, bottom) = bytearray(image.data), label.box
    starts = [row * image.stride + left * layout.pixel for row in range(top, bottom)]
    width = (right - left) * layout.pixel
    new = drawn(b"".join(pixels[start : start + width] for start in starts), label.image, layout)
    for number, start in enumerate(starts):
        pixels[start : start + width] = new[number * width : (number + 1) * width]
    return bytes(pixels)
