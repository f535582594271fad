"""A whole PNG picture stored in another way, where the label cannot be drawn in its own.

Every pixel keeps its colour and its opacity: grey of less than 8 bits becomes grey of 8, palettes become
colours, and a colour that stands for transparency becomes alpha.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

from PIL import Image

from labeler.pixels.palette import coloured, plain
from labeler.pixels.png_deflate import BAND, backend, deflated
from labeler.pixels.png_file import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, Header, Picture, Piece
from labeler.pixels.png_ink import OPAQUE, check, keyed
from labeler.pixels.png_rows import MODES, Planes
from labeler.pixels.png_splice import HEADER

_COLOURS = {mode: colour for colour, mode in MODES.items()}


def colours(planes: Planes, picture: Picture) -> Image.Image:
    """Decoded pixels as an image of 8 bits per sample, of mode L, LA, RGB or RGBA."""
    if picture.header.colour == PALETTE:
        return _from_palette(plain(planes[0]), picture)
    image = planes[0].copy()
    if picture.key:
        image.putalpha(keyed(planes, picture.key).point(lambda value: OPAQUE - value))
    return image


def _from_palette(indices: Image.Image, picture: Picture) -> Image.Image:
    palette, alphas = picture.palette, picture.body(b"tRNS")
    check(indices, palette)
    image = coloured(indices, palette)
    if alphas:
        image.putalpha(indices.point(list(alphas.ljust(256, b"\xff"))))
    return image


def encoded(image: Image.Image, gain: float) -> list[Piece]:
    """A zlib stream in pieces, of an image of mode L, LA, RGB or RGBA; see `deflated` for `gain`."""
    adler = 1

    def rows() -> Iterator[bytes]:
        nonlocal adler
        for band in _filtered(image):
            adler = backend().adler32(band, adler)
            yield band

    pieces = [HEADER, *deflated(rows(), gain)]
    return [*pieces, adler.to_bytes(4, "big")]


def _filtered(image: Image.Image) -> Iterator[bytes]:
    """The rows, many at a time, each with the filter that Pillow finds best; its codec stores them."""
    stride = image.width * len(image.getbands()) + 1
    many = max(1, 4 * BAND // stride)
    for top in range(0, image.height, many):
        band = image.crop((0, top - 1, image.width, min(top + many, image.height)))
        yield zlib.decompress(band.tobytes("zip", band.mode, False, 0, -1, b""))[stride:]


def stored_as(image: Image.Image) -> Header:
    """How `encoded` stores an image."""
    return Header(*image.size, 8, _COLOURS[image.mode], False)


def restated(picture: Picture, new: Header) -> Mapping[bytes, Piece | None]:
    """The chunks that a picture needs to be stored in another way: what is theirs alone goes, and what is
    said in samples is said in the new ones."""
    changed: dict[bytes, Piece | None] = {b"IHDR": new.body}
    if picture.header.colour == PALETTE:
        changed |= {b"PLTE": None, b"hIST": None}
    changed |= {b"tRNS": None, b"sBIT": _significant(picture, new), b"bKGD": _background(picture, new)}
    return changed


def _significant(picture: Picture, new: Header) -> bytes | None:
    """sBIT: how many bits of each sample the first original had (11.3.2.7)."""
    old, bits = picture.header.colour, picture.body(b"sBIT")
    if len(bits) != {GREY: 1, GREY_ALPHA: 2, RGBA: 4}.get(old, 3):
        return None
    samples, alpha = (bits[:-1], bits[-1:]) if old in (GREY_ALPHA, RGBA) else (bits, b"\x08")
    if new.colour in (RGB, RGBA) and len(samples) == 1:
        samples *= 3
    if new.colour in (GREY_ALPHA, RGBA):
        samples += alpha
    return bytes(min(value, new.depth) for value in samples)


def _background(picture: Picture, new: Header) -> bytes | None:
    """bKGD: the colour to show the picture on (11.3.4.1)."""
    old, body = picture.header, picture.body(b"bKGD")
    if old.colour == PALETTE:
        samples = next(iter(picture.palette[body[0] : body[0] + 1]), ()) if len(body) == 1 else ()
    elif len(body) in (2, 6):
        most = (1 << old.depth) - 1
        samples = tuple(value * 255 // most for value in struct.unpack(f">{len(body) // 2}H", body))
    else:
        samples = ()
    if new.colour in (RGB, RGBA) and len(samples) == 1:
        samples *= 3
    return struct.pack(f">{len(samples)}H", *(min(value, 255) for value in samples)) if samples else None
