"""`labeler demo`: four questions and a picture, asked for directly and through the gateway."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import Any

from labeler.cli import add_config, config_path
from labeler.config import PREFIX, Service, load
from labeler.engine import Labeler
from labeler.errors import MissingExtra

EPILOG = """Everything runs in this process, on two free ports of the loopback: a chat API with answers of its
own, and the gateway before it. The exit code is 1 if an answer does not come out as promised.

examples:
  labeler demo
  labeler demo --config labeler.yaml          with your policies
  labeler demo | less                         without columns and colours (NO_COLOR: without colours)"""


PROVIDER = {
    f"{PREFIX}PROVIDER__NAME": "示例科技有限公司",
    f"{PREFIX}PROVIDER__CREDIT_CODE": "91350100M000100Y43",
}
"""An example, with a code whose check digit is right."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "demo",
        help="see it work: four questions and a picture, before and after; no key, no network",
        description="Ask an API four questions and for a picture, directly and through the gateway, with the openai SDK.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the demo. Raises MissingExtra where a package of the extra `demo` is missing."""
    for package in ("openai", "aiohttp", "uvicorn"):
        try:
            import_module(package)
        except ImportError as error:
            raise MissingExtra(package, "demo") from error
    from labeler.cli.demo.show import show

    return show(Labeler(_service(config_path(arguments))))


def _service(path: str | None) -> Service:
    """The call's own, or the demo's: with a provider, so that the picture gets its AIGC record."""
    own = path or any(name.startswith(f"{PREFIX}PROVIDER__") for name in os.environ)
    return load(path, environ=os.environ if own else PROVIDER | os.environ)
