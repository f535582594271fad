"""What the labels of a picture file say, in which carrier, and whether they keep to the rules.

Nothing is decoded: the file is read, not its pixels. So an explicit label can be vouched for only where
our own property remembers that it was drawn.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from labeler.labels.record import read
from labeler.media import Source, container, content, xmp
from labeler.media.base import Container, Found, Unreadable
from labeler.media.once import remembering


@dataclass(frozen=True, slots=True)
class RecordFound:
    """An AIGC record in a file: its carrier, its fields, and what is wrong with them.

    `fields` stand under the names of GB 45438-2025, Annex E, and are empty where `text` cannot be
    read; so is `text` where its carrier cannot. Each of the `problems` makes the record invalid;
    `notes` do not.
    """

    carrier: str
    fields: dict[str, str]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in a picture file.

    `width` and `height` are the stored ones in pixels. `problems` are those of the file as a whole;
    each record has its own. `visible` are the words of the visible label that this package drew, an
    empty string where nothing vouches for one. `signed` says that the file carries a C2PA manifest,
    which is not verified. `source_type` is IPTC's DigitalSourceType, or an empty string.
    """

    format: str
    width: int
    height: int
    frames: int
    records: tuple[RecordFound, ...]
    problems: tuple[str, ...]
    visible: str
    signed: bool
    source_type: str

    @property
    def valid(self) -> bool:
        """Whether the file carries exactly one record and that one is valid."""
        return not self.problems and not any(record.problems for record in self.records)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return {"format": self.format, "valid": self.valid, **asdict(self)}


def inspect(picture: Source) -> Inspection:
    """Read the labels of a PNG, JPEG, GIF, WebP, TIFF, BMP, HEIC or AVIF file: of its bytes, or at its path.

    Raises ContentError where it cannot be read, is none of these, or broken.
    """
    with remembering():
        return _inspected(content(picture))


def _inspected(data: bytes) -> Inspection:
    file = container(data)
    head = file.head(data)
    records = tuple(map(_record, file.found(data)))
    packet = file.packet(data)
    return Inspection(
        format=file.name,
        width=head.width,
        height=head.height,
        frames=head.frames,
        records=records,
        problems=tuple(_problems(file, len(records))),
        visible=xmp.first(packet, xmp.VISIBLE),
        signed=file.signed(data),
        source_type=xmp.first(packet, xmp.SOURCE_TYPE),
    )


def _record(found: Found) -> RecordFound:
    if isinstance(found, Unreadable):
        return RecordFound(found.carrier, {}, (found.text,), (), "")
    fields, problems, notes = read(found.text)
    return RecordFound(found.carrier, fields, problems, notes, found.text)


def _problems(file: Container, records: int) -> list[str]:
    if records == 1:
        return []
    if records:
        return [f"the file carries {records} AIGC records; one file has exactly one (GB 45438-2025, 6.1 c)"]
    room = "" if file.carries else f"; {file.name} has no place for one"
    return [f"the file carries no AIGC record (GB 45438-2025, 6.1 a){room}"]
