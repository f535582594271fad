"""Where the visible label stands: inside of every picture, upright, its lines broken where they may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from labeler.errors import ContentError
from labeler.pixels.base import composite
from labeler.pixels.font import font
from labeler.pixels.layout import Breaks, arrange
from labeler.pixels.mark import GRID, mark
from labeler.values import Look, Position
from tests.looks import LOOKS, POSITIONS, WORDS

SIDES = st.integers(16, 400) | st.sampled_from([16, 24, 64, 1500, 4096])


@given(
    words=st.sampled_from(WORDS) | st.text("AI生成，。」「【】 -eg", min_size=1, max_size=30),
    width=SIDES,
    height=SIDES,
    position=st.sampled_from(POSITIONS),
    orientation=st.integers(1, 8),
    margin=st.floats(0, 0.2),
    look=st.sampled_from(list(LOOKS.values())),
    grid=st.sampled_from([1, GRID]),
)
@example("AI生成", 64, 4096, "top", 6, 0.02, Look(), 1)
@example("AI-generated", 4096, 64, "left", 3, 0.2, Look(), 1)
@example("AI生成", 1023, 1500, "bottom-right", 1, 0, Look(), GRID)
@settings(max_examples=150, deadline=None)
def test_the_label_is_never_clipped(
    words: str,
    width: int,
    height: int,
    position: Position,
    orientation: int,
    margin: float,
    look: Look,
    grid: int,
) -> None:
    """Whatever the picture's shape, the tile lies inside it and all ink inside the tile; only small
    pictures and large letters may find no room."""
    assume(words.strip())
    assume(width * height < 2_000_000)
    look = replace(look, words=words, position=position, margin=margin)
    try:
        found = mark(look, width, height, orientation, grid=grid)
    except ContentError:
        assert look.size > 0.05 or min(width, height) < 240
        return
    left, top, right, bottom = found.box
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    other = mark(replace(look, colour="#777777"), width, height, orientation, grid=grid)
    assert rim(found.image) == rim(other.image)


def rim(tile: Image.Image) -> list[bytes]:
    """The outermost pixels."""
    edges = ((0, 0, tile.width, 1), (0, tile.height - 1, tile.width, tile.height))
    sides = ((0, 0, 1, tile.height), (tile.width - 1, 0, tile.width, tile.height))
    return [tile.crop(box).tobytes() for box in (*edges, *sides)]


@pytest.mark.parametrize("size", [(64, 64), (64, 4096), (4096, 64), (100, 70), (24, 300), (300, 24)])
@pytest.mark.parametrize("words", ["AI生成", "【AI生成】", "AI-generated", "AI 생성", "생성형 AI 이미지"])
def test_short_words_have_room_in_small_and_narrow_pictures(words: str, size: tuple[int, int]) -> None:
    """Tiny pictures, strips and columns get their label, at a size that can be read."""
    found = mark(Look(words=words), *size)
    assert min(found.image.size) >= 12


@pytest.mark.parametrize("position", POSITIONS)
def test_the_label_stands_where_the_policy_wants_it(position: Position) -> None:
    """Corners and edges keep the margin; what is not said is in the middle."""
    left, top, right, bottom = mark(Look(position=position, margin=0.05), 900, 400).box
    gaps = {"left": left, "top": top, "right": 900 - right, "bottom": 400 - bottom}
    named = position.split("-")
    assert {gaps[side] for side in named} == {20}
    if len(named) == 1:
        pair = ("left", "right") if position in ("top", "bottom") else ("top", "bottom")
        assert abs(gaps[pair[0]] - gaps[pair[1]]) <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("size", [(1024, 1024), (701, 1333), (4096, 2047)])
def test_edges_lie_between_the_blocks_of_a_codec(
    size: tuple[int, int], position: Position, orientation: int
) -> None:
    """On a grid the label's stored edges are multiples of it; it is hardly larger, and hardly moved."""
    look = Look(position=position)
    found, plain = (mark(look, *size, orientation, grid=grid).box for grid in (GRID, 1))
    assert {edge % GRID for edge in found} == {0}
    assert all(abs(edge - other) <= 1.5 * GRID for edge, other in zip(found, plain, strict=True))


def test_a_picture_too_small_says_so() -> None:
    """Where no layout can hold the words, the error names the picture, the words and the reason."""
    with pytest.raises(ContentError) as caught:
        mark(Look(words="AI生成\n请以实物为准"), 20, 20)
    assert str(caught.value) == (
        "a 20 x 20 picture is too small for the words 「AI生成 / 请以实物为准」: at a font size of 12 pixels, "
        "below which nobody could read them, they do not fit; choose shorter ones"
    )


def test_words_too_many_for_their_size_say_so() -> None:
    """A policy's large size can leave no room, too."""
    with pytest.raises(ContentError, match=r"250 pixels high \(0.25 of the shortest side\) they do not fit"):
        mark(Look(words="内容由AI生成，仅供参考，请仔细甄别", size=0.25), 1000, 1000)


BREAKS: dict[str, tuple[int, Breaks, list[str]]] = {
    "图片由AI生成，请以实物为准": (100, "words", ["图片由AI生", "成，请以", "实物为准"]),
    "图片由AI生成\n\n请以实物为准": (400, "words", ["图片由AI生成", "请以实物为准"]),
    "AI生成，请以实物为准": (85, "words", ["AI生成，", "请以实", "物为准"]),
    "内容由「AI」生成": (85, "words", ["内容由", "「AI」", "生成"]),
    "AI-generated  content": (130, "words", ["AI-generated", "content"]),
    "AI-generated": (100, "hyphens", ["AI-", "generated"]),
    "generated": (60, "anywhere", ["gene", "rated"]),
    "AI로 생성된 이미지": (90, "words", ["AI로", "생성된", "이미지"]),
}


@pytest.mark.parametrize("words", BREAKS)
def test_lines_break_where_they_may(words: str) -> None:
    """Chinese breaks between any two characters, but not before a comma or behind a bracket; English and
    Korean at spaces, elsewhere only where that is allowed; lines are as few and as even as can be."""
    width, breaks, expected = BREAKS[words]
    block = arrange(font("", 20), words, width, 400, breaks)
    assert block
    assert [line.text for line in block.lines] == expected
    assert block.width <= width


def test_words_that_do_not_fit_have_no_lines() -> None:
    """A word that is too wide, or lines that are too many, is no layout."""
    assert arrange(font("", 20), "generated", 60, 400, "words") is None
    assert arrange(font("", 20), "AI\n生成", 400, 30, "words") is None


@pytest.mark.parametrize("words", ["AI生成", "AI-generated, please check", "AI생성"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("position", ["top-left", "right", "bottom", "bottom-right"])
def test_the_label_is_upright_for_the_viewer(words: str, orientation: int, position: Position) -> None:
    """A turned picture with the tile pasted looks, once its viewer has turned it back, as a picture that
    was upright from the start."""
    look = Look(words=words, position=position)
    stored = Image.new("RGBA", (240, 90), (10, 200, 30))
    stored.getexif()[0x0112] = orientation
    composite(stored, mark(look, 240, 90, orientation))
    shown = ImageOps.exif_transpose(stored)
    upright = Image.new("RGBA", shown.size, (10, 200, 30))
    composite(upright, mark(look, *shown.size))
    assert shown.tobytes() == upright.tobytes()


def test_a_label_is_drawn_once_for_a_size() -> None:
    """The same look and size give the same tile again, which costs next to nothing; others do not."""
    assert mark(Look(), 640, 480) is mark(Look(), 640, 480)
    assert mark(Look(), 640, 480) is not mark(Look(), 640, 481)
    assert mark(Look(), 640, 480) is not mark(Look(position="top"), 640, 480)


def test_threads_get_the_same_labels() -> None:
    """Drawing from many threads at once gives what one thread gives."""
    sizes = [(200 + 7 * number, 180) for number in range(24)]
    look = Look(words="AI-generated 由AI生成")
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(lambda size: mark(look, *size).image.tobytes(), sizes))
    fresh = replace(look, position="left")
    assert parallel == [mark(fresh, *size).image.tobytes() for size in sizes]
