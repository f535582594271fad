"""`Labeler.label_image`: the two labels of one picture, where it comes from, and what is told about it."""

from __future__ import annotations

import contextlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageSequence
from PIL.MpoImagePlugin import MpoImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo

from labeler import ContentError, Labeler, PolicyError
from labeler.inspection import inspect
from labeler.media import container
from labeler.picture import Only
from tests.asgi_tools import Service, service
from tests.media_tools import essence, hostile
from tests.picture_tools import (
    CARRYING,
    KINDS,
    WORDS,
    bomb,
    broken,
    file,
    foreign_record,
    is_labelled,
    look_at,
    pictured,
    record_of,
    shows,
    with_record,
)
from tests.pixel_pictures import saved, scene, seen
from tests.test_provider_code import CODE, CREDIT

SHOP = """
id: shop
version: "1"
title: Shop
match: {any: [{route: /shop/**}]}
picture: {label: {words: {zh: 图片由AI生成, en: AI-generated · AI生成}, position: top-left}}
examples: [{ask: Hi, scenarios: []}, {ask: Hi, route: /shop/a, scenarios: [shop]}]
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with a provider, and nothing else that is said about pictures."""
    return pictured(tmp_path_factory.mktemp("house"))


# Both labels, and one of them.


@pytest.mark.parametrize("kind", CARRYING)
def test_a_picture_gets_both_labels(one: Service, kind: str) -> None:
    """Every format leaves with its visible label, our note of it, and one valid record of ours."""
    labelled = one.labeler.label_image(file(kind))
    (picture,) = labelled.outcome.pictures
    assert is_labelled(labelled.content)
    assert (labelled.outcome.state, labelled.outcome.reason, labelled.outcome.dialect) == (
        "applied",
        "",
        "picture",
    )
    assert (picture.format, picture.visible, picture.record) == (kind.split()[0], "applied", "applied")
    assert record_of(labelled.content).produce_id == picture.number == labelled.outcome.number
    assert one.outcomes[-1] == labelled.outcome


@pytest.mark.parametrize("seal", ["empty", "hash", "ed25519"])
@pytest.mark.parametrize("kind", CARRYING)
def test_a_labelled_picture_gets_nothing_more(tmp_path: Path, kind: str, seal: str) -> None:
    """Labelled twice, a file keeps every byte, and the outcome says why."""
    labeler = pictured(tmp_path, seal=seal).labeler
    once = labeler.label_image(file(kind)).content
    twice = labeler.label_image(once)
    (picture,) = twice.outcome.pictures
    assert twice.content == once
    assert (twice.outcome.state, twice.outcome.reason) == ("skipped", "labelled already")
    assert (picture.visible, picture.record) == ("there already", "there already")


@pytest.mark.parametrize("kind", CARRYING)
def test_the_record_alone(one: Service, kind: str) -> None:
    """Nothing is drawn: the picture's data stay byte for byte, and nothing vouches for a visible label."""
    labelled = one.labeler.label_image(file(kind), only="record")
    (picture,) = labelled.outcome.pictures
    box = container(file(kind))
    assert essence(box, labelled.content) == essence(box, file(kind))
    assert look_at(labelled.content).visible == ""
    assert record_of(labelled.content).content_producer == CODE
    assert (labelled.outcome.state, picture.record) == ("applied", "applied")
    assert picture.visible == "skipped: the record alone was asked for"


@pytest.mark.parametrize("kind", CARRYING)
def test_the_visible_label_alone(one: Service, kind: str) -> None:
    """The label is drawn and noted, and no record is written."""
    labelled = one.labeler.label_image(file(kind), only="visible")
    (picture,) = labelled.outcome.pictures
    told = look_at(labelled.content)
    assert (told.visible, told.records) == (WORDS, ())
    assert shows(labelled.content)
    assert (labelled.outcome.state, picture.visible) == ("applied", "applied")
    assert picture.record == "skipped: the visible label alone was asked for"


@given(st.sampled_from(CARRYING), st.lists(st.sampled_from(["", "visible", "record"]), max_size=4))
def test_the_order_of_the_labels_does_not_count(one: Service, kind: str, steps: list[Only]) -> None:
    """However the labels came, the file ends with each of them once, and then stays as it is."""
    data = file(kind)
    for only in steps:
        data = one.labeler.label_image(data, only=only).content
    data = one.labeler.label_image(data).content
    assert is_labelled(data)
    for only in ("", "visible", "record"):
        again = one.labeler.label_image(data, only=only)
        assert again.content == data
        assert (again.outcome.state, again.outcome.reason) == ("skipped", "labelled already")


def test_a_format_without_a_carrier_remembers_nothing(one: Service) -> None:
    """A BMP file gets the visible label, and gets it again: it has no place to say that it is there."""
    once = one.labeler.label_image(file("bmp"))
    (picture,) = once.outcome.pictures
    assert shows(once.content)
    assert (once.outcome.state, picture.visible, picture.record) == (
        "applied",
        "applied",
        "skipped: no carrier",
    )
    assert one.labeler.label_image(once.content).outcome.pictures[0].visible == "applied"


# Where it comes from.


def test_what_a_picture_can_be_given_as(one: Service, tmp_path: Path) -> None:
    """Bytes of any kind, a path, or an image of Pillow's, which becomes a PNG file."""
    data = file("png")
    path = tmp_path / "cat.png"
    path.write_bytes(data)
    sources: tuple[Any, ...] = (
        *(data, bytearray(data), memoryview(data)),
        *(path, str(path), scene(), scene(mode="RGBA"), scene().quantize(16)),
    )
    for source in sources:
        labelled = one.labeler.label_image(source)
        assert type(labelled.content) is bytes
        assert labelled.outcome.pictures[0].format == "png"
        assert is_labelled(labelled.content)
    assert path.read_bytes() == data


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_an_image_brings_along_what_its_file_said(one: Service, kind: str) -> None:
    """Orientation, EXIF, resolution, texts and another producer's record are in the PNG file too."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 6, "Camera"
    texts = PngInfo()
    texts.add_text("Software", "Model 1")
    options: dict[str, Any] = {"exif": exif, "dpi": (300, 300)} | (
        {"pnginfo": texts} if kind == "png" else {}
    )
    theirs = with_record(saved(scene(120, 80), kind.upper(), **options), foreign_record())
    labelled = one.labeler.label_image(Image.open(BytesIO(theirs)))
    new = Image.open(BytesIO(labelled.content))
    assert isinstance(new, PngImageFile)
    assert dict(new.getexif()) == dict(exif)
    if kind != "webp":  # which has no place for it
        assert new.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert new.text.get("Software") == ("Model 1" if kind == "png" else None)
    assert labelled.outcome.pictures[0].record.startswith("kept: ")
    assert new.size == (120, 80)


def test_an_image_of_a_phone_is_its_first_picture(one: Service) -> None:
    """An MPO's further pictures belong to the first one: a gain map, a preview."""
    shot = saved(scene(), "MPO", save_all=True, append_images=[scene(turn=1)])
    assert is_labelled(one.labeler.label_image(Image.open(BytesIO(shot))).content)


def test_what_cannot_be_read_says_why(one: Service, tmp_path: Path) -> None:
    """A path without a file, a folder, an image that no PNG file can hold, and what is no picture."""
    film = saved(scene(), "GIF", save_all=True, append_images=[scene(turn=1), scene(turn=2)])
    sources: list[tuple[Any, str]] = [
        (tmp_path / "none.png", r"none\.png cannot be read: No such file or directory"),
        (str(tmp_path), "cannot be read: Is a directory"),
        (scene(mode="CMYK"), "cannot become a PNG file"),
        (Image.open(BytesIO(film)), "3 frames, of which a PNG would keep one; give the bytes of its file"),
        (BytesIO(file("png")), "bytes of a file, its path or a PIL.Image, and not a BytesIO"),
        (None, "and not a NoneType"),
        (123, "and not a int"),
        ("a\0b", r"'a\\x00b' cannot be read: embedded null byte"),
        ("\ud800", r"'\\ud800' cannot be read: "),
    ]
    for source, reason in sources:
        with pytest.raises(ContentError, match=reason):
            one.labeler.label_image(source)
        assert one.outcomes[-1].state == "failed"
        assert one.outcomes[-1].pictures[0].state == "failed"


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, of a TIFF that is cut
def test_an_image_that_cannot_be_read_is_an_error(one: Service, kind: str) -> None:
    """Whether it was closed, or its file is cut off so that nobody can tell how many frames it has."""
    frames = [scene(turn=turn) for turn in range(3)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    images = [Image.open(BytesIO(data))]
    images[0].close()
    for size in range(len(data) // 8, len(data), len(data) // 8):
        with contextlib.suppress(OSError):
            images.append(Image.open(BytesIO(data[:size])))
    assert len(images) > 1
    for image in images:
        with pytest.raises(ContentError, match=r"this image (cannot become a PNG file: \w|has \d frames)"):
            one.labeler.label_image(image)


def test_an_image_without_exif_gets_none(one: Service) -> None:
    """A PNG file of an image has a chunk for EXIF only where the image has some."""
    assert b"eXIf" not in one.labeler.label_image(scene(), only="visible").content
    turned = scene()
    turned.getexif()[ExifTags.Base.Orientation] = 6
    assert b"eXIf" in one.labeler.label_image(turned, only="visible").content
    shot = scene()
    shot.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0hello"
    assert b"hello" in one.labeler.label_image(shot, only="visible").content


@pytest.mark.parametrize("name", broken())
def test_what_cannot_be_labelled_is_an_error(one: Service, name: str) -> None:
    """Bombs, torn files and files of other kinds: an error, and a failed outcome with the same words."""
    with pytest.raises(ContentError) as caught:
        one.labeler.label_image(broken()[name])
    assert (one.outcomes[-1].state, one.outcomes[-1].reason) == ("failed", str(caught.value))


def album(data: bytes) -> tuple[list[bytes], list[int]]:
    """The pixels of the pictures in a file that Pillow finds by its index, and their lengths in it."""
    with Image.open(BytesIO(data)) as image:
        assert isinstance(image, MpoImageFile)
        assert image.mpinfo
        sizes = [entry["Size"] for entry in image.mpinfo[0xB002]]
        return [frame.tobytes() for frame in ImageSequence.Iterator(image)], sizes


@pytest.mark.parametrize("only", ["", "record", "visible"])
def test_the_second_picture_of_a_file_is_found(one: Service, only: Only) -> None:
    """A file with several pictures (MPO) has an index of them, which fits the labelled file."""
    data = saved(scene(), "MPO", save_all=True, append_images=[scene(turn=1)])
    labelled = one.labeler.label_image(data, only=only)
    (before, sizes), (after, new) = album(data), album(labelled.content)
    assert (after[0] == before[0], after[1] == before[1]) == (only == "record", True)
    assert new == [sizes[0] + len(labelled.content) - len(data), sizes[1]] != sizes
    assert labelled.outcome.pictures[0].notes == ()


@pytest.mark.parametrize("name", ["truncated png", "truncated jpeg", "jpeg without its end"])
def test_what_is_cut_off_gets_no_record(one: Service, name: str) -> None:
    """The record alone needs no pixels, and yet a whole file."""
    with pytest.raises(ContentError, match=r"\bends\b"):
        one.labeler.label_image(broken()[name], only="record")


def test_the_limit_of_pixels(tmp_path: Path) -> None:
    """`pictures.pixels` counts for each frame, and eight times for all; the header is enough to tell."""
    frames = [scene(50, 40, turn=turn) for turn in range(9)]
    films = [saved(frames[0], "GIF", save_all=True, append_images=frames[1:n]) for n in (8, 9)]
    labeler = pictured(tmp_path, settings="pictures: {pixels: 2000}").labeler
    assert labeler.label_image(films[0]).outcome.state == "applied"
    with pytest.raises(ContentError, match=r"50 x 40 pixels in 9 frames; the limit is 2000 \(pictures\.pix"):
        labeler.label_image(films[1])
    with pytest.raises(ContentError, match=r"50 x 41 pixels; the limit is 2000"):
        labeler.label_image(saved(scene(50, 41), "PNG"))
    with pytest.raises(ContentError, match="20000 x 20000 pixels; the limit is 2000"):
        labeler.label_image(bomb())


def test_a_frame_of_an_avif_animation_has_an_eighth_of_the_limit(tmp_path: Path) -> None:
    """Its encoder takes far more memory for such a frame than for a still, which has all of the limit."""
    labeler = pictured(tmp_path, settings="pictures: {pixels: 40000}").labeler

    def film(width: int, height: int) -> bytes:
        frames = [scene(width, height, turn=turn) for turn in range(2)]
        return saved(frames[0], "AVIF", save_all=True, append_images=frames[1:])

    assert labeler.label_image(film(100, 50)).outcome.state == "applied"
    assert labeler.label_image(saved(scene(200, 200), "AVIF")).outcome.state == "applied"
    with pytest.raises(ContentError, match=r"100 x 51 pixels in 2 frames; .* an AVIF frame has an eighth"):
        labeler.label_image(film(100, 51))


@given(hostile(*map(file, KINDS)))
def test_hostile_files_leave_labelled_or_not_at_all(one: Service, data: bytes) -> None:
    """Any bytes: a file with both labels, or our error and nothing else."""
    try:
        labelled = one.labeler.label_image(data)
    except ContentError:
        return
    (picture,) = labelled.outcome.pictures
    carries = container(data).carries
    assert (picture.visible, picture.record) == ("applied", "applied" if carries else "skipped: no carrier")
    if carries:
        assert inspect(labelled.content).visible == WORDS
        assert record_of(labelled.content).content_producer == CODE


# Who asks, and what holds.


def test_a_picture_by_a_person_stays(one: Service) -> None:
    """`human` is the caller's word."""
    labelled = one.labeler.label_image(file("png"), human=True)
    assert labelled.content == file("png")
    assert (labelled.outcome.state, labelled.outcome.reason) == ("skipped", "human")


def test_the_dry_run_changes_nothing(tmp_path: Path) -> None:
    """`mode: observe` reports what would have been done, or that it would have failed, and gives the
    file as it was."""
    one = pictured(tmp_path, settings="mode: observe")
    labelled = one.labeler.label_image(file("png"))
    assert labelled.content == file("png")
    assert (labelled.outcome.state, labelled.outcome.observed) == ("applied", True)
    assert labelled.outcome.pictures[0].visible == "applied"
    torn = one.labeler.label_image(file("png")[:200])
    assert torn.content == file("png")[:200]
    assert (torn.outcome.state, torn.outcome.observed) == ("failed", True)
    assert "the PNG ends inside" in torn.outcome.reason


def test_the_scenario_tells_the_words(tmp_path: Path) -> None:
    """The policies that apply draw their words; two scenarios do not share what was drawn before."""
    (tmp_path / "shop.yaml").write_text(SHOP, encoding="utf-8")
    config = f"policies: [general, shop.yaml]\nprovider: {{name: House, credit_code: {CREDIT}}}"
    labeler = service(tmp_path, config).labeler
    abouts: tuple[tuple[dict[str, Any], str], ...] = (
        ({}, WORDS),
        ({"scenarios": "shop"}, "图片由AI生成"),
        ({"route": "/shop/cat", "question": "Draw a cat, please"}, "AI-generated · AI生成"),
        ({"question": "画一只猫"}, WORDS),
    )
    given_ = [labeler.label_image(file("png"), **about).content for about, _ in abouts]
    assert [inspect(data).visible for data in given_] == [words for _, words in abouts]
    shown = [seen(data).tobytes() for data in given_]
    assert len({*shown}) == 3
    assert shown[0] == shown[3]
    with pytest.raises(PolicyError):
        labeler.label_image(file("png"), scenarios="nowhere")


def test_exactness_can_be_required(tmp_path: Path) -> None:
    """Under `exact: required` a format that is encoded again is a failure; others pass."""
    labeler = pictured(tmp_path, exact="required").labeler
    assert labeler.label_image(file("png")).outcome.pictures[0].outside == "identical"
    with pytest.raises(ContentError, match="WebP"):
        labeler.label_image(file("webp"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_cache_changes_nothing(tmp_path: Path, kind: str) -> None:
    """With a cache, with one that is too small, and without: the same file, the first time and later."""
    made = []
    for cache in ("64MiB", "1KiB", "null"):
        labeler = pictured(tmp_path, settings=f"pictures: {{cache: {cache}}}").labeler
        made += [labeler.label_image(file(kind), only="visible").content for _ in range(3)]
    assert len({*made}) == 1


def test_without_a_configuration() -> None:
    """The shipped policies draw; without a provider no record is written."""
    labelled = Labeler.load().label_image(Image.open(BytesIO(file("jpeg"))))
    (picture,) = labelled.outcome.pictures
    assert (picture.visible, picture.record) == ("applied", "skipped: no provider")
    assert inspect(labelled.content).records == ()
    assert inspect(labelled.content).visible == WORDS
