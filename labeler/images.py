"""The pictures of a service: what its configuration says about them, and one that the library labels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from labeler.body import Draw
from labeler.cache import Cache
from labeler.config import Service
from labeler.errors import ContentError, LabelerError
from labeler.links import Links
from labeler.media import content
from labeler.picture import Drawing, Studio
from labeler.response import Setting
from labeler.values import Exchange, Outcome, PictureOutcome, Verdict

if TYPE_CHECKING:
    from labeler.pixels.handed import Handed

Source: TypeAlias = "bytes | str | os.PathLike[str] | Handed"
"""A picture file's bytes, its path, or an image of Pillow's, which becomes a PNG file."""


def studio(service: Service) -> Studio:
    """What a service's configuration says about all its pictures."""
    provider, said = service.provider, service.pictures
    links = None
    if said.public_url and said.link_key:
        links = Links(said.public_url, said.link_key.encode())
    return Studio(
        producer=provider.producer if provider else "",
        seal=service.seal,
        pixels=said.pixels,
        cache=Cache(said.cache or 0),
        fetching=said.fetch.rule(),
        links=links,
    )


def drawing_of(studio: Studio, verdict: Verdict, exchange: Exchange, *, assumed: bool) -> Draw:
    """What labels the pictures of an answer; most answers have none."""
    derived = exchange.method == "GET"  # each replica gives the same bytes
    return lambda: Drawing.of(studio, verdict, exchange.number, derived=derived, assumed=assumed)


class ImageCall:
    """One picture on its way through."""

    def __init__(self, verdict: Verdict, exchange: Exchange, setting: Setting, drawing: Drawing) -> None:
        self._verdict, self._exchange, self._setting = verdict, exchange, setting
        self._drawing = drawing
        self._picture = PictureOutcome(exchange.number, "failed", "not read")

    def __call__(self, source: Source) -> bytes:
        """The labelled file; the file as it was where the service only observes, or a person made it.

        Raises ContentError where it cannot be read, or, unless the service only observes, labelled;
        MissingExtra where a package for its format is not installed, PolicyError where a font is not
        there any more.
        """
        try:
            data = _bytes(source)
        except ContentError as error:
            self._fail(error)
            raise
        if self._exchange.human:
            self._picture = PictureOutcome(self._exchange.number, "skipped", "human")
            return data
        try:
            out, self._picture = self._drawing.label(data)
        except LabelerError as error:
            self._fail(error)
            if not self._setting.observe:
                raise
            return data
        return data if self._setting.observe else out

    def _fail(self, error: Exception) -> None:
        self._picture = PictureOutcome(self._exchange.number, "failed", str(error))

    def outcome(self) -> Outcome:
        """What was done."""
        return Outcome(
            self._picture.state,
            self._picture.reason,
            route=self._exchange.route,
            dialect="picture",
            number=self._exchange.number,
            observed=self._setting.observe,
            verdict=self._verdict,
            pictures=(self._picture,),
        )


def _bytes(source: Source) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview | str | os.PathLike):
        return content(source)
    from labeler.pixels.handed import as_png  # Pillow is loaded where a picture is labelled

    return as_png(source)
