"""`sessions:`, `notices:` and `filing:` in labeler.yaml: who is reminded, who is told, what is published."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from labeler.config.units import Seconds
from labeler.errors import PolicyError
from labeler.policy.base import Form, Model, Name
from labeler.policy.condition import HEADER_NAME, MEMBER_PATH
from labeler.policy.document import Fault, fault
from labeler.policy.patterns import name_glob
from labeler.policy.people import Webhook
from labeler.policy.words import Line
from labeler.sessions import sessions


def _store(store: str) -> str:
    try:
        sessions(store, 1.0)
    except PolicyError as error:
        raise fault(Fault(error.problems[0].message, error.problems[0].hint)) from None
    return store


HeaderName = Annotated[str, Form(HEADER_NAME, "the name of a header: X-Session-Id")]
FieldPath = Annotated[str, Form(MEMBER_PATH, "names with dots between them: metadata.session")]


class Sessions(Model):
    """What a session is, for policies that remind (`remind:`); exactly one of the three names it."""

    header: HeaderName | None = None
    """A request header, for example `X-Session-Id`."""
    cookie: Name | None = None
    field: FieldPath | None = None
    """A field of the request's JSON, for example `metadata.session`."""
    store: Annotated[str, AfterValidator(_store)] = "memory"
    """`memory`, for one process; or a Redis URL (redis://, rediss://, unix://), where several workers or
    hosts serve: `aigc-labeler[redis]`."""
    idle: Seconds = 1800.0
    """A longer pause ends the continuous use; as in `30min`."""

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if len(self.named) > 1:
            raise fault(Fault(f"a session is named by {' and by '.join(self.named)}", "keep one of them"))
        return self

    @property
    def named(self) -> list[str]:
        """What names a session."""
        return [name for name in ("header", "cookie", "field") if getattr(self, name)]


class Notices(Model):
    """How webhooks are told. Their URLs stand in the policies (`handoff:`) and here."""

    review: Webhook | None = None
    """Gets the answers that a guard holds (`action: hold`), with their text."""
    queue: int = Field(default=1000, ge=1)
    """Notices that wait at most; what comes on top is dropped, and counted."""
    retries: int = Field(default=5, ge=0)
    timeout: Seconds = 5
    secret: str = ""
    """Signs each notice (HMAC-SHA256). Give it by LABELER__NOTICES__SECRET."""


class Filing(Model):
    """A filed or registered model that the service uses (备案号, 上线编号)."""

    model: Name = "*"
    """A glob over the model's name in requests: `*` is any run of characters; case does not matter."""
    title: Line
    """The model's name as it was filed."""
    number: Line
    kind: Literal["filed", "registered"] = "filed"
    """`filed`: the number is a 备案号; `registered`: an application's 上线编号."""

    @property
    def words(self) -> str:
        """The words for a prominent place or the product page (the CAC's notices on filing)."""
        name = "备案号" if self.kind == "filed" else "上线编号"
        state = "已备案" if self.kind == "filed" else "已登记"
        return f"本服务使用{state}的生成式人工智能服务：{self.title}（{name}：{self.number}）"

    def covers(self, model: str) -> bool:
        """Whether it is about a model."""
        return name_glob(self.model)(model)
