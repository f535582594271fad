"""The label in header form: structured fields (RFC 9651), ASCII on the wire."""

from __future__ import annotations

from functools import lru_cache

from labeler.values import Stamp, Verdict

_REASON = 200
"""Characters of a reason: clients refuse header lines that are too long."""
_WORDS = 600
"""Bytes of words, each of which becomes three: proxies take 4 KB of headers together."""


def labeler_field(
    state: str, reason: str, verdict: Verdict | None, number: str, aside: tuple[Stamp, ...] = ()
) -> str:
    """`Labeler`: an Item, the token `planned`, `applied`, `skipped`, `failed` or `degraded` with
    the parameters reason, scenarios (ids, space between them), policy (revision), number (content
    number) and label (a Display String: the words `aside` of the text, which the interface shows; as many of
    them as have room)."""
    field = state if not reason else f"{state};reason={sf_string(reason[:_REASON])}"
    if verdict is not None and verdict.scenarios:
        field += _rule(verdict.scenarios, verdict.revision)
    if number:
        field += f';number="{number}"'
    if not aside:
        return field
    return f"{field};label={display_string(_with_room(aside))}"


def _with_room(stamps: tuple[Stamp, ...]) -> str:
    words = stamps[0].words
    for stamp in stamps[1:]:
        longer = f"{words} {stamp.words}"
        if len(longer.encode()) > _WORDS:
            break
        words = longer
    return words


def ai_disclosure(model: str, provider: str) -> str:
    """`AI-Disclosure` (draft-abaris-aicdh-01, expired 2026-08-03): a Dictionary. Advisory only."""
    field = "mode=ai-originated"
    for name, value in (("model", model), ("provider", provider)):
        if value and value.isascii() and value.isprintable() and len(value) <= 256:
            field += f", {name}={sf_string(value)}"
    return field


def sf_string(text: str) -> str:
    """A String (RFC 9651, 3.3.3); what is not printable ASCII becomes an escape in words."""
    plain = (
        text if text.isascii() and text.isprintable() else text.encode("ascii", "backslashreplace").decode()
    )
    plain = "".join(char if " " <= char <= "~" else " " for char in plain)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def display_string(text: str) -> str:
    """A Display String (RFC 9651, 3.3.8): UTF-8, percent-encoded in lower case."""
    return '%"' + "".join(_unit(byte) for byte in text.encode()) + '"'


def _unit(byte: int) -> str:
    return f"%{byte:02x}" if byte in (0x25, 0x22) or not 0x20 <= byte <= 0x7E else chr(byte)


@lru_cache(maxsize=1024)
def _rule(scenarios: tuple[str, ...], revision: str) -> str:
    return f";scenarios={sf_string(' '.join(scenarios))};policy={sf_string(revision)}"
