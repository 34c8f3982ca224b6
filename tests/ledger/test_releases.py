"""Releases: never more than earned and undisputed, in the rhythm of the place, line by line."""

from dataclasses import replace
from datetime import date

import msgspec
import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions import decide
from ledger.decisions.context import instant
from ledger.decisions.releases import releasable_pot_fen
from ledger.escrow import Escrow, Unread
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rulebook import select
from ledger.sheets import Contract, Refund, sheet_key
from tests import examples as x
from tests.specification import Specification

FIRST = x.STARTS_ON


def place(
    jurisdiction: str = "CN",
    category: str = "non_academic",
    *,
    stock: bool = False,
    terms: dict[str, object] | None = None,
) -> Specification:
    school = Specification(x.SIGNED_ON).given(
        x.opening(jurisdiction, category), x.contract(stock=stock, terms=terms or {}), x.deposit()
    )
    return school.on(FIRST)


@pytest.fixture
def school() -> Specification:
    return place().given(*x.taught("a", "b"))


def returned(*contract_ids: str, release_id: str = "r1") -> c.ReturnRelease:
    return c.ReturnRelease(release_id=release_id, contract_ids=list(contract_ids or ("c1",)), reason="closed account")


def test_earned_money_goes_to_the_institution_and_no_more(school: Specification) -> None:
    school.when(x.release(200_01)).refused(no.ReleaseExceedsEarned("c1", 200_00, 200_01))
    school.given(x.release(200_00), x.settle_release())
    assert (school.escrow.header.earned_fen, school.escrow.header.custody_cash_fen) == (0, 2_800_00)
    school.when(x.release(1, release_id="r2")).refused(no.ReleaseExceedsEarned("c1", 0, 1))


def test_a_release_names_each_contract_once_and_is_given_once(school: Specification) -> None:
    line = c.ReleaseOrderLine(contract_id="c1", amount_fen=1)
    school.when(c.InstructRelease(release_id="r1", lines=[line, line])).refused(no.LineRepeated("contract", "c1"))
    school.given(x.release(1)).when(x.release(1)).refused(no.AlreadyRecorded("release", "r1:c1"))
    school.when(x.release(1, "c9")).refused(no.ContractUnknown("c9"))


def test_requests_that_reserve_something_are_read_together(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"))
    school.given(
        *x.taught("a", contract_id="c2"), x.request(requested_on=FIRST), x.request("f2", "c2", requested_on=FIRST)
    )
    asked = c.InstructRelease(
        release_id="r1", lines=[c.ReleaseOrderLine(contract_id=each, amount_fen=1) for each in ("c1", "c2")]
    )
    stored = Escrow(school.escrow.header, complete=False)
    stored.sheets.update((key, school.escrow.look(key)) for key in asked.touches())
    with pytest.raises(Unread) as unread:
        decide(Order("school", "key", asked, "school", Role.INSTITUTION), stored, instant(school.now))
    assert set(unread.value.keys) == {sheet_key(Refund, "f1"), sheet_key(Refund, "f2")}


def test_a_batch_settles_and_returns_line_by_line(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"))
    school.given(*x.taught("a", contract_id="c2"))
    lines = [c.ReleaseOrderLine(contract_id=each, amount_fen=100_00) for each in ("c1", "c2")]
    school.given(c.InstructRelease(release_id="r1", lines=lines))
    school.when(x.settle_release("c1")).then(e.ReleaseSettled)
    school.when(returned("c2")).then(e.ReleaseReturned)
    assert school.escrow.get(Contract, "c2").earned_fen == 100_00
    for again in (x.settle_release("c1"), returned("c1")):
        school.when(again).refused(no.ReleaseLineUnknown("r1", "c1"))
    school.when(x.settle_release("c1", "c1")).refused(no.LineRepeated("contract", "c1"))
    school.when(returned("c2", "c2")).refused(no.LineRepeated("contract", "c2"))


def test_a_dispute_that_races_a_release_is_owed_back(school: Specification) -> None:
    school.given(x.release(200_00), x.dispute("a"), x.decide_dispute("a", "reversed"), x.settle_release())
    assert school.escrow.header.institution_receivable_fen == 100_00
    late = place().given(*x.taught("a"), x.dispute("a"))
    late.when(x.release(1)).refused(no.ReleaseExceedsEarned("c1", 0, 1))


def test_a_requested_refund_reserves_what_it_will_need_of_earned_money() -> None:
    # Withdrawal within seven days of payment gives the principal back whatever was consumed (art. 14).
    school = place(terms={"prior_same_service": False}).given(*x.taught("a", "b"))
    school.given(x.request(requested_on=FIRST, cause="family"))
    school.when(x.release(1)).refused(no.ReleaseExceedsEarned("c1", 0, 1))
    school.given(c.WithdrawRefund(refund_id="f1", reason="goes on"))
    school.when(x.release(200_00)).then(e.ReleaseInstructed)


def test_what_the_institution_owes_elsewhere_comes_out_of_its_earned_money_first(school: Specification) -> None:
    school.given(x.contract("c2", student_id="child-2"), x.deposit("s2", contract_id="c2"))
    school.given(*x.taught("a", contract_id="c2"), x.release(100_00, "c2", "r0"))
    school.given(x.settle_release("c2", release_id="r0"), x.reverse_deposit("s2"))
    school.when(x.release(200_00)).refused(no.CustodyShort(100_00, 200_00))
    school.when(x.release(100_00)).then(e.ReleaseInstructed)


# -- rhythms


def test_wuhu_releases_an_order_fifteen_working_days_after_its_last_lesson() -> None:
    wuhu = place("CN-AH-WH").given(*x.taught("a", hours="29"))
    wuhu.when(x.release(1)).refused(no.OrderNotCompleted("c1", 0, 1, "CN-AH-WH/non_academic@2025-03-26#1"))
    wuhu.given(*x.taught("b"))
    wuhu.on(date(2026, 9, 21)).when(x.release(x.PRICE_FEN)).refused(no.OrderNotCompleted)
    wuhu.on(date(2026, 9, 22)).when(x.release(x.PRICE_FEN)).then(e.ReleaseInstructed)


def test_wuhu_waits_for_every_lesson_even_where_all_that_was_paid_is_used() -> None:
    wuhu = Specification(x.SIGNED_ON).given(x.opening("CN-AH-WH"), x.contract(), x.deposit(amount_fen=300_00)).on(FIRST)
    wuhu.given(*x.taught("a", hours="3")).on(date(2026, 11, 2))
    wuhu.when(x.release(1)).refused(no.OrderNotCompleted)


def test_a_late_confirmation_of_an_earlier_day_does_not_shorten_the_wait() -> None:
    wuhu = place("CN-AH-WH").given(x.claim("a", hours="10"), x.claim("b", hours="20")).on(date(2026, 9, 10))
    wuhu.given(x.confirm("a"))
    noon = wuhu.now.replace(day=2)
    wuhu.given(x.confirm("b").model_copy(update={"effective_at": noon}))
    wuhu.on(date(2026, 9, 25)).when(x.release(1)).refused(no.OrderNotCompleted)


def test_wuhu_holds_the_whole_order_under_dispute_or_refund() -> None:
    wuhu = place("CN-AH-WH").given(*x.taught("a", hours="29"), *x.taught("b")).on(date(2026, 10, 20))
    wuhu.given(x.dispute("b")).when(x.release(1)).refused(no.ReleaseExceedsEarned("c1", 0, 1))
    wuhu.given(x.decide_dispute("b", "reversed"), x.request())
    wuhu.when(x.release(1)).refused(no.OrderNotCompleted)
    wuhu.given(x.approve(), *x.paid_out()).when(x.release(2_900_00)).then(e.ReleaseInstructed)


def test_tianjin_releases_old_money_in_three_steps() -> None:
    tianjin = place("CN-TJ", stock=True).given(*x.taught("a", hours="9.99"))
    tianjin.when(x.release(1)).refused(no.OrderNotCompleted("c1", 0, 1, "CN-TJ/non_academic@2025-03-26#1"))
    tianjin.given(*x.taught("b", hours="0.01")).when(x.release(900_01)).refused(no.OrderNotCompleted)
    tianjin.given(x.release(900_00), x.settle_release(), *x.taught("d", hours="10"))
    tianjin.when(x.release(900_01, release_id="r2")).refused(no.OrderNotCompleted)
    tianjin.given(x.release(900_00, release_id="r2"), *x.taught("f", hours="9"))
    tianjin.when(x.release(1, release_id="r3")).refused(no.OrderNotCompleted)
    tianjin.given(*x.taught("g")).when(x.release(1_200_00, release_id="r3")).then(e.ReleaseInstructed)


def test_tianjin_releases_new_money_lesson_by_lesson() -> None:
    place("CN-TJ").given(*x.taught("a")).when(x.release(100_00)).then(e.ReleaseInstructed)


def test_yuxi_settles_once_a_week() -> None:
    yuxi = place("CN-YN-YX").given(*x.taught("a"), x.release(50_00))
    yuxi.on(date(2026, 9, 6)).when(x.release(50_00, release_id="r2")).refused(no.OrderNotCompleted)
    yuxi.on(date(2026, 9, 7)).when(x.release(50_00, release_id="r2")).then(e.ReleaseInstructed)


def test_a_returned_weekly_release_may_be_repeated_at_once() -> None:
    yuxi = place("CN-YN-YX").given(*x.taught("a"), x.release(100_00), returned())
    yuxi.when(x.release(100_00, release_id="r2")).then(e.ReleaseInstructed)


def test_nothing_is_released_where_the_rhythm_of_the_place_was_not_found() -> None:
    signed_on = date(2021, 6, 1)
    school = Specification(signed_on).given(x.opening())
    school.given(x.contract(signed_on=signed_on, starts_on=signed_on, ends_on=date(2021, 8, 31)))
    school.given(x.deposit(value_on=signed_on), x.claim("a", taught_on=signed_on, notified_on=signed_on))
    school.given(x.confirm("a"))
    school.when(x.release(1)).refused(no.RuleUnknown("release.mode", "CN/non_academic@2021-01-01#1"))


def test_a_minimum_balance_stays_where_the_place_sets_one(school: Specification) -> None:
    header, rules = school.escrow.header, select("CN-BJ", "academic", FIRST)
    unknown = rules.parameters["custody.minimum_balance"]
    assert unknown.unknown
    assert releasable_pot_fen(header, 3_000_00, rules) == 200_00

    def with_minimum(fen: int) -> int:
        known = {**rules.parameters, "custody.minimum_balance": msgspec.structs.replace(unknown, value=fen)}
        return releasable_pot_fen(header, 3_000_00, replace(rules, parameters=known))

    assert [with_minimum(fen) for fen in (2_800_00, 2_900_00, 3_000_01)] == [200_00, 100_00, 0]


# -- at the end


def test_a_closing_institution_gets_what_is_left_only_after_the_families(school: Specification) -> None:
    school.given(x.closure(FIRST)).when(x.release(200_00)).refused(no.EscrowIsClosing("abnormal"))
    refunds = [c.ClosureRefund(contract_id="c1", refund_id="f1")]
    school.given(c.OrderClosureRefunds(refunds=refunds)).when(x.release(200_00)).refused(no.EscrowIsClosing("abnormal"))
    school.given(*x.paid_out()).when(x.release(200_00)).then(e.ReleaseInstructed)
    school.given(x.settle_release(), c.CloseEscrow())
    assert school.escrow.header.status == "closed"
