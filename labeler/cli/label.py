"""`labeler label`: texts and pictures leave labelled: a stream, a file, a folder of them."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from labeler.about import About
from labeler.cli import add_config, config_path
from labeler.cli.label_files import Job, ended_in_order, one_place, planned, wrong
from labeler.cli.label_report import Done, line, print_json
from labeler.cli.label_work import Work
from labeler.cli.progress import Bar
from labeler.engine import Labeler
from labeler.errors import ContentError, PolicyError, Problem
from labeler.values import Outcome

EPILOG = """examples:
  labeler label answer.md -o labelled.md
  labeler label --question "孩子发烧39度怎么办" < answer.txt
  your-model | labeler label                  pieces leave as they arrive
  labeler label poster.png -o labelled.png
  labeler label drafts/ --scenario ecommerce -o labelled/
  labeler label *.jpg -o labelled/ --json > outcomes.json

Pictures can be labelled in PNG, JPEG, GIF, WebP, TIFF, BMP, AVIF and HEIC, told by their first bytes
whatever their names are; text in UTF-8, in files named .txt, .md, .markdown, .html, .htm or without
a suffix. Files of other kinds are named on stderr and not copied, and so are links to folders and folders
that cannot be read; hidden ones (.git …) in a folder are left out. A folder's tree stays as it is. A file
is replaced only where OUT names it or holds it, and in one step. A picture stays in its format.

--json prints an array with an object for each file: `file`, `output`, `state`, `reason`, `observed`,
`scenarios`, `number`, `notes`, and of a picture `format`, `visible`, `record`, `outside`; of a file that
could not be labelled, `file`, `output` (null), `state` (failed), `reason`.

exit codes: 0 every file is labelled, or needs no label; 1 one is not, the others are; 2 the call, the
configuration or the installation is wrong"""

_BLOCK = 64 * 1024


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "label",
        help="label texts and pictures: a stream, files, folders",
        description="Label generated texts (the marker before, the disclaimers of their scenarios after)"
        " and pictures (the visible label, the implicit record).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="FILE | FOLDER", help="default: stdin, as `-`")
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
        "-o",
        "--output",
        metavar="OUT",
        help="a file; a folder for a FOLDER, several files, or with a slash at its end; default: stdout",
    )
    parser.add_argument(
        "--only", choices=("visible", "record"), default="", help="of pictures: one of the two labels"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary on stderr")
    parser.add_argument(
        "--json", action="store_true", help="the summary as JSON on stdout instead; needs -o OUT"
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Label what the call names. Raises PolicyError for a call or a configuration that is wrong."""
    if arguments.json and not arguments.output:
        wrong("--json goes to stdout, as the content does; name a place for the content with -o OUT")
    paths = arguments.paths or ["-"]
    if "-" in paths and len(paths) > 1:
        wrong("`-` is standard input, and goes with no other file")
    outcomes: deque[Outcome] = deque(maxlen=1)
    labeler = Labeler.load(config_path(arguments), on_outcome=outcomes.append)
    if arguments.only == "record":
        _check_provider(labeler, config_path(arguments))
    about: About = {"question": arguments.question}
    if arguments.scenario:
        about["scenarios"] = arguments.scenario
    work = Work(labeler, about, arguments.only, outcomes)
    with ended_in_order():
        if paths == ["-"]:
            all_done = [_stdin(work, one_place(arguments.output), arguments)]
        else:
            all_done = _files(work, planned(paths, arguments.output), arguments)
    if arguments.json:
        print_json(all_done)
    return max(done.code for done in all_done)


def _check_provider(labeler: Labeler, config: str | None) -> None:
    provider = labeler.service.provider
    if provider is None or not provider.producer:
        message = "is missing, and the record (--only record) names who offers the service by it"
        hint = "give `provider:` a `name` and a `credit_code` in labeler.yaml"
        raise PolicyError(Problem(config or "labeler.yaml", 0, 0, "provider.credit_code", message, hint))


def _stdin(work: Work, out: Path | None, arguments: argparse.Namespace) -> Done:
    if sys.stdin.isatty() and not arguments.quiet:
        print("labeler label: reading from the terminal; Ctrl-D ends the text", file=sys.stderr)
    done = work.stream(_blocks(cast(BufferedReader, sys.stdin.buffer)), "standard input", out)
    if _told(done, arguments):
        print(_lead(out) + line(done), file=sys.stderr)
    return done


def _blocks(source: BufferedReader) -> Iterator[bytes]:
    try:
        while block := source.read1(_BLOCK):
            yield block
    except OSError as error:
        message = f"standard input cannot be read: {error.strerror}"
        raise ContentError(message) from None


def _files(work: Work, jobs: list[Job], arguments: argparse.Namespace) -> list[Done]:
    all_done = []
    with Bar(len(jobs)) as bar:
        for job, done in zip(jobs, work.each(jobs), strict=True):
            bar.step()
            if _told(done, arguments):
                bar.say(_lead(job.target) + line(done))
            all_done.append(done)
    return all_done


def _told(done: Done, arguments: argparse.Namespace) -> bool:
    """Whether people are told: of failures always, of the rest where nothing else is asked for."""
    return done.outcome is None or not (arguments.quiet or arguments.json)


def _lead(out: Path | None) -> str:
    """A text on a terminal ends without a line end of its own."""
    return "\n" if out is None and sys.stdout.isatty() else ""
