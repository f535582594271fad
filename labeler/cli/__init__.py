"""The command line: `labeler label | inspect | serve | policy | demo`.

Exit codes: 0 all is well; 1 the content or a check failed; 2 the call, the configuration or the
installation is wrong. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from labeler import __version__
from labeler.errors import LabelerError, MissingExtra, PolicyError

COMMANDS = ("label", "inspect", "serve", "policy", "demo")
"""Each is a module of this package with `add(commands)`, which sets `run` on its parser."""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="labeler",
        description="Labels for LLM output, as the law and good sense demand.",
        epilog="exit codes: 0 all is well; 1 the content or a check failed; 2 the call or the configuration is wrong",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    top.add_argument("--config", default=None, metavar="FILE", help=CONFIG_HELP)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"labeler.cli.{name}").add(commands)
    return top


CONFIG_HELP = "labeler.yaml; default: $LABELER_CONFIG, else the shipped policies alone"


def add_config(command: argparse.ArgumentParser) -> None:
    """Accept `--config` behind the command's name too."""
    command.add_argument("--config", default=argparse.SUPPRESS, metavar="FILE", help=CONFIG_HELP)


def config_path(arguments: argparse.Namespace) -> str | None:
    """The configuration file that the call names, or the environment, or none."""
    return arguments.config or os.environ.get("LABELER_CONFIG") or None


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    _open_streams()
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()  # where it fails, it is to fail here
    except (PolicyError, MissingExtra) as error:
        print(error, file=sys.stderr)
        return 2
    except LabelerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads the output has seen enough
        _forget_output()
        return 0
    except OSError as error:
        _forget_output()
        print(f"labeler: {error}", file=sys.stderr)
        return 1


def _run(argv: Sequence[str] | None) -> int:
    arguments = parser().parse_args(argv)
    code: int = arguments.run(arguments)
    return code


def _open_streams() -> None:
    """All output is in UTF-8, with what has none (file names may be bytes) escaped; a stream that the caller has
    closed takes everything, and gives nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _forget_output() -> None:
    """Let what is still to be written go, or the interpreter would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
