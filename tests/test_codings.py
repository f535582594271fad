"""Content types that are missing or wrong, and content codings: the first bytes tell what a body is."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from labeler import BlockedError
from tests.asgi_tools import (
    EVENTS,
    GENERAL,
    JSON,
    MARK,
    TEXT,
    Scripted,
    answer,
    ask,
    bytewise,
    chat,
    events,
    said,
    service,
)

GZIP = {"content-encoding": "gzip"}
HELLO = chat("Hello")
STREAM = b"".join(events("Hel", "lo"))


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


SNIFFED = {
    "JSON without a type": (HELLO, {}),
    "JSON behind white space": (b" \r\n\t" + HELLO, {}),
    "JSON behind a BOM": (b"\xef\xbb\xbf" + HELLO, JSON),
    "JSON as text/plain": (HELLO, TEXT),
    "JSON as problem+json": (HELLO, {"content-type": "application/problem+json"}),
    "events without a type": (STREAM, {}),
    "events called JSON": (STREAM, JSON),
    "events behind a comment": (b": ping\n\n" + STREAM, {}),
    "events behind blank lines": (b"\n\n" + STREAM, {}),
}


@pytest.mark.parametrize("pieces", [lambda body: body, bytewise], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("body", "headers"), SNIFFED.values(), ids=SNIFFED.keys())
def test_sniffed(
    body: bytes, headers: dict[str, str], pieces: Callable[[bytes], bytes | Iterable[bytes]]
) -> None:
    """Where the content type does not tell, the first bytes do, however they are cut."""
    one = service()
    got = one.call(Scripted(*answer(pieces(body), headers)))
    assert (got.status, got.complete, got.error) == (200, True, None)
    assert said(got.body.removeprefix(b"\xef\xbb\xbf")) == f"{MARK}Hello\n\n{GENERAL}"
    assert one.outcome.state == "applied"


CODED = {
    "gzip": (gzip.compress, "gzip"),
    "x-gzip": (gzip.compress, "X-GZip"),
    "two members": (lambda body: gzip.compress(body[:30]) + gzip.compress(body[30:]), "gzip"),
    "deflate": (zlib.compress, "deflate"),
    "raw deflate": (raw_deflate, "deflate"),
    "identity": (bytes, "identity"),
}


@pytest.mark.parametrize("pieces", [lambda body: body, bytewise], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [(HELLO, JSON), (STREAM, EVENTS), (STREAM, JSON)],
    ids=["json", "events", "events called JSON"],
)
@pytest.mark.parametrize(("coder", "name"), CODED.values(), ids=CODED.keys())
def test_decoded(
    body: bytes,
    headers: dict[str, str],
    coder: Callable[[bytes], bytes],
    name: str,
    pieces: Callable[[bytes], bytes | Iterable[bytes]],
) -> None:
    """gzip and deflate are read as they come; the labelled answer leaves plain and with the right length."""
    one = service()
    coded = coder(body)
    sent = {**headers, "content-encoding": name, "content-length": str(len(coded)), "vary": "accept-encoding"}
    got = one.call(Scripted(*answer(pieces(coded), sent)))
    assert (got.complete, got.error) == (True, None)
    assert said(got.body) == f"{MARK}Hello\n\n{GENERAL}"
    assert got.headers.get("content-encoding", "identity") == "identity"
    assert got.headers.get("content-length", str(len(got.body))) == str(len(got.body))
    assert one.outcome.notes == (() if name == "identity" else (f"content-encoding: {name.lower()} decoded",))


def test_decoded_events_leave_as_they_come() -> None:
    """What a sync flush of the upstream completes leaves with that message, not at the end."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    pieces = [packer.compress(one) + packer.flush(zlib.Z_SYNC_FLUSH) for one in events("Hel", "lo")]
    got = service().call(Scripted(*answer([*pieces, packer.flush()], {**EVENTS, **GZIP})))
    assert said(got.bodies[0]) == f"{MARK}Hel"
    assert said(got.bodies[1]) == "lo"


MUTED = ask(response_format={"type": "json_object"})


@pytest.mark.parametrize(("body", "headers"), [(HELLO, JSON), (STREAM, EVENTS)], ids=["json", "events"])
def test_coded_answer_that_is_not_labelled(body: bytes, headers: dict[str, str]) -> None:
    """Where no text may be inserted, the headers still describe the bytes that leave."""
    coded = gzip.compress(body)
    sent = {**headers, **GZIP, "content-length": str(len(coded))}
    got = service().call(Scripted(*answer([coded[:20], coded[20:]], sent)), MUTED)
    assert got.complete
    if "content-encoding" in got.headers:
        assert gzip.decompress(got.body) == body
    else:
        assert got.body == body
    assert got.headers.get("content-length", str(len(got.body))) == str(len(got.body))


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_coded_nothing(content: bytes) -> None:
    """A coded body with nothing visible in it leaves with headers that are true."""
    coded = gzip.compress(content)
    sent = {**JSON, **GZIP, "content-length": str(len(coded))}
    got = service().call(Scripted(*answer(coded, sent)))
    assert (got.status, got.complete) == (200, True)
    assert (gzip.decompress(got.body) if "content-encoding" in got.headers else got.body) == content
    assert got.headers.get("content-length", str(len(got.body))) == str(len(got.body))


def test_truncated_gzip() -> None:
    """A coded JSON answer that is cut is a 502; a cut stream ends broken, never complete."""
    for body, headers in ((HELLO, JSON), (STREAM, EVENTS)):
        one = service()
        got = one.call(Scripted(*answer(gzip.compress(body)[:-10], {**headers, **GZIP})))
        if headers is JSON:
            assert (got.status, got.complete) == (502, True)
            assert "cut off" in one.outcome.reason
        else:
            assert isinstance(got.error, BlockedError)
            assert not got.complete
        assert one.outcome.state == "failed"


def test_pass_of_a_coded_body_in_pieces(tmp_path: Path) -> None:
    """`pass` of a coded body that is no answer: all its bytes leave in one coding, the one that is named."""
    html = b"<html>" + bytes(range(256)) * 40
    coded = gzip.compress(html)
    got = service(tmp_path, on_failure="pass").call(
        Scripted(*answer([coded[:60], coded[60:200], coded[200:]], GZIP))
    )
    assert (got.complete, got.error) == (True, None)
    body = gzip.decompress(got.body) if "content-encoding" in got.headers else got.body
    assert body == html


def test_pass_of_a_body_that_is_not_in_its_coding(tmp_path: Path) -> None:
    """`pass`: a body that cannot be decoded leaves as it came."""
    one = service(tmp_path, on_failure="pass")
    got = one.call(Scripted(*answer(HELLO, {**JSON, **GZIP})))
    assert (got.status, got.body, got.headers["content-encoding"]) == (200, HELLO, "gzip")
    assert one.outcome.state == "failed"
