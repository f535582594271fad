"""The XMP packet: what it says, and how a property gets into it without touching the rest.

The AIGC record stands in the property TC260:AIGC (GB 45438-2025, Annex F; TC260-PG-20259A), as an
element or as an attribute. A packet is never written anew: expat tells at which byte a property
stands, and only those bytes change. DOCTYPE and with it entity declarations are refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

from labeler.errors import ContentError
from labeler.media import plain
from labeler.media.base import Found
from labeler.media.edits import Edit, edited
from labeler.media.once import once_for_equals


class Name(NamedTuple):
    """The name of a property: its namespace, the prefix that we write, and its local name."""

    uri: str
    prefix: str
    local: str


AIGC = Name("http://www.tc260.org.cn/ns/AIGC/1.0/", "TC260", "AIGC")
"""The implicit label: a JSON text (GB 45438-2025, Annex E)."""
VISIBLE = Name("https://aigc-labeler.org/ns/1.0/", "labeler", "Visible")
"""Our own: the words of the visible label that we drew into the picture."""
SOURCE_TYPE = Name("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "Iptc4xmpExt", "DigitalSourceType")
"""IPTC's kind of source, as `http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia`."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FRESH = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()
_TAG = re.compile(rb"""<[^"'>]*+(?:"[^"]*+"[^"'>]*+|'[^']*+'[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(rb"""\s++(?:([^\s=/>"']++)\s*+=\s*+(?:"[^"]*+"|'[^']*+'))?""")
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CODINGS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def values(packet: bytes, name: Name) -> list[tuple[str, str]]:
    """Every occurrence of a property in order: ("attribute" or "element", its text).

    A property with several texts (rdf:Alt, rdf:Seq, rdf:Bag) gives one entry for each. Raises
    ContentError where the packet mentions the name and is no sound XML.
    """
    data = _utf8(packet)
    return list(_read(data, name)) if name.local.encode() in data else []


@once_for_equals  # several ask the same of a packet that was just written
def _read(data: bytes, name: Name) -> tuple[tuple[str, str], ...]:
    return tuple((form, text) for _, form, text in _Walk(data, [name]).found)


def found(packet: bytes) -> list[Found]:
    """Every AIGC record of a packet."""
    return [Found(f"XMP {form}", plain.keyed(text)) for form, text in values(packet, AIGC)]


def merged(packet: bytes, properties: Mapping[Name, str | None]) -> bytes:
    """The packet with these properties and everything else byte for byte.

    Every old occurrence of them goes, in either form; None only removes. New ones stand in a
    description at the end. `b""` gives a fresh, small packet. Raises ContentError where the packet is
    no sound XMP or a text has a character that XML forbids.
    """
    data = _utf8(packet)
    walk = _Walk(data, properties) if data else _fresh()
    data = data or _FRESH
    new = _description({name: text for name, text in properties.items() if text is not None})
    if new and walk.room is None:
        msg = "the XMP packet has no rdf:RDF element"
        raise ContentError(msg)
    edits: list[Edit] = [(start, end, b"") for start, end in walk.cuts]
    if new and walk.room:
        edits.append(walk.room.filled(new))
    return edited(data, edits)


@cache
def _fresh() -> _Walk:
    """The walk through a packet that holds nothing yet."""
    return _Walk(_FRESH, ())


def _utf8(packet: bytes) -> bytes:
    """The packet in UTF-8 and without the NUL bytes that some writers put behind it."""
    for bom, coding in _CODINGS.items():
        if packet.startswith(bom):
            try:
                return packet.decode(coding).rstrip("\0").encode()
            except UnicodeError as error:
                raise _broken(error) from None
    return packet.rstrip(b"\0")


def _broken(error: Exception) -> ContentError:
    return ContentError(f"the XMP packet is no sound XML: {error}")


def _description(properties: Mapping[Name, str]) -> bytes:
    """An rdf:Description that holds these properties, b"" for none."""
    if not properties:
        return b""
    for text in properties.values():
        if bad := _UNWRITABLE.search(text):
            msg = f"U+{ord(bad[0]):04X} cannot stand in an XMP packet"
            raise ContentError(msg)
    spaces = dict.fromkeys(f' xmlns:{name.prefix}="{name.uri}"' for name in properties)
    inner = "".join(
        f"<{name.prefix}:{name.local}>{escape(text, {chr(13): '&#13;'})}</{name.prefix}:{name.local}>"
        for name, text in properties.items()
    )
    return f'<rdf:Description rdf:about=""{"".join(spaces)}>{inner}</rdf:Description>'.encode()


class _Room(NamedTuple):
    """Where a new description goes: behind the last one of the rdf:RDF element, whose start tag is
    `tag`. `start` and `end` bound its end tag, or all of it where it is an empty element."""

    start: int
    end: int
    tag: bytes

    def filled(self, description: bytes) -> Edit:
        """The edit that puts the description there, with its prefix where the packet uses another."""
        if not self.tag.startswith(b"<rdf:"):
            description = description.replace(
                b"<rdf:Description", b'<rdf:Description xmlns:rdf="%s"' % _RDF.encode(), 1
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


class _Walk:
    """One walk through a packet: what the wanted properties say (`found`: name, form, text), which
    bytes have to go for them (`cuts`), and where there is room for new ones."""

    def __init__(self, data: bytes, wanted: Collection[Name]) -> None:
        self.found: list[tuple[Name, str, str]] = []
        self.cuts: list[tuple[int, int]] = []
        self.room: _Room | None = None
        self._data = data
        self._wanted = {_key(name.uri, name.local): name for name in wanted}
        self._open: list[_Open] = []
        self._inside = 0  # depth of the wanted element that is open, 0 for none
        self._texts: list[str] = []
        self._text = ""
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
            raise _broken(error) from None
        del self._parser  # it knows our methods: no circle stays behind

    def _doctype(self, *_: object) -> None:
        msg = "the XMP packet has a DOCTYPE, which XMP forbids"
        raise ContentError(msg)

    def _name(self, name: str) -> Name | None:
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
            self._texts += [value for key, value in pairs if key in (f"{_RDF} value", f"{_RDF} resource")]
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
                element.stay += key != f"{_RDF} about"

    def _characters(self, text: str) -> None:
        if self._inside:
            self._text += text
        elif self._open and not text.isspace():
            self._open[-1].stay += 1

    def _end(self, name: str) -> None:
        element = self._open.pop()
        index = self._parser.CurrentByteIndex
        empty = element.tag.endswith(b"/>")
        end = element.start + len(element.tag) if empty else self._data.index(b">", index) + 1
        if self._inside:
            self._close(name, element, end)
        elif name == f"{_RDF} Description" and element.goes and not element.stay and self._below_rdf():
            self.cuts.append((element.start, end))
        elif name == f"{_RDF} RDF" and self.room is None:
            self.room = _Room(element.start if empty else index, end, element.tag)

    def _below_rdf(self) -> bool:
        return bool(self._open) and self._open[-1].name == f"{_RDF} RDF"

    def _close(self, name: str, element: _Open, end: int) -> None:
        """The end of a wanted element or of one inside it: its text, if it is more than layout."""
        outermost = len(self._open) < self._inside
        self._keep_text(always=outermost and not self._texts)
        if outermost and (wanted := self._name(name)):
            self.found += [(wanted, "element", text) for text in self._texts]
            self.cuts.append((element.start, end))
            self._inside = 0

    def _keep_text(self, *, always: bool = False) -> None:
        if always or self._text.strip():
            self._texts.append(self._text)
        self._text = ""
