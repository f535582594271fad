"""What each field of an AIGC record has to be (GB 45438-2025, 6.1 and Annex E; TC260-PG-20252A).

The standard's wording decides what is a problem and what a note. Values consist *mainly* (主要) of
the bytes 0x21, 0x23 to 0x5B, 0x5D to 0x7E and `\\"`, and a producer may be given by its name: so a
Chinese name is noted, since strict readers refuse it, while the numbers have to keep to the range.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from labeler.labels.credit_code import fault_of
from labeler.labels.provider_code import LENGTH, fault_of_code

ANNEX_E = "GB 45438-2025, Annex E"
FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
"""The seven fields in the order of Annex E."""

RESERVED = ("ReservedCode1", "ReservedCode2")
_RIGHT = frozenset(FIELDS)
LABELS = {"1": "generated", "2": "possibly generated", "3": "suspected to be generated"}
"""What the values of Label say (Annex E)."""

_FIRST_WRITE = {"ContentPropagator": "ContentProducer", "PropagateID": "ProduceID"}
_SPELLINGS = {
    **{name.lower(): name for name in FIELDS},
    "reservecode1": "ReservedCode1",
    "reservecode2": "ReservedCode2",
    "reservecode": "ReservedCode1",
    "reservedcode": "ReservedCode1",
    "producerid": "ProduceID",
    "propagatorid": "PropagateID",
    "propatorid": "PropagateID",
    "propagator": "ContentPropagator",
}
"""Names that are seen in the wild, without case and separators, with what they stand for."""
_LEGACY = ("ServiceProvider", "ServiceUser")
"""What Tencent Cloud wrote before the standard was in force."""
_RANGE = "0x21-0x5B and 0x5D-0x7E"
_OUTSIDE = re.compile(r"[^\x21-\x5b\x5d-\x7e]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CODE = re.compile(rf"[0-9A-Za-z]{{{LENGTH}}}|0011[!-~]{{14,}}")
"""A value that means to be a provider code, not a name."""
_SIGNS = re.compile(r"[\W_]").sub
_KINDS = {bool: "a boolean", int: "a number", float: "a number", list: "an array", dict: "an object"}

Judgement = tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]


def is_member(key: str) -> bool:
    """Whether a JSON key names a field of a record, rightly spelt or not."""
    return _named(key) is not None or key in _LEGACY


def _named(key: str) -> str | None:
    return key if key in _RIGHT else _SPELLINGS.get(_SIGNS("", key).lower())


def judged(members: Mapping[str, Any]) -> Judgement:
    """A record's fields as text, the problems that make it invalid, and the notes that do not."""
    if not any(map(_named, members)):
        fields = {name: _text(members[name]) for name in _LEGACY if name in members}
        return fields, (f"this is Tencent Cloud's form from before the standard, not that of {ANNEX_E}",), ()
    rightly = _rightly_named(members)
    fields = {name: _text(rightly[name]) for name in FIELDS if name in rightly}
    problems = [*_spelling(members), *_types(rightly), *_missing(fields), *_values(fields)]
    return fields, tuple(problems), tuple(_notes(members, fields))


def _rightly_named(members: Mapping[str, Any]) -> dict[str, Any]:
    """The seven under their own names; a right spelling goes before a wrong one."""
    wrongly = {name: value for key, value in members.items() if (name := _named(key))}
    return wrongly | {name: members[name] for name in FIELDS if name in members}


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode()


# What makes a record invalid.


def _spelling(members: Mapping[str, Any]) -> Iterator[str]:
    wrong = {name: key for key in members if (name := _named(key)) and name != key}
    for name, key in wrong.items():
        yield f"{key[:40]!r} is no field; its name is {name} ({ANNEX_E})"


def _types(members: Mapping[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        if not isinstance(value, str):
            kind = _KINDS.get(type(value), "null")
            yield f"{name} is {kind}; all fields are strings ({ANNEX_E})"


def _missing(fields: Mapping[str, str]) -> Iterator[str]:
    for name in FIELDS:
        if name in RESERVED or fields.get(name, "").strip():
            continue
        state = "is empty" if name in fields else "is missing"
        first = f"; at the first write it is the same as {_FIRST_WRITE[name]}" if name in _FIRST_WRITE else ""
        yield f"{name} {state}{first} (GB 45438-2025, 6.1 a)"


def _values(fields: Mapping[str, str]) -> Iterator[str]:
    if (label := fields.get("Label", "")) and label not in LABELS:
        yield f'Label is {label[:40]!r}; it has to be "1", "2" or "3" ({ANNEX_E})'
    for name in ("ContentProducer", "ContentPropagator"):
        code = fields.get(name, "")
        if _CODE.fullmatch(code) and (wrong := fault_of_code(code)):
            yield f"the provider code in {name} {wrong} (TC260-PG-20252A)"
    for name, value in fields.items():
        strict = _OUTSIDE if name in ("ProduceID", "PropagateID") else _CONTROL
        if strange := strict.search(value):
            yield f"{name} holds {strange[0]!r}; allowed are the characters {_RANGE} ({ANNEX_E})"


# What the standard leaves open.


def _notes(members: Mapping[str, Any], fields: Mapping[str, str]) -> Iterator[str]:
    for name in RESERVED:
        if name not in fields:
            yield f"{name} is missing; it may be empty ({ANNEX_E})"
    if other := [key[:40] for key in members if _named(key) is None]:
        yield f"{', '.join(map(repr, other[:5]))}: none of the seven fields ({ANNEX_E})"
    for name in ("ContentProducer", "ContentPropagator"):
        value = fields.get(name, "")
        if len(value) == 18 and not fault_of(value):
            yield f"{name} is a credit code; the provider code has {LENGTH} characters (TC260-PG-20252A)"
        elif _outside(value):
            yield (
                f"{name} is a name outside the characters {_RANGE}, which values mainly consist of"
                f" ({ANNEX_E}); strict readers ask for the provider code (TC260-PG-20252A)"
            )
    for name in RESERVED:
        if _outside(fields.get(name, "")):
            yield f"{name} holds characters outside {_RANGE}, which values mainly consist of ({ANNEX_E})"


def _outside(value: str) -> bool:
    return bool(_OUTSIDE.search(value)) and not _CONTROL.search(value)
