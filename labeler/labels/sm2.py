"""SM2 signatures with SM3 (GB/T 32918, GM/T 0009) and their keys in PEM, as OpenSSL writes them.

The curve comes from gmalg: MIT, plain Python, no dependencies, released in 2026. `cryptography` has SM3
but not the curve; the bindings of GmSSL and Tongsuo want their C library. A signature takes some 15 ms.
It is not made in constant time: sign where strangers cannot time it to the microsecond.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from labeler.errors import MissingExtra

OID = "1.2.156.10197.1.501"
"""SM3withSM2, as TC260-PG-202511A names algorithms."""

_USER = b"1234567812345678"
"""The signer's identity where none is agreed (GM/T 0009, 10)."""
_CURVE = bytes.fromhex("06082a811ccf5501822d")
"""The object identifier of the curve, 1.2.156.10197.1.301, in DER."""
_PEM = re.compile(
    rb"-----BEGIN ((?:EC |SM2 )?PRIVATE|PUBLIC) KEY-----([\sA-Za-z0-9+/=]+)-----END \1 KEY-----"
)
_INTEGER, _BITS, _OCTETS, _SEQUENCE = 0x02, 0x03, 0x04, 0x30


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair, or its public half: `public` is 04, x and y (65 bytes), `private` 32 bytes."""

    public: bytes
    private: bytes | None = field(default=None, repr=False)


def load(pem: bytes) -> Key:
    """The key in a PEM file (PKCS #8, SEC 1, SubjectPublicKeyInfo), not encrypted.

    Raises ValueError where there is none, MissingExtra without gmalg.
    """
    if (found := _PEM.search(pem)) is None:
        message = "holds no unencrypted SM2 key in PEM"
        raise ValueError(message)
    try:
        der = b64decode(found[2])
        key = _public(der) if found[1] == b"PUBLIC" else _pair(der)
    except (IndexError, StopIteration, ValueError):
        key = None
    if key is None or _CURVE not in der or not _on_curve(key.public):
        message = "holds a broken key, or one of another curve than SM2"
        raise ValueError(message)
    return key


def sign(key: Key, message: bytes) -> bytes:
    """The signature of a message in DER (GM/T 0009, 7.3); the key has to have a private half."""
    numbers = b"".join(_integer(int.from_bytes(half)) for half in _algorithm(key).sign(message))
    return bytes((_SEQUENCE, len(numbers))) + numbers


def verified(key: Key, message: bytes, signature: bytes) -> bool:
    """Whether the key signed the message; a signature that is no DER is none."""
    try:
        r, s = (content for _, content in _elements(_first(signature, _SEQUENCE)))
    except (IndexError, StopIteration, ValueError):
        return False
    return bool(_algorithm(key).verify(message, r, s))


def _algorithm(key: Key) -> Any:
    """A fresh object for each call: gmalg's keep a running hash, and threads must not share it."""
    return _gmalg().SM2(key.private, _USER, key.public)


def _gmalg() -> Any:
    try:
        import gmalg
    except ImportError as error:
        package = "gmalg"
        raise MissingExtra(package, "sign") from error
    return gmalg


def _on_curve(public: bytes) -> bool:
    return len(public) == 65 and public[0] == 4 and bool(_gmalg().SM2().verify_pk(public))


def _public(der: bytes) -> Key:
    """SubjectPublicKeyInfo (RFC 5480): the bits behind the algorithm, less the count of unused ones."""
    return Key(_first(_first(der, _SEQUENCE), _BITS)[1:])


def _pair(der: bytes) -> Key:
    """PKCS #8 (RFC 5208) around SEC 1 (RFC 5915), or the latter alone; the public half is computed."""
    inside = _first(der, _SEQUENCE)
    scalar = _first(inside, _OCTETS)
    if len(scalar) > 32:
        scalar = _first(_first(scalar, _SEQUENCE), _OCTETS)
    private = scalar.rjust(32, b"\0")
    return Key(_gmalg().SM2().generate_pk(private), private)


def _first(der: bytes, tag: int) -> bytes:
    """The content of the first element of this tag. Raises StopIteration where there is none."""
    return next(content for found, content in _elements(der) if found == tag)


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a DER text, one after the other: tag and content."""
    while der:
        start, length = 2, der[1]
        if length > 0x80:
            start += length - 0x80
            length = int.from_bytes(der[2:start])
        yield der[0], der[start : start + length]
        der = der[start + length :]


def _integer(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1)
    return bytes((_INTEGER, len(content))) + content
