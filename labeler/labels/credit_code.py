"""The unified social credit code of an organisation (GB 32100-2015)."""

from __future__ import annotations

from functools import lru_cache

_DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@lru_cache(maxsize=256)
def fault_of(code: str) -> str:
    """What is wrong with a unified social credit code, or an empty string.

    GB 32100-2015: 18 characters out of 31 (no I, O, S, V, Z); the last one is the check digit over
    the others, weighted with the powers of 3 modulo 31.
    """
    if len(code) != 18:
        return f"has {len(code)} characters instead of 18"
    strange = [char for char in code if char not in _DIGITS]
    if strange:
        return f"holds '{strange[0]}'; allowed are digits and capital letters without I, O, S, V, Z"
    total = sum(_DIGITS.index(char) * pow(3, place, 31) for place, char in enumerate(code[:17]))
    expected = _DIGITS[-total % 31]
    return "" if code[17] == expected else f"has the check digit {code[17]}; it would have to be {expected}"
