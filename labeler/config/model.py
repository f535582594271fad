"""What labeler.yaml says, as pydantic models; the JSON Schema that editors use comes from here.

Validation takes a context: `policies`, the ids of the policies in use, and `all_found`, whether these are all
that the file names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from labeler.config.people import Filing, Notices, Sessions
from labeler.config.pictures import Pictures
from labeler.config.provider import Provider
from labeler.config.units import Seconds, ServiceUrl, Size
from labeler.policy.base import Form, Id, Model, Name
from labeler.policy.condition import Route
from labeler.policy.document import Fault, fault
from labeler.policy.topics import House

Dialect = Literal["openai-chat", "openai-legacy", "openai-images", "text", "picture"]
DIALECTS: tuple[str, ...] = get_args(Dialect)
"""The dialects that a route may name."""


def _known(scenario: str, info: ValidationInfo) -> str:
    known = (info.context or {}).get("policies", ())
    if scenario not in known:
        hint = f"in use are: {', '.join(sorted(known))}"
        raise fault(Fault(f"there is no policy '{scenario}' in use", hint))
    return scenario


def _default(policy: str, info: ValidationInfo) -> str:
    """It may be the one that was not found, which is told already."""
    return _known(policy, info) if (info.context or {}).get("all_found", True) else policy


def _reason(reason: str) -> str:
    if not reason.strip():
        raise fault(
            Fault("an exempt route needs a reason", "for example `exempt: titles, which nobody reads`")
        )
    return reason


Jurisdiction = Literal["cn", "eu", "us-ca", "kr", "in"]
JURISDICTIONS: tuple[str, ...] = get_args(Jurisdiction)
Scenario = Annotated[str, AfterValidator(_known)]


class ModelRule(Model):
    """The operator's word on models: a request for one of them always falls under these scenarios."""

    name: Name
    """A glob: `*` is any run of characters; case does not matter."""
    scenarios: Annotated[tuple[Scenario, ...], Field(min_length=1)]


class RouteRule(Model):
    """What holds for the paths that fit; of several rules the first one that fits counts."""

    path: Route
    """A glob: `*` stays within one segment, `**` is any number of segments. Case does not matter, but for what
    takes labels away: `exempt`, `assume_visible`."""
    dialect: Dialect | None = None
    """How requests and answers are shaped; without it, the path's ending tells."""
    scenarios: tuple[Scenario, ...] = ()
    """Added to what the request itself tells."""
    exempt: Annotated[str, AfterValidator(_reason)] = ""
    """Answers here are not labelled; the reason, which the record keeps."""
    unread: tuple[Scenario, ...] = ()
    """For a request that cannot be read; the default policy applies in any case."""
    assume_visible: bool = False
    """The upstream draws a visible label into its pictures: they get the implicit record alone."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.exempt and (self.scenarios or self.unread or self.assume_visible):
            raise fault(Fault("an exempt route has no scenarios", "remove `exempt` or the scenarios"))
        return self


def _listed(keys: Any) -> Any:
    """Where others are told what to write instead of `keys: KEY`, nobody repeats the key."""
    if not isinstance(keys, list | tuple | Mapping):
        raise fault(Fault("must be a list", "in labeler.yaml, each item behind a dash"))
    return keys


Hash = Annotated[str, Form("[0-9a-f]{64}", "64 hexadecimal digits in lower case, as sha256sum prints them")]


class Tenant(Model):
    """A customer of the service, told by its API keys."""

    name: Name
    keys: Annotated[tuple[Hash, ...], Field(min_length=1), BeforeValidator(_listed)]
    """SHA-256 of each API key, in hex: `printf %s KEY | sha256sum`. The keys themselves stand nowhere."""


class Detection(Model):
    """How the user's messages are read."""

    messages: int = Field(default=3, ge=1)
    """How many of the user's last messages count."""
    decay: float = Field(default=0.6, ge=0, le=1)
    """What a message counts beside the one after it."""
    answer: int = Field(default=2730, ge=0, le=2**20)
    """Characters at each end of an answer that are searched for what policies ask with `answer:` (the
    default is 8 KiB of Chinese); 0 searches none."""
    topics: dict[Id, House] = Field(default_factory=dict)
    """Terms of one's own, and topics of one's own, by the topic's id."""


class Headers(Model):
    """Which headers are added to an answer."""

    labeler: bool = True
    ai_disclosure: bool = True
    """`AI-Disclosure`, after a draft that has expired."""
    filing: bool = True
    """`Labeler-Filing`, where `filing:` covers the request's model."""


class Limits(Model):
    """Sizes in bytes, or as in `32 MiB`."""

    request: Size = 32 * 2**20
    """Of a request's body that is read to tell the scenario; a longer one passes unread."""
    response: Size = 64 * 2**20
    """Of a complete answer that is held to be labelled."""
    record: Size = 64 * 2**20
    """Of one event in a stream."""
    answer: Size = 8 * 2**20
    """Of the text of one answer that has to be kept, for example JSON that is checked at its end."""


class Upstream(Model):
    """Where the gateway sends requests whose path begins with `path`; the longest one counts."""

    path: Annotated[str, Form("/.*", "the beginning of a path: /v1")] = "/"
    url: ServiceUrl
    """`https://user:password@host` gives credentials to requests that come with none."""


class Gateway(Model):
    """`labeler serve`."""

    upstreams: tuple[Upstream, ...] = ()
    connect_timeout: Seconds = 10
    read_timeout: Seconds = 600
    """Between two reads of an answer."""
    connections: int = Field(default=1000, ge=1)
    """Per upstream."""


class ServiceFile(Model):
    """labeler.yaml; every field has a default."""

    provider: Provider | None = None
    policies: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Ids of shipped policies, paths of policy files, or folders of them; `shipped` is all that are shipped
    (the default), `strict` the same with guards that end or replace an answer. One that is named apart stands
    in the place of theirs with its id: `[shipped, mine.yaml]`."""
    jurisdictions: Annotated[tuple[Jurisdiction, ...], Field(min_length=1)] = ("cn",)
    """Under whose rules the service owes labels; one answer may owe them under several. Explicit labels
    of policies under others are not said. Without `cn` the first one's base policy is the default."""
    default: Annotated[str, AfterValidator(_default)] = Field(default="general", validate_default=True)
    """The policy that applies to every request."""
    language: Annotated[str, Form("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "a language: zh, en, zh-Hant")] = "zh"
    """Of the labels, where the question's own language does not tell."""
    detection: Detection = Detection()
    mode: Literal["enforce", "observe"] = "enforce"
    """`observe` decides and reports, and changes nothing: the dry run before going live."""
    unclaimed: Literal["pass", "block"] = "pass"
    """What happens to a route that no dialect knows and no rule exempts."""
    headers: Headers = Headers()
    limits: Limits = Limits()
    pictures: Pictures = Pictures()
    models: tuple[ModelRule, ...] = ()
    routes: tuple[RouteRule, ...] = ()
    tenants: Annotated[tuple[Tenant, ...], BeforeValidator(_listed)] = ()
    sessions: Sessions = Sessions()
    notices: Notices = Notices()
    filing: tuple[Filing, ...] = ()
    gateway: Gateway = Gateway()

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, data: Any) -> Any:
        """A known field with nothing behind its colon is as good as none."""
        if not isinstance(data, dict):
            return data
        return {
            name: value for name, value in data.items() if value is not None or name not in cls.model_fields
        }
