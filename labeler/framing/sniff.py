"""What a body is, by its first bytes, where its media type does not say it."""

from __future__ import annotations

BLANK = b" \r\n\t\xef\xbb\xbf"
"""White space and the byte order mark, which tell nothing."""

_EVENT_STARTS = (b"data:", b"event:", b":", b"id:", b"retry:")


def kind_of(data: bytes, *, blank: str | None) -> str | None:
    """`json`, `events`, or "" for neither; None while it cannot be told, `blank` where only white
    space has come."""
    head = data.lstrip(BLANK)
    if not head:
        return blank
    if head.startswith((b"{", b"[")):
        return "json"
    if head.startswith(_EVENT_STARTS):
        return "events"
    return None if any(start.startswith(head) for start in _EVENT_STARTS) else ""
