"""The quality a lossy WebP was encoded with, told from the head of its VP8 frame (RFC 6386, 9.2 to 9.6).

libwebp turns the quality that its caller asked for into a quantiser, or into four for the segments of a
picture, the coarsest for the busiest. The head holds them; libwebp's own curve (VP8SetSegmentParams in
quant_enc.c) backwards gives the quality again, exact for photographs and a few steps high for drawings.
"""

from __future__ import annotations

_HEAD = 10
"""Bytes before the first partition of a key frame: tag, start code, size."""
_SPREAD = 1 + 0.9 * 50 / 100 / 128 * 127
"""The exponent of the busiest segment: SNS_TO_DQ, the default strength of spatial noise shaping, and
the largest susceptibility that a segment can have."""


class _Booleans:
    """The boolean entropy decoder (RFC 6386, 7.3), for what the head needs of it. Behind the end of the
    data it reads zeros, as decoders do."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self._value = next(self._data, 0) << 8 | next(self._data, 0)
        self._range, self._shifted = 255, 0

    def flag(self) -> bool:
        """One bit, of even chances (or of a probability that the head writes as 128)."""
        split = 1 + ((self._range - 1) * 128 >> 8)
        bit = self._value >= split << 8
        if bit:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._shift()
        return bit

    def _shift(self) -> None:
        self._value, self._range, self._shifted = self._value << 1, self._range << 1, self._shifted + 1
        if self._shifted == 8:
            self._value |= next(self._data, 0)
            self._shifted = 0

    def number(self, bits: int) -> int:
        """An unsigned number."""
        value = 0
        for _ in range(bits):
            value = value << 1 | self.flag()
        return value

    def optional(self, bits: int) -> int:
        """A signed number behind a flag that tells whether it is there; else 0."""
        if not self.flag():
            return 0
        value = self.number(bits)
        return -value if self.flag() else value


def quality(frame: bytes) -> int:
    """The quality (0 to 100) whose quantisers a VP8 key frame uses."""
    bits = _Booleans(frame[_HEAD:512])
    bits.number(2)  # colour space, clamping
    segments, absolute = _segments(bits) if bits.flag() else ([0], False)
    bits.number(10)  # loop filter: type, level, sharpness
    if bits.flag() and bits.flag():
        for _ in range(8):
            bits.optional(6)
    bits.number(2)  # how many partitions of tokens
    base = 0 if absolute else bits.number(7)
    coarsest = min(max(base + max(segments), 0), 126)
    spread = _SPREAD if absolute and len(set(segments)) > 1 else 1.0
    return _from_compression((1 - coarsest / 127) ** (1 / spread))


def _segments(bits: _Booleans) -> tuple[list[int], bool]:
    """The quantisers of the segments, and whether they are absolute (RFC 6386, 9.3)."""
    mapped, quantisers, absolute = bits.flag(), [0], False
    if bits.flag():
        absolute = bits.flag()
        quantisers = [bits.optional(7) for _ in range(4)]
        for _ in range(4):
            bits.optional(6)  # loop filter
    if mapped:
        for _ in range(3):
            if bits.flag():
                bits.number(8)
    return quantisers, absolute


def _from_compression(compression: float) -> int:
    """QualityToCompression backwards."""
    linear = compression**3
    return round(100 * (linear * 1.5 if linear < 0.5 else (linear + 1) / 2))
