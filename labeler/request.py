"""A request as the labels see it: who asks what, and the body that goes on to the upstream."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from labeler.dialects import Asked, Dialect
from labeler.framing import json_text
from labeler.framing.sse import BOM
from labeler.labels.history import own_marks

_SIGNATURES = ("content-digest", "repr-digest", "digest", "content-md5", "signature")
_SIGNED_SCHEME = re.compile(r"\S*(?:hmac|signature|aws4)", re.IGNORECASE)


class Request(NamedTuple):
    """What was read. `body` goes on to the upstream; `unread` says why nothing could be read; `fields` is
    the JSON object."""

    asked: Asked
    body: bytes
    unread: str = ""
    notes: tuple[str, ...] = ()
    fields: Mapping[str, Any] = {}


def read_request(
    dialect: Dialect,
    headers: Mapping[str, str],
    body: bytes,
    marks: tuple[tuple[str, ...], tuple[str, ...]],
    query: bytes = b"",
) -> Request:
    """Read a whole request body (`headers` with names in lower case).

    Our own `marks` (at a start, at an end) are spliced out of earlier assistant turns. Where none
    is found, and where the body is signed, it stays byte for byte.
    """
    if not body and query:
        fields = dict(parse_qsl(query.decode("utf-8", "replace")))
        return Request(dialect.asked(fields), body, fields=fields)
    payload = body.removeprefix(BOM)
    doc, utf8 = _read(body, payload)
    if not isinstance(doc, dict):
        reason = _unreadable(headers)
        if dialect.name == "text" and not reason and (asked := _words(dialect, payload, doc)):
            return Request(asked, body)
        return unread(reason or ("not JSON" if doc is None else "not a JSON object"), body)
    asked = dialect.asked(doc)
    found = [(path, text, cuts) for path, text in asked.turns if (cuts := own_marks(text, *marks))]
    if not found:
        return Request(asked, body, fields=doc)
    if signed(headers):
        return Request(asked, body, notes=("history: signed",), fields=doc)
    if not utf8:
        return Request(asked, body, notes=("history: not in UTF-8",), fields=doc)
    lead = body[: len(body) - len(payload)]
    return Request(asked, lead + _without(payload, found), notes=("history: marks taken out",), fields=doc)


def _words(dialect: Dialect, payload: bytes, doc: Any) -> Asked | None:
    """A question that is no JSON object: a JSON string, a form, or just a text."""
    try:
        text = doc if isinstance(doc, str) else payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
    asked = dialect.asked(dict(parse_qsl(text))) if "=" in text else Asked()
    return asked if asked.messages else Asked(messages=(text,))


def _read(body: bytes, payload: bytes) -> tuple[Any, bool]:
    """The document in a body, None where it is none, and whether it is in UTF-8; a server may read
    other encodings too.

    Its headers are not asked: an app that ignores them reads it all the same, and a client must not
    hide its question behind them.
    """
    try:
        return json_text.loads(payload), True
    except ValueError:
        pass
    try:
        return json.loads(body), False  # UTF-16 and UTF-32 (RFC 4627, 3)
    except (ValueError, RecursionError):
        return None, False


def signed(headers: Mapping[str, str]) -> bool:
    """True where the body is covered by a signature or digest, so that it must not change."""
    if any(name in _SIGNATURES or name.endswith("-content-sha256") for name in headers):
        return True
    return _SIGNED_SCHEME.match(headers.get("authorization", "")) is not None


def _unreadable(headers: Mapping[str, str]) -> str:
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return "compressed"
    return "multipart" if headers.get("content-type", "").lower().startswith("multipart/") else ""


def unread(reason: str, body: bytes = b"") -> Request:
    """A request of which nothing is known, and why."""
    return Request(Asked(), body, reason, (f"scenario: request unread ({reason})",))


def _without(body: bytes, found: list[tuple[json_text.Path, str, list[tuple[int, int]]]]) -> bytes:
    ranges: list[tuple[int, int]] = []
    places = json_text.spans(body, [path for path, _, _ in found])
    for (start, end), (_, text, cuts) in zip(places, found, strict=True):
        literal = body[start:end]
        ranges += [
            (start + json_text.offset_of(literal, text, a), start + json_text.offset_of(literal, text, b))
            for a, b in cuts
        ]
    out: list[bytes] = []
    at = 0
    for start, end in sorted(ranges):
        out.append(body[at:start])
        at = end
    out.append(body[at:])
    return b"".join(out)
