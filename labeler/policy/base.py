"""What all models of a configuration file share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema

from labeler.policy.document import Fault, fault
from labeler.policy.patterns import compile_pattern


def _pattern(pattern: str) -> str:
    try:
        compile_pattern(pattern)
    except ValueError as error:
        hint = "RE2 syntax: linear time, without look-around and back-references"
        raise fault(Fault(f"the pattern is broken: {error}", hint)) from None
    return pattern


@dataclass(frozen=True, slots=True)
class Form:
    """A text of a certain form: the regular expression that all of it fits, and the same in plain words."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise fault(Fault(f"must be {self.words}"))
        return text


Name = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Form(r"[a-z][a-z0-9-]{0,63}", "lower-case letters, digits and hyphens: my-policy")]
Pattern = Annotated[str, AfterValidator(_pattern)]
"""An RE2 expression."""


class Model(BaseModel):
    """The base of everything that stands in a configuration file: frozen, no unknown fields, and no switch
    (`yes`, `on`) where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and _numeric(cls.model_fields[info.field_name or ""].annotation):
            raise fault(Fault("must be a number", "YAML takes yes, no, on and off for true and false"))
        return value


def _numeric(kind: Any) -> bool:
    return kind in (int, float) or any(map(_numeric, get_args(kind)))


def jurisdiction_of(info: ValidationInfo) -> str:
    """The jurisdiction of the policy that is being validated."""
    return str((info.context or {}).get("jurisdiction", "cn"))
