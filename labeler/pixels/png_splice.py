"""A deflated stream with some bytes changed, of which as much as possible stays as it was compressed.

Deflate comes in blocks (RFC 1951). Those before the first change are kept, up to the start of the one in
which it lies; so are those after the last change, from one on that starts at least 32 KiB behind it, for
back references reach no further. What is between is deflated anew. The Adler-32 at the end follows from
the old one.

Blocks start at any bit. The kept head is closed by an empty stored block, which ends at a byte; the kept
tail is led up to its bit by empty blocks of 10 and of 95 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from labeler.pixels.mark import Mark
from labeler.pixels.png_blocks import Block, blocks, section
from labeler.pixels.png_deflate import BAND, WINDOW, Inflater, adler32, deflated
from labeler.pixels.png_file import Header, Piece
from labeler.pixels.png_passes import Change, Lay, changes, length

HEADER = b"\x78\x01"
"""Of a zlib stream with the largest window (RFC 1950, 2.2)."""
_STORED = b"\0\0\xff\xff"
"""The lengths of an empty stored block; the three bits before it are 0, as is the padding."""
_FIXED = 2, 10
"""An empty block of fixed codes: its bits as a number, the first one lowest, and how many they are."""
_LEAST = 4 * WINDOW
"""Bytes to keep that are worth the search for a block: four windows."""
_SHORT = 4
"""Nor is a tail worth it that is so many times shorter than what changes, to whose end the search goes."""
_MARGIN = 1 << 18
"""Compressed bytes behind a place in which a block starts, with the usual encoders: 256 KiB."""
_BLOCKS = 512
"""About so many blocks of a stream are remembered, with 32 KiB each."""


_FEW, _MANY = 10, 4
"""One in so many bytes that are deflated anew is worth a slow compression: fewer of them where the rest of the
file stays, and weighs what it weighed."""


class Source(Protocol):
    """What gives the inflated bytes one after the other."""

    @property
    def position(self) -> int: ...

    def read(self, size: int) -> bytes: ...

    def skip(self, size: int) -> None: ...


def redrawn(spans: Sequence[memoryview], header: Header, label: Mark, lay: Lay) -> list[Piece]:
    """The zlib stream of a picture, in spans, with the label in it, in pieces; see `changes` for `lay`."""
    stream = Inflater(spans)
    found = changes(stream, header, label, lay)
    return spliced(spans, stream, length(header), found)


def spliced(
    spans: Sequence[memoryview], stream: Inflater, size: int, changed: Sequence[Change]
) -> list[Piece]:
    """The zlib stream in `spans`, which inflates to `size` bytes, as changed, in pieces.

    `stream` has inflated it up to the end of the last change, and goes on from there. ContentError where
    the rest, as far as it is inflated, is not sound.
    """
    compressed = sum(map(len, spans))
    head, tail, before = _found(spans, stream, size, changed)
    history = b""
    if head:
        before.skip(max(0, head.offset - WINDOW))
        history = before.read(head.offset - before.position)
    stop = tail.offset if tail else size
    new = deflated(
        _changed(before, stream, stop, changed),
        size / compressed,
        history=history,
        last=not tail,
        careful=(stop - before.position) // (_FEW if tail else _MANY) if head or tail else None,
    )
    pieces = [HEADER, *_kept_head(spans, head), *new]
    if tail:
        pieces += _kept_tail(spans, tail, compressed - 4)
    else:
        stream.end()
    old = int.from_bytes(b"".join(section(spans, compressed - 4, compressed)), "big")
    return [*pieces, adler32(old, size, changed).to_bytes(4, "big")]


def _found(
    spans: Sequence[memoryview], stream: Inflater, size: int, changed: Sequence[Change]
) -> tuple[Block | None, Block | None, Source]:
    """The block up to which the stream is kept, the one from which on it is kept, each if there is one;
    and what gives the bytes before the last change."""
    first, last = changed[0].start, changed[-1].end + WINDOW
    wanted = [
        *([first] if first > _LEAST else []),
        *([last] if size - last > max(_LEAST, (last - first) // _SHORT) else []),
    ]
    found = None
    if wanted:
        found = blocks(spans, stream.consumed + _MARGIN, wanted, size // _BLOCKS)
    if not found:
        return None, None, Inflater(spans)
    head, tail = found.before(first), found.behind(last)
    near = not head or head.offset < changed[-1].end // 2
    return head, tail, Inflater(spans) if near else found


def _changed(before: Source, stream: Inflater, stop: int, changed: Sequence[Change]) -> Iterator[bytes]:
    """The bytes up to `stop`, as changed."""
    for change in changed:
        yield from _bands(before, change.start)
        before.skip(len(change.old))
        yield change.new
    yield from _bands(stream, stop)


def _bands(source: Source, stop: int) -> Iterator[bytes]:
    while source.position < stop:
        yield source.read(min(BAND, stop - source.position))


def _kept_head(spans: Sequence[memoryview], block: Block | None) -> Iterator[Piece]:
    """All before a block, closed so that it ends with a byte."""
    if not block:
        return
    yield from section(spans, 2, block.byte)
    if block.bit:
        yield bytes([_byte(spans, block) & (1 << block.bit) - 1])
    if not 0 < block.bit <= 5:  # the three bits of a stored block need another byte
        yield b"\0"
    yield _STORED


def _kept_tail(spans: Sequence[memoryview], block: Block, end: int) -> Iterator[Piece]:
    """All from a block on, led up to its bit."""
    if block.bit:
        bits, count = _lead(block.bit)
        bits |= (_byte(spans, block) >> block.bit) << count
        yield bits.to_bytes((count + 7) // 8, "little")
    yield from section(spans, block.byte + (block.bit > 0), end)


def _byte(spans: Sequence[memoryview], block: Block) -> int:
    return b"".join(section(spans, block.byte, block.byte + 1))[0]


def _lead(bit: int) -> tuple[int, int]:
    """Empty blocks that end at a bit: their bits and how many there are."""
    bits, count = _DYNAMIC if bit % 2 else (0, 0)
    while count % 8 != bit:
        bits |= _FIXED[0] << count
        count += _FIXED[1]
    return bits, count


def _dynamic() -> tuple[int, int]:
    """An empty block of dynamic codes, 95 bits long: one that brings the stream to an odd bit.

    Its literals 0 and 256 (the end) and its distances 0 and 1 have codes of one bit each.
    """
    lengths = [0] * 19
    lengths[17] = lengths[2] = 1  # of the code lengths 1 and 18, in the order of RFC 1951, 3.2.7
    fields = [(0, 1), (2, 2), (0, 5), (1, 5), (15, 4), *((length, 3) for length in lengths)]
    fields += [(0, 1), (1, 1), (138 - 11, 7), (1, 1), (117 - 11, 7), (0, 1), (0, 1), (0, 1)]
    fields += [(1, 1)]
    value = count = 0
    for bits, width in fields:
        value |= bits << count
        count += width
    return value, count


_DYNAMIC = _dynamic()
