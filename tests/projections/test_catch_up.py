"""Catching up: in batches, atomically, once."""

import pytest
from sqlalchemy import select

from ledger.application import Ledger
from ledger.postings import ACCOUNTS
from ledger.store.tables import headers
from projections.escrow_balance import escrow_balance
from projections.reader import ReadModels
from projections.runner import Runner
from tests.conftest import Clock
from tests.projections.comparison import folded_rows, live_rows
from tests.projections.histories import go_on, tell


@pytest.mark.parametrize("seed", range(2))
def test_batches_and_one_fold_of_everything_give_the_same_rows(
    ledger: Ledger, clock: Clock, runner: Runner, reader: ReadModels, seed: int
) -> None:
    histories = tell(ledger, clock, seed=seed, steps=150)
    runner.catch_up()
    assert runner.health().green
    assert live_rows(reader) == folded_rows(reader)
    go_on(histories, seed=seed + 100, steps=150)
    runner.catch_up()
    assert live_rows(reader) == folded_rows(reader)


def test_balances_are_those_of_the_headers(ledger: Ledger, clock: Clock, runner: Runner) -> None:
    tell(ledger, clock, seed=7, steps=200, institutions=3)
    runner.catch_up()
    names = [f"{account.name}_fen" for account in ACCOUNTS]
    with ledger.engine.connect() as connection:
        summed = connection.execute(
            select(escrow_balance.c.institution_id, *(escrow_balance.c[name] for name in names)).order_by(
                "institution_id"
            )
        ).all()
        kept = connection.execute(
            select(headers.c.institution_id, *(headers.c[name] for name in names)).order_by("institution_id")
        ).all()
    assert summed == kept
    assert len(summed) == 3
