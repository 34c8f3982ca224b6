"""Distributing a short pot: exact, in order, resumable, late claims later, nobody above what is due."""

from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy import text

from api.closing.distribution import Distributing
from api.closing.officer import Officer
from api.closing.pots import MalformedPot, parse_pot
from api.closing.security import DRAWS, draw_security, drawn_under
from api.closing.sharing import list_hash
from api.problems import Problem
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.audit import audit
from ledger.commands import Command
from ledger.rejections import Rejection
from projections.reader import ReadModels
from tests import examples as x
from tests.closing.schools import (
    OFFICER,
    SCHOOL,
    closed,
    custody_fen,
    distributed,
    drained,
    dues,
    opened,
    ordered,
    paid_out,
    previewed,
    tell,
)
from tests.conftest import Clock

PAID = [1_000_00, 2_000_00, 3_000_00]


@pytest.fixture
def short(ledger: Ledger, clock: Clock) -> Ledger:
    """Families are owed 1,000, 2,000 and 3,000; 3,000 are in custody."""
    opened(ledger, PAID)
    drained(ledger, c3=3_000_00)
    closed(ledger, clock)
    return ledger


def test_a_pool_sums_to_the_pot_and_is_paid_to_the_last_fen(short: Ledger) -> None:
    shares = distributed(short, previewed(short))
    assert {line.contract_id: line.share_fen for line in shares.lines} == {"c1": 500_00, "c2": 1_000_00, "c3": 1_500_00}
    assert {row.covered_fen for row in dues(short).values()} == {500_00, 1_000_00, 1_500_00}
    paid_out(short, shares)
    assert custody_fen(short) == 0
    assert sum(row.open_fen or 0 for row in dues(short).values()) == 3_000_00
    assert audit(short).passed


def test_traced_money_stays_with_its_contract(short: Ledger) -> None:
    shares = distributed(short, previewed(short, method="trace"))
    assert {line.contract_id: line.share_fen for line in shares.lines} == {"c1": 1_000_00, "c2": 2_000_00, "c3": 0}


def test_a_preview_records_nothing_and_its_hash_is_that_of_the_order(short: Ledger) -> None:
    position = short.position()
    preview = previewed(short, ("custody", 100_01))
    assert short.position() == position
    (shares,) = preview.lists
    assert (shares.shared_fen, shares.list_sha256) == (100_01, list_hash(shares.lines))
    assert (preview.available_fen, preview.priority_regime) == (3_000_00, "licensed_school")


def test_a_distribution_goes_on_where_it_stopped(short: Ledger) -> None:
    shares = ordered(short, previewed(short))
    first = shares.lines[0]
    line = c.ShareLine(contract_id=first.contract_id, refund_id=first.refund_id, share_fen=first.share_fen)
    OFFICER.submit(short, c.ApproveShares(distribution_id="d1", shares=[line]))
    another = Officer(SCHOOL, "officer-3")
    assert Distributing(short, SCHOOL).approve(another, "d1").lines == shares.lines
    with pytest.raises(Problem) as gone:
        Distributing(short, SCHOOL).approve(another, "d1")
    assert gone.value.code == "distribution_unknown"
    assert Distributing(short, SCHOOL).running() is None


def test_a_list_that_is_not_what_the_record_gives_is_approved_no_further(short: Ledger) -> None:
    shares = ordered(short, previewed(short))
    wrong = shares.lines[0]
    line = c.ShareLine(contract_id=wrong.contract_id, refund_id=wrong.refund_id, share_fen=wrong.share_fen + 1)
    OFFICER.submit(short, c.ApproveShares(distribution_id="d1", shares=[line]))
    with pytest.raises(Problem) as changed:
        Distributing(short, SCHOOL).approve(OFFICER, "d1")
    assert changed.value.code == "distribution_list_changed"
    cancel = c.CancelDistribution(distribution_id="d1", reason="wrong", approved_by="officer-2")
    OFFICER.submit(short, cancel)
    again = distributed(short, previewed(short), "d2")
    assert again.lines == shares.lines


def test_a_later_pot_makes_a_second_distribution_and_late_claims_share_in_it(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [*PAID, 1_000_00])
    drained(ledger, c3=3_000_00, c4=1_000_00)
    clock.advance(days=20)
    tell(ledger, x.closure(date(2026, 9, 10)))
    lines = [c.ClosureRefund(contract_id=each, refund_id=f"f-{each}") for each in ("c1", "c2", "c3")]
    tell(ledger, c.OrderClosureRefunds(refunds=lines))
    clock.advance(days=2)
    tell(ledger, c.OrderClosureRefunds(refunds=[c.ClosureRefund(contract_id="c4", refund_id="f-c4")]))
    cut_off_on = date(2026, 9, 21)
    preview = previewed(ledger, cut_off_on=cut_off_on)
    assert (preview.waiting.late, preview.waiting.late_fen) == (1, 1_000_00)
    first = distributed(ledger, preview)
    assert [line.contract_id for line in first.lines] == ["c1", "c2", "c3"]
    paid_out(ledger, first)
    tell(ledger, c.RecordShortfallRepayment(
        bank_serial="p", account_id="6222000001", value_on=date(2026, 9, 22), contract_id="c3", amount_fen=400_00,
    ))  # fmt: skip
    second = distributed(ledger, previewed(ledger, ("other", 400_00), cut_off_on=date(2026, 9, 23)), "d2")
    assert {line.contract_id: line.due_fen for line in second.lines} == {
        "c1": 500_00, "c2": 1_000_00, "c3": 1_500_00, "c4": 1_000_00,
    }  # fmt: skip
    assert second.shared_fen == 400_00
    paid_out(ledger, second, "i2")
    assert custody_fen(ledger) == 0
    paid = {name: row.paid_fen for name, row in dues(ledger).items()}
    assert sum(paid.values()) == 3_400_00
    assert all(paid[name] <= (row.due_fen or 0) for name, row in dues(ledger).items())


def test_pots_are_used_in_their_order(short: Ledger) -> None:
    first, second = previewed(short, ("custody", 600_00), ("other", 300_00)).lists
    assert [line.share_fen for line in first.lines] == [100_00, 200_00, 300_00]
    assert [line.due_fen for line in second.lines] == [900_00, 1_800_00, 2_700_00]
    assert [line.share_fen for line in second.lines] == [50_00, 100_00, 150_00]


def test_a_company_keeps_what_it_earned_out_of_the_pot(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, PAID, licensed=False)
    tell(ledger, *x.taught("a", contract_id="c1", hours="15"))
    drained(ledger, c3=3_000_00)
    closed(ledger, clock)
    preview = previewed(ledger)
    assert (preview.priority_regime, preview.available_fen) == ("company", 3_000_00)
    assert preview.lists[0].pot_fen == 2_500_00


def short_with_security(ledger: Ledger, clock: Clock) -> None:
    """Closed, with more security than what is missing."""
    opened(ledger, PAID)
    tell(ledger, c.PlaceRiskDeposit(amount_fen=2_000_00, bank_serial="s"))
    drained(ledger, c2=700_00, c3=900_00)
    closed(ledger, clock)


def test_security_is_drawn_for_what_is_missing_and_once(ledger: Ledger, clock: Clock) -> None:
    short_with_security(ledger, clock)
    assert draw_security(ledger, OFFICER, 1_000_00, "order 1") == 1_000_00
    assert custody_fen(ledger) == 6_000_00 - 1_600_00 + 1_000_00
    assert previewed(ledger, ("risk_deposit", 1_000_00)).lists[0].shared_fen == 1_000_00


def test_an_order_draws_no_more_than_it_says_however_often_it_is_given(ledger: Ledger, clock: Clock) -> None:
    short_with_security(ledger, clock)
    assert draw_security(ledger, OFFICER, 300_00, "order 1") == 300_00
    assert draw_security(ledger, OFFICER, 300_00, "order 1") == 0
    assert draw_security(ledger, Officer(SCHOOL, "officer-3"), 300_00, "order 1") == 0
    assert draw_security(ledger, OFFICER, 600_00, "order 1") == 300_00
    assert draw_security(ledger, OFFICER, 300_00, "order 2") == 300_00
    assert custody_fen(ledger) == 6_000_00 - 1_600_00 + 900_00


def test_nobody_distributes_what_is_not_there(short: Ledger) -> None:
    preview = previewed(short, ("custody", 3_000_01))
    with pytest.raises(no.PotExceedsCustody):
        ordered(short, preview)


def test_a_running_school_is_not_distributed(ledger: Ledger) -> None:
    opened(ledger, PAID)
    with pytest.raises(no.EscrowNotClosing):
        previewed(ledger)


@pytest.mark.parametrize("text", ["custody=-1", "purse=1", "custody=1.001", "custody=0", "", "other=x"])
def test_a_pot_is_written_as_a_name_and_an_amount(text: str) -> None:
    with pytest.raises(MalformedPot):
        parse_pot(text)


def test_pots_read_as_they_are_written() -> None:
    assert parse_pot("custody=all").amount_fen is None
    assert parse_pot("risk_deposit=1,234.5") == ("risk_deposit", 123450)


def test_two_who_draw_under_one_order_at_once_draw_it_once(ledger: Ledger, clock: Clock) -> None:
    short_with_security(ledger, clock)

    class Overtaken(Officer):
        """Somebody else draws under the same order before this one's word reaches the ledger."""

        def submit_each(self, ledger: Ledger, commands: Sequence[Command]) -> list[Receipt | Rejection]:
            (order_no,) = {each.order_no for each in commands if isinstance(each, c.DrawRiskDeposit)}
            assert draw_security(ledger, OFFICER, 300_00, order_no) == 300_00
            return super().submit_each(ledger, commands)

    assert draw_security(ledger, Overtaken(SCHOOL, "officer-3"), 300_00, "order 1") == 0
    assert custody_fen(ledger) == 6_000_00 - 1_600_00 + 300_00
    with pytest.raises(no.AlreadyRecorded):
        draw_security(ledger, Overtaken(SCHOOL, "officer-3"), 700_00, "order 2")
    with ReadModels(ledger.engine).open() as reading:
        assert drawn_under(reading, SCHOOL, "order 2") == {"c2": 300_00, "c3": 300_00}


def test_a_draw_made_otherwise_counts_against_its_order_and_is_found_by_index(ledger: Ledger, clock: Clock) -> None:
    short_with_security(ledger, clock)
    tell(ledger, c.DrawRiskDeposit(contract_id="c3", amount_fen=100_00, order_no="order 1", draw_id="by-hand"))
    assert draw_security(ledger, OFFICER, 300_00, "order 1") == 200_00
    with ReadModels(ledger.engine).open() as reading:
        assert drawn_under(reading, SCHOOL, "order 1") == {"c2": 200_00, "c3": 100_00}
        if reading.log.dialect.name == "sqlite":
            asked = text(f"explain query plan {DRAWS}")
            plan = [str(row[3]) for row in reading.log.execute(asked, {"institution_id": SCHOOL})]
            assert all("events_payment (originator_id=? AND effective_at>?" in step for step in plan)
