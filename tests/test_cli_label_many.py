"""`labeler label`: many files at once, files in place, and what is told about them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from labeler.inspection import inspect
from tests.label_tools import MARKER, OTHER, PICTURE, PROVIDER, TRUNCATED, label, plain, put, tree
from tests.pixel_pictures import saved, scene


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELER_CONFIG", raising=False)


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with a provider, in a folder of its own."""
    return put(tmp_path_factory.mktemp("config") / "labeler.yaml", PROVIDER)


# Many files.


def test_a_folder_keeps_its_tree(tmp_path: Path, config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Pictures and texts side by side; what cannot be labelled is named, and the rest is done all the same."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("a.png", "deep/b.png", "deep/er/c.jpg"):
        put(folder / name, PICTURE)
    put(folder / "deep" / "t.md", "海")
    put(folder / "broken.png", TRUNCATED)
    put(folder / "paper.pdf", b"%PDF-1.7 \xff")
    put(folder / ".git" / "d.png", PICTURE)
    assert label(folder, "-o", out, "--config", config) == 1
    assert tree(out) == ["a.png", "deep/b.png", "deep/er/c.jpg", "deep/t.md"]
    assert all(inspect((out / name).read_bytes()).valid for name in ("a.png", "deep/b.png", "deep/er/c.jpg"))
    assert (out / "deep" / "t.md").read_text(encoding="utf-8").startswith(MARKER)
    said = capfd.readouterr().err.splitlines()
    names = [
        str(folder / name) for name in ("a.png", "broken.png", "deep/b.png", "deep/er/c.jpg", "deep/t.md")
    ]
    assert [line.split(": ")[0] for line in said] == [*names, str(folder / "paper.pdf")]
    assert said[1] == f"{folder / 'broken.png'}: the PNG ends inside its IDAT chunk"
    assert "it looks like a PDF document" in said[5]


@pytest.mark.parametrize("target", ["gone.png", "link.png"], ids=["to nothing", "to itself"])
@pytest.mark.parametrize("out", ["out", "in/out"])
def test_a_link_that_leads_nowhere_is_told(
    tmp_path: Path, target: str, out: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a folder too it is a file that cannot be labelled: named, left out, and the exit code says so."""
    put(tmp_path / "in" / "a.png", PICTURE)
    (tmp_path / "in" / "link.png").symlink_to(target)
    assert label(tmp_path / "in", "-o", tmp_path / out) == 1
    assert tree(tmp_path / out) == ["a.png"]
    assert f"{tmp_path / 'in' / 'link.png'} cannot be read: " in capfd.readouterr().err


def test_files_and_folders_go_into_one_folder(tmp_path: Path) -> None:
    """Files by their names, folders by what is in them; a missing file does not keep the others away."""
    put(tmp_path / "in" / "deep" / "b.png", PICTURE)
    (tmp_path / "empty").mkdir()
    paths = [put(tmp_path / "a.png", PICTURE), tmp_path / "none.png", tmp_path / "in", tmp_path / "empty"]
    assert label(*paths, "-o", tmp_path / "out") == 1
    assert tree(tmp_path / "out") == ["a.png", "deep/b.png"]


def test_a_slash_makes_out_a_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """So that a pattern of the shell may fit one file; stdin has no name to keep there."""
    file = put(tmp_path / "a.png", PICTURE)
    assert label(file, "-o", f"{tmp_path}/out/") == 0
    assert tree(tmp_path / "out") == ["a.png"]
    assert label("-", "-o", f"{tmp_path}/new/") == 2
    assert "name a file with -o OUT" in capfd.readouterr().err


def test_several_pictures_at_a_time_are_the_same_as_one_by_one(tmp_path: Path) -> None:
    """Order and threads do not show in the files."""
    names = [f"{turn}.{name.lower()}" for turn in range(4) for name in ("PNG", "JPEG", "WEBP", "GIF")]
    for number, name in enumerate(names):
        put(tmp_path / "in" / name, saved(scene(turn=number), Path(name).suffix[1:]))
    config = put(tmp_path / "labeler.yaml", "pictures: {workers: 4}\n")
    assert label(tmp_path / "in", "-o", tmp_path / "out", "--config", config, "-q") == 0
    for name in names:
        assert label(tmp_path / "in" / name, "-o", tmp_path / "one", "-q") == 0
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "one").read_bytes()


WRONG: list[tuple[Sequence[str], str]] = [
    (["in/a.png", "b.png"], "no folder to go to"),
    (["in/a.png", "b.png", "-o", "b.png"], "no folder to go to"),
    (["in"], "in is a folder"),
    (["in/a.png", "other", "-o", "out"], "in/a.png and other/a.png would both become out/a.png"),
    (["in/a.png", "b.png", "-o", "."], "b.png would be replaced, and it is read too"),
    (["b.png", "-o", "./"], "b.png would be replaced, and it is read too"),
    (["in", "other/c.png", "-o", "other"], "other/c.png would be replaced"),
    (["link/a.png", "-o", "in/a.png"], "in/a.png would be replaced"),
    (["link", "-o", "in/"], "in/a.png would be replaced"),
    (["b.png", "-", "-o", "out"], "`-` is standard input"),
    (["b.png", "--json"], "--json goes to stdout"),
    (["b.png", "-o", "in/a.png/"], "no folder to go to"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG, ids=[" ".join(one) for one, _ in WRONG])
def test_calls_that_would_lose_something_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    says: str,
) -> None:
    """Before anything is written: two files with one name, an input that would be replaced, no place to go."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "b.png", "other/a.png", "other/c.png"):
        put(Path(name), PICTURE)
    Path("link").symlink_to("in")
    before = tree(tmp_path)
    assert label(*arguments) == 2
    assert says in capfd.readouterr().err
    assert tree(tmp_path) == before
    assert all(path.read_bytes() == PICTURE for path in tmp_path.rglob("*.png"))


# Files in place.


def test_out_may_be_the_input_itself(tmp_path: Path, config: Path) -> None:
    """A file or a folder named twice is labelled in place; labelling it again changes nothing."""
    file = put(tmp_path / "in" / "a.png", PICTURE)
    assert label(file, "-o", file, "--config", config) == 0
    once = file.read_bytes()
    assert inspect(once).valid
    put(tmp_path / "in" / "b.png", OTHER)
    assert label(tmp_path / "in", "-o", tmp_path / "in", "--config", config) == 0
    assert file.read_bytes() == once
    assert inspect((tmp_path / "in" / "b.png").read_bytes()).valid
    assert tree(tmp_path / "in") == ["a.png", "b.png"]


def test_a_failure_leaves_out_as_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither half a file nor a part beside it."""
    file, out = put(tmp_path / "a.png", TRUNCATED), put(tmp_path / "out.png", "before")
    assert label(file, "-o", out) == 1
    assert label(put(tmp_path / "b.png", PICTURE), "-o", out / "below.png") == 1
    assert "below.png cannot be written: " in capfd.readouterr().err
    assert out.read_text(encoding="utf-8") == "before"
    assert tree(tmp_path) == ["a.png", "b.png", "out.png"]


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such permissions")
def test_permissions_go_along(tmp_path: Path) -> None:
    """A new file is as private as its source, one that is replaced as it was itself."""
    for name, mode in (("in/secret.png", 0o600), ("in/locked.png", 0o444), ("in/kept.png", 0o600)):
        put(tmp_path / name, PICTURE).chmod(mode)
    put(tmp_path / "out" / "kept.png", "before").chmod(0o664)
    assert label(tmp_path / "in", "-o", tmp_path / "out") == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()}
    assert modes == {"secret.png": 0o600, "locked.png": 0o444, "kept.png": 0o664}


# What is told.


def test_json_tells_programs(tmp_path: Path, config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An array on stdout, an object for each file in order; stderr names the failures alone."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for name, content in (("a.png", PICTURE), ("b.png", TRUNCATED), ("c.txt", "海")):
        put(folder / name, content)
    assert label(folder, "-o", out, "--config", config, "--json") == 1
    printed = capfd.readouterr()
    picture, broken, text = plain(printed.out)
    assert len(picture.pop("number")) == 36
    assert picture == {
        "file": str(folder / "a.png"),
        "output": str(out / "a.png"),
        "state": "applied",
        "reason": "",
        "observed": False,
        "scenarios": ["general"],
        "notes": [],
        "format": "png",
        "visible": "applied",
        "record": "applied",
        "outside": "identical",
    }
    reason = f"{folder / 'b.png'}: the PNG ends inside its IDAT chunk"
    assert broken == {"file": str(folder / "b.png"), "output": None, "state": "failed", "reason": reason}
    assert (text["state"], text["output"]) == ("applied", str(out / "c.txt"))
    assert "format" not in text
    assert printed.err == f"{reason}\n"


def test_json_tells_what_became_of_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A stream is told about as a file is, where it fails too."""
    for data in (PICTURE, TRUNCATED):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert label("-o", tmp_path / "out.png", "--json") == (data is TRUNCATED)
        (told,) = plain(capfd.readouterr().out)
        assert told["file"] == "standard input"
        assert told["state"] == ("failed" if data is TRUNCATED else "applied")


def test_a_labelled_picture_is_left_and_said_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """That is no failure, and OUT is written all the same."""
    once, twice = tmp_path / "once.png", tmp_path / "twice.png"
    assert label(put(tmp_path / "a.png", PICTURE), "-o", once, "-q") == 0
    assert label(once, "-o", twice) == 0
    assert once.read_bytes() == twice.read_bytes()
    assert "skipped (labelled already), png, visible there already" in capfd.readouterr().err


def test_quiet_names_failures_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`--quiet` says nothing about files that are labelled."""
    put(tmp_path / "in" / "a.png", PICTURE)
    put(tmp_path / "in" / "b.png", TRUNCATED)
    assert label(tmp_path / "in", "-o", tmp_path / "out", "-q") == 1
    assert capfd.readouterr().err == f"{tmp_path / 'in' / 'b.png'}: the PNG ends inside its IDAT chunk\n"


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode here")
def test_a_name_steers_no_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file's name may hold any bytes; they are shown, and given to programs, escaped."""
    name = os.fsdecode(b"\xff\x1b[2J.png")
    put(tmp_path / "in" / name, PICTURE)
    assert label(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert "\\udcff\\x1b[2J.png: applied" in capfd.readouterr().err
    assert label(tmp_path / "in", "-o", tmp_path / "out", "--json") == 0
    assert plain(capfd.readouterr().out)[0]["file"] == str(tmp_path / "in" / name)


def test_a_terminal_sees_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Lines stand above the bar, which is gone in the end; where nobody watches there is none."""
    for number in range(3):
        put(tmp_path / "in" / f"{number}.png", PICTURE)
    assert label(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert "\x1b" not in capfd.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert label(tmp_path / "in", "-o", tmp_path / "out") == 0
    said = capfd.readouterr().err
    assert f"[{'#' * 30}] 3/3" in said
    assert said.endswith("\r\x1b[K")
    shown = [line.split("\r\x1b[K")[-1] for line in said.split("\n")[:-1]]
    assert [line.startswith(str(tmp_path / "in" / f"{n}.png")) for n, line in enumerate(shown)] == [True] * 3


@pytest.mark.skipif(
    find_spec("pillow_heif") is None, reason="pillow-heif, which makes HEIC files, is missing"
)
def test_a_missing_package_is_named_and_the_rest_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """HEIC without an encoder: the file and the package are said, exit code 2, other pictures are labelled."""
    import pillow_heif

    heic = io.BytesIO()
    pillow_heif.from_pillow(scene()).save(heic)
    file = put(tmp_path / "in" / "a.heic", heic.getvalue())
    put(tmp_path / "in" / "b.png", PICTURE)
    assert label(tmp_path / "in", "-o", tmp_path / "out") == 0
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert label(tmp_path / "in", "-o", tmp_path / "new") == 2
    said = capfd.readouterr().err
    assert f"{file}: the visible label on HEIC needs" in said
    assert tree(tmp_path / "new") == ["b.png"]
