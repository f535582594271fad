"""The visible label as a tile: its height, contrast, place and turn, measured on drawn pixels."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path
from unicodedata import name

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from labeler.errors import PolicyError
from labeler.labels.wording import JURISDICTIONS
from labeler.pixels.base import composite
from labeler.pixels.contrast import RGB, contrast, over, rgb, worst
from labeler.pixels.font import SHIPPED, fitting, measured
from labeler.pixels.mark import GRID, Mark, check, mark
from labeler.values import Look
from tests.looks import LOOKS, WORDS, lines_of
from tests.pixel_pictures import scene

ROOT = Path(__file__).parents[1]
GROUNDS = {
    "black": Image.new("RGB", (600, 450)),
    "white": Image.new("RGB", (600, 450), "white"),
    "mid": Image.new("RGB", (600, 450), (119, 119, 119)),
    "red": Image.new("RGB", (600, 450), (255, 0, 0)),
    "busy": Image.effect_noise((600, 450), 200).convert("RGB"),
    "photo": scene(600, 450),
}


def drawn_rows(px: int, character: str) -> int:
    """The rows in which a character's ink covers a pixel by half at least, in the shipped font."""
    image = Image.new("L", (2 * px, 2 * px))
    ImageDraw.Draw(image).text((px // 2, px // 4), character, 255, ImageFont.truetype(str(SHIPPED), px))
    _, top, _, bottom = image.point([0] * 128 + [255] * 128).getbbox() or (0, 0, 0, 0)
    return bottom - top


@pytest.mark.parametrize("side", [64, 150, 333, 1000])
@pytest.mark.parametrize("words", WORDS)
def test_every_letter_is_five_percent_high(words: str, side: int) -> None:
    """Each letter, digit and ideograph takes 5 % of the shortest side, the lowest of them not one pixel
    of font size more than that needs."""
    need = ceil(side * 0.05)
    px = fitting("", words, need)
    heights = {one: drawn_rows(px, one) for one in measured("", words)}
    assert min(heights.values()) >= need, heights
    assert any(drawn_rows(px - 1, one) < need for one in heights)


@pytest.mark.parametrize("words", [one for one in WORDS if "\n" not in one])
def test_nothing_but_marks_and_low_kana_is_left_unmeasured(words: str) -> None:
    """The rule leaves out punctuation, spaces, small kana and what is flat by nature, nothing else."""
    for one in set(words) - set(measured("", words)):
        assert not one.isalnum() or " LETTER SMALL TU" in name(one)
    assert measured("", "一ーっ、AIe5二成") == "AIe5二成"


@pytest.mark.parametrize("grid", [1, GRID])
@pytest.mark.parametrize("side", [240, 1000, 2048, 4096])
@pytest.mark.parametrize("words", ["AI生成", "IIII", "eeee", "2026", "画像", "생성"])
def test_the_ink_in_the_tile_is_high_enough(words: str, side: int, grid: int) -> None:
    """The letters as they stand on the finished tile are 5 % of the shortest side high, with the soft
    edges of a lossy codec's too."""
    bands = lines_of(mark(Look(words=words, opacity=1), side * 2, side, grid=grid))
    assert bands[-1][1] - bands[0][0] + 1 >= ceil(side * 0.05)


def test_a_look_can_ask_for_larger_letters() -> None:
    """`size` is the least height, as a fraction of the shortest side."""
    ((first, last),) = lines_of(mark(Look(words="AI", size=0.2, opacity=1), 1200, 500))
    assert 100 <= last - first + 1 <= 102


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_words_stand_out_on_every_ground(look: Look, ground: str) -> None:
    """Wherever the letters' soft edge ends, the contrast to what is beside it is 4.5 or more."""
    assert check(look) == []
    found = mark(look, *GROUNDS[ground].size)
    picture = GROUNDS[ground].copy()
    composite(picture, found)
    beside = colours_beside_the_letters(look, picture.convert("RGB"), found)
    assert min(contrast(one, rgb(look.colour)) for one in beside) >= 4.5


@pytest.mark.parametrize("viewer", [(0, 0, 0), (255, 255, 255), (120, 90, 40)])
@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_words_stand_out_on_a_transparent_picture(look: Look, viewer: RGB) -> None:
    """A picture with nothing under the label keeps the contrast on whatever the viewer puts behind it."""
    picture, found = Image.new("RGBA", (600, 450)), mark(look, 600, 450)
    composite(picture, found)
    shown = Image.new("RGBA", picture.size, viewer)
    shown.alpha_composite(picture)
    beside = colours_beside_the_letters(look, shown.convert("RGB"), found)
    assert min(contrast(one, rgb(look.colour)) for one in beside) >= 4.5


def colours_beside_the_letters(look: Look, picture: Image.Image, found: Mark) -> set[RGB]:
    """The colours of all pixels that touch a pixel with some ink on it."""
    other = mark(replace(look, colour="#808080"), *picture.size)
    change = ImageChops.difference(found.image.convert("RGB"), other.image.convert("RGB"))
    ink = change.convert("L").point([0] + [255] * 255)
    ring = ImageChops.subtract(ink.filter(ImageFilter.MaxFilter(3)), ink)
    label = picture.crop(found.box).tobytes()
    touching = [at * 3 for at, near in enumerate(ring.tobytes()) if near]
    assert len(touching) > 300
    return {(label[at], label[at + 1], label[at + 2]) for at in touching}


CHANNEL = st.integers(0, 255)
TONE = st.tuples(CHANNEL, CHANNEL, CHANNEL)


@given(TONE, TONE, st.floats(0, 1), TONE)
@settings(max_examples=300)
def test_the_worst_contrast_is_the_worst(colour: RGB, plate: RGB, opacity: float, ground: RGB) -> None:
    """No ground takes more contrast away than `worst` tells."""
    assert contrast(colour, over(ground, plate, opacity)) >= worst(colour, plate, opacity)


FAULTS = {
    "size 0.04 is below 0.05 of the shortest side": Look(size=0.04),
    "margin -0.1 is not between 0 and 0.2": Look(margin=-0.1),
    "margin 0.3 is not between 0 and 0.2": Look(margin=0.3),
    "opacity 1.5 is not between": Look(opacity=1.5),
    "no words": Look(words=" \n "),
    "the font that travels along has no glyph for 「囍😀」": Look(words="AI生成囍😀囍"),
    "no glyph for 「\x07」": Look(words="AI\x07生成"),
    "contrast can be as low as 1.6, less than 4.5": Look(opacity=0.2),
    "contrast can be as low as 1.4": Look(plate="", outline="#cccccc", colour="#eeeeee"),
    "neither a plate nor an outline": Look(plate=""),
    "no colour": Look(colour=""),
    "'red' is no colour: write it as #rrggbb": Look(colour="red"),
    "'#12345g' is no colour": Look(plate="#12345g"),
    "no such file": Look(font="nowhere/house.ttf"),
}


@pytest.mark.parametrize(("fault", "look"), FAULTS.items(), ids=list(FAULTS))
def test_a_look_that_nobody_could_read_is_refused(fault: str, look: Look) -> None:
    """`check` names the one thing that is wrong with a look."""
    (message,) = check(look)
    assert fault in message


def test_every_fault_is_told_at_once() -> None:
    """Whoever writes a policy need not mend one fault to see the next."""
    assert len(check(Look(words="囍", size=0.01, margin=1, plate=""))) == 4


def shipped_words() -> list[str]:
    """The words that the package would draw: the font's list, markers and visible labels of the shipped
    policies, examples of the jurisdictions."""
    files = sorted((ROOT / "policies").glob("*.yaml"))
    policies = [yaml.safe_load(file.read_text("utf-8")) for file in files]
    labels = [policy["marker"] for policy in policies if "marker" in policy]
    labels += [policy["picture"]["label"] for policy in policies if "picture" in policy]
    said = [text for label in labels for text in label["words"].values()]
    examples = [one.example for one in JURISDICTIONS.values()]
    return [*SHIPPED.with_name("words.txt").read_text("utf-8").splitlines(), *said, *examples, *WORDS]


def test_the_font_that_travels_along_has_the_shipped_words() -> None:
    """No label that the package brings would print boxes."""
    assert [fault for words in shipped_words() for fault in check(Look(words=words))] == []


def test_the_font_keeps_its_licence_and_has_a_name_of_its_own() -> None:
    """The OFL travels along; a changed font must not bear the reserved name."""
    licence = SHIPPED.with_name("OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "with Reserved Font Name 'Source'" in licence
    assert ImageFont.truetype(str(SHIPPED), 20).getname() == ("AIGC Labeler Sans", "Regular")
    assert SHIPPED.stat().st_size < 100_000


def test_a_house_font_is_used(tmp_path: Path) -> None:
    """`font` names a font file, its path may hold any character."""
    house = tmp_path / "字体.ttf"
    house.write_bytes(SHIPPED.read_bytes())
    look = Look(font=str(house))
    assert check(look) == []
    assert mark(look, 300, 200).image.tobytes() == mark(Look(), 300, 200).image.tobytes()


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    """Whose fault it is, and what would do, is in the message of `check` and of the error."""
    house = tmp_path / "house.ttf"
    house.write_text("not a font")
    assert check(Look(font=str(house))) == [
        f"font {house}: is no font that can be read: name a TTF, OTF or TTC file"
    ]
    with pytest.raises(PolicyError, match="is no font that can be read"):
        mark(Look(font=str(house)), 300, 200)
