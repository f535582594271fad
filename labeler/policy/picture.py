"""What a policy says about pictures, and what several of them say together."""

from __future__ import annotations

import os.path
from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from labeler.labels.wording import JURISDICTIONS, missing_elements
from labeler.policy.base import Form, Model, jurisdiction_of
from labeler.policy.document import fault
from labeler.policy.words import ANY, Words, faults_of_label
from labeler.values import Look, PictureRule, Position

WORDS_LIMIT = 60
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_STRICTER: dict[str, Sequence[Any]] = {
    "exact": ("wanted", "required"),
    "record": ("wanted", "required"),
    "existing": ("replace", "keep", "refuse"),
    "signed": ("leave", "label"),
    "url": ("leave", "proxy", "embed"),
}
_DEFAULTS = {"cn": "AI生成", "kr": "AI 생성"}
"""Words where a policy gives none; under other jurisdictions those that `wording` gives as an example."""


def _font(path: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder", "")
    return os.path.join(folder, path) if path else ""


Colour = Annotated[str, Form("#[0-9a-fA-F]{6}", "a colour in quotes: '#ffffff'")]
NoColour = Annotated[str, Form("(#[0-9a-fA-F]{6})?", "a colour in quotes, '#ffffff', or ''")]
"""A colour, or "" for none."""
_LOOK = Look()


class VisibleLabel(Model):
    """The label that is drawn (GB 45438-2025, 5.2). What stays open follows the default policy."""

    words: Words | None = None
    """Per language, or one text for all; each carries the elements that the jurisdiction asks for.
    At most 60 characters. Several policies' words are drawn one below the other; those of the default
    policy only where no other one of its jurisdiction has any."""
    position: Position = "bottom-right"
    """A top position is the fast one for PNG: all below the label is copied as it is."""
    size: float = Field(default=_LOOK.size, ge=0.05, le=0.25)
    """Height of every letter, digit and ideograph, as a fraction of the shortest side; of several
    policies the largest."""
    margin: float = Field(default=_LOOK.margin, ge=0, le=0.2)
    """Distance from the edge, as a fraction of the shortest side."""
    colour: Colour = _LOOK.colour
    plate: NoColour = _LOOK.plate
    """What lies under the words; "" for an outline instead."""
    outline: NoColour = _LOOK.outline
    opacity: float = Field(default=_LOOK.opacity, ge=0, le=1)
    """Of the plate."""
    font: Annotated[str, AfterValidator(_font)] = ""
    """A font file (TTF, OTF, TTC), relative to the policy file; default: the one that travels along."""

    @field_validator("words")
    @classmethod
    def _complies(cls, words: dict[str, str] | None, info: ValidationInfo) -> dict[str, str] | None:
        faults = tuple(faults_of_label(words or {}, jurisdiction_of(info), WORDS_LIMIT, explicit=True))
        if faults:
            raise fault(*faults)
        return words


class Picture(Model):
    """How pictures in an answer are labelled. Where several policies apply, the stricter value counts."""

    label: VisibleLabel = VisibleLabel()
    exact: Literal["wanted", "required"] = "wanted"
    """`required`: a format in which the rest of the picture would not stay identical is a failure."""
    record: Literal["wanted", "required"] = "wanted"
    """`required`: a picture that cannot carry the AIGC record, or has no provider, is a failure."""
    existing: Literal["keep", "replace", "refuse"] = "keep"
    """A valid AIGC record of another producer. (An invalid one is always replaced.)"""
    signed: Literal["label", "leave"] = "label"
    """`leave`: files that carry a C2PA manifest keep every byte, and so no label of ours."""
    source_type: Literal["", "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"] = ""
    """The IPTC DigitalSourceType to write beside the record; "" for none."""
    url: Literal["leave", "proxy", "embed"] = "leave"
    """A picture that arrives only as a URL: left (and said so), served again by the gateway with its
    labels, or put into the answer where the dialect has room."""


def looks(picture: Picture, jurisdiction: str) -> Iterable[tuple[str, Look]]:
    """Every language's look of one policy, for checking."""
    style = picture.label.model_dump(exclude={"words"})
    return [(language, Look(words=line, **style)) for language, line in _words(picture, jurisdiction).items()]


def picture_rule(
    pictures: Sequence[tuple[Picture, str, bool]], languages: Sequence[str], jurisdictions: Collection[str]
) -> PictureRule:
    """What holds where several policies apply: (their section, jurisdiction, whether it is the default
    policy's), in order. `languages`: those to try, the best first. The words satisfy all `jurisdictions`."""
    if not pictures:
        return PictureRule()
    fields = {name: _stricter(name, pictures) for name in _STRICTER}
    types = [one.source_type for one, _, _ in pictures if one.source_type]
    return PictureRule(
        look=_look(pictures, languages, jurisdictions),
        exact=fields.pop("exact") == "required",
        source_type=_SOURCES + types[0] if types else "",
        **fields,
    )


def _stricter(name: str, pictures: Sequence[tuple[Picture, str, bool]]) -> Any:
    said = [getattr(one, name) for one, _, _ in pictures if name in one.model_fields_set]
    return max(said, key=_STRICTER[name].index) if said else Picture.model_fields[name].default


def _look(
    pictures: Sequence[tuple[Picture, str, bool]], languages: Sequence[str], jurisdictions: Collection[str]
) -> Look:
    style: dict[str, Any] = {}
    for picture, _, _ in sorted(pictures, key=lambda one: one[2]):
        for name in picture.label.model_fields_set - {"words"}:
            style.setdefault(name, getattr(picture.label, name))
    sizes = [one.label.size for one, _, _ in pictures]
    saying = [one for one in pictures if one[1] in jurisdictions]
    own = [_line(one, where, languages) for one, where, default in saying if one.label.words and not default]
    owed: list[str] = []
    for where in jurisdictions:
        if missing_elements("\n".join([*owed, *own]), where):
            first = next((one for one, place, _ in saying if place == where), Picture())
            owed.append(_line(first, where, languages))
    return Look(words="\n".join(dict.fromkeys([*owed, *own])), **{**style, "size": max(sizes)})


def _line(picture: Picture, jurisdiction: str, languages: Sequence[str]) -> str:
    words = _words(picture, jurisdiction)
    return next(words[key] for key in (*languages, ANY, *words) if key in words)


def _words(picture: Picture, jurisdiction: str) -> dict[str, str]:
    default = _DEFAULTS.get(jurisdiction) or JURISDICTIONS[jurisdiction].example
    return picture.label.words or {ANY: default}
