"""A HEIF or AVIF file as a whole: its boxes, its meta boxes and tracks, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from labeler.errors import ContentError
from labeler.media import exif
from labeler.media.base import Found
from labeler.media.bmff_boxes import NAME, Box, boxes, inside, only
from labeler.media.bmff_items import Info, Meta, meta
from labeler.media.bmff_places import Place
from labeler.media.bmff_shape import Shape, shape
from labeler.media.bmff_tracks import Track, track
from labeler.media.spans import Run, distinct, joined

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""The uuid box with an XMP packet (XMP part 3, MPEG-4), which a HEIF file may have, too."""
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The uuid box with a C2PA manifest (C2PA 2.1, appendix A)."""


@dataclass(frozen=True)
class File:
    """The file, read once. ContentError where it is none that can be understood."""

    data: bytes

    @cached_property
    def boxes(self) -> list[Box]:
        """The boxes of the first level."""
        found = boxes(self.data, 0, len(self.data))
        if not found or found[0].kind != b"ftyp":
            msg = f"this is no {NAME} file"
            raise ContentError(msg)
        for box in found:
            if box.kind in (b"moof", b"mini"):
                form = "in fragments" if box.kind == b"moof" else "with a minimised head (MinimizedImageBox)"
                msg = f"the {NAME} file is one {form}, which is not supported"
                raise ContentError(msg)
        return found

    @cached_property
    def meta(self) -> Meta | None:
        """The meta box of the file."""
        box = only(self.boxes, b"meta")
        found = meta(self.data, box) if box else None
        still = found and found.iinf and found.iloc
        if not still and not self.moving:
            msg = f"the {NAME} file has no picture (meta box with iinf and iloc, or track)"
            raise ContentError(msg)
        return found

    @cached_property
    def _moov(self) -> list[Box]:
        moov = only(self.boxes, b"moov")
        return inside(self.data, moov) if moov else []

    @cached_property
    def tracks(self) -> list[Track]:
        """The tracks of a sequence."""
        read = (track(self.data, box) for box in self._moov if box.kind == b"trak")
        return [found for found in read if found]

    @property
    def moving(self) -> list[Track]:
        """The tracks whose frames are shown, and do not belong to another one (as alpha does)."""
        return [one for one in self.tracks if one.handler == b"pict"]

    @cached_property
    def metas(self) -> list[Meta]:
        """All meta boxes that hold items."""
        movie = only(self._moov, b"meta")
        metas = (
            self.meta,
            meta(self.data, movie) if movie else None,
            *(one.meta for one in self.tracks),
        )
        return [one for one in metas if one and one.iinf and one.iloc]

    @property
    def shape(self) -> Shape:
        """The shape of the primary picture, or that of the first track."""
        found = shape(self.data, self.meta) if self.meta else None
        found = found or next((Shape(*one.size, one.size, 1) for one in self.moving), None)
        if not found or not found.width or not found.height:
            msg = f"the {NAME} file does not say how large its picture is"
            raise ContentError(msg)
        return found

    def uuids(self, name: bytes) -> list[Box]:
        """The uuid boxes of this name."""
        return [
            box
            for box in self.boxes
            if box.kind == b"uuid" and self.data[box.body : min(box.body + 16, box.end)] == name
        ]

    def xmp_boxes(self) -> list[Box]:
        """The uuid boxes with an XMP packet behind their name."""
        return [box for box in self.uuids(_XMP) if box.body + 16 < box.end]

    def items(self) -> Iterator[tuple[Meta, Place, Info, Run]]:
        """The items of all meta boxes with their bytes."""
        for one in self.metas:
            for place in one.places:
                yield one, place, one.infos.get(place.item, Info(b"")), one.run(place)

    def packet(self) -> Run:
        """The primary picture's packet, or else that of a track or of a uuid box; () for none."""
        mains = (self.main(one) for one in self.metas)
        return next(iter((*filter(None, mains), *self.packets())), ())

    def main(self, one: Meta) -> Run:
        """The packet of a meta box's picture, () for none."""
        item = one.xmp()
        runs = (one.run(place) for place in one.places if place.item == item)
        return self._plain(one.infos[item], next(runs, ())) if item else ()

    def packets(self) -> list[Run]:
        """Every XMP packet, in items and in uuid boxes."""
        runs = [self._plain(info, run) for _, _, info, run in self.items() if info.is_xmp]
        runs += [((box.body + 16, box.end),) for box in self.xmp_boxes()]
        return distinct(runs, len(self.data), NAME)

    def _plain(self, info: Info, run: Run) -> Run:
        if info.coding and info.coding.lower() != b"identity":
            coding = info.coding.decode("ascii", "backslashreplace")
            msg = f"the XMP packet of the {NAME} file is compressed ({coding}), which is not supported"
            raise ContentError(msg)
        return run

    def exifs(self) -> list[Run]:
        """Every EXIF item."""
        runs = (run for _, _, info, run in self.items() if info.kind == b"Exif")
        return distinct(runs, len(self.data), NAME)

    def pictures(self) -> list[Run]:
        """All that makes the picture: the primary item, then the others but XMP and EXIF, then tracks; with
        what tells how to read them."""
        first, rest, told = list[Run](), list[Run](), list[Run]()
        for one, place, info, run in self.items():
            if not info.is_metadata:
                primary = one is self.meta and place.item == one.primary
                (first if primary else rest).append(run)
        for one in self.metas:
            told += [((part.body, part.end),) for part in self._properties(one)]
        for moving in self.tracks:
            rest.append(moving.run(self.data))
            told += [((part.body, part.end),) for part in moving.timing]
        runs = distinct([*first, *rest], len(self.data), NAME)
        if not runs:
            msg = f"the {NAME} file has no picture data"
            raise ContentError(msg)
        return [*runs, *(run for run in told if run[0][0] < run[0][1])]

    def _properties(self, one: Meta) -> list[Box]:
        return inside(self.data, one.iprp) if one.iprp else []


def records(data: bytes, run: Run) -> list[Found]:
    """AIGC records in an EXIF item."""
    return exif.aigc(_tiff(joined(data, run)))


def without_records(data: bytes, run: Run) -> bytes:
    """An EXIF item without them."""
    item = joined(data, run)
    tiff = _tiff(item)
    return item[: len(item) - len(tiff)] + exif.without_aigc(tiff)


def _tiff(item: bytes) -> bytes:
    """The TIFF structure in an EXIF item, whose first four bytes say how many to skip (ISO/IEC 23008-12,
    A.2.1); some count `Exif` in, some do not."""
    return item[4 + int.from_bytes(item[:4], "big") :].removeprefix(b"Exif\0\0")
