"""The index of a JPEG file with several pictures (MPF, CIPA DC-007): stereo pairs, previews, gain maps.

It stands in an APP2 segment of the first picture, as a TIFF structure, and has an entry for each picture:
its size, and where it starts, which counts from the structure's own start.
"""

from __future__ import annotations

import struct

from labeler.media import exif

NAME = b"MPF\0"
"""What stands before the structure."""
_ENTRIES = 0xB002
_ENTRY = 16
"""Bytes of an entry: attributes, size, place, and the numbers of two pictures that it depends on."""


def moved(data: bytes, start: int, end: int, longer: int, further: int) -> bytes | None:
    """The index at these bytes, for a first picture that becomes `longer` and others that come to stand
    `further` from the index. None where it cannot be read, or names places at which no picture starts."""
    index = data[start:end]
    order = exif.byte_order(index)
    found = next((entry for entry in exif.entries(index, order) if entry.tag == _ENTRIES), None)
    if found is None:
        return None
    new = bytearray(index)
    for at in range(found.start, found.end - _ENTRY + 1, _ENTRY):
        size, place = struct.unpack_from(f"{order}II", index, at + 4)
        if place and not data.startswith(b"\xff\xd8", start + place):
            return None
        size, place = (size, place + further) if place else (size and size + longer, 0)
        if not (0 <= size < 1 << 32 and 0 <= place < 1 << 32):
            return None
        struct.pack_into(f"{order}II", new, at + 4, size, place)
    return bytes(new)
