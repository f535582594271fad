"""What makes a request, or its answer, fall under a policy, as pydantic models.

Validation takes a context: `topics`, the ids that exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from labeler.policy.base import Form, Model, Name, Pattern
from labeler.policy.document import Fault, fault
from labeler.policy.patterns import compile_pattern, is_anchored, plain_path, route_glob
from labeler.policy.topics.fold import fold

HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""The form of a header's name (RFC 9110, 5.6.2)."""
MEMBER_PATH = r"[^.\s]+(\.[^.\s]+)*"
"""The form of a path to a member of a JSON object."""
_STRANGE = "\ue000"
"""A text of which no expression speaks."""


def _route(glob: str) -> str:
    try:
        route_glob(glob)
    except ValueError as error:
        raise fault(Fault(f"'{glob}' matches no path: {error}", "write for example /medical/**")) from None
    rooted = "/" + glob.removeprefix("/")
    if (plain := plain_path(rooted)) != rooted:
        said = "a slash at its end" if plain == rooted.rstrip("/") else "`//`, `/./`, `/../` or `;`"
        hint = f"requests are matched without it: leave it out, as in {plain}"
        raise fault(Fault(f"'{glob}' matches no path: none has {said}", hint))
    return glob


def _spoken(words: tuple[str, ...]) -> tuple[str, ...]:
    empty = tuple(Fault("the word is empty", path=(at,)) for at, one in enumerate(words) if not fold(one))
    if empty:
        raise fault(*empty)
    return words


def _telling(pattern: str) -> str:
    find = compile_pattern(pattern)
    if find("") is not None and not (is_anchored(pattern) and find(_STRANGE) != ""):
        hint = "what it looks for may be empty: take out the empty alternative, or anchor it (^…$)"
        raise fault(Fault("the pattern finds something in every text", hint))
    return pattern


def _known_topic(topic: str | None, info: ValidationInfo) -> str | None:
    known = (info.context or {}).get("topics", ())
    if topic is not None and topic not in known:
        raise fault(Fault(f"there is no topic '{topic}'", f"known: {', '.join(sorted(known))}"))
    return topic


Route = Annotated[str, AfterValidator(_route)]
Spoken = Annotated[tuple[Name, ...], Field(min_length=1), AfterValidator(_spoken)]
"""Words of a text; case, width and white space do not matter."""
AnySpoken = Annotated[tuple[Name, ...], AfterValidator(_spoken)]
"""The same, or none."""
Search = Annotated[Pattern, AfterValidator(_telling)]
"""An RE2 expression that tells texts apart."""


class Valued(Model):
    """Something that a request says: present, or with a certain value."""

    value: Name | None = None
    """A glob over the whole value: `*` is any run of characters; case does not matter."""
    pattern: Pattern | None = None
    """An RE2 expression, searched for in the value."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.value is not None and self.pattern is not None:
            raise fault(Fault("has both `value` and `pattern`", "keep one of them"))
        return self


class Header(Valued):
    """A request header: present, or with a value that fits the glob `value` or holds `pattern`."""

    name: Annotated[str, Form(HEADER_NAME, "the name of a header: X-Team")]
    """Case does not matter."""


class Member(Valued):
    """A field of the request's JSON: present, or with a value that fits the glob `value` or holds `pattern`."""

    path: Annotated[str, Form(MEMBER_PATH, "names with dots between them: metadata.scene")]
    """Names with dots between them, as `metadata.scene`; of a list every item is looked at."""


class Answer(Model):
    """What the answer itself is about; it adds labels at the answer's end, and never any before."""

    topic: str | None = None
    """The answer is about this topic."""
    words: Spoken | None = None
    """The answer has one of these words; case, width and white space do not matter."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.topic is None) == (self.words is None):
            raise fault(Fault("has exactly one of `topic` and `words`", "join several with `any:`"))
        return self

    @field_validator("topic")
    @classmethod
    def _known_topic(cls, topic: str | None, info: ValidationInfo) -> str | None:
        return _known_topic(topic, info)


class Condition(Model):
    """What makes a request fall under a policy: exactly one field; combine with `any`, `all`, `not`."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    any: Annotated[tuple[Condition, ...], Field(min_length=1)] | None = None
    """At least one of these holds; the first that does is the reason given."""
    all: Annotated[tuple[Condition, ...], Field(min_length=1)] | None = None
    """All of these hold."""
    not_: Condition | None = Field(default=None, alias="not")
    """This does not hold. No `header`, `field` or `tenant` may stand inside: a client could take a label
    away with it; and no `answer`, which is not known in time."""
    route: Route | None = None
    """A glob over the path: `*` stays within one segment, `**` is any number of segments. Case matters under
    `not` alone."""
    header: Header | None = None
    field: Member | None = None
    """A field of the request's JSON document. A client sends it, so it may add this policy and never
    take one away."""
    tenant: Name | None = None
    """A glob over the tenant's name: whose API key it is (`tenants:` in labeler.yaml), or what the app
    says; no header of a client's tells it."""
    model: Name | None = None
    """A glob over the model's name: `*` is any run of characters; case does not matter."""
    topic: str | None = None
    """The user's messages are about this topic, for example `medical`."""
    pattern: Search | None = None
    """An RE2 expression, searched for in the user's messages that count (after Unicode NFKC)."""
    answer: Answer | None = None
    """The answer is about a topic or has certain words; known only when the answer has passed."""
    always: Literal[True] | None = None

    @field_validator("topic")
    @classmethod
    def _known_topic(cls, topic: str | None, info: ValidationInfo) -> str | None:
        return _known_topic(topic, info)

    @field_validator("not_")
    @classmethod
    def _only_adds(cls, inside: Condition | None) -> Condition | None:
        for leaf in inside.leaves() if inside is not None else ():
            for name in ("header", "field", "tenant"):
                if getattr(leaf, name) is not None:
                    hint = f"a client could take a label away by sending it; a {name} may only add"
                    raise fault(Fault(f"a {name} may not stand under `not`", hint))
            if leaf.answer is not None:
                hint = "the answer is not known yet when its first label leaves; it may only add"
                raise fault(Fault("`answer` may not stand under `not`", hint))
        return inside

    @model_validator(mode="after")
    def _one_field(self) -> Self:
        filled = sum(getattr(self, name) is not None for name in self.model_fields_set)
        if filled != 1 or len(self.model_fields_set) != 1:
            message = f"a condition has exactly one field, this one has {filled} with a value"
            raise fault(Fault(message, "join several with `any:` or `all:`, each behind a dash"))
        return self

    def leaves(self) -> Iterator[Condition]:
        """The conditions inside that are not made of others; this one itself where it is none."""
        inside = (*(self.any or ()), *(self.all or ()), *((self.not_,) if self.not_ else ()))
        if not inside:
            yield self
        for one in inside:
            yield from one.leaves()
