"""The AIGC record as a value, as text, and read back from what others wrote (GB 45438-2025, Annex E)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import ContentError
from labeler.labels.provider_code import provider_code
from labeler.labels.record import Record, first_record, read, valid
from tests.test_provider_code import CREDIT

CODE = provider_code(CREDIT)
NUMBER = "019ab000-0000-7000-8000-000000000001"
SOUND = {
    "Label": "1",
    "ContentProducer": CODE,
    "ProduceID": NUMBER,
    "ReservedCode1": "",
    "ContentPropagator": CODE,
    "PropagateID": NUMBER,
    "ReservedCode2": "",
}
TEXT = json.dumps(SOUND, separators=(",", ":"))

numbers = st.text(st.sampled_from([chr(byte) for byte in range(0x21, 0x7F) if byte != 0x5C]), min_size=1)


def changed(**fields: Any) -> str:
    """A record in JSON with other fields; a field that is `...` is left out."""
    merged = {**SOUND, **fields}
    return json.dumps({name: value for name, value in merged.items() if value is not ...})


def test_the_first_record_names_the_producer_twice() -> None:
    """Whoever generates is the first propagator too (note 1), and the text has the standard's order."""
    record = first_record(CODE, NUMBER)
    assert record == Record("1", CODE, NUMBER, "", CODE, NUMBER, "")
    assert record.json() == TEXT
    assert record.json(wrapped=True) == f'{{"AIGC":{TEXT}}}'


@given(numbers, st.sampled_from("123"))
def test_a_first_record_reads_back_valid(number: str, label: str) -> None:
    """Both wrappings give back the same fields, for every number of allowed characters."""
    record = first_record(CODE, number, label=label)
    for text in (record.json(), record.json(wrapped=True)):
        assert text.isascii()
        assert read(text) == (record.fields, (), ())
        assert read(text).record == record


@given(st.builds(Record, *[st.text()] * 7))
def test_any_text_survives_json(record: Record) -> None:
    """Fields of whatever characters come back as they were, valid or not."""
    assert read(record.json(wrapped=True)).fields == record.fields


@pytest.mark.parametrize(
    ("producer", "number", "label", "says"),
    [
        (CODE, "", "1", "ProduceID is empty"),
        (CODE, "a b", "1", "ProduceID holds ' '"),
        (CODE, NUMBER, "4", "Label is '4'"),
        ("", NUMBER, "1", "ContentProducer is empty"),
        (CODE[:-1], NUMBER, "1", "26 characters"),
    ],
)
def test_an_invalid_record_is_not_made(producer: str, number: str, label: str, says: str) -> None:
    """What a service must not write is an error, before it reaches a file."""
    with pytest.raises(ContentError, match=says):
        first_record(producer, number, label=label)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f'{{"AIGC":{TEXT}}}',
        f'{{"myAIGC":{TEXT}}}',
        json.dumps(SOUND, indent=2),
        f"\ufeff \r\n{TEXT}\0\0 ",
        changed(ReservedCode1='{"SecurityData":{"Type":"TC260PG","Version":1}}'),
        changed(ContentPropagator="Example", PropagateID="7"),
        json.dumps(dict(reversed(SOUND.items()))),
    ],
)
def test_sound_records_pass(text: str) -> None:
    """Wrapped or bare, padded or spaced, spread by another service: nothing is wrong with these."""
    assert read(text).problems == ()
    assert valid(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (changed(Label=...), "Label is missing (GB 45438-2025, 6.1 a)"),
        (changed(ProduceID=...), "ProduceID is missing"),
        (changed(Label=1), "Label is a number; all fields are strings (GB 45438-2025, Annex E)"),
        (changed(Label=True), "Label is a boolean"),
        (changed(ProduceID=None), "ProduceID is null"),
        (changed(ReservedCode1={"SecurityData": {}}), "ReservedCode1 is an object"),
        (changed(ReservedCode2=[]), "ReservedCode2 is an array"),
        (changed(Label="4"), 'Label is \'4\'; it has to be "1", "2" or "3"'),
        (changed(Label="AIGC"), "Label is 'AIGC'"),
        (changed(ContentProducer=""), "ContentProducer is empty"),
        (changed(ContentPropagator=""), "at the first write it is the same as ContentProducer"),
        (changed(PropagateID=" "), "PropagateID is empty; at the first write it is the same as ProduceID"),
        (changed(ProduceID="编号1"), "ProduceID holds '编'"),
        (changed(PropagateID="a\\b"), "PropagateID holds '\\\\'"),
        (changed(ContentProducer="a\nb"), "ContentProducer holds '\\n'"),
        (
            changed(ContentProducer=CODE[:21] + "#" + CODE[22:]),
            "the provider code in ContentProducer holds '#'",
        ),
        (changed(ContentProducer=CODE[:20] + "00" + CODE[22:]), "check digit"),
        (changed(ContentPropagator=CODE + "0"), "the provider code in ContentPropagator has 28 characters"),
        (changed(ContentProducer=CODE.lower()), "holds 'm'; allowed are digits and capital letters"),
        (
            TEXT.replace("ReservedCode1", "ReserveCode1"),
            "'ReserveCode1' is no field; its name is ReservedCode1",
        ),
        (TEXT.replace("ReservedCode2", "ReserveCode2"), "its name is ReservedCode2"),
        (TEXT.replace("ReservedCode1", "ReservedCode"), "its name is ReservedCode1"),
        (TEXT.replace("PropagateID", "propagate_id"), "its name is PropagateID"),
        (TEXT.replace("PropagateID", "PropatorID"), "'PropatorID' is no field; its name is PropagateID"),
        (
            TEXT.replace("ContentPropagator", "Propagator"),
            "'Propagator' is no field; its name is ContentPropagator",
        ),
        (TEXT.replace('"Label":"1"', '"Label":"1","Label":"2"'), "'Label' is there twice"),
        ("", "the text is empty"),
        (" \0", "the text is empty"),
        ("AI", "the text is no JSON object"),
        (str(SOUND), "the text is no JSON object"),
        (TEXT[:-1], "the text is no JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "the text is no JSON object"),
        ("[]", "the JSON holds no record"),
        ("{}", "the JSON holds no record"),
        ('{"AIGC":null}', "the JSON holds no record"),
        ('{"AIGC":{"model":"x"}}', "the JSON holds no record"),
        (json.dumps(TEXT), "JSON in a JSON string"),
        (json.dumps({"AIGC": TEXT}), "JSON in a JSON string"),
        (base64.b64encode(TEXT.encode()).decode(), "Base64"),
        (base64.urlsafe_b64encode(TEXT.encode()).decode().rstrip("="), "Base64"),
        (f'{{"meta":{{"AIGC":{TEXT}}}}}', "the record is under 'meta/AIGC'"),
        (f'{{"label":"cat","AIGC":{{"AIGC":{TEXT}}}}}', "the record is under 'AIGC/AIGC'"),
        (f'{{"data":{TEXT}}}', "the record is under 'data'"),
        ('{"ServiceProvider":"a","ServiceUser":"b"}', "Tencent Cloud's form from before the standard"),
    ],
)
def test_what_breaks_a_clause_is_told(text: str, says: str) -> None:
    """Every fault of its own has one sentence, which cites the clause, and makes the record invalid."""
    problems = read(text).problems
    assert len([problem for problem in problems if says in problem]) == 1
    assert all("GB 45438-2025" in problem or "TC260" in problem for problem in problems)
    assert not valid(text)
    assert read(text).record is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (changed(ContentProducer="示例科技有限公司"), "ContentProducer is a name outside the characters"),
        (changed(ContentPropagator="Example Ltd"), "strict readers ask for the provider code"),
        (changed(ContentProducer=CREDIT), "ContentProducer is a credit code"),
        (changed(ReservedCode1="签名"), "ReservedCode1 holds characters outside"),
        (changed(ReservedCode2=...), "ReservedCode2 is missing; it may be empty"),
        (changed(Model="x"), "'Model': none of the seven fields"),
    ],
)
def test_what_the_standard_leaves_open_is_a_note(text: str, says: str) -> None:
    """A record with a name instead of the code, or with more than it needs, is valid but remarked on."""
    reading = read(text)
    assert reading.problems == ()
    assert [says in note for note in reading.notes] == [True]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(json.dumps(TEXT)),
        base64.b64encode(f'{{"AIGC":{TEXT}}}'.encode()).decode(),
        f'{{"x":{{"y":{{"AIGC":{TEXT}}}}}}}',
        TEXT.replace("ReservedCode1", "reserved-code-1").replace("ProduceID", "produceId"),
        TEXT.replace("ReservedCode1", "ReserveCode1"),
        TEXT.replace("ContentPropagator", "Propagator").replace("PropagateID", "PropatorID"),
    ],
)
def test_the_fields_are_found_wherever_they_are(text: str) -> None:
    """However a record is wrapped, encoded or misspelt, its fields come out under their right names."""
    reading = read(text)
    assert reading.fields == SOUND
    assert reading.problems


def test_fields_that_are_no_strings_come_out_as_text() -> None:
    """A number or an object is a problem, and can still be read."""
    fields = read(changed(Label=1, ReservedCode1={"a": [1]}, ReservedCode2=None)).fields
    assert (fields["Label"], fields["ReservedCode1"], fields["ReservedCode2"]) == ("1", '{"a":[1]}', "")


def test_a_right_name_goes_before_a_wrong_one() -> None:
    """A misspelt double does not replace the field."""
    reading = read(changed(label="3"))
    assert reading.fields["Label"] == "1"
    assert len(reading.problems) == 1


def test_a_lone_surrogate_cannot_break_a_report() -> None:
    """Every field of a reading can be written as UTF-8."""
    fields = read(changed(ContentProducer="\ud800")).fields
    assert fields["ContentProducer"].encode() == b"\\ud800"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*SOUND, "AIGC", "label", "ServiceUser", "x"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.text() | json_values.map(json.dumps))
def test_nothing_that_is_read_raises(text: str) -> None:
    """Whatever stands in a carrier, there is a reading, and one without problems makes a record."""
    reading = read(text)
    assert (reading.record is None) == bool(reading.problems)
    assert all(name in SOUND or name.startswith("Service") for name in reading.fields)
    "".join((*reading.fields.values(), *reading.problems, *reading.notes)).encode()


def test_a_hostile_text_is_read_in_its_own_time() -> None:
    """Many thousand keys, all of them twice, give a few short sentences."""
    keys = [f'"Label{" " * (number % 50)}{number}":1' for number in range(20_000)]
    text = "{" + ",".join(keys * 2) + ',"Label":"1"}'
    reading = read(text)
    assert len(reading.problems) + len(reading.notes) < 20
    assert all(len(sentence) < 400 for sentence in (*reading.problems, *reading.notes))
