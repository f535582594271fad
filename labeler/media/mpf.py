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

UNINDEXED = "the MPF index of the JPEG is broken and stays as it is: the pictures behind the first have moved"
"""The note where nobody can tell what the index has to say now."""
ASTRAY = "the MPF index of the JPEG names places at which no picture starts, which stay as they are: {}"
"""The note with the number of entries of which nobody can tell it."""


def moved(data: bytes, start: int, end: int, longer: int, further: int) -> tuple[bytes, str]:
    """The index at these bytes, for a first picture that becomes `longer` and others that come to stand
    `further` from the index; and what has to be said of entries that stay as they are."""
    index = data[start:end]
    order = exif.byte_order(index)
    found = next((entry for entry in exif.entries(index, order) if entry.tag == _ENTRIES), None)
    if found is None:
        return index, UNINDEXED
    new, astray = bytearray(index), 0
    for at in range(found.start, found.end - _ENTRY + 1, _ENTRY):
        size, place = struct.unpack_from(f"{order}II", index, at + 4)
        sound = not place or data.startswith(b"\xff\xd8", start + place)
        size, place = (size, place + further) if place else (size and size + longer, 0)
        if sound and 0 <= size < 1 << 32 and 0 <= place < 1 << 32:
            struct.pack_into(f"{order}II", new, at + 4, size, place)
        else:
            astray += 1
    return bytes(new), ASTRAY.format(astray) if astray else ""
