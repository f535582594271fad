"""ReservedCode1: the producer's own security data in the AIGC record (GB 45438-2025, Annex E).

| mode | the field says | what it protects |
|---|---|---|
| `empty` | nothing | |
| `hash` | SHA-256 of the picture's essence, 64 hex digits (Annex F.4 shows such a value) | against damage |
| `ed25519` | `ed25519:` and a signature in URL-safe Base64 | label, producer, number and essence |
| `sm2` | SecurityData with an SM3withSM2 signature (TC260-PG-202511A) | label, producer and number |

The essence is what `media.base.Container.essence` yields, so that a record can be rewritten without
breaking a seal. `sm2` draws a random number for each signature, the others give the same text for the
same picture. A signature is checked with the key that the provider keeps, never with one that
travels in the file, and everybody who has the public key can do so.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, Self

from labeler.errors import MissingExtra, PolicyError, Problem
from labeler.labels import sm2
from labeler.labels.record import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Mode = Literal["empty", "hash", "ed25519", "sm2"]
_SIGNED = "ed25519:"


def digest(essence: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of a picture's essence, 64 hex digits."""
    total = sha256()
    for part in essence:
        total.update(part)
    return total.hexdigest()


class Statement(NamedTuple):
    """What a seal vouches for: the producer's three fields and the digest of the essence."""

    label: str
    producer: str
    produce_id: str
    digest: str

    @classmethod
    def of(cls, record: Record, digest: str) -> Self:
        """The statement of a record over a picture with this digest."""
        return cls(record.label, record.content_producer, record.produce_id, digest)

    def text(self, *, with_digest: bool) -> bytes:
        """The ASCII string that is signed, after TC260-PG-202511A, A.1.

        `"Label":"1","ContentProducer":"…","ProduceID":"…"`, and where the content is bound too,
        `,"SHA256":"…"` behind it. Quotes and what is not ASCII are escaped as JSON does.
        """
        names = ("Label", "ContentProducer", "ProduceID", *(("SHA256",) if with_digest else ()))
        return ",".join(
            f"{json.dumps(name)}:{json.dumps(value)}" for name, value in zip(names, self, strict=False)
        ).encode()


class Seal(Protocol):
    """Makes the content of ReservedCode1, and tells whether one is its own."""

    def reserved(self, statement: Statement) -> str:
        """The value of ReservedCode1. Raises PolicyError where the key can only verify."""
        ...

    def vouches(self, reserved: str, statement: Statement) -> bool:
        """Whether a ReservedCode1 proves this statement; `empty` proves nothing."""
        ...


def seal(mode: Mode, pem: bytes = b"", file: str = "the key", *, verify_only: bool = False) -> Seal:
    """The seal of a mode, with the private key in a PEM file's bytes where it signs.

    `file` names the key in errors. With `verify_only` a public key will do. Raises PolicyError where
    the key does not fit the mode, MissingExtra where the packages of the extra `sign` are missing.
    """
    if mode == "empty":
        return Empty()
    if mode == "hash":
        return Hash()
    made: Ed25519 | Sm2 = _ed25519(pem, file) if mode == "ed25519" else _sm2(pem, file)
    if made.private is None and not verify_only:
        raise _wrong(file, "holds a public key, which cannot sign", "name the file of the private key")
    return made


@dataclass(frozen=True, slots=True)
class Empty:
    """No security data."""

    def reserved(self, statement: Statement) -> str:
        """An empty string."""
        return ""

    def vouches(self, reserved: str, statement: Statement) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class Hash:
    """The digest of the essence: shows damage, but anyone can make one."""

    def reserved(self, statement: Statement) -> str:
        """64 hex digits."""
        return statement.digest

    def vouches(self, reserved: str, statement: Statement) -> bool:
        """Whether the picture is the one that the digest was taken of."""
        return reserved == statement.digest


@dataclass(frozen=True, slots=True)
class Ed25519:
    """A signature (RFC 8032) over label, producer, number and essence."""

    public: Ed25519PublicKey
    private: Ed25519PrivateKey | None

    def reserved(self, statement: Statement) -> str:
        """`ed25519:` and 86 characters."""
        if self.private is None:
            raise _public_only()
        return _signed(self.private.sign(statement.text(with_digest=True)))

    def vouches(self, reserved: str, statement: Statement) -> bool:
        """Whether our key signed exactly this statement."""
        from cryptography.exceptions import InvalidSignature

        try:
            signature = urlsafe_b64decode(reserved.removeprefix(_SIGNED) + "==")
            self.public.verify(signature, statement.text(with_digest=True))
        except (ValueError, InvalidSignature):
            return False
        return reserved == _signed(signature)


def _signed(signature: bytes) -> str:
    return _SIGNED + urlsafe_b64encode(signature).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Sm2:
    """SecurityData (TC260-PG-202511A) with a signature over label, producer and number.

    The essence is not bound: the guide selects content by ranges of the file's bytes, which move
    whenever a propagator rewrites the metadata.
    """

    key: sm2.Key

    @property
    def private(self) -> bytes | None:
        """The private key, if there is one."""
        return self.key.private

    def reserved(self, statement: Statement) -> str:
        """The SecurityData as compact JSON, with the signature and the public key in hex."""
        if self.private is None:
            raise _public_only()
        signature = sm2.sign(self.key, statement.text(with_digest=False)).hex()
        public = [
            {"Type": "DS", "AlgID": sm2.OID, "TBSData": {"Type": "Md"}, "Signature": signature},
            {"Type": "PubKey", "AlgID": sm2.OID, "KeyValue": self.key.public.hex()},
        ]
        data = {"SecurityData": {"Type": "TC260PG", "Version": 1, "PubSD": public}}
        return json.dumps(data, separators=(",", ":"))

    def vouches(self, reserved: str, statement: Statement) -> bool:
        """Whether our key signed this label, producer and number."""
        try:
            public = json.loads(reserved)["SecurityData"]["PubSD"]
            signature = next(bytes.fromhex(entry["Signature"]) for entry in public if entry["Type"] == "DS")
        except (ValueError, LookupError, TypeError, StopIteration, RecursionError):
            return False
        return sm2.verified(self.key, statement.text(with_digest=False), signature)


def _public_only() -> PolicyError:
    return _wrong("the key", "is a public one, which verifies but cannot sign", "load the private key")


def _wrong(file: str, message: str, hint: str = "") -> PolicyError:
    return PolicyError(Problem(file, 0, 0, "", message, hint))


# Loading keys.


def _ed25519(pem: bytes, file: str) -> Ed25519:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ed25519
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
    except ImportError as error:
        package = "cryptography"
        raise MissingExtra(package, "sign") from error
    try:
        if b"PRIVATE KEY" not in pem:
            public = load_pem_public_key(pem)
            if isinstance(public, ed25519.Ed25519PublicKey):
                return Ed25519(public, None)
        else:
            private = load_pem_private_key(pem, None)
            if isinstance(private, ed25519.Ed25519PrivateKey):
                return Ed25519(private.public_key(), private)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: the key is encrypted
        raise _wrong(file, "holds no unencrypted key in PEM", "openssl genpkey -algorithm ed25519") from error
    raise _wrong(file, "holds a key of another kind than Ed25519", "openssl genpkey -algorithm ed25519")


def _sm2(pem: bytes, file: str) -> Sm2:
    try:
        return Sm2(sm2.load(pem))
    except ValueError as error:
        raise _wrong(file, str(error), "openssl genpkey -algorithm SM2") from error
