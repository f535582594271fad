"""pydantic's errors in plain words: what would be right, and how one writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

_MEANT = {
    "top": "start",
    "before": "start",
    "prefix": "start",
    "bottom": "end",
    "after": "end",
    "suffix": "end",
}
"""What people write for a value that is spelt quite differently."""


def told(error: Any, fields: Callable[[], list[str]], *, variable: bool) -> tuple[str, str]:
    """The message and the hint for a value that pydantic refuses. `fields`: the names that a mapping there
    may have. `variable`: the value comes from an environment variable."""
    value, asked = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "the field is missing", f"add `{error['loc'][-1]}:`"
        case "string_type":
            if error["loc"][-1] == "exempt":
                return "must be the reason, as text", "as in `exempt: titles, which nobody reads`"
            return "must be text", "put it in quotes" if isinstance(value, bool | int | float) else ""
        case "string_too_short":
            return "must have at least 1 character", ""
        case "bool_type" | "bool_parsing":
            return "must be true or false", ""
        case "tuple_type":
            return "must be a list", _as_list(value, variable=variable)
        case "too_short":
            return f"must have at least {asked['min_length']} item", ""
        case "dict_type":
            return "must be a mapping", "as in `name: value`"
        case "model_type":
            return "must be a mapping", f"its fields: {', '.join(fields())}"
        case "literal_error":
            choices, word = _choices(asked["expected"]), str(value)
            meant = _MEANT.get(word.lower(), word)
            return _said(error), nearest(meant if meant in choices else word, choices)
    return _said(error), ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint for a name that is not known."""
    names = list(known)
    close = get_close_matches(word, names, 1)
    return f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(names)}"


def _as_list(value: Any, *, variable: bool) -> str:
    if variable:
        return "a variable holds a single value; write lists into labeler.yaml"
    if isinstance(value, Mapping):
        return f"each item behind a dash: `- {next(iter(value), 'name')}: ...`"
    return f"write [{value}]"


def _said(error: Any) -> str:
    return str(error["msg"]).replace("Input should", "must")


def _choices(expected: str) -> list[str]:
    return [word for word in expected.split("'") if word.strip(" ,or")]
