"""A key under which anybody could sign is nobody's: refused wherever somebody hands one in."""

import base64
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from api.problems import Problem
from api.security.keys import PublicKey, WeakKey, public_key_of, read_public_key
from api.security.registry import Deed, register_client, register_key, writing
from api.security.scopes import mandate_of
from api.security.tables import keys
from api.witnesses import parse_witnesses
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.log.keys import COSIGNER, LOG, MalformedKey, parse_public_key
from ledger.log.points import UnfitPoint, check_point
from tests.verifier.conftest import loaded

verify = loaded()
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493

CANONICAL = (
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
)
OTHERWISE_WRITTEN = (
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)
WEAK = tuple(bytes.fromhex(each) for each in CANONICAL + OTHERWISE_WRITTEN)
"""The eight points of small order and the six other ways to write them (C2SP/CCTV, ed25519; libsodium refuses them)."""


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def verifier_key(raw: bytes, kind: int, name: str = "someone") -> str:
    material = bytes([kind]) + raw
    digest = sha256(name.encode() + b"\n" + material).digest()[:4]
    return f"{name}+{digest.hex()}+{base64.b64encode(material).decode()}"


def pem(raw: bytes) -> str:
    body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + raw).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def test_the_eight_are_what_the_curve_has() -> None:
    """Whatever point one takes, its multiple by the prime order is of small order, and these are all there are."""
    found = set()
    for number in range(64):
        point = verify._point(sha256(bytes([number])).digest())
        if point is not None:
            x, y, z, _ = verify._multiply(ORDER, point)
            inverse = pow(z, -1, PRIME)
            found.add((y * inverse % PRIME | (x * inverse % PRIME & 1) << 255).to_bytes(32, "little").hex())
    assert found == set(CANONICAL)


@pytest.mark.parametrize("raw", WEAK, ids=bytes.hex)
def test_a_key_of_small_order_is_refused_in_every_form(raw: bytes) -> None:
    x = base64url(raw)
    for text in (x, pem(raw), json.dumps({"kty": "OKP", "crv": "Ed25519", "x": x})):
        with pytest.raises(WeakKey):
            read_public_key(text)
    for kind in (LOG, COSIGNER):
        with pytest.raises(MalformedKey, match="small order"):
            parse_public_key(verifier_key(raw, kind))
        with pytest.raises(verify.Refused, match="anybody could sign"):
            verify.parse_key(verifier_key(raw, kind))
    with pytest.raises(MalformedKey, match="small order"):
        parse_witnesses(f"https://witness.example {verifier_key(raw, COSIGNER)}")


@pytest.mark.parametrize("raw", WEAK, ids=bytes.hex)
def test_without_the_refusal_one_signature_would_fit_many_texts(raw: bytes) -> None:
    """Why it matters: a signature made without any private half, which holds for many texts."""
    key = PublicKey(base64url(raw))
    signatures = [bytes.fromhex(each) + bytes(32) for each in CANONICAL]
    texts = [f"text {number}".encode() for number in range(32)]
    assert max(sum(key.verifies(each, text) for text in texts) for each in signatures) > 1


def test_the_registry_takes_no_such_key_whoever_hands_it_in(ledger: Ledger) -> None:
    deed = Deed("officer", 1)
    with writing(ledger.engine) as connection:
        register_client(connection, mandate_of("bank", Role.BANK, {"custodians": ["bank-1"]}), deed)
        for raw in WEAK:
            with pytest.raises(Problem, match="key_weak"):
                register_key(connection, "bank", PublicKey(base64url(raw)), deed)
        assert connection.execute(select(keys)).all() == []


@given(st.binary(min_size=32, max_size=32))
def test_every_key_that_has_a_private_half_is_taken(seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    raw = key.public_key().public_bytes_raw()
    check_point(raw)
    assert read_public_key(base64url(raw)) == public_key_of(key)
    assert not verify.is_weak(raw)


@given(st.binary(min_size=32, max_size=32) | st.integers(PRIME - 3, 2**255 - 1).map(lambda y: y.to_bytes(32, "little")))
def test_bytes_are_a_key_here_exactly_if_they_are_one_to_the_verifier(raw: bytes) -> None:
    try:
        check_point(raw)
    except UnfitPoint:
        assert verify.is_weak(raw)
    else:
        assert not verify.is_weak(raw)


def test_the_published_test_keys_are_taken() -> None:
    """RFC 8032, 7.1."""
    for each in (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    ):
        check_point(bytes.fromhex(each))
