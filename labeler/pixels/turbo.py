"""A binding to the system's libturbojpeg: the DCT coefficients of a JPEG, read and replaced without loss.

The transform of the TurboJPEG API (2.x and 3.x) takes a filter that sees the quantised coefficients,
one row of blocks of one component at a time, between entropy decoding and encoding. Nothing is
dequantised: what the filter leaves alone stays as it was.

https://libjpeg-turbo.org/Documentation/Documentation (turbojpeg.h)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_size_t,
    c_ulong,
    c_void_p,
    memmove,
    string_at,
)
from ctypes.util import find_library
from functools import cache
from typing import Any, NamedTuple, Self

from labeler.errors import ContentError

BLOCK = 128
"""The bytes of one block: 64 coefficients of 16 bits, in the machine's byte order."""

_HOMEBREW = ("opt/homebrew", "usr/local")
"""Where Homebrew keeps libraries on Apple Silicon and on Intel, seen from the root."""
_NAMES = {
    "darwin": tuple(f"/{prefix}/lib/libturbojpeg.dylib" for prefix in _HOMEBREW),
    "win32": ("turbojpeg.dll", "C:/libjpeg-turbo64/bin/turbojpeg.dll"),
}

# turbojpeg.h: TJXOPT_CROP and so on, TJFLAG_STOPONWARNING, TJPARAM_STOPONWARNING
_CROP, _NO_OUTPUT, _PROGRESSIVE, _COPY_NONE, _OPTIMIZE = 4, 16, 32, 64, 256
_STOP_ON_WARNING, _PARAM_STOP_ON_WARNING = 8192, 0


class TurboError(ContentError):
    """The machine has no libturbojpeg, or the library refuses the picture; the message is its own."""


class Box(NamedTuple):
    """A region of a picture in pixels; its corner lies on the grid of the picture's MCUs."""

    left: int
    top: int
    width: int
    height: int


class Strip(NamedTuple):
    """New coefficients for neighbouring blocks of one row: the index of the first one, and 128 bytes
    for each."""

    first: int
    coefficients: bytes


Strips = Mapping[tuple[int, int], Strip]
"""Strips by component and row of blocks."""


class _Region(Structure):
    _fields_ = (("x", c_int), ("y", c_int), ("w", c_int), ("h", c_int))
    y: int
    w: int


_FILTER = CFUNCTYPE(c_int, c_void_p, _Region, _Region, c_int, c_int, c_void_p)
Filter = Callable[[int, _Region, int], None]


class _Transform(Structure):
    _fields_ = (
        ("region", _Region),
        ("operation", c_int),  # 0 is TJXOP_NONE
        ("options", c_int),
        ("data", c_void_p),
        ("filter", _FILTER),
    )


@cache
def library() -> CDLL | None:
    """libturbojpeg; None where the machine has none."""
    for name in _names():
        try:
            return _declared(CDLL(name))
        except (OSError, AttributeError):  # not there, or something else of that name
            continue
    return None


def optimises() -> bool:
    """Whether the library can make Huffman tables for a baseline picture (3.0 and later)."""
    return hasattr(library(), "tj3Transform")


def coefficients(jpeg: bytes) -> list[list[bytes]]:
    """The quantised coefficients of each component, by row of blocks, 128 bytes a block (a row of padding
    may follow the last one). TurboError where the library refuses."""
    planes: list[list[bytes]] = []

    def collect(at: int, row: _Region, component: int) -> None:
        if component == len(planes):
            planes.append([])
        planes[component].append(string_at(at, row.w // 8 * BLOCK))

    with _Call(1) as call:
        call.run(jpeg, [_Transform(options=_NO_OUTPUT | _COPY_NONE)], collect)
    return planes


def repainted(
    jpeg: bytes, box: Box, paint: Callable[[bytes], Strips], *, progressive: bool, optimise: bool
) -> bytes:
    """The picture with the strips that `paint` makes of a lossless crop (a JPEG) instead of its own.

    One pass over the file does it: the crop is complete before the filter of the whole picture is first
    called. The result has no metadata. `optimise` has an effect where the library `optimises`.
    TurboError where the library refuses; an error of `paint` passes through.
    """
    strips: Strips = {}

    def replace(at: int, row: _Region, component: int) -> None:
        nonlocal strips
        if component == row.y == 0:
            strips = paint(call.output(0))
        if strip := strips.get((component, row.y // 8)):
            _write(at, row.w // 8, strip)

    crop = _Transform(region=_Region(*box), options=_CROP | _COPY_NONE)
    whole = _Transform(options=_COPY_NONE | _PROGRESSIVE * progressive | _OPTIMIZE * optimise)
    with _Call(2) as call:
        call.run(jpeg, [crop, whole], replace)
        return call.output(1)


def _write(at: int, blocks: int, strip: Strip) -> None:
    if strip.first < 0 or strip.first + len(strip.coefficients) // BLOCK > blocks:
        msg = "a strip of coefficients reaches beyond its row of blocks"
        raise ValueError(msg)
    memmove(at + strip.first * BLOCK, strip.coefficients, len(strip.coefficients))


class _Call:
    """One transform of one picture, with a handle and output buffers of its own: threads share nothing."""

    def __init__(self, outputs: int) -> None:
        found = library()
        if found is None:
            msg = "libturbojpeg is not installed"
            raise TurboError(msg)
        self._library, self._handle = found, found.tjInitTransform()
        if not self._handle:
            msg = "libturbojpeg cannot start: out of memory"
            raise TurboError(msg)
        self._buffers = (c_void_p * outputs)()
        self._sizes = ((c_size_t if optimises() else c_ulong) * outputs)()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for buffer in self._buffers:
            self._library.tjFree(buffer)
        self._library.tjDestroy(self._handle)

    def output(self, index: int) -> bytes:
        """A transform's finished picture."""
        at, size = self._buffers[index], self._sizes[index]
        if not at or not size:
            msg = "libturbojpeg gave no picture"
            raise TurboError(msg)
        return string_at(at, size)

    def run(self, jpeg: bytes, transforms: list[_Transform], filter_: Filter) -> None:
        """Carry the transforms out in order, with the filter on the last one."""
        failures: list[BaseException] = []

        def guarded(at: int, row: _Region, _plane: _Region, component: int, *_: int) -> int:
            try:
                filter_(at, row, component)
            except BaseException as error:  # noqa: BLE001 (raised again below, not through C)
                failures.append(error)
                return -1
            return 0

        transforms[-1].filter = _FILTER(guarded)
        code = self._transform(jpeg, (_Transform * len(transforms))(*transforms))
        if failures:
            raise failures[0]
        if code:
            raise TurboError(self._library.tjGetErrorStr2(self._handle).decode(errors="replace"))

    def _transform(self, jpeg: bytes, transforms: Any) -> int:
        arguments = self._handle, jpeg, len(jpeg), len(transforms), self._buffers, self._sizes, transforms
        if not optimises():
            return int(self._library.tjTransform(*arguments, _STOP_ON_WARNING))
        self._library.tj3Set(self._handle, _PARAM_STOP_ON_WARNING, 1)
        return int(self._library.tj3Transform(*arguments))


def _names() -> Iterator[str]:
    yield from _NAMES.get(sys.platform, ("libturbojpeg.so.0",))
    if name := find_library("turbojpeg"):
        yield name


def _declared(found: CDLL) -> CDLL:
    sources, buffers, transforms = (c_void_p, c_char_p), POINTER(c_void_p), POINTER(_Transform)
    found.tjInitTransform.restype = c_void_p
    found.tjDestroy.argtypes = found.tjFree.argtypes = found.tjGetErrorStr2.argtypes = (c_void_p,)
    found.tjGetErrorStr2.restype = c_char_p
    legacy = (c_ulong, c_int, buffers, POINTER(c_ulong), transforms, c_int)
    found.tjTransform.argtypes = sources + legacy
    if hasattr(found, "tj3Transform"):
        found.tj3Set.argtypes = (c_void_p, c_int, c_int)
        modern = (c_size_t, c_int, buffers, POINTER(c_size_t), transforms)
        found.tj3Transform.argtypes = sources + modern
    return found
