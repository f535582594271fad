"""The demo from its first line to its last."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import openai

from labeler.cli.demo.picture import painting
from labeler.cli.demo.questions import QUESTIONS, Answer, Question, ask, promised
from labeler.cli.demo.servers import serve
from labeler.cli.demo.upstream import upstream
from labeler.cli.demo.view import Below, Beside, Paint, View, wrap
from labeler.engine import Labeler
from labeler.errors import ContentError
from labeler.gateway.app import gateway

_NARROW, _WIDE = 60, 116
"""Columns: a narrower terminal has no room for two, and in a wider one lines get hard to read."""

NEXT = (
    (
        "{labeler} serve --upstream https://api.deepseek.com",
        "this gateway before a real API; base_url is then http://127.0.0.1:8080/v1",
    ),
    (
        "from labeler import LabelMiddleware; app.add_middleware(LabelMiddleware)",
        "or one line in your own FastAPI or Starlette app, without a gateway",
    ),
    (
        '{labeler} policy explain "孩子发烧39度怎么办"',
        "which rule matched, on which words, and what is said because of it",
    ),
    (
        "{labeler} inspect {picture}",
        "which labels a picture carries, and whether they keep to the rules",
    ),
    (
        'echo "多喝水，注意休息。" | {labeler} label --scenario medical',
        "label a text; with a file or a folder, what is in it",
    ),
)


def show(labeler: Labeler) -> int:
    """Ask and print; 1 if an answer is not what was promised."""
    with _quiet():
        return _shown(labeler)


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings: what is worth one is said on the screen."""
    log = logging.getLogger("labeler")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _shown(labeler: Labeler) -> int:
    screen = Screen(labeler)
    with serve(upstream) as direct, serve(gateway(labeler, direct)) as labelled:
        screen.hello(direct, labelled)
        with _client(direct) as before, _client(labelled) as after:
            kept = [screen.ask(number, one, before, after) for number, one in enumerate(QUESTIONS, 1)]
            kept.append(screen.picture(len(kept) + 1, before, after))
    screen.goodbye(kept)
    return 0 if all(kept) else 1


def _client(url: str) -> openai.OpenAI:
    """The official SDK, unmodified; a proxy that the environment names is of no use on the loopback."""
    http = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(base_url=f"{url}/v1", api_key="demo", max_retries=0, http_client=http)


class Screen:
    """Prints the demo, as wide and as colourful as where it is printed allows."""

    def __init__(self, labeler: Labeler) -> None:
        self._labeler = labeler
        self._saved = Path()
        terminal = sys.stdout.isatty()
        self._paint = Paint(terminal and not os.environ.get("NO_COLOR"))
        columns = min(shutil.get_terminal_size().columns, _WIDE)
        self._columns = columns if terminal and columns >= _NARROW else 0

    def hello(self, direct: str, labelled: str) -> None:
        """Say what is about to happen."""
        self._say("One chat API, asked directly (before) and through the gateway (after).", self._paint.bold)
        self._say("The official openai SDK asks, unmodified; neither a key nor the network is used.")
        self._say()
        self._say(f"  before  {direct}/v1", self._paint.dim)
        self._say(f"  after   {labelled}/v1", self._paint.dim)

    def ask(self, number: int, question: Question, before: openai.OpenAI, after: openai.OpenAI) -> bool:
        """Ask both, show both answers, and say whether the promise was kept."""
        self._say()
        self._say(f"{number}  {question.title}", self._paint.bold)
        self._say(f"  {question.asks}")
        self._say()
        answers = _both(question, (before, after), self._view())
        return self._judge(question, *answers)

    def picture(self, number: int, before: openai.OpenAI, after: openai.OpenAI) -> bool:
        """Ask both for a picture, and tell what was drawn and written into the second."""
        self._say()
        self._say(f"{number}  A picture, by the images API", self._paint.bold)
        self._say("  海边日落")
        self._say()
        seen = painting(before, after)
        share = f"all pixels outside a box of {seen.share:.1%} of the picture are the same"
        self._verdict(seen.labelled, f"visible label 「{seen.said.visible}」; {share}")
        written = seen.said.valid or not self._labeler.studio.producer
        record = "no AIGC record: that needs `provider: {credit_code: ...}` in labeler.yaml"
        if self._labeler.studio.producer:
            record = f"AIGC record in its file: {''.join(one.text for one in seen.said.records) or 'none'}"
        self._verdict(written, record)
        self._saved = seen.saved()
        self._say(f"    look at it: {self._saved}", self._paint.dim)
        return seen.labelled and written

    def goodbye(self, kept: list[bool]) -> None:
        """Sum up, and say what to type next."""
        self._say()
        broken = kept.count(False)
        if broken:
            self._say(f"{broken} of {len(kept)} answers came out otherwise than promised.", self._paint.bad)
        else:
            self._say("All five came out as promised. What to type next:", self._paint.bold)
        for line, meaning in NEXT:
            self._say()
            picture = shlex.quote(str(self._saved))
            self._say(f"  {line.format(labeler=_myself(), picture=picture)}")
            self._say(f"      {meaning}", self._paint.dim)

    def _view(self) -> View:
        if not self._columns:
            return Below()
        marks = self._labeler.service.policies.marks
        return Beside(self._columns, self._paint, {*marks.starts, *marks.ends})

    def _judge(self, question: Question, before: Answer, after: Answer) -> bool:
        kept, promise = promised(self._labeler, question, before, after)
        if self._columns:
            self._say()
        self._verdict(kept, promise)
        if question.options.get("stream"):
            first = f"first token: {before.first * 1000:.0f} ms direct, {after.first * 1000:.0f} ms through the gateway"
            self._verdict(True, first)
        if question.data:
            self._header(after.label)
        return kept

    def _header(self, label: str) -> None:
        name, indent = "Labeler: ", "    "
        if not self._columns:
            self._say(f"{indent}{name}{label}")
            return
        spaced = label.replace(";", "; ")  # as structured fields may be written (RFC 9651, 3.1.2)
        for row in wrap(name + spaced, self._columns - len(indent)):
            self._say(indent + row, self._paint.dim)

    def _verdict(self, kept: bool, text: str) -> None:
        sign = self._paint.good("✓") if kept else self._paint.bad("✗")
        self._say(f"  {sign} {text if kept else f'not as promised: {text}'}")

    def _say(self, text: str = "", paint: Callable[[str], str] = str) -> None:
        print(paint(text), flush=True)


def _both(question: Question, clients: tuple[openai.OpenAI, openai.OpenAI], view: View) -> list[Answer]:
    """Ask two clients at once and show what comes. Raises ContentError where the SDK does."""
    arrived: SimpleQueue[tuple[int, str | None]] = SimpleQueue()

    def asked(side: int) -> Answer:
        try:
            return ask(clients[side], question, lambda piece: arrived.put((side, piece)))
        finally:
            arrived.put((side, None))

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(asked, side) for side in (0, 1)]
        ends = 0
        while ends < len(answers):
            side, piece = arrived.get()
            if piece is None:
                view.end(side)
                ends += 1
            else:
                view.put(side, piece)
    try:
        return [answer.result() for answer in answers]
    except openai.OpenAIError as error:
        message = f"{question.title}: the SDK raised {type(error).__name__}: {error}"
        raise ContentError(message) from error


def _myself() -> str:
    """How the command is called from here."""
    if shutil.which("labeler"):
        return "labeler"
    path = Path(sys.argv[0])
    return os.path.relpath(path) if path.name == "labeler" else "labeler"
