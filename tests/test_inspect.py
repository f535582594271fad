"""What `labeler.inspection.inspect` and `labeler inspect` find in files, made by hand in every carrier."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labeler.cli import main
from labeler.errors import ContentError
from labeler.inspection import inspect
from labeler.labels.record import first_record
from labeler.media import container, xmp
from tests.bmff_files import heic, sequence
from tests.test_provider_code import CREDIT

CODE = f"0011{CREDIT}10001"
RECORD = first_record(CODE, "019ab000-0000-7000-8000-000000000001")
BARE, WRAPPED = RECORD.json(), RECORD.json(wrapped=True)
LEGACY = '{"ServiceProvider":"x","ServiceUser":"y"}'
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"


def xml(attributes: str = "", elements: str = "") -> bytes:
    """An XMP packet whose only description has these."""
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""'
        f' xmlns:TC260="{TC260}"{attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


ELEMENT = xml(elements=f"<TC260:AIGC>{BARE}</TC260:AIGC>")
ATTRIBUTE = xml(attributes=f" TC260:AIGC='{BARE}'")


# PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*extra: tuple[bytes, bytes]) -> bytes:
    """A PNG of 3 x 2 grey pixels with more chunks before its IDAT."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0))
    between = b"".join(chunk(kind, data) for kind, data in extra)
    pixels = chunk(b"IDAT", zlib.compress(b"\0\1\2\3" * 2))
    return b"\x89PNG\r\n\x1a\n" + head + between + pixels + chunk(b"IEND", b"")


def text_chunk(text: str = WRAPPED) -> tuple[bytes, bytes]:
    return b"tEXt", b"AIGC\0" + text.encode()


def itxt(keyword: str, data: bytes) -> tuple[bytes, bytes]:
    return b"iTXt", keyword.encode() + b"\0\0\0\0\0" + data


def png_xmp(packet: bytes) -> bytes:
    return png(itxt("XML:com.adobe.xmp", packet))


# JPEG


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG of 16 x 16 pixels with APPn segments behind its SOI."""
    plain = io.BytesIO()
    Image.new("L", (16, 16), 128).save(plain, "JPEG")
    parts = [
        bytes((0xFF, 0xE0 + number)) + struct.pack(">H", len(data) + 2) + data for number, data in segments
    ]
    return plain.getvalue()[:2] + b"".join(parts) + plain.getvalue()[2:]


def exif(tag: int, value: bytes, kind: int) -> tuple[int, bytes]:
    """An APP1 segment with one entry in IFD0, or behind the Exif IFD's pointer for a UserComment."""
    entry = struct.pack("<HHII", tag, kind, len(value), 44 if tag == 0x9286 else 26)
    if tag == 0x9286:
        pointer = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
        tiff = b"II*\0\x08\0\0\0" + pointer + struct.pack("<H", 1) + entry + b"\0\0\0\0" + value
    else:
        tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0" + value
    return 1, b"Exif\0\0" + tiff


COMMENT = exif(0x9286, b"ASCII\0\0\0" + WRAPPED.encode(), 7)
APP1_XMP = (1, b"http://ns.adobe.com/xap/1.0/\0" + ELEMENT)


def picture(format: str, **options: Any) -> bytes:
    """A picture of 16 x 12 pixels as Pillow writes it."""
    out = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(out, format, **options)
    return out.getvalue()


def with_record(data: bytes, text: str = BARE, **more: str) -> bytes:
    """The picture with a record, and with what else `more` names, in its XMP packet."""
    names = {"visible": xmp.VISIBLE, "source_type": xmp.SOURCE_TYPE}
    properties = {xmp.AIGC: text, **{names[key]: value for key, value in more.items()}}
    file = container(data)
    return file.write(data, xmp.merged(file.packet(data), properties))


@pytest.mark.parametrize(
    ("data", "carrier"),
    [
        (png_xmp(ELEMENT), "XMP element"),
        (png_xmp(ATTRIBUTE), "XMP attribute"),
        (png(text_chunk()), "PNG tEXt AIGC"),
        (png(text_chunk(BARE)), "PNG tEXt AIGC"),
        (png((b"zTXt", b"AIGC\0\0" + zlib.compress(BARE.encode()))), "PNG zTXt AIGC"),
        (png(itxt("AIGC", BARE.encode())), "PNG iTXt AIGC"),
        (png((b"eXIf", COMMENT[1][6:])), "EXIF UserComment"),
        (jpeg(APP1_XMP), "XMP element"),
        (jpeg(COMMENT), "EXIF UserComment"),
        (jpeg(exif(0x010E, WRAPPED.encode() + b"\0", 2)), "EXIF ImageDescription"),
        (jpeg((11, b"AIGC" + BARE.encode())), "APP11"),
    ],
)
def test_a_record_is_found_in_every_carrier(data: bytes, carrier: str) -> None:
    """One record, its carrier's name, its seven fields, and nothing to complain of."""
    found = inspect(data)
    assert [carrier in record.carrier for record in found.records] == [True]
    assert found.records[0].fields == RECORD.fields
    assert (found.records[0].problems, found.problems, found.valid) == ((), (), True)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (png(), "png"),
        (jpeg(), "jpeg"),
        (picture("GIF"), "gif"),
        (picture("WEBP"), "webp"),
        (picture("WEBP", lossless=True), "webp"),
        (picture("TIFF"), "tiff"),
        (picture("AVIF"), "avif"),
    ],
)
def test_every_format_is_inspected(data: bytes, name: str) -> None:
    """Without a record that is the file's problem; with one, and our own property, all is told."""
    bare = inspect(data)
    assert (bare.format, bare.records, bare.visible, bare.source_type, bare.signed) == (
        name,
        (),
        "",
        "",
        False,
    )
    assert bare.problems == ("the file carries no AIGC record (GB 45438-2025, 6.1 a)",)
    full = inspect(with_record(data, visible="AI生成", source_type=SOURCE))
    assert (full.format, full.width, full.height) == (name, bare.width, bare.height)
    assert (full.valid, full.visible, full.source_type) == (True, "AI生成", SOURCE)


def test_heic_is_inspected_like_the_others() -> None:
    """Its size is that of what is shown."""
    test_every_format_is_inspected(heic(), "heif")
    odd = inspect(heic(size=(21, 13)))
    assert (odd.format, odd.width, odd.height) == ("heif", 21, 13)


def test_a_sequence_of_pictures_has_one_record() -> None:
    """Though the file and its track both refer to it."""
    found = inspect(with_record(sequence()))
    assert (found.format, found.frames, found.valid, len(found.records)) == ("avif", 3, True, 1)


def test_a_format_without_a_carrier_is_told() -> None:
    """BMP has no place for a record, which does not make it right to have none."""
    found = inspect(picture("BMP"))
    assert found.problems == (
        "the file carries no AIGC record (GB 45438-2025, 6.1 a); bmp has no place for one",
    )


def test_frames_are_counted() -> None:
    """An animation tells how many."""
    frames = [Image.new("L", (4, 4), shade) for shade in (0, 100, 200)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert inspect(out.getvalue()).frames == 3


def test_two_records_are_one_too_many() -> None:
    """Each is sound, the file is not (6.1 c)."""
    found = inspect(png(text_chunk(), itxt("XML:com.adobe.xmp", ELEMENT)))
    assert [record.problems for record in found.records] == [(), ()]
    assert found.problems == (
        "the file carries 2 AIGC records; one file has exactly one (GB 45438-2025, 6.1 c)",
    )
    assert not found.valid


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BARE.replace('"Label":"1"', '"Label":"AIGC"'), "Label is 'AIGC'"),
        (BARE.replace("ReservedCode1", "ReserveCode1"), "'ReserveCode1' is no field"),
        (BARE.replace(CODE, CODE.replace("MA0", "MA1")), "check digit"),
        (LEGACY, "Tencent Cloud's form"),
        (BARE[:-1], "no JSON object"),
    ],
)
def test_a_records_problems_stand_with_it(text: str, says: str) -> None:
    """A record that breaks a clause is shown with its problems, and the file is not valid."""
    found = inspect(with_record(png(), text))
    assert any(says in problem for problem in found.records[0].problems)
    assert found.records[0].text == text
    assert (found.problems, found.valid) == ((), False)


def test_the_wild_form_of_tencent_cloud_is_read() -> None:
    """ServiceProvider and ServiceUser in an ImageDescription, from before the standard."""
    found = inspect(jpeg(exif(0x010E, LEGACY.encode() + b"\0", 2)))
    assert found.records[0].fields == {"ServiceProvider": "x", "ServiceUser": "y"}
    assert found.records[0].problems


def test_a_c2pa_manifest_is_told() -> None:
    """Its presence, not its validity."""
    assert inspect(png((b"caBX", b"\0\0\0\x10jumb"))).signed


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", png()[:20], b"<svg/>"])
def test_what_is_no_picture_is_an_error(data: bytes) -> None:
    """The error is ours, and not something from the depths."""
    with pytest.raises(ContentError):
        inspect(data)


def test_a_file_is_inspected_by_its_path(tmp_path: Path) -> None:
    """As `Labeler.label_image` takes it; bytes of any kind count as well."""
    data, path = png(text_chunk()), tmp_path / "cat.png"
    path.write_bytes(data)
    sources: tuple[Any, ...] = (path, str(path), bytearray(data), memoryview(data))
    for source in sources:
        assert inspect(source) == inspect(data)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """The errors are those of `Labeler.label_image`."""
    sources: list[tuple[Any, str]] = [
        (tmp_path / "none.png", r"none\.png cannot be read: No such file or directory"),
        (str(tmp_path), "cannot be read: Is a directory"),
        ("a\0b", r"'a\\x00b' cannot be read: embedded null byte"),
        (None, "a picture is the bytes of a file or its path, and not a NoneType"),
        (Image.new("L", (9, 9)), "a picture is the bytes of a file or its path, and not a Image"),
    ]
    for source, reason in sources:
        with pytest.raises(ContentError, match=reason):
            inspect(source)


def test_an_inspection_is_plain_values() -> None:
    """`to_dict` gives what JSON holds, records with their carrier, fields and problems."""
    plain = json.loads(json.dumps(inspect(png(text_chunk())).to_dict()))
    assert (plain["format"], plain["valid"], plain["width"], plain["height"]) == ("png", True, 3, 2)
    assert plain["records"][0]["fields"] == RECORD.fields
    assert plain["records"][0]["problems"] == []


# The command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a sound picture, one without a record, one in a folder of its own, and no picture."""
    files = {
        "a.png": with_record(png(), visible="AI生成"),
        "b.jpg": jpeg(),
        "in/c.gif": with_record(picture("GIF")),
    }
    for name, data in {**files, "notes.txt": b"hello", ".hidden/x.png": b"broken"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def command(*words: str | Path) -> int:
    return main(["inspect", *map(str, words)])


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_sound_files_exit_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file carries exactly one valid record; the fields and our own visible label are shown."""
    assert command(folder / "a.png", folder / "in") == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == f"{folder / 'a.png'}: png 3x2, one valid AIGC record"
    assert "  visible label: AI生成" in lines
    assert "    Label             1  (generated)" in lines
    assert f"    ContentProducer   {CODE}" in lines
    assert err == ""


def test_json_has_an_object_for_each_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a folder, all pictures but the hidden ones, in order; what cannot be read has an `error`."""
    (folder / "in" / "d.png").write_bytes(b"torn")
    assert command(folder, "--json") == 1
    found = objects(capsys)
    assert [Path(one["file"]).relative_to(folder).as_posix() for one in found] == [
        "a.png",
        "b.jpg",
        "in/c.gif",
        "in/d.png",
    ]
    assert [one["format"] for one in found] == ["png", "jpeg", "gif", ""]
    assert [len(one["records"]) for one in found] == [1, 0, 1, 0]
    assert ["error" in one for one in found] == [False, False, False, True]
    record = found[0]["records"][0]
    assert (record["carrier"], record["fields"], record["problems"]) == ("XMP element", RECORD.fields, [])


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_other_files_in_a_folder_are_counted(
    folder: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """They are no pictures and cost nothing; one that the call names does. A picture is told by its first
    bytes too."""
    (folder / "b.jpg").unlink()
    (folder / "a.png").rename(folder / "a")
    (folder / "in" / "x.html").write_text("<p>", encoding="utf-8")
    assert command(folder, *options) == 0
    out, err = capsys.readouterr()
    assert err == "left out: 2 files that are no pictures (.html, .txt)\n"
    assert str(folder / "a") in out
    assert command(folder / "notes.txt", *options) == 1


def test_one_sound_file_in_json_exits_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An array even for a single file."""
    assert command("--json", folder / "a.png") == 0
    assert [one["valid"] for one in objects(capsys)] == [True]


def test_a_missing_file_is_reported_beside_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It costs the exit code, not the other files' reports."""
    assert command(folder / "no.png", folder / "a.png") == 1
    out, err = capsys.readouterr()
    assert "one valid AIGC record" in out
    assert err == f"{folder / 'no.png'}: cannot be read: No such file or directory\n"


def test_a_link_that_leads_nowhere_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a folder too: nobody knows what stands there."""
    (folder / "in" / "d.png").symlink_to("gone.png")
    assert command(folder / "in") == 1
    assert capsys.readouterr().err == f"{folder / 'in/d.png'}: cannot be read: No such file or directory\n"


def test_a_problem_exits_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without a record, and one whose record is wrong, are told with the clause."""
    (folder / "d.png").write_bytes(with_record(png(), BARE.replace('"1"', '"7"')))
    assert command(folder / "b.jpg", folder / "d.png") == 1
    out = capsys.readouterr().out
    assert "  problem: the file carries no AIGC record (GB 45438-2025, 6.1 a)" in out
    assert "    problem: Label is '7'" in out
    assert out.count("NOT as the rule asks") == 2


def test_a_folder_without_pictures_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing inspected is not everything sound."""
    for _ in range(2):
        assert command(tmp_path, "--json") == 1
        assert objects(capsys)[0]["error"] == "the folder holds no picture"
        (tmp_path / "notes.txt").write_text("AI", encoding="utf-8")


def test_no_file_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the usage."""
    with pytest.raises(SystemExit) as caught:
        command()
    assert caught.value.code == 2
    assert "FILE | FOLDER" in capsys.readouterr().err


def test_a_foreign_text_cannot_steer_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences in fields and in file names come out as text."""
    odd = folder / "e\x1b[2Jf.png"
    odd.write_bytes(png(text_chunk(BARE.replace(CODE, "\\u001b[31mred"))))
    assert command(odd) == 1
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\\x1b[31mred" in out


def test_help_shows_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """What a script has to know is in `--help`."""
    with pytest.raises(SystemExit):
        command("--help")
    out = capsys.readouterr().out
    assert "labeler inspect picture.png" in out
    assert "exit codes: 0 every file carries exactly one valid record" in out
