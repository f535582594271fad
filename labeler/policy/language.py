"""Which language a question is in, as far as its script tells."""

from __future__ import annotations

import re
from collections.abc import Sequence

_KANA = re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_OTHER = re.compile("[^\\W\\d_A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")

NOT_LATIN = frozenset({"zh", "ja", "ko"})
"""Languages whose readers English words may not reach, where there are none in their own."""
_READ = 2000


def language_of(texts: Sequence[str], default: str) -> str:
    """The language of the last of these texts that has any letters: `zh`, `ja` or `ko` where the script
    says so, `en` where all letters are Latin, else `default`.

    Latin letters cannot tell German from English: where the default is not written in Chinese,
    Japanese or Korean, they mean the default. The first 2,000 characters of a text are looked at.
    """
    for text in reversed(texts):
        if found := _written(text[:_READ], default):
            return found
    return default


def _written(text: str, default: str) -> str:
    """As `language_of` for one text; "" where it has no letters."""
    if not text.isascii():
        if _KANA.search(text):
            return "ja"
        if _HANGUL.search(text):
            return "ko"
        if _HAN.search(text):
            return "zh"
    if _OTHER.search(text):
        return default
    if _LATIN.search(text):
        return "en" if default.partition("-")[0] in NOT_LATIN else default
    return ""
