"""ReservedCode1: what each seal writes, and that it vouches for exactly what it sealed."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from labeler.errors import MissingExtra, PolicyError
from labeler.labels.record import first_record, read
from labeler.labels.security import Seal, Statement, digest, seal
from tests.test_provider_code import CREDIT

Signing = Literal["ed25519", "sm2"]

CODE = f"0011{CREDIT}00000"
DIGEST = digest([b"pixels"])
STATEMENT = Statement("1", CODE, "number-1", DIGEST)

ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PRIVATE = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

SM2 = b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQgJilrMcRrzBv2tpvR
ak/+prtWgMEBUe+5FuzHKT0PrNqhRANCAASYWISxDN5pIorVZ9UpNa1NkclLpAoB
anhB5oX4o4EKF4HVCMAyYrkHlZe++ix1C7UItG+X9STrjSB652/gcwIH
-----END PRIVATE KEY-----
"""
SM2_PUBLIC = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEmFiEsQzeaSKK1WfVKTWtTZHJS6QK
AWp4QeaF+KOBCheB1QjAMmK5B5WXvvosdQu1CLRvl/Uk640geudv4HMCBw==
-----END PUBLIC KEY-----
"""
"""A key pair that OpenSSL made for these tests and nothing else."""

KEYS: dict[Signing, tuple[bytes, bytes]] = {"ed25519": (PRIVATE, PUBLIC), "sm2": (SM2, SM2_PUBLIC)}


def both(mode: Signing) -> tuple[Seal, Seal]:
    """A seal with the private key, and one that only verifies."""
    private, public = KEYS[mode]
    return seal(mode, private), seal(mode, public, verify_only=True)


def test_the_digest_is_that_of_the_parts_together() -> None:
    """SHA-256 over the essence, however it is cut."""
    assert digest([b"ab", memoryview(b"c")]) == hashlib.sha256(b"abc").hexdigest()


def test_the_signed_text_is_that_of_the_guide() -> None:
    """TC260-PG-202511A, A.1; the digest follows in the same form."""
    text = f'"Label":"1","ContentProducer":"{CODE}","ProduceID":"number-1"'
    assert STATEMENT.text(with_digest=False) == text.encode()
    assert STATEMENT.text(with_digest=True) == f'{text},"SHA256":"{DIGEST}"'.encode()


@given(st.lists(st.text(), min_size=4, max_size=4), st.lists(st.text(), min_size=4, max_size=4))
def test_no_two_statements_are_signed_alike(one: list[str], other: list[str]) -> None:
    """Quotes and commas inside a field cannot be taken for those between fields."""
    first, second = Statement(*one), Statement(*other)
    assert (first.text(with_digest=True) == second.text(with_digest=True)) == (first == second)
    assert first.text(with_digest=True).isascii()


def test_empty_says_nothing() -> None:
    """The field is there and empty, and proves nothing."""
    assert seal("empty").reserved(STATEMENT) == ""
    assert not seal("empty").vouches("", STATEMENT)


def test_a_hash_is_the_digest() -> None:
    """64 hex digits, which fit this picture and no other."""
    made = seal("hash").reserved(STATEMENT)
    assert made == DIGEST
    assert seal("hash").vouches(made, STATEMENT)
    assert not seal("hash").vouches(made, STATEMENT._replace(digest=digest([b"other pixels"])))


@pytest.mark.parametrize("mode", ["ed25519", "sm2"])
def test_a_signature_is_checked_with_the_public_key(mode: Signing) -> None:
    """Whoever has the public key can tell that the provider wrote the record."""
    private, public = both(mode)
    made = private.reserved(STATEMENT)
    assert private.vouches(made, STATEMENT)
    assert public.vouches(made, STATEMENT)


@pytest.mark.parametrize("field", ["label", "producer", "produce_id", "digest"])
@pytest.mark.parametrize("mode", ["ed25519", "sm2"])
def test_a_signature_binds_its_fields(mode: Signing, field: str) -> None:
    """Nothing of what is signed can be exchanged; SM2 signs the label alone, Ed25519 the content too."""
    private, public = both(mode)
    other = STATEMENT._replace(**{field: "2"})
    bound = mode == "ed25519" or field != "digest"
    assert public.vouches(private.reserved(STATEMENT), other) != bound


@pytest.mark.parametrize("mode", ["ed25519", "sm2"])
def test_a_sealed_record_is_valid(mode: Signing) -> None:
    """What a seal writes keeps to the characters of Annex E, quotes included."""
    made = both(mode)[0].reserved(STATEMENT)
    record = first_record(CODE, "number-1", made)
    assert read(record.json(wrapped=True)) == (record.fields, (), ())
    assert Statement.of(record, DIGEST) == STATEMENT


def test_the_same_picture_is_sealed_alike() -> None:
    """Ed25519 draws no random number: every replica of a service writes the same record."""
    assert len({seal("ed25519", PRIVATE).reserved(STATEMENT) for _ in range(3)}) == 1


def test_sm2_writes_security_data() -> None:
    """The form of TC260-PG-202511A, with the algorithm's number and the public key beside it."""
    made = seal("sm2", SM2).reserved(STATEMENT)
    data = json.loads(made)["SecurityData"]
    assert (data["Type"], data["Version"]) == ("TC260PG", 1)
    signature, key = data["PubSD"]
    assert (signature["Type"], signature["TBSData"], key["Type"]) == ("DS", {"Type": "Md"}, "PubKey")
    assert {signature["AlgID"], key["AlgID"]} == {"1.2.156.10197.1.501"}
    assert key["KeyValue"].startswith("04985884b10cde69228ad567d52935ad4d91c94ba4")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_openssl_agrees_on_sm2(tmp_path: Path) -> None:
    """OpenSSL verifies our signature, and we verify OpenSSL's."""
    files = {name: tmp_path / name for name in ("message", "private", "public", "ours", "theirs")}
    made = json.loads(seal("sm2", SM2).reserved(STATEMENT))
    files["message"].write_bytes(STATEMENT.text(with_digest=False))
    files["private"].write_bytes(SM2)
    files["public"].write_bytes(SM2_PUBLIC)
    files["ours"].write_bytes(bytes.fromhex(made["SecurityData"]["PubSD"][0]["Signature"]))
    options = ["-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]
    verify = ["-verify", "-pubin", "-inkey", files["public"], "-sigfile", files["ours"]]
    sign = ["-sign", "-inkey", files["private"], "-out", files["theirs"]]
    for call in (verify, sign):
        words = ["openssl", "pkeyutl", *options, "-in", files["message"], *call]
        subprocess.run([str(word) for word in words], check=True, capture_output=True)
    made["SecurityData"]["PubSD"][0]["Signature"] = files["theirs"].read_bytes().hex()
    assert seal("sm2", SM2_PUBLIC, verify_only=True).vouches(json.dumps(made), STATEMENT)


def test_sm2_keys_are_read_in_every_form() -> None:
    """PKCS #8, SEC 1 (with or without its parameters before it) and the public key are one pair."""
    scalar = "26296b31c46bcc1bf6b69bd16a4ffea6bb5680c10151efb916ecc7293d0facda"
    sec1 = bytes.fromhex(f"30310201010420{scalar}a00a06082a811ccf5501822d")
    blocks = [
        f"-----BEGIN {name}-----\n{body}\n-----END {name}-----\n".encode()
        for name, body in (
            ("EC PARAMETERS", "BggqgRzPVQGCLQ=="),
            ("EC PRIVATE KEY", base64.b64encode(sec1).decode()),
        )
    ]
    public = seal("sm2", SM2_PUBLIC, verify_only=True)
    for pem in (SM2, blocks[1], b"".join(blocks)):
        assert public.vouches(seal("sm2", pem).reserved(STATEMENT), STATEMENT)


OTHER_CURVE = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
LOCKED = ED25519.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


@pytest.mark.parametrize(
    ("mode", "pem", "says"),
    [
        ("ed25519", b"", "no unencrypted key"),
        ("ed25519", b"AAAA", "no unencrypted key"),
        ("ed25519", LOCKED, "no unencrypted key"),
        ("ed25519", OTHER_CURVE, "another kind than Ed25519"),
        ("ed25519", PUBLIC, "a public key, which cannot sign"),
        ("sm2", b"", "no unencrypted SM2 key"),
        ("sm2", LOCKED, "no unencrypted SM2 key"),
        ("sm2", OTHER_CURVE, "another curve than SM2"),
        ("sm2", PRIVATE, "another curve than SM2"),
        ("sm2", SM2.replace(b"MIGHAgEA", b"MIGHAgE="), "another curve than SM2"),
        ("sm2", SM2_PUBLIC.replace(b"HMCBw==", b"HMCCw=="), "another curve than SM2"),
        ("sm2", SM2_PUBLIC, "a public key, which cannot sign"),
    ],
)
def test_a_wrong_key_is_told(mode: Signing, pem: bytes, says: str) -> None:
    """The error names the file, and how to make a key that fits."""
    with pytest.raises(PolicyError, match=says) as caught:
        seal(mode, pem, "keys/label.pem")
    (problem,) = caught.value.problems
    assert problem.file == "keys/label.pem"
    assert problem.hint


@pytest.mark.parametrize("mode", ["ed25519", "sm2"])
def test_a_verifying_seal_does_not_sign(mode: Signing) -> None:
    """The public key alone never makes a record."""
    with pytest.raises(PolicyError, match="cannot sign"):
        both(mode)[1].reserved(STATEMENT)


@pytest.mark.parametrize(("mode", "package"), [("ed25519", "cryptography"), ("sm2", "gmalg")])
def test_a_missing_package_is_named(mode: Signing, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing is an extra; who asks for it without hears what to install."""
    for name in (package, *(name for name in sys.modules if name.startswith(f"{package}."))):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=rf"{package} is not installed: .*\[sign\]"):
        seal(mode, KEYS[mode][0])


JUNK = st.text() | st.sampled_from(
    [
        "ed25519:",
        "ed25519:" + "A" * 86,
        "{}",
        '{"SecurityData":[]}',
        '{"SecurityData":{"PubSD":[{"Type":"DS"}]}}',
        '{"SecurityData":{"PubSD":[{"Type":"DS","Signature":7}]}}',
        '{"SecurityData":{"PubSD":[{"Type":"DS","Signature":"30"}]}}',
        '{"SecurityData":{"PubSD":[{"Type":"DS","Signature":"3006020100020100"}]}}',
        '{"SecurityData":{"PubSD":[{"Type":"DS","Signature":"300402000200"}]}}',
        '{"SecurityData":{"PubSD":["DS"]}}',
        "[" * 100_000,
    ]
)


@given(JUNK, st.sampled_from(["empty", "ed25519", "sm2"]))
def test_nothing_else_is_vouched_for(junk: str, mode: Literal["empty", "ed25519", "sm2"]) -> None:
    """Whatever somebody writes into ReservedCode1, it is no signature and no error."""
    made = seal("empty") if mode == "empty" else both(mode)[1]
    assert not made.vouches(junk, STATEMENT)


def test_a_signature_has_one_text() -> None:
    """Bits that Base64 does not use cannot be changed unnoticed."""
    made = seal("ed25519", PRIVATE).reserved(STATEMENT)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = [char for char in alphabet if seal("ed25519", PRIVATE).vouches(made[:-1] + char, STATEMENT)]
    assert last == [made[-1]]
    assert not seal("ed25519", PRIVATE).vouches(made + "==", STATEMENT)
