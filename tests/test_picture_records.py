"""The implicit record of a picture: what is there already, what is written, its seal, its number."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest

from labeler import ContentError, Labeler
from labeler.inspection import inspect
from labeler.labels.record import first_record
from labeler.labels.security import Seal, Statement, digest, seal
from labeler.media import container, xmp
from labeler.number import number_of_content
from labeler.picture import Only
from tests.asgi_tools import Scripted, Service, answer
from tests.picture_tools import (
    CARRYING,
    FILE,
    FOREIGN,
    KINDS,
    WORDS,
    file,
    foreign_record,
    is_labelled,
    pictured,
    record_of,
    with_record,
)
from tests.png_tools import SIGNATURE, chunk, chunks
from tests.test_provider_code import CODE
from tests.test_security import PUBLIC

TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
INVALID = foreign_record().replace('"Label":"1"', '"Label":"9"')


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with a provider, and nothing else that is said about pictures."""
    return pictured(tmp_path_factory.mktemp("house"))


def png_with(*extra: bytes, data: bytes = b"") -> bytes:
    """A PNG file with these chunks behind its header."""
    head, *rest = chunks(data or file("png"))
    return SIGNATURE + chunk(*head) + b"".join(extra) + b"".join(chunk(*one) for one in rest)


def text_chunk(key: bytes, text: str) -> bytes:
    """A PNG chunk that says `text` under a key."""
    return chunk(b"tEXt", key + b"\0" + text.encode())


def records(data: bytes) -> list[str]:
    """The text of every record in a file."""
    return [one.text for one in inspect(data).records]


# A record that is there already.


@pytest.mark.parametrize("kind", CARRYING)
def test_a_record_of_another_producer_is_kept(one: Service, kind: str) -> None:
    """The file keeps it character for character beside the new visible label; the outcome names whose it is."""
    labelled = one.labeler.label_image(with_record(file(kind), foreign_record()))
    assert records(labelled.content) == [foreign_record()]
    assert inspect(labelled.content).visible == WORDS
    assert (labelled.outcome.state, labelled.outcome.pictures[0].record) == ("applied", f"kept: {FOREIGN}")


@pytest.mark.parametrize("kind", CARRYING)
def test_a_record_of_another_producer_can_be_replaced(tmp_path: Path, kind: str) -> None:
    """`existing: replace`: one record, and it is ours."""
    labelled = pictured(tmp_path, existing="replace").labeler.label_image(
        with_record(file(kind), foreign_record())
    )
    assert record_of(labelled.content).content_producer == CODE
    assert labelled.outcome.pictures[0].record == "applied"


@pytest.mark.parametrize("only", ["", "record"])
def test_a_record_of_another_producer_can_be_refused(tmp_path: Path, only: Only) -> None:
    """`existing: refuse`: a failure that names the producer. Our own record is none of another's."""
    labeler = pictured(tmp_path, existing="refuse").labeler
    for kind in CARRYING:
        with pytest.raises(ContentError, match=f"carries the AIGC record of {FOREIGN}"):
            labeler.label_image(with_record(file(kind), foreign_record()), only=only)
    ours = labeler.label_image(file("png"), only="record").content
    assert is_labelled(labeler.label_image(ours).content)


@pytest.mark.parametrize("existing", ["keep", "replace", "refuse"])
@pytest.mark.parametrize("text", [INVALID, "{}", '{"Label":"1"}', "no JSON at all"])
def test_an_invalid_record_is_replaced(tmp_path: Path, existing: str, text: str) -> None:
    """Whatever the policy says: an invalid record counts as none."""
    labelled = pictured(tmp_path, existing=existing).labeler.label_image(with_record(file("jpeg"), text))
    assert is_labelled(labelled.content)
    assert labelled.outcome.pictures[0].record == "applied"


@pytest.mark.parametrize("only", ["", "record"])
def test_several_records_become_one(one: Service, only: Only) -> None:
    """The first valid one stays, in whatever carrier it stood; the others go."""
    ours = first_record(CODE, "ours-1").json()
    theirs = foreign_record()
    cases: list[tuple[list[str], list[str]]] = [
        ([theirs, ours], [theirs]),
        ([INVALID, theirs], [theirs]),
        ([INVALID, ours, theirs], [ours]),
        ([ours, ours], [ours]),
    ]
    for texts, left in cases:
        data = png_with(*[text_chunk(b"AIGC", text) for text in texts])
        assert records(data) == texts
        labelled = one.labeler.label_image(data, only=only)
        assert records(labelled.content) == left
        assert labelled.outcome.state == "applied"
        assert one.labeler.label_image(labelled.content, only=only).content == labelled.content


def test_a_record_in_another_carrier_counts(one: Service) -> None:
    """A record in a text chunk is one: there already where it is ours, kept where it is not."""
    ours = first_record(CODE, "ours-1")
    data = png_with(text_chunk(b"AIGC", ours.json()))
    again = one.labeler.label_image(data, only="record")
    assert again.content == data
    assert (again.outcome.state, again.outcome.reason) == ("skipped", "labelled already")
    labelled = one.labeler.label_image(data)
    assert is_labelled(labelled.content)
    assert record_of(labelled.content) == ours
    assert labelled.outcome.pictures[0].record == "there already"
    theirs = png_with(text_chunk(b"Comment", f'{{"AIGC":{foreign_record()}}}'))
    kept = one.labeler.label_image(theirs, only="record")
    assert kept.content == theirs
    assert kept.outcome.state == "skipped"
    assert kept.outcome.reason == kept.outcome.pictures[0].record == f"kept: {FOREIGN}"


@pytest.mark.parametrize("text", ["abc\x08", '{"AIGC":"\x01"}', INVALID.replace("theirs", "\x00\x1f")])
def test_an_invalid_record_blocks_no_visible_label(tmp_path: Path, text: str) -> None:
    """A record that XML cannot hold stays what it is, invalid, with escapes for these characters."""
    data = png_with(text_chunk(b"AIGC", text))
    (before,) = inspect(data).records
    assert before.problems
    without = pictured(tmp_path, provider=False).labeler.label_image(data)
    alone = pictured(tmp_path).labeler.label_image(data, only="visible")
    for labelled in (without, alone):
        (after,) = inspect(labelled.content).records
        assert inspect(labelled.content).visible == WORDS
        assert after.problems
        assert after.text == before.text.encode("unicode_escape").decode()
    assert is_labelled(pictured(tmp_path).labeler.label_image(data).content)


def test_a_valid_record_that_xml_cannot_hold_is_kept(one: Service) -> None:
    """JSON has escapes for what XML forbids."""
    theirs = foreign_record().replace(FOREIGN, "House \uffff")
    data = png_with(text_chunk(b"AIGC", theirs))
    labelled = one.labeler.label_image(data)
    assert labelled.outcome.pictures[0].record == "kept: House \uffff"
    (before,), (after,) = inspect(data).records, inspect(labelled.content).records
    assert (after.fields, after.problems) == (before.fields, ())


def test_an_unreadable_record_is_lost_with_a_note(one: Service) -> None:
    """Compressed and cut off: nobody can read it. Our own takes its place; without one the outcome tells."""
    data = png_with(chunk(b"zTXt", b"AIGC\0\0" + zlib.compress(foreign_record().encode())[:-4]))
    (found,) = inspect(data).records
    assert (found.fields, found.problems) == ({}, ("the compressed text is cut off",))
    assert is_labelled(one.labeler.label_image(data).content)
    alone = one.labeler.label_image(data, only="visible")
    assert (inspect(alone.content).visible, records(alone.content)) == (WORDS, [])
    assert alone.outcome.pictures[0].notes == (
        "record: lost from PNG zTXt AIGC: the compressed text is cut off",
    )


# Where none can be written.


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_provider_no_record(tmp_path: Path, kind: str) -> None:
    """The visible label is drawn, no record is made up, and one of somebody else stays."""
    labeler = pictured(tmp_path, provider=False).labeler
    labelled = labeler.label_image(file(kind))
    (picture,) = labelled.outcome.pictures
    assert (picture.visible, picture.record) == ("applied", "skipped: no provider")
    assert records(labelled.content) == []
    if kind in CARRYING:
        theirs = labeler.label_image(with_record(file(kind), foreign_record()))
        assert records(theirs.content) == [foreign_record()]
        assert theirs.outcome.pictures[0].record == f"kept: {FOREIGN}"


@pytest.mark.parametrize(
    ("kind", "provider", "reason"),
    [("png", False, "no provider is configured"), ("bmp", True, "bmp has no place for it")],
)
def test_a_record_that_has_to_be_there(tmp_path: Path, kind: str, provider: bool, reason: str) -> None:
    """`record: required`, or asking for the record alone, makes what cannot be written a failure."""
    required = pictured(tmp_path, provider=provider, record="required").labeler
    wanted = pictured(tmp_path, provider=provider).labeler
    for labeler, only in ((required, ""), (required, "record"), (wanted, "record")):
        with pytest.raises(ContentError, match=f"the AIGC record cannot be written: {reason}"):
            labeler.label_image(file(kind), only=only)  # type: ignore[arg-type]
    assert required.label_image(file(kind), only="visible").outcome.state == "applied"


# The seal.


def vouched(data: bytes, by: Seal) -> bool:
    """Whether the seal of a file's record fits the file."""
    record = record_of(data)
    statement = Statement.of(record, digest(container(data).essence(data)))
    return by.vouches(record.reserved_code1, statement)


@pytest.mark.parametrize("mode", ["hash", "ed25519"])
@pytest.mark.parametrize("kind", CARRYING)
def test_a_seal_vouches_for_what_left(tmp_path: Path, kind: str, mode: Any) -> None:
    """Whoever has the public key can check the file as it left, and sees where another picture has its
    record."""
    one = pictured(tmp_path, seal=mode)
    check = seal(mode, PUBLIC, verify_only=True)
    for only in ("", "record"):
        assert vouched(one.labeler.label_image(file(kind), only=only).content, check)
    labelled = one.labeler.label_image(file(kind)).content
    text = records(labelled)[0]
    assert not vouched(with_record(file(kind), text), check)


def test_without_a_seal_the_field_is_empty(one: Service) -> None:
    """ReservedCode1 is the provider's own; nothing is made up."""
    assert record_of(one.labeler.label_image(file("png")).content).reserved_code1 == ""


@pytest.mark.parametrize("mode", ["hash", "ed25519"])
@pytest.mark.parametrize("kind", CARRYING)
def test_a_seal_moves_with_the_label(tmp_path: Path, kind: str, mode: Any) -> None:
    """A record that was written first vouches for the picture with its visible label, too; one whose seal
    was broken before is not made good."""
    labeler = pictured(tmp_path, seal=mode).labeler
    check = seal(mode, PUBLIC, verify_only=True)
    first = labeler.label_image(file(kind), only="record").content
    both = labeler.label_image(first)
    assert vouched(both.content, check)
    assert record_of(both.content).produce_id == record_of(first).produce_id
    assert both.outcome.pictures[0].record == "there already"
    torn = with_record(file("gif" if kind == "png" else "png"), records(first)[0])
    assert not vouched(labeler.label_image(torn).content, check)
    assert records(labeler.label_image(torn).content) == records(first)


# The number.


@pytest.mark.parametrize("kind", CARRYING)
def test_a_derived_number_is_the_same_everywhere(tmp_path: Path, kind: str) -> None:
    """Two replicas write the same bytes under a number that comes from the original, and no clock."""
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        one = pictured(tmp_path / name, seal="ed25519")
        got = one.call(Scripted(*answer(file(kind), {"content-type": "image/x"})), b"", FILE, method="GET")
        assert is_labelled(got.body)
        number = one.outcome.pictures[0].number
        assert number == record_of(got.body).produce_id == number_of_content(CODE, file(kind))
        made.append(got.body)
    assert made[0] == made[1]


def test_a_made_up_number_is_new_each_time(one: Service) -> None:
    """Generated for this request alone: each has the content number of its response."""
    numbers = {record_of(one.labeler.label_image(file("png")).content).produce_id for _ in range(3)}
    assert len(numbers) == 3


# What else stands in the file.


@pytest.mark.parametrize("kind", CARRYING)
def test_the_source_type(tmp_path: Path, kind: str) -> None:
    """IPTC's DigitalSourceType stands beside the labels where the policy wants it, and instead of another."""
    labeler = pictured(tmp_path, source_type="trainedAlgorithmicMedia").labeler
    plain = pictured(tmp_path).labeler.label_image(file(kind)).content
    assert inspect(plain).source_type == ""
    for only in ("", "record", "visible"):
        typed = labeler.label_image(file(kind), only=only).content
        assert inspect(typed).source_type == TYPE
    box = container(file(kind))
    camera = box.write(file(kind), xmp.merged(b"", {xmp.SOURCE_TYPE: "http://example.com/camera"}))
    packet = box.packet(labeler.label_image(camera).content)
    assert xmp.values(packet, xmp.SOURCE_TYPE) == [("element", TYPE)]


def test_other_metadata_stay(one: Service) -> None:
    """What else a packet says is there afterwards, and a broken packet is replaced and reported."""
    title = (
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="a &amp; b"/>'
    )
    box, data = container(file("jpeg")), file("jpeg")
    packet = xmp.merged(b"", {}).replace(b"</rdf:RDF>", title + b"</rdf:RDF>")
    labelled = one.labeler.label_image(box.write(data, packet))
    assert title in box.packet(labelled.content)
    assert not any("packet" in note for note in labelled.outcome.pictures[0].notes)
    broken = packet.replace(b"</rdf:RDF>", b"<labeler:Visible></rdf:RDF>")
    labelled = one.labeler.label_image(box.write(data, broken))
    assert is_labelled(labelled.content)
    assert any("the picture's own packet is replaced" in note for note in labelled.outcome.pictures[0].notes)


@pytest.mark.parametrize("kind", CARRYING)
def test_a_broken_packet_blocks_no_label(tmp_path: Path, kind: str) -> None:
    """It makes place for a sound one, with a provider and without, and the outcome says so; the record that it
    may have held counts as an invalid one."""
    data = container(file(kind)).write(file(kind), b"<x:xmpmeta>AIGC<broken")
    (found,) = inspect(data).records
    assert (found.carrier, found.fields, found.text) == ("XMP", {}, "")
    assert "no sound XML" in found.problems[0]
    (tmp_path / "no").mkdir()
    with_one, without = pictured(tmp_path).labeler, pictured(tmp_path / "no", provider=False).labeler
    cases: list[tuple[Labeler, Only, str, int]] = [
        (with_one, "", WORDS, 1),
        (with_one, "record", "", 1),
        (without, "", WORDS, 0),
    ]
    for labeler, only, visible, count in cases:
        labelled = labeler.label_image(data, only=only)
        notes = labelled.outcome.pictures[0].notes
        assert any("the picture's own packet is replaced" in note for note in notes)
        assert inspect(labelled.content).visible == visible
        assert [one.problems for one in inspect(labelled.content).records] == [()] * count
        assert labeler.label_image(labelled.content, only=only).content == labelled.content


@pytest.mark.parametrize(
    "packet",
    [
        b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><?xpacket end="w"?>',
        b"hello",
        b"<x:xmpmeta><broken",
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
        b"\xff\xfe<",
    ],
)
def test_a_packet_without_rdf_is_replaced(one: Service, packet: bytes) -> None:
    """An empty packet, one that is no XML, one that is no RDF: none is a reason to fail."""
    data = container(file("jpeg")).write(file("jpeg"), packet)
    assert (inspect(data).records, inspect(data).visible) == ((), "")
    labelled = one.labeler.label_image(data)
    assert is_labelled(labelled.content)
    (note,) = labelled.outcome.pictures[0].notes
    assert "the picture's own packet is replaced" in note


def test_a_second_packet_is_lost_with_a_note(one: Service) -> None:
    """Readers take the first or the last, so that one file has one; what only repeats the first is no loss."""
    packets = [xmp.merged(b"", {xmp.SOURCE_TYPE: value}) for value in ("first", "second")]
    second = b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0"
    data = png_with(*(chunk(second[0], second[1] + packet) for packet in packets))
    labelled = one.labeler.label_image(data)
    assert inspect(labelled.content).source_type == "first"
    assert b"second" not in labelled.content
    assert labelled.outcome.pictures[0].notes == (
        "xmp: a file has one packet; others that were in it are lost: 1",
    )
    twice = one.labeler.label_image(png_with(*[chunk(second[0], second[1] + packets[0])] * 2))
    assert twice.outcome.pictures[0].notes == ()


def test_signed_files(tmp_path: Path) -> None:
    """A file with a C2PA manifest is labelled with a note that the manifest is not valid any more, or,
    under `signed: leave`, not touched."""
    data = png_with(chunk(b"caBX", b"manifest"))
    labelled = pictured(tmp_path).labeler.label_image(data)
    assert is_labelled(labelled.content)
    assert labelled.outcome.pictures[0].notes == ("c2pa: the upstream's manifest is not valid any more",)
    leave = pictured(tmp_path, signed="leave").labeler
    left = leave.label_image(data)
    assert left.content == data
    assert (left.outcome.state, left.outcome.pictures[0].record) == ("skipped", "")
    assert "signed by the upstream" in left.outcome.reason
    assert is_labelled(leave.label_image(file("png")).content)
