"""One picture: the visible label and the implicit record, in one pass, read back before it leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Literal, NamedTuple, Self

from labeler.body import Given, Pictured
from labeler.cache import Cache
from labeler.errors import ContentError, LabelerError
from labeler.fetch import Fetching, allowed
from labeler.fetch.sites import bare
from labeler.inline import as_url, decoded, encoded, example, is_data, opened
from labeler.labels.record import Record, first_record, read
from labeler.labels.security import Empty, Seal, Statement, digest
from labeler.links import Links
from labeler.media import container, xmp
from labeler.media.base import Container, Found, Head, Unreadable
from labeler.media.once import remembering
from labeler.number import number_of_content
from labeler.pixels import Drawn, draw
from labeler.values import PictureOutcome, PictureRule, State, Verdict

Only = Literal["", "visible", "record"]
_FRAMES = 8
"""Times the limit of pixels that all frames of an animation may have together. One frame of an AVIF animation has
an eighth of the limit at most: libaom takes seventy times its bytes."""


@dataclass(frozen=True, slots=True)
class Studio:
    """What holds for every picture of a service.

    `producer` is the provider code, "" where no provider is configured. `pixels` is the most that one
    frame may have. `links` are made where the gateway serves pictures again that came as a URL;
    `fetching` says what may be fetched.
    """

    producer: str = ""
    seal: Seal = field(default_factory=Empty)
    pixels: int = 120_000_000
    cache: Cache[Drawn] = field(default_factory=lambda: Cache(0))
    fetching: Fetching = field(default_factory=Fetching)
    links: Links | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Labels the pictures of one response; pure but for the cache.

    `number` is the response's content number; `derived`: a picture's number comes from its bytes
    instead, so that every replica writes the same file. `assumed`: the upstream draws a visible label
    of its own. `only` leaves one of the two labels out.
    """

    studio: Studio
    rule: PictureRule
    number: str = ""
    scenarios: tuple[str, ...] = ()
    language: str = ""
    derived: bool = False
    assumed: bool = False
    only: Only = ""

    @classmethod
    def of(
        cls,
        studio: Studio,
        verdict: Verdict,
        number: str,
        *,
        derived: bool = False,
        assumed: bool = False,
        only: Only = "",
    ) -> Self:
        """What a verdict asks of the pictures of its response."""
        about = verdict.picture, number, verdict.scenarios, verdict.language
        return cls(studio, *about, derived, assumed, only)

    def __call__(self, given: Given) -> Pictured:
        """Label one picture as it stands in a body; a failure is an outcome, no exception."""
        number = self.number if given.alone else f"{self.number}-{given.nth}"
        try:
            content, outcome = self._labelled(given, number)
        except LabelerError as error:
            content, outcome = b"", PictureOutcome(number, "failed", str(error))
        return Pictured(content, replace(outcome, place=given.place))

    def away(self, given: Given) -> str:
        """The URL from which a picture has to be fetched before it can be labelled; "" where it need not be."""
        embeds = self.rule.url == "embed" and given.form == "url"
        url = bare(given.content) if embeds and isinstance(given.content, str) else ""
        return "" if is_data(url) else url

    def label(self, data: bytes, number: str = "") -> tuple[bytes, PictureOutcome]:
        """Label one picture file. Raises ContentError where it cannot be read, or a label that must be
        there cannot; MissingExtra where a package for its format is not installed; PolicyError where a
        font or key is not there any more."""
        with remembering():
            return self._label(data, number)

    def _label(self, data: bytes, number: str) -> tuple[bytes, PictureOutcome]:
        picture = _read(data, self.studio.pixels)
        if picture.signed and self.rule.signed == "leave":
            reason = "signed by the upstream (C2PA), left as it is"
            return data, PictureOutcome(number, "skipped", reason, picture.box.name)
        number = number_of_content(self.studio.producer, data) if self.derived else number or self.number
        drawn, visible = self._drawn(picture)
        text, record = self._record(picture, drawn.data, number)
        properties: dict[xmp.Name, str | None] = {}
        if visible == "applied":
            properties[xmp.VISIBLE] = self.rule.look.words.replace("\n", " ")
        doubled = len(picture.records) > 1 and record.startswith("kept")
        if record == "applied" or (text and (properties or doubled)):
            properties[xmp.AIGC] = xmp.writable(text)
        if properties and self.rule.source_type:
            properties[xmp.SOURCE_TYPE] = self.rule.source_type
        out, told = _written(picture, drawn.data, properties) if properties else (drawn.data, ())
        notes = (*drawn.notes, *told)
        if picture.signed and out is not data:
            notes += ("c2pa: the upstream's manifest is not valid any more",)
        state: State = "skipped" if out is data else "applied"
        said = record if self.only == "record" else visible
        reason = "" if state == "applied" else "labelled already" if said == "there already" else said
        return out, PictureOutcome(
            number, state, reason, picture.box.name, "", visible, record, drawn.outside, notes
        )

    # The two labels.

    def _drawn(self, picture: _Picture) -> tuple[Drawn, str]:
        data, rule = picture.data, self.rule
        as_it_is = Drawn(data, "identical")
        if self.only == "record":
            return as_it_is, "skipped: the record alone was asked for"
        if picture.visible:
            return as_it_is, "there already"
        if self.assumed:
            return as_it_is, "drawn by the upstream (assume_visible)"
        key = hashlib.sha256(data).digest(), rule.look, rule.exact
        drawn = self.studio.cache.get(key)
        if drawn is None:
            drawn = draw(data, picture.box.name, picture.head, rule.look, exact=rule.exact)
            self.studio.cache.put(key, drawn, len(drawn.data))
        return drawn, "applied"

    def _record(self, picture: _Picture, drawn: bytes, number: str) -> tuple[str, str]:
        """The text of the record that the file is to carry, and what is said about it."""
        text, found = _kept(picture.records)
        producer = self.studio.producer
        if self.only == "visible":
            return text, "skipped: the visible label alone was asked for"
        if found and found.content_producer == producer:
            text = self._resealed(picture, drawn, found) or text
            return text, "there already" if len(picture.records) == 1 else "applied"
        if found and self.rule.existing != "replace":
            return text, self._foreign(found.content_producer)
        if missing := self._missing(picture.box):
            return text, missing
        record = first_record(producer, number)
        if not isinstance(self.studio.seal, Empty):
            statement = Statement.of(record, digest(picture.box.essence(drawn)))
            record = first_record(producer, number, self.studio.seal.reserved(statement))
        return record.json(), "applied"

    def _resealed(self, picture: _Picture, drawn: bytes, record: Record) -> str:
        """Our own record over what was drawn, if its seal vouched for what was there before; else ""."""
        seal = self.studio.seal
        if drawn is picture.data or isinstance(seal, Empty):
            return ""
        before = Statement.of(record, digest(picture.box.essence(picture.data)))
        if not seal.vouches(record.reserved_code1, before):
            return ""
        now = before._replace(digest=digest(picture.box.essence(drawn)))
        return replace(record, reserved_code1=seal.reserved(now)).json()

    def _foreign(self, producer: str) -> str:
        if self.rule.existing == "refuse":
            msg = f"the picture carries the AIGC record of {producer} (existing: refuse)"
            raise ContentError(msg)
        return f"kept: {producer}"

    def _missing(self, box: Container) -> str:
        """Why no record can be written; ContentError where there has to be one."""
        reason = "no provider" if not self.studio.producer else "" if box.carries else "no carrier"
        if reason and (self.rule.record == "required" or self.only == "record"):
            what = f"{box.name} has no place for it" if self.studio.producer else "no provider is configured"
            msg = f"the AIGC record cannot be written: {what}"
            raise ContentError(msg)
        return f"skipped: {reason}" if reason else ""

    # Where a picture stands.

    def _labelled(self, given: Given, number: str) -> tuple[bytes, PictureOutcome]:
        content = given.content
        if isinstance(content, ContentError):
            raise content
        if isinstance(content, bytes):
            out, outcome = self.label(content, number)
            return (as_url(out) if given.form == "url" else out), outcome
        if given.form == "base64":
            data = decoded(content)
            if given.within and (reason := example(data)):
                return b"", PictureOutcome(number, "skipped", reason)
            out, outcome = self.label(data, number)
            return encoded(out), outcome
        url = bare(content)
        if not url:
            return b"", PictureOutcome(number, "skipped", "neither a picture nor a URL of one")
        if not is_data(url):
            return self._link(url, number)
        head, data = opened(url)
        out, outcome = self.label(data, number)
        return head.encode("ascii", "replace") + b"," + encoded(out), outcome

    def _link(self, url: str, number: str) -> tuple[bytes, PictureOutcome]:
        if self.rule.url == "leave":
            return b"", PictureOutcome(number, "skipped", "only a URL (url: leave)")
        assert self.rule.url == "proxy", "a picture that was not fetched"
        if self.studio.links is None:
            msg = "url: proxy needs the gateway and its `pictures.public_url`"
            raise ContentError(msg)
        if self.studio.links.made(url):
            return b"", PictureOutcome(number, "skipped", "labelled already")
        allowed(url, self.studio.fetching)
        link = self.studio.links.make(url, self.scenarios, self.language)
        later = "when it is fetched"
        return link.encode("ascii"), PictureOutcome(number, "applied", visible=later, record=later)


class _Picture(NamedTuple):
    """A file and what it says of itself."""

    data: bytes
    box: Container
    head: Head
    packet: bytes
    records: list[Found]
    visible: str
    signed: bool


def _read(data: bytes, limit: int) -> _Picture:
    box = container(data)
    head = box.head(data)
    pixels = head.width * head.height
    film = box.name == "avif" and head.frames > 1
    if pixels > limit // (_FRAMES if film else 1) or pixels * head.frames > _FRAMES * limit:
        frames = f" in {head.frames} frames" if head.frames > 1 else ""
        rule = f"{limit} (pictures.pixels{', of which an AVIF frame has an eighth' if film else ''})"
        msg = f"the picture has {head.width} x {head.height} pixels{frames}; the limit is {rule}"
        raise ContentError(msg)
    packet = box.packet(data)
    visible = xmp.first(packet, xmp.VISIBLE)
    return _Picture(data, box, head, packet, box.found(data), visible, box.signed(data))


def _written(
    picture: _Picture, drawn: bytes, properties: dict[xmp.Name, str | None]
) -> tuple[bytes, tuple[str, ...]]:
    """The file with these properties in its XMP packet, read back and compared, and what was lost."""
    box = picture.box
    if not box.carries:
        return drawn, ()
    packet, unsound = xmp.renewed(picture.packet, properties)
    out = box.write(drawn, packet)
    notes = [f"xmp: the picture's own packet is replaced: {unsound}"] if unsound else []
    if lost := box.lost(picture.data):
        notes.append(f"xmp: a file has one packet; others that were in it are lost: {lost}")
    if xmp.AIGC not in properties:
        unread = (one for one in picture.records if isinstance(one, Unreadable))
        notes += (f"record: lost from {one.carrier}: {one.text}" for one in unread)
    packet = box.packet(out)
    for name, text in properties.items():
        if [value for _, value in xmp.values(packet, name)] != [text]:
            msg = f"{name.prefix}:{name.local} reads back differently from what was written"
            raise ContentError(msg)
    records = [one.text for one in box.found(out)]
    if xmp.AIGC in properties and records != [properties[xmp.AIGC]]:
        msg = "the AIGC record reads back differently from what was written"
        raise ContentError(msg)
    if not _same(box.essence(drawn), box.essence(out)):
        msg = "the picture's data changed while its metadata were written"
        raise ContentError(msg)
    return out, tuple(notes)


def _kept(records: list[Found]) -> tuple[str, Record | None]:
    """Of the records in a file the first valid one and what it says; else the first one's text alone."""
    texts = [one.text for one in records if not isinstance(one, Unreadable)]
    sound = ((text, record) for text in texts if (record := read(text).record))
    return next(sound, (next(iter(texts), ""), None))


def _same(one: Iterator[memoryview], other: Iterator[memoryview]) -> bool:
    # not `a == b`: that looks at memoryviews item by item
    return all(len(a) == len(b) and bytes(a).startswith(b) for a, b in zip_longest(one, other, fillvalue=b""))
