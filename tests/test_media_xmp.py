"""The XMP packet: what it says, and what stays as it was when a property changes."""

from __future__ import annotations

import codecs
import contextlib
import re
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labeler.errors import ContentError
from labeler.media.xmp import AIGC, SOURCE_TYPE, VISIBLE, Name, found, merged, unpadded, values
from tests.media_tools import FIELDS, PACKET, WRAPPED, hostile

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ADOBE = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 6.0 > 5">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about="uuid:1" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating = '4 > 3'
    xmlns:q="{AIGC.uri}"
    q:AIGC="&#123;&quot;Label&quot;:&quot;1&quot;}}">
   <xmp:Label>红 &amp; <![CDATA[<b>]]></xmp:Label>
   <q:AIGC><rdf:Alt><rdf:li xml:lang="x-default">{{"n":2}}</rdf:li> <rdf:li>{{"n":3}}</rdf:li></rdf:Alt></q:AIGC>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
{" " * 40}
<?xpacket end="w"?>""".encode()
PREFIXED = f'<r:RDF xmlns:r="{RDF}"><r:Description xmlns:a="b:" r:about="" a:b="c"/></r:RDF>'.encode()
EMPTY = f'<RDF xmlns="{RDF}"/>'.encode()
PACKETS = (b"", ADOBE, PREFIXED, EMPTY, PACKET)
WRITABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r<&>\"'")
)


def properties(packet: bytes) -> int:
    """How many elements and attributes stand in a packet; it is sound XML."""
    return sum(1 + len(element.attrib) for element in ElementTree.fromstring(packet).iter())


def one(body: str) -> bytes:
    """A packet with one description."""
    return (
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description xmlns:T="{AIGC.uri}">{body}</rdf:Description></rdf:RDF>'
    ).encode()


def test_values_reads_attributes_and_elements_with_any_prefix() -> None:
    """Every occurrence is found: attribute, element, the items of an Alt; references are resolved."""
    assert values(ADOBE, AIGC) == [
        ("attribute", '{"Label":"1"}'),
        ("element", '{"n":2}'),
        ("element", '{"n":3}'),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "<T:AIGC>x</T:AIGC>",
        "<T:AIGC><![CDATA[x]]></T:AIGC>",
        "<T:AIGC><!-- c -->x</T:AIGC>",
        "<T:AIGC>\n <rdf:Seq>\n <rdf:li>x</rdf:li>\n </rdf:Seq>\n</T:AIGC>",
        "<T:AIGC rdf:parseType='Resource'><rdf:value>x</rdf:value><T:more/></T:AIGC>",
        "<T:AIGC rdf:value='x'/>",
        "<T:AIGC><rdf:Description rdf:value='x'/></T:AIGC>",
        "<T:other><T:AIGC>x</T:AIGC></T:other>",
        f"<AIGC xmlns='{AIGC.uri.removesuffix('/').replace('http:', 'https:')}'>x</AIGC>",
    ],
)
def test_values_reads_nested_forms(body: str) -> None:
    """The forms that RDF allows for one text, and namespaces with small faults, are all read, and all go."""
    assert values(one(body), AIGC) == [("element", "x")]
    assert values(merged(one(body), {AIGC: None}), AIGC) == []


def test_an_empty_property_is_seen() -> None:
    """A property without a text is an occurrence: one record more than allowed, if another follows."""
    assert values(one("<T:AIGC/><T:AIGC></T:AIGC>"), AIGC) == [("element", ""), ("element", "")]


def test_another_namespace_is_another_property() -> None:
    """A local name alone says nothing."""
    assert values(b'<a:AIGC xmlns:a="urn:other">x</a:AIGC>', AIGC) == []


def test_found_names_the_form_and_unwraps_a_doubled_key() -> None:
    """A record's carrier is the form it stands in; `AIGC{…}` under the key AIGC means the same."""
    packet = one(f"<T:AIGC> {WRAPPED} </T:AIGC><T:AIGC>AIGC{FIELDS}</T:AIGC>")
    assert found(packet) == [("XMP element", WRAPPED), ("XMP element", FIELDS)]


@given(packet=st.sampled_from(PACKETS), text=WRITABLE, words=WRITABLE)
@example(packet=ADOBE, text=FIELDS, words="AI生成\r\nAI-generated")
def test_merged_texts_come_back(packet: bytes, text: str, words: str) -> None:
    """What is written is read, exactly and once; writing it again changes nothing."""
    new = merged(packet, {AIGC: text, VISIBLE: words})
    assert values(new, AIGC) == [("element", text)]
    assert values(new, VISIBLE) == [("element", words)]
    assert merged(new, {AIGC: text, VISIBLE: words}) == new


@pytest.mark.parametrize("packet", PACKETS)
def test_merged_leaves_everything_else(packet: bytes) -> None:
    """A property comes and goes again, and the packet is what it was."""
    clean = merged(packet, {AIGC: None})
    there = merged(clean, {AIGC: FIELDS, SOURCE_TYPE: "http://cv.iptc.org/x"})
    assert properties(there) >= properties(clean) + 4
    if packet != EMPTY:  # an empty RDF element has to be opened
        assert merged(there, {AIGC: None, SOURCE_TYPE: None}) == clean
    assert merged(clean, {AIGC: None}) == clean


def test_merged_cuts_only_the_old_property() -> None:
    """Attributes, elements, blanks and padding around the old property stay byte for byte."""
    expected = re.sub(rb"\s+q:AIGC=\"[^\"]*\"|<q:AIGC>.*</q:AIGC>", b"", ADOBE)
    assert merged(ADOBE, {AIGC: None}) == expected
    head, tail = expected.split(b"</rdf:RDF>")
    new = merged(ADOBE, {AIGC: FIELDS})
    assert new.startswith(head)
    assert new.endswith(b"</rdf:RDF>" + tail)


def test_merged_keeps_a_description_that_says_something_else() -> None:
    """A description goes only where nothing but the property and rdf:about stood in it."""
    kept = one("<T:AIGC>x</T:AIGC>words")
    assert merged(kept, {AIGC: None}) == one("words")
    assert (
        merged(one("<T:AIGC>x</T:AIGC> "), {AIGC: None}) == f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF>'.encode()
    )
    assert merged(one(" "), {AIGC: None}) == one(" ")


def test_a_packet_of_a_few_hundred_bytes() -> None:
    """A fresh packet is small: no padding."""
    assert len(PACKET) - len(FIELDS) < 420


@pytest.mark.parametrize(
    "bom", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE]
)
def test_other_codings_become_utf8(bom: bytes) -> None:
    """A packet in UTF-16 or UTF-32 is read, and written in UTF-8."""
    coding = {2: "utf-16", 4: "utf-32"}[len(bom)] + ("-le" if bom[0] == 0xFF else "-be")
    packet = bom + ADOBE.decode().encode(coding)
    assert len(values(packet, AIGC)) == 3
    assert merged(packet, {AIGC: FIELDS}) == merged(ADOBE, {AIGC: FIELDS})


@pytest.mark.parametrize("padding", ["", "\0", " ", "   \0 \0\0"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_padding_goes_in_every_coding(coding: str, padding: str) -> None:
    """Of what stands behind the packet nothing stays, and of the packet itself everything."""
    text = ("" if coding == "utf-8" else "\ufeff") + ADOBE.decode()
    packet = text.encode(coding)
    for end in (padding.encode(coding), padding.encode(), b"\0" * 3):
        assert unpadded(packet + end) == packet
        assert merged(packet + end, {AIGC: FIELDS}) == merged(ADOBE, {AIGC: FIELDS})


def test_nul_bytes_behind_the_packet_go() -> None:
    """Some writers end a packet with NUL; it is no part of it."""
    assert merged(ADOBE + b"\0\0", {VISIBLE: "x"}) == merged(ADOBE, {VISIBLE: "x"})


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "AIGC">]><a>&b;</a>', "DOCTYPE"),
        (b"<a><AIGC></a>", "no sound XML"),
        (b"<T:AIGC/>", "no sound XML"),
        (b"AIGC", "no sound XML"),
        (b"<a>AIGC &undefined;</a>", "no sound XML"),
        (b"<a>AIGC\xff</a>", "no sound XML"),
        (codecs.BOM_UTF16_LE + b"<", "no sound XML"),
    ],
)
def test_broken_packets_are_refused(packet: bytes, message: str) -> None:
    """A packet that is no sound XML, or declares entities, can be neither read nor changed."""
    with pytest.raises(ContentError, match=message):
        values(packet, AIGC)
    with pytest.raises(ContentError, match=message):
        merged(packet, {AIGC: FIELDS})


def test_xml_without_rdf_has_no_room() -> None:
    """Where there is no rdf:RDF, no property can be written; taking one out is no change."""
    with pytest.raises(ContentError, match="rdf:RDF"):
        merged(b"<a/>", {AIGC: FIELDS})
    assert merged(b"<a/>", {AIGC: None}) == b"<a/>"


@pytest.mark.parametrize("text", ["a\0", "\x1f", "\ud800", "\ufffe"])
def test_characters_that_xml_forbids(text: str) -> None:
    """A text that no XML can hold is refused by name."""
    with pytest.raises(ContentError, match="U\\+"):
        merged(b"", {VISIBLE: text})


@given(hostile(ADOBE, PREFIXED, PACKET))
def test_hostile_packets_raise_only_our_errors(packet: bytes) -> None:
    """Whatever the bytes, the answer is a packet with the one property or ContentError."""
    with contextlib.suppress(ContentError):
        values(packet, AIGC)
    with contextlib.suppress(ContentError):
        assert values(merged(packet, {AIGC: "x"}), AIGC) == [("element", "x")]


@pytest.mark.parametrize("packet", [ADOBE, PREFIXED, PACKET])
def test_every_cut_raises_only_our_errors(packet: bytes) -> None:
    """A packet cut anywhere before its last tag ends is refused."""
    for size in range(1, packet.rindex(b"</") + 2):
        with pytest.raises(ContentError):
            merged(packet[:size], {AIGC: "x"})


def test_deep_and_long_packets_stay_quick() -> None:
    """Deep nesting and very long tags are walked in linear time, without recursion."""
    deep = b"<a>" * 50_000 + b"AIGC" + b"</a>" * 50_000
    assert values(deep, AIGC) == []
    wide = b"<a AIGC='" + b"x" * 1_000_000 + b"' " + b" " * 100_000 + b"/>"
    assert values(wide, Name("", "", "AIGC")) == [("attribute", "x" * 1_000_000)]
