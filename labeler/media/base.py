"""What a container is: how one file format holds its pictures' facts and its AIGC record.

A container works on bytes and never decodes a pixel. It raises ContentError for bytes that are not
what they claim to be, and reads nothing beyond them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Head(NamedTuple):
    """What a file says of its picture before anything is decoded: stored width and height in pixels,
    frames (1 for a still), and the EXIF orientation (1 to 8) in which viewers show it."""

    width: int
    height: int
    frames: int = 1
    orientation: int = 1


class Found(NamedTuple):
    """An AIGC record as it stands in a file: in which carrier (`XMP element`, `PNG tEXt AIGC`,
    `EXIF UserComment` …), and its text (JSON, if it is sound)."""

    carrier: str
    text: str


class Unreadable(Found):
    """A record whose carrier cannot be read; the text says why."""

    __slots__ = ()


class Container(Protocol):
    """One file format."""

    name: str
    """As `png`."""
    media_type: str
    """As `image/png`."""
    carries: bool
    """Whether the format has room for an AIGC record (BMP has none)."""

    def head(self, data: bytes) -> Head:
        """The facts in the header; allocates nothing that grows with the picture."""
        ...

    def found(self, data: bytes) -> list[Found]:
        """Every AIGC record, in every carrier seen in the wild, in the order of the file."""
        ...

    def packet(self, data: bytes) -> bytes:
        """The XMP packet (RDF/XML in UTF-8), b"" where there is none."""
        ...

    def lost(self, data: bytes) -> int:
        """How many other XMP packets `write` does not keep: most formats have one."""
        ...

    def write(self, data: bytes, packet: bytes) -> bytes:
        """The file with this XMP packet instead of its own, and no AIGC record in any other carrier;
        the picture's data stay byte for byte. ContentError where the format has no room for it."""
        ...

    def signed(self, data: bytes) -> bool:
        """Whether the file carries a C2PA manifest, which any change makes invalid."""
        ...

    def essence(self, data: bytes) -> Iterator[memoryview]:
        """The bytes that make the picture (coded pixels, palettes, timing), without metadata: what
        `write` must not change, and what a content hash covers."""
        ...
