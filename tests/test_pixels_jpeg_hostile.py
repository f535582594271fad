"""JPEG files that are cut, broken, damaged or of a kind that nothing shows."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from labeler.errors import ContentError
from labeler.media.base import Head
from labeler.pixels import jpeg, turbo
from tests.jpeg_tools import LOOK, decoded, draw, encoded, needs_turbo, patched, photo, sample, without_turbo


@pytest.fixture(params=[pytest.param("libturbojpeg", marks=needs_turbo), "Pillow"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What draws: the system's library, or Pillow where that is missing."""
    if request.param == "Pillow":
        without_turbo(monkeypatch)
    return str(request.param)


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_files_are_refused(progressive: bool, library: str) -> None:
    """A file that ends early, wherever, is refused."""
    data = encoded(photo((64, 64)), quality=50, progressive=progressive)
    for end in range(len(data)):
        with pytest.raises(ContentError):
            jpeg.draw(data[:end], Head(64, 64), LOOK, exact=False)


def test_broken_files_raise_nothing_else(library: str) -> None:
    """Changed bytes anywhere give a picture or a ContentError."""
    random = Random(5)
    samples = [
        encoded(photo((64, 64)), quality=50),
        encoded(photo((64, 64)), quality=50, progressive=True),
        encoded(photo((64, 64), "CMYK"), quality=50),
    ]
    outcomes = [mutated(random, random.choice(samples)) for _ in range(600)]
    assert True in outcomes
    assert False in outcomes


def mutated(random: Random, data: bytes) -> bool:
    """Change one to four bytes, more often in the header; whether the picture was drawn."""
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        out[random.randrange(random.choice((len(out), 700)))] = random.choice(
            (0, 1, 255, 0xD8, random.getrandbits(8))
        )
    try:
        drawn = jpeg.draw(bytes(out), Head(64, 64), LOOK, exact=False)
    except ContentError:
        return False
    decoded(drawn.data)
    return True


@needs_turbo
def test_damaged_scan_is_encoded_anew() -> None:
    """Damage in the coded data that viewers put up with costs exactness alone, and the note tells."""
    data = bytearray(sample("4:2:0"))
    at = data.index(b"\xff\xda") + 1500
    data[at : at + 6] = b"\xff\xd0\xff\xd1\xff\xd2"  # restart markers that do not belong there
    drawn = draw(bytes(data))
    assert drawn.outside == "re-encoded"
    assert "Corrupt JPEG data" in drawn.notes[0]
    with pytest.raises(ContentError, match="Corrupt JPEG data"):
        draw(bytes(data), exact=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"\x89PNG" + data, "does not begin with its SOI"),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xc9", 1), "arithmetic coded"),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xc3", 1), "arithmetic coded, lossless"),
        (lambda data: data.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c", 1), "not of 8 bits"),
        (lambda data: data.replace(b"\xff\xc0", b"\xff\xe5", 1), "0 frame headers"),
        (lambda data: data[:2] + sof(data) + data[2:], "2 frame headers"),
        (lambda data: patched(data, (5, b"\0\0")), r"broken frame header \(SOF\)"),
        (lambda data: patched(data, (11, b"\x20")), r"broken frame header \(SOF\)"),
        (lambda data: patched(data, (5, b"\0\x41")), "says two sizes: 64 x 64 and 64 x 65"),
        (lambda data: data.replace(b"\xff\xc0\0\x11", b"\xff\xc0\0\x04", 1), r"broken frame header \(SOF\)"),
        (lambda data: data[:2] + 10_000 * b"\xff\xfe\0\2" + data[2:], "more than 10000 segments"),
        (lambda data: data[:-2] + 100 * scan(data)[:-2] + data[-2:], "more than 100 scans"),
    ],
)
def test_refusals_say_why(change: Callable[[bytes], bytes], message: str) -> None:
    """What cannot be drawn on is refused with the reason."""
    data = encoded(photo((64, 64)))
    with pytest.raises(ContentError, match=message):
        jpeg.draw(change(data), Head(64, 64), LOOK, exact=False)


def sof(data: bytes) -> bytes:
    start = data.index(b"\xff\xc0")
    return data[start : start + 19]


def scan(data: bytes) -> bytes:
    return data[data.index(b"\xff\xda") :]


@needs_turbo
def test_library_refuses_in_its_own_words() -> None:
    """What libturbojpeg says of a file is what the error says."""
    with pytest.raises(turbo.TurboError, match="Not a JPEG file"):
        turbo.coefficients(b"GIF89a" + bytes(100))


@needs_turbo
def test_errors_of_the_painter_pass_through() -> None:
    """An exception inside the library's callback reaches the caller, and no coefficient is written
    outside its row."""

    def refuse(crop: bytes) -> turbo.Strips:
        raise KeyError(len(crop))

    def overreach(_: bytes) -> turbo.Strips:
        return {(0, 0): turbo.Strip(7, bytes(2 * turbo.BLOCK))}

    data, box = encoded(photo((64, 64))), turbo.Box(16, 16, 32, 32)
    with pytest.raises(KeyError):
        turbo.repainted(data, box, refuse, progressive=False, optimise=False)
    with pytest.raises(ValueError, match="beyond its row"):
        turbo.repainted(data, box, overreach, progressive=False, optimise=False)
