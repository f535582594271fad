"""The XMP packet: what it says, and how a property gets into it without touching the rest.

The AIGC record stands in the property TC260:AIGC (GB 45438-2025, Annex F; TC260-PG-20259A), as an
element or as an attribute. A packet is never written anew: expat tells at which byte a property
stands, and only those bytes change. DOCTYPE and with it entity declarations are refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from xml.sax.saxutils import escape

from labeler.errors import ContentError
from labeler.media import plain
from labeler.media.base import Found, Unreadable
from labeler.media.edits import Edit, edited
from labeler.media.once import once_for_equals
from labeler.media.xmp_walk import RDF, Walk, XmpError, broken


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

_FRESH = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()
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
    XmpError where the packet mentions the name and is no sound XML.
    """
    data = _utf8(packet)
    return list(_read(data, name)) if name.local.encode() in data else []


@once_for_equals  # several ask the same of a packet that was just written
def _read(data: bytes, name: Name) -> tuple[tuple[str, str], ...]:
    return tuple((form, text) for _, form, text in Walk(data, [name]).found)


def first(packet: bytes, name: Name) -> str:
    """The first text of a property, "" for none and where the packet is no sound XML."""
    try:
        return next((text for _, text in values(packet, name)), "")
    except XmpError:
        return ""


def found(packet: bytes) -> list[Found]:
    """Every AIGC record of a packet; one that cannot be read where it is no sound XML and mentions AIGC."""
    try:
        return [Found(f"XMP {form}", plain.keyed(text)) for form, text in values(packet, AIGC)]
    except XmpError as error:
        return [Unreadable("XMP", str(error))] if b"AIGC" in packet.replace(b"\0", b"") else []


def without_aigc(packet: bytes) -> bytes:
    """The packet without its AIGC records, b"" where it has one that cannot be read."""
    try:
        return merged(packet, {AIGC: None})
    except XmpError:
        return b""


def writable(text: str) -> str:
    r"""The text with `\x08` and the like for what XML forbids: JSON stays what it was, sound or not."""
    return _UNWRITABLE.sub(lambda bad: bad[0].encode("unicode_escape").decode(), text)


def merged(packet: bytes, properties: Mapping[Name, str | None]) -> bytes:
    """The packet with these properties and everything else byte for byte.

    Every old occurrence of them goes, in either form; None only removes. New ones stand in a
    description at the end. `b""` gives a fresh, small packet. Raises XmpError where the packet is no
    sound XMP, ContentError where a text has a character that XML forbids.
    """
    data = _utf8(packet)
    walk = Walk(data, properties) if data else _fresh()
    data = data or _FRESH
    new = _description({name: text for name, text in properties.items() if text is not None})
    if new and walk.room is None:
        msg = "the XMP packet has no rdf:RDF element"
        raise XmpError(msg)
    edits: list[Edit] = [(start, end, b"") for start, end in walk.cuts]
    if new and walk.room:
        edits.append(walk.room.filled(new))
    return edited(data, edits)


def renewed(packet: bytes, properties: Mapping[Name, str | None]) -> tuple[bytes, str]:
    """The same, but a packet that is no sound XMP makes place for a fresh one: then with the reason."""
    try:
        return merged(packet, properties), ""
    except XmpError as error:
        return merged(b"", properties), str(error)


@cache
def _fresh() -> Walk:
    """The walk through a packet that holds nothing yet."""
    return Walk(_FRESH, ())


def unpadded(packet: bytes) -> bytes:
    """The packet without the spaces and NULs that some writers put around it, in whatever coding."""
    for bom in _CODINGS:
        if packet.startswith(bom):
            end = len(packet.rstrip(b" \0"))
            return packet[: end + -end % len(bom)]  # with the last character's own NULs
    return packet.strip(b" \0")


def _utf8(packet: bytes) -> bytes:
    """The packet in UTF-8, without padding."""
    packet = unpadded(packet)
    for bom, coding in _CODINGS.items():
        if packet.startswith(bom):
            try:
                return packet.decode(coding).encode()
            except UnicodeError as error:
                raise broken(error) from None
    return packet


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
