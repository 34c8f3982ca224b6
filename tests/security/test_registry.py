"""The registry: names and keys are given once, ended for good, and nothing of it is ever lost."""

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import OKPKey
from sqlalchemy import Engine, make_url, select
from sqlalchemy.exc import DBAPIError

from api.problems import Problem
from api.security.directory import Directory
from api.security.keys import UnreadableKey, public_key_of, read_private_key, read_public_key, write_private_key
from api.security.nonces import Nonces
from api.security.passwords import SignIn, UnfitPassword, change_password, register_user
from api.security.registry import (
    Deed,
    change_mandate,
    end_subject,
    register_client,
    register_key,
    revoke_key,
    writing,
)
from api.security.scopes import mandate_of
from api.security.tables import changes
from ledger.identifiers import Role
from ledger.store.factory import open_engine
from tests.conftest import Clock

BANK = mandate_of("bank", Role.BANK, {"custodians": ["bank-1"]})
LIN = mandate_of("lin", Role.AUDITOR, {"jurisdiction": "CN"})
DEED = Deed("officer", 1_000)


@pytest.fixture
def engine(database_url: str) -> Engine:
    return open_engine(database_url)


def test_names_and_keys_are_given_once_and_every_deed_is_noted(engine: Engine) -> None:
    key = public_key_of(Ed25519PrivateKey.generate())
    with writing(engine) as connection:
        register_client(connection, BANK, DEED)
        assert register_key(connection, "bank", key, DEED) == key.key_id
        change_mandate(connection, mandate_of("bank", Role.BANK, {"custodians": ["bank-1", "bank-2"]}), DEED)
        for wrong, expected in (
            (lambda: register_client(connection, BANK, DEED), "subject_taken"),
            (lambda: register_client(connection, replace(BANK, subject="BANK"), DEED), "subject_taken"),
            (lambda: register_key(connection, "bank", key, DEED), "key_taken"),
            (lambda: register_key(connection, "nobody", key, DEED), "subject_unknown"),
            (lambda: revoke_key(connection, "none", DEED), "no_such_key"),
            (lambda: end_subject(connection, "nobody", DEED), "subject_unknown"),
            (lambda: change_mandate(connection, LIN, DEED), "subject_unknown"),
        ):
            with pytest.raises(Problem) as refusal:
                wrong()
            assert refusal.value.code == expected
        revoke_key(connection, key.key_id, DEED)
        revoke_key(connection, key.key_id, Deed("another", 2_000))
        end_subject(connection, "bank", DEED)
        with pytest.raises(Problem, match="subject_ended"):
            register_key(connection, "bank", public_key_of(Ed25519PrivateKey.generate()), DEED)
    with engine.connect() as connection:
        noted = connection.execute(select(changes.c.deed, changes.c.made_by).order_by(changes.c.number)).all()
    assert [tuple(each) for each in noted] == [
        ("client_registered", "officer"),
        ("key_registered", "officer"),
        ("mandate_changed", "officer"),
        ("key_revoked", "officer"),
        ("subject_ended", "officer"),
    ]
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "delete from access_subjects",
        "delete from access_keys",
        "update access_keys set public_key = 'another'",
        "update access_keys set subject = 'another'",
        "delete from access_changes",
        "update access_changes set made_by = 'nobody'",
    ],
)
def test_the_history_of_the_registry_cannot_be_changed(engine: Engine, statement: str) -> None:
    with writing(engine) as connection:
        register_client(connection, BANK, DEED)
        register_key(connection, "bank", public_key_of(Ed25519PrivateKey.generate()), DEED)
    with pytest.raises(DBAPIError, match="never"), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_users_have_names_of_their_own_and_fit_passwords(engine: Engine) -> None:
    with writing(engine) as connection:
        register_client(connection, BANK, DEED)
        for password in ("short", "x" * 201):
            with pytest.raises(UnfitPassword):
                register_user(connection, LIN, password, DEED)
            connection.rollback()
        register_user(connection, LIN, "long enough, this one", DEED, None)
        with pytest.raises(Problem, match="subject_unknown"):
            change_password(connection, "bank", "long enough, this one", DEED)
        with pytest.raises(Problem, match="subject_taken"):
            register_user(connection, LIN, "long enough, this one", DEED)
        change_password(connection, "lin", "another one, long too", DEED)
        end_subject(connection, "lin", DEED)
        with pytest.raises(Problem, match="subject_ended"):
            change_password(connection, "lin", "long enough, this one", DEED)
    engine.dispose()


def test_the_directory_remembers_for_a_second(engine: Engine, clock: Clock) -> None:
    key, directory = public_key_of(Ed25519PrivateKey.generate()), Directory(engine, clock)
    assert directory.key(key.key_id) is None
    with writing(engine) as connection:
        register_client(connection, BANK, DEED)
        register_key(connection, "bank", key, DEED)
    clock.advance(seconds=1)
    found = directory.key(key.key_id)
    assert found is not None
    assert found.revoked_at is None
    with writing(engine) as connection:
        revoke_key(connection, key.key_id, DEED)
    clock.advance(seconds=-1)
    again = directory.key(key.key_id)
    assert again is not None
    assert again.revoked_at == DEED.at, "a clock that was set back keeps nothing alive"
    engine.dispose()


def test_a_nonce_is_spent_once_among_many_at_the_same_time(engine: Engine, clock: Clock) -> None:
    one, other = Nonces(engine, clock), Nonces(engine, clock)
    with ThreadPoolExecutor(16) as pool:
        spent = list(
            pool.map(
                lambda n: (one if n % 2 else other).spend("holder", f"nonce {n // 4}", clock() + 1_000_000), range(400)
            )
        )
    assert sum(spent) == 100
    assert not one.spend("holder", "nonce 7", clock() + 1)
    assert one.spend("another holder", "nonce 7", clock() + 1)
    for each in (one, other):
        each.close()
    engine.dispose()


def test_a_private_key_is_its_owners_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    private, path = Ed25519PrivateKey.generate(), tmp_path / "key.pem"
    write_private_key(path, private)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_private_key(path, Ed25519PrivateKey.generate())
    assert public_key_of(read_private_key(path)) == public_key_of(private)


def test_a_public_key_is_read_in_three_forms_and_named_by_its_thumbprint() -> None:
    private = Ed25519PrivateKey.generate()
    key = public_key_of(private)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    jwk = OKPKey.import_key(pem).as_dict()
    for text in (key.x, pem, str(jwk).replace("'", '"'), f"  {key.x}\n"):
        assert read_public_key(text) == key
    assert key.key_id == OKPKey.import_key(pem).thumbprint()
    known = read_public_key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert known.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037, A.3"


@pytest.mark.parametrize("text", ["", "x", "{}", "{", '{"kty":"RSA"}', "A" * 43 + "B", "-----BEGIN PUBLIC KEY-----"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(UnreadableKey):
        read_public_key(text)


def test_a_key_for_another_use_or_a_private_one_is_refused() -> None:
    other = X25519PrivateKey.generate().public_key()
    with pytest.raises(UnreadableKey):
        read_public_key(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    private = OKPKey.generate_key("Ed25519").as_dict(private=True)
    with pytest.raises(UnreadableKey):
        read_public_key(str(private).replace("'", '"'))


def test_the_application_needs_no_more_than_its_role_on_postgresql(postgres_url: str, clock: Clock) -> None:
    url = make_url(postgres_url)
    engine = open_engine(
        url.set(query={**url.query, "options": "-c role=ledger_writer"}).render_as_string(hide_password=False)
    )
    key, nonces = public_key_of(Ed25519PrivateKey.generate()), Nonces(engine, clock)
    with writing(engine) as connection:
        assert connection.exec_driver_sql("select current_user").scalar() == "ledger_writer"
        register_client(connection, BANK, DEED)
        register_key(connection, "bank", key, DEED)
        revoke_key(connection, key.key_id, DEED)
        register_user(connection, LIN, "long enough, this one", DEED)
        change_password(connection, "lin", "another one, long too", DEED)
    with pytest.raises(Problem, match="credentials_wrong"):
        SignIn(engine, clock).check("lin", "wrong", "192.0.2.1")
    assert SignIn(engine, clock).check("lin", "another one, long too", "192.0.2.1") == "lin"
    assert nonces.spend("bank", "one nonce of a bank", clock())
    clock.advance(minutes=2)
    assert nonces.spend("bank", "one nonce of a bank again", clock())
    nonces.close()
    engine.dispose()
