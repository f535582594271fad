# A bare Starlette service that streams plain text. No dialect claims such a route by itself, so it opts
# in by the configuration beside this file, starlette_service.yaml.
#
#   uvicorn examples.starlette_service:app --port 8000
#
# Then ask it:
#
#   curl -NG http://127.0.0.1:8000/ask --data-urlencode "question=孩子发烧39度怎么办"

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from labeler import Labeler, LabelMiddleware


async def think(question: str) -> AsyncIterator[str]:
    """Stands for your model: yields the answer in pieces."""
    for piece in ("先", "量体温，", "多", "喝水，", "注意休息。"):
        yield piece


async def ask(request: Request) -> Response:
    """A streamed answer in plain text: labelled as the route's rule says."""
    question = request.query_params["question"]
    return StreamingResponse(think(question), media_type="text/plain")


async def title(request: Request) -> Response:
    """A title for a list of conversations: exempt, because it is no answer."""
    return PlainTextResponse("关于发烧")


app = Starlette(
    routes=[Route("/ask", ask), Route("/title", title)],
    middleware=[Middleware(LabelMiddleware, labeler=Labeler.load(Path(__file__).with_suffix(".yaml")))],
)
