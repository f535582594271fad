"""`labeler policy eval`: how well scenarios are told from questions, on questions that somebody labelled."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from labeler.cli import config_path
from labeler.cli.progress import watched
from labeler.config import load
from labeler.errors import PolicyError, Problem
from labeler.policy import PolicySet
from labeler.policy.decide import reasons
from labeler.policy.load import shipped
from labeler.policy.mistakes import nearest
from labeler.policy.patterns import well_formed
from labeler.policy.topics import Engine, all_lexicons
from labeler.values import Exchange

RISKS = ("medical", "legal", "finance", "psychology")
"""The scenarios whose label on a harmless question is counted as a false alarm."""

EPILOG = f"""\
examples:
  labeler policy eval questions.jsonl
  labeler --config labeler.yaml policy eval questions.jsonl --misses 50
  labeler policy eval questions.jsonl --out found.jsonl --json > result.json

FILE holds a JSON object in each line: {{"text": ..., "scenario": ...}}, and if need be "also", a list of
further scenarios that are no error, and "source", by which the result is broken down.

"scenario" is the id of the policy that the question belongs to. Where it is none of the risks
({", ".join(RISKS)}) the question is harmless, and a risk that is found in it a false
alarm. Give one that belongs to no policy the name "none". Of other names that no policy has you are told,
and their questions stand in a line of their own: a misspelt one makes a question harmless too.
"""

_NONE = "none"
_SHOWN = 100  # characters of a question
_CONFUSIONS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled question, and what was found in it: scenario ids, each with the words that decided."""

    text: str
    scenario: str
    also: tuple[str, ...]
    source: str
    found: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Score:
    """A scenario's counts: of questions that are its own, and of those that it was found in.

    A question of another scenario that names this one under `also` counts neither way.
    """

    rows: int
    right: int
    wrong: int

    @property
    def recall(self) -> float | None:
        return self.right / self.rows if self.rows else None

    @property
    def precision(self) -> float | None:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None


def add_to(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument("file", metavar="FILE", type=Path, help="labelled questions, JSON Lines")
    command.add_argument(
        "--out", metavar="FILE", type=Path, help="write each row back with `found`, a list of scenarios"
    )
    command.add_argument("--misses", metavar="N", type=int, default=3, help="per scenario; default 3")
    command.add_argument(
        "--topics", action="store_true", help="the lexicons alone, whatever policies say about them"
    )
    command.add_argument("--json", action="store_true", help="for programs: one JSON object")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Decide on every question, compare and report."""
    policies = load(config_path(arguments)).policies
    find = _topics(policies) if arguments.topics else _scenarios(policies)
    read = list(_read(arguments.file))
    rows = [_row(data, find) for data in watched(read)]
    if arguments.out is not None:
        _write(arguments.out, read, rows)
    names = _names(policies)
    result = summary(rows, arguments.misses, names, names - policies.constant - {_NONE})
    for name, count in _strange(rows, names).items():
        message = f"no policy has the name '{name}' ({count} row{'' if count == 1 else 's'})"
        print(Problem(str(arguments.file), 0, 0, "", message, nearest(name, sorted(names))), file=sys.stderr)
    if arguments.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_report(result)))
    return 0


Find = Callable[[str], dict[str, tuple[str, ...]]]


def _scenarios(policies: PolicySet) -> Find:
    """Scenarios that the policies find in a question, without those that always apply."""
    constant = policies.constant

    def find(text: str) -> dict[str, tuple[str, ...]]:
        because = reasons(policies, Exchange(messages=(text,)))
        return {one.scenario: one.found for one in because if one.scenario not in constant}

    return find


def _names(policies: PolicySet) -> frozenset[str]:
    """What a row may call a scenario: a policy in use or a shipped one, a topic, or none."""
    ids = {one.id for one in policies.policies} | {one.id for one in all_lexicons(policies.topics)}
    return frozenset(ids | {file.stem for file in shipped().glob("*.yaml")} | {_NONE})


def _strange(rows: Iterable[Row], names: frozenset[str]) -> Counter[str]:
    """How many rows have which name that is none."""
    return Counter(name for row in rows for name in {row.scenario, *row.also} - names)


def _topics(policies: PolicySet) -> Find:
    engine = Engine.of(all_lexicons(policies.topics))
    return lambda text: engine.find(well_formed(text))


def _read(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _checked(file, number, line)
    except OSError as error:
        _wrong(file, 0, f"the file cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        _wrong(file, 0, f"the file is not UTF-8: {error.reason} at byte {error.start}")


def _checked(file: Path, number: int, line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError as error:
        _wrong(file, number, f"the line is no JSON: {error}")
    if not isinstance(data, dict):
        _wrong(file, number, 'a row is an object, as in {"text": "...", "scenario": "medical"}')
    for name in ("text", "scenario"):
        if not isinstance(data.get(name), str):
            _wrong(file, number, "must be text", name)
    if not isinstance(data.get("source", ""), str):
        _wrong(file, number, "must be text", "source")
    also = data.get("also", [])
    if not isinstance(also, list) or not all(isinstance(one, str) for one in also):
        _wrong(file, number, "must be a list of scenarios", "also")
    return data


def _wrong(file: Path, line: int, message: str, field: str = "") -> NoReturn:
    raise PolicyError(Problem(str(file), line, 1 if line else 0, field, message)) from None


def _row(data: dict[str, Any], find: Find) -> Row:
    text = data["text"]
    return Row(text, data["scenario"], tuple(data.get("also", ())), data.get("source", ""), find(text))


def _write(file: Path, read: Iterable[dict[str, Any]], rows: Iterable[Row]) -> None:
    try:
        with file.open("w", encoding="utf-8", errors="backslashreplace") as out:  # as JSON has it
            for data, row in zip(read, rows, strict=True):
                out.write(json.dumps({**data, "found": list(row.found)}, ensure_ascii=False) + "\n")
    except OSError as error:
        _wrong(file, 0, f"the file cannot be written: {error.strerror}")


def summary(
    rows: Sequence[Row], misses: int, known: frozenset[str], sought: frozenset[str]
) -> dict[str, Any]:
    """Precision and recall per scenario, recall per source, confusions, false alarms and misses. Harmless
    rows whose scenario is not `known` count apart too: the name may be misspelt. Scenarios that are `sought`
    are told about where none was found, too."""
    found = {name for row in rows for name in row.found}
    names = sorted(found | ({row.scenario for row in rows} & (sought | {*RISKS})))
    harmless = [row for row in rows if row.scenario not in RISKS]
    return {
        "rows": len(rows),
        "scenarios": {name: _plain(score(rows, name)) for name in names},
        "sources": list(_sources(rows, names)),
        "harmless": _alarms(harmless),
        "harmless_unknown": _alarms([row for row in harmless if row.scenario not in known]),
        "harmless_sources": {
            source: _alarms([row for row in harmless if row.source == source])
            for source in sorted({row.source for row in harmless if row.source})
        },
        "confusions": [
            {"scenario": scenario, "found": name, "rows": count}
            for (scenario, name), count in _confusions(rows).most_common()
        ],
        "misses": [miss for name in names for miss in _misses(rows, name, misses)],
    }


def score(rows: Iterable[Row], name: str) -> Score:
    """Precision and recall of one scenario."""
    own = right = wrong = 0
    for row in rows:
        own += row.scenario == name
        if name in row.found:
            right += row.scenario == name
            wrong += row.scenario != name and name not in row.also
    return Score(own, right, wrong)


def _plain(score: Score) -> dict[str, Any]:
    return {**asdict(score), "precision": score.precision, "recall": score.recall}


def _sources(rows: Sequence[Row], names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        own = [row for row in rows if row.scenario == name and row.source]
        for source in sorted({row.source for row in own}):
            of_source = score([row for row in own if row.source == source], name)
            yield {"scenario": name, "source": source, "rows": of_source.rows, "recall": of_source.recall}


def _alarms(harmless: Sequence[Row]) -> dict[str, Any]:
    alarms = sum(any(one in row.found and one not in row.also for one in RISKS) for row in harmless)
    return {"rows": len(harmless), "risk": alarms, "rate": alarms / len(harmless) if harmless else None}


def _confusions(rows: Iterable[Row]) -> Counter[tuple[str, str]]:
    """How often which other scenario was found in a question of which scenario."""
    return Counter(
        (row.scenario, name)
        for row in rows
        for name in row.found
        if name != row.scenario and name not in row.also
    )


def _misses(rows: Sequence[Row], name: str, most: int) -> Iterator[dict[str, Any]]:
    """Questions in which a scenario was not found, and those in which it should not have been."""
    missed = [row for row in rows if row.scenario == name and name not in row.found]
    wrong = [row for row in rows if name in row.found and row.scenario != name and name not in row.also]
    for kind, kept in (("missed", missed), ("wrong", wrong)):
        for row in kept[:: max(1, len(kept) // most) if most else 1][: max(0, most)]:
            words = row.found.get(name, ())
            yield {"kind": kind, "asked": name, **asdict(row), "found": list(row.found), "words": words}


def _report(result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['rows']:,} questions"
    yield f"\n{'scenario':<14}{'rows':>8}{'precision':>11}{'recall':>8}{'right':>8}{'wrong':>8}"
    for name, one in result["scenarios"].items():
        figures = f"{_share(one['precision']):>11}{_share(one['recall']):>8}"
        yield f"{name:<14}{one['rows']:>8,}{figures}{one['right']:>8,}{one['wrong']:>8,}"
    if result["sources"]:
        yield f"\n{'scenario':<14}{'source':<24}{'rows':>8}{'recall':>8}"
        for one in result["sources"]:
            yield f"{one['scenario']:<14}{one['source']:<24}{one['rows']:>8,}{_share(one['recall']):>8}"
    yield f"\n{'harmless, found risky':<38}{'rows':>8}{'rate':>8}"
    unknown = result["harmless_unknown"]
    apart = [("of a scenario that no policy has", unknown)] if unknown["rows"] else []
    for source, one in [("all", result["harmless"]), *apart, *result["harmless_sources"].items()]:
        yield f"  {source:<36}{one['rows']:>8,}{_share(one['rate']):>8}"
    if result["confusions"]:
        yield f"\n{'the question is':<20}{'also found':<20}{'rows':>6}"
        for one in result["confusions"][:_CONFUSIONS]:
            yield f"{one['scenario']:<20}{one['found']:<20}{one['rows']:>6,}"
    yield ""
    for miss in result["misses"]:
        words = f"  {', '.join(f'「{word}」' for word in miss['words'])}" if miss["words"] else ""
        of = " ".join(filter(None, (miss["scenario"], miss["source"])))
        yield f"{miss['kind']} {miss['asked']} ({of}): {_short(miss['text'])}{words}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
