"""The label in pictures whose pixels are indices into a table of colours (GIF, TIFF, BMP).

The rest of the picture keeps its indices and its colours, so the label takes what the table has, or
entries that nothing else uses. The words are legible on their plate in any case: where the table has no
two colours of enough contrast, there is no label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PIL import Image, ImageChops, ImageStat

from labeler.pixels.contrast import LEAST, RGB, contrast, rgb
from labeler.values import Look

ROOM = 8
"""How many entries a label takes at most."""
_FAITHFUL = 24
"""How far, in steps of 255, colours may be from what they should be and still look right."""


class Painted(NamedTuple):
    """The label's pixels as indices (L, of the size of the tile), the table of colours they need, and
    whether they look as they should."""

    indices: Image.Image
    colours: list[RGB]
    faithful: bool


class Tile(NamedTuple):
    """The label with what lies under it (RGB), and where the pure ink and the pure ground of the words
    are (masks)."""

    picture: Image.Image
    ink: Image.Image
    ground: Image.Image
    colour: RGB


def tile(picture: Image.Image, label: Image.Image, look: Look) -> Tile:
    """`picture` is the composite; `label` (RGBA) is the label alone, of the same size."""
    solid = label.getchannel("A").point(lambda alpha: 255 if alpha >= 128 else 0)
    grounds = [_same(label, rgb(colour)) for colour in (look.plate, look.outline) if colour]
    ground = grounds[0] if len(grounds) == 1 else ImageChops.lighter(*grounds)
    colour = rgb(look.colour)
    return Tile(
        picture.convert("RGB"),
        ImageChops.darker(solid, _same(label, colour)),
        ImageChops.darker(solid, ground),
        colour,
    )


def _same(picture: Image.Image, colour: RGB) -> Image.Image:
    """A mask of the pixels of one colour."""
    picture = picture.convert("RGB")
    channels = ImageChops.difference(picture, Image.new("RGB", picture.size, colour)).split()
    far = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    return far.point(lambda steps: 255 if steps <= 1 else 0)


def painted(tile: Tile, colours: Sequence[RGB], usable: Iterable[int], free: Sequence[int]) -> Painted | None:
    """The tile in colours of the table: of its `usable` entries as they are, and of `free` ones (which
    may lie behind its end) in new colours. None where the words would not stand out from their ground."""
    table = list(colours)
    new = _needed(tile, min(len(free), ROOM))
    table += [(0, 0, 0)] * (max(free[: len(new)], default=-1) + 1 - len(table))
    taken = dict(zip(free, new, strict=False))
    for index, colour in taken.items():
        table[index] = colour
    entries = {index: table[index] for index in (*(set(usable) - set(taken)), *taken)}
    return _laid(tile, table, entries)


def _needed(tile: Tile, room: int) -> list[RGB]:
    """The colours that the tile would have best: that of its ink, that of the ground, then others."""
    if room < 2:
        return []
    red, green, blue = map(
        round, ImageStat.Stat(tile.picture, tile.ground).mean if tile.ground.getbbox() else (0,) * 3
    )
    if room == 2:
        return [tile.colour, (red, green, blue)]
    reduced = tile.picture.quantize(room - 2, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    flat = (reduced.getpalette("RGB") or [])[: 3 * (room - 2)]
    others = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return list(dict.fromkeys([tile.colour, (red, green, blue), *others]))


def _laid(tile: Tile, table: list[RGB], entries: dict[int, RGB]) -> Painted | None:
    if not entries:
        return None
    ink = min(entries, key=lambda index: _distance(entries[index], tile.colour))
    grounds = {index: colour for index, colour in entries.items() if contrast(colour, entries[ink]) >= LEAST}
    if not grounds:
        return None
    indices = nearest(tile.picture, entries)
    indices.paste(nearest(tile.picture, grounds), mask=tile.ground)
    indices.paste(ink, mask=tile.ink)
    return Painted(indices, table, _off(tile.picture, indices, table) <= _FAITHFUL)


def _distance(one: RGB, other: RGB) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def nearest(picture: Image.Image, entries: dict[int, RGB]) -> Image.Image:
    """For every pixel (RGB) the index of the entry that comes close to it (L)."""
    indices = list(entries)
    indices += indices[:1] * (256 - len(indices))
    reference = Image.new("P", (1, 1))
    reference.putpalette(bytes(channel for index in indices for channel in entries[index]))
    found = picture.quantize(palette=reference, dither=Image.Dither.NONE)
    return plain(found).point(indices)


def colours_of(picture: Image.Image, where: Image.Image) -> list[RGB]:
    """The different colours of a picture (RGB) below a mask."""
    pixels = Image.merge("RGBA", (*picture.split(), where))
    found = pixels.getcolors(picture.width * picture.height) or []
    return [(colour[0], colour[1], colour[2]) for _, colour in found if colour[3]]  # type: ignore[index]


def exactly(picture: Image.Image, entries: dict[int, RGB]) -> Image.Image:
    """The indices (L) of the very colours of a picture (RGB); of the nearest ones where these are missing.

    Pillow's own search takes colours that lie close together for one.
    """
    found, flat = nearest(picture, entries), picture.tobytes()
    known = {colour: index for index, colour in entries.items()}
    pixels = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    indices = bytes(known.get(pixel, other) for pixel, other in zip(pixels, found.tobytes(), strict=True))
    return Image.frombytes("L", picture.size, indices)


def rarest(histogram: Sequence[int], count: int) -> list[int]:
    """The indices that the fewest pixels have, of those that any has."""
    return sorted((index for index, pixels in enumerate(histogram) if pixels), key=histogram.__getitem__)[
        :count
    ]


def without(
    indices: Image.Image, table: Sequence[RGB], given_up: Sequence[int], kept: Iterable[int]
) -> Image.Image:
    """The indices (L) with the nearest of the `kept` ones in place of those given up."""
    swaps = list(range(256))
    entries = [index for index in kept if index not in given_up]
    for index in given_up:
        swaps[index] = min(entries, key=lambda other: _distance(table[other], table[index]), default=index)
    return indices.point(swaps)


def plain(indices: Image.Image) -> Image.Image:
    """Indices (P) as numbers (L)."""
    return Image.frombytes("L", indices.size, indices.tobytes())


def coloured(indices: Image.Image, table: Sequence[RGB]) -> Image.Image:
    """Indices (L) as colours (RGB); black where the table has none."""
    flat = bytes(channel for colour in table for channel in colour).ljust(768, b"\0")
    return Image.merge("RGB", [indices.point(list(flat[channel::3])) for channel in range(3)])


def _off(picture: Image.Image, indices: Image.Image, table: list[RGB]) -> float:
    """How far the colours are from the picture's, in the mean of all pixels."""
    return max(ImageStat.Stat(ImageChops.difference(picture, coloured(indices, table))).mean)
