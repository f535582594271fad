"""The life of the app behind the middleware, at whose end what the labels still have to send leaves."""

from __future__ import annotations

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeler.engine import Labeler

log = logging.getLogger("labeler")


async def lifespan(app: ASGIApp, labeler: Labeler, scope: Scope, receive: Receive, send: Send) -> None:
    """Let it pass; notices leave, and the sessions' store is let go, before its end is told: a server may end
    the process then. An app that knows no lifespan ends it at once, and nothing of ours with it."""
    ending = False

    async def heard() -> Message:
        nonlocal ending
        message = await receive()
        ending = ending or message["type"] == "lifespan.shutdown"
        return message

    async def told(message: Message) -> None:
        if ending:
            try:
                await labeler.reminders.close()
            except Exception:
                log.exception("the sessions' store could not be let go")
            await asyncio.to_thread(labeler.close)
        await send(message)

    await app(scope, heard, told)
