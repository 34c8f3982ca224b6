"""What is stored opens only where it was sealed: moved, cut and changed ciphertexts, wrong and rotated master keys."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select, text, update

from api.vault.masters import (
    Masters,
    UnreadableMasterKeys,
    VaultDamaged,
    VaultLocked,
    new_master_key,
    read_masters,
    seal,
    unseal,
)
from api.vault.person import Person
from api.vault.rotation import PORTION, rotate
from api.vault.tables import fields, subjects
from api.vault.vault import Vault
from tests.vault.conftest import FIRST, SECOND

BOTH = f"{SECOND},{FIRST}"
PERSON = Person(name="欧阳静怡", phone="13800138765")


def people(vault: Vault, count: int = 2) -> list[str]:
    ids = [vault.mint("I-1", "school", f"k{number}") for number in range(count)]
    for subject_id in ids:
        vault.keep(subject_id, PERSON)
    return ids


def swap(vault: Vault, column: str, table: object, one: str, other: str, field: str | None = None) -> None:
    """Exchange a stored value between two people."""
    with vault.engine.begin() as connection:
        where = (
            (lambda owner: table.c.subject_id == owner)
            if field is None
            # type: ignore[attr-defined]
            else (
                lambda owner: (table.c.subject_id == owner) & (table.c.field == field)  # type: ignore[attr-defined]
            )
        )
        values = {owner: connection.execute(select(table.c[column]).where(where(owner))).scalar_one()  # type: ignore[attr-defined]
                  for owner in (one, other)}  # fmt: skip
        for owner, value in ((one, values[other]), (other, values[one])):
            connection.execute(update(table).where(where(owner)).values({column: value}))  # type: ignore[arg-type]


def test_a_ciphertext_of_somebody_else_does_not_open(vault: Vault) -> None:
    one, other = people(vault)
    swap(vault, "ciphertext", fields, one, other, "phone")
    for subject_id in (one, other):
        with pytest.raises(VaultDamaged):
            vault.read(subject_id)


def test_a_wrapped_key_of_somebody_else_does_not_open(vault: Vault) -> None:
    one, other = people(vault)
    swap(vault, "wrapped_key", subjects, one, other)
    with pytest.raises(VaultDamaged):
        vault.read(one)


def test_one_field_does_not_pass_for_another(vault: Vault) -> None:
    (one,) = people(vault, 1)
    with vault.engine.begin() as connection:
        connection.execute(text("delete from vault_fields where field = 'name'"))
        connection.execute(text("update vault_fields set field = 'name'"))
    with pytest.raises(VaultDamaged):
        vault.read(one)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:12],
        lambda raw: raw[:0],
        lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
        lambda raw: bytes([raw[0] ^ 1]) + raw[1:],
    ],
)
def test_what_was_cut_or_changed_does_not_open(vault: Vault, spoil: Callable[[bytes], bytes]) -> None:
    (one,) = people(vault, 1)
    for table, column in ((fields, "ciphertext"), (subjects, "wrapped_key")):
        with vault.engine.connect() as connection:
            stored = connection.execute(select(table.c[column])).scalars().first()
            spoiled = base64.b64encode(spoil(base64.b64decode(str(stored)))).decode()
            connection.execute(update(table).values({column: spoiled}))
            connection.commit()
        with pytest.raises(VaultDamaged):
            vault.read(one)


def test_what_is_no_base64_does_not_open(vault: Vault) -> None:
    (one,) = people(vault, 1)
    with vault.engine.begin() as connection:
        connection.execute(text("update vault_fields set ciphertext = 'ÿ not base64'"))
    with pytest.raises(VaultDamaged):
        vault.read(one)


def test_without_its_master_key_nothing_opens(vault: Vault) -> None:
    (one,) = people(vault, 1)
    for masters in (read_masters(SECOND), read_masters("")):
        with pytest.raises(VaultLocked):
            Vault(vault.engine, masters, vault.clock).read(one)
    same_id = Masters({"k1": bytes(32)})
    with pytest.raises(VaultDamaged):
        Vault(vault.engine, same_id, vault.clock).read(one)
    with vault.engine.begin() as connection:
        connection.execute(text("update vault_subjects set key_id = 'k9'"))
    with pytest.raises(VaultLocked) as locked:
        vault.read(one)
    assert locked.value.key_id == "k9"


def test_rotation_wraps_every_key_anew_and_leaves_what_they_seal(vault: Vault) -> None:
    ids = people(vault, 3)
    found = vault.look_up("phone", "13800138765")
    with vault.engine.connect() as connection:
        before = connection.execute(select(fields).order_by(fields.c.subject_id, fields.c.field)).all()
    both = Vault(vault.engine, read_masters(BOTH), vault.clock)
    told: list[tuple[int, int]] = []
    assert rotate(both, lambda done, total: told.append((done, total))) == 4
    assert told == [(3, 3)]
    assert rotate(both) == 0
    with vault.engine.connect() as connection:
        assert connection.execute(select(fields).order_by(fields.c.subject_id, fields.c.field)).all() == before
    alone = Vault(vault.engine, read_masters(SECOND), vault.clock)
    assert all(alone.read(each) == PERSON for each in ids)
    assert alone.look_up("phone", "+8613800138765") == found == sorted(ids)
    assert alone.counts() == ({"kept": 3}, {"k2": 3})
    with pytest.raises(VaultLocked):
        vault.read(ids[0])


def test_an_interrupted_rotation_goes_on_where_it_stopped(vault: Vault) -> None:
    people(vault, 2)
    with vault.engine.begin() as connection:
        rows = [{"id": f"x{number:04}", "number": str(number)} for number in range(PORTION)]
        connection.execute(
            text(
                "insert into vault_subjects (subject_id, state, minted_by, mint_key, minted_at, forgotten_at) "
                "values (:id, 'forgotten', 'x', :number, 0, 0)"
            ),
            rows,
        )
    both = Vault(vault.engine, read_masters(BOTH), vault.clock)
    with vault.engine.begin() as connection:  # one was done before the program stopped
        one = connection.execute(select(subjects).where(subjects.c.state == "kept")).first()
        assert one is not None
        fresh, key_id = both.masters.wrap(
            both.masters.unwrap(one.wrapped_key, one.key_id, one.subject_id), one.subject_id
        )
        connection.execute(
            update(subjects).where(subjects.c.subject_id == one.subject_id).values(wrapped_key=fresh, key_id=key_id)
        )
    assert rotate(both) == 2  # the other one, and the key of the index
    assert both.counts()[1] == {"k2": 2}


@pytest.mark.parametrize(
    "setting",
    ["k1", "k1:", "k1:AAAA", "k 1:" + FIRST[3:], f"{FIRST},{FIRST}", "k1:" + "é" * 44],
    ids=["no key", "an empty key", "a short key", "a space in the name", "twice", "no base64"],
)
def test_a_setting_that_is_no_master_key_is_refused_without_telling_it(setting: str) -> None:
    with pytest.raises(UnreadableMasterKeys) as refused:
        read_masters(setting)
    assert FIRST[3:] not in str(refused.value)


def test_master_keys_may_stand_in_lines_with_remarks() -> None:
    masters = read_masters(f"# from the safe\n{SECOND}  # since May\n\n{FIRST}\n")
    assert (masters.ids, masters.current) == (("k2", "k1"), "k2")
    assert read_masters("").ids == ()
    with pytest.raises(UnreadableMasterKeys):
        new_master_key("a key")


def test_every_sealing_has_a_nonce_of_its_own() -> None:
    cipher = AESGCM(bytes(32))
    sealed = {seal(cipher, b"same", b"place") for _ in range(100)}
    assert len(sealed) == 100
    assert {unseal(cipher, each, b"place") for each in sealed} == {b"same"}
