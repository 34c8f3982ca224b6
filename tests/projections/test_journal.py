"""The exported journal: outsiders' accounting programs reach the same balances as the ledger."""

import csv
import io
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from api.demo.cases import CASES
from api.demo.histories import history, opening, school_of, social_credit_code
from api.demo.run import run
from api.demo.schools import School
from api.demo.telling import Clock, Teller, at
from ledger import commands as c
from ledger.application import Ledger, open_ledger
from ledger.postings import ACCOUNTS
from ledger.serialization import decode
from ledger.store.factory import open_engine
from ledger.store.rows import decode_sheet
from ledger.store.tables import events, headers, sheets
from projections.answers import UnknownRow
from projections.journal import Format, account_name, component, journal
from tests.conftest import Clock as SetClock
from tests.conftest import migrate, missing

IDS = st.text(st.sampled_from("ABQYZabquxyz019_.-"), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A small city, and the published cases, on SQLite."""
    url = f"sqlite:///{tmp_path_factory.mktemp('journal') / 'ledger.sqlite'}"
    migrate(url)
    run(url, 0.05, 3, lambda _moment, _tally: None)
    engine = open_engine(url)
    yield engine
    engine.dispose()


def written(engine: Engine, form: Format, path: Path, institution_id: str | None = None) -> Path:
    with journal(engine, form, institution_id) as parts, path.open("w", encoding="utf-8") as out:
        out.writelines(parts)
    return path


def of_ledger(engine: Engine, institution_id: str | None = None) -> dict[str, int]:
    """Debit balances, fen, of every account from headers and sheets; accounts at zero are left out."""
    balances: dict[str, int] = {}
    with engine.connect() as connection:
        for row in connection.execute(select(headers)):
            for account in ACCOUNTS:
                held_fen = getattr(row, f"{account.name}_fen")
                balances[account_name(account.name, row.institution_id)] = held_fen if account.asset else -held_fen
        for owner, key, state in connection.execute(
            select(sheets.c.institution_id, sheets.c.sheet_key, sheets.c.state).where(
                sheets.c.sheet_key.startswith("contract:")
            )
        ):
            contract = decode_sheet(key, state)
            for account in ACCOUNTS:
                if account.by_contract:
                    held_fen = getattr(contract, f"{account.name}_fen")
                    name = account_name(account.name, owner, key.partition(":")[2])
                    balances[name] = held_fen if account.asset else -held_fen
    mine = f":{component(institution_id)}:" if institution_id else ":"
    return {name: fen for name, fen in balances.items() if fen and mine in name}


def read_by_beancount(path: Path) -> list[Any]:
    """What beancount reads, without a complaint."""
    loader = pytest.importorskip("beancount.loader", reason="beancount is not installed")
    entries, errors, _ = loader.load_file(str(path))
    assert errors == []
    return list(entries)


def of_beancount(path: Path) -> dict[str, int]:
    """The same from beancount: each account with its sub-accounts."""
    realization = pytest.importorskip("beancount.core.realization")
    entries = read_by_beancount(path)
    assert {type(entry).__name__ for entry in entries} <= {"Open", "Transaction"}
    root = realization.realize(entries)
    balances = {}
    for account in realization.iter_children(root):
        if account.account.count(":") >= 2:
            balance = realization.compute_balance(account)
            (amount,) = [position.units.number for position in balance] or [Decimal(0)]
            assert amount == amount.quantize(Decimal("0.01"))
            balances[account.account] = int(amount * 100)
    return {name: fen for name, fen in balances.items() if fen}


def of_hledger(path: Path) -> dict[str, int]:
    """The same from hledger, which also checks that accounts, commodities and balances are in order."""
    hledger = shutil.which("hledger")
    if hledger is None:
        missing("hledger")
    subprocess.run([hledger, "-f", str(path), "check", "--strict"], check=True, capture_output=True)
    out = subprocess.run(
        [hledger, "-f", str(path), "bal", "--tree", "-N", "-O", "csv", "--no-elide"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = list(csv.DictReader(io.StringIO(out)))
    return {row["account"]: fen for row in rows if row["account"].count(":") >= 2 and (fen := fen_of(row["balance"]))}


def fen_of(text: str) -> int:
    number, _, currency = text.partition(" ")
    if text == "0":
        return 0
    assert currency == "CNY"
    return int(Decimal(number) * 100)


def test_beancount_reaches_every_balance_of_the_city(engine: Engine, tmp_path: Path) -> None:
    found = of_beancount(written(engine, "beancount", tmp_path / "all.beancount"))
    assert found == of_ledger(engine)
    assert len(found) > 100


def test_hledger_reaches_every_balance_of_the_city(engine: Engine, tmp_path: Path) -> None:
    found = of_hledger(written(engine, "hledger", tmp_path / "all.journal"))
    assert found == of_ledger(engine)
    assert len(found) > 100


@pytest.mark.parametrize("institution_id", ["WE-02", "BJ-S02"])
def test_one_escrow_alone_has_its_own_balances(engine: Engine, tmp_path: Path, institution_id: str) -> None:
    expected = of_ledger(engine, institution_id)
    assert expected
    assert of_beancount(written(engine, "beancount", tmp_path / "one.beancount", institution_id)) == expected
    assert of_hledger(written(engine, "hledger", tmp_path / "one.journal", institution_id)) == expected


def test_on_both_databases_two_cases_have_their_balances(ledger: Ledger, clock: SetClock, tmp_path: Path) -> None:
    schools = {case.id: school_of(case) for case in CASES[:2]}
    teller = Teller(ledger, clock, heard=lambda receipt: schools[receipt.institution_id].hear(receipt))
    clock.now = at(date(2019, 1, 1))
    teller.add(*(history(case, schools[case.id]) for case in CASES[:2]))
    teller.tell(at(CASES[0].asked_on, 12))
    expected = of_ledger(ledger.engine)
    assert -expected[account_name("unearned", "WE-01", "WE-01-C")] == 13_713_33
    assert of_beancount(written(ledger.engine, "beancount", tmp_path / "two.beancount")) == expected
    assert of_hledger(written(ledger.engine, "hledger", tmp_path / "two.journal")) == expected


def test_every_transaction_names_its_place_in_the_log_and_its_hash(engine: Engine, tmp_path: Path) -> None:
    path = written(engine, "beancount", tmp_path / "one.beancount", "WE-02")
    with engine.connect() as connection:
        of_log = {
            row.position: (row.topic, row.hash, decode(row.topic, row.state)[1])
            for row in connection.execute(select(events).where(events.c.originator_id == "WE-02"))
        }
    transactions = [entry for entry in read_by_beancount(path) if type(entry).__name__ == "Transaction"]
    assert transactions
    for entry in transactions:
        topic, digest, event = of_log[int(entry.meta["position"])]
        assert (entry.meta["event"], entry.meta["hash"]) == (topic, digest)
        assert entry.date.toordinal() == (event.effective_at // 1_000_000 + 8 * 3600) // 86400 + 719163


def test_an_unknown_escrow_is_refused_by_name(engine: Engine) -> None:
    with pytest.raises(UnknownRow, match="nobody"), journal(engine, "hledger", "nobody"):
        pass


def test_the_journal_starts_with_its_first_lines_before_the_log_is_read(engine: Engine) -> None:
    tracemalloc.start()
    with journal(engine, "hledger") as parts:
        assert next(parts).startswith("; Escrow ledger, all escrows, position ")
        for _ in parts:
            pass
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


@given(IDS, IDS)
def test_different_ids_stay_different_accounts(one: str, other: str) -> None:
    assert (component(one) == component(other)) == (one == other)


@given(IDS)
def test_every_id_is_a_legal_part_of_an_account_name(identifier: str) -> None:
    name = component(identifier)
    assert name[0].isupper() or name[0].isdigit()
    assert all(letter.isalnum() or letter == "-" for letter in name)


def test_awkward_ids_load_in_both_programs(tmp_path: Path, sqlite_url: str) -> None:
    clock = Clock(at(date(2026, 3, 2)))
    ledger = open_ledger(sqlite_url, clock)
    school = School("q_-.x", "q", social_credit_code(1), "CN", "sport", "somewhere", account_id="a")
    for order in (
        *opening(school, date(2026, 3, 2)).orders,
        *(
            order
            for number, contract_id in enumerate(("C.1", "C_1", "c1", "-", "Qd"))
            for order in (
                school.office(
                    c.RegisterContract, contract_id=contract_id, guardian_id="G", student_id=f"S{number}", course="x",
                    subject="x", signed_on=date(2026, 3, 2), starts_on=date(2026, 3, 2), ends_on=date(2026, 5, 1),
                    price_fen=100 + number, paid_hours="3",
                ),
                school.bank(
                    c.RecordDeposit, bank_serial=f"T{number}", account_id="a", value_on=date(2026, 3, 2),
                    amount_fen=100 + number, payer_ref="P", contract_id=contract_id,
                ),
            )
        ),
    ):  # fmt: skip
        ledger.submit(order)
    ledger.close()
    engine = open_engine(sqlite_url)
    expected = of_ledger(engine)
    assert sorted(-fen for name, fen in expected.items() if ":Unearned:" in name) == [100, 101, 102, 103, 104]
    assert of_beancount(written(engine, "beancount", tmp_path / "x.beancount")) == expected
    assert of_hledger(written(engine, "hledger", tmp_path / "x.journal")) == expected
    engine.dispose()
