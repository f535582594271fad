"""`labeler policy check | explain | test | eval | schema`: policies, looked at without any traffic."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from labeler.claims import Claims
from labeler.cli import add_config, config_path, policy_eval, policy_explain
from labeler.config import Service, ServiceFile, load
from labeler.errors import Problem
from labeler.policy import Policy
from labeler.policy.load import fails, is_shipped
from labeler.policy.model import Example
from labeler.policy.people import spelled

_EPILOG = """\
examples:
  labeler policy check
  labeler --config labeler.yaml policy test
  labeler policy explain 孩子发烧39度怎么办
  labeler policy schema > policy.schema.json
"""


def add(commands: Any) -> None:
    """Add the command and its subcommands to the command line."""
    policy = _command(commands, "policy", "check, explain and test policies", _EPILOG)
    inside = policy.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    check = _command(inside, "check", "read everything and report all that is wrong", _EPILOG)
    check.set_defaults(run=run_check)
    explain = _command(inside, "explain", "show what a request would get, and why", policy_explain.EPILOG)
    policy_explain.add_to(explain)
    test = _command(inside, "test", "try the examples of all policies in use", _EPILOG)
    test.set_defaults(run=run_test)
    measure = "how well questions that somebody labelled are told apart"
    policy_eval.add_to(_command(inside, "eval", measure, policy_eval.EPILOG))
    schema = _command(inside, "schema", "print the JSON Schema for editors", _EPILOG)
    choices = ("policy", "config")
    schema.add_argument("of", nargs="?", choices=choices, default="policy", help="default: policy")
    schema.set_defaults(run=run_schema)


def _command(commands: Any, name: str, summary: str, epilog: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(command)
    return command


def run_check(arguments: argparse.Namespace) -> int:
    """Load all; problems end in PolicyError, which `main` prints with exit code 2."""
    service = load(config_path(arguments))
    for warning in _warnings(service):
        print(f"{_paint('warning', '33', sys.stderr)}: {warning}", file=sys.stderr)
    for policy in service.policies.policies:
        print(_summary(policy, service))
    print(f"{len(service.policies.policies)} policies, revision {service.policies.revision}: no problems")
    return 0


def _summary(policy: Policy, service: Service) -> str:
    says = [f"marker at {policy.marker.place}"] if policy.marker else []
    says += [f"disclaimer at {one.place}" for one in policy.disclaimers]
    says += [f"pictures at {policy.picture.label.position}"] if policy.picture else []
    says += [f"guard {name} ({guard.action})" for name, guard in policy.guards.items()]
    says += [f"hand-off at {policy.handoff.place}"] if policy.handoff else []
    says += [f"reminder every {spelled(policy.remind.every)}"] if policy.remind else []
    default = " (default)" if policy.id == service.default else ""
    examples = f"{len(policy.examples)} example{'' if len(policy.examples) == 1 else 's'}"
    return f"{policy.id}{default} version {policy.version}: {', '.join(says)}; {policy.on_failure} on failure; {examples}"


def _warnings(service: Service) -> Iterator[Problem]:
    """What is allowed but should be known."""
    for source in service.policies.sources:
        at = source.document.problem
        if source.policy.streams == "end-only":
            yield at(("streams",), "a stream that breaks off leaves without its explicit label")
        if source.policy.on_failure == "pass":
            yield at(("on_failure",), "an answer that cannot be labelled leaves without labels")
        if source.policy.marker and source.policy.marker.place == "interface":
            yield at(("marker", "place"), "the page itself has to show the label all the time")
    yield from service.warnings


def run_test(arguments: argparse.Namespace) -> int:
    """Try every example; 1 where one leads elsewhere than it says, or a house exempts its own example's route. Those
    of shipped policies know nothing of a house's own."""
    service = load(config_path(arguments))
    policies, claims = service.policies, Claims(service)
    failed = total = 0
    own = {source.policy.id for source in policies.sources if not is_shipped(source)}
    for source in policies.sources:
        beside = own if is_shipped(source) else set()
        for number, example in enumerate(source.policy.examples):
            total += 1
            differs, why = fails(policies, example, beside), ""
            claim = claims(example.route, "POST")
            if claim.exempt and example.scenarios and not is_shipped(source):
                differs, why = (example.scenarios, ()), f" ({claim.path} is exempt: {claim.exempt})"
            failed += differs is not None
            place = source.document.problem(("examples", number), "", "")
            print(_result(f"{place.file}:{place.line}", _asked(example), differs) + why)
    print(f"{total} examples, {failed} failed")
    return 1 if failed else 0


def _asked(example: Example) -> str:
    """What the user writes, and what else of the request the example gives."""
    facts = [
        f"{name} {getattr(example, name)}" for name in ("route", "model") if name in example.model_fields_set
    ]
    facts += [f"{name}: {value}" for name, value in example.headers.items()]
    return " / ".join(example.ask) + (f" ({', '.join(facts)})" if facts else "")


def _result(place: str, ask: str, differs: tuple[Iterable[str], Iterable[str]] | None) -> str:
    if differs is None:
        return f"{_paint('pass', '32', sys.stdout)} {place} {ask}"
    expected, found = (f"[{', '.join(sorted(names))}]" for names in differs)
    return f"{_paint('FAIL', '31', sys.stdout)} {place} {ask}: expected {expected}, found {found}"


def run_schema(arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of a policy file or of labeler.yaml."""
    model = Policy if arguments.of == "policy" else ServiceFile
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    print(json.dumps(schema, ensure_ascii=False, indent=2))
    return 0


def _paint(text: str, colour: str, stream: TextIO) -> str:
    """Colour on a terminal alone, and not where NO_COLOR is set (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or not stream.isatty()
    return text if plain else f"\x1b[{colour}m{text}\x1b[0m"
