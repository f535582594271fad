"""TIFF files that are broken, or of kinds on which no label can be drawn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeler.media.base import Head
from tests.pixel_pictures import broken, saved, scene
from tests.tiff_files import Kind, pixels, written

HEAD = Head(96, 80)


@pytest.mark.parametrize(
    ("picture", "kind", "words"),
    [
        (scene(mode="CMYK"), Kind(8, 4, 5, 7, rows=80), "inks"),
        (scene(90, 80), Kind(8, 3, 6, 7, rows=80), "90 x 80"),
        (scene(96, 80, "L"), Kind(8, 3, 6, 7, rows=80), "other colours"),
    ],
)
def test_strange_jpeg_streams_are_refused(picture: Image.Image, kind: Kind, words: str) -> None:
    """JPEG streams that do not fit their page are named."""
    stream = saved(picture, "JPEG")
    data = written([[(0,) * kind.samples] * 96] * 80, kind, parts=[stream])
    assert words in broken(data, "tiff", HEAD)


@pytest.mark.parametrize(
    ("kind", "tags", "words"),
    [
        (Kind(16, 1, 1), {339: (3, [3])}, "whole numbers"),
        (Kind(8, 3, 8), {}, "photometric interpretation 8"),
        (Kind(8, 3, 6), {}, "YCbCr"),
        (Kind(8, 3, 2), {259: (3, [34712])}, "34712"),
        (Kind(8, 3, 2), {258: (3, [5, 6, 5])}, "samples of 5 6 bits"),
        (Kind(8, 3, 2), {317: (3, [3])}, "predictor"),
        (Kind(8, 1, 3), {}, "palette"),
        (Kind(8, 4, 5), {332: (3, [2])}, "inks"),
        (Kind(8, 3, 2), {256: (4, [96000]), 257: (4, [80000])}, "96000 x 80000"),
        (Kind(8, 3, 2, tile=(16, 16)), {322: (4, [60000])}, "tiles"),
        (Kind(8, 3, 2, tile=(16, 16)), {323: (4, [1])}, "tiles"),
        (Kind(8, 3, 2), {278: (4, [3])}, "fewer strips"),
        (Kind(8, 3, 2), {259: (3, [8])}, "cannot be decoded"),
        (Kind(8, 3, 2), {259: (3, [7])}, "JPEG"),
    ],
    ids=str,
)
def test_what_is_not_known_is_refused_with_words(
    kind: Kind, tags: dict[int, tuple[int, list[int]]], words: str
) -> None:
    """Kinds of TIFF that cannot be drawn on are named."""
    data = written(pixels(96, 80, kind), kind, {**tags})
    assert words in broken(data, "tiff", HEAD)


SMALL = saved(scene(64, 64, "L"), "TIFF", compression="tiff_lzw", tiffinfo={270: "words"})


def test_truncated_files_are_content_errors() -> None:
    """Cut at any byte that a reader needs, a TIFF is refused with words about it."""
    for cut_at in range(len(SMALL) - 16):
        assert "TIFF" in broken(SMALL[:cut_at], "tiff", Head(64, 64)), cut_at


SOURCES = [
    SMALL,
    saved(scene(64, 64), "TIFF", compression="tiff_jpeg"),
    saved(scene(64, 64, "P"), "TIFF"),
    written(pixels(64, 64, Kind(16, 4, 2)), Kind(16, 4, 2, 8, 2, 4, (32, 32), big=True)),
]


@given(
    st.sampled_from(SOURCES),
    st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=5),
)
@settings(max_examples=150)
def test_mutated_files_raise_nothing_else(source: bytes, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes change, the drawer draws or raises ContentError; the tags are hit most often."""
    data = bytearray(source)
    for at, value in changes:
        tail = min(len(data), 400)
        data[at % len(data) if at % 3 else len(data) - 1 - at % tail] = value
    broken(bytes(data), "tiff", Head(64, 64))
