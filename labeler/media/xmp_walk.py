"""A walk through an XMP packet: where properties stand in it, and where there is room for new ones."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple
from xml.parsers import expat

from labeler.errors import ContentError
from labeler.media.edits import Edit

Property = tuple[str, str, str]
"""The name of a property: its namespace, the prefix that we write, and its local name."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TAG = re.compile(rb"""<[^"'>]*+(?:"[^"]*+"[^"'>]*+|'[^']*+'[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(rb"""\s++(?:([^\s=/>"']++)\s*+=\s*+(?:"[^"]*+"|'[^']*+'))?""")


class XmpError(ContentError):
    """A packet that is no sound XMP."""


def broken(error: Exception) -> XmpError:
    """The error for a packet whose XML or coding is broken."""
    return XmpError(f"the XMP packet is no sound XML: {error}")


class Room(NamedTuple):
    """Where a new description goes: behind the last one of the rdf:RDF element, whose start tag is
    `tag`. `start` and `end` bound its end tag, or all of it where it is an empty element."""

    start: int
    end: int
    tag: bytes

    def filled(self, description: bytes) -> Edit:
        """The edit that puts the description there, with its prefix where the packet uses another."""
        if not self.tag.startswith(b"<rdf:"):
            description = description.replace(
                b"<rdf:Description", b'<rdf:Description xmlns:rdf="%s"' % RDF.encode(), 1
            )
        if not self.tag.endswith(b"/>"):
            return self.start, self.start, description
        raw = self.tag[1:-2].split()[0]
        return self.start, self.end, b"%s>%s</%s>" % (self.tag[:-2], description, raw)


@dataclass(slots=True)
class _Open:
    """An element whose end has not come: where it starts, its start tag, how many children and
    attributes of it stay, and whether some go."""

    name: str
    start: int
    tag: bytes
    stay: int = 0
    goes: bool = False


def _key(uri: str, local: str) -> tuple[str, str]:
    """A name for comparison: `https` and a missing last slash are seen in the wild."""
    return uri.rpartition("://")[2].rstrip("/#"), local


class Walk:
    """One walk through a packet: what the wanted properties say (`found`: name, form, text), which
    bytes have to go for them (`cuts`), and where there is room for new ones."""

    def __init__(self, data: bytes, wanted: Collection[Property]) -> None:
        self.found: list[tuple[Property, str, str]] = []
        self.cuts: list[tuple[int, int]] = []
        self.room: Room | None = None
        self._data = data
        self._wanted = {_key(uri, local): (uri, prefix, local) for uri, prefix, local in wanted}
        self._open: list[_Open] = []
        self._inside = 0  # depth of the wanted element that is open, 0 for none
        self._texts: list[str] = []
        self._text: list[str] = []
        self._parse()

    def _parse(self) -> None:
        self._parser = parser = expat.ParserCreate("UTF-8", " ")
        parser.buffer_text = parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(self._data, True)
        except expat.ExpatError as error:
            raise broken(error) from None
        del self._parser  # it knows our methods: no circle stays behind

    def _doctype(self, *_: object) -> None:
        msg = "the XMP packet has a DOCTYPE, which XMP forbids"
        raise XmpError(msg)

    def _name(self, name: str) -> Property | None:
        uri, _, local = name.rpartition(" ")
        return self._wanted.get(_key(uri, local))

    def _start(self, name: str, attributes: list[str]) -> None:
        start = self._parser.CurrentByteIndex
        tag = _TAG.match(self._data, start)
        element = _Open(name, start, tag[0] if tag else b"")
        if self._open and not self._inside:
            wanted = self._name(name) is not None
            self._open[-1].goes |= wanted
            self._open[-1].stay += not wanted
        self._open.append(element)
        if self._inside:
            self._keep_text()
        elif self._name(name):
            self._inside = len(self._open)
            self._texts = []
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        if self._inside:
            self._texts += [value for key, value in pairs if key in (f"{RDF} value", f"{RDF} resource")]
        else:
            self._attributes(element, pairs)

    def _attributes(self, element: _Open, pairs: list[tuple[str, str]]) -> None:
        spans = [
            match.span()
            for match in _ATTRIBUTE.finditer(element.tag)
            if match[1] and match[1] != b"xmlns" and not match[1].startswith(b"xmlns:")
        ]
        for (key, value), (start, end) in zip(pairs, spans, strict=True):
            if name := self._name(key):
                self.found.append((name, "attribute", value))
                self.cuts.append((element.start + start, element.start + end))
                element.goes = True
            else:
                element.stay += key != f"{RDF} about"

    def _characters(self, text: str) -> None:
        if self._inside:
            self._text.append(text)
        elif self._open and not text.isspace():
            self._open[-1].stay += 1

    def _end(self, name: str) -> None:
        element = self._open.pop()
        index = self._parser.CurrentByteIndex
        empty = element.tag.endswith(b"/>")
        end = element.start + len(element.tag) if empty else self._data.index(b">", index) + 1
        if self._inside:
            self._close(name, element, end)
        elif name == f"{RDF} Description" and element.goes and not element.stay and self._below_rdf():
            self.cuts.append((element.start, end))
        elif name == f"{RDF} RDF" and self.room is None:
            self.room = Room(element.start if empty else index, end, element.tag)

    def _below_rdf(self) -> bool:
        return bool(self._open) and self._open[-1].name == f"{RDF} RDF"

    def _close(self, name: str, element: _Open, end: int) -> None:
        """The end of a wanted element or of one inside it: its text, if it is more than layout."""
        outermost = len(self._open) < self._inside
        self._keep_text(always=outermost and not self._texts)
        if outermost and (wanted := self._name(name)):
            self.found += [(wanted, "element", text) for text in self._texts]
            self.cuts.append((element.start, end))
            self._inside = 0

    def _keep_text(self, *, always: bool = False) -> None:
        text = "".join(self._text)
        if always or text.strip():
            self._texts.append(text)
        self._text = []
