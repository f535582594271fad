"""What is told about one answer, and how it reads on the wire."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Event = Literal["handoff", "held"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One event; the JSON object that is sent has these names.

    `event`: a user asks for a person (`handoff`), or an answer was held for review (`held`). `number`
    is the content number, the reference that the client got. `time` is UTC in RFC 3339, in seconds.
    `guard` is the id of the guard that held the answer. `question` is the user's last message, `text`
    the answer that was held. What is not known is empty.
    """

    event: Event
    number: str
    time: str
    policy: str
    guard: str = ""
    route: str = ""
    model: str = ""
    tenant: str = ""
    scenarios: tuple[str, ...] = ()
    question: str = ""
    text: str = ""


def body(notice: Notice) -> bytes:
    """The JSON object in UTF-8; half a surrogate pair, which UTF-8 cannot hold, becomes `?`."""
    return json.dumps(asdict(notice), ensure_ascii=False).encode("utf-8", "replace")


def headers(notice: Notice, content: bytes, secret: str, now: int) -> Mapping[str, str]:
    """The header fields that go with a notice's body; `now` is in Unix seconds.

    With a secret they hold `Labeler-Signature: sha256=` and the HMAC-SHA256 (RFC 2104, in hex) over
    the timestamp, a dot and the body. A receiver compares it, and refuses a timestamp that is too old.
    """
    fields = {
        "Content-Type": "application/json; charset=utf-8",
        "Labeler-Event": notice.event,
        "Labeler-Delivery": notice.number,
    }
    if secret:
        signed = hmac.new(secret.encode(), f"{now}.".encode() + content, hashlib.sha256)
        fields |= {"Labeler-Timestamp": str(now), "Labeler-Signature": f"sha256={signed.hexdigest()}"}
    return fields
