"""HEIF and AVIF in every form that their boxes can have: the packet comes in, and offsets follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.media import CONTAINERS
from labeler.media.xmp import VISIBLE, merged
from tests.bmff_files import (
    Form,
    Item,
    box,
    boxes,
    decoded,
    file,
    moving,
    packet_read,
    picture,
    shown,
    with_wide_offsets,
    xmp,
)
from tests.media_tools import OTHER, PACKET, essence

AVIF = CONTAINERS["avif"]
FORMS = {
    "version 0": Form(version=0),
    "version 2": Form(version=2),
    "base offsets alone": Form(widths=(0, 4, 4, 0)),
    "both offsets": Form(widths=(4, 4, 4, 0), base=7),
    "64 bits, with an index": Form(widths=(8, 8, 8, 8), base=7),
    "meta at the end": Form(order=("mdat", "free", "meta")),
    "meta behind a free box": Form(order=("free", "meta", "mdat")),
    "a large mdat": Form(mdat="wide"),
    "an open mdat": Form(mdat="rest"),
    "a list with 32 bits": Form(lists=1),
    "references with 32 bits": Form(references=1),
    "no references": Form(references=None),
    "bytes behind the file": Form(),
}


def contents() -> Iterator[tuple[str, list[Item]]]:
    """Where the picture and a packet may be."""
    yield "no packet", [picture()]
    yield "a packet", [picture(), xmp(PACKET)]
    yield "a packet before the picture", [xmp(PACKET), picture()]
    yield "in idat", [xmp(PACKET, where="idat"), picture(where="idat")]
    yield "in pieces", [xmp(PACKET, pieces=3), picture(pieces=4)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", dict(contents()))
def test_every_form_of_a_file(form: str, content: str) -> None:
    """Whatever the boxes look like, libavif finds the new packet and the old pixels."""
    its = FORMS[form]
    items = dict(contents())[content]
    if (its.version == 0 and content == "in idat") or (not its.widths[0] and content == "in pieces"):
        items = [picture(), xmp(PACKET)]  # these forms cannot say it
    data = file(*items, form=its) + (b"tail" if form == "bytes behind the file" else b"")
    new = AVIF.write(data, OTHER)
    assert AVIF.packet(new) == packet_read(new) == OTHER
    assert decoded(new).tobytes() == decoded(data).tobytes()
    assert essence(AVIF, new) == essence(AVIF, data)
    assert AVIF.write(new, OTHER) == new
    assert new.endswith(b"tail") == data.endswith(b"tail")


@pytest.mark.parametrize("form", ["a large mdat", "an open mdat"])
def test_a_box_tells_its_size_as_before(form: str) -> None:
    """With 64 bits, or not at all."""
    data = file(picture(), xmp(PACKET), form=FORMS[form])
    long = merged(OTHER, {VISIBLE: "AI生成" * 99})
    old, new = (boxes(one)[-1][1] for one in (data, AVIF.write(data, long)))
    assert new[:8] == old[:8]
    if form == "a large mdat":
        assert int.from_bytes(new[8:16], "big") == len(new) == len(old) - len(PACKET) + len(long)


@given(st.lists(st.sampled_from(["meta", "mdat", "free"]), unique=True), st.integers(1, 9), st.booleans())
def test_any_order_and_any_pieces(order: list[str], pieces: int, indirect: bool) -> None:
    """The picture's bytes are found again after the packet has come between them."""
    order += [name for name in ("mdat", "meta") if name not in order]
    items = [picture(pieces=pieces), xmp(PACKET, pieces=pieces, where="idat" if indirect else "mdat")]
    data = file(*items, form=Form(order=tuple(order)))
    new = AVIF.write(data, OTHER)
    assert packet_read(new) == OTHER
    assert decoded(new).tobytes() == decoded(data).tobytes()


@pytest.mark.parametrize("make", [moving, lambda: with_wide_offsets(moving())])
def test_a_sequence_without_a_still(make: Callable[[], bytes]) -> None:
    """Where tracks alone hold pictures, the first one gets the packet; the offsets of its chunks follow,
    whether they have 32 bits or 64."""
    data = make()
    new = AVIF.write(data, PACKET)
    assert AVIF.head(new) == AVIF.head(data) == (16, 12, 3, 1)
    for packet in (OTHER, merged(OTHER, {VISIBLE: "AI生成"})):
        new = AVIF.write(new, packet)
        assert AVIF.packet(new) == packet_read(new) == packet
        assert shown(new) == shown(data)
        assert essence(AVIF, new) == essence(AVIF, data)
        assert AVIF.write(new, packet) == new


def test_a_new_item_has_a_number_of_its_own() -> None:
    """Behind those of items and of groups, or the first free one where there is none behind."""
    group = box(b"grpl", box(b"altr", bytes(4), b"\0\0\0\x0a", bytes(4)))
    new = AVIF.write(file(picture(), form=Form(extra=group)), OTHER)
    assert b"cdsc\0\x0b\0\1\0\1" in new
    last = Item(0xFFFF, b"free", b"x")
    assert b"cdsc\0\2\0\1\0\1" in AVIF.write(file(picture(), last), OTHER)


def test_large_numbers_of_items() -> None:
    """Version 2 of iloc has numbers of 32 bits."""
    form = Form(version=2, primary=1 << 20, references=None)
    data = file(picture(1 << 20), form=form)
    new = AVIF.write(data, OTHER)
    assert AVIF.packet(new) == packet_read(new) == OTHER
    assert decoded(new).tobytes() == decoded(data).tobytes()


def test_items_elsewhere_keep_their_places() -> None:
    """Offsets into another file or another item are no offsets into this one."""
    form = Form(widths=(8, 8, 0, 8), order=("meta", "mdat"))
    far = Item(5, b"av01", b"bytes of another file", reference=1)
    inner = Item(6, b"av01", b"bytes of item 1", method=2)
    data = file(picture(), far, inner, form=form)
    new = AVIF.write(data, OTHER)
    assert essence(AVIF, new) == essence(AVIF, data)
    offset = int.from_bytes(_entry(data, 5)[-16:-8], "big")
    assert int.from_bytes(_entry(new, 5)[-8:-4], "big") == offset
    assert int.from_bytes(_entry(new, 6)[-8:-4], "big") == int.from_bytes(_entry(data, 6)[-16:-8], "big")


def _entry(data: bytes, number: int) -> bytes:
    """The entry of iloc for an item, up to its only extent's end."""
    at = data.index(b"iloc") + 4
    offset_length, base_index = data[at + 4], data[at + 5]
    size = 2 + 2 + 2 + (base_index >> 4) + 2 + (base_index & 15) + (offset_length >> 4) + (offset_length & 15)
    entries = data[at + 8 :]
    found = (entries[skip : skip + size] for skip in range(0, len(entries), size))
    return next(entry for entry in found if int.from_bytes(entry[:2], "big") == number)
