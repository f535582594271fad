"""Records, packets and EXIF for the tests of containers, and hostile variations of small files."""

from __future__ import annotations

import contextlib
import struct

from hypothesis import strategies as st

from labeler.errors import ContentError
from labeler.media.base import Container
from labeler.media.xmp import AIGC, merged

FIELDS = '{"Label":"1","ContentProducer":"001191110102MAD55U9H0F10002","ProduceID":"a-1","ReservedCode1":""}'
"""A record as it stands under a key."""
WRAPPED = f'{{"AIGC":{FIELDS}}}'
"""A record as it stands in carriers without a key of their own."""
PACKET = merged(b"", {AIGC: FIELDS})
OTHER = merged(b"", {AIGC: FIELDS.replace("a-1", "b-2")})

TORN = b"<AIGC"
"""A packet that nobody can read and that mentions a record."""
FAULT = "the XMP packet is no sound XML: unclosed token: line 1, column 0"
"""What is said of it."""


def exif(comment: bytes = b"", description: bytes = b"", orientation: int = 6, order: str = "<") -> bytes:
    """A TIFF structure with an orientation and, where given, a UserComment and an ImageDescription."""
    entries = [(0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0))]
    data = b""
    start = 8 + 2 + 12 * (1 + bool(description) + bool(comment)) + 4
    if description:
        entries.insert(0, (0x010E, 2, len(description), struct.pack(f"{order}I", start)))
        data += description
    if comment:
        inner = start + len(data)
        entries.append((0x8769, 4, 1, struct.pack(f"{order}I", inner)))
        data += struct.pack(f"{order}HHHIII", 1, 0x9286, 7, len(comment), inner + 18, 0) + comment
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return head + b"".join(struct.pack(f"{order}HHI4s", *entry) for entry in entries) + bytes(4) + data


def use(container: Container, data: bytes) -> None:
    """Everything that a container does; for any bytes it answers or raises ContentError, and what it
    writes has one record and the same picture."""
    for method in (container.head, container.found, container.packet, container.signed):
        with contextlib.suppress(ContentError):
            method(data)
    with contextlib.suppress(ContentError):
        list(container.essence(data))
    try:
        new = container.write(data, PACKET)
    except ContentError:
        return
    assert [record.text for record in container.found(new)] == [FIELDS]
    assert essence(container, new) == essence(container, data)


def essence(container: Container, data: bytes) -> bytes:
    """What makes the picture, in one piece."""
    return b"".join(container.essence(data))


def hostile(*samples: bytes) -> st.SearchStrategy[bytes]:
    """Small files with bytes changed, lengths that lie, pieces taken out, doubled or cut off."""
    return st.sampled_from(samples).flatmap(
        lambda sample: st.lists(_changes(len(sample)), min_size=1, max_size=4).map(
            lambda changes: _changed(sample, changes)
        )
    )


Change = tuple[int, int, bytes]


def _changes(size: int) -> st.SearchStrategy[Change]:
    bad = st.sampled_from([b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\xff\xff", b"\0\1", b"\x80"])
    new = bad | st.binary(max_size=4)
    return st.tuples(st.integers(0, size), st.sampled_from([0, 1, 2, 4, 4, 40, size]), new)


def _changed(sample: bytes, changes: list[Change]) -> bytes:
    for at, gone, new in changes:
        sample = sample[:at] + new + sample[at + gone :]
    return sample
