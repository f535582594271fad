"""A quick way of a lossy encoder on trial."""

from __future__ import annotations

from math import inf

import pytest
from PIL import Image

from labeler.pixels import trial
from tests.pixel_pictures import scene


def test_a_low_picture_is_its_own_sample() -> None:
    """Up to two bands there is nothing to leave out."""
    image = scene(40, 128)
    assert trial.bands(image) is image


@pytest.mark.parametrize(("height", "rows"), [(129, 128), (1024, 128), (2048, 128), (5000, 320)])
def test_bands_are_whole_rows_of_the_picture(height: int, rows: int) -> None:
    """Each of 64 rows, at most 1024 apart, and the colours those of the picture."""
    image = Image.new("RGB", (8, height), "teal")
    part = trial.bands(image)
    assert part.size == (8, rows)
    assert part.getcolors() == [(8 * rows, (0, 128, 128))]


def test_one_step_everywhere_is_48_decibels() -> None:
    """20 log10 255."""
    one, other = (Image.new("RGB", (9, 9), (level,) * 3) for level in (7, 8))
    assert trial.decibels(one, other) == pytest.approx(48.13, abs=0.01)


def test_the_same_picture_has_no_noise() -> None:
    """Infinitely like itself."""
    assert trial.decibels(scene(), scene()) == inf
