"""TIFF files of any kind for tests, and a reader of them: both simple and slow, and nothing of ours."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple


class Kind(NamedTuple):
    """How the pixels of a file are stored; `tile` is (0, 0) for strips of `rows` rows. `places` is the type
    of the numbers that tell where these are."""

    depth: int = 8
    samples: int = 3
    photometric: int = 2
    compression: int = 1
    predictor: int = 1
    planes: int = 1
    tile: tuple[int, int] = (0, 0)
    rows: int = 13
    order: str = "<"
    big: bool = False
    extra: tuple[int, ...] = ()
    places: int = 4


Value = tuple[int, list[int] | bytes]
Pixels = list[list[tuple[int, ...]]]


def pixels(width: int, height: int, kind: Kind) -> Pixels:
    """Something with slopes and edges, in all bits."""
    top = (1 << kind.depth) - 1
    return [
        [
            tuple(
                (x * 7919 + y * 104729 * (s + 1) + (x // 9) * (y // 7) * 977) * 65537 // 13 & top
                for s in range(kind.samples)
            )
            for x in range(width)
        ]
        for y in range(height)
    ]


def written(
    content: Pixels, kind: Kind, tags: dict[int, Value] | None = None, parts: list[bytes] | None = None
) -> bytes:
    """The file. `tags` are written as they are (type, values), and so are strips or tiles (`parts`)."""
    width, height = len(content[0]), len(content)
    parts = parts or [_compressed(part, kind) for part in _parts(content, kind)]
    size = kind.tile if kind.tile[0] else (width, min(kind.rows, height))
    entries: dict[int, Value] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [kind.depth] * kind.samples),
        259: (3, [kind.compression]),
        262: (3, [kind.photometric]),
        277: (3, [kind.samples]),
        284: (3, [2 if kind.planes > 1 else 1]),
        **({322: (4, [size[0]]), 323: (4, [size[1]])} if kind.tile[0] else {278: (4, [size[1]])}),
        **({317: (3, [2])} if kind.predictor == 2 else {}),
        **({338: (3, list(kind.extra))} if kind.extra else {}),
        **(tags or {}),
    }
    word, magic = ("Q", (43, 8, 0)) if kind.big else ("I", (42,))
    file = bytearray(
        (b"II" if kind.order == "<" else b"MM") + struct.pack(f"{kind.order}{len(magic)}H", *magic)
    )
    chain = len(file)
    file += bytes(struct.calcsize("<" + word))
    places = []
    for part in parts:
        places.append(len(file))
        file += part + bytes(len(part) % 2)
    named = (324, 325) if kind.tile[0] else (273, 279)
    entries |= {named[0]: (kind.places, places), named[1]: (kind.places, [len(part) for part in parts])}
    _directory(file, entries, kind, chain)
    return bytes(file)


def _directory(file: bytearray, entries: dict[int, Value], kind: Kind, chain: int) -> None:
    word, count = ("Q", "Q") if kind.big else ("I", "H")
    room = struct.calcsize("<" + word)
    body = b""
    for tag, (form, values) in sorted(entries.items()):
        if isinstance(values, bytes):
            packed, number = values, len(values)
        else:
            packed, number = (
                struct.pack(kind.order + {3: "H", 4: "I"}[form] * len(values), *values),
                len(values),
            )
        if len(packed) > room:
            file += bytes(len(file) % 2)
            start, place = len(file), struct.pack(kind.order + word, len(file))
            file += packed
            assert file[start:] == packed
        else:
            place = packed.ljust(room, b"\0")
        body += struct.pack(kind.order + "HH" + word, tag, form, number) + place
    file += bytes(len(file) % 2)
    start = len(file)
    file[chain : chain + room] = struct.pack(kind.order + word, start)
    file += struct.pack(kind.order + count, len(entries)) + body + bytes(room)


def _parts(content: Pixels, kind: Kind) -> list[bytes]:
    width, height = len(content[0]), len(content)
    across, down = kind.tile if kind.tile[0] else (width, kind.rows)
    parts = []
    for plane in range(kind.planes):
        for top in range(0, height, down):
            for left in range(0, width, across):
                bottom = top + down if kind.tile[0] else min(top + down, height)
                rows = [content[min(y, height - 1)] for y in range(top, bottom)]
                cut = [[row[min(x, width - 1)] for x in range(left, left + across)] for row in rows]
                lanes = [[(pixel[plane],) if kind.planes > 1 else pixel for pixel in row] for row in cut]
                parts.append(b"".join(_row(row, kind) for row in lanes))
    return parts


def _row(row: list[tuple[int, ...]], kind: Kind) -> bytes:
    values = [sample for pixel in row for sample in pixel]
    if kind.predictor == 2:
        step, top = len(row[0]), (1 << kind.depth) - 1
        values = [value - (values[at - step] if at >= step else 0) & top for at, value in enumerate(values)]
    if kind.depth < 8:
        bits = "".join(f"{value:0{kind.depth}b}" for value in values)
        return bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))
    return struct.pack(f"{kind.order}{len(values)}{ {8: 'B', 16: 'H', 32: 'I'}[kind.depth] }", *values)


def _compressed(part: bytes, kind: Kind) -> bytes:
    return zlib.compress(part) if kind.compression == 8 else part


def read(data: bytes, kind: Kind) -> tuple[Pixels, dict[int, bytes]]:
    """The pixels of a file that `written` could have made, and all tags with the bytes of their values."""
    word, count = ("Q", "Q") if kind.big else ("I", "H")
    room = struct.calcsize("<" + word)
    (at,) = struct.unpack_from(kind.order + word, data, room)
    (number,) = struct.unpack_from(kind.order + count, data, at)
    body = at + struct.calcsize("<" + count)
    tags = {}
    for index in range(number):
        place = body + index * (4 + 2 * room)
        tag, form, length = struct.unpack_from(kind.order + "HH" + word, data, place)
        size = length * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 16: 8}[form]
        start = (
            place + 4 + room
            if size <= room
            else struct.unpack_from(kind.order + word, data, place + 4 + room)[0]
        )
        tags[tag] = (form, data[start : start + size])
    return _pixels(data, kind, {tag: _numbers(*value, kind) for tag, value in tags.items()}), {
        tag: value for tag, (_, value) in tags.items()
    }


def _numbers(form: int, packed: bytes, kind: Kind) -> list[int]:
    code = {3: "H", 4: "I", 16: "Q"}.get(form, "B")
    return list(struct.unpack(f"{kind.order}{len(packed) // struct.calcsize('<' + code)}{code}", packed))


def _pixels(data: bytes, kind: Kind, tags: dict[int, list[int]]) -> Pixels:
    (width,), (height,) = tags[256], tags[257]
    across, down = kind.tile if kind.tile[0] else (width, tags[278][0])
    planes = [[[0] * kind.samples for _ in range(width)] for _ in range(height)]
    stored = kind.samples // kind.planes
    length = (across * stored * kind.depth + 7) // 8
    places = iter(zip(tags.get(324) or tags[273], tags.get(325) or tags[279], strict=True))
    for plane in range(kind.planes):
        for top in range(0, height, down):
            for left in range(0, width, across):
                start, size = next(places)
                part = data[start : start + size]
                part = zlib.decompress(part) if kind.compression == 8 else part
                for y in range(top, min(top + down, height)):
                    values = _values(part[(y - top) * length : (y - top + 1) * length], kind, stored)
                    for x in range(left, min(left + across, width)):
                        for sample in range(stored):
                            planes[y][x][plane + sample] = values[(x - left) * stored + sample]
    return [[tuple(pixel) for pixel in row] for row in planes]


def _values(row: bytes, kind: Kind, stored: int) -> list[int]:
    if kind.depth < 8:
        bits = "".join(f"{byte:08b}" for byte in row)
        return [int(bits[at : at + kind.depth], 2) for at in range(0, len(bits), kind.depth)]
    code = {8: "B", 16: "H", 32: "I"}[kind.depth]
    values = list(struct.unpack(f"{kind.order}{len(row) * 8 // kind.depth}{code}", row))
    if kind.predictor == 2:
        for at in range(stored, len(values)):
            values[at] = values[at] + values[at - stored] & (1 << kind.depth) - 1
    return values
