"""`labeler policy explain`: what a request would get, because of which rule, and what else is watched for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labeler.claims import Claim, Claims
from labeler.cli import config_path
from labeler.config import Service, load
from labeler.deadline import shown
from labeler.policy import decide
from labeler.policy.assemble import reminder
from labeler.policy.people import spelled
from labeler.scope import joined
from labeler.tenants import Tenants
from labeler.values import Because, Exchange, Verdict

ROUTE = "/v1/chat/completions"

EPILOG = """\
examples:
  labeler policy explain 孩子发烧39度怎么办
  labeler policy explain "How does this coat fit?" --model shop-assistant --json
  labeler policy explain 你好 --header "X-Labeler-Scenario: medical" --header "Authorization: Bearer KEY"
  labeler policy explain 那要吃多少？ --messages earlier.json

FILE is JSON: the messages before TEXT, as strings (the user's) or as {"role": ..., "content": ...}.

--json has `effect` beside the decision, which is what a service makes of it on this route: `labelled`,
`observed`, `exempt`, `unclaimed` or `refused`.
"""


def add_to(explain: argparse.ArgumentParser) -> None:
    """The command's arguments."""
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
    explain.set_defaults(run=run)


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


def run(arguments: argparse.Namespace) -> int:
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
        print("\n".join([*([why] if why else []), *_report(service, verdict)]))
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
    headers = joined((name.encode(), _sent(value)) for name, value in arguments.header)
    exchange = Exchange(
        route=claim.path,
        headers=headers,
        model=arguments.model,
        messages=messages,
        assumed=claim.scenarios,
        tenants=Tenants(service)(headers),
    )
    return decide(service.policies, exchange)


def _sent(value: str) -> bytes:
    """A header's value as curl sends it."""
    return value.encode("utf-8", "surrogateescape")


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


def _besides(service: Service, verdict: Verdict) -> Iterator[str]:
    """What the policies that apply look for in an answer, and do from time to time."""
    languages = (verdict.language, service.language)
    for rule in service.policies.guards(verdict.scenarios).all:
        yield f"  guard {rule.guard} ({rule.policy}): {rule.action}: {rule.said(languages)}"
    for policy in service.policies.policies:
        if policy.id in verdict.scenarios and policy.remind is not None:
            times = {0: "first reminder"} if policy.remind.first else {}
            for spans, what in (times | {1: f"reminder every {spelled(policy.remind.every)}"}).items():
                for stamp in reminder(policy, *languages, spans):
                    yield f"  {what} at {stamp.place} ({policy.id}): {stamp.words}"
        if policy.id in verdict.scenarios and policy.handoff is not None:
            webhook = policy.handoff.webhook
            yield f"  hand-off ({policy.id}): {f'told to {shown(webhook)}' if webhook else 'no webhook is told'}"


def _report(service: Service, verdict: Verdict) -> Iterator[str]:
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
    if besides := list(_besides(service, verdict)):
        yield "besides:"
        yield from besides
    yield f"language {verdict.language}, {verdict.on_failure} on failure, revision {verdict.revision}"
