"""From the text in a carrier to the members of the AIGC record in it, however it is wrapped.

GB 45438-2025, Annex E knows `{"AIGC":{…}}` under a keyword that contains AIGC; the TC260 guides store
the bare object where the carrier itself is named AIGC. Readers have to accept both. What else is seen
in the wild (Base64, JSON in JSON, deeper wrappings) is read too, and reported.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from typing import Any, NamedTuple

from labeler.labels.record_rules import ANNEX_E, FIELDS, is_member

_PADDING = "\ufeff\0 \t\r\n"
_DEPTH = 4
"""How many wrappings, and how many encodings, are followed."""
_URL_SAFE = str.maketrans("-_", "+/")


class Members(NamedTuple):
    """The record's members as they stand there (None where there is no record), and what is wrong
    with the way they are written."""

    members: dict[str, Any] | None
    problems: tuple[str, ...]


def found_in(text: str) -> Members:
    """Look for a record in a text. Never raises; without a record, a problem says why."""
    search = _Search()
    members = search.in_text(text, ())
    if members is None and not search.problems:
        search.problems.append(f"the JSON holds no record: none of the seven fields is there ({ANNEX_E})")
    return Members(members, tuple(search.problems))


class _Search:
    """One search; `path` is always that of the keys passed so far."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._texts = 0
        self._twice = False

    def in_text(self, text: str, path: tuple[str, ...]) -> dict[str, Any] | None:
        self._texts += 1
        text = text.strip(_PADDING)
        if not text:
            self.problems.append(f"the text is empty; it has to be a JSON object ({ANNEX_E})")
            return None
        if plain := _from_base64(text):
            self.problems.append(f"the JSON is hidden in Base64; it has to stand there as it is ({ANNEX_E})")
            text = plain
        try:
            value = json.loads(text, object_pairs_hook=self._pairs)
        except (ValueError, RecursionError) as error:
            self.problems.append(f"the text is no JSON object ({ANNEX_E}): {_reason(error)}")
            return None
        return self.in_value(value, path)

    def in_value(self, value: Any, path: tuple[str, ...]) -> dict[str, Any] | None:
        if isinstance(value, str) and self._texts < _DEPTH:
            self.problems.append(f"the record is JSON in a JSON string; it has to be an object ({ANNEX_E})")
            return self.in_text(value, path)
        if not isinstance(value, dict):
            return None
        found = None if value.keys() & FIELDS else self._inside(value, path)
        if found is None and any(map(is_member, value)):
            self._judge(path)
            found = value
        return found

    def _inside(self, value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
        """The record in a wrapping; keys that name it go first."""
        for key in sorted(value, key=lambda key: "AIGC" not in key.upper()):
            follow = isinstance(value[key], dict) or "AIGC" in key.upper()
            found = self.in_value(value[key], (*path, key)) if follow and len(path) < _DEPTH else None
            if found is not None:
                return found
        return None

    def _judge(self, path: tuple[str, ...]) -> None:
        if len(path) > 1 or not all("AIGC" in key for key in path):
            where = "/".join(path)[:80]
            self.problems.append(f"the record is under {where!r}; it is bare, or under AIGC ({ANNEX_E})")

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs) and not self._twice:
            self._twice = True
            key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
            self.problems.append(f"{key[:40]!r} is there twice; a record has each field once ({ANNEX_E})")
        return members


def _from_base64(text: str) -> str:
    """The JSON object in Base64 (either alphabet, padded or not), or an empty string."""
    code = text.translate(_URL_SAFE).rstrip("=")
    try:
        plain = b64decode(code + "=" * (-len(code) % 4), validate=True).decode()
    except ValueError:
        return ""
    return plain if plain.lstrip(_PADDING).startswith("{") else ""


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else "a number in it has no end"
