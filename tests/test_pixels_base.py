"""The careful way into Pillow, and the label over pictures of every mode."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels.base import composite, opened, reading
from labeler.pixels.mark import mark
from labeler.values import Look
from tests.pixel_pictures import saved, scene


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"])
def test_the_tile_lies_over_pictures_of_every_mode(mode: str) -> None:
    """Inside the box the picture shows plate and words, outside it is untouched."""
    before, found = scene(160, 120, mode), mark(Look(), 160, 120)
    picture = before.copy()
    composite(picture, found)
    expected = before.convert("RGBA")
    expected.alpha_composite(found.image, (found.left, found.top))
    close = ImageChops.difference(picture.convert("RGBA").convert("L"), expected.convert("L"))
    assert close.point([0] * 4 + [255] * 252).getbbox() is None
    for one in (before, picture):
        one.paste(0 if mode == "L" else (0,) * len(mode.replace("YCbCr", "YCC")), found.box)
    assert before.tobytes() == picture.tobytes()


@pytest.mark.parametrize("name_", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_broken_files_are_the_pictures_fault(name_: str) -> None:
    """A file cut anywhere raises nothing but ContentError, and its message names the format."""
    data = saved(scene(40, 30), name_)
    opened(data, (name_,), Head(40, 30)).load()
    for end in range(0, len(data) // 2, max(1, len(data) // 40)):
        with pytest.raises(ContentError, match=f"the {name_} picture cannot be decoded"), reading(name_):
            opened(data[:end], (name_,)).load()


def test_a_picture_larger_than_its_header_is_refused() -> None:
    """What was checked against the limits is what is decoded; a reader may turn the picture upright."""
    data = saved(scene(40, 30), "PNG")
    assert opened(data, ("PNG",), Head(30, 40)).size == (40, 30)
    with pytest.raises(ContentError, match="40 x 30 pixels large, but its header says 40 x 31"):
        opened(data, ("PNG",), Head(40, 31))


def test_the_first_format_that_reads_it_opens_a_file() -> None:
    """Several formats are tried in order."""
    assert opened(saved(scene(), "BMP"), ("PNG", "BMP")).format == "BMP"


@pytest.mark.parametrize("name_", ["PNG", "TIFF", "GIF", "JPEG"])
def test_the_hosts_limit_of_pixels_is_left_alone(name_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures beyond Pillow's warning are read in silence: their size was checked before."""
    data = saved(scene(40, 30), name_)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    opened(data, (name_,)).load()
    assert Image.MAX_IMAGE_PIXELS == 1000
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(BytesIO(data))
