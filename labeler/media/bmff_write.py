"""Writes the XMP packet of a HEIF or AVIF file: as the content of the item that was there, or of a new one.

A new packet stands in an mdat box of its own at the end. Where boxes grow, everything behind them moves,
and with it every offset in iloc, stco and co64. The picture's bytes stay.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from labeler.errors import ContentError
from labeler.media import xmp
from labeler.media.bmff_boxes import NAME, Box, coded, packed
from labeler.media.bmff_file import File, records, without_records
from labeler.media.bmff_items import Meta
from labeler.media.bmff_places import FILE, IDAT, LARGE, Extent, Place, iloc
from labeler.media.bmff_surgery import Surgery
from labeler.media.bmff_tracks import Track
from labeler.media.spans import Run, Span, joined

_HANDLER = packed(b"hdlr", bytes(8), b"pict", bytes(13))
_LAST = 0xFFFF
"""The highest number of an item that boxes of all versions can hold."""


def written(file: File, packet: bytes) -> bytes:
    """The file with this packet, and no AIGC record elsewhere; the empty one leaves a blank where there was
    a packet. ContentError where metadata share bytes with the picture."""
    return _Writing(file, packet).done()


class _Writing:
    """One run through the file. The packet's bytes are in one place, to which the meta box of the file and
    that of the first track refer: readers of sequences look into either."""

    def __init__(self, file: File, packet: bytes) -> None:
        self._file, self._surgery, self._packet = file, Surgery(file.data), packet
        self._large = len(file.data) + len(packet) >= LARGE // 2  # whatever else grows will not double it
        self._mains = [run for one in file.metas if (run := file.main(one))]
        self._contents = _freed(file) | dict.fromkeys(self._mains, b"")
        if self._mains:
            self._contents[self._mains[0]] = packet or b" "
        self._edits: dict[Run, int] = {}
        self._added = -1
        self._holders = sorted(_holders(file), key=lambda box: box.start)
        self._starts = [box.start for box in self._holders]

    def done(self) -> bytes:
        """The new file."""
        file = self._file
        if not self._packet and not self._contents:
            return file.data
        for run, new in self._contents.items():
            self._replace(run, new)
        first = next(iter(file.moving), None)
        places = [one for one in (file.meta, first.meta if first else None) if one in file.metas]
        for one in file.metas:
            self._meta(one, wanted=one in places)
        for track in file.tracks:
            self._chunks(track)
        if first and not first.meta and self._packet:
            end = first.box.end
            self._surgery.put((end, end), self._own_meta, first.box)
        elif not places:
            msg = f"the {NAME} file has no meta box that could hold an XMP packet"
            raise ContentError(msg)
        if self._packet and not self._mains:  # comes last: what else is put there belongs to boxes before it
            end = file.boxes[-1].start if file.boxes[-1].rest else file.boxes[-1].end
            self._added = self._surgery.put((end, end), lambda: packed(b"mdat", self._packet), None)
        return self._surgery.done(self._untouched())

    # The bytes of items.

    def _replace(self, run: Run, new: bytes) -> None:
        """Put the new content in the place of an item's first bytes, and take out the rest."""
        first, *rest = run
        self._edits[run] = self._surgery.put(first, lambda: new, self._around(first))
        for span in rest:
            self._surgery.put(span, lambda: b"", self._around(span))

    def _around(self, span: Span) -> Box:
        at = bisect_right(self._starts, span[0]) - 1
        if at < 0 or not self._holders[at].body <= span[0] <= span[1] <= self._holders[at].end:
            msg = f"the metadata of the {NAME} file do not stand in one of its mdat or idat boxes"
            raise ContentError(msg)
        return self._holders[at]

    def _untouched(self) -> Iterator[Span]:
        """What has to stay as it is."""
        for run in self._file.pictures():
            yield from run
        for _, _, info, run in self._file.items():
            if info.is_metadata and run not in self._edits:
                yield from run

    def _extent(self, run: Run) -> Extent:
        """Where the new content of an item is."""
        return Extent(0, self._surgery.place(self._edits[run]), len(self._contents[run]))

    def _home(self) -> Extent:
        """Where the packet is."""
        if self._mains:
            return self._extent(self._mains[0])
        return Extent(0, self._surgery.place(self._added) + 8, len(self._packet))

    # The boxes that tell where items and frames are.

    def _meta(self, one: Meta, *, wanted: bool) -> None:
        """The changes in a meta box; `wanted`: the packet is made one of its items."""
        item, before = one.xmp() if self._packet or self._mains else 0, b""
        if wanted and self._packet:
            if not item:
                item = _number(one)
                self._list(one, item)
            if one.primary not in (0, *one.described.get(item, ())):
                before = self._referred(one, item)
        if one.iloc:
            span = one.iloc.start, one.iloc.end
            self._surgery.put(span, lambda: before + self._iloc(one, item), one.box)

    def _list(self, one: Meta, item: int) -> None:
        """Put a new item on the list."""
        if box := one.iinf:
            start, wide = box.body + 4, 4 if self._file.data[box.body] else 2
            count = int.from_bytes(self._file.data[start : start + wide], "big") + 1
            self._surgery.put((start, start + wide), lambda: coded(count, wide), None)
            self._surgery.put((box.end, box.end), lambda: _info(item), box)

    def _referred(self, one: Meta, item: int) -> bytes:
        """Let an item describe the primary one; the box for that, where there is none."""
        box = one.iref
        wide = (4 if self._file.data[box.body] else 2) if box else 4 if max(item, one.primary) > _LAST else 2
        entry = packed(b"cdsc", coded(item, wide), coded(1, 2), coded(one.primary, wide))
        if not box:
            return packed(b"iref", bytes((wide == 4, 0, 0, 0)), entry)
        self._surgery.put((box.end, box.end), lambda: entry, box)
        return b""

    def _iloc(self, one: Meta, item: int) -> bytes:
        """The iloc box, in which `item` is the packet (0: none is)."""
        packet = Place(item, FILE, 0, (self._home(),)) if item else None
        places = [
            packet if packet and place.item == item else self._moved(one, place) for place in one.places
        ]
        if packet and packet not in places:
            places.append(packet)
        return iloc(self._file.data[one.iloc.body] if one.iloc else 0, places, large=self._large)

    def _moved(self, one: Meta, place: Place) -> Place:
        run, info = one.run(place), one.infos.get(place.item)
        if info and info.is_metadata and run in self._edits:
            return Place(place.item, FILE, 0, (self._extent(run),))
        if place.reference or place.construction not in (FILE, IDAT):
            return place
        base = one.idat.body if one.idat and place.construction == IDAT else 0
        moved, start = self._surgery.moved, self._surgery.moved(base)
        extents = (
            old._replace(offset=moved(base + old.offset) - start) if old.length else old
            for old in place.extents
        )
        return place._replace(extents=tuple(extents))

    def _own_meta(self) -> bytes:
        """A meta box for a track that has none, with the packet as its only item."""
        places = iloc(0, [Place(1, FILE, 0, (self._home(),))], large=self._large)
        listed = packed(b"iinf", bytes(4), coded(1, 2), _info(1))
        return packed(b"meta", bytes(4), _HANDLER, places, listed)

    def _chunks(self, track: Track) -> None:
        chunks, start = track.chunks(self._file.data), track.places.body + 8
        self._surgery.put(
            (start, start + track.wide * len(chunks)),
            lambda: b"".join(coded(self._surgery.moved(chunk), track.wide) for chunk in chunks),
            None,
        )


def _freed(file: File) -> dict[Run, bytes]:
    """What packets and EXIF items with an AIGC record are without it."""
    contents = {run: without_records(file.data, run) for run in file.exifs() if records(file.data, run)}
    for run in file.packets():
        if xmp.found(packet := joined(file.data, run)):
            contents[run] = xmp.without_aigc(packet)
    return contents


def _holders(file: File) -> Iterator[Box]:
    """The boxes whose bytes may be those of metadata."""
    yield from (box for box in file.boxes if box.kind == b"mdat")
    yield from file.xmp_boxes()
    yield from (one.idat for one in file.metas if one.idat)


def _number(one: Meta) -> int:
    """A number that no item and no group has."""
    taken = {*one.infos, *one.groups, *(place.item for place in one.places)}
    highest = max(taken, default=0)
    free = highest + 1 if highest < _LAST else next((n for n in range(1, _LAST) if n not in taken), 0)
    if not free:
        msg = f"the {NAME} file has no number left for another item"
        raise ContentError(msg)
    return free


def _info(item: int) -> bytes:
    """The entry of iinf for an XMP packet."""
    return packed(b"infe", bytes((2, 0, 0, 0)), coded(item, 2), bytes(2), b"mimeXMP\0application/rdf+xml\0")
