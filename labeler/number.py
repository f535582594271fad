"""Content numbers: sortable UUIDs, so that a record can be found by time and by number."""

from __future__ import annotations


def content_number(milliseconds: int, randomness: int) -> str:
    """A UUID of version 7 (RFC 9562, 5.7) from Unix time in milliseconds and 80 random bits."""
    value = (milliseconds & (1 << 48) - 1) << 80 | randomness
    value = value & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
