"""The label in the planes of a JPEG: from the pixels of a crop to the coefficients of the blocks under it."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from labeler.pixels.base import composite, reading
from labeler.pixels.jpeg_frame import Frame
from labeler.pixels.mark import Mark
from labeler.pixels.turbo import BLOCK, Box, Strip, Strips, coefficients

SIDE = 8
"""Samples along the side of a block."""


def crop_box(frame: Frame, mark: Mark) -> Box:
    """The smallest region of whole MCUs that holds the label, as far as the picture goes."""
    wide, high = (SIDE * factor for factor in frame.sampling)
    left, top, right, bottom = mark.box
    left, top = left // wide * wide, top // high * high
    right, bottom = min(_ceil(right, wide) * wide, frame.width), min(_ceil(bottom, high) * high, frame.height)
    return Box(left, top, right - left, bottom - top)


def strips(frame: Frame, crop: bytes, box: Box, mark: Mark) -> Strips:
    """The coefficients of every block that the label touches, made of the lossless crop of `box`."""
    with reading("JPEG"):
        image = JpegImageFile(BytesIO(crop))
        image.load()
        composite(image, mark._replace(left=mark.left - box.left, top=mark.top - box.top))
    found: dict[tuple[int, int], Strip] = {}
    across, down = frame.sampling
    for number, (plane, part) in enumerate(zip(planes(image), frame.components, strict=True)):
        shrink = across // part.across, down // part.down
        rows = coefficients(_encoded(plane.reduce(shrink), quantisation(image, number)))[0]
        wide, high = (SIDE * factor for factor in shrink)
        first, left = mark.left // wide, box.left // wide
        last = _ceil(mark.box[2], wide)
        for row in range(mark.top // high, _ceil(mark.box[3], high)):
            blocks = rows[row - box.top // high]
            found[number, row] = Strip(first, blocks[(first - left) * BLOCK : (last - left) * BLOCK])
    return found


def planes(image: JpegImageFile) -> tuple[Image.Image, ...]:
    """The components of a decoded picture as the file has them, all at full size."""
    if image.mode == "RGB":
        return (image if is_rgb(image) else image.convert("YCbCr")).split()
    if image.mode != "CMYK":
        return (image,)
    cyan, magenta, yellow, black = image.split()  # which Pillow has inverted, as Adobe's files want it
    if not is_ycck(image):
        return tuple(map(ImageChops.invert, (cyan, magenta, yellow, black)))
    colour = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    return (*colour.split(), ImageChops.invert(black))


def quantisation(image: JpegImageFile, number: int) -> list[int]:
    """The quantisation table of a component, in natural order."""
    return image.quantization[image.layer[number][3]]


def is_rgb(image: JpegImageFile) -> bool:
    """Whether three components are red, green and blue: by libjpeg's rules, as all viewers have them."""
    if "jfif" in image.info:
        return False
    if "adobe_transform" in image.info:
        return bool(image.info["adobe_transform"] == 0)
    return bytes(layer[0] for layer in image.layer) == b"RGB"


def is_ycck(image: JpegImageFile) -> bool:
    """Whether four components are YCbCr (of the inverted cyan, magenta and yellow) and black."""
    return bool(image.info.get("adobe_transform", 0))


def _encoded(plane: Image.Image, table: list[int]) -> bytes:
    file = BytesIO()
    plane.save(file, "JPEG", qtables=[table])
    return file.getvalue()


def _ceil(value: int, unit: int) -> int:
    return -(-value // unit)
