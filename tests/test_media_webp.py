"""WebP: facts, records and packets by RIFF chunks; only metadata change, and simple files become extended."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from PIL import Image

from labeler.errors import ContentError
from labeler.media.webp import WEBP
from labeler.media.xmp import AIGC, VISIBLE, merged, values
from tests.media_tools import FAULT, FIELDS, OTHER, PACKET, TORN, WRAPPED, essence, exif, hostile, use
from tests.pixel_pictures import scene, seen

EXIF = exif(b"ASCII\0\0\0" + WRAPPED.encode(), b"a cat\0")
XMP_FLAG, EXIF_FLAG, ALPHA_FLAG, ANIMATION_FLAG, ICC_FLAG = 4, 8, 16, 2, 32


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its padding."""
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a file, its lengths checked: a second reader."""
    assert data[:4] + data[8:12] == b"RIFFWEBP"
    stop = 8 + int.from_bytes(data[4:8], "little")
    found, at = [], 12
    while at < stop:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        assert len(found[-1][1]) == size
        at += 8 + size + size % 2
    assert at == stop
    return found


def riff(*parts: bytes, tail: bytes = b"") -> bytes:
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body + tail


def bitstream(mode: str = "RGB", **options: object) -> list[bytes]:
    """The chunks of a picture of 5 x 3 pixels that hold it."""
    buffer = io.BytesIO()
    scene(5, 3, mode).save(buffer, "WEBP", **options)
    return [chunk(kind, body) for kind, body in chunks(buffer.getvalue()) if kind != b"VP8X"]


def simple(mode: str = "RGB", **options: object) -> bytes:
    """A file of one chunk."""
    return riff(*bitstream(mode, **options))


def extended(*late: bytes, flags: int = 0, early: bytes = b"", tail: bytes = b"") -> bytes:
    """A file with VP8X and chunks before and behind the picture."""
    canvas = chunk(b"VP8X", bytes((flags, 0, 0, 0)) + b"\4\0\0\2\0\0")
    return riff(canvas, early, *bitstream(), *late, tail=tail)


def animation(**options: object) -> bytes:
    """Three frames of 5 x 3 pixels."""
    frames = [scene(5, 3, turn=turn) for turn in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=70, **options)
    return buffer.getvalue()


FILES = {
    "lossy": simple(),
    "lossless": simple(lossless=True),
    "lossless with alpha": simple("RGBA", lossless=True, exact=True),
    "lossy with alpha": riff(
        chunk(b"VP8X", bytes((ALPHA_FLAG, 0, 0, 0)) + b"\4\0\0\2\0\0"), *bitstream("RGBA", quality=60)
    ),
    "with metadata": extended(
        chunk(b"EXIF", exif(description=b"a cat\0")),
        chunk(b"XMP ", PACKET),
        early=chunk(b"ICCP", b"a profile"),
        flags=XMP_FLAG | EXIF_FLAG | ICC_FLAG,
    ),
    "animated": animation(),
    "animated with XMP": animation(xmp=PACKET, exif=exif(), loop=3),
}
CARRIERS = {
    "XMP": (chunk(b"XMP ", PACKET), XMP_FLAG, "XMP element", FIELDS),
    "XMP broken": (chunk(b"XMP ", TORN), XMP_FLAG, "XMP", FAULT),
    "XMP without its flag": (chunk(b"XMP ", PACKET), 0, "XMP element", FIELDS),
    "EXIF": (chunk(b"EXIF", EXIF), EXIF_FLAG, "EXIF UserComment", WRAPPED),
    "EXIF with JPEG's prefix": (
        chunk(b"EXIF", b"Exif\0\0" + EXIF),
        EXIF_FLAG,
        "EXIF UserComment",
        WRAPPED,
    ),
}
OTHERS = chunk(b"unKn", b"odd") + chunk(b"EXIF", exif(description=b"a cat\0"))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("lossy", (5, 3, 1, 1)),
        ("lossless", (5, 3, 1, 1)),
        ("lossless with alpha", (5, 3, 1, 1)),
        ("lossy with alpha", (5, 3, 1, 1)),
        ("with metadata", (5, 3, 1, 6)),
        ("animated", (5, 3, 3, 1)),
        ("animated with XMP", (5, 3, 3, 6)),
    ],
)
def test_head(name: str, head: tuple[int, int, int, int]) -> None:
    """The canvas, the frames of an animation, the orientation of EXIF."""
    assert WEBP.head(FILES[name]) == head


@pytest.mark.parametrize("name", CARRIERS)
def test_found(name: str) -> None:
    """A record is found in either chunk, whatever the flags say."""
    part, flags, carrier, text = CARRIERS[name]
    assert WEBP.found(extended(chunk(b"unKn", b"odd"), part, flags=flags)) == [(carrier, text)]


def test_found_in_order() -> None:
    """Doubled records are all found, in the order of the file."""
    data = extended(CARRIERS["XMP"][0], CARRIERS["EXIF"][0], chunk(b"XMP ", OTHER))
    carriers = [record.carrier for record in WEBP.found(data)]
    assert carriers == ["XMP element", "EXIF UserComment", "XMP element"]
    assert WEBP.packet(data) == PACKET


def test_nothing_found() -> None:
    """Other chunks are no records."""
    data = extended(OTHERS, chunk(b"JUNK", WRAPPED.encode()))
    assert (WEBP.found(data), WEBP.packet(data)) == ([], b"")


@pytest.mark.parametrize("name", CARRIERS)
def test_write_replaces_every_carrier(name: str) -> None:
    """Whatever carried the old record, the new packet has the only one."""
    part, flags, _, _ = CARRIERS[name]
    new = WEBP.write(extended(part, chunk(b"XMP ", PACKET), flags=flags), OTHER)
    assert WEBP.found(new) == [("XMP element", FIELDS.replace("a-1", "b-2"))]
    assert b"a-1" not in new


@pytest.mark.parametrize("name", FILES)
def test_write_leaves_all_else(name: str) -> None:
    """Pixels, profile, EXIF and timing stay; Pillow finds the packet; writing it again changes nothing."""
    data = FILES[name]
    new = WEBP.write(data, OTHER)
    assert WEBP.packet(new) == seen(new).info["xmp"] == OTHER
    assert essence(WEBP, new) == essence(WEBP, data)
    assert WEBP.head(new) == WEBP.head(data)
    assert WEBP.write(new, OTHER) == new
    kept = [part for part in chunks(new) if part[0] not in (b"VP8X", b"XMP ")]
    assert kept == [part for part in chunks(data) if part[0] not in (b"VP8X", b"XMP ")]
    with Image.open(io.BytesIO(new)) as read, Image.open(io.BytesIO(data)) as old:
        for nth in range(WEBP.head(data).frames):
            read.seek(nth)
            old.seek(nth)
            assert read.tobytes() == old.tobytes()
            assert read.info.get("duration") == old.info.get("duration")
        assert read.mode == old.mode
        assert [read.info.get(key) for key in ("exif", "icc_profile", "loop")] == [
            old.info.get(key) for key in ("exif", "icc_profile", "loop")
        ]


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("lossy", XMP_FLAG),
        ("lossless", XMP_FLAG),
        ("lossless with alpha", XMP_FLAG | ALPHA_FLAG),
        ("with metadata", XMP_FLAG | EXIF_FLAG | ICC_FLAG),
        ("animated", XMP_FLAG | ANIMATION_FLAG),
    ],
)
def test_the_canvas_says_what_is_there(name: str, flags: int) -> None:
    """VP8X is the first chunk, has the flags of what follows (RFC 9649, 2.7) and the size less one."""
    first = chunks(WEBP.write(FILES[name], OTHER))[0]
    assert first == (b"VP8X", bytes((flags, 0, 0, 0)) + b"\4\0\0\2\0\0")


def test_the_packet_is_the_last_chunk() -> None:
    """Behind the picture and EXIF, where the format wants it, even if an old one stood elsewhere."""
    data = extended(OTHERS, early=chunk(b"XMP ", PACKET), flags=XMP_FLAG)
    kinds = [kind for kind, _ in chunks(WEBP.write(data, OTHER))]
    assert kinds == [b"VP8X", b"VP8 ", b"unKn", b"EXIF", b"XMP "]


def test_unknown_chunks_and_bytes_behind_the_end_stay() -> None:
    """What nobody knows is kept with its padding; behind the RIFF structure nothing is read."""
    tail = b"trailer" + CARRIERS["XMP"][0]
    data = extended(chunk(b"unKn", b"odd"), tail=tail)
    new = WEBP.write(data, OTHER)
    assert new.endswith(tail)
    assert (b"unKn", b"odd") in chunks(new.removesuffix(tail))
    assert WEBP.found(data) == []


def test_a_missing_last_byte_of_padding_is_added() -> None:
    """Some writers leave it out at the end of the file."""
    data = extended(chunk(b"unKn", b"odd"))[:-1]
    new = WEBP.write(data, OTHER)
    assert chunks(new)[-2:] == [(b"unKn", b"odd"), (b"XMP ", OTHER)]
    assert WEBP.write(new, OTHER) == new


def test_exif_outlives_its_record() -> None:
    """The orientation and other texts stay."""
    for name in ("EXIF", "EXIF with JPEG's prefix"):
        new = WEBP.write(extended(CARRIERS[name][0], flags=EXIF_FLAG), PACKET)
        read = seen(new).getexif()
        assert (read[0x0112], read[0x010E]) == (6, "a cat"), name
        assert read.get_ifd(0x8769)[0x9286].strip(b"\0") == b"", name


def test_write_merges() -> None:
    """The packet that was there is handed out, and its other properties come back with it."""
    old = WEBP.packet(extended(chunk(b"XMP ", merged(b"", {VISIBLE: "AI生成"}))))
    packet = WEBP.packet(WEBP.write(simple(), merged(old, {AIGC: FIELDS})))
    assert values(packet, VISIBLE) == [("element", "AI生成")]


def test_an_empty_packet_is_no_chunk() -> None:
    """A simple file stays simple; an extended one loses the chunk and its flag."""
    assert WEBP.write(simple(), b"") == simple()
    assert WEBP.write(extended(chunk(b"XMP ", PACKET), flags=XMP_FLAG), b"") == extended()


def test_signed() -> None:
    """A C2PA manifest stands in a chunk of that name."""
    assert WEBP.signed(extended(chunk(b"C2PA", b"jumb")))
    assert not WEBP.signed(FILES["with metadata"])


def test_the_essence_is_what_makes_the_picture() -> None:
    """Bitstream, profile and timing count; a still's canvas and metadata do not."""
    assert essence(WEBP, extended(OTHERS)) == essence(WEBP, simple())
    assert essence(WEBP, extended(early=chunk(b"ICCP", b"p"))) != essence(WEBP, simple())
    slower = animation().replace((70).to_bytes(3, "little"), (71).to_bytes(3, "little"), 1)
    assert essence(WEBP, slower) != essence(WEBP, animation())


CANVAS = chunk(b"VP8X", bytes(10))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no WebP"),
        (b"RIFF\4\0\0\0WAVE", "no WebP"),
        (b"RIFF\4\0\0\0WEBP", "no chunks"),
        (riff(CANVAS, b"VP8 \xff\xff\xff\xff"), "inside its VP8 chunk"),
        (simple()[:-1], "inside its VP8 chunk"),
        (riff(chunk(b"VP8 ", bytes(10))), "broken head"),
        (riff(chunk(b"VP8L", b"\x2f")), "broken head"),
        (riff(chunk(b"VP8X", bytes(4))), "broken head"),
        (riff(CANVAS, *[chunk(b"ANMF", b"")] * 100_001), "too many chunks"),
    ],
)
def test_broken_files(data: bytes, message: str) -> None:
    """A file that is not what it claims is refused with the reason."""
    with pytest.raises(ContentError, match=message):
        WEBP.head(data)
    with pytest.raises(ContentError, match=message):
        WEBP.write(data, PACKET)


@pytest.mark.parametrize("name", FILES)
def test_every_cut_is_refused(name: str) -> None:
    """A file that is cut off anywhere raises our error from every method."""
    data = FILES[name]
    for size in range(len(data) - len(chunks(data)[-1][1]) % 2):
        for method in (WEBP.head, WEBP.found, WEBP.packet, WEBP.signed, lambda cut: list(WEBP.essence(cut))):
            with pytest.raises(ContentError):
                method(data[:size])
        with pytest.raises(ContentError):
            WEBP.write(data[:size], PACKET)


@given(hostile(*FILES.values(), extended(CARRIERS["EXIF"][0], OTHERS)))
def test_hostile_files_raise_only_our_errors(data: bytes) -> None:
    """Whatever the bytes, a container answers or raises ContentError."""
    use(WEBP, data)
