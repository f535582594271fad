"""`provider:` in labeler.yaml: who offers the service, and how its AIGC records are sealed."""

from __future__ import annotations

import os.path
from typing import Annotated, Self

from pydantic import AfterValidator, ValidationInfo, model_validator

from labeler.labels.credit_code import fault_of
from labeler.labels.provider_code import credit_code_in, fault_of_code, provider_code
from labeler.labels.security import Mode
from labeler.policy.base import Form, Model, Name
from labeler.policy.document import Fault, fault


def _credit_code(code: str) -> str:
    if wrong := fault_of(code):
        raise fault(
            Fault(f"the unified social credit code {wrong}", "GB 32100-2015; see the business licence")
        )
    return code


def _code(code: str) -> str:
    if wrong := fault_of_code(code):
        raise fault(Fault(f"the provider code {wrong}", "27 characters, TC260-PG-20252A"))
    return code


def _in_folder(path: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder", "")
    return os.path.join(folder, path) if path else ""


class SealRule(Model):
    """What stands in the field ReservedCode1 of an AIGC record (GB 45438-2025, Annex E)."""

    mode: Mode = "empty"
    """`hash`: SHA-256 of the content; `ed25519`, `sm2`: a signature that the provider can verify."""
    key: Annotated[str, AfterValidator(_in_folder)] = ""
    """The private key's PEM file, relative to labeler.yaml."""

    @model_validator(mode="after")
    def _with_key(self) -> Self:
        signs = self.mode in ("ed25519", "sm2")
        if signs and not self.key:
            raise fault(Fault(f"`mode: {self.mode}` signs, and there is no `key`", "name a PEM file"))
        if self.key and not signs:
            raise fault(Fault(f"`mode: {self.mode}` uses no key", "remove `key`, or sign: ed25519, sm2"))
        return self


class Provider(Model):
    """Who offers the service to the public; the implicit label names them."""

    name: Name
    credit_code: Annotated[str, AfterValidator(_credit_code)] | None = None
    """The unified social credit code (GB 32100-2015) of the service's operator, not of the model's."""
    code: Annotated[str, AfterValidator(_code)] | None = None
    """The whole provider code (TC260-PG-20252A), where it is known; it has to hold `credit_code`."""
    extension: Annotated[str, Form("[0-9A-Z]{5}", "5 digits or capital letters: 00000")] = "00000"
    """Positions 23 to 27 of the code that is made of `credit_code`."""
    seal: SealRule = SealRule()

    @model_validator(mode="after")
    def _one_code(self) -> Self:
        if self.code and self.credit_code and credit_code_in(self.code) != self.credit_code:
            wrong = f"`code` holds {credit_code_in(self.code)}, `credit_code` is {self.credit_code}"
            raise fault(Fault(wrong, "one of the two is wrong"))
        if self.code and "extension" in self.model_fields_set and self.code[22:] != self.extension:
            raise fault(Fault(f"`code` ends in {self.code[22:]}, `extension` is {self.extension}"))
        return self

    @property
    def producer(self) -> str:
        """The provider code of the AIGC record; "" where neither code is given."""
        if self.code:
            return self.code
        return provider_code(self.credit_code, self.extension) if self.credit_code else ""
