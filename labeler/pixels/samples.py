"""The label on raw samples of 8, 16 or 32 bits, which Pillow has no modes for; smaller ones as bytes.

The label is composed in 8 bits. Where it covers a pixel, the lower bytes of a sample repeat the highest
one (white is 0xffff); everywhere else all bits stay.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

from PIL import Image, ImageChops

Space = Literal["L", "RGB", "CMYK"]
Alpha = Literal["", "straight", "premultiplied"]


class Layout(NamedTuple):
    """How pixels are stored, all samples of a pixel together: the colours (first), the alpha (behind
    them), how many samples there are in all, the bytes of each, and which of these comes first.
    `inverted` grey has its white at 0."""

    space: Space
    alpha: Alpha = ""
    samples: int = 3
    size: int = 1
    little: bool = True
    inverted: bool = False

    @property
    def pixel(self) -> int:
        """Bytes of a pixel."""
        return self.samples * self.size


def drawn(pixels: bytes, label: Image.Image, layout: Layout) -> bytes:
    """The label (RGBA) laid over pixels of its size, row after row without gaps."""
    result, count = bytearray(pixels), len(layout.space) + bool(layout.alpha)
    highest = layout.size - 1 if layout.little else 0
    planes = [_plane(pixels, label, layout, channel * layout.size + highest) for channel in range(count)]
    covered = label.getchannel("A").point(lambda alpha: 255 if alpha else 0)
    for channel, plane in enumerate(_composed(planes, label, layout)):
        for byte in range(layout.size):
            at = channel * layout.size + byte
            new = plane
            if byte != highest:
                new = _plane(pixels, label, layout, at)
                new.paste(plane, mask=covered)
            result[at :: layout.pixel] = new.tobytes()
    return bytes(result)


def _plane(pixels: bytes, label: Image.Image, layout: Layout, at: int) -> Image.Image:
    return Image.frombytes("L", label.size, pixels[at :: layout.pixel])


def _composed(planes: list[Image.Image], label: Image.Image, layout: Layout) -> list[Image.Image]:
    """The planes of colours and alpha with the label, 8 bits each."""
    if layout.inverted:
        planes = [ImageChops.invert(planes[0]), *planes[1:]]
    if layout.alpha == "straight" and layout.space != "CMYK":
        planes = _over(planes, label)
    else:  # on premultiplied colours the same blending is right for all channels, alpha included
        inks = [*_inks(label, layout.space), Image.new("L", label.size, 255)]
        planes = [
            Image.composite(ink, plane, label.getchannel("A"))
            for ink, plane in zip(inks, planes, strict=False)
        ]
    if layout.inverted:
        planes = [ImageChops.invert(planes[0]), *planes[1:]]
    return planes


def _over(planes: list[Image.Image], label: Image.Image) -> list[Image.Image]:
    *colours, alpha = planes
    ground = Image.merge("RGBA", (*(colours * 3)[:3], alpha) if len(colours) == 1 else planes)
    red, green, blue, alpha = Image.alpha_composite(ground, label).split()
    if len(colours) == 1:
        return [Image.merge("RGB", (red, green, blue)).convert("L"), alpha]
    return [red, green, blue, alpha]


def _inks(label: Image.Image, space: Space) -> list[Image.Image]:
    """The label's colours as the channels of a space; on paper, grey is black ink alone."""
    picture = label.convert("RGB")
    if space != "CMYK":
        return list(picture.convert(space).split())
    inks = [ImageChops.invert(channel) for channel in picture.split()]
    black = ImageChops.darker(ImageChops.darker(inks[0], inks[1]), inks[2])
    return [*(ImageChops.subtract(ink, black) for ink in inks), black]


def spread(row: bytes, depth: int) -> bytes:
    """A byte for each value of fewer bits, the first ones from the highest bits."""
    if depth == 8:
        return row
    count, mask = 8 // depth, (1 << depth) - 1
    values = bytearray(len(row) * count)
    for place in range(count):
        values[place::count] = row.translate(_field(8 - depth * (place + 1), mask))
    return bytes(values)


@cache
def _field(shift: int, mask: int) -> bytes:
    """For each byte the value of some of its bits."""
    return bytes(byte >> shift & mask for byte in range(256))


def gathered(values: bytes | bytearray, depth: int) -> bytes:
    """The opposite of `spread`; the fields do not touch each other, so long numbers do it."""
    count, total = 8 // depth, 0
    for place in range(count):
        total |= int.from_bytes(values[place::count], "big") << 8 - depth * (place + 1)
    return total.to_bytes(len(values) // count, "big")
