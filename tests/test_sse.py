"""Server-sent events as bytes: cut into records and read, without losing one byte."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import ContentError
from labeler.framing.sse import Event, Splitter, parse

LIMIT = 1 << 16

# Line ends of every kind, fields with and without space, comments, and things that look like line ends.
BITS = [
    "\n",
    "\r",
    "\r\n",
    "data: a",
    "data:b",
    "data",
    "event: x",
    ": ping",
    "id: 1",
    "c",
    " ",
    "\u2028",
    "\x85",
]
STREAMS = st.lists(st.sampled_from(BITS), max_size=30).map(lambda bits: "".join(bits).encode())


def records(pieces: list[bytes], limit: int = LIMIT) -> list[bytes]:
    """The records of a stream that comes in pieces, the last one without its end included."""
    splitter = Splitter(limit)
    found = [record for piece in pieces for record in splitter.feed(piece)]
    rest = splitter.close()
    return [*found, rest] if rest else found


def payloads(pieces: list[bytes]) -> list[bytes]:
    """The data of a stream's events."""
    return [event.payload for event in map(parse, records(pieces)) if event is not None]


def dispatched(stream: bytes) -> list[bytes]:
    """The data of a stream's events as WHATWG HTML, 9.2.6, puts it together, line by line."""
    found: list[bytes] = []
    data: list[bytes] = []
    for line in [*re.split(rb"\r\n|\n|\r", stream), b""]:
        name, _, value = line.partition(b":")
        if not line and data:
            found.append(b"\n".join(data))
            data = []
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return found


@given(STREAMS, st.lists(st.integers(0, 80), max_size=6))
def test_records_are_what_the_standard_says(stream: bytes, at: list[int]) -> None:
    """However the stream is cut, the records join to its bytes and hold the data that the standard reads."""
    edges = [0, *sorted(min(one, len(stream)) for one in at), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    assert b"".join(records(pieces)) == stream
    assert payloads(pieces) == dispatched(stream)


@pytest.mark.parametrize("end", ["\n\n", "\r\r", "\r\n\r\n", "\n\r\n", "\r\n\n", "\r\n\r"])
def test_a_record_leaves_with_its_last_byte(end: str) -> None:
    """With every kind of line end a record is there as soon as its empty line is, not one byte later."""
    splitter = Splitter(LIMIT)
    record = b"data: x" + end.encode()
    waiting = [list(splitter.feed(record[at : at + 1])) for at in range(len(record))]
    complete = next(at for at, found in enumerate(waiting) if found)
    assert len(waiting) - complete <= (2 if end.endswith("\r\n") else 1)
    assert b"".join(b"".join(found) for found in waiting) == record


def test_line_ends_between_records_do_not_wait() -> None:
    """A lone line end after a record is a heartbeat and leaves at once."""
    splitter = Splitter(LIMIT)
    assert list(splitter.feed(b"data: x\n\n")) == [b"data: x\n\n"]
    assert list(splitter.feed(b"\n")) == [b"\n"]
    assert list(splitter.feed(b"\r\n\n")) == [b"\r\n\n"]


@pytest.mark.parametrize(
    ("record", "payload", "again"),
    [
        (b"data: {}\n\n", b"{}", b"data: N\n\n"),
        (b"data:{}\n\n", b"{}", b"data:N\n\n"),
        (b"data: {}\r\n\r\n", b"{}", b"data: N\r\n\r\n"),
        (b"data: {}\r\r", b"{}", b"data: N\r\r"),
        (b"event: answer\ndata: {}\n\n", b"{}", b"event: answer\ndata: N\n\n"),
        (b"data: {}\nevent: answer\n\n", b"{}", b"event: answer\ndata: N\n\n"),
        (b"event:answer\r\ndata:{}\n\n", b"{}", b"event:answer\r\ndata:N\r\n\r\n"),
        (b"data: {\ndata:  1}\n\n", b"{\n 1}", b"data: N\n\n"),
        (b"id: 7\nretry: 5\ndata: {}\n\n", b"{}", b"data: N\n\n"),
        (b": note\ndata: {}\n\n", b"{}", b"data: N\n\n"),
        (b"data\n\n", b"", b"data:N\n\n"),
        (b"\xef\xbb\xbfdata: {}\n\n", b"{}", b"data: N\n\n"),
        (b"data: {}", b"{}", b"data: N\n\n"),
    ],
)
def test_an_event_is_read_and_its_style_kept(record: bytes, payload: bytes, again: bytes) -> None:
    """The data lines are joined; one more event of the same style has its name, spaces and line ends,
    and neither its id nor its retry (clients crash on those)."""
    event = parse(record)
    assert event is not None
    assert event.payload == payload
    assert event.write(b"N") == again


@pytest.mark.parametrize(
    "record",
    [b": ping\n\n", b"\n", b"\r\n", b"event: ping\n\n", b"id: 1\n\n", b"retry: 10\n\n", b"datax: 1\n\n"],
)
def test_what_has_no_data_is_no_event(record: bytes) -> None:
    """Comments, heartbeats and other fields are not read."""
    assert parse(record) is None


@pytest.mark.parametrize(
    "record",
    [
        b'data: {"a": "bc"}\n\n',
        b'data:{"a":\r\ndata: "bc"}\r\n\r\n',
        b'\xef\xbb\xbfevent: x\ndata: {\ndata: "a":"bc"}\n\n',
    ],
)
def test_a_place_in_the_data_is_found_in_the_record(record: bytes) -> None:
    """Every byte of the data, the joining line feeds left out, stands at its offset in the record."""
    event = parse(record)
    assert isinstance(event, Event)
    for at, byte in enumerate(event.payload):
        if byte != 0x0A:
            assert record[event.raw_offset(at)] == byte
    with pytest.raises(ValueError, match="outside"):
        event.raw_offset(len(event.payload) + 1)


@pytest.mark.parametrize("data", [b"data: " + b"x" * 120, b"data: " + b"x" * 120 + b"\n\n"])
def test_an_endless_event_is_refused(data: bytes) -> None:
    """An event beyond the limit is an error that names the limit, complete or not, whatever the pieces."""
    for size in (1, 60, 200):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        with pytest.raises(ContentError, match=r"limits\.record"):
            records(pieces, limit=100)
