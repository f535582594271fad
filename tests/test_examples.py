"""The examples start as their first comments say, and their answers are labelled."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import openai
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.servers import serve

ROOT = Path(__file__).parents[1]
FEVER = "孩子发烧39度怎么办"
MARKER = "【AI生成】"
MEDICAL = "不替代医生诊断"
PETS = "宠物健康建议由AI生成，不能代替执业兽医的诊断，紧急情况请立即送医"
SHOP = "请以实物和商品详情页为准"


def commands(example: str) -> list[str]:
    """The command lines in an example's first comment."""
    lines = (ROOT / "examples" / example).read_text(encoding="utf-8").splitlines()
    comment = lines[: next(at for at, line in enumerate(lines) if not line.startswith("#"))]
    return [line[4:] for line in comment if re.match(r"#   (?:uvicorn|python|labeler) ", line)]


def arguments(command: str) -> list[str]:
    """A command line as this test's own installation runs it."""
    program, *rest = shlex.split(command)
    run = {
        "python": [sys.executable],
        "uvicorn": [sys.executable, "-m", "uvicorn"],
        "labeler": [sys.executable, "-c", "import sys; from labeler.cli import main; sys.exit(main())"],
    }
    return [*run[program], *rest]


def environment() -> dict[str, str]:
    ours = {"PYTHONUTF8": "1", "PYTHONWARNINGS": "error"}
    return {key: value for key, value in os.environ.items() if not key.startswith("LABELER")} | ours


def finished(command: str) -> str:
    """What a command prints that ends by itself, and well."""
    done = subprocess.run(
        arguments(command), cwd=ROOT, env=environment(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@contextmanager
def started(command: str, *more: str) -> Iterator[str]:
    """The base URL of a server that a command starts, on another port than the one it names."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "--port 8000" in command
    call = [*arguments(command.replace("--port 8000", f"--port {port}")), *more]
    with subprocess.Popen(call, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL) as process:
        try:
            _reachable(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _reachable(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing listens; exit code {process.poll()}")


def client(url: str) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0, http_client=http)


def streamed(url: str, question: str, model: str = "house-model") -> str:
    with client(url) as sdk:
        chunks = sdk.chat.completions.create(
            model=model, messages=[{"role": "user", "content": question}], stream=True
        )
        return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def whole(url: str, question: str, model: str = "house-model") -> str:
    with client(url) as sdk:
        answer = sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
        return answer.choices[0].message.content or ""


def fetched(url: str) -> str:
    direct = build_opener(ProxyHandler({}))
    with direct.open(url, timeout=10) as response:
        data: bytes = response.read()
    return data.decode()


async def _repeat(request: Request) -> JSONResponse:
    """A foreign API in miniature: it says the model's name and the question."""
    asked: dict[str, Any] = json.loads(await request.body())
    content = f"{asked['model']}: {asked['messages'][-1]['content']}"
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    envelope = {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"]}
    return JSONResponse({**envelope, "choices": [choice]})


FOREIGN = Starlette(
    routes=[
        Route("/{path:path}/chat/completions", _repeat, methods=["POST"]),
        Route("/v1/models", lambda request: JSONResponse({"object": "list", "data": []})),
    ]
)


def test_fastapi_service() -> None:
    """The FastAPI service's answers are labelled, whole and streamed; one by a person is not."""
    (command,) = commands("fastapi_service.py")
    with started(command) as url:
        answers = [ask(f"{url}/v1", FEVER) for ask in (streamed, whole)]
        by_a_person = whole(f"{url}/desk/v1", FEVER)
    assert answers[0] == answers[1]
    assert answers[0].startswith(f"{MARKER}\n\n好的，关于「{FEVER}」：")
    assert MEDICAL in answers[0].splitlines()[-1]
    assert by_a_person == "您好，我是客服小李，马上为您查询。"


def test_starlette_service() -> None:
    """The Starlette service's plain text is labelled by its route's rule; its titles are exempt."""
    (command,) = commands("starlette_service.py")
    with started(command) as url:
        answer = fetched(f"{url}/ask?question={quote(FEVER)}")
        title = fetched(f"{url}/title")
    assert answer.startswith(f"{MARKER}\n\n先量体温，多喝水，注意休息。\n\n")
    assert MEDICAL in answer.splitlines()[-1]
    assert title == "关于发烧"


def test_gateway() -> None:
    """The gateway labels a foreign API's answers by question and by model, and lets through what its
    configuration exempts."""
    (command,) = commands("gateway/labeler.yaml")
    with serve(FOREIGN) as foreign, started(command, "--upstream", foreign) as url:
        health = whole(f"{url}/v1", FEVER)
        shop = whole(f"{url}/v1", "写一句文案", "shop-copywriter")
        internal = whole(f"{url}/internal/v1", FEVER)
        models = fetched(f"{url}/v1/models")
    assert health.startswith(f"{MARKER}\n\nhouse-model: {FEVER}\n\n")
    assert MEDICAL in health
    assert shop.endswith(SHOP)
    assert internal == f"house-model: {FEVER}"
    assert json.loads(models) == {"object": "list", "data": []}


def test_library() -> None:
    """The library script labels texts, streams and a body, and undoes what it put in."""
    (command,) = commands("library.py")
    out = finished(command)
    assert out.count(f"{MARKER}\n\n多喝水，注意休息。\n\n") == 3
    assert out.count(MEDICAL) == 3
    assert SHOP in out
    assert f"{MARKER} AI-generated\n\nThe sky is blue.\n\n" in out
    assert "it is the original: True" in out
    assert "all together: {'applied': 5}" in out


def test_house_policy() -> None:
    """The house policy is sound, its examples lead where they say, and it can be explained."""
    check, test, explain, _ = commands("house_policy/labeler.yaml")
    assert "no problems" in finished(check)
    assert "0 failed" in finished(test)
    assert PETS in finished(explain)


def test_house_policy_in_the_gateway() -> None:
    """A gateway with the house policy says its disclaimer where a question is about pets."""
    *_, command = commands("house_policy/labeler.yaml")
    assert command.startswith("labeler serve ")
    with serve(FOREIGN) as foreign:
        own = command.replace("http://127.0.0.1:9000", foreign) + " --port 8000"
        with started(own) as url:
            answer = whole(f"{url}/v1", "狗狗不吃东西怎么办")
            other = whole(f"{url}/v1", "今天天气怎么样")
    assert answer == f"{MARKER}\n\nhouse-model: 狗狗不吃东西怎么办\n\n{PETS}"
    assert other.startswith(f"{MARKER}\n\nhouse-model: 今天天气怎么样\n\n")
    assert PETS not in other


def test_every_example_is_run() -> None:
    """No file of the folder is left out by these tests."""
    files = {str(path.relative_to(ROOT / "examples")) for path in (ROOT / "examples").rglob("*.*")}
    known = {
        "fastapi_service.py",
        "starlette_service.py",
        "starlette_service.yaml",
        "library.py",
        os.path.join("gateway", "labeler.yaml"),
        os.path.join("house_policy", "labeler.yaml"),
        os.path.join("house_policy", "pets.yaml"),
    }
    assert {file for file in files if "__pycache__" not in file} == known
