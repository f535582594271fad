"""What the words of an explicit label have to contain, jurisdiction by jurisdiction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Element:
    """One thing that the words must name: what it is called and the forms that count."""

    name: str
    forms: tuple[str, ...]

    def found_in(self, words: str) -> bool:
        """Whether one of the forms stands in `words`; Latin forms as a whole word only."""
        return any(re.search(_whole(form), words) for form in self.forms)

    def __str__(self) -> str:
        return f"{self.name} ({' or '.join(f'「{form}」' for form in self.forms)})"


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """What one jurisdiction asks of a text label: the elements, the rule, and words that comply."""

    rule: str
    elements: tuple[Element, ...]
    example: str


def _whole(form: str) -> str:
    """A pattern for `form` that 「AID」 or 「MAIL」 does not satisfy where 「AI」 is asked."""
    before = "(?<![A-Za-z])" if form[0].isascii() else ""
    after = "(?![A-Za-z])" if form[-1].isascii() else ""
    return before + re.escape(form) + after


_AI = Element("the AI element", ("AI", "A.I.", "artificial intelligence", "Artificial intelligence"))

JURISDICTIONS: Mapping[str, Jurisdiction] = MappingProxyType(
    {
        "cn": Jurisdiction(
            "GB 45438-2025, 5.1",
            (
                Element("the AI element", ("人工智能", "AI")),
                Element("the generation element", ("生成", "合成")),
            ),
            "【AI生成】",
        ),
        "eu": Jurisdiction(
            "AI Act, Art. 50; Code of Practice of 10 June 2026, section 2",
            (
                Element("the AI element", (*_AI.forms, "KI", "IA")),
                Element(
                    "the generation element",
                    (
                        *("generated", "GENERATED", "modified", "MODIFIED"),
                        *("generiert", "erzeugt", "généré", "générée", "generado", "generada"),
                        *("generato", "generata", "gerado", "gerada", "gegenereerd", "wygenerowane"),
                    ),
                ),
            ),
            "AI-generated",
        ),
        # SB 942 covers pictures, video and sound, not text: "AI" is the least that a reader understands.
        "us-ca": Jurisdiction("California SB 942", (_AI,), "AI-generated"),
        "kr": Jurisdiction(
            "AI Basic Act, Art. 31",
            (
                Element("the AI element", ("AI", "인공지능")),
                Element("the generation element", ("생성", "generated")),
            ),
            "AI로 생성된 콘텐츠",
        ),
        # The amendment covers sound and pictures; its word for them is "synthetically generated".
        "in": Jurisdiction(
            "IT Rules, amendment G.S.R. 120(E) of 2026",
            (
                Element("the AI element", (*_AI.forms, "synthetically", "Synthetically")),
                Element("the generation element", ("generated", "GENERATED", "created", "modified")),
            ),
            "AI-generated",
        ),
    }
)
"""The jurisdictions that are known. Only `cn` prescribes the words of a text label; the others ask
that a reader understands them, and the table says what is taken as enough."""


def missing_elements(words: str, jurisdiction: str) -> tuple[Element, ...]:
    """The elements that `words` would still need to be an explicit label; empty if they comply.

    GB 45438-2025, 5.1: a text label contains 「人工智能」 or 「AI」, and 「生成」 and/or 「合成」. The
    exception of 5.1 c), a corner mark that needs 「AI」 alone, is not for running text and not
    accepted here. Raises KeyError where `jurisdiction` is not in `JURISDICTIONS`.
    """
    elements = JURISDICTIONS[jurisdiction].elements
    return tuple(element for element in elements if not element.found_in(words))
