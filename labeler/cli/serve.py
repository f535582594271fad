"""`labeler serve`: the gateway in front of an existing API."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
from types import FrameType
from typing import Any, NoReturn

from labeler.cli import add_config, config_path
from labeler.deadline import shown
from labeler.engine import Labeler
from labeler.errors import LabelerError, MissingExtra, PolicyError, Problem
from labeler.response import told
from labeler.values import Outcome

EPILOG = """examples:
  labeler serve --upstream https://api.deepseek.com
  labeler serve --upstream http://127.0.0.1:8000 --host 0.0.0.0 --port 9000
  labeler serve --config labeler.yaml          its gateway.upstreams, policies and routes

Then give clients http://HOST:PORT instead of the upstream's URL; paths, queries, bodies and keys
stay as they are. GET /_labeler/health tells whether the gateway is up. SIGTERM lets running answers
end, for 25 seconds at most."""

LEVELS = ("debug", "info", "warning", "error")
LEVEL_HELP = "default: warning; under `mode: observe` info, with a line for each answer"
_DRAIN = 25
"""Seconds that running answers get at the end: orchestrators kill 30 seconds after SIGTERM."""
_KEEP_ALIVE = 75
"""Seconds that a client's idle connection stays: longer than a load balancer's 60, so that it is the
balancer who closes and no request meets a closing end."""

log = logging.getLogger("labeler")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve",
        help="the gateway: labels for an existing API, no code changed",
        description="Stand in front of an API that speaks a known dialect and label its answers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--upstream", metavar="URL", help="the API's base URL; default: gateway.upstreams")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at; default: %(default)s")
    parser.add_argument("--port", default=8080, type=int, help="default: %(default)s; 0 takes a free one")
    parser.add_argument("--log-level", choices=LEVELS, help=LEVEL_HELP)
    add_config(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    try:
        import uvicorn
    except ImportError as error:
        package = "uvicorn"
        raise MissingExtra(package, "gateway") from error
    from labeler.gateway.app import fronted, gateway

    _log(arguments.log_level or "warning")
    labeler = Labeler.load(config_path(arguments), on_outcome=_report)
    if labeler.service.mode == "observe" and not arguments.log_level:
        log.setLevel(logging.INFO)
    app = gateway(labeler, arguments.upstream)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,  # the upstream's own pass
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_DRAIN,
    )
    with _listen(arguments.host, arguments.port) as listener:
        signal.signal(signal.SIGTERM, _end)
        behind = ", ".join(f"{shown(one.url)} ({one.path})" for one in fronted(labeler, arguments.upstream))
        print(f"listening on {_url(listener)}, in front of {behind}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        problem = Problem(f"--host {host} --port {port}", 0, 0, "", f"cannot listen there: {reason}")
        raise PolicyError(problem) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """uvicorn raises the signal anew after its clean end; to us that is no failure."""
    sys.exit(0)


def _report(outcome: Outcome) -> None:
    if outcome.state in ("failed", "degraded") and not outcome.observed:
        log.warning("%s", told(outcome))


def _log(level: str) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=level.upper())
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """A transfer that had to break has its line already; uvicorn's traceback says nothing more."""
    return not (record.exc_info and isinstance(record.exc_info[1], LabelerError))
