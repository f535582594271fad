"""The items of a meta box: coded pictures, EXIF and XMP, and where their bytes are (ISO/IEC 14496-12, 8.11;
ISO/IEC 23008-12).

Each item has a number. iinf tells its type, iloc its extents, iref what it belongs to. HEIF has a meta
box for the file; tracks of a sequence may have their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media.bmff_boxes import NAME, Box, Fields, inside, only
from labeler.media.bmff_places import FILE, IDAT, Place, located, twice
from labeler.media.spans import Run

_XMP = b"application/rdf+xml"


class Info(NamedTuple):
    """An entry of iinf: the item's type, and for `mime` items the media type and the coding."""

    kind: bytes
    mime: bytes = b""
    coding: bytes = b""

    @property
    def is_xmp(self) -> bool:
        """Whether this is an XMP packet."""
        return self.kind == b"mime" and self.mime.partition(b";")[0].strip().lower() == _XMP

    @property
    def is_metadata(self) -> bool:
        """Whether this is XMP or EXIF."""
        return self.kind == b"Exif" or self.is_xmp


@dataclass(frozen=True, slots=True, eq=False)
class Meta:
    """A meta box. `primary` is 0 where no item is; `described` has, for items that describe others
    (reference cdsc), these."""

    box: Box
    iinf: Box | None
    iloc: Box | None
    idat: Box | None
    iref: Box | None
    iprp: Box | None
    infos: dict[int, Info] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    primary: int = 0
    described: dict[int, list[int]] = field(default_factory=dict)
    groups: frozenset[int] = frozenset()

    def run(self, place: Place) -> Run:
        """Where the item's bytes are in the file, () for none and for bytes that are not its own."""
        if place.reference or place.construction not in (FILE, IDAT):
            return ()
        start = 0
        if place.construction == IDAT:
            start = self._inside_idat(place)
        spans = ((start + offset, start + offset + length) for _, offset, length in place.extents)
        return tuple((here, there) for here, there in spans if here < there)

    def _inside_idat(self, place: Place) -> int:
        room = self.idat.end - self.idat.body if self.idat else 0
        if any(offset + length > room for _, offset, length in place.extents):
            msg = f"an item of the {NAME} file lies outside of its idat box"
            raise ContentError(msg)
        return self.idat.body if self.idat else 0

    def xmp(self) -> int:
        """The item with the primary picture's packet: one that says so, or else one that names no
        picture; 0 for none."""
        packets = [item for item, info in self.infos.items() if info.is_xmp]
        own = [item for item in packets if self.primary in self.described.get(item, ())]
        loose = [item for item in packets if item not in self.described]
        return next(iter((*own, *loose)), 0)


def meta(data: bytes, box: Box) -> Meta:
    """Read a meta box; QuickTime's has no version."""
    found = inside(data, box, 0 if data[box.body + 4 : box.body + 8] == b"hdlr" else 4)
    kinds = (b"iinf", b"iloc", b"idat", b"iref", b"iprp", b"pitm", b"grpl")
    iinf, iloc, idat, iref, iprp, pitm, grpl = (only(found, kind) for kind in kinds)
    return Meta(
        *(box, iinf, iloc, idat, iref, iprp),
        infos=dict(_infos(data, iinf)) if iinf else {},
        places=list(located(data, iloc, idat)) if iloc else [],
        primary=_primary(data, pitm) if pitm else 0,
        described=_described(data, iref) if iref else {},
        groups=frozenset(_groups(data, grpl)) if grpl else frozenset(),
    )


def _infos(data: bytes, iinf: Box) -> Iterator[tuple[int, Info]]:
    seen = set()
    for box in inside(data, iinf, 8 if Fields(data, iinf).number(1) else 6):
        if box.kind == b"infe":
            item, info = _info(Fields(data, box))
            if item in seen:
                raise twice(item)
            seen.add(item)
            yield item, info


def _info(fields: Fields) -> tuple[int, Info]:
    version = fields.number(1)
    fields.number(3)
    item = fields.number(4 if version == 3 else 2)
    fields.number(2)
    kind = fields.four() if version >= 2 else b"mime"
    fields.text()  # its name
    if kind != b"mime":
        return item, Info(kind)
    return item, Info(kind, fields.text(), fields.text())


def _primary(data: bytes, pitm: Box) -> int:
    fields = Fields(data, pitm)
    version = fields.number(1)
    fields.number(3)
    return fields.number(4 if version else 2)


def _described(data: bytes, iref: Box) -> dict[int, list[int]]:
    wide = 4 if Fields(data, iref).number(1) else 2
    found: dict[int, list[int]] = defaultdict(list)
    for box in inside(data, iref, 4):
        fields = Fields(data, box)
        item, count = fields.number(wide), fields.number(2)
        others = [fields.number(wide) for _ in range(count)]
        if box.kind == b"cdsc":
            found[item] += others
    return dict(found)


def _groups(data: bytes, grpl: Box) -> Iterator[int]:
    """The numbers of groups, which are taken like those of items (brand `unif`)."""
    for box in inside(data, grpl):
        yield Fields(data, box, 4).number(4)
