"""`labeler policy`: what it prints, where, and with which exit code."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from labeler import Labeler, LabelMiddleware, Outcome
from labeler.cli import policy
from labeler.errors import PolicyError
from tests.asgi_tools import JSON, Scripted, answer, ask, call, chat

ROOT = Path(__file__).parents[1]

HOUSE = """\
id: house
version: "1"
title: House
match: {route: /house/**}
marker: {words: 【AI生成】, place: end}
streams: end-only
on_failure: pass
examples:
  - {ask: 你好, route: /house/x, scenarios: [house]}
  - {ask: 你好, scenarios: [house]}
"""


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELER_CONFIG", raising=False)


def run(*words: str) -> int:
    """Run `labeler` with the policy commands alone."""
    top = argparse.ArgumentParser()
    top.add_argument("--config", default=None)
    policy.add(top.add_subparsers())
    arguments = top.parse_args(["policy", *words])
    code: int = arguments.run(arguments)
    return code


def house(folder: Path, text: str = HOUSE) -> str:
    (folder / "house.yaml").write_text(text, encoding="utf-8")
    file = folder / "labeler.yaml"
    file.write_text(
        "policies: [general, medical, house.yaml]\nroutes:\n"
        "  - {path: /titles, exempt: titles only}\n  - {path: /ward/**, scenarios: [medical]}\n",
        encoding="utf-8",
    )
    return str(file)


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert run("explain", "--json", *words) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_check_sums_up_the_policies(capsys: pytest.CaptureFixture[str]) -> None:
    """One line per policy, no warnings for what is shipped."""
    assert run("check") == 0
    out, err = capsys.readouterr()
    shipped = sorted(file.stem for file in (ROOT / "policies").glob("*.yaml"))
    first, *others, count = [line.split()[0] for line in out.splitlines()]
    assert (first, sorted([first, *others])) == ("general", shipped)
    assert count == str(len(shipped))
    assert err == ""


def test_check_warns_of_what_is_allowed_but_weak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels that a broken stream or a failure would lose are warned about, with their place."""
    assert run("check", "--config", house(tmp_path)) == 0
    err = capsys.readouterr().err
    assert "house.yaml:6:10: streams: a stream that breaks off" in err
    assert "house.yaml:7:13: on_failure:" in err
    assert "\x1b" not in err


@pytest.mark.parametrize("word", [" ", "\u3000", "\u200b"])
def test_a_blank_word_asks_for_nobody(tmp_path: Path, word: str) -> None:
    """Every message would have it, and the desk would be told of each."""
    text = HOUSE + f"handoff: {{words: 转人工, asks: [转人工, {json.dumps(word)}]}}\n"
    with pytest.raises(PolicyError) as caught:
        run("check", "--config", house(tmp_path, text))
    assert [(one.field, one.message) for one in caught.value.problems] == [
        ("handoff.asks[1]", "the word is empty")
    ]


DESK = """\
id: desk
version: "1"
title: Desk
match: {route: /desk/**}
guards:
  dose: {find: [{words: [mg]}], action: stop, words: {zh: 请咨询医生, en: Ask a doctor.}}
handoff: {words: 需要人工请输入「转人工」, webhook: "https://user:secret@desk.example/way?key=secret"}
remind: {every: 90min, words: {zh: 您正在与人工智能互动, en: This is an AI.}}
examples: [{ask: 你好, route: /desk/chat/completions, scenarios: [desk]}]
"""


def test_check_and_explain_tell_what_is_no_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Guards, the way to a person and reminders, in the question's language; no secrets of a webhook."""
    config = house(tmp_path, DESK)
    assert run("check", "--config", config) == 0
    summary = "guard dose (stop), hand-off at end, reminder every 90min; block on failure; 1 example\n"
    assert f"desk version 1: {summary}" in capsys.readouterr().out
    assert run("explain", "Hello", "--route", "/desk/chat/completions", "--config", config) == 0
    out = capsys.readouterr().out
    assert "  guard dose (desk): stop: Ask a doctor.\n" in out
    assert "  reminder every 90min at start (desk): This is an AI.\n" in out
    assert "  hand-off (desk): told to https://desk.example/way\n" in out
    assert run("explain", "你好", "--config", config) == 0
    assert "besides" not in capsys.readouterr().out


def test_check_reports_all_problems(tmp_path: Path) -> None:
    """Mistakes end in the error that the command line prints with exit code 2."""
    with pytest.raises(PolicyError, match=r"(?s)titel.*marker\.words"):
        run("check", "--config", house(tmp_path, HOUSE.replace("title", "titel").replace("生成", "")))


def test_test_passes_on_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    """Every example of every policy is tried."""
    assert run("test") == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith("pass policies/") for line in lines)
    assert last == f"{len(lines)} examples, 0 failed"


def test_test_shows_what_tells_examples_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Route, model and headers where an example has them, and all messages of a conversation."""
    examples = """\
      - {ask: 你好, route: /house/x, scenarios: [house]}
      - {ask: [孩子发烧, 你好], model: m, headers: {X-A: b}, scenarios: [medical]}
      - {ask: 你好, scenarios: []}
"""
    assert run("test", "--config", house(tmp_path, HOUSE.partition("  - {ask")[0] + examples)) == 0
    lines = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines() if "house.yaml" in line]
    assert [line.partition(" ")[2] for line in lines] == [
        "你好 (route /house/x)",
        "孩子发烧 / 你好 (model m, X-A: b)",
        "你好",
    ]


def test_test_allows_a_house_what_shipped_policies_cannot_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shop's own policy beside the shipped one for shops: its examples are tried exactly, the other ones
    without it."""
    shop = """
        id: shop
        version: "1"
        title: S
        match: {route: /shop/**}
        marker: {words: 【AI生成】}
        examples: [{ask: 写文案, route: /shop/v1/chat/completions, scenarios: [%s]}]
    """
    config = tmp_path / "labeler.yaml"
    config.write_text("policies: [shipped, shop.yaml]\n", encoding="utf-8")
    for scenarios, status in (("shop, ecommerce", 0), ("shop", 1)):
        (tmp_path / "shop.yaml").write_text(dedent(shop % scenarios), encoding="utf-8")
        assert run("test", "--config", str(config)) == status
        assert f" examples, {status} failed" in capsys.readouterr().out


def test_test_fails_with_what_was_expected_and_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An example that leads elsewhere is shown with its place, and the exit code is 1."""
    assert run("test", "--config", house(tmp_path)) == 1
    out = capsys.readouterr().out
    assert "house.yaml:10 你好: expected [house], found []" in out
    assert "1 failed" in out


def test_test_fails_on_a_house_s_own_example_on_an_exempt_route(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is labelled there; one that expects nothing is right, and shipped examples know of no exemption."""
    examples = """\
  - {ask: 你好, route: /house/x, scenarios: [house]}
  - {ask: 发烧, route: /titles, scenarios: [medical]}
  - {ask: 你好, route: /titles, scenarios: []}
"""
    config = house(tmp_path, HOUSE.partition("  - {ask")[0] + examples)
    assert run("test", "--config", config) == 1
    out = capsys.readouterr().out
    assert (
        "house.yaml:10 发烧 (route /titles): expected [medical], found [] (/titles is exempt: titles only)\n"
        in out
    )
    assert out.endswith(" 1 failed\n")
    for word in ("shipped", "strict"):
        text = f"policies: [{word}]\njurisdictions: [cn, eu]\nroutes: [{{path: /**, exempt: all of it}}]\n"
        (tmp_path / "labeler.yaml").write_text(text, encoding="utf-8")
        assert run("test", "--config", config) == 0


def test_explain_shows_rule_words_and_labels(capsys: pytest.CaptureFixture[str]) -> None:
    """Which rule matched on which words, and what would be said."""
    assert run("explain", "孩子发烧39度怎么办") == 0
    out = capsys.readouterr().out
    assert "policies/medical.yaml: match.any[3].topic" in out
    assert "「发烧」" in out
    assert "不替代医生诊断" in out


def test_explain_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The keys are fixed, and Chinese stands there as itself."""
    assert run("explain", "孩子发烧39度怎么办", "--json") == 0
    out = capsys.readouterr().out
    assert "不替代医生诊断" in out
    found = json.loads(out)
    assert found["scenarios"] == ["general", "medical"]
    assert found["labels"][0] == {
        "kind": "marker",
        "words": "【AI生成】",
        "place": "start",
        "policy": "general",
        "explicit": True,
    }
    assert found["because"][0] == {"scenario": "general", "rule": "default", "found": []}
    assert "发烧" in found["because"][1]["found"]
    assert found["language"] == "zh"


@pytest.mark.parametrize(
    "words",
    [
        ("--route", "/medical/chat"),
        ("--model", "med-1"),
        ("--header", "X-Other: 1", "--header", "x-labeler-scenario: medical"),
    ],
)
def test_explain_takes_every_signal(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Route, model and repeated headers are part of the request."""
    assert explained(capsys, "你好", *words)["scenarios"] == ["general", "medical"]


TEAM = """\
id: team
version: "1"
title: Team
match: {any: [{header: {name: X-Team, value: nurses}}, {tenant: acme}, {header: {name: X-Ward, value: 儿科}}]}
disclaimers: [{words: 仅供内部使用}]
examples: [{ask: 你好, headers: {x-team: nurses}, scenarios: [team]}]
"""


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (["X-Team: nurses", "x-team: cooks"], True),
        (["X-Team: cooks", "x-team: nurses"], True),
        (["X-Team: cooks"], False),
        (["Authorization: Bearer key"], True),
        (["X-Api-Key: key"], True),
        (["Authorization: Bearer other"], False),
        (["X-Ward: 儿科"], False),  # servers take its bytes for Latin-1
    ],
)
def test_explain_reads_headers_as_the_middleware_does(
    tmp_path: Path, headers: list[str], found: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """All values of a repeated one, and a tenant's key; what is found is what a running service finds."""
    config = house(tmp_path, TEAM)
    with open(config, "a", encoding="utf-8") as file:
        file.write(f"tenants: [{{name: acme, keys: [{hashlib.sha256(b'key').hexdigest()}]}}]\n")
    words = [word for header in headers for word in ("--header", header)]
    assert ("team" in explained(capsys, "你好", "--config", config, *words)["scenarios"]) == found
    app = Scripted(*answer(chat()))
    outcomes: list[Outcome] = []
    sent = [(name, value.strip()) for name, _, value in (header.partition(":") for header in headers)]
    labelled = LabelMiddleware(app, labeler=Labeler.load(config, on_outcome=outcomes.append))
    latin = [(name, value.encode().decode("latin-1")) for name, value in sent]
    call(labelled, ask(), headers=[*JSON.items(), *latin])
    assert outcomes[0].verdict is not None
    assert ("team" in outcomes[0].verdict.scenarios) == found


@pytest.mark.parametrize(
    "messages",
    [
        ["孩子发烧39度怎么办"],
        [{"role": "user", "content": "孩子发烧39度怎么办"}, {"role": "assistant", "content": "…"}],
        [{"role": "user", "content": [{"type": "text", "text": "孩子发烧39度"}, {"type": "image_url"}]}],
    ],
)
def test_explain_takes_a_conversation(
    tmp_path: Path, messages: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Messages as strings, as a chat's objects and as parts stand before the text."""
    file = tmp_path / "earlier.json"
    file.write_text(json.dumps(messages), encoding="utf-8")
    found = explained(capsys, "那要吃多少？", "--messages", str(file))
    assert found["scenarios"] == ["general", "medical"]
    assert "medical" in explained(capsys, "--messages", str(file))["scenarios"]


def test_a_byte_order_mark_before_a_conversation_is_welcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Editors on Windows write one."""
    file = tmp_path / "earlier.json"
    file.write_text(json.dumps(["孩子发烧39度怎么办"]), encoding="utf-8-sig")
    assert "medical" in explained(capsys, "--messages", str(file))["scenarios"]


def test_the_assistant_s_words_do_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what the user wrote is looked at."""
    file = tmp_path / "earlier.json"
    file.write_text(json.dumps([{"role": "assistant", "content": "发烧"}]), encoding="utf-8")
    assert explained(capsys, "你好", "--messages", str(file))["scenarios"] == ["general"]


def test_explain_follows_the_operator_s_routes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A route's own scenarios are added; an exempt one says its reason and nothing else."""
    config = house(tmp_path)
    ward = explained(capsys, "你好", "--route", "/ward/1", "--config", config)
    assert ward["scenarios"] == ["general", "medical"]
    titles = explained(capsys, "你好", "--route", "/titles", "--config", config)
    assert (titles["scenarios"], titles["labels"]) == ([], [])
    assert titles["because"][0]["found"] == ["titles only"]


@pytest.mark.parametrize(
    ("route", "settings", "effect", "says"),
    [
        ("/v1/chat/completions", "", "labelled", "scenarios: general"),
        ("/WARD/1/v1/chat/completions/", "", "labelled", "scenarios: general, medical"),
        ("/v1/responses", "", "unclaimed", "NOT labelled: nothing claims /v1/responses; name it under"),
        ("/v1/responses", "unclaimed: block", "refused", "NOT answered (`unclaimed: block`): nothing claims"),
        ("/v1/responses", "unclaimed: block\nmode: observe", "unclaimed", "NOT labelled: nothing claims"),
        ("/titles", "mode: observe", "exempt", "NOT labelled: /titles is exempt"),
        ("/v1/chat/completions", "mode: observe", "observed", "NOT labelled: `mode: observe`"),
    ],
)
def test_explain_tells_what_a_service_makes_of_it(
    tmp_path: Path, route: str, settings: str, effect: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A route that a service would not label is told as such, first and for programs too."""
    config = house(tmp_path)
    with open(config, "a", encoding="utf-8") as file:
        file.write(settings)
    found = explained(capsys, "你好", "--route", route, "--config", config)
    assert found["effect"] == effect
    assert ("general" in found["scenarios"]) == (effect != "exempt")
    assert run("explain", "你好", "--route", route, "--config", config) == 0
    assert capsys.readouterr().out.startswith(says)


@pytest.mark.parametrize(
    "words",
    [
        ("--header", "no colon"),
        ("--messages", "nope.json"),
    ],
)
def test_a_wrong_call_is_told(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The parser names the argument and ends with 2."""
    with pytest.raises(SystemExit) as ended:
        run("explain", "x", *words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '[{"content": "x"}]'])
def test_a_file_that_is_no_conversation_is_told(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other JSON, and what is no JSON, is refused with the file's name."""
    file = tmp_path / "x.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit):
        run("explain", "x", "--messages", str(file))
    assert "x.json" in capsys.readouterr().err


def test_explain_needs_something_to_explain(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a text and without messages the call is wrong."""
    assert run("explain") == 2
    assert "TEXT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "fields"),
    [((), {"id", "match", "marker"}), (("policy",), {"disclaimers"}), (("config",), {"routes", "limits"})],
)
def test_schema_knows_the_fields(
    words: tuple[str, ...], fields: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The JSON Schema names every field and refuses others."""
    assert run("schema", *words) == 0
    schema = json.loads(capsys.readouterr().out)
    assert fields <= set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_schema_explains_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Editors show a description, and know that a condition has one field."""
    run("schema")
    condition = json.loads(capsys.readouterr().out)["$defs"]["Condition"]
    assert "segment" in condition["properties"]["route"]["description"]
    assert (condition["minProperties"], condition["maxProperties"]) == (1, 1)


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal results are coloured, unless NO_COLOR is set; else never."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    run("test")
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    run("test")
    assert "\x1b[32mpass" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    run("test")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("call", [["policy", "schema"], ["policy", "check"], ["--help"]])
def test_who_has_seen_enough_ends_it_quietly(call: list[str]) -> None:
    """A reader that is gone, as `head` soon is, is no failure; nothing is complained about."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "labeler", *call],
        check=False,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=_buffered(),
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_in_a_line() -> None:
    """What could not be written is a failure, with its reason."""
    with Path("/dev/full").open("wb") as full:
        call = [sys.executable, "-m", "labeler", "policy", "schema"]
        done = subprocess.run(
            call, check=False, stdout=full, stderr=subprocess.PIPE, text=True, env=_buffered()
        )
    assert (done.returncode, done.stderr) == (1, "labeler: [Errno 28] No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([b"--config", b"n\xff.yaml", b"policy", b"check"], 2, b"n\\udcff.yaml: the file cannot be read"),
        ([b"policy", b"explain", b"x", b"--route", b"/\xff"], 0, b"nothing claims /\\udcff"),
        ([b"policy", b"explain", b"x", b"--messages", b"n\xff"], 2, b"n\\udcff"),
    ],
)
def test_what_is_no_utf_8_is_escaped(tmp_path: Path, words: list[bytes], code: int, says: bytes) -> None:
    """File names and arguments may be any bytes; both streams take them."""
    call: list[str | bytes] = [sys.executable, "-m", "labeler", *words]
    done = subprocess.run(call, check=False, capture_output=True, cwd=tmp_path, env=_buffered())
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


def test_a_closed_stream_is_an_empty_one() -> None:
    """Without standard input there is nothing to label, and without standard output nobody to tell."""
    shell = f'echo hi | "{sys.executable}" -m labeler label >&-; "{sys.executable}" -m labeler label <&-'
    done = subprocess.run(["sh", "-c", shell], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr


def _buffered() -> dict[str, str]:
    """The environment of a user, whose output waits for its end."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
