"""Extended XMP in JPEG: a second packet, cut into APP1 segments (XMP part 3, 1.1.3.1).

Each segment has the MD5 digest of the whole packet in 32 hexadecimal digits, its length and the
place of the piece; the first packet names the digest in xmpNote:HasExtendedXMP.
"""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.media import xmp
from labeler.media.base import Found

EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
"""What such a segment begins with."""
_FIELDS = struct.Struct(">32sII")
_AHEAD = len(EXTENSION) + _FIELDS.size


class _Piece(NamedTuple):
    """A piece: its place in the packet, and where its bytes stand in the file."""

    offset: int
    start: int
    end: int


class Extension(NamedTuple):
    """A complete second packet: its digest, its pieces in order, its bytes."""

    digest: bytes
    pieces: list[_Piece]
    packet: bytes

    def found(self) -> list[Found]:
        """Its AIGC records."""
        return [one._replace(carrier=f"extended {one.carrier}") for one in xmp.found(self.packet)]

    def without_aigc(self, first: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
        """Without the records, blank where these cannot be read, and as long as before: ([(place in the
        file, new bytes)], the first packet with the new digest)."""
        packet = xmp.without_aigc(self.packet).ljust(len(self.packet))
        if len(packet) > len(self.packet):
            msg = (
                "the JPEG has an AIGC record in its extended XMP, which is not in UTF-8 and cannot be changed"
            )
            raise ContentError(msg)
        digest = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
        heads = [(start - _FIELDS.size, digest) for _, start, _ in self.pieces]
        bodies = [(start, packet[at : at + end - start]) for at, start, end in self.pieces]
        return heads + bodies, first.replace(self.digest, digest)


def extensions(data: bytes, spans: Iterable[tuple[int, int]]) -> list[Extension]:
    """The complete second packets among the payloads that begin with EXTENSION."""
    pieces = defaultdict[tuple[bytes, int], list[_Piece]](list)
    for start, end in spans:
        if end - start >= _AHEAD:
            digest, length, offset = _FIELDS.unpack_from(data, start + len(EXTENSION))
            pieces[digest, length].append(_Piece(offset, start + _AHEAD, end))
    wholes = ((digest, length, sorted(parts)) for (digest, length), parts in pieces.items())
    return [
        Extension(digest, parts, b"".join(data[start:end] for _, start, end in parts))
        for digest, length, parts in wholes
        if _is_whole(parts, length)
    ]


def _is_whole(pieces: list[_Piece], length: int) -> bool:
    at = 0
    for offset, start, end in pieces:
        if offset != at:
            return False
        at += end - start
    return at == length
