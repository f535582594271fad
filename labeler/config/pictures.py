"""`pictures:` in labeler.yaml: how pictures are worked on, and where those come from that are only a URL."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from labeler.config.units import Seconds, ServiceUrl, Size
from labeler.errors import PolicyError
from labeler.fetch import Fetching
from labeler.links import KEY
from labeler.policy.base import Model
from labeler.policy.document import Fault, fault


def _host(host: str) -> str:
    try:
        Fetching((host,))
    except PolicyError as error:
        raise fault(Fault(error.problems[0].message, error.problems[0].hint)) from None
    return host


def _key(key: str) -> str:
    if len(key.encode()) < KEY:
        hint = f"{KEY} random characters or more: `openssl rand -base64 32`"
        raise fault(Fault(f"a key of {len(key.encode())} bytes is too short", hint))
    return key


class Fetch(Model):
    """From where pictures may be fetched that an answer only points to (`url: proxy`, `url: embed`)."""

    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    """Globs over host names, as `*.example.com` or `pictures.local:8080`; none allows nothing."""
    size: Size = 32 * 2**20
    timeout: Seconds = 20
    """For look-up, connection, redirects and content together."""
    private: bool = False
    """Also from addresses that are not public: an upstream in the house."""
    connections: int = Field(default=16, ge=1, le=256)
    """Pictures that are fetched at the same time; half of them, rounded up, from one server at most."""

    def rule(self) -> Fetching:
        """The same for those who fetch."""
        return Fetching(self.hosts, self.size, self.timeout, self.private, connections=self.connections)


class Pictures(Model):
    """What holds for all pictures of the service."""

    pixels: int = Field(default=120_000_000, gt=0)
    """Width times height, at most; all frames of an animation have up to 8 times as many."""
    cache: Size | None = 64 * 2**20
    """Bytes of drawn pictures that are kept for repeated requests; null keeps none."""
    workers: int = Field(default=2, ge=1, le=64)
    """Pictures that are worked on at the same time; each needs memory by its format (docs/pictures.md)."""
    fetch: Fetch = Fetch()
    public_url: ServiceUrl | None = None
    """Of the gateway, as clients see it; `url: proxy` makes links below it."""
    link_key: Annotated[str, AfterValidator(_key)] | None = None
    """Signs these links; the same for all replicas. Give it by LABELER__PICTURES__LINK_KEY."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.public_url is None) != (self.link_key is None):
            raise fault(Fault("`public_url` and `link_key` belong together", "give both, or none"))
        return self
