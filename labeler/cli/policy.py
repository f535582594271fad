"""`labeler policy check | explain | test | eval | schema`: policies, looked at without any traffic."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from labeler.claims import Claim, Claims
from labeler.cli import add_config, config_path, policy_eval
from labeler.config import Service, ServiceFile, load
from labeler.errors import Problem
from labeler.policy import Policy, decide
from labeler.policy.load import fails
from labeler.values import Because, Exchange, Verdict

ROUTE = "/v1/chat/completions"

_EPILOG = """\
examples:
  labeler policy check
  labeler --config labeler.yaml policy test
  labeler policy explain 孩子发烧39度怎么办
  labeler policy schema > policy.schema.json
"""

_EXPLAIN = """\
examples:
  labeler policy explain 孩子发烧39度怎么办
  labeler policy explain "How does this coat fit?" --model shop-assistant --json
  labeler policy explain 你好 --header "X-Labeler-Scenario: medical"
  labeler policy explain 那要吃多少？ --messages earlier.json

FILE is JSON: the messages before TEXT, as strings (the user's) or as {"role": ..., "content": ...}.

--json has `effect` beside the decision, which is what a service makes of it on this route: `labelled`,
`observed`, `exempt`, `unclaimed` or `refused`.
"""


def add(commands: Any) -> None:
    """Add the command and its subcommands to the command line."""
    policy = _command(commands, "policy", "check, explain and test policies", _EPILOG)
    inside = policy.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    check = _command(inside, "check", "read everything and report all that is wrong", _EPILOG)
    check.set_defaults(run=run_check)
    _add_explain(_command(inside, "explain", "show what a request would get, and why", _EXPLAIN))
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


def _add_explain(explain: argparse.ArgumentParser) -> None:
    explain.add_argument("text", metavar="TEXT", nargs="?", help="the user's last message")
    explain.add_argument("--route", default=ROUTE, metavar="PATH", help=f"default: {ROUTE}")
    explain.add_argument("--model", default="", metavar="NAME", help="the model that the request names")
    explain.add_argument(
        "--header", action="append", default=[], type=_header, metavar="NAME:VALUE", help="may be repeated"
    )
    explain.add_argument(
        "--messages", type=_messages, default=(), metavar="FILE", help="a conversation so far"
    )
    explain.add_argument("--json", action="store_true", help="for programs: one JSON object")
    explain.set_defaults(run=run_explain)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        message = f"'{text}' is no header; write NAME:VALUE"
        raise argparse.ArgumentTypeError(message)
    return name.strip().lower(), value.strip()


def _messages(file: str) -> tuple[str, ...]:
    try:
        messages = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        message = f"{file}: {error}"
        raise argparse.ArgumentTypeError(message) from None
    if not isinstance(messages, list):
        message = f"{file}: must hold a JSON list of messages"
        raise argparse.ArgumentTypeError(message)
    return tuple(text for message in messages for text in _user_text(message, file))


def _user_text(message: Any, file: str) -> Iterator[str]:
    if isinstance(message, str):
        yield message
    elif isinstance(message, Mapping) and "role" in message:
        if message["role"] == "user":
            yield _content(message.get("content"))
    else:
        text = f"{file}: a message is a string or an object with `role` and `content`"
        raise argparse.ArgumentTypeError(text)


def _content(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, Mapping) and "text" in part)


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
    default = " (default)" if policy.id == service.default else ""
    examples = f"{len(policy.examples)} examples"
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
    """Try every example; 1 where one leads elsewhere than it says."""
    policies = load(config_path(arguments)).policies
    failed = total = 0
    for source in policies.sources:
        for number, example in enumerate(source.policy.examples):
            total += 1
            differs = fails(policies, example)
            failed += differs is not None
            place = source.document.problem(("examples", number), "", "")
            print(_result(f"{place.file}:{place.line}", example.ask[-1], differs))
    print(f"{total} examples, {failed} failed")
    return 1 if failed else 0


def _result(place: str, ask: str, differs: tuple[Iterable[str], Iterable[str]] | None) -> str:
    if differs is None:
        return f"{_paint('pass', '32', sys.stdout)} {place} {ask}"
    expected, found = (f"[{', '.join(sorted(names))}]" for names in differs)
    return f"{_paint('FAIL', '31', sys.stdout)} {place} {ask}: expected {expected}, found {found}"


def run_explain(arguments: argparse.Namespace) -> int:
    """Decide on one request and say what would be said, and because of what."""
    text = () if arguments.text is None else (arguments.text,)
    messages = (*arguments.messages, *text)
    if not messages:
        print("labeler policy explain: TEXT or --messages FILE is needed", file=sys.stderr)
        return 2
    service = load(config_path(arguments))
    claim = Claims(service)(arguments.route, "POST")
    verdict = _verdict(service, claim, arguments, messages)
    effect, why = _effect(service, claim)
    if arguments.json:
        print(json.dumps({**_plain(verdict), "effect": effect}, ensure_ascii=False, indent=2))
    else:
        print("\n".join([*([why] if why else []), *_report(verdict)]))
    return 0


def _effect(service: Service, claim: Claim) -> tuple[str, str]:
    """What a running service makes of the decision on this route: in a word, and for people where it is not
    to label."""
    if claim.exempt:
        return "exempt", f"NOT labelled: {claim.path} is exempt"
    if claim.dialect is None:
        why = f"nothing claims {claim.path}; name it under `routes:` with a dialect"
        if service.unclaimed == "block" and service.mode == "enforce":
            return "refused", f"NOT answered (`unclaimed: block`): {why}"
        return "unclaimed", f"NOT labelled: {why}"
    if service.mode == "observe":
        return "observed", "NOT labelled: `mode: observe` only reports what would be said"
    return "labelled", ""


def _verdict(
    service: Service, claim: Claim, arguments: argparse.Namespace, messages: tuple[str, ...]
) -> Verdict:
    """The decision, the operator's route rules included, as a running service makes it."""
    if claim.exempt:
        because = Because("", f"routes: {claim.rule} is exempt", (claim.exempt,))
        return Verdict((), (), (because,), service.policies.revision, service.language)
    exchange = Exchange(
        route=claim.path,
        headers=dict(arguments.header),
        model=arguments.model,
        messages=messages,
        assumed=claim.scenarios,
    )
    return decide(service.policies, exchange)


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "scenarios": verdict.scenarios,
        "labels": [asdict(stamp) for stamp in verdict.stamps],
        "because": [asdict(reason) for reason in verdict.because],
        "language": verdict.language,
        "revision": verdict.revision,
        "on_failure": verdict.on_failure,
        "structured": verdict.structured,
        "picture": asdict(verdict.picture),
    }


def _report(verdict: Verdict) -> Iterator[str]:
    yield f"scenarios: {', '.join(verdict.scenarios) or 'none'}"
    yield "because:"
    for reason in verdict.because:
        found = f"  found {', '.join(f'「{one}」' for one in reason.found)}" if reason.found else ""
        yield f"  {reason.scenario or '-'}  {reason.rule}{found}"
    yield "said:" if verdict.stamps else "said: nothing"
    for stamp in verdict.stamps:
        explicit = ", explicit label" if stamp.explicit else ""
        yield f"  {stamp.kind} at {stamp.place} ({stamp.policy}{explicit}): {stamp.words}"
    if verdict.scenarios:
        look = verdict.picture.look
        words = " / ".join(look.words.splitlines())
        yield f"  on pictures at {look.position}, letters {look.size:.0%} of the shortest side: {words}"
        yield f"  in pictures' files: the AIGC record ({verdict.picture.record})"
    yield f"language {verdict.language}, {verdict.on_failure} on failure, revision {verdict.revision}"


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
