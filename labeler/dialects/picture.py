"""A body that is one picture: for routes that opt in, such as the download of generated files."""

from __future__ import annotations

from labeler.dialects.text import PlainText


class OnePicture(PlainText):
    """The answer is the file; the question stands in the request as with plain text, if anywhere."""

    name = "picture"
