"""The pictures that an answer only pointed to, served again with their labels (`url: proxy`)."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from labeler.engine import Labeler, Labelled
from labeler.errors import ContentError, LabelerError, PolicyError
from labeler.gateway.client import Client
from labeler.links import PATH, Link
from labeler.media import container
from labeler.policy import decide
from labeler.values import Exchange, Outcome
from labeler.workers import Workers

_KEPT = "private, max-age=86400"
"""The same link gives the same bytes while the policies stay, and pictures of a chat are nobody else's."""


class PictureEndpoint:
    """`GET /_labeler/picture/<token>`: fetches what the link stands for, and labels it.

    404 for a link that is not ours; 502 for a picture that cannot be fetched or labelled, or a
    redirect to the picture itself where the policy says `on_failure: pass`: nothing but a picture that
    was read ever leaves under the gateway's own name. For a client that leaves nothing is begun any more.
    """

    def __init__(self, labeler: Labeler, workers: Workers) -> None:
        self._labeler, self._workers = labeler, workers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = Client(receive)
        client.watch()
        try:
            response = only_read(scope) or await self._answer(scope["path"].removeprefix(PATH))
            client.close()
            await response(scope, receive, send)
        except asyncio.CancelledError:
            if not client.has_left():
                raise
        finally:
            client.close()

    async def _answer(self, token: str) -> Response:
        links = self._labeler.studio.links
        if links is None:
            return JSONResponse({"error": "no picture is served here (pictures.public_url)"}, 404)
        try:
            link = links.read(token)
        except ContentError as error:
            return JSONResponse({"error": str(error)}, 404)
        try:
            labelled = await self._labelled(link)
        except LabelerError as error:
            return self._failed(link, error)
        headers = {"cache-control": _KEPT, "x-content-type-options": "nosniff"}
        return Response(labelled.content, 200, headers, container(labelled.content).media_type)

    async def _labelled(self, link: Link) -> Labelled[bytes]:
        try:
            data = await self._workers.fetch(link.url)
        except ContentError as error:
            self._labeler.record(Outcome("failed", str(error), PATH, "picture"))
            raise
        return await self._workers.run(
            lambda: self._labeler.label_image(
                data, derived=True, scenarios=link.scenarios, language=link.language, route=PATH
            )
        )

    def _failed(self, link: Link, error: LabelerError) -> Response:
        passes = False
        if not isinstance(error, PolicyError):  # the verdict itself cannot be told any more
            exchange = Exchange(PATH, "GET", named=link.scenarios, language=link.language)
            passes = decide(self._labeler.service.policies, exchange).on_failure == "pass"
        if passes:
            return RedirectResponse(link.url, 302, {"labeler": "failed", "cache-control": "no-store"})
        return JSONResponse({"error": f"Withheld: {error}"}, 502, {"cache-control": "no-store"})


def only_read(scope: Scope) -> Response | None:
    """The refusal of a method that the gateway's own endpoints do not know."""
    if scope["method"] in ("GET", "HEAD"):
        return None
    return JSONResponse({"error": "only GET and HEAD"}, 405, headers={"Allow": "GET, HEAD"})
