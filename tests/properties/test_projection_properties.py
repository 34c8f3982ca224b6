"""Whatever happens: the live tables, a rebuild and one fold agree, and every figure is explained to the fen."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from ledger.application import Ledger, open_ledger
from ledger.postings import ACCOUNTS
from ledger.store.tables import ACCOUNT_COLUMNS, headers
from projections.answers import Moment
from projections.contract_statement import find_contract_statement, list_contract_statements
from projections.deadlines import list_deadlines
from projections.escrow_balance import get_escrow_balance, list_escrow_balances
from projections.explain import explain_balance, list_explained_lines
from projections.fund_history import list_fund_history
from projections.institution import find_institution, list_institutions
from projections.mediation_cases import find_mediation_case, list_mediation_cases
from projections.overview import refund_all_due
from projections.reader import ReadModels
from projections.rebuild import rebuild
from projections.refunds_due import list_refunds_due
from projections.runner import Runner
from tests.conftest import Clock
from tests.projections.comparison import FOR_EVER, folded_rows, live_rows
from tests.projections.histories import History, go_on, tell

FEW = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SEEDS = st.integers(0, 10**6)
STEPS = 120


class City:
    """A fresh ledger with a random history."""

    def __init__(self, url: str, seed: int) -> None:
        self.clock = Clock()
        self.ledger: Ledger = open_ledger(url, self.clock)
        self.histories: list[History] = tell(self.ledger, self.clock, seed=seed, steps=STEPS)
        self.runner, self.reader = Runner(self.ledger.engine, batch=seed % 60 + 1), ReadModels(self.ledger.engine)
        self.runner.catch_up()

    def moments(self, seed: int) -> list[Moment]:
        """Live, and three other moments in its time."""
        now = self.clock()
        day = self.clock.now.date().replace(day=1 + seed % 28)
        known_at = now - seed % 40 * 86_400_000_000
        return [Moment(), Moment(as_of=day), Moment(known_at=known_at), Moment(as_of=day, known_at=known_at)]


@pytest.fixture
def fresh(sqlite_template: Path, tmp_path: Path) -> Iterator["Fresh"]:
    with ExitStack() as stack:
        yield Fresh(sqlite_template, tmp_path, stack)


class Fresh:
    """Makes one new database after another."""

    def __init__(self, template: Path, folder: Path, stack: ExitStack) -> None:
        self.template, self.folder, self.stack, self.count = template, folder, stack, 0

    def city(self, seed: int) -> City:
        self.count += 1
        path = self.folder / f"{self.count}.sqlite"
        shutil.copy(self.template, path)
        city = City(f"sqlite:///{path}", seed)
        self.stack.callback(city.ledger.close)
        return city


@FEW
@given(seed=SEEDS)
@example(seed=6340)  # a lesson that was claimed after a freeze, settled, and contested again
def test_live_tables_rebuild_and_fold_agree(fresh: Fresh, seed: int) -> None:
    city = fresh.city(seed)
    assert live_rows(city.reader) == folded_rows(city.reader)
    assert rebuild(city.ledger.engine).differences == ()
    go_on(city.histories, seed=seed + 1, steps=STEPS // 2)
    city.runner.catch_up()
    assert rebuild(city.ledger.engine).differences == ()


@FEW
@given(seed=SEEDS)
def test_balances_are_those_that_commands_are_decided_on(fresh: Fresh, seed: int) -> None:
    city = fresh.city(seed)
    with city.ledger.engine.connect() as connection:
        for row in connection.execute(headers.select()).mappings():
            balance = get_escrow_balance(city.reader, row["institution_id"]).data
            assert [getattr(balance, name) for name in ACCOUNT_COLUMNS] == [row[name] for name in ACCOUNT_COLUMNS]


@FEW
@given(seed=SEEDS)
def test_every_balance_at_every_moment_is_the_sum_of_its_lines(fresh: Fresh, seed: int) -> None:
    city = fresh.city(seed)
    for moment in city.moments(seed):
        balance = get_escrow_balance(city.reader, "school-0", moment).data
        for account in ACCOUNTS:
            wanted = getattr(balance, f"{account.name}_fen")
            assert explain_balance(city.reader, "school-0", account.name, moment).data.balance_fen == wanted
            assert sum(_pages(city.reader, account.name, moment)) == wanted
        movements = list_fund_history(city.reader, "school-0", moment, limit=1000).data
        if movements:
            assert movements[-1].custody_after_fen == balance.custody_cash_fen


def _pages(reader: ReadModels, account: str, moment: Moment) -> list[int]:
    amounts: list[int] = []
    after: str | None = None
    while True:
        page = list_explained_lines(reader, "school-0", account, moment, after=after, limit=13)
        amounts += [line.amount_fen for line in page.data]
        after = page.next
        if after is None:
            return amounts


@FEW
@given(seed=SEEDS)
def test_a_contract_folded_alone_is_the_contract_folded_with_its_school(fresh: Fresh, seed: int) -> None:
    city = fresh.city(seed)
    for moment in city.moments(seed):
        for wanted in list_contract_statements(city.reader, moment, institution_id="school-1", limit=1000).data:
            alone = find_contract_statement(city.reader, "school-1", wanted.contract_id, moment).data
            assert alone == wanted
            for account in ("unearned", "earned", "refund_payable", "institution_receivable"):
                explained = explain_balance(
                    city.reader, "school-1", account, moment, contract_id=wanted.contract_id
                ).data
                if not city_left_out(city, moment):
                    assert explained.balance_fen == getattr(wanted, f"{account}_fen")


@FEW
@given(seed=SEEDS)
def test_institutions_balances_and_cases_asked_for_alone_are_those_of_the_whole_city(fresh: Fresh, seed: int) -> None:
    city = fresh.city(seed)
    for moment in city.moments(seed):
        for listed in list_institutions(city.reader, moment).data:
            assert find_institution(city.reader, listed.institution_id, moment).data == listed
        for balance in list_escrow_balances(city.reader, moment).data:
            assert get_escrow_balance(city.reader, balance.institution_id, moment).data == balance
        for case in list_mediation_cases(city.reader, moment, limit=1000).data:
            assert find_mediation_case(city.reader, case.institution_id, case.case_id, moment).data == case
        folded = folded_rows(city.reader, Moment(moment.as_of, moment.known_at or FOR_EVER))["escrow_balance"]
        assert [tuple(astuple(each)) for each in list_escrow_balances(city.reader, moment).data] == folded


def city_left_out(city: City, moment: Moment) -> int:
    return list_contract_statements(city.reader, moment, institution_id="school-1").left_out


@FEW
@given(seed=SEEDS)
def test_the_table_of_all_that_is_due_is_the_sum_of_its_rows(fresh: Fresh, seed: int) -> None:
    city = fresh.city(seed)
    on = city.clock.now.date()
    for moment in city.moments(seed):
        table = refund_all_due(city.reader, on, moment).data
        rows = list_refunds_due(city.reader, moment, limit=1000).data
        assert table.total.debts == len(rows)
        assert table.total.open_fen == sum(row.open_fen or 0 for row in rows)
        assert table.total.missing_fen == sum(row.missing_fen or 0 for row in rows)
        late = [row for row in rows if row.pay_by is not None and row.pay_by < on]
        assert (table.total.overdue, table.total.overdue_fen) == (len(late), sum(row.open_fen or 0 for row in late))
        for one in table.institutions:
            assert one.shortfall_fen == max(0, one.open_fen - one.payable_fen)


@FEW
@given(seed=SEEDS, limit=st.integers(1, 9))
def test_pages_of_any_size_hold_every_row_once(fresh: Fresh, seed: int, limit: int) -> None:
    city = fresh.city(seed)
    for listing in (list_refunds_due, list_deadlines, list_contract_statements):
        whole = listing(city.reader, limit=1000).data
        pieces: list[object] = []
        after: str | None = None
        while True:
            page = listing(city.reader, after=after, limit=limit)
            pieces += page.data
            after = page.next
            if after is None:
                break
        assert pieces == whole
