"""What the tests of the picture pipeline share: files of every kind, services, and how a result is read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

from labeler.inspection import Inspection, inspect
from labeler.labels.record import Record, first_record
from labeler.labels.record_rules import FIELDS
from labeler.media import CONTAINERS, container, xmp
from tests import wire
from tests.asgi_tools import EVENTS, Got, Scripted, Service, ask, part, service, start
from tests.pixel_pictures import has_label, saved, scene, seen
from tests.png_tools import SIGNATURE, chunk, chunks
from tests.test_provider_code import CODE, CREDIT, credit_code
from tests.test_security import PRIVATE

WORDS = "AI生成"
"""What is drawn where a policy gives no words."""
FOREIGN = f"0011{credit_code('91310000MA1FAREGN')}00000"
"""The provider code of somebody else."""
GENERATIONS = "/v1/images/generations"
EDITS = "/v1/images/edits"
ASKED = b'{"model":"m","prompt":"a cat"}'
FILE = "/files/cat"
DRAWN = "/drawn/cat"
ROUTES = f"""
routes:
  - {{path: {FILE}, dialect: picture}}
  - {{path: {DRAWN}, dialect: picture, assume_visible: true}}
"""
SEALS = {"empty": "{}", "hash": "{mode: hash}", "ed25519": "{mode: ed25519, key: key.pem}"}


def _animated(format: str, **options: Any) -> bytes:
    first, *rest = [scene(turn=turn) for turn in range(3)]
    return saved(first, format, save_all=True, append_images=rest, duration=80, **options)


def _heif() -> bytes:
    out = BytesIO()
    pillow_heif.from_pillow(scene()).save(out)
    return out.getvalue()


_KINDS: dict[str, Callable[[], bytes]] = {
    "png": lambda: saved(scene(), "PNG"),
    "png palette": lambda: saved(scene().quantize(64), "PNG"),
    "png alpha": lambda: saved(scene(mode="RGBA"), "PNG"),
    "png 16 bit": lambda: saved(scene(mode="L").convert("I;16"), "PNG"),
    "png animated": lambda: _animated("PNG"),
    "jpeg": lambda: saved(scene(), "JPEG"),
    "jpeg grey": lambda: saved(scene(mode="L"), "JPEG"),
    "jpeg cmyk": lambda: saved(scene(mode="CMYK"), "JPEG"),
    "webp": lambda: saved(scene(), "WEBP"),
    "webp lossless": lambda: saved(scene(mode="RGBA"), "WEBP", lossless=True),
    "webp animated": lambda: _animated("WEBP", lossless=True),
    "gif": lambda: saved(scene(), "GIF"),
    "gif animated": lambda: _animated("GIF"),
    "tiff": lambda: saved(scene(), "TIFF", compression="tiff_lzw"),
    "bmp": lambda: saved(scene(), "BMP"),
    "avif": lambda: saved(scene(), "AVIF"),
    "heif": _heif,
}
KINDS = tuple(name for name in _KINDS if name.split()[0] in CONTAINERS)
"""Kinds of files; the first word is the format. Every format that can be read is there."""
CARRYING = tuple(name for name in KINDS if CONTAINERS[name.split()[0]].carries)
"""Those with room for a record."""


@cache
def file(kind: str) -> bytes:
    """A small file of a kind."""
    return _KINDS[kind]()


@cache
def slow() -> bytes:
    """A file on which a thread works for a while: a large lossy WebP, which is encoded again as a whole."""
    return saved(scene(2400, 2400), "WEBP", quality=90)


def bomb(side: int = 20_000) -> bytes:
    """A PNG file of a few hundred bytes whose header says that it is `side` pixels wide and high."""
    body = dict(chunks(file("png")))[b"IHDR"]
    head = side.to_bytes(4, "big") * 2 + body[8:]
    return SIGNATURE + chunk(b"IHDR", head) + file("png")[33:]


def broken() -> dict[str, bytes]:
    """Files that cannot be labelled, by what is wrong with them."""
    png, jpeg = file("png"), file("jpeg")
    return {
        "bomb": bomb(),
        "truncated png": png[: len(png) // 2],
        "truncated jpeg": jpeg[:300],
        "jpeg without its end": jpeg[:-100],
        "head alone": png[:33],
        "html": b"<!doctype html><title>502</title>",
        "other type": b"%PDF-1.7\n",
        "too small": saved(Image.new("RGB", (4, 4)), "PNG"),
    }


def pictured(
    folder: Path,
    *,
    provider: bool = True,
    seal: str = "empty",
    on_failure: str = "block",
    settings: str = ROUTES,
    **picture: Any,
) -> Service:
    """A service whose one policy has this section `picture`. `seal` is one of SEALS."""
    (folder / "key.pem").write_bytes(PRIVATE)
    said = f"provider: {{name: House, credit_code: {CREDIT}, seal: {SEALS[seal]}}}\n" if provider else ""
    return service(folder, said + settings, picture=picture, on_failure=on_failure)


def with_record(data: bytes, text: str, visible: str = "") -> bytes:
    """A file that carries this record, and where given the note of a visible label."""
    box = container(data)
    properties: dict[xmp.Name, str | None] = {xmp.AIGC: text}
    if visible:
        properties[xmp.VISIBLE] = visible
    return box.write(data, xmp.merged(box.packet(data), properties))


def foreign_record() -> str:
    """A valid record of another producer."""
    return first_record(FOREIGN, "theirs-1").json()


def record_of(data: bytes) -> Record:
    """The one record of a file, which is valid."""
    told = inspect(data)
    assert told.valid, (told.problems, [one.problems for one in told.records])
    return Record(*(told.records[0].fields[name] for name in FIELDS))


def look_at(data: bytes) -> Inspection:
    """What a file says; it is one that Pillow decodes as well."""
    told = inspect(data)
    if told.format == "heif":
        pillow_heif.register_heif_opener()
    seen(data)
    return told


def shows(data: bytes) -> bool:
    """Whether the visible label can be read on a file's pixels."""
    return has_label(seen(data), container(data).head(data))


def is_labelled(data: bytes) -> bool:
    """Whether a file says that it carries our visible label, carries it on its pixels, and has one
    record of ours."""
    told = look_at(data)
    return told.visible == WORDS and shows(data) and record_of(data).content_producer == CODE


def b64(data: bytes) -> str:
    """A file in base64."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """The file in base64 or in a `data:` URL."""
    return base64.b64decode(text.rpartition(",")[2], validate=True)


def images(*pictures: bytes, **more: Any) -> bytes:
    """An answer of the images API."""
    data = [{"b64_json": b64(one)} for one in pictures]
    return json.dumps({"created": 1, **more, "data": data}).encode()


def given(body: bytes) -> list[bytes]:
    """The pictures of an answer of the images API."""
    return [unb64(one["b64_json"]) for one in json.loads(body)["data"]]


def image_event(type_: str, picture: bytes, **more: Any) -> bytes:
    """One event of the images API's stream."""
    doc = {"type": f"image_generation.{type_}", "b64_json": b64(picture), **more}
    return f"event: {doc['type']}\ndata: {json.dumps(doc)}\n\n".encode()


def documents(body: bytes) -> list[Any]:
    """The data of the events of a stream, those that are JSON."""
    lines = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
    return [json.loads(line) for line in lines]


def text_of(docs: Iterable[Any]) -> str:
    """The text of a chat stream."""
    return "".join(one["choices"][0]["delta"].get("content") or "" for one in docs if one.get("choices"))


def shown(value: Any) -> list[bytes]:
    """Every picture in a document, in base64 or as a `data:` URL, whatever members hold it."""
    if isinstance(value, str):
        return [unb64(value)] if len(value) > 300 else []
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for inner in held for one in shown(inner)]


# Streams.

PING = b": ping\n\n"
END = part(b"", more=False)
URL = f"data:image/png;base64,{b64(file('png palette'))}"
ENTRIES: dict[str, Any] = {
    "image_url": {"type": "image_url", "image_url": {"url": URL}},
    "image_url alone": {"image_url": URL},
    "text": URL,
    "base64": b64(file("png palette")),
    "url": {"url": URL},
    "b64_json": {"b64_json": b64(file("jpeg"))},
    "image": {"type": "image", "image": URL},
    "image in base64": {"image": b64(file("jpeg"))},
    "image in an object": {"type": "image", "image": {"b64_json": b64(file("png"))}},
}
"""Ways to write a picture into a list of them."""
HIDDEN: dict[str, Any] = {
    "source": {"type": "image", "source": {"type": "base64", "data": b64(file("png"))}},
    "another name": {"picture": URL},
    "a URL": {"src": "https://pictures.example/1.png"},
    "a list": [URL],
}
"""Ways that nobody here reads."""
TORN = f"data:image/png;base64,{b64(file('png')[:300])}"
"""Pictures within a text: one that is sound, and one that is not."""


def ask_for(one: Service, *messages: Any, path: str = GENERATIONS, **scope: Any) -> Got:
    """The answer of an app that sends these messages; bytes are parts of the body of an event stream."""
    script = [part(message) if isinstance(message, bytes) else message for message in messages]
    body = ASKED if path == GENERATIONS else ask()
    return one.call(Scripted(start(200, EVENTS), *script), body, path, **scope)


def with_images(*urls: str, text: str | None = None) -> bytes:
    """A chat chunk with pictures beside its text (OpenRouter's way)."""
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return wire.chunk({"content": text or "", "images": pictures})
