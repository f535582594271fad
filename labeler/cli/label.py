"""`labeler label`: a text, a file or a folder of texts leaves labelled."""

from __future__ import annotations

import argparse
import codecs
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from labeler.about import About
from labeler.cli import add_config, config_path
from labeler.engine import Labeler
from labeler.errors import ContentError
from labeler.values import Outcome

SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm", "")
"""Of the files that can be labelled today, in lower case; all of them hold UTF-8 text."""

EPILOG = """examples:
  labeler label answer.md -o labelled.md
  labeler label --question "孩子发烧39度怎么办" < answer.txt
  labeler label drafts/ --scenario ecommerce -o labelled/
  your-model | labeler label                  pieces leave as they arrive

Text can be labelled: .txt, .md, .markdown, .html, .htm, and files without a suffix, in UTF-8. Of a
folder, files of other kinds are named on stderr and not copied; hidden ones (.git …) are left out."""

_BOM = "\ufeff"
_LONE = re.compile(r"(?<!\r)\n")
_BLOCK = 64 * 1024
Label = Callable[[Iterable[str]], Iterable[str]]


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "label",
        help="label a text, a file or a folder of files",
        description="Label generated text: the marker before it, the disclaimers of its scenarios after it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "path", nargs="?", default="-", metavar="FILE | FOLDER", help="default: stdin, as `-`"
    )
    parser.add_argument(
        "--scenario",
        action="append",
        metavar="ID",
        help="the policy that applies, instead of what the question tells; may be repeated",
    )
    parser.add_argument(
        "--question", default="", metavar="TEXT", help="what the user asked; tells the scenario"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="a file, or a folder for a FOLDER; default: stdout"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary on stderr")
    add_config(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the command: who labels, by what, and where the outcomes arrive."""

    labeler: Labeler
    about: About
    outcomes: list[Outcome]
    quiet: bool

    def whole(self, pieces: Iterable[str]) -> Iterable[str]:
        """Label a text that is judged as a whole."""
        return [self.labeler.text("".join(pieces), **self.about).content]

    def stream(self, pieces: Iterable[str]) -> Iterable[str]:
        """Label a text while it arrives."""
        return self.labeler.stream(pieces, **self.about)

    def report(self, name: str, out: Path | None) -> int:
        """Say what became of the last text; 1 where it had to be labelled and is not."""
        outcome = self.outcomes[-1]
        if not self.quiet:
            lead = "\n" if out is None and sys.stdout.isatty() else ""
            print(f"{lead}{name}: {_summary(outcome)}", file=sys.stderr)
        return 1 if outcome.state == "failed" else 0


def _summary(outcome: Outcome) -> str:
    reason = f" ({outcome.reason})" if outcome.reason else ""
    scenarios = " ".join(outcome.verdict.scenarios) if outcome.verdict else ""
    observed = "only observed, would be " if outcome.observed else ""
    return f"{observed}{outcome.state}{reason}, scenarios {scenarios or 'none'}, number {outcome.number}"


def run(arguments: argparse.Namespace) -> int:
    """Label what the call names. Raises ContentError for what cannot be read, labelled or written."""
    outcomes: list[Outcome] = []
    labeler = Labeler.load(config_path(arguments), on_outcome=outcomes.append)
    about: About = {"question": arguments.question}
    if arguments.scenario:
        about["scenarios"] = arguments.scenario
    call = Call(labeler, about, outcomes, arguments.quiet)
    out = Path(arguments.output) if arguments.output else None
    if arguments.path == "-":
        return _stdin(call, out)
    path = Path(arguments.path)
    if not path.is_dir():
        return _refused(out) or _file(call, path, out)
    if out is None or (out.exists() and not out.is_dir()):
        print(f"labeler label: {path} is a folder; name another one with -o OUT", file=sys.stderr)
        return 2
    return _folder(call, path, out)


def _refused(out: Path | None) -> int:
    if out is None or not out.is_dir():
        return 0
    print(f"labeler label: {out} is a folder; name a file with -o OUT", file=sys.stderr)
    return 2


# The three kinds of input.


def _stdin(call: Call, out: Path | None) -> int:
    if code := _refused(out):
        return code
    source = cast(BufferedReader, sys.stdin.buffer)
    if sys.stdin.isatty() and not call.quiet:
        print("labeler label: reading from the terminal; Ctrl-D ends the text", file=sys.stderr)
    blocks = iter(lambda: source.read1(_BLOCK), b"")
    _write(out, labelled(_decoded(blocks, "standard input"), call.stream))
    return call.report("standard input", out)


def _file(call: Call, path: Path, out: Path | None) -> int:
    _write(out, labelled(_decoded([_read(path)], str(path)), call.whole))
    return call.report(str(path), out)


def _folder(call: Call, folder: Path, out: Path) -> int:
    code = 0
    if not (files := _files(folder, out)):
        message = f"{folder} holds no file"
        raise ContentError(message)
    for path in files:
        try:
            code |= _file(call, path, out / path.relative_to(folder))
        except ContentError as error:
            print(error, file=sys.stderr)
            code = 1
    return code


def _files(folder: Path, out: Path) -> list[Path]:
    """The files of a folder, in order, without hidden ones and those of an earlier OUT inside it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    inside = out.resolve() if out.resolve() != folder.resolve() else None
    return [
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (inside is None or inside not in path.resolve().parents)
    ]


# From bytes to labelled pieces of text.


def _read(path: Path) -> bytes:
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(suffix for suffix in SUFFIXES if suffix)
        message = (
            f"{path}: {path.suffix} files are not supported; text can be labelled ({known}, no suffix),"
            " pictures and other media come with a later release"
        )
        raise ContentError(message)
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ContentError(message) from None


def _decoded(blocks: Iterable[bytes], name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks:
            yield decoder.decode(block)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8 text: {error.reason}; convert it first, for example with iconv"
        raise ContentError(message) from None
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}"
        raise ContentError(message) from None


def labelled(pieces: Iterable[str], label: Label) -> Iterator[str]:
    """Label a text between its edges: a byte order mark stays before the labels, the line ends at
    the text's end behind them, and the labels' own lines end as the text's do."""
    pieces = iter(pieces)
    first = next(pieces, "")
    if first.startswith(_BOM):
        yield _BOM
        first = first[1:]
    lines = Lines()
    for piece in label(map(lines.inside, chain([first], pieces))):
        yield lines.alike(piece)
    yield lines.tail


class Lines:
    """Follows the line ends of a text."""

    def __init__(self) -> None:
        self.tail = ""
        """Line ends that nothing has followed yet."""
        self._crlf = self._lone = False

    def inside(self, piece: str) -> str:
        """The next piece without the line ends that may be the text's last; they wait."""
        text = self.tail + piece
        inside = text.rstrip("\r\n")
        self.tail = text[len(inside) :]
        self._crlf = self._crlf or "\r\n" in text
        self._lone = self._lone or _LONE.search(text) is not None
        return inside

    def alike(self, piece: str) -> str:
        """A labelled piece; where all lines so far ended in CRLF, the labels' do too."""
        return _LONE.sub("\r\n", piece) if self._crlf and not self._lone else piece


# Writing, never half a file.


def _write(out: Path | None, pieces: Iterable[str]) -> None:
    try:
        if out is None:
            _pour(sys.stdout.buffer, pieces)
        else:
            _put(out, pieces)
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"{out or 'standard output'} cannot be written: {error.strerror}"
        raise ContentError(message) from None


def _put(out: Path, pieces: Iterable[str]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists() and not out.is_file():  # a pipe or a device: nothing to replace
        with out.open("wb") as file:
            _pour(file, pieces)
    else:
        _replace(Path(os.path.realpath(out)), pieces)


def _replace(out: Path, pieces: Iterable[str]) -> None:
    part = out.with_name(f".labeler-{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            _pour(file, pieces)
        if out.exists():
            shutil.copymode(out, part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _pour(file: BinaryIO, pieces: Iterable[str]) -> None:
    for piece in pieces:
        if piece:
            file.write(piece.encode())
            file.flush()
