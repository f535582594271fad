"""PNG: facts, records and packets by chunks; only metadata change, whatever the carrier was."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from PIL import Image, PngImagePlugin

from labeler.errors import ContentError
from labeler.media.png import PNG
from labeler.media.xmp import AIGC, VISIBLE, merged, values
from tests.media_tools import FAULT, FIELDS, OTHER, PACKET, TORN, WRAPPED, essence, exif, hostile, use

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP = b"XML:com.adobe.xmp"


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a file, their CRCs checked: a second reader."""
    assert data.startswith(SIGNATURE)
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert data[at : at + 12 + length] == chunk(kind, body)
        yield kind, body
        at += 12 + length


def png(*extra: bytes, late: bytes = b"", mode: str = "RGB") -> bytes:
    """A picture of 5 x 3 pixels with chunks before and behind its pixels."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (5, 3), bytes(range(45))).convert(mode).save(buffer, "png", dpi=(72, 72))
    data = buffer.getvalue()
    at, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    return data[:at] + b"".join(extra) + data[at:end] + late + data[end:]


def animation() -> bytes:
    """An animation of three frames of 4 x 4 pixels."""
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "png", save_all=True, append_images=frames[1:], duration=40)
    return buffer.getvalue()


def itxt(text: bytes, keyword: bytes = XMP, *, compressed: bool = False) -> bytes:
    body = zlib.compress(text) if compressed else text
    return chunk(b"iTXt", keyword + (b"\0\1\0" if compressed else b"\0\0\0") + b"en\0word\0" + body)


def ztxt(text: bytes, keyword: bytes = b"AIGC") -> bytes:
    return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))


def profile(name: bytes, data: bytes, *, compressed: bool = True) -> bytes:
    """A profile as ImageMagick writes it."""
    text = b"\n%s\n%8d\n%s\n" % (name, len(data), data.hex("\n", -36).encode())
    keyword = b"Raw profile type " + name
    return ztxt(text, keyword) if compressed else chunk(b"tEXt", keyword + b"\0" + text)


EXIF = exif(b"ASCII\0\0\0" + WRAPPED.encode(), b"a cat\0")
CARRIERS = {
    "XMP": (itxt(PACKET), "XMP element", FIELDS),
    "XMP compressed": (itxt(PACKET, compressed=True), "XMP element", FIELDS),
    "XMP profile": (profile(b"xmp", PACKET), "XMP element", FIELDS),
    "APP1 profile": (profile(b"APP1", b"http://ns.adobe.com/xap/1.0/\0" + PACKET), "XMP element", FIELDS),
    "XMP broken": (itxt(TORN), "XMP", FAULT),
    "XMP broken, compressed": (itxt(TORN, compressed=True), "XMP", FAULT),
    "tEXt": (chunk(b"tEXt", b"AIGC\0" + FIELDS.encode()), "PNG tEXt AIGC", FIELDS),
    "tEXt wrapped": (chunk(b"tEXt", b"AIGC\0" + WRAPPED.encode()), "PNG tEXt AIGC", WRAPPED),
    "tEXt broken": (chunk(b"tEXt", b"TC260:Aigc\0{\xff"), "PNG tEXt TC260:Aigc", "{ÿ"),
    "tEXt keyless": (chunk(b"tEXt", b"Comment\0" + WRAPPED.encode()), "PNG tEXt Comment", WRAPPED),
    "zTXt": (ztxt(FIELDS.encode()), "PNG zTXt AIGC", FIELDS),
    "zTXt keyless": (ztxt(WRAPPED.encode(), b"Comment"), "PNG zTXt Comment", WRAPPED),
    "zTXt broken": (
        chunk(b"zTXt", b"AIGC\0\0nonsense"),
        "PNG zTXt AIGC",
        "the compressed text is broken: Error -3 while decompressing data: incorrect header check",
    ),
    "zTXt cut off": (
        chunk(b"zTXt", b"AIGC\0\0" + zlib.compress(FIELDS.encode())[:-4]),
        "PNG zTXt AIGC",
        "the compressed text is cut off",
    ),
    "iTXt": (itxt(FIELDS.encode(), b"AIGC"), "PNG iTXt AIGC", FIELDS),
    "iTXt compressed": (itxt(FIELDS.encode(), b"AIGC", compressed=True), "PNG iTXt AIGC", FIELDS),
    "iTXt compressed, keyless": (
        itxt(WRAPPED.encode(), b"Comment", compressed=True),
        "PNG iTXt Comment",
        WRAPPED,
    ),
    "eXIf": (chunk(b"eXIf", EXIF), "EXIF UserComment", WRAPPED),
    "eXIf with JPEG's prefix": (chunk(b"eXIf", b"Exif\0\0" + EXIF), "EXIF UserComment", WRAPPED),
    "EXIF profile": (profile(b"exif", b"Exif\0\0" + EXIF), "EXIF UserComment", WRAPPED),
    "EXIF profile, plain": (profile(b"exif", EXIF, compressed=False), "EXIF UserComment", WRAPPED),
}
OTHERS = (
    chunk(b"gAMA", struct.pack(">I", 45455)),
    chunk(b"tEXt", b"Software\0x"),
    chunk(b"tEXt", b'workflow\0{"AIGC_node": 1, "a": ["Label"]}'),
    chunk(b"zTXt", b"parameters\0\0not even zlib"),
    chunk(b"unKn", b"own"),
    chunk(b"tEXt", b"Raw profile type xmp\0\nxmp\n 3\nno digits\n"),
)
SAMPLES = [
    png(*OTHERS, CARRIERS["tEXt"][0], CARRIERS["eXIf"][0], late=itxt(PACKET)),
    png(CARRIERS["XMP compressed"][0], CARRIERS["EXIF profile"][0], CARRIERS["zTXt"][0], mode="P"),
    animation(),
]


def metadata(data: bytes) -> list[tuple[bytes, bytes]]:
    """All chunks but those that hold, or held, a packet, a record or EXIF."""
    changing = re.compile(
        rb"XML:com|.*AIGC\0|Comment\0|Raw profile type (exif|APP1)|Raw.*xmp\0\0", re.IGNORECASE
    )
    return [(kind, body) for kind, body in chunks(data) if kind != b"eXIf" and not changing.match(body)]


@pytest.mark.parametrize("orientation", [1, 6])
def test_head(orientation: int) -> None:
    """The stored size and the orientation of eXIf."""
    data = png(chunk(b"eXIf", exif(orientation=orientation, order=">")))
    assert PNG.head(data) == (5, 3, 1, orientation)
    assert PNG.head(png()) == (5, 3, 1, 1)


def test_head_of_an_animation() -> None:
    """acTL says how many frames there are."""
    assert PNG.head(animation()) == (4, 4, 3, 1)


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("late", [False, True])
def test_found(name: str, late: bool) -> None:
    """A record is found in every carrier, before and behind the pixels."""
    part, carrier, text = CARRIERS[name]
    assert PNG.found(png(*OTHERS, late=part) if late else png(*OTHERS, part)) == [(carrier, text)]


def test_found_in_order() -> None:
    """Doubled records are all found, in the order of the file."""
    data = png(CARRIERS["tEXt"][0], itxt(PACKET), late=CARRIERS["zTXt"][0])
    assert [record.carrier for record in PNG.found(data)] == ["PNG tEXt AIGC", "XMP element", "PNG zTXt AIGC"]


def test_nothing_found() -> None:
    """Other texts are no records."""
    assert PNG.found(png(*OTHERS)) == []
    assert PNG.packet(png(*OTHERS)) == b""


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("late", [False, True])
def test_write_leaves_one_record_and_all_else(name: str, late: bool) -> None:
    """Whatever carried the old record, the new packet has the only one; nothing else changes."""
    part = CARRIERS[name][0]
    data = png(*OTHERS, late=part) if late else png(*OTHERS, part)
    new = PNG.write(data, OTHER)
    assert PNG.packet(new) == OTHER
    assert PNG.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert essence(PNG, new) == essence(PNG, data)
    assert metadata(new) == metadata(data)
    assert PNG.head(new) == PNG.head(data)
    assert PNG.write(new, OTHER) == new
    with Image.open(io.BytesIO(new)) as read, Image.open(io.BytesIO(data)) as old:
        assert read.info["xmp"] == OTHER
        assert read.tobytes() == old.tobytes()
        assert read.info["dpi"] == old.info["dpi"]


def test_write_keeps_exif_without_the_record() -> None:
    """The orientation and other texts of EXIF outlive the record in it, in a chunk and in a profile."""
    for name in ("eXIf", "EXIF profile", "eXIf with JPEG's prefix", "EXIF profile, plain"):
        with Image.open(io.BytesIO(PNG.write(png(CARRIERS[name][0]), PACKET))) as read:
            assert read.getexif()[0x0112] == 6, name
            assert read.getexif().get_ifd(0x8769)[0x9286].strip(b"\0") == b"", name


def test_write_merges() -> None:
    """The packet that was there is handed out, and its other properties come back with it."""
    old = PNG.packet(png(itxt(merged(b"", {VISIBLE: "AI生成"}), compressed=True)))
    packet = PNG.packet(PNG.write(png(), merged(old, {AIGC: FIELDS})))
    assert values(packet, VISIBLE) == [("element", "AI生成")]


def test_a_new_packet_stands_before_the_pixels() -> None:
    """It comes behind the other metadata and before the first frame, or where an old one stood there; and
    before a chunk that counts the bytes to the pixels."""
    kinds = [kind for kind, _ in chunks(PNG.write(png(OTHERS[1]), PACKET))]
    assert kinds == [b"IHDR", b"pHYs", b"tEXt", b"iTXt", b"IDAT", b"IEND"]
    kinds = [kind for kind, _ in chunks(PNG.write(png(chunk(b"iDOT", bytes(28))), PACKET))]
    assert kinds == [b"IHDR", b"pHYs", b"iTXt", b"iDOT", b"IDAT", b"IEND"]
    kinds = [kind for kind, _ in chunks(PNG.write(animation(), PACKET))]
    assert kinds[:5] == [b"IHDR", b"acTL", b"iTXt", b"fcTL", b"IDAT"]
    kinds = [kind for kind, _ in chunks(PNG.write(png(late=itxt(PACKET)), OTHER))]
    assert kinds == [b"IHDR", b"pHYs", b"iTXt", b"IDAT", b"IEND"]
    kinds = [kind for kind, _ in chunks(PNG.write(png(itxt(PACKET), OTHERS[1]), OTHER))]
    assert kinds == [b"IHDR", b"pHYs", b"iTXt", b"tEXt", b"IDAT", b"IEND"]


def test_write_keeps_an_animation() -> None:
    """All frames and their timing stay."""
    new = PNG.write(animation(), PACKET)
    assert essence(PNG, new) == essence(PNG, animation())
    with Image.open(io.BytesIO(new)) as read:
        assert isinstance(read, PngImagePlugin.PngImageFile)
        assert (read.n_frames, read.info["duration"]) == (3, 40.0)


def test_bytes_behind_the_end_stay() -> None:
    """What an app hangs on behind IEND stays there and is not looked at."""
    tail = b"trailer" + CARRIERS["tEXt"][0]
    assert PNG.write(png() + tail, PACKET) == PNG.write(png(), PACKET) + tail
    assert PNG.found(png() + tail) == []


def test_many_small_chunks() -> None:
    """Thousands of IDAT chunks are one run, and stay."""
    stream = zlib.compress(b"".join(b"\0" + bytes(range(60)) for _ in range(20)))
    parts = b"".join(chunk(b"IDAT", stream[at : at + 1]) for at in range(len(stream)))
    parts += chunk(b"IDAT", b"") * 5000
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 20, 8, 2, 0, 0, 0))
    data = SIGNATURE + head + parts + chunk(b"IEND", b"")
    new = PNG.write(data, PACKET)
    assert new == SIGNATURE + head + itxt_of(PACKET) + parts + chunk(b"IEND", b"")
    assert [len(part) for part in PNG.essence(data)] == [len(head), len(parts)]


def itxt_of(packet: bytes) -> bytes:
    """The chunk that we write."""
    return chunk(b"iTXt", XMP + bytes(5) + packet)


def test_an_empty_packet_is_no_chunk() -> None:
    """Without a packet there is no chunk for one."""
    assert PNG.write(png(), b"") == png()


def test_signed() -> None:
    """A C2PA manifest stands in caBX."""
    assert PNG.signed(png(chunk(b"caBX", b"jumb")))
    assert not PNG.signed(png(*OTHERS))


@pytest.mark.parametrize("part", [ztxt(bytes(9 << 20)), itxt(bytes(9 << 20), compressed=True)])
def test_a_text_bomb_is_refused(part: bytes) -> None:
    """Texts that inflate to more than 8 MiB are left alone, with an error; so are many smaller ones."""
    assert len(part) < 20_000
    with pytest.raises(ContentError, match="more than 8 MiB"):
        PNG.found(png(part))
    with pytest.raises(ContentError, match="more than 8 MiB"):
        PNG.found(png(*[ztxt(bytes(1 << 20))] * 9))


def test_other_long_texts_are_no_fault() -> None:
    """Under a keyword that tells of no record a long text is left as it is, and hides no record behind it."""
    long = b'{"workflow": "' + b"x" * (3 << 20) + b'"}'
    data = png(*[ztxt(long, b"Comment")] * 4, CARRIERS["zTXt"][0])
    assert PNG.found(data) == [("PNG zTXt AIGC", FIELDS)]
    assert PNG.write(data, PACKET).count(b"zTXtComment") == 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no PNG"),
        (SIGNATURE, "before its IEND"),
        (SIGNATURE + chunk(b"IEND", b""), "does not start with an IHDR"),
        (SIGNATURE + chunk(b"IHDR", bytes(12)) + chunk(b"IEND", b""), "IHDR chunk of 13"),
        (SIGNATURE + chunk(b"CgBI", bytes(4)) + png()[8:], "CgBI"),
        (png().replace(chunk(b"IEND", b""), b""), "before its IEND"),
        (SIGNATURE + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b""), "no picture"),
        (png()[:-20], "inside its IDAT"),
        (png(b"\xff\xff\xff\xfftEXt"), "inside its tEXt"),
    ],
)
def test_broken_files(data: bytes, message: str) -> None:
    """A file that is not what it claims is refused with the reason."""
    with pytest.raises(ContentError, match=message):
        PNG.found(data)


def test_a_silly_size_is_refused() -> None:
    """A picture has at least one pixel and at most 2^31-1 in a row."""
    for width in (0, 2**31):
        ihdr = chunk(b"IHDR", struct.pack(">II", width, 1) + bytes(5))
        with pytest.raises(ContentError, match="pixels large"):
            PNG.head(SIGNATURE + ihdr + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


@pytest.mark.parametrize("data", SAMPLES)
def test_every_cut_is_refused(data: bytes) -> None:
    """A file that is cut off anywhere raises our error from every method."""
    for size in range(len(data)):
        for method in (PNG.head, PNG.found, PNG.packet, PNG.signed, lambda cut: list(PNG.essence(cut))):
            with pytest.raises(ContentError):
                method(data[:size])
        with pytest.raises(ContentError):
            PNG.write(data[:size], PACKET)


@given(hostile(*SAMPLES))
def test_hostile_files_raise_only_our_errors(data: bytes) -> None:
    """Whatever the bytes, a container answers or raises ContentError."""
    use(PNG, data)
