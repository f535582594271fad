"""What all models of a configuration file share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo

Name = Annotated[str, Field(min_length=1)]


class Model(BaseModel):
    """The base of everything that stands in a configuration file: frozen, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def jurisdiction_of(info: ValidationInfo) -> str:
    """The jurisdiction of the policy that is being validated."""
    return str((info.context or {}).get("jurisdiction", "cn"))
