"""A payee is named by account only where the vault's account is the one that paid; every look is written down."""

import csv
import io
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from api.bankday.pain001 import NAMESPACE, write_pain001
from api.bankday.payees import plain_number
from api.bankday.payments import PaymentFile
from api.bankday.recorded import canonical_sha256, find_file
from api.bankday.tabular import write_csv
from api.bankfiles.parties import Parties
from api.security.mandate import Mandate
from api.vault.masters import new_master_key, read_masters
from api.vault.tables import fields
from api.vault.vault import Vault
from ledger import commands as c
from ledger.application import Ledger
from ledger.identifiers import Role
from tests import examples as x
from tests.bankday.day import run, school_with
from tests.bankday.families import MASTER, PARTY_KEY, PLAIN, Families, families_of
from tests.conftest import Clock

OTHER = "6217000010001234567"


@pytest.fixture
def families(ledger: Ledger, clock: Clock) -> Families:
    """A school without families yet."""
    return families_of(school_with(ledger, clock, 0), clock)


def refunds(families: Families) -> PaymentFile:
    """The file of the day's refund run."""
    (file,) = run(families.school, "refund").files
    return file


def accounts(xml: bytes) -> list[tuple[str, str | None]]:
    """Account or reference of every payment, and the scheme that says it is a reference."""
    space = f"{{{NAMESPACE}}}"
    found = []
    for each in ET.fromstring(xml).iter(f"{space}CdtrAcct"):
        scheme = each.find(f".//{space}Prtry")
        number = each.find(f"{space}Id/{space}Othr/{space}Id")
        assert number is not None
        found.append((number.text or "", None if scheme is None else scheme.text))
    return found


def test_the_account_that_paid_is_named_and_a_family_without_one_stays_a_reference(families: Families) -> None:
    families.owed(1, families.person())
    families.owed(2, "G-nobody-entered")
    file = refunds(families)
    named = families.named(file)
    assert named.by_reference == {f"{file.file_id}.2": "account_not_kept"}
    assert accounts(write_pain001(file, named.find)) == [
        (PLAIN, None),
        (file.payments[1].payee_ref, "LEDGER-REFERENCE"),
    ]
    names = [each.text for each in ET.fromstring(write_pain001(file, named.find)).iter(f"{{{NAMESPACE}}}Nm")]
    assert names.count("欧阳静怡") == 1
    rows = list(csv.DictReader(io.StringIO(write_csv(file, named.find).decode("utf-8-sig"))))
    assert [(row["payee_name"], row["payee_account"]) for row in rows] == [("欧阳静怡", PLAIN), ("", "")]


def test_an_account_that_the_school_put_in_and_that_never_paid_gets_nothing(families: Families) -> None:
    families.owed(1, families.person(account_no=OTHER))
    file = refunds(families)
    named = families.named(file)
    assert (named.accounts, list(named.by_reference.values())) == ({}, ["account_differs"])
    assert OTHER.encode() not in write_pain001(file, named.find)


def test_a_verified_substitute_is_named_by_the_account_that_was_verified(families: Families) -> None:
    families.owed(1, families.person(account_no=OTHER))
    token = Parties(PARTY_KEY.encode()).token("", OTHER)
    families.school.asks(c.SubstitutePayee(refund_id="f1", payee_ref=token, evidence="电话回访, 与家长核实"))
    file = refunds(families)
    assert accounts(write_pain001(file, families.named(file).find)) == [(OTHER, None)]


@pytest.mark.parametrize("reference", ["P-1", "token-of-the-bank", "p.1", "p." + "0" * 31, "P." + "0" * 32])
def test_a_banks_own_reference_is_left_to_the_bank_and_nobody_is_looked_at(families: Families, reference: str) -> None:
    families.owed(1, families.person(), reference)
    named = families.named(refunds(families))
    assert list(named.by_reference.values()) == ["account_unverifiable"]
    assert families.reads() == []


def test_without_the_key_of_tokens_all_stay_references(families: Families) -> None:
    families.owed(1, families.person())
    file = refunds(families)
    families.parties = None
    assert list(families.named(file).by_reference.values()) == ["account_unverifiable"]


def test_each_person_who_was_looked_at_stands_in_the_log_of_reads(families: Families) -> None:
    here, other = families.person(), families.person(account_no=OTHER)
    families.owed(1, here)
    families.owed(2, other)
    families.owed(3, "G-nobody-entered")
    families.named(refunds(families))
    reads = families.reads()
    assert [(each.subject_id, each.contract_id) for each in reads] == [(here, "c1"), (other, "c2")]
    assert {(each.actor, each.role, each.what, each.institution_id, each.purpose) for each in reads} == {
        ("officer-1", "regulator", "test", "school", "付款")
    }


def test_a_read_that_cannot_be_written_down_gives_no_file(families: Families) -> None:
    families.owed(1, families.person())
    file = refunds(families)
    with families.ledger.engine.begin() as connection:
        connection.execute(text("alter table access_log rename to access_log_elsewhere"))
    with pytest.raises(DBAPIError):
        families.named(file)


@pytest.mark.parametrize(
    ("caller", "seen"),
    [
        (Mandate("school", Role.INSTITUTION, institutions=frozenset({"school"})), {"c1"}),
        (Mandate("officer", Role.REGULATOR, jurisdiction="CN"), {"c1", "c2"}),
        (Mandate("bank", Role.BANK, custodians=frozenset({"bank-1"})), set()),
        (Mandate("auditor", Role.AUDITOR, jurisdiction="CN"), set()),
    ],
    ids=lambda each: str(each.role) if isinstance(each, Mandate) else "",
)
def test_only_who_may_read_a_person_gets_the_account(families: Families, caller: Mandate, seen: set[str]) -> None:
    families.owed(1, families.person())
    families.owed(2, families.person("another-school"))
    file = refunds(families)
    named = families.named(file, caller)
    assert {each.contract_id for each in file.payments if named.find(each)} == seen
    assert {each.contract_id for each in families.reads()} == seen


def test_what_does_not_open_stops_nobody_else_and_is_said(families: Families) -> None:
    ours, damaged = families.person(), families.person()
    families.owed(1, ours)
    families.owed(2, damaged)
    file = refunds(families)
    with families.ledger.engine.begin() as connection:
        stolen = connection.scalar(select(fields.c.ciphertext).where(fields.c.subject_id == ours).limit(1))
        connection.execute(update(fields).where(fields.c.subject_id == damaged).values(ciphertext=stolen))
    named = families.named(file)
    assert (len(named.accounts), list(named.by_reference.values()), named.unreadable) == (
        1,
        ["account_unreadable"],
        True,
    )
    families.vault = Vault(families.ledger.engine, read_masters(new_master_key("k2")), families.school.clock)
    assert set(families.named(file).by_reference.values()) == {"account_unreadable"}


def test_who_was_forgotten_is_nobody(families: Families) -> None:
    subject_id = families.person()
    families.owed(1, subject_id)
    file = refunds(families)
    families.vault.begin_forgetting(subject_id, "school", "test")
    assert list(families.named(file).by_reference.values()) == ["account_not_kept"]


def test_the_run_its_events_and_its_hash_are_the_same_with_and_without_a_vault(families: Families) -> None:
    families.owed(1, families.person())
    file = refunds(families)
    before = canonical_sha256(file)
    families.named(file)
    found = find_file(families.ledger, "school", file.file_id)
    assert found is not None
    assert (found.as_recorded, found.sha256, canonical_sha256(found.file)) == (True, before, before)


def test_nothing_personal_reaches_a_table_outside_the_vault(families: Families) -> None:
    families.owed(1, families.person())
    file = refunds(families)
    named = families.named(file)
    assert PLAIN in named.accounts.popitem()[1].number
    tables = inspect(families.ledger.engine).get_table_names()
    with families.ledger.engine.connect() as connection:
        rows = [row for table in tables for row in connection.execute(text(f'select * from "{table}"'))]
    assert {"events", "access_log", "vault_fields"} < set(tables)
    stored = "\n".join(str(tuple(row)) for row in rows)
    assert file.payments[0].payee_ref in stored
    assert not any(secret in stored for secret in (PLAIN, "6222 0200", "欧阳", "静怡"))


def test_what_is_known_of_a_payee_is_not_in_its_text(families: Families) -> None:
    families.owed(1, families.person())
    named = families.named(refunds(families))
    assert not any(secret in f"{named!r} {named.accounts!r}" for secret in (PLAIN, "欧阳"))


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-1", "@sum", "＝1+1", '"A"\u2028&<b>', "a\ufffe"])
def test_a_name_is_text_in_a_table_and_in_xml(families: Families, name: str) -> None:
    families.owed(1, families.person(name=name))
    file = refunds(families)
    named = families.named(file)
    (row,) = csv.DictReader(io.StringIO(write_csv(file, named.find).decode("utf-8-sig")))
    assert row["payee_account"] == PLAIN
    assert not row["payee_name"].startswith(("=", "+", "-", "@", "＝"))
    assert accounts(write_pain001(file, named.find)) == [(PLAIN, None)]


def test_a_number_that_is_too_long_for_a_file_stays_a_reference(families: Families) -> None:
    number = "6" * 35
    families.owed(1, families.person(account_no=number), Parties(PARTY_KEY.encode()).token("", number))
    assert list(families.named(refunds(families)).by_reference.values()) == ["payee_too_long"]


def test_a_release_names_the_school_as_before(families: Families) -> None:
    families.school.asks(x.contract(), x.deposit(contract_id="c1"), *x.taught("a"))
    (file,) = run(families.school, "release").files
    named = families.named(file)
    assert (named.accounts, named.by_reference, families.reads()) == ({}, {}, [])
    assert accounts(write_pain001(file, named.find)) == accounts(write_pain001(file))


def test_many_families_are_found_in_portions(families: Families) -> None:
    token = Parties(PARTY_KEY.encode()).token
    for number in range(1, 8):
        families.owed(number, families.person(account_no=f"62220200{number:08d}"), token("", f"62220200{number:08d}"))
    file = refunds(families)
    named = families.named(file)
    assert sorted(each.number for each in named.accounts.values()) == [
        f"62220200{number:08d}" for number in range(1, 8)
    ]
    assert len(families.reads()) == len(file.payments)


def test_spaces_width_and_dashes_make_no_difference() -> None:
    assert plain_number("６２２２ 0200-1234\u00a0") == "622202001234"


def test_the_master_key_of_the_tests_is_one() -> None:
    assert read_masters(MASTER).ids == ("k1",)
