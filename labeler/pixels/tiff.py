"""The visible label in TIFF and BigTIFF: only strips and tiles below it change, on every page.

They are decoded and encoded one by one, as they were compressed, and go back to their place, or to the end
of the file where they have grown. All other bytes of the file, with all tags, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.media.tiff_tags import Directory, Tags
from labeler.pixels import samples, tiff_codec, tiff_jpeg, tiff_rows
from labeler.pixels.animation import common, moved
from labeler.pixels.base import Drawn, composite
from labeler.pixels.mark import Mark, mark
from labeler.pixels.palette import coloured, painted, tile
from labeler.pixels.tiff_page import JPEG, PALETTE, Page, Part, page
from labeler.pixels.tiff_store import Store
from labeler.values import Look

_SUB, _KIND, _MASK = 330, 254, 4
"""Tags: directories below a page; what a page is for. Of the latter: it is a mask."""

_SIMPLE = 1 << 25
"""Pixels that all pages may have together, however small the first one is."""
_STRIPS = 16
"""Into how many a page is cut whose strips were few and large."""
_MANY = 10_000
"""Strips and tiles that are read to look for unused colours."""


def draw(data: bytes, head: Head, look: Look, *, exact: bool) -> Drawn:
    """The pages with their label; see `labeler.pixels.base.Drawer`. `re-encoded` where strips are JPEG
    streams. ContentError for kinds of TIFF that are not known here; it names what is strange."""
    tags = Tags(data)
    pages = list(_pages(tags, 2 * head.width * head.height * head.frames + _SIMPLE))
    streams = [each for each in pages if each.compression == JPEG]
    if exact and streams:
        msg = "a TIFF of JPEG streams cannot take the label without a change to what stands beside it"
        raise ContentError(msg)
    store, notes = Store(tags, pages), []
    for each in pages:
        label = _label(each, look)
        if label:
            (_Streams if each.compression == JPEG else _Rows)(store, each, label, look).draw()
        else:
            notes.append("TIFF: a preview is too small for the label and has none")
    if streams:
        notes.append("TIFF: JPEG streams below the label encoded again, with their own quality")
    return Drawn(store.file(), "re-encoded" if streams else "identical", tuple(dict.fromkeys(notes)))


def _pages(tags: Tags, allowed: int) -> Iterator[Page]:
    """All pages, which together may have so many pixels: a small file can name the same strips many times."""
    for directory in _directories(tags):
        found = page(tags, directory, allowed)
        allowed -= found.width * found.height
        yield found


def _directories(tags: Tags) -> Iterator[Directory]:
    """Pages and the pictures below them (TIFF Technical Note 1), without masks."""
    seen = set[int]()
    for each in tags.pages():
        below = [at for entry in tags.entries(each) if entry.tag == _SUB for at in tags.numbers(entry)]
        for directory in (each, *map(tags.directory, below)):
            kinds = [next(tags.numbers(entry), 0) for entry in tags.entries(directory) if entry.tag == _KIND]
            if directory.start not in seen and not any(kind & _MASK for kind in kinds):
                yield directory
            seen.add(directory.start)


def _label(page: Page, look: Look) -> Mark | None:
    """The page's label, None for previews that have no room for one."""
    try:
        return mark(look, page.width, page.height, page.orientation)
    except ContentError:
        if page.preview:
            return None
        raise


class _Streams:
    """Draws on a page of JPEG streams."""

    def __init__(self, store: Store, page: Page, label: Mark, look: Look) -> None:
        tiff_jpeg.known(page)
        self._store, self._page, self._label = store, page, label

    def draw(self) -> None:
        """All streams that show something of the label; all of the page where they cannot keep to its tables."""
        page = self._page
        new = {part.numbers[0]: self._drawn(part) for part in page.parts(self._label.box)}
        if all(tiff_jpeg.agrees(stream, page) for stream in new.values()):
            new = {number: tiff_jpeg.lean(stream) for number, stream in new.items()}
        elif page.tables:
            new = {part.numbers[0]: self._drawn(part) for part in page.parts((0, 0, page.width, page.height))}
        self._store.put(page, new)

    def _drawn(self, part: Part) -> bytes:
        left, top, right, bottom = part.box
        coded = self._store.coded(self._page, part.numbers[0])
        image = tiff_jpeg.decoded(coded, self._page, right - left, bottom - top)
        if shared := common(part.box, self._label.box):
            piece = self._label.image.crop(moved(shared, *self._label.box[:2]))
            composite(image, Mark(shared[0] - left, shared[1] - top, piece))
        return tiff_jpeg.encoded(image, self._page)


class _Rows:
    """Draws on a page whose compression loses nothing."""

    def __init__(self, store: Store, page: Page, label: Mark, look: Look) -> None:
        tiff_codec.known(page)
        self._store, self._page, self._label, self._look = store, page, label, look
        self._parts = list(page.parts(label.box))
        self._rows = {number: self._decoded(part, number) for part in self._parts for number in part.numbers}

    def draw(self) -> None:
        """The label's box is taken out of all parts, drawn on, and put back."""
        page, new = self._page, {}
        self._put(
            self._indexed() if page.indexed else samples.drawn(self._cut(), self._label.image, page.layout)
        )
        for part in self._parts:
            size = part.box[2] - part.box[0], part.box[3] - part.box[1]
            for number in part.numbers:
                room = len(self._store.coded(page, number))
                new[number] = tiff_codec.encoded(bytes(self._rows[number]), page, *size, room)
        if self._store.leaves_holes(page, new):
            self._store.put_strips(page, *self._smaller_strips())
        else:
            self._store.put(page, new)

    def _smaller_strips(self) -> tuple[list[bytes], int]:
        """All of the page anew in low strips, and how many rows they have."""
        page, rows = self._page, bytearray()
        for part in page.parts((0, 0, page.width, page.height)):
            rows += self._rows.get(part.numbers[0]) or self._decoded(part, part.numbers[0])
        high, length = -(-page.height // _STRIPS), page.row(page.width)
        cuts = [bytes(rows[top * length : (top + high) * length]) for top in range(0, page.height, high)]
        return [tiff_codec.encoded(cut, page, page.width, len(cut) // length, 0) for cut in cuts], high

    def _decoded(self, part: Part, number: int) -> bytearray:
        left, top, right, bottom = part.box
        return tiff_codec.decoded(
            self._store.coded(self._page, number), self._page, right - left, bottom - top
        )

    def _lines(self) -> Iterator[tuple[Part, int, int, int, slice]]:
        """For each part that shows something of the label, and each row of it: the row, the columns from
        and to, and where they are among the pixels of the label's box."""
        box, pixel = self._label.box, 1 if self._page.indexed else self._page.layout.pixel
        for part in self._parts:
            if shared := common(part.box, box):
                left, right = shared[0] - part.box[0], shared[2] - part.box[0]
                for y in range(shared[1], shared[3]):
                    start = ((y - box[1]) * (box[2] - box[0]) + shared[0] - box[0]) * pixel
                    yield part, y - part.box[1], left, right, slice(start, start + (right - left) * pixel)

    def _cut(self) -> bytes:
        """The pixels below the label, with all samples of each together."""
        across, down = self._label.image.size
        pixels = bytearray(across * down * (1 if self._page.indexed else self._page.layout.pixel))
        for part, row, left, right, place in self._lines():
            lanes = [
                tiff_rows.cut(self._row(part, number, row), self._page, left, right)
                for number in part.numbers
            ]
            pixels[place] = _woven(lanes, self._page)
        return bytes(pixels)

    def _put(self, pixels: bytes) -> None:
        """The opposite of `_cut`."""
        for part, row, left, _, place in self._lines():
            for number, lane in zip(part.numbers, _unwoven(pixels[place], self._page), strict=True):
                new = tiff_rows.put(self._row(part, number, row), self._page, left, lane)
                self._rows[number][row * len(new) : (row + 1) * len(new)] = new

    def _row(self, part: Part, number: int, row: int) -> bytes:
        length = self._page.row(part.box[2] - part.box[0])
        return bytes(self._rows[number][row * length : (row + 1) * length])

    def _indexed(self) -> bytes:
        """The pixels below the label as indices with it."""
        page, label = self._page, self._label.image
        table = self._store.colours(page) if page.photometric == PALETTE else page.greys()
        old = Image.frombytes("L", label.size, self._cut())
        ground = coloured(old, table)
        composite(ground, Mark(0, 0, label))
        wanted, usable = tile(ground, label, self._look), range(len(table))
        fit = painted(wanted, table, usable, ())
        if page.photometric == PALETTE and not (fit and fit.faithful):
            fit = painted(wanted, table, usable, self._unused()) or fit
        if fit is None:
            msg = (
                "no two colours in the palette of the TIFF can be told apart well enough for the label:"
                " store the picture as RGB"
            )
            raise ContentError(msg)
        if fit.colours != table:
            self._store.put_colours(page, fit.colours)
        covered = label.getchannel("A").point(lambda alpha: 255 if alpha else 0)
        return Image.composite(fit.indices, old, covered).tobytes()

    def _unused(self) -> list[int]:
        """Entries of the palette that no pixel has."""
        used, page = set[int](), self._page
        if page.parts_in_all > _MANY:
            return []
        for part in page.parts((0, 0, page.width, page.height)):
            rows, length = self._decoded(part, part.numbers[0]), page.row(part.box[2] - part.box[0])
            for start in range(0, len(rows), length):
                row = bytes(rows[start : start + length])
                used.update(tiff_rows.cut(row, page, 0, part.box[2] - part.box[0]))
        return [index for index in range(1 << page.depth) if index not in used]


def _woven(lanes: list[bytes], page: Page) -> bytes:
    """One stream of samples out of those of all planes."""
    if len(lanes) == 1:
        return lanes[0]
    size = page.depth // 8
    pixels = bytearray(len(lanes[0]) * len(lanes))
    for plane, lane in enumerate(lanes):
        for byte in range(size):
            pixels[plane * size + byte :: size * len(lanes)] = lane[byte::size]
    return bytes(pixels)


def _unwoven(pixels: bytes, page: Page) -> list[bytes]:
    """The opposite."""
    if page.planes == 1:
        return [pixels]
    size, lanes = page.depth // 8, []
    for plane in range(page.planes):
        lane = bytearray(len(pixels) // page.planes)
        for byte in range(size):
            lane[byte::size] = pixels[plane * size + byte :: size * page.planes]
        lanes.append(bytes(lane))
    return lanes
