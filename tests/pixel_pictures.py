"""Pictures for the tests of the visible label, and how they are looked at."""

from __future__ import annotations

from io import BytesIO
from math import log10

from PIL import Image, ImageChops, ImageSequence, ImageStat

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import draw
from labeler.pixels.base import Drawn
from labeler.pixels.mark import mark
from labeler.values import Look

LOOK = Look()
Box = tuple[int, int, int, int]


def scene(width: int = 96, height: int = 80, mode: str = "RGB", turn: int = 0) -> Image.Image:
    """A picture with gradients and edges; `turn` gives variants of it."""
    size = (width, height)
    fractal = Image.effect_mandelbrot(size, (-2, -1.5 + turn / 10, 1, 1.5), 60)
    slope = Image.linear_gradient("L").rotate(30 * turn).resize(size)
    round_ = Image.radial_gradient("L").resize(size)
    picture = Image.merge("RGB", (slope, fractal, round_))
    if mode in ("RGBA", "LA", "PA"):
        picture.putalpha(ImageChops.invert(round_).point(lambda alpha: 0 if alpha < 90 else alpha))
    return picture.convert(mode)


def saved(picture: Image.Image, name: str, **options: object) -> bytes:
    """The bytes of a file that Pillow writes."""
    out = BytesIO()
    picture.save(out, name, **options)
    return out.getvalue()


def seen(data: bytes) -> Image.Image:
    """The picture as Pillow reads it."""
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def frames(data: bytes) -> list[Image.Image]:
    """All frames as they are shown, RGBA."""
    return [frame.convert("RGBA") for frame in ImageSequence.Iterator(Image.open(BytesIO(data)))]


def labelled(data: bytes, name: str, head: Head, look: Look = LOOK, *, exact: bool = False) -> Drawn:
    """What the drawer of the format makes of a file."""
    return draw(data, name, head, look, exact=exact)


def label_box(head: Head, look: Look = LOOK) -> Box:
    """Where the label has to be."""
    return mark(look, head.width, head.height, head.orientation).box


def outside(picture: Image.Image, box: Box) -> bytes:
    """The pixels that the label does not cover; where alpha is 0, the colour counts, too."""
    rest = picture.copy()
    rest.paste(0 if picture.mode in ("1", "L", "P", "I;16", "I;16B") else (0,) * len(picture.getbands()), box)
    return rest.tobytes()


def shown_outside(picture: Image.Image, box: Box) -> bytes:
    """As `outside`, for what a viewer sees: nothing where alpha is 0."""
    ground = Image.new("RGBA", picture.size)
    ground.alpha_composite(picture.convert("RGBA"))
    return outside(ground, box)


def decibels(one: Image.Image, other: Image.Image, box: Box) -> float:
    """The peak signal-to-noise ratio outside of the box, in dB."""
    difference = ImageChops.difference(on_white(one), on_white(other))
    keep = Image.new("L", one.size, 255)
    keep.paste(0, box)
    squares = ImageStat.Stat(difference, keep).sum2
    mean = sum(squares) / 3 / (keep.histogram()[255] or 1)
    return float(10 * log10(255**2 / mean)) if mean else 99.0


def on_white(picture: Image.Image) -> Image.Image:
    """The picture as a white page shows it."""
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def has_label(picture: Image.Image, head: Head, look: Look = LOOK) -> bool:
    """Whether the label can be read where it has to be: bright ink on a dark plate, or the other way
    round, at a contrast ratio of 4.5 (GB 45438-2025, 5.2 asks for a label that is noticed)."""
    label = mark(look, head.width, head.height, head.orientation)
    under = on_white(picture.crop(label.box))
    ink = Image.new("RGB", label.image.size, look.colour)
    inked = (
        ImageChops.difference(label.image.convert("RGB"), ink)
        .convert("L")
        .point(lambda far: 255 if far < 8 else 0)
    )
    solid = label.image.getchannel("A").point(lambda alpha: 255 if alpha > 120 else 0)
    inked = ImageChops.darker(inked, solid)
    plate = ImageChops.difference(label.image.convert("RGB"), Image.new("RGB", under.size, look.plate))
    plated = ImageChops.darker(plate.convert("L").point(lambda far: 255 if far < 8 else 0), solid)
    return _contrast(under, inked, plated) >= 4.5


def _contrast(picture: Image.Image, one: Image.Image, other: Image.Image) -> float:
    """WCAG's contrast ratio of the means under two masks."""
    lights = []
    for mask in (one, other):
        linear = [(mean / 255) ** 2.2 for mean in ImageStat.Stat(picture, mask).mean]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return float(max(lights) / min(lights))


def broken(data: bytes, name: str, head: Head) -> str:
    """What the drawer says of broken bytes, "" where it can draw them all the same. Everything but a
    ContentError passes through, and fails the test."""
    try:
        draw(data, name, head, LOOK)
    except ContentError as error:
        return str(error)
    return ""
