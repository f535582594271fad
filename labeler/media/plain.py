"""An AIGC record in a plain text: a comment, an EXIF string, an application segment.

Carriers without a key of their own hold the wrapped form `{"AIGC":{…}}`; bare fields, a leading
`AIGC` and Tencent Cloud's older `ServiceProvider`/`ServiceUser` are seen in the wild.
"""

from __future__ import annotations

import re

import orjson

_KEYS = frozenset(
    (
        "AIGC",
        "ContentProducer",
        "ProduceID",
        "ContentPropagator",
        "PropagateID",
        "ServiceProvider",
        "ServiceUser",
    )
)
_NAMED = re.compile(r"AIGC[^\w{]{0,8}(?=\{)")
_WRAPPED = re.compile(r'\{\s*"AIGC"\s*:')
_BLANK = " \t\r\n\0\ufeff"


def begins(start: bytes) -> bool:
    """Whether a text with these first bytes may be a record."""
    return start.lstrip(b" \t\r\n\0\xef\xbb\xbf").startswith((b"{", b"AIGC"))


def record(text: str) -> str:
    """The record that `text` consists of (JSON, if it is sound), "" where it is something else.

    Text that only looks like the start of a wrapped record counts: a broken record has to be seen, too.
    """
    text = text.strip(_BLANK)
    if named := _NAMED.match(text):
        return text[named.end() :]
    if not text.startswith("{") or not any(f'"{key}"' in text for key in _KEYS):
        return ""
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text if _WRAPPED.match(text) else ""
    return text if not _KEYS.isdisjoint(fields) else ""


def keyed(text: str) -> str:
    """The record under a key that says AIGC: all of the text, without blanks, padding and a doubled key."""
    text = text.strip(_BLANK)
    return record(text) or text
