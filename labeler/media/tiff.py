"""TIFF and BigTIFF: directories of tags that point anywhere into the file.

The XMP packet is tag 700 of the first directory (TC260-PG-20259A). Nothing that exists ever moves: a
packet that is longer than the old one goes to the end of the file, and so does a copy of the first
directory where the tag is new. What is out of use is blanked.
"""

from __future__ import annotations

from collections.abc import Iterator

from labeler.errors import ContentError
from labeler.media import exif, xmp
from labeler.media.base import Container, Found, Head
from labeler.media.spans import Run, apart, distinct, joined, scattered, without_aigc
from labeler.media.tiff_tags import Directory, Entry, Tags

_WIDTH, _HEIGHT, _ORIENTATION, _SUB, _XMP, _C2PA = 256, 257, 274, 330, 700, 52545
_PLACES = {273: 279, 324: 325}
"""Tags with the places of strips and tiles, and those with their lengths."""
_PICTURE = frozenset(
    (
        *(256, 257, 258, 259, 262, 266, 277, 278, 284, 290, 291, 292, 293, 301, 317, 320, 322, 323),
        *(332, 333, 334, 336, 338, 339, 340, 341, 347, 512, 529, 530, 531, 532, 34675),
    )
)
"""Tags that say how coded pixels are to be read (TIFF 6.0, parts 1 and 2), and the colour profile."""
_LARGEST = 0xFFFFFFFF
_MOST = 1_000_000
"""Strips and tiles of a file."""


class Tiff:
    """Classic TIFF and BigTIFF in both byte orders, with any number of pages."""

    name = "tiff"
    media_type = "image/tiff"
    carries = True

    def head(self, data: bytes) -> Head:
        """Size and orientation of the first page; every page is a frame."""
        tags = Tags(data)
        pages = list(tags.pages())
        values = {
            entry.tag: next(iter(tags.numbers(entry)), 0)
            for entry in tags.entries(pages[0])
            if entry.tag in (_WIDTH, _HEIGHT, _ORIENTATION)
        }
        width, height, orientation = (values.get(tag, 0) for tag in (_WIDTH, _HEIGHT, _ORIENTATION))
        if not width or not height:
            msg = "the TIFF does not say how large its picture is"
            raise ContentError(msg)
        return Head(width, height, len(pages), orientation if 1 <= orientation <= 8 else 1)

    def found(self, data: bytes) -> list[Found]:
        """Records in the XMP packets of all pages and in EXIF."""
        packets = distinct((entry.run for entry in _packets(Tags(data))), len(data), "TIFF")
        records = [record for run in packets for record in xmp.found(joined(data, run))]
        return records + exif.aigc(data)

    def packet(self, data: bytes) -> bytes:
        """Tag 700 of the first directory, without padding."""
        tags = Tags(data)
        entry = _first(tags, next(tags.pages()))
        return xmp.unpadded(joined(data, entry.run)) if entry else b""

    def lost(self, data: bytes) -> int:
        """None: those of further pages stay."""
        return 0

    def write(self, data: bytes, packet: bytes) -> bytes:
        """In place of the old packet where it is as long or longer, else at the end of the file."""
        tags = Tags(data)
        page = next(tags.pages())
        entry = _first(tags, page)
        packets = distinct((other.run for other in _packets(tags)), len(data), "TIFF")
        inside = {other.run for other in _packets(tags) if other.count <= tags.word}  # of their entries
        kept = [*_pixels(tags), ((0, 2 * tags.word),), ((page.start, page.end + tags.word),)]
        buffer = bytearray(exif.without_aigc(data) if exif.aigc(data) else data)
        for run in packets:
            if run not in inside:
                apart(run, kept, "TIFF")
            if not entry or run != entry.run:
                without_aigc(buffer, run)
        if entry:
            _replace(tags, buffer, entry, packet)
        elif packet:
            _add(tags, buffer, page, packet)
        if len(buffer) > _LARGEST and not tags.big:
            msg = "the TIFF would pass 4 GiB, more than the format allows"
            raise ContentError(msg)
        return bytes(buffer)

    def signed(self, data: bytes) -> bool:
        """Tag 52545 on any page (C2PA 2.1, A.3.6)."""
        tags = Tags(data)
        return any(entry.tag == _C2PA for page in tags.pages() for entry in tags.entries(page))

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """Strips and tiles of all pages and of the pictures below them, with the tags that tell how to
        read them."""
        tags = Tags(data)
        view = memoryview(data)
        shown = (e.run for page in _pictures(tags) for e in tags.entries(page) if e.tag in _PICTURE)
        for run in (*distinct(shown, len(data), "TIFF"), *_pixels(tags)):
            for start, end in run:
                yield view[start:end]


def _first(tags: Tags, page: Directory) -> Entry | None:
    """The entry of the page's packet."""
    return next((entry for entry in tags.entries(page) if _is_packet(entry)), None)


def _packets(tags: Tags) -> Iterator[Entry]:
    """The entries of the packets of all pages."""
    return (entry for page in tags.pages() for entry in tags.entries(page) if _is_packet(entry))


def _is_packet(entry: Entry) -> bool:
    return entry.tag == _XMP and entry.size == 1


def _pictures(tags: Tags) -> Iterator[Directory]:
    """The directories of all pictures: pages, and those below a page (tag 330, TIFF Technical Note 1)."""
    seen = set()
    for page in tags.pages():
        yield page
        for entry in tags.entries(page):
            for at in tags.numbers(entry) if entry.tag == _SUB else ():
                if at not in seen:
                    seen.add(at)
                    yield tags.directory(at)


def _pixels(tags: Tags) -> list[Run]:
    """Where strips and tiles stand, in order."""
    runs: list[Run] = []
    for picture in _pictures(tags):
        entries = {entry.tag: entry for entry in tags.entries(picture)}
        for places, lengths in _PLACES.items():
            if places in entries:
                if lengths not in entries or entries[lengths].count < entries[places].count:
                    msg = "the TIFF does not say how long its strips are"
                    raise ContentError(msg)
                pairs = zip(tags.numbers(entries[places]), tags.numbers(entries[lengths]), strict=False)
                runs += (((start, start + length),) for start, length in pairs if length)
        if len(runs) > _MOST:
            msg = "the TIFF has too many strips or tiles"
            raise ContentError(msg)
    if not runs:
        msg = "the TIFF has no picture data"
        raise ContentError(msg)
    return distinct(runs, len(tags.data), "TIFF")


def _replace(tags: Tags, buffer: bytearray, entry: Entry, packet: bytes) -> None:
    """Put the packet in place of the one of an entry; an empty one leaves blanks."""
    if not packet or tags.word < len(packet) <= entry.count:
        scattered(buffer, entry.run, packet)
        new = tags.entry(_XMP, entry.kind, len(packet) or entry.count, entry.start)
    else:
        scattered(buffer, entry.run, b"")
        new = tags.entry(_XMP, entry.kind, len(packet), _appended(tags, buffer, packet))
    if packet:
        buffer[entry.place : entry.place + len(new)] = new


def _add(tags: Tags, buffer: bytearray, page: Directory, packet: bytes) -> None:
    """Append the packet and a copy of the first directory that has it, and make the head point there."""
    new = tags.entry(_XMP, 1, len(packet), _appended(tags, buffer, packet))
    before = next((entry.place for entry in tags.entries(page) if entry.tag > _XMP), page.end)
    copy = b"".join(
        (
            tags.packed_count(page.count + 1),
            buffer[page.body : before],
            new,
            buffer[before : page.end + tags.word],
        )
    )
    at = _appended(tags, buffer, copy)
    buffer[tags.word : 2 * tags.word] = tags.packed_word(at)


def _appended(tags: Tags, buffer: bytearray, new: bytes) -> int:
    """Put bytes behind the file, on a boundary of words; where they start."""
    buffer += bytes(-len(buffer) % tags.word)
    at = len(buffer)
    buffer += new
    return at


TIFF: Container = Tiff()
