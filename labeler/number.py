"""Content numbers: sortable UUIDs, so that a record can be found by time and by number."""

from __future__ import annotations

from hashlib import sha256

_VARIANT = {f"{digit:x}": f"{0x8 | digit & 0x3:x}" for digit in range(16)}
"""The two bits that say whose UUID it is, in a hex digit."""


def content_number(milliseconds: int, randomness: int) -> str:
    """A UUID of version 7 (RFC 9562, 5.7) from Unix time in milliseconds and 80 random bits."""
    time, rest = f"{milliseconds & (1 << 48) - 1:012x}", f"{randomness:020x}"
    return f"{time[:8]}-{time[8:]}-7{rest[1:4]}-{_VARIANT[rest[4]]}{rest[5:8]}-{rest[8:]}"


def number_of_content(producer: str, data: bytes) -> str:
    """The number of a file that anybody who has it can derive: a UUID of version 8 (RFC 9562, 5.8)
    from SHA-256 over the provider code and the file's own SHA-256."""
    whole = sha256(producer.encode() + sha256(data).digest()).digest()
    value = int.from_bytes(whole[:16], "big")
    return _spelled(value & ~(0xF << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62)


def _spelled(value: int) -> str:
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
