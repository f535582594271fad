"""Our own marks in earlier assistant turns: found, so that a request can go on without them.

Otherwise the model imitates them and they pile up. Only for requests: the answers keep theirs.
"""

from __future__ import annotations

from labeler.labels.ending import body_end, paragraph
from labeler.labels.opening import THINK, THOUGHT, marked

_BLANK = "\ufeff \t\r\n"


def own_marks(text: str, starts: tuple[str, ...], ends: tuple[str, ...]) -> list[tuple[int, int]]:
    """The character ranges of `text` that are labels of ours, at its start and at its end, each
    with the empty line that sets it off."""
    found = []
    begin = len(text) - len(text.lstrip(_BLANK))
    if text.startswith(THINK, begin) and (thought := text.find(THOUGHT)) >= 0:
        begin = thought + len(THOUGHT)
        begin += len(text[begin:]) - len(text[begin:].lstrip())
    start = begin
    while (size := _starting(text, start, starts)) > 0:
        start += size
    if start > begin:
        found.append((begin, start))
    end = len(text)
    while (left := _ending(text, start, end, ends)) < end:
        end = left
    if (body := body_end(text, start, end)) is not None and (left := _in_page(text, body, ends)) < body:
        found.append((left, body))
    if end < len(text):
        found.append((end, len(text)))
    return found


def _starting(text: str, at: int, marks: tuple[str, ...]) -> int:
    if not text.startswith(marks, at):
        return 0
    mark = next((mark for mark in marks if marked(text, at, mark, final=True)), "")
    end = at + len(mark)
    return len(mark) and end + len(_newlines(text[end : end + 4])) - at


def _ending(text: str, start: int, end: int, marks: tuple[str, ...]) -> int:
    left = end
    while left > start and text[left - 1].isspace():
        left -= 1
    if not text.endswith(marks, start, left):
        return end
    mark = next(mark for mark in marks if text.endswith(mark, start, left))
    left -= len(mark)
    for _ in range(2):
        if text.endswith("\n", start, left):
            left -= 2 if text.endswith("\r\n", start, left) else 1
    return left


def _in_page(text: str, end: int, marks: tuple[str, ...]) -> int:
    """Where the paragraphs of ours begin that stand at the end of a page's body."""
    paragraphs = tuple(paragraph(mark) + "\n" for mark in marks)
    while text.endswith(paragraphs, 0, end):
        end -= len(next(one for one in paragraphs if text.endswith(one, 0, end)))
    return end


def _newlines(text: str) -> str:
    """Up to two line ends at the start of `text`."""
    rest = text
    for _ in range(2):
        rest = rest[2:] if rest.startswith("\r\n") else rest.removeprefix("\n")
    return text[: len(text) - len(rest)]
