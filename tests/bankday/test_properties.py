"""Over random histories: nothing goes that is not earned and undisputed, nothing is dropped, nothing goes twice."""

from datetime import UTC, date, datetime, time, timedelta
from xml.etree import ElementTree as ET

import pytest

from api.bankday.ending import end_day
from api.bankday.numbers import Kind, file_id
from api.bankday.pain001 import NAMESPACE, write_pain001
from api.bankday.plans import Ask
from api.bankday.runs import Run, run_payments
from api.bankfiles.amounts import read_amount
from ledger import events as e
from ledger.application import Ledger
from ledger.audit import audit
from ledger.evolution import evolve
from ledger.rejections import Rejection
from ledger.sheets import Contract, Refund
from projections.runner import Runner
from tests.bankday.day import OFFICER, texts
from tests.conftest import Clock
from tests.projections.histories import History

SEEDS = range(6)
STEPS = 90


@pytest.fixture(params=SEEDS)
def history(request: pytest.FixtureRequest, ledger: Ledger, clock: Clock) -> History:
    one = History(ledger, clock, "school", request.param)
    one.open()
    for _ in range(STEPS):
        one.step()
    return one


def paid(history: History, kind: Kind, run: int = 1, on: date | None = None) -> Run | None:
    """A run; None where the escrow releases nothing at all."""
    Runner(history.ledger.engine).catch_up()
    ask = Ask(file_id(kind, "school", on or history.today, run), OFFICER, history.clock(), part=4)
    try:
        return run_payments(history.ledger, "school", ask)
    except Rejection:
        return None


def follow(history: History) -> list[e.Event]:
    """Fold what the run recorded."""
    fresh = [each.event for each in history.ledger.stream("school")][folded(history) :]
    for event in fresh:
        evolve(history.escrow, event)
    return fresh


def folded(history: History) -> int:
    count: int = getattr(history, "folded", 0)
    history.folded = len(history.ledger.stream("school"))  # type: ignore[attr-defined]
    return count


def kept_fen(run: Run, **which: str | None) -> int:
    return sum(
        each.amount_fen
        for each in run.withheld.values()
        if all(getattr(each, name) == value for name, value in which.items())
    )


def test_a_release_run_lets_go_what_is_earned_and_undisputed_and_drops_nothing(history: History) -> None:
    folded(history)
    contracts = {each.contract_id: each for each in history.escrow.sheets.values() if isinstance(each, Contract)}
    free_fen = {
        each.contract_id: 0 if each.order_held else each.earned_fen - each.held_fen for each in contracts.values()
    }
    earned_fen = {each.contract_id: each.earned_fen for each in contracts.values()}
    run = paid(history, "release")
    if run is None:
        return
    lines = [each for file in run.files for each in file.payments]
    assert len({each.contract_id for each in lines}) == len(lines)
    for line in lines:
        assert 0 < line.amount_fen <= free_fen[line.contract_id or ""]
    gone_fen = {each.contract_id: each.amount_fen for each in lines}
    for contract_id, fen in earned_fen.items():
        assert fen == gone_fen.get(contract_id, 0) + kept_fen(run, contract_id=contract_id), contract_id
    instructed = [each for each in follow(history) if isinstance(each, e.ReleaseInstructed)]
    assert [(each.contract_id, each.amount_fen) for each in instructed] == [
        (each.contract_id, each.amount_fen) for each in lines
    ]
    for file in run.files:
        document = ET.fromstring(write_pain001(file))
        sums = [read_amount(each.text or "") for each in document.iter(f"{{{NAMESPACE}}}CtrlSum")]
        amounts = [read_amount(each.text or "") for each in document.iter(f"{{{NAMESPACE}}}InstdAmt")]
        assert sums == [sum(amounts)] * 2 == [file.total_fen] * 2


@pytest.mark.parametrize("kind", ["release", "refund"])
def test_a_run_that_is_over_records_nothing_whatever_happens_between(history: History, kind: Kind) -> None:
    on, first = history.today, paid(history, kind)
    if first is None or not first.files:
        return
    for _ in range(30):
        history.step()
    before = texts(history.ledger)
    again = paid(history, kind, on=on)
    assert again is not None
    assert (texts(history.ledger), again.recorded) == (before, 0)
    assert [write_pain001(each) for each in again.files] == [write_pain001(each) for each in first.files]
    assert audit(history.ledger).passed


def test_a_refund_run_pays_within_cover_and_lists_the_rest(history: History) -> None:
    folded(history)
    open_fen = {
        each.refund_id: each.open_fen
        for each in history.escrow.sheets.values()
        if isinstance(each, Refund) and each.status == "agreed" and each.open_fen and each.instalment is None
    }
    run = paid(history, "refund")
    if run is None:
        return
    gone_fen = {each.refund_id: each.amount_fen for file in run.files for each in file.payments}
    for refund_id, fen in open_fen.items():
        assert fen == gone_fen.get(refund_id, 0) + kept_fen(run, refund_id=refund_id), refund_id
    follow(history)
    header = history.escrow.header
    on_its_way_fen = header.refund_in_transit_fen + header.release_in_transit_fen
    assert header.custody_cash_fen >= on_its_way_fen
    assert audit(history.ledger).passed


def test_an_end_of_day_twice_is_once(history: History) -> None:
    on = history.today
    history.clock.now = datetime.combine(on + timedelta(days=1), time(1), UTC)
    (first,) = end_day(history.ledger, ["school"], on, OFFICER, now=history.clock())
    assert (first.state in {"sealed", "closed"}, first.failure) in {(True, ""), (False, "statement_incomplete")}
    before = texts(history.ledger)
    (second,) = end_day(history.ledger, ["school"], on, OFFICER, now=history.clock())
    assert texts(history.ledger) == before
    assert second.state == ("sealed_before" if first.state == "sealed" else first.state)
    assert audit(history.ledger).passed
