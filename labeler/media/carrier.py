"""What PNG, JPEG and GIF have in common: parts of a file that carry XMP or AIGC records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from labeler.media import xmp
from labeler.media.base import Found
from labeler.media.edits import Edit, edited


class Carrier(NamedTuple):
    """A part of a file, from `start` to `end`: an XMP `packet`, or `records` outside of one.

    `stays` is what is left of the part when another packet is written: nothing, or the part without
    its records.
    """

    start: int
    end: int
    packet: bytes = b""
    records: tuple[Found, ...] = ()
    stays: bytes = b""


def found(carriers: Iterable[Carrier]) -> list[Found]:
    """The AIGC records of all carriers."""
    return [record for carrier in carriers for record in (*xmp.found(carrier.packet), *carrier.records)]


def packet(carriers: Iterable[Carrier]) -> bytes:
    """The first XMP packet, b"" for none."""
    return next((carrier.packet for carrier in carriers if carrier.packet), b"")


def lost(carriers: Iterable[Carrier]) -> int:
    """How many XMP packets there are that do not say the same as the first."""
    return others(carrier.packet for carrier in carriers)


def others(packets: Iterable[bytes]) -> int:
    """How many different packets there are but one; the padding does not count."""
    return max(len({packet.strip(b" \0") for packet in packets} - {b""}) - 1, 0)


def replaced(data: bytes, carriers: Iterable[Carrier], new: bytes, place: int) -> bytes:
    """The file with the coded packet `new` at `place`, and of each carrier only what stays."""
    edits: list[Edit] = [(carrier.start, carrier.end, carrier.stays) for carrier in carriers]
    return edited(data, [*edits, (place, place, new)])
