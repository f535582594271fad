"""`labeler inspect`: what the labels in picture files say, and what is wrong with them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any, NamedTuple

from labeler.cli.label_files import files_in
from labeler.cli.label_report import printable
from labeler.cli.label_work import is_picture
from labeler.errors import ContentError
from labeler.inspection import Inspection, RecordFound, inspect
from labeler.labels.record_rules import LABELS

EPILOG = """examples:
  labeler inspect picture.png
  labeler inspect published/ --json > labels.json
  labeler inspect *.jpg && echo all of them carry one valid record

PNG, JPEG, GIF, WebP, TIFF, BMP, HEIC and AVIF can be read. Of a folder every picture is looked at, told by
its first bytes or its name, those inside its folders too; hidden ones (.git …) are left out, and so are other
files, which are counted on stderr. Links to folders and folders that cannot be read are named there.

--json prints an array with an object for each file: `file`, `format`, `valid`, `width`, `height`,
`frames`, `records` (each with `carrier`, `fields`, `problems`, `notes`, `text`), `problems`, `visible`,
`signed`, `source_type`; of a file that cannot be read, `file`, an empty `format`, no `records`, `error`.

exit codes: 0 every file carries exactly one valid record; 1 one does not, or cannot be read;
2 the call is wrong"""

_START = 1024  # bytes that tell a picture
_NAMES = MimeTypes()


class _Seen(NamedTuple):
    """A file, and what was found in it or why it could not be read."""

    file: str
    inspection: Inspection | None
    error: str = ""

    @property
    def sound(self) -> bool:
        return self.inspection is not None and self.inspection.valid


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "inspect",
        help="show and check the labels in picture files",
        description="Show the labels in picture files, and check them against GB 45438-2025.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="FILE | FOLDER")
    parser.add_argument("--json", action="store_true", help="print an array of objects instead of lines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Inspect what the call names; 1 where a file is not as it has to be."""
    others: list[Path] = []
    seen = (one for path in arguments.paths for one in _looked_at(Path(path), others))
    sound = _print_json(seen) if arguments.json else _print_lines(seen)
    if others:
        kinds = ", ".join(sorted({path.suffix.lower() or path.name for path in others}))
        files = "1 file" if len(others) == 1 else f"{len(others)} files"
        print(printable(f"left out: {files} that are no pictures ({kinds})"), file=sys.stderr)
    return 0 if sound else 1


def _looked_at(path: Path, others: list[Path]) -> Iterator[_Seen]:
    """What a file holds, or each picture in a folder; what is no picture there is added to `others`."""
    if not path.is_dir():
        yield _seen(path)
        return
    some = False
    for file, wrong in files_in(path):
        if not wrong and _is_other(file):
            others.append(file)
        else:
            some = True
            yield _Seen(str(file), None, wrong) if wrong else _seen(file)
    if not some:
        yield _Seen(str(path), None, "the folder holds no picture")


def _is_other(file: Path) -> bool:
    """Whether neither its name nor its first bytes say that a file is a picture; one that cannot be read may
    be one."""
    kind, _ = _NAMES.guess_type(file.name, strict=False)
    if kind is not None and kind.startswith("image/"):
        return False
    try:
        with file.open("rb") as opened:
            return not is_picture(opened.read(_START))
    except OSError:
        return False


def _seen(path: Path) -> _Seen:
    try:
        return _Seen(str(path), inspect(path.read_bytes()))
    except OSError as error:
        return _Seen(str(path), None, f"cannot be read: {error.strerror}")
    except ContentError as error:
        return _Seen(str(path), None, str(error))


def _print_json(seen: Iterable[_Seen]) -> bool:
    """One array, written file by file: a folder may hold many."""
    sound, lead = True, "[\n"
    for one in seen:
        text = json.dumps(_plain(one), ensure_ascii=False, indent=2)
        print(lead + text.encode("utf-8", "backslashreplace").decode(), end="")  # file names may be bytes
        sound, lead = sound and one.sound, ",\n"
    print("\n]")
    return sound


def _plain(one: _Seen) -> dict[str, Any]:
    if one.inspection is None:
        return {"file": one.file, "format": "", "records": [], "error": one.error}
    return {"file": one.file, **one.inspection.to_dict()}


def _print_lines(seen: Iterable[_Seen]) -> bool:
    sound = True
    for one in seen:
        if one.inspection is None:
            print(f"{printable(one.file)}: {one.error}", file=sys.stderr)
        else:
            print("\n".join(_lines(one.file, one.inspection)))
        sound = sound and one.sound
    return sound


def _lines(file: str, found: Inspection) -> Iterator[str]:
    frames = f", {found.frames} frames" if found.frames > 1 else ""
    verdict = "one valid AIGC record" if found.valid else "NOT as the rule asks"
    yield f"{printable(file)}: {found.format} {found.width}x{found.height}{frames}, {verdict}"
    for record in found.records:
        yield from _record(record)
    yield f"  visible label: {printable(found.visible) or 'nothing vouches for one'}"
    if found.signed:
        yield "  C2PA: carries a manifest (not verified)"
    if found.source_type:
        yield f"  IPTC: {printable(found.source_type)}"
    yield from (f"  problem: {problem}" for problem in found.problems)


def _record(record: RecordFound) -> Iterator[str]:
    yield f"  record in {printable(record.carrier)}:"
    for name, value in record.fields.items():
        meaning = f"  ({LABELS[value]})" if name == "Label" and value in LABELS else ""
        yield f"    {name:<18}{printable(value)}{meaning}"
    yield from (f"    problem: {printable(problem)}" for problem in record.problems)
    yield from (f"    note: {printable(note)}" for note in record.notes)
