"""The code of a service provider in the AIGC record: 27 characters (TC260-PG-20252A, March 2025).

| positions | what | value |
|---|---|---|
| 1-2 | format | `00` |
| 3 | subject | `1` an organisation, `2` a person |
| 4 | binding | `1` the unified social credit code (of a person: the identity card) |
| 5-22 | subject code | of the service's operator, not of the model's |
| 23-27 | service extension | `00000`, or the operator's own: 23 is `1` generation or `2` propagation |

Nobody issues the code: it follows from the credit code, so a wrong check digit is a wrong code.
"""

from __future__ import annotations

from string import ascii_uppercase, digits

from labeler.errors import PolicyError, Problem
from labeler.labels.credit_code import fault_of

LENGTH = 27
_CHARACTERS = frozenset(digits + ascii_uppercase)
_ORGANISATION = "0011"


def provider_code(credit_code: str, extension: str = "00000") -> str:
    """The code of the organisation with this unified social credit code.

    `extension` is positions 23 to 27. Raises PolicyError where one of the two is wrong.
    """
    if wrong := fault_of(credit_code):
        raise PolicyError(
            Problem("provider", 0, 0, "credit_code", f"the code {wrong}", "GB 32100-2015; see the licence")
        )
    if len(extension) != 5 or not _CHARACTERS.issuperset(extension):
        wrong = f"'{extension}' is no service extension"
        hint = "five digits or capital letters (TC260-PG-20252A), 00000 if unused"
        raise PolicyError(Problem("provider", 0, 0, "extension", wrong, hint))
    return f"{_ORGANISATION}{credit_code}{extension}"


def fault_of_code(code: str) -> str:
    """What is wrong with a provider code, as `has 26 characters instead of 27`, or an empty string.

    The extension is the operator's own and not looked at; a person's identity number neither.
    """
    if len(code) != LENGTH:
        return f"has {len(code)} characters instead of {LENGTH}"
    if strange := [char for char in code if char not in _CHARACTERS]:
        return f"holds '{strange[0]}'; allowed are digits and capital letters"
    if code[:2] != "00":
        return f"begins with {code[:2]} instead of 00"
    if code[2] not in "12":
        return f"has {code[2]} at position 3; it would have to be 1 (organisation) or 2 (person)"
    if code[3] != "1":
        return f"has {code[3]} at position 4; it would have to be 1 (unified social credit code)"
    wrong = fault_of(credit_code_in(code)) if code.startswith(_ORGANISATION) else ""
    return f"holds a credit code at positions 5-22 that {wrong}" if wrong else ""


def credit_code_in(code: str) -> str:
    """Positions 5 to 22 of a provider code: the unified social credit code of its organisation."""
    return code[4:22]
