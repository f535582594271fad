"""Every block of the README, in both languages, and of docs/ works as it is pasted."""

from __future__ import annotations

import inspect
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from markdown_it import MarkdownIt
from openai import OpenAI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from labeler import Labeler, config
from labeler.about import About
from labeler.dialects import DIALECTS
from labeler.policy import Policy
from labeler.policy.condition import Condition
from labeler.policy.guard import Guard
from labeler.policy.people import Handoff, Remind
from labeler.policy.topics import House, Lexicon
from tests.servers import serve

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = (*READMES, *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md"))))
UPSTREAM, GATEWAY = "https://api.deepseek.com", "http://127.0.0.1:8080"
CHECKOUT = "/path/to/aigc-labeler"
"""What the documents write for an upstream, for the gateway in front of it and for this checkout; here others take
their place."""

PROLOGUE = """
make() { command make --dry-run --directory "$ROOT" "$@"; }
pip() { "$PYTHON" -m pip "$1" --dry-run --no-deps --quiet "${@:2}"; }
"""
"""The blocks run in an empty folder and change nothing that is installed."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, and the output (a `text` block) that it promises, in the same section."""

    document: str
    line: int
    language: str
    text: str
    output: str = ""

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """The blocks of all documents that are written in one of these languages."""
    return [block for document in DOCUMENTS for block in read(document) if block.language in languages]


def read(document: str) -> Iterator[Block]:
    tokens = MarkdownIt("commonmark").parse((ROOT / document).read_text(encoding="utf-8"))
    marks = [token for token in tokens if token.type in ("fence", "heading_open")]
    for token, after in zip_longest(marks, marks[1:]):
        if token.type == "fence" and token.map:
            output = after.content if after and after.info == "text" else ""
            yield Block(document, token.map[0] + 1, token.info, token.content, output)


def files(document: str) -> Iterator[tuple[str, str]]:
    """The files that a document shows, each where its first line says: `# house/legal.yaml`."""
    for block in read(document):
        if name := re.match(r"# (\S+\.(?:yaml|json))\n", block.text):
            yield name[1], block.text


def write_files(document: str, folder: Path) -> None:
    """Put the files that a document shows into a folder."""
    for name, text in files(document):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and a shell that finds `labeler`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("ROOT", str(ROOT))
    monkeypatch.setenv("PYTHON", sys.executable)
    return tmp_path


@pytest.mark.parametrize("document", READMES)
def test_first_block_stands_at_the_top(document: str) -> None:
    """Who opens the README sees the two commands on the first screen."""
    first = next(read(document))
    assert first.line <= 30
    assert [line.split("#")[0].split() for line in first.text.splitlines()] == [
        ["make", "demo"],
        ["make", "test"],
    ]


def test_both_languages_say_the_same() -> None:
    """The Chinese README has the same sections and the same blocks, comments and reasons aside, as the English one."""
    english, chinese = ([code(block) for block in read(document)] for document in READMES)
    assert english == chinese
    outlines = [
        re.findall(r"^#+", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
        for document in READMES
    ]
    assert outlines[0] == outlines[1]


def code(block: Block) -> tuple[str, str]:
    return block.language, re.sub(r" *#.*|(?<=exempt: )\".*?\"", "", block.text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_languages_are_those_that_are_tested(document: str) -> None:
    """No block escapes: each names a language that a test below runs, or is plain text or data."""
    assert {block.language for block in read(document)} <= {"bash", "python", "yaml", "json", "text"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_pasted_files_change_no_shipped_policy(document: str) -> None:
    """Who tries the files of a document in the checkout leaves the folder of the shipped policies as it is."""
    assert [name for name, _ in files(document) if name.startswith("policies/")] == []


def test_every_dialect_is_documented() -> None:
    """The table in wire.md has every dialect with the ends of the paths that it claims."""
    text = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|", text, re.MULTILINE))
    assert set(rows) == set(DIALECTS)
    for name, dialect in DIALECTS.items():
        claims = [f"…{end}" for end in dialect.suffixes] or [f"dialect: {name}"]
        assert [one for one in claims if f"`{one}`" not in rows[name]] == []


def test_every_setting_is_documented() -> None:
    """The tables have a row for each field of labeler.yaml, and none for a field that there is not."""
    named = first_cells("operations.md", "## labeler.yaml")
    named |= {f"pictures.{name}" for name in first_cells("pictures.md", "## Limits and settings")}
    assert named - {"pictures"} == set(fields(config.ServiceFile))


def test_every_argument_of_the_library_is_documented() -> None:
    """The tables have a row for each argument of each call."""
    assert first_cells("library.md", "## What is known about a content") == {
        *About.__annotations__,
        *(
            name
            for call in (Labeler.body, Labeler.label_image)
            for name, one in inspect.signature(call).parameters.items()
            if one.kind is one.KEYWORD_ONLY
        ),
    }


def test_every_field_of_a_policy_is_documented() -> None:
    """The tables have a row for each field of a policy, its conditions and its guards, and for those of lexicons."""
    assert first_cells("policies.md", "## The fields") == set(Policy.model_fields)
    conditions = {field.alias or name for name, field in Condition.model_fields.items()}
    assert first_cells("policies.md", "### `match`") == conditions - {"any", "all", "not"}
    assert set(fields(Guard)) <= first_cells("policies.md", "## Guards: what a disclaimer does not cure")
    people = {f"{name}.{one}" for name, model in PEOPLE.items() for one in fields(model)}
    assert first_cells("policies.md", "## The way to a person, and reminders") == people
    topics = first_cells("policies.md", "## Topics, and how well they are told")
    assert topics == {*fields(House), *fields(Lexicon)}


PEOPLE: dict[str, type[BaseModel]] = {"handoff": Handoff, "remind": Remind}


@pytest.mark.parametrize("name", ["basis", "marker", "disclaimers", "examples"])
def test_every_field_of_a_part_is_documented(name: str) -> None:
    """The row of a policy's part has all of its fields."""
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}` \|.*", text, re.MULTILINE)
    part, _ = inner(Policy.model_fields[name].annotation)
    assert part is not None
    assert [one for one in part.model_fields if f"`{one}`" not in row] == []


def first_cells(document: str, heading: str) -> set[str]:
    """The names in the first column of a section's tables."""
    section = (ROOT / "docs" / document).read_text(encoding="utf-8").split(f"\n{heading}\n")[1]
    rows = re.findall(r"^\|([^|]+)\|", re.split(r"\n##+ ", section)[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def fields(model: type[BaseModel]) -> Iterator[str]:
    """The fields that a file may have, spelled as in the documents: `routes[].path`."""
    for name, field in model.model_fields.items():
        inside, lead = inner(field.annotation)
        yield from (f"{name}{lead}.{one}" for one in fields(inside)) if inside else (name,)


def inner(kind: Any, lead: str = "") -> tuple[type[BaseModel] | None, str]:
    """The model that a field holds, and `[]` where it holds several; None where it holds none, or a mapping."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, lead
    if get_origin(kind) is dict:
        return None, ""
    found = (inner(one, "[]" if get_origin(kind) is tuple else lead) for one in get_args(kind))
    return next((one for one in found if one[0]), (None, ""))


def test_the_escapes_of_a_label_are_as_documented() -> None:
    """What wire.md says that a label looks like in JSON is what stands in a body."""
    shown = "\\u3010AI\\u751f\\u6210\\u3011"
    assert f"`{shown}`" in (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
    answer = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}'
    body = Labeler.load().body(answer, question="你好").content
    assert f'"content": "{shown}\\n'.encode() in body
    assert json.loads(body)["choices"][0]["message"]["content"].startswith("【AI生成】\n")


@pytest.mark.parametrize("block", [b for b in blocks("python") if GATEWAY not in b.text], ids=str)
def test_python_block(block: Block, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A Python block runs; one that makes an app is served and asked; what it says is what is printed there."""
    write_files(block.document, folder)
    namespace = run_python(block.text)
    said = capsys.readouterr().out
    if "app" in namespace:
        with serve(namespace["app"]) as base:
            said = ask(f"{base}/v1") + "\n"
    if block.output:
        assert said == block.output


def run_python(text: str) -> dict[str, Any]:
    """Run a block as a script in the working folder; what it defines."""
    script = Path("block.py")
    script.write_text(text, encoding="utf-8")
    return runpy.run_path(str(script))


def ask(base: str) -> str:
    with OpenAI(base_url=base, api_key="none") as client:
        message = {"role": "user", "content": "孩子发烧39度怎么办"}
        answer = client.chat.completions.create(model="m", messages=[message])  # type: ignore[list-item]
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_block(block: Block, folder: Path) -> None:
    """A policy is valid beside the shipped ones (or in the place of one), and so are a topic and a labeler.yaml,
    with the secrets that it leaves to the environment."""
    write_files(block.document, folder)
    path = folder / "labeler.yaml"
    name = block.text.split()[1] if block.text.startswith("# ") else path.name
    if name.startswith("topics/"):
        path.write_text(f"detection: {{topics: {{{Path(name).stem}: {{file: {name}}}}}}}", encoding="utf-8")
    elif name != path.name:
        shipped = [one for one in ("general", "medical", "ecommerce") if f"\nid: {one}\n" not in block.text]
        path.write_text(f"policies: [{', '.join(shipped)}, {name}]", encoding="utf-8")
    else:
        path.write_text(block.text, encoding="utf-8")
    variables = re.findall(r"\bLABELER__\w+", block.text)
    assert config.load(path, environ=dict.fromkeys(variables, "k" * 44)).policies.policies


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_block(block: Block) -> None:
    """What is shown as JSON is JSON."""
    assert json.loads(block.text)


@pytest.mark.parametrize("block", [b for b in blocks("bash") if "labeler serve" not in b.text], ids=str)
def test_shell_block(block: Block, folder: Path) -> None:
    """A block of commands runs to its end without an error, and prints what is printed there."""
    write_files(block.document, folder)
    shell = ["bash", "-euo", "pipefail", "-c", PROLOGUE + block.text.replace(CHECKOUT, str(ROOT))]
    done = subprocess.run(shell, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if block.output:
        assert done.stdout == block.output


@pytest.mark.parametrize("serving", [b for b in blocks("bash") if "labeler serve" in b.text], ids=str)
def test_gateway_block(serving: Block, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gateway starts with the command that is shown; the clients that are shown get labelled answers."""
    write_files(serving.document, folder)
    clients = [b for b in read(serving.document) if b.language == "python" and GATEWAY in b.text]
    with serve(upstream()) as behind, gateway(serving.text, behind) as base:
        for client in clients:
            run_python(client.text.replace(GATEWAY, base))
            said = capsys.readouterr().out
            assert said.startswith("【AI生成】\n\n先物理降温")
            assert "不替代医生诊断" in said


def upstream() -> Starlette:
    """An API that streams one answer."""

    async def events() -> AsyncIterator[str]:
        for text in ("先物理降温", "，多喝水。"):
            yield event({"content": text}, None)
        yield event({}, "stop")
        yield "data: [DONE]\n\n"

    def event(delta: dict[str, str], finish: str | None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({'id': '1', 'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"

    async def chat(_: object) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


@contextmanager
def gateway(commands: str, behind: str) -> Iterator[str]:
    """Run a block that ends in `labeler serve …` before another upstream, on a free port; yield its base URL."""
    commands = commands.replace(UPSTREAM, behind).replace("8080", "0")
    script = commands.replace("labeler serve", "exec labeler serve")
    with subprocess.Popen(["bash", "-ec", script], stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            assert process.stdout
            listening = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert listening
            yield listening[0]
        finally:
            process.terminate()


def test_both_readmes_tell_the_same_figures() -> None:
    """Whoever measures anew writes the result into both."""
    tables = []
    for name in READMES:
        text = (ROOT / name).read_text(encoding="utf-8")
        rows = [row for row in text.splitlines() if re.fullmatch(r"\|.*\| [\d.]+ \|", row)]
        tables.append([sorted(re.findall(r"\d[\d.,]*", row)) for row in rows])
    assert tables[0] == tables[1]
    assert len(tables[0]) > 8
