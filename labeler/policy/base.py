"""What all models of a configuration file share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from labeler.policy.document import Fault, fault
from labeler.policy.patterns import compile_pattern


def _pattern(pattern: str) -> str:
    try:
        compile_pattern(pattern)
    except ValueError as error:
        hint = "RE2 syntax: linear time, without look-around and back-references"
        raise fault(Fault(f"the pattern is broken: {error}", hint)) from None
    return pattern


Name = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Pattern = Annotated[str, AfterValidator(_pattern)]
"""An RE2 expression."""


class Model(BaseModel):
    """The base of everything that stands in a configuration file: frozen, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def jurisdiction_of(info: ValidationInfo) -> str:
    """The jurisdiction of the policy that is being validated."""
    return str((info.context or {}).get("jurisdiction", "cn"))
