"""`labeler label`: a picture through the command line."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeler.inspection import inspect
from labeler.media import container
from tests.label_tools import MARKER, PICTURE, PROVIDER, label, put, tree
from tests.pixel_pictures import label_box, saved, scene, seen


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELER_CONFIG", raising=False)


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with a provider, in a folder of its own."""
    return put(tmp_path_factory.mktemp("config") / "labeler.yaml", PROVIDER)


# One picture.


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
def test_a_picture_leaves_with_both_labels(
    tmp_path: Path, config: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """In its own format, with the words in their corner and, where the format can hold one, one valid record."""
    file, out = put(tmp_path / f"a.{name.lower()}", saved(scene(320, 240), name)), tmp_path / "out"
    assert label(file, "-o", out, "--config", config) == 0
    before, after = file.read_bytes(), out.read_bytes()
    box, found = container(after), inspect(after)
    assert box.name == name.lower()
    carries = box.carries
    assert len(found.records) == carries
    assert found.valid == carries
    assert found.visible == ("AI生成" if carries else "")
    corner = label_box(box.head(before))
    images = [seen(data).convert("RGB").crop(corner) for data in (before, after)]
    assert images[0].tobytes() != images[1].tobytes()
    record = "record applied" if carries else "record skipped: no carrier"
    said = capfd.readouterr().err
    assert said.startswith(f"{file}: applied, {name.lower()}, visible applied, {record}, outside ")
    assert ", scenarios general, number " in said
    assert ("encoded again, quality" in said) == (name in ("WEBP", "AVIF"))
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["photo.txt", "photo", "photo.jpg", "photo.xyz", "page.HTML"])
def test_first_bytes_tell_a_picture(tmp_path: Path, name: str) -> None:
    """Whatever the file is called."""
    out = tmp_path / "out"
    assert label(put(tmp_path / name, PICTURE), "-o", out) == 0
    assert inspect(out.read_bytes()).visible == "AI生成"


@given(
    st.sampled_from(["BM", "BMW ", "GIF89a", "GIF87a is ", "BM" + "车" * 30]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
)
def test_a_text_that_begins_like_a_picture_stays_a_text(start: str, rest: str) -> None:
    """`BM` begins a BMP file, and a text about cars too: a text holds no zero byte and is UTF-8."""
    stdin, stdout = io.TextIOWrapper(io.BytesIO((start + rest).encode())), io.TextIOWrapper(io.BytesIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", stdout)
        assert label("-q") == 0
    assert stdout.buffer.getvalue().decode().startswith(MARKER)


def test_a_picture_goes_through_a_pipe() -> None:
    """From stdin to stdout, in more than one block, and the rest of the picture stays as it was."""
    before = saved(Image.effect_noise((600, 400), 90), "PNG")
    command = [sys.executable, "-c", "import sys; from labeler.cli import main; sys.exit(main())", "label"]
    made = subprocess.run(command, input=before, capture_output=True, check=True)
    assert len(before) > 64 * 1024
    assert inspect(made.stdout).visible == "AI生成"
    assert made.stderr.startswith(b"standard input: applied, png, visible applied")
    above = (0, 0, 600, label_box(container(before).head(before))[1])
    assert seen(made.stdout).crop(above).tobytes() == seen(before).crop(above).tobytes()


def test_a_file_goes_to_a_pipe_and_not_to_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Without OUT a picture is written to stdout, but bytes steer a terminal: that call ends with 2."""
    file = put(tmp_path / "a.png", PICTURE)
    assert label(file) == 0
    assert inspect(capfdbinary.readouterr().out).visible == "AI生成"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert label(file) == 2
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert b"stdout is a terminal; name a file with -o OUT" in err


def test_scenario_and_question_hold_for_pictures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What tells the scenario of a text tells a picture's too; an unknown one ends with 2, nothing written."""
    file = put(tmp_path / "a.png", PICTURE)
    assert label(file, "-o", tmp_path / "b.png", "--scenario", "ecommerce") == 0
    assert label(file, "-o", tmp_path / "c.png", "--question", "孩子发烧39度怎么办") == 0
    said = capfd.readouterr().err.splitlines()
    assert "ecommerce" in said[0]
    assert "scenarios general medical" in said[1]
    for source in (file, file.parent):
        assert label(source, "-o", tmp_path / "new", "--scenario", "medicine") == 2
        assert "medicine" in capfd.readouterr().err
        assert tree(tmp_path) == ["a.png", "b.png", "c.png"]


def test_observing_changes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Under `mode: observe` the picture leaves as it came, and what would be done is said."""
    file, out = put(tmp_path / "a.png", PICTURE), tmp_path / "out.png"
    assert label(file, "-o", out, "--config", put(tmp_path / "labeler.yaml", "mode: observe\n")) == 0
    assert out.read_bytes() == PICTURE
    assert f"{file}: only observed, would be applied, png, visible applied" in capfd.readouterr().err


# One of the two labels.


def test_only_the_visible_label(tmp_path: Path, config: Path) -> None:
    """`--only visible` writes no record, though a provider is configured."""
    file, out = put(tmp_path / "a.png", PICTURE), tmp_path / "out.png"
    assert label(file, "-o", out, "--config", config, "--only", "visible") == 0
    found = inspect(out.read_bytes())
    assert found.visible == "AI生成"
    assert found.records == ()


def test_only_the_record(tmp_path: Path, config: Path) -> None:
    """`--only record` leaves every pixel as it was."""
    file, out = put(tmp_path / "a.png", PICTURE), tmp_path / "out.png"
    assert label(file, "-o", out, "--config", config, "--only", "record") == 0
    assert inspect(out.read_bytes()).valid
    assert seen(out.read_bytes()).tobytes() == seen(PICTURE).tobytes()


@pytest.mark.parametrize("said", ["mode: enforce\n", "provider: {name: 示例科技有限公司}\n", None])
def test_a_record_needs_a_provider(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], said: str | None
) -> None:
    """Without a provider's code, `--only record` ends with 2, what is missing and where it belongs."""
    put(tmp_path / "in" / "a.png", PICTURE)
    options: list[str | Path] = [] if said is None else ["--config", put(tmp_path / "other.yaml", said)]
    assert label(tmp_path / "in", "-o", tmp_path / "out", "--only", "record", *options) == 2
    error = capfd.readouterr().err
    assert "labeler.yaml" in error
    assert "provider.credit_code" in error
    assert not (tmp_path / "out").exists()


def test_a_record_needs_a_carrier(tmp_path: Path, config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A BMP file has no place for a record: alone it is a failure, and nothing is written."""
    file, out = put(tmp_path / "a.bmp", saved(scene(), "BMP")), tmp_path / "out.bmp"
    assert label(file, "-o", out, "--config", config, "--only", "record") == 1
    assert f"{file}: the AIGC record cannot be written: bmp has no place" in capfd.readouterr().err
    assert tree(tmp_path) == ["a.bmp"]


def test_only_is_for_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A text has neither label: it is a failure, be it a file or a stream."""
    file = put(tmp_path / "a.txt", "海")
    assert label(file, "-o", tmp_path / "out.txt", "--only", "visible") == 1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("海".encode())))
    assert label("-o", tmp_path / "out.txt", "--only", "visible") == 1
    said = capfd.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in said] == [str(file), "standard input"]
    assert all("--only is for pictures" in line for line in said)
    assert tree(tmp_path) == ["a.txt"]
