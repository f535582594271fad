"""The types of words in a policy: one line each, per language, fit to stand in an answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from labeler.labels.wording import JURISDICTIONS, missing_elements
from labeler.policy.document import Fault, fault

ANY = "any"
"""The language key of words that serve every language; a plain string in a policy is short for it."""

_LANGUAGE = re.compile(r"any|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_COUNTRIES = {"cn": "zh", "tw": "zh-Hant", "hk": "zh-Hant", "jp": "ja", "kr": "ko", "us": "en", "gb": "en"}
"""Countries that are no languages, each with the language that is meant."""


def _line(text: str) -> str:
    if not text or text != text.strip():
        hint = (
            "behind `|` or `>` a line end belongs to the text: write it in one line" if "\n" in text else ""
        )
        raise fault(Fault("must be words, without space around them", hint))
    bad = next((char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")), "")
    if bad:
        message = f"must be one line of printable text, but holds U+{ord(bad):04X}"
        raise fault(Fault(message, "clients split lines there; write several disclaimers instead"))
    return text


def _language(key: str) -> str:
    if not _LANGUAGE.fullmatch(key):
        raise fault(Fault(f"'{key}' is no language", "write zh, en, ... or any"))
    if key in _COUNTRIES:
        raise fault(Fault(f"'{key}' is a country and no language", f"write {_COUNTRIES[key]}"))
    return key


def _spread(words: Any) -> Any:
    if not isinstance(words, str | Mapping):
        raise fault(Fault("must be one text, or one for each language", "write for example `zh: 【AI生成】`"))
    return {ANY: words} if isinstance(words, str) else words


def _some(words: dict[str, str]) -> dict[str, str]:
    if not words:
        raise fault(Fault("must have words in at least one language", "write for example `zh: 【AI生成】`"))
    return words


Line = Annotated[str, AfterValidator(_line)]
Words = Annotated[
    dict[Annotated[str, AfterValidator(_language)], Line],
    BeforeValidator(_spread, json_schema_input_type=str | dict[str, str]),
    AfterValidator(_some),
]


def faults_of_label(
    words: Mapping[str, str], jurisdiction: str, limit: int, *, explicit: bool
) -> Iterator[Fault]:
    """What is wrong with the words of one label, language by language.

    `explicit` words must carry the elements that the jurisdiction asks for, in every language: under
    `cn` the Chinese ones in an English answer too. `limit` is in characters.
    """
    for language, line in words.items():
        if len(line) > limit:
            yield Fault(f"has {len(line)} characters; at most {limit} are allowed", path=(language,))
        missing = missing_elements(line, jurisdiction) if explicit and jurisdiction in JURISDICTIONS else ()
        if missing:
            asked = JURISDICTIONS[jurisdiction]
            lack = " and ".join(map(str, missing))
            hint = f"{asked.rule}; for example {asked.example}"
            yield Fault(f"「{line}」 is no explicit label: it lacks {lack}", hint, (language,))
