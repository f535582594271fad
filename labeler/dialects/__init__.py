"""Where generated content stands: one file for each API dialect, and the list of them."""

from __future__ import annotations

from labeler.dialects.base import Asked, Dialect
from labeler.dialects.openai_chat import OpenAIChat
from labeler.dialects.openai_images import OpenAIImages
from labeler.dialects.openai_legacy import OpenAILegacy
from labeler.dialects.picture import OnePicture
from labeler.dialects.text import PlainText

DIALECTS: dict[str, Dialect] = {
    d.name: d for d in (OpenAIChat(), OpenAILegacy(), OpenAIImages(), PlainText(), OnePicture())
}


def claimed(path: str) -> Dialect | None:
    """The dialect that claims a path by its end, the longest end first; None where none does."""
    if path.endswith("/fim/completions"):  # fill-in-the-middle (Mistral): code for an editor
        return None
    fits = [
        (len(suffix), dialect)
        for dialect in DIALECTS.values()
        for suffix in dialect.suffixes
        if path.endswith(suffix)
    ]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


__all__ = ["DIALECTS", "Asked", "Dialect", "claimed"]
