# Labels by library calls: for batch jobs, message queues, protocols that are not HTTP.
#
#   python examples/library.py
#
# One Labeler serves all threads and tasks. Give it a configuration with Labeler.load("labeler.yaml").

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from labeler import Labeler, Outcome, undo

QUESTION = "孩子发烧39度怎么办"

outcomes: list[Outcome] = []  # a list here; in a service your log, your metrics or your audit trail
labeler = Labeler.load(on_outcome=outcomes.append)


def text() -> None:
    """A complete text; the question tells the scenario."""
    labelled = labeler.text("多喝水，注意休息。", question=QUESTION)
    print(labelled.content)
    assert labelled.outcome.verdict is not None
    for reason in labelled.outcome.verdict.because:  # which rule it was, and what it found
        print("  ", reason.scenario, "because of", reason.rule, *reason.found)


def named() -> None:
    """A text whose scenario the caller knows."""
    print(labeler.text("羽绒服轻暖，通勤也合适。", scenarios=["ecommerce"]).content)


def stream() -> None:
    """Pieces of text, labelled as they come."""
    for piece in labeler.stream(["多喝水，", "注意", "休息。"], question=QUESTION):
        print(piece, end="", flush=True)
    print()


async def astream() -> None:
    """The same from an asynchronous source; the labels follow the question's language."""

    async def model() -> AsyncIterator[str]:
        for piece in ("The sky ", "is blue."):
            await asyncio.sleep(0)
            yield piece

    async for piece in labeler.astream(model(), question="Why is the sky blue?"):
        print(piece, end="", flush=True)
    print()


def body() -> None:
    """A whole response body of a chat API; the request that it answers tells the scenario. What was
    put in is listed in the outcome and can be taken out again, byte for byte."""
    request = {"model": "house-model", "messages": [{"role": "user", "content": QUESTION}]}
    message = {"role": "assistant", "content": "多喝水，注意休息。"}
    response = {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    original = json.dumps(response).encode()
    labelled = labeler.body(original, request=json.dumps(request).encode())
    print(json.loads(labelled.content)["choices"][0]["message"]["content"])
    print("   undone, it is the original:", undo(labelled.content, labelled.outcome.edits) == original)


if __name__ == "__main__":
    for example in (text, named, stream, lambda: asyncio.run(astream()), body):
        example()
        print("  ", outcomes[-1].state, outcomes[-1].number, end="\n\n")
    print("all together:", dict(labeler.counts))
