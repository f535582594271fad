"""Server-sent events: bytes into records and back, without losing one byte.

A record is everything up to and with the empty line that ends it (WHATWG HTML, 9.2.6), so that
joining the records gives the input. LF, CR and CRLF may be mixed within one stream.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from labeler.errors import ContentError

BOM = b"\xef\xbb\xbf"

# Atomic groups: CRLF is one line end and never read as CR and then LF.
_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE = re.compile(rb"(?>\r\n|\n|\r)")
_BLANK = re.compile(rb"[\r\n]+")


class Splitter:
    """Cuts a byte stream into records; holds no more than the one that is not complete."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.rest = bytearray()
        """What waits for the end of its record."""

    def feed(self, data: bytes) -> list[bytes]:
        """The records that `data` completes; line ends between two records are one of their own.

        Raises ContentError where the next record passes the limit; records before it are given first.
        """
        search = max(0, len(self.rest) - 3)
        self.rest += data
        records: list[bytes] = []
        start = 0
        while True:
            if blank := _BLANK.match(self.rest, start):
                # A lone line end between records is a heartbeat, or the LF of a CRLF whose CR
                # has already ended the record: it must not wait for the next one.
                start = blank.end()
                records.append(bytes(blank.group()))
            end = _END.search(self.rest, max(start, search))
            if end is None or end.end() - start > self._limit:
                break
            records.append(bytes(self.rest[start : end.end()]))
            start = end.end()
        del self.rest[:start]
        if not records:
            self._check()
        return records

    def close(self) -> bytes:
        """What is left when the stream ends: a last record without its empty line. Raises as `feed`."""
        self._check()
        return self.take()

    def take(self) -> bytes:
        """Whatever waits, however long it is."""
        rest = bytes(self.rest)
        self.rest.clear()
        return rest

    def _check(self) -> None:
        if len(self.rest) > self._limit:
            msg = f"one event is longer than {self._limit} bytes (limits.record)"
            raise ContentError(msg)


class Event(NamedTuple):
    """One record read: its data, and how it was written.

    `payload` is the data with its lines joined by LF. `lines` says where each of them stands:
    (offset in the payload, offset in the record, length). `prefix` is everything before the data
    of the first line (`event: answer\\ndata: `), `newline` the line end in use.
    """

    payload: bytes
    lines: tuple[tuple[int, int, int], ...]
    prefix: bytes
    newline: bytes

    def raw_offset(self, offset: int) -> int:
        """Where `offset` of the payload stands in the record."""
        for at, raw, length in self.lines:
            if offset <= at + length:
                return raw + offset - at
        msg = f"offset {offset} is outside the payload"
        raise ValueError(msg)

    def write(self, payload: bytes) -> bytes:
        """A record of the same style with one line of data."""
        return self.prefix + payload + self.newline * 2


def parse(record: bytes) -> Event | None:
    """Read one record; None where it has no data (a comment, a heartbeat, an unknown field)."""
    if record.startswith(b"data: ") and record.endswith(b"\n\n"):
        end = len(record) - 2
        if record.find(b"\n", 6, end) < 0 and record.find(b"\r", 6, end) < 0:
            return Event(record[6:end], ((0, 6, end - 6),), b"data: ", b"\n")
    return _parse_lines(record)


def _parse_lines(record: bytes) -> Event | None:
    parts: list[bytes] = []
    lines: list[tuple[int, int, int]] = []
    name = b""
    prefix = newline = b""
    at = 0
    start = len(BOM) if record.startswith(BOM) else 0
    while start < len(record):
        match = _LINE.search(record, start)
        stop, after = (match.start(), match.end()) if match else (len(record), len(record))
        newline = newline or record[stop:after]
        line = record[start:stop]
        if line.startswith(b"event:"):
            name = record[start:after]
        elif line == b"data" or line.startswith(b"data:"):
            skip = 4 if line == b"data" else 6 if line.startswith(b"data: ") else 5
            prefix = prefix or line[:skip]
            parts.append(line[skip:])
            lines.append((at, start + skip, len(line) - skip))
            at += len(line) - skip + 1
        start = after
    if not parts:
        return None
    return Event(
        b"\n".join(parts), tuple(lines), name + (prefix if prefix != b"data" else b"data:"), newline or b"\n"
    )
