"""`labeler policy eval`: how it counts, what it writes, and what it says of bad rows."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from labeler.cli import policy
from labeler.errors import PolicyError

ROWS: list[dict[str, Any]] = [
    {"text": "孩子发烧怎么办", "scenario": "medical", "source": "a"},
    {"text": "睡不好又累", "scenario": "medical", "source": "b"},
    {"text": "高血压能投保吗", "scenario": "insurance", "also": ["medical"], "source": "b"},
    {"text": "布洛芬的名字怎么来的", "scenario": "general", "source": "chat", "row": 4},
    {"text": "你好", "scenario": "general", "source": "chat", "also": []},
]


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELER_CONFIG", raising=False)


def run(folder: Path, *words: str, rows: list[dict[str, Any]] | str = ROWS) -> int:
    """Run `labeler policy eval` with the general and the medical policy."""
    text = rows if isinstance(rows, str) else "\n".join(map(json.dumps, rows))
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    (folder / "labeler.yaml").write_text("policies: [general, medical]\n", encoding="utf-8")
    return command(str(folder / "rows.jsonl"), "--config", str(folder / "labeler.yaml"), *words)


def command(*words: str) -> int:
    """Run `labeler policy eval` as it is called."""
    top = argparse.ArgumentParser()
    top.add_argument("--config", default=None)
    policy.add(top.add_subparsers())
    arguments = top.parse_args(["policy", "eval", *words])
    code: int = arguments.run(arguments)
    return code


def result(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert run(folder, "--json", *words) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_precision_and_recall_leave_also_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a row names under `also` is neither a find nor an error."""
    made = result(tmp_path, capsys)
    assert made["scenarios"]["medical"] == {
        "rows": 2,
        "right": 1,
        "wrong": 1,
        "precision": 0.5,
        "recall": 0.5,
    }
    assert made["confusions"] == [{"scenario": "general", "found": "medical", "rows": 1}]
    sources = [(one["scenario"], one["source"], one["recall"]) for one in made["sources"]]
    assert sources == [("insurance", "b", 0.0), ("medical", "a", 1.0), ("medical", "b", 0.0)]


def test_a_byte_order_mark_before_the_rows_is_welcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Editors on Windows write one."""
    assert run(tmp_path, rows="\ufeff" + json.dumps(ROWS[0])) == 0
    assert capsys.readouterr().out.startswith("1 questions")


def test_alarms_are_counted_on_harmless_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Harmless is what has none of the four risk scenarios."""
    made = result(tmp_path, capsys)
    assert made["harmless"] == {"rows": 3, "risk": 1, "rate": pytest.approx(1 / 3)}
    assert made["harmless_sources"]["chat"] == {"rows": 2, "risk": 1, "rate": 0.5}


def test_the_help_says_how_to_mark_harmless_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the risks and the scenario for all else; with that a question is counted as harmless, and so it is
    with a name that nobody has."""
    with pytest.raises(SystemExit):
        command("--help")
    said = capsys.readouterr().out
    assert "(medical, legal, finance, psychology)" in said
    assert '"none"' in said
    rows: list[dict[str, Any]] = [
        {"text": "你好", "scenario": "none"},
        {"text": "孩子发烧怎么办", "scenario": "medcal"},
    ]
    assert run(tmp_path, "--json", rows=rows) == 0
    assert json.loads(capsys.readouterr().out)["harmless"] == {"rows": 2, "risk": 1, "rate": 0.5}


def test_misses_are_told_and_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both kinds, with the words that decided."""
    misses = result(tmp_path, capsys)["misses"]
    assert [(one["kind"], one["text"], one["words"]) for one in misses] == [
        ("missed", "高血压能投保吗", []),
        ("missed", "睡不好又累", []),
        ("wrong", "布洛芬的名字怎么来的", ["布洛芬"]),
    ]
    assert result(tmp_path, capsys, "--misses", "0")["misses"] == []


def test_a_scenario_that_is_never_found_stands_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a recall of 0, and its misses; what always applies is not looked for, nor is what has no policy."""
    rows = [{"text": "羽绒服暖和吗", "scenario": name} for name in ("ecommerce", "general", "none", "shp")]
    for words in ((), ("--topics",)):
        assert run(tmp_path, "--json", *words, rows="\n".join(map(json.dumps, rows))) == 0
        made = json.loads(capsys.readouterr().out)
        assert list(made["scenarios"]) == ["ecommerce"]
        assert made["scenarios"]["ecommerce"]["recall"] == 0
        assert [(one["kind"], one["asked"]) for one in made["misses"]] == [("missed", "ecommerce")]


def test_a_name_that_no_policy_has_is_told_and_counts_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be a scenario's, misspelt, whose rows are not harmless; each such name is told once, under `also`
    too."""
    misspelt = [{**row, "scenario": "medcal"} for row in ROWS[:2]] + [{**ROWS[4], "also": ["medcal", "x"]}]
    misspelt.append({"text": "你好", "scenario": "none"})  # the name for those of no policy
    rows = "\n".join(map(json.dumps, ROWS + misspelt))
    assert run(tmp_path, "--json", rows=rows) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["harmless_unknown"] == {"rows": 2, "risk": 1, "rate": 0.5}
    file = tmp_path / "rows.jsonl"
    assert sorted(line.partition(" (known here")[0] for line in err.splitlines()) == [
        f"{file}: no policy has the name 'medcal' (3 rows) (did you mean 'medical'?)",
        f"{file}: no policy has the name 'x' (1 row)",
    ]
    assert run(tmp_path, rows=rows) == 0
    assert "\n  of a scenario that no policy has           2   0.500\n" in capsys.readouterr().out


def test_out_writes_every_row_back(tmp_path: Path) -> None:
    """With `found`, and with whatever else the row has."""
    assert run(tmp_path, "--out", str(tmp_path / "out.jsonl")) == 0
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    found = [["medical"], [], ["medical"], ["medical"], []]
    assert list(map(json.loads, lines)) == [
        {**row, "found": names} for row, names in zip(ROWS, found, strict=True)
    ]


def test_the_report_is_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table, and no bar where nobody watches."""
    assert run(tmp_path) == 0
    out, err = capsys.readouterr()
    assert "medical              2      0.500   0.500       1       1" in out
    assert "wrong medical (general chat): 布洛芬的名字怎么来的  「布洛芬」" in out
    assert run(tmp_path, rows='{"text": "睡不好又累", "scenario": "medical"}') == 0
    assert "missed medical (medical): 睡不好又累" in capsys.readouterr().out
    assert err == ""


def test_a_terminal_sees_a_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is full at the end and then taken away."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(tmp_path) == 0
    assert f"[{'#' * 30}] 5/5" in capsys.readouterr().err


def test_topics_are_measured_without_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A lexicon can be tuned before any policy asks for it."""
    made = result(tmp_path, capsys, "--topics")
    assert made["scenarios"]["medical"]["right"] == 1


@pytest.mark.parametrize(
    ("line", "field", "message"),
    [
        ("{", "", "no JSON"),
        ("[]", "", "an object"),
        ('{"text": 1, "scenario": "x"}', "text", "must be text"),
        ('{"text": "x"}', "scenario", "must be text"),
        ('{"text": "x", "scenario": "x", "also": "medical"}', "also", "must be a list"),
        ('{"text": "x", "scenario": "x", "source": 1}', "source", "must be text"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, field: str, message: str) -> None:
    """With file and line; nothing is measured."""
    with pytest.raises(PolicyError) as caught:
        run(tmp_path, rows=f'{{"text": "x", "scenario": "y"}}\n\n{line}\n')
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.field) == (str(tmp_path / "rows.jsonl"), 3, field)
    assert message in problem.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is one that cannot be written."""
    with pytest.raises(PolicyError, match="cannot be written"):
        run(tmp_path, "--out", str(tmp_path / "none" / "out.jsonl"))


def test_a_lone_surrogate_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON can hold one; no search takes it, and it is no reason to stop. It is written as it was read."""
    row, out = '{"text": "\\ud83d发烧", "scenario": "medical"}', tmp_path / "out.jsonl"
    assert run(tmp_path, "--json", "--topics", "--out", str(out), rows=row) == 0
    assert json.loads(capsys.readouterr().out)["scenarios"]["medical"]["right"] == 1
    assert out.read_text(encoding="utf-8") == row[:-1] + ', "found": ["medical"]}\n'


FOLDER = os.environ.get("AIGC_SCENARIO", "")


AIMS = {
    "dev_zh.jsonl": {"medical": 0.94, "legal": 0.82, "finance": 0.75, "psychology": 0.85},
    "dev_en.jsonl": {"medical": 0.85, "finance": 0.75},
}
"""Recall that the shipped policies reach at least, each with a precision of .75."""
TALK = ("bustm", "clinc_small_talk")


@pytest.mark.skipif(not FOLDER, reason="AIGC_SCENARIO names no folder of labelled questions")
@pytest.mark.parametrize("name", AIMS)
def test_labelled_questions_are_told_apart(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Risky questions are heard, from every large source of health questions too, and harmless ones are
    rarely taken for risky, small talk hardly ever."""
    assert command(str(Path(FOLDER) / name), "--json") == 0
    made = json.loads(capsys.readouterr().out)
    for scenario, recall in AIMS[name].items():
        assert made["scenarios"][scenario]["recall"] >= recall
        assert made["scenarios"][scenario]["precision"] >= 0.75
    health = [one for one in made["sources"] if one["scenario"] == "medical" and one["rows"] >= 20]
    assert health
    assert min(one["recall"] for one in health) >= 0.85
    assert made["harmless"]["rate"] <= 0.05
    talk = [one["rate"] for source, one in made["harmless_sources"].items() if source in TALK]
    assert talk
    assert max(talk) <= 0.02
