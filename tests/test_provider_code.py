"""The unified social credit code (GB 32100-2015) and the provider code around it (TC260-PG-20252A)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import PolicyError
from labeler.labels.credit_code import fault_of
from labeler.labels.provider_code import credit_code_in, fault_of_code, provider_code

DIGITS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
"""As table 2 of GB 32100-2015 prints them."""

bodies = st.text(DIGITS, min_size=17, max_size=17)


def credit_code(body: str = "91110102MA0EXAMPL") -> str:
    """A body of 17 characters with its check digit, reckoned the way that the standard describes."""
    total = sum(DIGITS.index(char) * weight for char, weight in zip(body, WEIGHTS, strict=True))
    return body + DIGITS[(31 - total % 31) % 31]


CREDIT = credit_code()
CODE = f"0011{CREDIT}00000"


@given(bodies)
def test_a_credit_code_with_its_check_digit_is_sound(body: str) -> None:
    """Every body has exactly one check digit that fits."""
    right = credit_code(body)
    assert [char for char in DIGITS if not fault_of(body + char)] == [right[-1]]


@pytest.mark.parametrize("place", range(17))
def test_every_digit_of_a_credit_code_counts(place: int) -> None:
    """One digit changed anywhere breaks the check digit."""
    other = "2" if CREDIT[place] != "2" else "3"
    assert "check digit" in fault_of(CREDIT[:place] + other + CREDIT[place + 1 :])


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "0 characters"),
        (CREDIT[:-1], "17 characters"),
        (CREDIT + "0", "19 characters"),
        (CREDIT.lower(), "holds 'm'"),
        (CREDIT.replace("9", "I", 1), "holds 'I'"),
        ("９" + CREDIT[1:], "holds '９'"),
    ],
)
def test_wrong_credit_codes_are_told(code: str, says: str) -> None:
    """Length and alphabet are looked at before the check digit."""
    assert says in fault_of(code)


@given(bodies, st.text("0123456789ABCXYZ", min_size=5, max_size=5))
def test_the_code_of_a_sound_credit_code_is_sound(body: str, extension: str) -> None:
    """It has 27 characters, and its parts come out again."""
    credit = credit_code(body)
    code = provider_code(credit, extension)
    assert (len(code), fault_of_code(code)) == (27, "")
    assert (code[:4], credit_code_in(code), code[22:]) == ("0011", credit, extension)


def test_the_extension_is_zero_where_nobody_sets_it() -> None:
    """An unused service extension is written as five zeros."""
    assert provider_code(CREDIT) == CODE


@pytest.mark.parametrize(
    ("credit", "extension", "field", "says"),
    [
        (CREDIT[:-1] + "#", "00000", "credit_code", "holds '#'"),
        (credit_code()[:16] + "00", "00000", "credit_code", "check digit"),
        (CREDIT, "0001", "extension", "five digits or capital letters"),
        (CREDIT, "1000a", "extension", "1000a"),
        (CREDIT[:-1], "000000", "credit_code", "17 characters"),
    ],
)
def test_no_code_is_made_of_wrong_parts(credit: str, extension: str, field: str, says: str) -> None:
    """The error names the field of the provider that is wrong."""
    with pytest.raises(PolicyError, match=says) as caught:
        provider_code(credit, extension)
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("", "has 0 characters instead of 27"),
        (CODE[:-1], "has 26 characters"),
        (CREDIT, "has 18 characters"),
        (CODE[:-1] + "a", "holds 'a'"),
        (CODE[:-1] + "零", "holds '零'"),
        ("01" + CODE[2:], "begins with 01"),
        ("00" + "3" + CODE[3:], "at position 3"),
        ("001" + "2" + CODE[4:], "at position 4"),
        (CODE[:21] + ("0" if CODE[21] != "0" else "1") + CODE[22:], "check digit"),
        ("0011" + "0" * 17 + "I" + "00000", "positions 5-22 that holds 'I'"),
    ],
)
def test_wrong_provider_codes_are_told(code: str, says: str) -> None:
    """Length, characters, positions and the credit code inside are looked at, in this order."""
    assert says in fault_of_code(code)


@pytest.mark.parametrize("extension", ["00000", "00001", "10002", "1XGW3", "20000"])
def test_extensions_in_use_pass(extension: str) -> None:
    """What services number with the last five characters is their own affair."""
    assert fault_of_code(CODE[:22] + extension) == ""


def test_a_persons_number_is_not_looked_at() -> None:
    """Only an organisation's code follows from a credit code."""
    assert fault_of_code("0021" + "11010519491231002X" + "00000") == ""
