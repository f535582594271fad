"""Which language a question is in, as far as its script tells."""

from __future__ import annotations

import re

_KANA = re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_OTHER = re.compile("[^\\W\\d_A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]")

_NOT_LATIN = frozenset({"zh", "ja", "ko"})
_READ = 2000


def language_of(text: str, default: str) -> str:
    """`zh`, `ja` or `ko` where the script says so, `en` where all letters are Latin, else `default`.

    Latin letters cannot tell German from English: where the default is not written in Chinese,
    Japanese or Korean, they mean the default. The first 2,000 characters are looked at.
    """
    text = text[:_READ]
    if not text.isascii():
        if _KANA.search(text):
            return "ja"
        if _HANGUL.search(text):
            return "ko"
        if _HAN.search(text):
            return "zh"
    if _LATIN.search(text) and not _OTHER.search(text):
        return "en" if default.partition("-")[0] in _NOT_LATIN else default
    return default
