"""HEIF and AVIF files of any form for tests: Pillow's pictures, taken apart and put together by a writer that
is simple and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any, Literal, NamedTuple

import pytest
from PIL import Image, ImageSequence

from labeler.media import container
from tests.pixel_pictures import saved, scene

XMP_TYPE = b"application/rdf+xml\0"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def box(kind: bytes, *parts: bytes, size: int | None = None) -> bytes:
    """A box, or one that lies about its size."""
    body = b"".join(parts)
    return (8 + len(body) if size is None else size).to_bytes(4, "big") + kind + body


def wide(kind: bytes, body: bytes) -> bytes:
    """A box with a size of 64 bits."""
    return b"\0\0\0\1" + kind + (16 + len(body)).to_bytes(8, "big") + body


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """The boxes of the first level, whole."""
    found, at = [], 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        found.append((data[at + 4 : at + 8], data[at : at + size]))
        at += size
    return found


def big(number: int, width: int) -> bytes:
    return number.to_bytes(width, "big")


def avif(mode: str = "RGB", size: tuple[int, int] = (16, 12), **options: object) -> bytes:
    """A small picture by Pillow and libavif."""
    return saved(scene(*size, mode), "AVIF", **options)


def sequence(mode: str = "RGB", **options: object) -> bytes:
    """Three frames by Pillow and libavif."""
    pictures = [scene(16, 12, mode, turn) for turn in range(3)]
    return saved(
        pictures[0], "AVIF", save_all=True, append_images=pictures[1:], duration=[40, 90, 40], **options
    )


def moving() -> bytes:
    """The same without a still picture beside the track."""
    return sequence().replace(b"avif", b"iso9").replace(b"meta", b"free", 1)


def with_wide_offsets(data: bytes) -> bytes:
    """A sequence of one track and no items, with co64 instead of stco."""
    at = data.index(b"stco") - 4
    count = int.from_bytes(data[at + 12 : at + 16], "big")
    end = at + 16 + 4 * count
    offsets = [int.from_bytes(data[place : place + 4], "big") for place in range(at + 16, end, 4)]
    table = box(b"co64", bytes(4), big(count, 4), *(big(offset + 4 * count, 8) for offset in offsets))
    return retabled(data, b"stco", table)


def retabled(data: bytes, kind: bytes, new: bytes) -> bytes:
    """A sequence with another box in its first track's stbl; offsets stay."""
    at = data.index(kind) - 4
    end = at + int.from_bytes(data[at : at + 4], "big")
    out = bytearray(data[:at] + new + data[end:])
    for around in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start = out.index(around) - 4
        size = int.from_bytes(out[start : start + 4], "big") + len(new) - (end - at)
        out[start : start + 4] = big(size, 4)
    return bytes(out)


def heic(mode: str = "RGB", size: tuple[int, int] = (16, 12), **options: object) -> bytes:
    """A small picture by pillow-heif, whose wheels have an encoder."""
    library = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    out = BytesIO()
    library.from_pillow(scene(*size, mode)).save(out, **options)
    return out.getvalue()


class Item(NamedTuple):
    """An item: number, type, what follows the type in infe, and its bytes: where they are, in how many
    pieces, and by which construction method and data reference iloc tells it."""

    number: int
    kind: bytes
    content: bytes
    more: bytes = b""
    where: Literal["mdat", "idat"] = "mdat"
    pieces: int = 1
    method: int | None = None
    reference: int = 0


def xmp(packet: bytes, number: int = 9, **how: object) -> Item:
    """An item that holds a packet."""
    return Item(number, b"mime", packet, b"\0" + XMP_TYPE, **how)  # type: ignore[arg-type]


def exif_item(tiff: bytes, number: int = 8) -> Item:
    return Item(number, b"Exif", b"\0\0\0\6Exif\0\0" + tiff)


def picture(number: int = 1, **how: object) -> Item:
    """The coded picture that `file` shows, of 16 x 12 pixels."""
    plain = avif()
    meta = boxes(plain)[1][1]
    at = meta.index(b"iloc") + 4
    start, length = (int.from_bytes(meta[at + skip : at + skip + 4], "big") for skip in (14, 18))
    return Item(number, b"av01", plain[start : start + length], **how)  # type: ignore[arg-type]


class Form(NamedTuple):
    """How a file is put together. `widths` are those of offset, length, base offset and index in iloc; `base`
    is put into base offsets. `order` names what follows ftyp; `mdat` is how the box tells its size."""

    version: int = 1
    widths: tuple[int, int, int, int] = (4, 4, 0, 0)
    base: int = 0
    order: tuple[str, ...] = ("meta", "mdat")
    mdat: Literal["short", "wide", "rest"] = "short"
    lists: int = 0
    references: int | None = 0
    describes: tuple[int, ...] = (9,)
    primary: int = 1
    brand: bytes = b"avif"
    extra: bytes = b""


PLAIN = Form()


def file(*items: Item, form: Form = PLAIN) -> bytes:
    """The file. All boxes have their size before any offset is known, so it is written twice."""
    starts: dict[str, int] = {}
    for _ in range(2):
        data, starts = _written(items, form, starts)
    return data


def _written(items: Iterable[Item], form: Form, starts: dict[str, int]) -> tuple[bytes, dict[str, int]]:
    payloads: dict[str, bytes] = {"mdat": b"", "idat": b""}
    entries = []
    for item in items:
        pieces = []
        for piece in _cut(item.content, item.pieces):
            payloads[item.where] += b"gap"
            pieces.append((len(payloads[item.where]), len(piece)))
            payloads[item.where] += piece
        entries.append(_entry(item, pieces, form, starts.get("mdat", 0) if item.where == "mdat" else 0))
    meta = _meta(items, entries, payloads["idat"], form)
    parts = {"meta": meta, "mdat": _mdat(payloads["mdat"], form), "free": box(b"free", bytes(5))}
    data = box(b"ftyp", form.brand, bytes(4), b"mif1miaf", form.brand)
    for name in form.order:
        if name == "mdat":
            starts = {"mdat": len(data) + (16 if form.mdat == "wide" else 8)}
        data += parts[name]
    return data, starts


def _cut(content: bytes, pieces: int) -> list[bytes]:
    size = -(-len(content) // pieces)
    return [content[at : at + size] for at in range(0, len(content), size)]


def _entry(item: Item, pieces: list[tuple[int, int]], form: Form, start: int) -> bytes:
    offset, length, base, index = form.widths
    number = 4 if form.version == 2 else 2
    method = (item.where == "idat") if item.method is None else item.method
    into_base = start + pieces[0][0] if not offset else form.base if item.where == "mdat" else 0
    entry = big(item.number, number) + (big(method, 2) if form.version else b"")
    entry += big(item.reference, 2) + big(into_base if base else 0, base) + big(len(pieces), 2)
    for at, size in pieces:
        entry += big(0, index if form.version else 0)
        entry += big(max(start + at - into_base, 0) if offset else 0, offset) + big(size, length)
    return entry


def _meta(items: Iterable[Item], entries: list[bytes], idat: bytes, form: Form) -> bytes:
    offset, length, base, index = form.widths
    wide_number = form.version == 2
    head = bytes((form.version, 0, 0, 0, offset << 4 | length, base << 4 | index))
    iloc = box(b"iloc", head, big(len(entries), 4 if wide_number else 2), *entries)
    infos = [_info(item, wide_number) for item in items]
    iinf = box(b"iinf", bytes((form.lists, 0, 0, 0)), big(len(infos), 4 if form.lists else 2), *infos)
    parts = [box(b"hdlr", bytes(8), b"pict", bytes(13)), _primary(form), iloc, iinf, _properties(form)]
    numbers = {item.number for item in items}
    if form.references is not None and (described := [one for one in form.describes if one in numbers]):
        each = 4 if form.references else 2
        links = [box(b"cdsc", big(one, each), big(1, 2), big(form.primary, each)) for one in described]
        parts.append(box(b"iref", bytes((form.references, 0, 0, 0)), *links))
    return box(b"meta", bytes(4), *parts, box(b"idat", idat) if idat else b"", form.extra)


def _info(item: Item, wide_number: bool) -> bytes:
    version = 3 if wide_number else 2
    name = b"" if item.kind == b"mime" else b"\0"
    number = big(item.number, 4 if wide_number else 2)
    return box(b"infe", bytes((version, 0, 0, 0)), number, bytes(2), item.kind, name, item.more)


def _primary(form: Form) -> bytes:
    large = form.primary > 0xFFFF
    return box(b"pitm", bytes((large, 0, 0, 0)), big(form.primary, 4 if large else 2))


def _properties(form: Form) -> bytes:
    """Pillow's properties of the same picture, with the number of the primary item."""
    meta = boxes(avif())[1][1]
    at = meta.index(b"iprp") - 4
    iprp = meta[at : at + int.from_bytes(meta[at : at + 4], "big")]
    ipma = iprp.index(b"ipma") - 4
    large = form.primary > 0xFFFF
    new = box(
        b"ipma",
        bytes((large, 0, 0, 0, 0, 0, 0, 1)),
        big(form.primary, 4 if large else 2),
        iprp[ipma + 18 :],
    )
    return box(b"iprp", iprp[8:ipma] + new)


def _mdat(payload: bytes, form: Form) -> bytes:
    if form.mdat == "wide":
        return wide(b"mdat", payload)
    return box(b"mdat", payload, size=0 if form.mdat == "rest" else None)


def shown(data: bytes) -> list[tuple[object, ...]]:
    """All pictures of a file as libavif or libheif shows them: size, pixels, EXIF and ICC profile."""
    if container(data).name == "heif":
        import pillow_heif

        heifs = pillow_heif.open_heif(data)
        return [_shown(one.size, one.to_pillow().tobytes(), one.info) for one in heifs]
    frames = ImageSequence.Iterator(Image.open(BytesIO(data), formats=["AVIF"]))
    return [_shown(one.size, one.tobytes(), one.info) for one in frames]


def _shown(size: object, pixels: bytes, info: Mapping[Any, Any]) -> tuple[object, ...]:
    return size, pixels, info.get("exif"), info.get("icc_profile"), info.get("duration")


def packet_read(data: bytes) -> bytes:
    """The XMP packet as libavif or libheif finds it."""
    if container(data).name == "heif":
        import pillow_heif

        return bytes(pillow_heif.open_heif(data).info["xmp"])
    return bytes(decoded(data).info["xmp"])


def decoded(data: bytes) -> Image.Image:
    """The picture as libavif shows it."""
    image = Image.open(BytesIO(data), formats=["AVIF"])
    image.load()
    return image
