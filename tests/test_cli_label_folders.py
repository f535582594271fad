"""`labeler label` and `labeler inspect` on folders that hold more than files, and where OUT may lead."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from labeler.cli import main
from tests.label_tools import MARKER, PICTURE, label, plain, put, tree
from tests.notice_tools import until
from tests.pixel_pictures import saved, scene

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows knows neither such permissions nor SIGTERM")
LINK = "is a link to a folder, which is not followed"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def common(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder that everybody may reach and write into, to work in."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        monkeypatch.chdir(folder)
        yield


@contextmanager
def locked(folder: Path, mode: int) -> Iterator[None]:
    """A folder with other permissions, and nobody here for whom they do not hold."""
    root = os.geteuid() == 0
    folder.chmod(mode)
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@POSIX
@pytest.mark.usefixtures("common")
@pytest.mark.parametrize(("mode", "name"), [(0o000, "in/locked"), (0o444, "in/locked/a.png")])
def test_what_cannot_be_read_in_a_folder_is_told(
    mode: int, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A folder that cannot be listed, or files in it that cannot be reached: named, and the exit code says so."""
    put(Path("in/locked/a.png"), PICTURE)
    put(Path("in/b.png"), PICTURE)
    assert label("in/b.png", "-o", "before.png") == 0  # everything is loaded while all of it can be
    capfd.readouterr()
    with locked(Path("in/locked"), mode):
        assert label("in", "-o", "out", "-q") == 1
        assert capfd.readouterr().err == f"{name} cannot be read: Permission denied\n"
        assert main(["inspect", "in"]) == 1
        assert f"{name}: cannot be read: Permission denied\n" in capfd.readouterr().err
    assert tree(Path("out")) == ["b.png"]


@POSIX
@pytest.mark.usefixtures("common")
def test_a_folder_that_cannot_be_read_itself_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """It may hold files: that it holds none is not what is said."""
    put(Path("in/a.txt"), "a")
    with locked(Path("in"), 0o000):
        assert label("in", "-o", "out") == 1
        assert main(["inspect", "in"]) == 1
    told = ["in cannot be read: Permission denied", "in: cannot be read: Permission denied"]
    assert capfd.readouterr().err.splitlines() == told


def test_a_link_to_a_folder_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody follows it, so its files are not labelled; hidden ones, and one to OUT itself, are not meant."""
    put(Path("in/a.txt"), "a")
    put(Path("other/b.txt"), "b")
    for name, target in (("more", "../other"), (".hidden", "../other"), ("latest", "out")):
        Path("in", name).symlink_to(target)
    Path("in/out").mkdir()
    assert label("in", "-o", "in/out", "--json") == 1
    printed = capfd.readouterr()
    link = str(Path("in/more"))
    assert printed.err == f"{link} {LINK}\n"
    assert [(one["file"], one["state"]) for one in plain(printed.out)] == [
        (str(Path("in/a.txt")), "applied"),
        (link, "failed"),
    ]
    assert tree(Path("in/out")) == ["a.txt"]
    assert main(["inspect", "in"]) == 1
    assert f"{link}: {LINK}\n" in capfd.readouterr().err


def test_a_folder_may_be_named_by_a_link() -> None:
    """Whoever names it means what is behind it."""
    put(Path("in/a.txt"), "a")
    Path("link").symlink_to("in")
    assert label("link", "-o", "out") == 0
    assert tree(Path("out")) == ["a.txt"]


@pytest.mark.parametrize(
    ("source", "out", "link", "to"),
    [
        ("in", "in", "in/l.txt", "../ext/o.txt"),
        ("in", "out", "out/a.txt", "../ext/o.txt"),
        ("in", "out", "out/deep", "../ext"),
    ],
)
def test_out_is_not_left_by_a_link(
    source: str, out: str, link: str, to: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What stands elsewhere is replaced only where it is named itself; nothing is written before that is said."""
    put(Path("ext/o.txt"), "theirs")
    put(Path("in/a.txt"), "ours")
    put(Path("in/deep/o.txt"), "ours")
    Path(out).mkdir(exist_ok=True)
    Path(link).symlink_to(to)
    assert label(source, "-o", out) == 2
    told = capfd.readouterr().err
    assert f"leads out of {out}, to " in told
    assert told.startswith(f"labeler label: {Path(link)}")
    assert Path("ext/o.txt").read_text(encoding="utf-8") == "theirs"
    assert Path("in/a.txt").read_text(encoding="utf-8") == "ours"


def test_a_link_within_out_is_followed() -> None:
    """Its file is the one that is replaced, and the link stays."""
    put(Path("in/a.txt"), "a")
    put(Path("out/kept/b.txt"), "b")
    Path("out/a.txt").symlink_to("kept/b.txt")
    assert label("in", "-o", "out") == 0
    assert Path("out/a.txt").is_symlink()
    assert Path("out/kept/b.txt").read_text(encoding="utf-8").startswith(MARKER)


@POSIX
def test_a_call_that_is_terminated_leaves_no_part_of_a_file() -> None:
    """SIGTERM ends it as Ctrl-C does, with the exit code that shells give it."""
    Path("out").mkdir()
    command = [sys.executable, "-m", "labeler", "label", "-o", "out/a.txt"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write("第一段。".encode())
        process.stdin.flush()
        until(lambda: any(name.endswith(".part") for name in os.listdir("out")))
        process.terminate()
        process.wait(10)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGTERM
    assert os.listdir("out") == []


@pytest.mark.parametrize("out", ["x.jpg", "x.JPEG", "x.webp", "new/x.gif", "x.heic"])
def test_a_picture_does_not_leave_under_the_name_of_another_format(
    out: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Labels leave its format as it is; what would be right is said, of stdin too."""
    put(Path("a.png"), PICTURE)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PICTURE)))
    assert label("a.png", "-o", out) == label("-o", out) == 1
    says = f"is a picture in another format than {Path(out)} says; name it .png"
    assert capfd.readouterr().err.splitlines() == [f"a.png {says}", f"standard input {says}"]
    assert tree(Path()) == ["a.png"]


@pytest.mark.parametrize("out", ["x.PNG", "x", "x.tmp", "x.txt"])
def test_names_that_say_nothing_of_a_picture_are_taken(out: str) -> None:
    """So is a picture's own name, right or wrong."""
    put(Path("a.png"), PICTURE)
    assert label("a.png", "-o", out) == 0
    put(Path("b.jpg"), PICTURE)
    assert label("b.jpg", "-o", "c.jpg") == 0
    assert label(put(Path("d.jpe"), saved(scene(), "JPEG")), "-o", "d.jpeg") == 0
