"""`labeler demo`: what a newcomer sees first, on a terminal and without one."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import time
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.cli import main
from labeler.cli.demo.questions import WEATHER
from labeler.cli.demo.upstream import CALL, FEVER, upstream
from labeler.cli.demo.view import width, wrap
from labeler.inspection import inspect
from tests.servers import serve

MARKER = "【AI生成】"
MEDICAL = "本内容由AI生成，仅供健康参考，不替代医生诊断和治疗，不构成诊疗意见或处方；如有不适请及时就医，紧急情况请拨打120"
COMMAND = [sys.executable, "-c", "import sys; from labeler.cli import main; sys.exit(main())", "demo"]
QUIET = {"PYTHONUTF8": "1", "PYTHONWARNINGS": "error", "HTTP_PROXY": "http://127.0.0.1:9"}


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what a user may have set, and with a proxy that answers nobody."""
    ours = ("LABELER", "OPENAI", "NO_COLOR")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | QUIET | more


def test_without_a_terminal() -> None:
    """Before and after stand below each other, unwrapped and without colours; nothing is on stderr; it
    takes less than 15 seconds."""
    began = time.monotonic()
    done = subprocess.run(COMMAND, env=environment(), capture_output=True, timeout=60, check=False)
    out = done.stdout.decode()
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert time.monotonic() - began < 15
    assert f"--- before\n{FEVER}\n\n--- after\n{MARKER}\n\n{FEVER}\n\n{MEDICAL}\n" in out
    assert f"--- after\n{MARKER} AI-generated\n\nSunlight" in out
    call = f"get_weather({CALL})\n"
    assert f"--- before\n{call}\n--- after\n{call}" in out
    assert 'Labeler: skipped;reason="structured output";scenarios="general ecommerce";policy=' in out
    assert re.search(r"first token: \d+ ms direct, \d+ ms through the gateway\n", out)
    assert out.count("✓") == 7
    assert re.search(r"visible label 「AI生成」; all pixels outside a box of \d\.\d% of the picture are", out)
    assert '✓ AIGC record in its file: {"Label":"1","ContentProducer":"001191350100M000100Y43' in out
    picture = _picture(out)
    assert f"labeler inspect {picture}\n" in out
    _looked_at(picture)
    assert "\x1b" not in out
    for command in ("serve --upstream", "LabelMiddleware", "policy explain", "label --scenario"):
        assert command in out.partition("What to type next")[2]


def _picture(out: str) -> Path:
    """The file that the demo says it has left."""
    return Path(re.findall(r"look at it: (.*)", out)[0])


def _looked_at(file: Path) -> None:
    """The picture that the demo leaves is a labelled one; nothing stays behind."""
    found = inspect(file.read_bytes())
    assert (found.visible, found.valid) == ("AI生成", True)
    shutil.rmtree(file.parent)


def test_without_a_provider(tmp_path: Path) -> None:
    """A service of one's own without a provider code is told what its pictures lack."""
    config = tmp_path / "labeler.yaml"
    config.write_text("policies: [shipped]\n", encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "--config", str(config)], env=environment(), capture_output=True, timeout=60, check=True
    )
    assert "✓ no AIGC record: that needs `provider:" in done.stdout.decode()
    shutil.rmtree(_picture(done.stdout.decode()).parent)


def test_on_a_terminal() -> None:
    """Two columns stand side by side, straight in spite of wide characters, and labels are coloured."""
    out = _on_terminal(100, environment())
    assert f"\x1b[32m{MARKER} " in out
    rows = [row for row in _plain(out).splitlines() if " │ " in row]
    assert len(rows) > 20
    assert {width(row.partition(" │ ")[0]) for row in rows} == {49}
    assert max(map(width, rows)) <= 100
    after = "".join(row.partition(" │ ")[2].strip() for row in rows)
    assert MEDICAL in after


def test_no_color() -> None:
    """With NO_COLOR a terminal gets no escape sequence, and in a narrow one nothing is beside anything."""
    out = _on_terminal(50, environment(NO_COLOR="1"))
    assert "\x1b" not in out
    assert " │ " not in out
    assert "--- after" in out


def _on_terminal(columns: int, environment: Mapping[str, str]) -> str:
    """What the demo writes to a terminal of so many columns."""
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    unset = {key: value for key, value in environment.items() if key not in ("COLUMNS", "LINES")}
    out = b""
    with subprocess.Popen(COMMAND, env=unset, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        while data := _read(ours):
            out += data
    os.close(ours)
    assert process.returncode == 0, out.decode()
    return out.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side of a terminal is closed
        return b""


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[\d*m", "", text)


def test_broken_promise(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Where answers do not come out as promised, because the service only observes for example, it is
    said and the exit code is 1."""
    monkeypatch.setenv("LABELER__MODE", "observe")
    assert main(["demo"]) == 1
    out = capfd.readouterr().out
    assert "✗ not as promised: label first" in out
    assert "came out otherwise than promised" in out


@pytest.mark.parametrize("package", ["openai", "aiohttp", "uvicorn"])
def test_missing_extra(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], package: str
) -> None:
    """A missing package ends with 2 and the extra to install."""
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["demo"]) == 2
    assert capfd.readouterr().err == f"{package} is not installed: pip install 'aigc-labeler[demo]'\n"


def test_upstream_speaks_the_api() -> None:
    """The embedded upstream streams a text with its usage, and a tool call, as the SDK expects them."""
    with serve(upstream) as url, _sdk(url) as sdk:
        create: Any = sdk.chat.completions.create
        asked = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
        fever = list(create(messages=[{"role": "user", "content": "发烧"}], **asked))
        called = list(create(messages=[{"role": "user", "content": "?"}], tools=[WEATHER], **asked))
    assert "".join(choice.delta.content or "" for chunk in fever for choice in chunk.choices) == FEVER
    assert fever[-1].usage.completion_tokens > 50
    (call,) = called[1].choices[0].delta.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", CALL)
    assert called[-2].choices[0].finish_reason == "tool_calls"


def _sdk(url: str) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, http_client=http)


LINES = st.text(st.sampled_from("a bC,，。【】生成的(…\u0301"), max_size=60)


@given(LINES, st.integers(4, 20))
def test_rows_fit_and_lose_nothing(line: str, columns: int) -> None:
    """Wrapped rows are never too wide and hold all but white space at their edges."""
    rows = wrap(line, columns)
    assert max(map(width, rows)) <= columns
    assert "".join("".join(rows).split()) == "".join(line.split())


@given(LINES, st.integers(0, 60), st.integers(4, 20))
def test_rows_above_the_last_stay(line: str, cut: int, columns: int) -> None:
    """A line that grows changes its last row alone, so that rows above can be printed before its end."""
    early = wrap(line[:cut], columns)[:-1]
    assert wrap(line, columns)[: len(early)] == early


def test_width() -> None:
    """Chinese characters take two columns, Latin ones one, combining ones none."""
    assert [width(text) for text in ("【AI生成】", "AI", "é", unicodedata.normalize("NFD", "é"))] == [
        10,
        2,
        1,
        1,
    ]
