"""Whether a stream speaks the dialect that its path promises."""

from __future__ import annotations

from typing import Any

from labeler.dialects.base import Dialect, Doc
from labeler.errors import ContentError

_FOREIGN = ("delta", "candidates", "output", "content", "text", "answer", "response", "completion")
"""Members in which other dialects' events carry their text."""


class Shapes:
    """What the events so far looked like.

    Events without choices are met with many vendors, before and between the text. One that carries
    another dialect's text, before this dialect was heard, must not pass.
    """

    def __init__(self, dialect: Dialect, *, mute: bool) -> None:
        self._dialect = dialect
        self._mute = mute
        self.known = self.strange = False

    def see(self, doc: Doc) -> None:
        """Take note of an event. Raises ContentError where it carries text that nobody here reads."""
        if self._dialect.knows(doc):
            self.known = True
        elif not (self.known or self._dialect.refused(doc)):
            self.strange = True
            # A `message` that is a text is a notice, mostly.
            if not self._mute and (
                any(doc.get(name) for name in _FOREIGN) or isinstance(doc.get("message"), dict)
            ):
                msg = "unknown shape: an event without choices that carries text"
                raise ContentError(msg)

    def see_odd(self, data: Any) -> None:
        """As `see`, for an event whose data is no object: between known ones it passes."""
        if self.known or self._mute or data == "[DONE]":
            return
        self.strange = True
        if isinstance(data, str) and data:
            msg = "unknown shape: an event that is a text"
            raise ContentError(msg)

    def end(self) -> None:
        """Raises ContentError where nothing of this dialect came, and something else did."""
        if self.strange and not self.known:
            msg = "unknown shape: no event of this dialect"
            raise ContentError(msg)
