"""JPEG pictures of many kinds, made by Pillow, and what the tests do with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from random import Random
from typing import Any

import pytest
from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from labeler.media.base import Head
from labeler.pixels import jpeg, turbo
from labeler.pixels.base import Drawn
from labeler.values import Look

needs_turbo = pytest.mark.skipif(turbo.library() is None, reason="libturbojpeg is not installed")

LOOK = Look()
SIZE = 157, 131


def photo(size: tuple[int, int], mode: str = "RGB", seed: int = 1) -> Image.Image:
    """A picture that is smooth with some noise, as photographs are."""
    random = Random(seed)
    smooth = Image.frombytes("RGB", (6, 6), random.randbytes(108)).resize(size, Image.Resampling.BICUBIC)
    noise = Image.frombytes("RGB", size, random.randbytes(3 * size[0] * size[1]))
    return Image.blend(smooth, noise, 0.04).convert(mode)


def encoded(image: Image.Image, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


def patched(data: bytes, *changes: tuple[int, bytes]) -> bytes:
    """The file with some bytes of its frame header (counted from the marker on) replaced."""
    start = data.index(b"\xff\xc0")
    out = bytearray(data)
    for at, change in changes:
        out[start + at : start + at + len(change)] = change
    return bytes(out)


def tall_422() -> bytes:
    """4:4:0: a 4:2:2 picture whose MCUs stand upright."""
    return patched(
        encoded(photo((256, 128)), subsampling="4:2:2"),
        (5, (256).to_bytes(2) + (128).to_bytes(2)),
        (11, b"\x12"),
    )


def wide_420() -> bytes:
    """4:1:1: a 4:2:0 picture whose MCUs lie flat."""
    return patched(
        encoded(photo((160, 256)), subsampling="4:2:0"),
        (5, (128).to_bytes(2) + (320).to_bytes(2)),
        (11, b"\x41"),
    )


def ycck() -> bytes:
    """A CMYK picture in YCbCr and black, as Photoshop writes it; Pillow inverts all that it writes."""
    *inks, black = photo(SIZE, "CMYK").split()
    colours = Image.merge("RGB", inks).convert("YCbCr").split()
    data = encoded(Image.merge("CMYK", (*map(ImageChops.invert, colours), black)))
    assert b"Adobe\0d\0\0\0\0\0" in data
    return data.replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\2")


NATURAL: dict[str, Callable[[], bytes]] = {
    "grey": lambda: encoded(photo(SIZE, "L")),
    "4:4:4": lambda: encoded(photo(SIZE), subsampling="4:4:4"),
    "4:2:2": lambda: encoded(photo(SIZE), subsampling="4:2:2"),
    "4:2:0": lambda: encoded(photo(SIZE), subsampling="4:2:0"),
    "quality 100": lambda: encoded(photo(SIZE), quality=100),
    "optimised": lambda: encoded(photo(SIZE), optimize=True),
    "progressive": lambda: encoded(photo(SIZE), progressive=True),
    "progressive grey": lambda: encoded(photo(SIZE, "L"), progressive=True),
    "restart markers": lambda: encoded(photo(SIZE), restart_marker_blocks=3),
    "RGB": lambda: encoded(photo(SIZE), keep_rgb=True),
    "CMYK": lambda: encoded(photo(SIZE, "CMYK")),
    "YCCK": ycck,
    "64 x 64": lambda: encoded(photo((64, 64))),
    "wide": lambda: encoded(photo((401, 65))),
    "tall": lambda: encoded(photo((65, 401))),
}
ODD: dict[str, Callable[[], bytes]] = {
    "4:4:0": tall_422,
    "4:1:1": wide_420,
    "grey with 2 x 2 sampling": lambda: patched(encoded(photo(SIZE, "L")), (11, b"\x22")),
    "a table of its own for Cr": lambda: patched(encoded(photo(SIZE), subsampling=0), (18, b"\0")),
}
KINDS = NATURAL | ODD


@cache
def sample(kind: str) -> bytes:
    return KINDS[kind]()


def draw(data: bytes, look: Look = LOOK, *, exact: bool = False, orientation: int = 1) -> Drawn:
    width, height = opened(data).size
    return jpeg.draw(data, Head(width, height, orientation=orientation), look, exact=exact)


def opened(data: bytes) -> JpegImageFile:
    return JpegImageFile(BytesIO(data))


def decoded(data: bytes) -> JpegImageFile:
    image = opened(data)
    image.load()
    return image


def without_turbo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turbo, "library", lambda: None)
