"""A page of a TIFF: how its pixels are stored, and in which strips or tiles (TIFF 6.0, parts 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn, cast

from labeler.errors import ContentError
from labeler.media.tiff_tags import Directory, Entry, Tags
from labeler.pixels.animation import Box, common
from labeler.pixels.contrast import RGB
from labeler.pixels.samples import Alpha, Layout, Space

JPEG = 7
PALETTE = 3
"""Photometric interpretations: 0 and 1 are grey, 2 is RGB, 5 are inks, 6 is YCbCr."""
_SPACES: dict[int, Space] = {0: "L", 1: "L", 2: "RGB", 5: "CMYK", 6: "RGB"}
_ALPHAS: dict[int, Alpha] = {1: "premultiplied", 2: "straight"}
_LEAST_TILE = 16
"""Sides of tiles are multiples of it (TIFF 6.0, section 15)."""


class Part(NamedTuple):
    """A strip or tile: the box that its stored pixels cover (which may reach out of the page), and its
    number in each plane."""

    box: Box
    numbers: tuple[int, ...]


class Page(NamedTuple):
    """What the tags say. `depth` are the bits of a sample, `planes` is 1 where the samples of a pixel
    stand together; `part` is the size of a strip or tile. `places` and `lengths` are the entries with the
    offsets and the numbers of bytes of the parts, `rows` the one with the height of strips. A `preview` shows another page in small."""

    width: int
    height: int
    orientation: int
    depth: int
    samples: int
    compression: int
    photometric: int
    predictor: int
    reversed_bits: bool
    planes: int
    alpha: Alpha
    part: tuple[int, int]
    places: Entry
    lengths: Entry
    rows: Entry | None
    colour_map: Entry | None
    options: int
    tables: bytes
    little: bool
    preview: bool

    @property
    def indexed(self) -> bool:
        """Whether pixels are indices into few colours: a palette's, or levels of grey of less than 8 bits."""
        return self.photometric == PALETTE or self.depth < 8

    @property
    def layout(self) -> Layout:
        """The samples of a pixel of one plane taken together with those of the others."""
        space = _SPACES[self.photometric]
        return Layout(space, self.alpha, self.samples, self.depth // 8, self.little, self.photometric == 0)

    @property
    def stored(self) -> int:
        """The samples that stand together."""
        return self.samples // self.planes

    @property
    def parts_in_all(self) -> int:
        """How many strips or tiles it takes."""
        return -(-self.width // self.part[0]) * -(-self.height // self.part[1]) * self.planes

    def row(self, width: int) -> int:
        """Bytes of a row of one part."""
        return (width * self.stored * self.depth + 7) // 8

    def greys(self) -> list[RGB]:
        """The levels of grey of less than 8 bits, as colours."""
        levels = [255 * level // ((1 << self.depth) - 1) for level in range(1 << self.depth)]
        return [(level, level, level) for level in (reversed(levels) if self.photometric == 0 else levels)]

    def parts(self, box: Box) -> Iterator[Part]:
        """Those that show something of the box."""
        width, height = self.part
        across, down = -(-self.width // width), -(-self.height // height)
        for y in range(box[1] // height, -(-box[3] // height)):
            for x in range(box[0] // width, -(-box[2] // width)):
                bottom = (y + 1) * height if self.places.tag == 324 else min((y + 1) * height, self.height)
                area = (x * width, y * height, (x + 1) * width, bottom)
                if common(area, box):
                    numbers = (plane * across * down + y * across + x for plane in range(self.planes))
                    yield Part(area, tuple(numbers))


def page(tags: Tags, directory: Directory, allowed: int) -> Page:
    """The page of a directory; ContentError where it is not one that can be drawn on, or where it has more
    pixels than are `allowed`."""
    return _Reader(tags, directory).page(allowed)


class _Reader:
    """The tags of one directory."""

    def __init__(self, tags: Tags, directory: Directory) -> None:
        self._tags = tags
        self._entries = {entry.tag: entry for entry in tags.entries(directory)}

    def _numbers(self, tag: int, most: int) -> list[int]:
        entry = self._entries.get(tag)
        if entry and entry.count > most:
            _refuse(f"has too many values in tag {tag}")
        return list(self._tags.numbers(entry)) if entry else []

    def _one(self, tag: int, default: int) -> int:
        return next(iter(self._numbers(tag, 1 << 10)), default)

    def page(self, allowed: int) -> Page:
        width, height = self._one(256, 0), self._one(257, 0)
        if not 0 < width * height <= allowed:
            _refuse(f"has a page of {width} x {height} pixels")
        samples, compression, photometric = self._one(277, 1), self._one(259, 1), self._one(262, 1)
        depth = self._depth(samples)
        places, lengths = self._parts()
        orientation = self._one(274, 1)
        found = Page(
            *(width, height, orientation if 1 <= orientation <= 8 else 1, depth, samples),
            *(compression, photometric, self._one(317, 1), self._one(266, 1) == 2),
            samples if self._one(284, 1) == 2 else 1,
            self._alpha(samples, photometric),
            self._size(width, height),
            *(places, lengths, self._entries.get(278), self._entries.get(320)),
            self._one(292, 0),
            self._bytes(347),
            self._tags.data[:2] == b"II",
            bool(self._one(254, 0) & 1),
        )
        self._check(found)
        return found

    def _depth(self, samples: int) -> int:
        depths = set(self._numbers(258, 1 << 10)) or {1}
        formats = set(self._numbers(339, 1 << 10))
        if not 1 <= samples <= 64 or len(depths) > 1 or not depths <= {1, 2, 4, 8, 16, 32}:
            _refuse(f"has {samples} samples of {' '.join(map(str, sorted(depths)))} bits in a pixel")
        if not formats <= {1, 4}:
            _refuse("has samples that are no whole numbers without sign")
        return depths.pop()

    def _parts(self) -> tuple[Entry, Entry]:
        tiled = 324 in self._entries
        places, lengths = (self._entries.get(tag) for tag in ((324, 325) if tiled else (273, 279)))
        if not places or not lengths or places.count != lengths.count:
            _refuse("does not say where its strips are and how long")
        return places, lengths

    def _size(self, width: int, height: int) -> tuple[int, int]:
        if 324 not in self._entries:
            return width, min(max(self._one(278, height), 1), height)
        across, down = self._one(322, 0), self._one(323, 0)
        if not (_LEAST_TILE <= across <= 2 * width + 1024 and _LEAST_TILE <= down <= 2 * height + 1024):
            _refuse(f"has tiles of {across} x {down} pixels")
        return across, down

    def _alpha(self, samples: int, photometric: int) -> Alpha:
        extra = self._numbers(338, 1 << 10)
        colours = len(_SPACES.get(photometric, "L"))
        return _ALPHAS.get(extra[0], "") if extra and samples > colours else ""

    def _bytes(self, tag: int) -> bytes:
        entry = self._entries.get(tag)
        if not entry:
            return b""
        ((start, end),) = entry.run
        return self._tags.data[start:end]

    def _check(self, found: Page) -> None:
        if found.photometric != PALETTE and found.photometric not in _SPACES:
            _refuse(
                f"has colours of a kind (photometric interpretation {found.photometric}) that are not known here"
            )
        if found.photometric == PALETTE and (not found.colour_map or found.depth > 8):
            _refuse("has indices without a palette")
        colours = 1 if found.photometric == PALETTE else len(_SPACES[found.photometric])
        if found.samples < colours or (found.indexed and found.samples != 1):
            _refuse(f"has {found.samples} samples of {found.depth} bits in a pixel")
        if found.photometric == 6 and found.compression != JPEG:
            _refuse("has YCbCr colours without JPEG compression")
        if self._one(332, 1) != 1:
            _refuse("has inks that are not cyan, magenta, yellow and black")
        if found.predictor not in (1, 2) or (found.predictor == 2 and found.depth < 8):
            _refuse(f"has a predictor ({found.predictor}) that is not known here")
        if found.places.count < found.parts_in_all:
            _refuse("has fewer strips than its size asks for")


def _refuse(why: str) -> NoReturn:
    msg = f"the TIFF {why}"
    raise ContentError(msg)


def colour_map(tags: Tags, found: Page) -> list[RGB]:
    """The palette, 8 bits of each of its values."""
    entry = cast("Entry", found.colour_map)
    count = 1 << found.depth
    if entry.size != 2 or entry.count != 3 * count:
        _refuse("has a palette of the wrong length")
    values = [value >> 8 for value in tags.numbers(entry)]
    return list(zip(values[:count], values[count : 2 * count], values[2 * count : 3 * count], strict=True))
