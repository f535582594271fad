"""`labeler label`: texts, files and folders through the command line."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from labeler.cli import main

MARKER = "【AI生成】"
GENERAL = "内容由AI生成，仅供参考，请仔细甄别"
MEDICAL = "不替代医生诊断"
SHOP = "请以实物和商品详情页为准"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELER_CONFIG", raising=False)


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def label(*arguments: str | Path) -> int:
    return main(["label", *map(str, arguments)])


def test_stdin_to_stdout(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A text from stdin leaves on stdout with the default policy's labels, its last line end behind them."""
    stdin(monkeypatch, "海是蓝色的。\n".encode())
    assert label() == 0
    out, err = capfd.readouterr()
    assert out == f"{MARKER}\n\n海是蓝色的。\n\n{GENERAL}\n"
    assert err.startswith("standard input: applied, scenarios general, number ")


def test_question(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The question tells the scenario of a file."""
    file = tmp_path / "answer.md"
    file.write_text("# 退烧\n\n多喝水。", encoding="utf-8")
    assert label(file, "--question", "孩子发烧39度怎么办") == 0
    out, err = capfd.readouterr()
    assert out.startswith(f"{MARKER}\n\n# 退烧\n\n多喝水。\n\n")
    assert MEDICAL in out.splitlines()[-1]
    assert f"{file}: applied, scenarios general medical" in err


def test_scenarios(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Named scenarios are united, and `--quiet` leaves stderr empty."""
    file = tmp_path / "answer"
    file.write_text("羽绒服很暖和。", encoding="utf-8")
    assert label(file, "--scenario", "medical", "--scenario", "ecommerce", "--quiet") == 0
    out, err = capfd.readouterr()
    assert MEDICAL in out
    assert SHOP in out
    assert out.count(MARKER) == 1
    assert err == ""


def test_unknown_scenario(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An unknown scenario is the caller's mistake: exit code 2, the known ids, and nothing written."""
    file, out = tmp_path / "answer.txt", tmp_path / "out.txt"
    file.write_text("…", encoding="utf-8")
    assert label(file, "--scenario", "medicine", "-o", out) == 2
    error = capfd.readouterr().err
    assert "medicine" in error
    assert "medical" in error
    assert os.listdir(tmp_path) == ["answer.txt"]


def test_configuration(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`--config` counts before and behind the command; `mode: observe` changes nothing and says so."""
    config, file = tmp_path / "labeler.yaml", tmp_path / "answer.txt"
    config.write_text("mode: observe\n", encoding="utf-8")
    file.write_text("原文\n", encoding="utf-8")
    assert main(["--config", str(config), "label", str(file)]) == 0
    assert label(file, "--config", config) == 0
    out, err = capfd.readouterr()
    assert out == "原文\n" * 2
    assert err.count("only observed, would be applied") == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("一\r\n二\r\n", f"{MARKER}\r\n\r\n一\r\n二\r\n\r\n{GENERAL}\r\n"),
        ("一\n二\n\n", f"{MARKER}\n\n一\n二\n\n{GENERAL}\n\n"),
        ("一\r\n二\n三", f"{MARKER}\n\n一\r\n二\n三\n\n{GENERAL}"),
        ("\ufeff一\r\n", f"\ufeff{MARKER}\r\n\r\n一\r\n\r\n{GENERAL}\r\n"),
    ],
    ids=["crlf", "lf", "mixed", "byte order mark"],
)
def test_line_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    before: str,
    after: str,
) -> None:
    """Line ends and a byte order mark stay as they are; labels take over the line ends of the text."""
    file = tmp_path / "answer.txt"
    file.write_bytes(before.encode())
    assert label(file, "-q") == 0
    assert capfdbinary.readouterr().out == after.encode()
    stdin(monkeypatch, before.encode())
    assert label("-", "-q") == 0
    assert capfdbinary.readouterr().out == after.encode()


def test_twice_is_once(tmp_path: Path) -> None:
    """A file that is replaced by its labelled self can be labelled again without a change."""
    file = tmp_path / "answer.txt"
    file.write_bytes("一\r\n二\r\n".encode())
    assert label(file, "-o", file) == 0
    once = file.read_bytes()
    assert label(file, "-o", file) == 0
    assert file.read_bytes() == once
    assert MARKER.encode() in once


def test_html(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A page gets its disclaimer inside its body."""
    file = tmp_path / "page.HTML"
    file.write_text("<!DOCTYPE html><html><body><p>Hi</p></body></html>\n", encoding="utf-8")
    assert label(file) == 0
    assert capfd.readouterr().out == (
        f"<!DOCTYPE html><html><body>\n<p>{MARKER}</p><p>Hi</p><p>{GENERAL}</p>\n</body></html>\n"
    )


FRONTS = {
    "page": (
        "<!DOCTYPE html>\n<html>\n<body class='a'>",
        f"\n<p>{MARKER}</p>",
        "\n<h1>Hi</h1>\n",
        "</body></html>",
    ),
    "front matter": (
        "---\ntitle: 你好\ntags:\n  - a\n\n# no\n---\n",
        f"{MARKER}\n\n",
        "\n# Hi\n\n---\n\nyou",
        "",
    ),
    "CRLF": ("---\r\ntitle: a\r\n---\r\n", f"{MARKER}\r\n\r\n", "\r\nHi", ""),
    "a rule": ("", f"{MARKER}\n\n", "---\n\nHi\n---\n\nyou", ""),
    "an open page": ("", f"{MARKER}\n\n", "<html><body>Hi", ""),
}


@pytest.mark.parametrize("name", FRONTS)
def test_labels_stand_behind_what_comes_before_the_text(tmp_path: Path, name: str) -> None:
    """A page stays one for browsers, a site's generator finds its front matter; and twice is once."""
    front, said, rest, end = FRONTS[name]
    file = tmp_path / "file.md"
    file.write_bytes((front + rest + end).encode())
    for _ in range(2):
        assert label(file, "-o", file) == 0
        text = file.read_bytes().decode()
        assert text.startswith(front + said + rest)
        assert text.endswith(end)
        assert text.count(MARKER) == text.count(GENERAL) == 1


def test_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder is labelled into another one, text by text; a file that cannot be is named and not copied."""
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.txt").write_text("b", encoding="utf-8")
    (folder / "deep" / "a.md").write_text("a", encoding="utf-8")
    (folder / "picture.png").write_bytes(PNG)
    (folder / "latin1").write_bytes(b"caf\xe9")
    (folder / ".hidden").write_text("h", encoding="utf-8")
    assert label(folder, "-o", out) == 1
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == ["b.txt", os.path.join("deep", "a.md")]
    assert (out / "deep" / "a.md").read_text(encoding="utf-8") == f"{MARKER}\n\na\n\n{GENERAL}"
    error = capfd.readouterr().err
    assert "picture.png: the PNG ends before its IEND chunk" in error
    assert "latin1 is not UTF-8 text" in error


def test_folder_twice(tmp_path: Path) -> None:
    """What an earlier call wrote into a folder inside the folder is not labelled as its content."""
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    out = tmp_path / "labelled"
    assert [label(tmp_path, "-o", out) for _ in range(2)] == [0, 0]
    assert os.listdir(out) == ["a.txt"]


@pytest.mark.parametrize("arguments", [["in"], ["in", "-o", "file"], ["file", "-o", "in"], ["-", "-o", "in"]])
def test_wrong_calls(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    """A folder needs a folder to go to, and a text a file: anything else ends with 2."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "file").write_text("f", encoding="utf-8")
    assert label(*arguments) == 2
    assert "-o OUT" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.txt", None, "cannot be read: No such file"),
        ("picture.png", PNG, "the PNG ends before its IEND chunk"),
        ("latin1.txt", "café".encode("latin-1"), "is not UTF-8 text"),
    ],
)
def test_unreadable(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes | None, says: str
) -> None:
    """What cannot be read ends with 1 and the file's name, and OUT stays as it was."""
    file, out = tmp_path / name, tmp_path / "out.txt"
    out.write_text("before", encoding="utf-8")
    if content is not None:
        file.write_bytes(content)
    assert label(file, "-o", out) == 1
    captured = capfd.readouterr()
    assert f"{file}" in captured.err
    assert says in captured.err
    assert captured.out == ""
    assert out.read_text(encoding="utf-8") == "before"


def test_empty_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder without files is a mistake that is said."""
    (tmp_path / "in").mkdir()
    assert label(tmp_path / "in", "-o", tmp_path / "out") == 1
    assert "holds no file" in capfd.readouterr().err


def test_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that turns out not to be text in its middle leaves neither a file nor a part of one."""
    stdin(monkeypatch, "好的。".encode() * 100_000 + b"\xff")
    assert label("-o", tmp_path / "out.txt") == 1
    assert os.listdir(tmp_path) == []


def test_mode_of_the_file_stays(tmp_path: Path) -> None:
    """A replaced file keeps its permissions, and one behind a link is replaced, not the link."""
    file, link = tmp_path / "answer.txt", tmp_path / "link.txt"
    file.write_text("a", encoding="utf-8")
    file.chmod(0o640)
    link.symlink_to(file)
    assert label(link, "-o", link) == 0
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_text(encoding="utf-8").startswith(MARKER)


def test_device(tmp_path: Path) -> None:
    """A device as OUT is written to, never replaced."""
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    assert label(tmp_path / "a.txt", "-o", os.devnull) == 0
    assert not Path(os.devnull).is_file()


def test_pieces_leave_as_they_arrive() -> None:
    """A piece from stdin is on stdout, marker first, long before stdin ends."""
    command = [sys.executable, "-c", "import sys; from labeler.cli import main; sys.exit(main())", "label"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("第一段。".encode())
        process.stdin.flush()
        first = _until(process.stdout, "。")
        process.stdin.write("第二段。".encode())
        process.stdin.flush()
        second = _until(process.stdout, "。")
        rest, _ = process.communicate(timeout=10)
    assert first == f"{MARKER}\n\n第一段。"
    assert second == "第二段。"
    assert rest.decode() == f"\n\n{GENERAL}"
    assert process.returncode == 0


def _until(stream: IO[bytes], end: str) -> str:
    """What a pipe holds up to `end`, or up to where it is closed."""
    data = b""
    while not data.endswith(end.encode()) and (more := os.read(stream.fileno(), 1000)):
        data += more
    return data.decode()
