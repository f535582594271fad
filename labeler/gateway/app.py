"""The gateway: its own endpoints under `/_labeler/`, and LabelMiddleware before a proxy for the rest."""

from __future__ import annotations

import logging

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from labeler import Labeler, LabelMiddleware, PolicyError, Problem, __version__
from labeler.config import Upstream
from labeler.gateway.pictures import PictureEndpoint, only_read
from labeler.gateway.proxy import Proxy
from labeler.links import PATH
from labeler.policy.document import Document, validate

log = logging.getLogger("labeler")
DISCLOSURE = "/.well-known/aigc-disclosure"
OWN = "/_labeler"
"""What the paths of the gateway's own endpoints begin with; none of them is ever forwarded."""


def gateway(labeler: Labeler, upstream: str | None = None) -> ASGIApp:
    """An ASGI app that labels what an existing API answers.

    `upstream` is that API's base URL; without it, `gateway.upstreams` of the configuration count.
    Raises PolicyError where there is none or it is no URL.
    """
    settings = labeler.service.gateway
    proxy = Proxy(
        {one.path: one.url for one in fronted(labeler, upstream)},
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        connections=settings.connections,
    )
    labelled = LabelMiddleware(proxy, labeler=labeler)
    pictures = PictureEndpoint(labeler, labelled.workers)
    for warning in labeler.service.warnings:
        log.warning("%s", warning)
    if not labeler.studio.producer:
        log.warning(
            "no provider is configured: pictures get the visible label, but no AIGC record "
            "(GB 45438-2025, ch. 6); give `provider.credit_code` or `provider.code` in labeler.yaml"
        )
    told = labeler.disclosure()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == DISCLOSURE:
            await (only_read(scope) or JSONResponse(told))(scope, receive, send)
        elif scope["type"] == "http" and f"{scope['path']}/".startswith(f"{OWN}/"):
            own = pictures if scope["path"].startswith(PATH) else _own(scope, labeler)
            await own(scope, receive, send)
        else:
            await labelled(scope, receive, send)

    return app


def fronted(labeler: Labeler, upstream: str | None = None) -> tuple[Upstream, ...]:
    """The upstreams that a gateway stands in front of. Raises PolicyError as `gateway` does."""
    if upstream is None:
        if not labeler.service.gateway.upstreams:
            message, hint = "there is no upstream", "call it with --upstream URL, or name it in labeler.yaml"
            raise PolicyError(Problem("gateway", 0, 0, "upstreams", message, hint))
        return labeler.service.gateway.upstreams
    one, problems = validate(Document("--upstream", {"url": upstream}, {}, {}), Upstream, {})
    if one is None:
        raise PolicyError(*problems)
    return (one,)


def _own(scope: Scope, labeler: Labeler) -> Response:
    if scope["path"] != f"{OWN}/health":
        return JSONResponse({"error": "the gateway has no such endpoint"}, 404)
    service = labeler.service
    health = {
        "status": "ok",
        "version": __version__,
        "revision": service.policies.revision,
        "mode": service.mode,
        "counts": labeler.counts,
    }
    return only_read(scope) or JSONResponse(health)
