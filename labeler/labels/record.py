"""The implicit label of a file: the AIGC record with its seven fields (GB 45438-2025, 6.1 and Annex E).

A value, its text, and the way back from a text that somebody else wrote. Reading is tolerant,
judging is not: whatever can be told of a record is in `Reading.fields`, whatever breaks a clause in
`Reading.problems`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import NamedTuple

from labeler.errors import ContentError
from labeler.labels.record_rules import FIELDS, judged
from labeler.labels.record_text import found_in


@dataclass(frozen=True, slots=True)
class Record:
    """The seven fields, in the standard's order; all of them are strings.

    `label` is "1" (generated), "2" (possibly) or "3" (suspected). The producer's three are written by
    whoever generates; the propagator's by whoever spreads, at first the same (Annex E, note 1).
    """

    label: str
    content_producer: str
    produce_id: str
    reserved_code1: str
    content_propagator: str
    propagate_id: str
    reserved_code2: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The fields under the standard's names, in its order."""
        return dict(zip(FIELDS, _VALUES(self), strict=True))

    def json(self, wrapped: bool = False) -> str:
        """Compact JSON in ASCII: bare for a carrier that is named AIGC itself, else `wrapped`."""
        value = {"AIGC": self.fields} if wrapped else self.fields
        return json.dumps(value, separators=(",", ":"))


_VALUES = attrgetter(*(field.name for field in fields(Record)))


class Reading(NamedTuple):
    """What a text says of a record.

    `fields` has the fields that were found, under the standard's names and in its order, as text
    even where they were none. Each of the `problems` breaks a clause and makes the record invalid;
    `notes` do not: what the standard advises, or leaves open.
    """

    fields: dict[str, str]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def record(self) -> Record | None:
        """The record, if it is valid."""
        if self.problems:
            return None
        return Record(*(self.fields.get(name, "") for name in FIELDS))


def first_record(producer: str, produce_id: str, reserved1: str = "", label: str = "1") -> Record:
    """The record that a generating service writes: it is the first propagator too (Annex E, note 1).

    `producer` is the provider code, `produce_id` the service's own number of this content. Raises
    ContentError where a field would make the record invalid.
    """
    record = Record(label, producer, produce_id, reserved1, producer, produce_id)
    if problems := judged(record.fields)[1]:
        message = f"no valid AIGC record: {problems[0]}"
        raise ContentError(message)
    return record


def read(text: str) -> Reading:
    """Read a record as it stands in a carrier, wrapped or bare, and judge it clause by clause."""
    found = found_in(text)
    if found.members is None:
        return Reading({}, found.problems)
    fields, problems, notes = judged(found.members)
    return Reading(fields, (*found.problems, *problems), notes)


def valid(text: str) -> bool:
    """Whether a text holds a record that breaks no clause."""
    return not read(text).problems
