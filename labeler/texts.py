"""A text that the library labels, piece by piece: the same body that HTTP answers run through."""

from __future__ import annotations

from labeler.body import Job, TextBody
from labeler.dialects import DIALECTS
from labeler.errors import BlockedError
from labeler.labels.plan import plan
from labeler.labels.reading import Reading
from labeler.response import Setting, account, summary
from labeler.values import Exchange, Outcome, Verdict


class TextCall:
    """One text on its way through; `whole` where it comes in one piece and is judged as one."""

    def __init__(
        self, verdict: Verdict, exchange: Exchange, setting: Setting, reads: Reading | None, *, whole: bool
    ) -> None:
        self._verdict, self._exchange, self._setting = verdict, exchange, setting
        sorted_stamps = plan(verdict, stream=not whole)
        mute = "human" if exchange.human else "said in the interface" if sorted_stamps.silent else ""
        job = Job(
            DIALECTS["text"],
            sorted_stamps,
            verdict.on_failure,
            mute=mute,
            structured=verdict.structured,
            number=exchange.number,
            limits=setting.limits,
            reads=None if mute else reads,
        )
        self._body = TextBody(job, whole=whole)
        self._stream = not whole
        self._ended = False

    @property
    def over(self) -> bool:
        """True where a guard has ended the text: what still comes is not wanted."""
        return self._body.stopped and not self._setting.observe

    def put(self, piece: str) -> str:
        """Take the next piece. Raises BlockedError where the policy forbids to go on."""
        if not isinstance(piece, str):
            msg = f"a text is str, not {type(piece).__name__}"
            raise TypeError(msg)
        out = self._body.feed(piece.encode("utf-8", "surrogatepass"))
        return self._given(out, piece)

    def end(self) -> str:
        """End the text. Raises as `put`."""
        self._ended = True
        return self._given(self._body.close(), "")

    def outcome(self) -> Outcome:
        """What was done; a text that was left before its end counts as broken off."""
        if not self._ended:
            self._ended = True
            self._body.close(clean=False)
        state, reason = summary(self._body.slots(), self._body.failure)
        return account(
            "failed" if self._body.broken else state,
            reason,
            self._exchange,
            "text",
            self._setting,
            self._verdict,
            self._body,
            stream=self._stream,
        )

    def _given(self, out: bytes, original: str) -> str:
        if self._setting.observe:
            return original
        if self._body.broken:
            raise BlockedError(self._body.failure)
        return out.decode("utf-8", "surrogatepass")
