"""Telling the scenario from the words, with all shipped policies, beside `re`; and loading them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.common import Row, Samples, interleave, median_ratio
from labeler.config import load
from labeler.policy import decide
from labeler.policy.load import shipped
from labeler.policy.topics import Engine, all_lexicons, files, fold
from labeler.policy.topics.scan import Scanner
from labeler.values import Exchange

QUESTION = "孩子今年三岁，昨天晚上开始发烧到38.5度，吃了退烧药以后还是反反复复，要不要马上带他去医院看看？"
CHAT = (
    "你好，帮我看看这段代码为什么跑不起来",
    "周末想去杭州玩两天，有什么推荐的路线",
    QUESTION,
    "那要吃多少？",
)
ANSWER = "多喝水，注意休息；体温超过38.5度时可在医生指导下用退热药。如果精神不好，请及时去医院就诊。\n" * 32
"""About 4 KB in UTF-8."""

_BATCH = 200
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def rows(rounds: int) -> list[Row]:
    """The figures of this part of the table."""
    policies = load(environ={}).policies
    engine = Engine.of(all_lexicons(policies.topics))
    alternation = re.compile("|".join(map(re.escape, sorted(engine.words, key=len, reverse=True)))).findall
    question, answer = fold(QUESTION), fold(ANSWER)
    asked = Exchange("/v1/chat/completions", messages=(QUESTION,))
    talked = Exchange("/v1/chat/completions", messages=CHAT * 5)
    terms = f"{len(engine.words):,} terms"
    short = _measure(
        rounds,
        scan=partial(engine.scan, question),
        decide=partial(decide, policies, asked),
        talk=partial(decide, policies, talked),
        re=partial(alternation, question),
    )
    long = _measure(
        rounds,
        scan=partial(engine.scan, answer),
        answer=partial(_answer, engine, ANSWER),
        re=partial(alternation, answer),
    )
    return [
        _faster(short, "scan", f"scan of a question of {len(QUESTION)} characters, {terms}", ">= 15"),
        _faster(short, "decide", "decision on that question, all shipped policies", ">= 2"),
        _faster(short, "talk", "decision on a conversation of 20 messages", ""),
        _faster(long, "scan", f"scan of an answer of {len(ANSWER.encode()):,} bytes", ">= 15"),
        _faster(long, "answer", "what that answer is about, in pieces as it passes", ">= 2"),
        _loading(max(3, rounds // 5)),
    ]


def _measure(rounds: int, **functions: Callable[[], object]) -> Samples:
    """Seconds per call."""
    return interleave({name: partial(_seconds, call) for name, call in functions.items()}, rounds)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(_BATCH):
        call()
    return (time.perf_counter() - start) / _BATCH


def _faster(samples: Samples, name: str, what: str, aim: str) -> Row:
    """How many times faster than `re`, which only looks for the same terms."""
    ours, beside = (f"{median(samples[one]) * 1e6:.1f} µs" for one in (name, "re"))
    return Row(what, ours, f"{beside} (re alternation)", median_ratio(samples, "re", name), aim)


def _answer(engine: Engine, text: str) -> None:
    scanner = Scanner(engine, 8192)
    for start in range(0, len(text), 40):
        scanner.feed(text[start : start + 40])
    scanner.end()


def _loading(rounds: int) -> Row:
    """Policies and lexicons as at the start of a process, beside PyYAML's fastest loader alone."""
    texts = [file.read_text(encoding="utf-8") for file in _shipped_files()]
    samples = interleave({"load": _load, "yaml": partial(_yaml, texts)}, rounds)
    ours, beside = (f"{median(samples[one]) * 1e3:.0f} ms" for one in ("load", "yaml"))
    ratio = median_ratio(samples, "load", "yaml")
    return Row("loading all shipped policies and lexicons", ours, f"{beside} (PyYAML)", ratio, "<= 2")


def _shipped_files() -> list[Path]:
    return [*sorted(shipped().glob("*.yaml")), *sorted(Path(files.__file__).parent.glob("*.yaml"))]


def _load() -> float:
    files.forget()
    start = time.perf_counter()
    load(environ={})
    return time.perf_counter() - start


def _yaml(texts: list[str]) -> float:
    start = time.perf_counter()
    for text in texts:
        yaml.load(text, _LOADER)
    return time.perf_counter() - start
