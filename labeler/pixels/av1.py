"""What an AV1 bitstream says of itself before any pixel: chroma, depth, and how coarsely it was quantised
(AV1 Bitstream & Decoding Process Specification, 5.3 to 5.9). Enough is read for key frames, as AVIF has
them; encoders are asked for the same again.
"""

from __future__ import annotations

from typing import NamedTuple

_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6
"""Types of OBUs."""
_BY_STREAM = 2
"""SELECT_SCREEN_CONTENT_TOOLS, SELECT_INTEGER_MV: each frame tells."""


class Coding(NamedTuple):
    """How a picture is coded: `subsampling` as Pillow calls it (`4:2:0`; `4:0:0` is grey), bits of a
    sample, and the base quantiser (0 to 255; None where the frame's header has a form not read here)."""

    subsampling: str
    depth: int
    quantiser: int | None


class _Bits:
    """Bits from the highest to the lowest; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def __call__(self, count: int = 1) -> int:
        self._left -= count
        if self._left < 0:
            return 0
        return self._value >> self._left & (1 << count) - 1


class _Sequence(NamedTuple):
    """What the frame's header needs of the sequence's."""

    reduced: bool
    model: tuple[int, int] | None
    width: int
    height: int
    side_bits: tuple[int, int]
    id_bits: int
    large_blocks: int
    screen_content: int
    integer_motion: int
    order_bits: int
    super_resolution: int
    subsampling: str
    depth: int


def coding(data: bytes) -> Coding | None:
    """How the picture in an AV1 item (or the first frame of a track) is coded; None where it is no AV1
    bitstream that starts with a sequence header."""
    sequence = None
    for kind, payload in _units(data[:4096]):
        if kind == _SEQUENCE_HEADER:
            sequence = _sequence(_Bits(payload))
        elif sequence and kind in (_FRAME_HEADER, _FRAME):
            return Coding(sequence.subsampling, sequence.depth, _quantiser(_Bits(payload[:64]), sequence))
    return None


def _units(data: bytes) -> list[tuple[int, bytes]]:
    """The OBUs with their types, as far as the data go (5.3)."""
    units, at = [], 0
    while at < len(data) and not data[at] & 0x80:
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        size, shift = 0, 0
        while sized and at < len(data) and shift < 56:
            size |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 0x80:
                break
        end = at + size if sized else len(data)
        units.append((kind, data[at:end]))
        at = end
    return units


def _sequence(bits: _Bits) -> _Sequence:
    """5.5.1."""
    profile, _, reduced = bits(3), bits(), bool(bits())
    model = None
    if reduced:
        bits(5)
    else:
        model = _operating_points(bits)
    side_bits = bits(4) + 1, bits(4) + 1
    width, height = bits(side_bits[0]) + 1, bits(side_bits[1]) + 1
    id_bits = 0
    if not reduced and bits():
        id_bits = bits(4) + 2 + bits(3) + 1
    large_blocks = bits()
    bits(2)  # filter intra, intra edge filter
    screen_content, integer_motion, order_bits = _BY_STREAM, _BY_STREAM, 0
    if not reduced:
        screen_content, integer_motion, order_bits = _tools(bits)
    super_resolution = bits()
    bits(2)  # CDEF, restoration
    return _Sequence(
        *(reduced, model, width, height, side_bits, id_bits, large_blocks),
        *(screen_content, integer_motion, order_bits, super_resolution),
        *_colour(bits, profile),
    )


def _operating_points(bits: _Bits) -> tuple[int, int] | None:
    """Skips timing and operating points; gives whether pictures are equally spaced and the length of the
    decoder model's time, None without a model."""
    equal, model, buffer_bits = 0, None, 0
    if bits():
        bits(64)
        equal = bits()
        if equal:
            _skip_uvlc(bits)
        if bits():
            buffer_bits = bits(5) + 1
            bits(37)
            model = equal, bits(5) + 1
    delayed = bits()
    for _ in range(bits(5) + 1):
        bits(12)
        if bits(5) > 7:
            bits()
        if model and bits():
            bits(2 * buffer_bits + 1)
        if delayed and bits():
            bits(4)
    return model


def _skip_uvlc(bits: _Bits) -> None:
    zeros = 0
    while zeros < 32 and not bits():
        zeros += 1
    bits(zeros)


def _tools(bits: _Bits) -> tuple[int, int, int]:
    """Of a full header: screen content tools, integer motion vectors, bits of the order hint."""
    bits(4)  # compound modes, warped motion, dual filter
    ordered = bits()
    if ordered:
        bits(2)
    screen_content = _BY_STREAM if bits() else bits()
    integer_motion = _BY_STREAM
    if screen_content:
        integer_motion = _BY_STREAM if bits() else bits()
    return screen_content, integer_motion, bits(3) + 1 if ordered else 0


def _colour(bits: _Bits, profile: int) -> tuple[str, int]:
    """5.5.2: subsampling and depth."""
    deep = bits()
    depth = 12 if profile == 2 and deep and bits() else 10 if deep else 8
    grey = profile != 1 and bits()
    described = (bits(8), bits(8), bits(8)) if bits() else None
    if grey:
        return "4:0:0", depth
    if described == (1, 13, 0):
        return "4:4:4", depth
    bits()  # range
    if profile == 2 and depth == 12:
        across = bits()
        return ("4:2:0" if bits() else "4:2:2") if across else "4:4:4", depth
    return ("4:2:0", "4:4:4", "4:2:2")[min(profile, 2)], depth


def _quantiser(bits: _Bits, sequence: _Sequence) -> int | None:
    """The base quantiser of a key frame that is shown (5.9.2), None for other frames."""
    if not sequence.reduced:
        if bits(4) != 1:  # show_existing_frame 0, frame_type KEY_FRAME, show_frame 1
            return None
        if sequence.model and not sequence.model[0]:
            bits(sequence.model[1])
    quick = bits()
    screen_content = bits() if sequence.screen_content == _BY_STREAM else sequence.screen_content
    if screen_content and sequence.integer_motion == _BY_STREAM:
        bits()
    bits(sequence.id_bits)
    resized = 0 if sequence.reduced else bits()
    bits(sequence.order_bits)
    if sequence.model and bits():
        return None
    width, height = sequence.width, sequence.height
    if resized:
        width, height = bits(sequence.side_bits[0]) + 1, bits(sequence.side_bits[1]) + 1
    coded_width = width
    if sequence.super_resolution and bits():
        coded_width = (width * 8 + (denominator := bits(3) + 9) // 2) // denominator
    if bits():
        bits(32)  # size to render
    if screen_content and coded_width == width:
        bits()  # intra block copy
    if not (sequence.reduced or quick):
        bits()
    return bits(8) if _skip_tiles(bits, coded_width, height, sequence.large_blocks) else None


def _skip_tiles(bits: _Bits, width: int, height: int, large: int) -> bool:
    """5.9.15; false for tiles of uneven size."""
    columns, rows = (
        2 * (side + 7 >> 3) + (31 if large else 15) >> (5 if large else 4) for side in (width, height)
    )
    shift = 7 if large else 6
    least = _log2(4096 >> shift, columns)
    least_tiles = max(least, _log2(4096 * 2304 >> 2 * shift, rows * columns))
    if not bits():
        return False
    across = _increased(bits, least, _log2(1, min(columns, 64)))
    down = _increased(bits, max(least_tiles - across, 0), _log2(1, min(rows, 64)))
    if across or down:
        bits(across + down + 2)
    return True


def _increased(bits: _Bits, value: int, most: int) -> int:
    while value < most and bits():
        value += 1
    return value


def _log2(block: int, target: int) -> int:
    """The smallest power of two by which blocks cover the target, as its exponent."""
    exponent = 0
    while block << exponent < target:
        exponent += 1
    return exponent
