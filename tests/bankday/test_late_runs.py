"""Runs and ends of days that are over, given late: each keeps its day, and no balance of any moment is below zero."""

from collections import defaultdict
from datetime import date, timedelta
from itertools import groupby

import pytest

from api.bankday.ending import end_day
from api.bankday.numbers import Kind, file_id
from api.bankday.plans import Ask, last_instant
from api.bankday.runs import run_payments
from ledger import commands as c
from ledger import events as e
from ledger.application import Ledger
from ledger.audit import audit
from ledger.postings import ACCOUNTS, movements
from ledger.rejections import Rejection
from projections.runner import Runner
from tests import examples as x
from tests.bankday.day import MONDAY, OFFICER, happened, lines, run, school_with
from tests.bankday.test_end_of_day import AFTER_WINDOW, NEXT, end
from tests.conftest import Clock
from tests.projections.histories import ASKS, History
from tests.projections.school import School
from tests.specification import replay

_ASSETS = {account.name for account in ACCOUNTS if account.asset}
_OF_CONTRACTS = {account.name for account in ACCOUNTS if account.by_contract}
Pot = tuple[str, str | None]
"""Account, and contract or None for the institution's."""


def lows(ledger: Ledger) -> dict[Pot, int]:
    """The lowest that each account has ever been by business time, fen, where that is below zero."""
    pots: dict[Pot, int] = defaultdict(int)
    lowest: dict[Pot, int] = {}
    inside = sorted(happened(ledger), key=lambda event: event.effective_at)
    for _, together in groupby(inside, key=lambda event: event.effective_at):
        for event in together:
            for each in movements(event):
                fen = each.debit_fen if each.account in _ASSETS else -each.debit_fen
                pots[each.account, None] += fen
                if each.contract_id is not None and each.account in _OF_CONTRACTS:
                    pots[each.account, each.contract_id] += fen
        lowest |= {pot: min(fen, lowest.get(pot, 0)) for pot, fen in pots.items() if fen < 0}
    return lowest


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> School:
    return school_with(ledger, clock).on(MONDAY)


def test_lessons_confirmed_since_do_not_go_before_they_were_given(school: School) -> None:
    school.on(MONDAY + 3 * NEXT).asks(*x.taught("a", hours="4.5"))
    assert lines(run(school, "release", MONDAY + 2 * NEXT)) == [("c1", 450_00)]
    assert lows(school.ledger) == {}


def test_a_milestone_reached_since_is_not_paid_before_it(ledger: Ledger, clock: Clock) -> None:
    school = School(ledger, clock, "school").on(x.SIGNED_ON)
    school.asks(x.opening("CN-TJ"), x.contract(), x.deposit())
    school.asks(x.contract("c9", stock=True, student_id="child-9"), x.deposit("s9", contract_id="c9"))
    school.on(MONDAY + 3 * NEXT).asks(*x.taught("a", hours="10", contract_id="c9"))
    assert lines(run(school, "release", MONDAY + 2 * NEXT)) == [("c9", 900_00)]
    assert lows(ledger) == {}


def test_what_came_back_is_paid_again_after_it_came_back(school: School) -> None:
    school.asks(*x.taught("a"))
    first = run(school, "release")
    school.on(MONDAY + NEXT).asks(c.ReturnRelease(release_id=str(first.first), contract_ids=["c1"], reason="closed"))
    assert lines(run(school, "release", MONDAY, number=2)) == [("c1", 100_00)]
    assert lows(school.ledger) == {}


def test_a_refund_agreed_since_is_not_paid_before_it_was_agreed(school: School) -> None:
    school.on(MONDAY + 3 * NEXT).asks(x.request("f1", "c1", requested_on=MONDAY), x.approve("f1"))
    assert lines(run(school, "refund", MONDAY + 2 * NEXT)) == [("c1", 3_000_00)]
    assert lows(school.ledger) == {}


def confirmed_at(ledger: Ledger) -> list[int]:
    return [each.effective_at for each in happened(ledger) if isinstance(each, e.ClassConsumptionConfirmed)]


def test_silence_takes_no_money_before_it_was_paid_in(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 0)
    school.asks(x.contract(), x.claim("a"), x.contract("c2", student_id="child-2"), x.claim("a", contract_id="c2"))
    school.asks(x.deposit("s2", contract_id="c2"))
    school.on(AFTER_WINDOW + 2 * NEXT).asks(x.deposit("s1"), x.claim("b"), x.claim("b", contract_id="c2"))
    paid_at = school.clock()
    (done,) = end(school.on(AFTER_WINDOW + 3 * NEXT), AFTER_WINDOW)
    assert (done.confirmed, done.state) == (2, "sealed")
    assert sorted(confirmed_at(ledger)) == [last_instant(AFTER_WINDOW), paid_at]
    assert lows(ledger) == {}


def test_lessons_moved_to_another_contract_since_are_not_confirmed_there_before(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 1)
    school.asks(x.contract("c2", student_id="child-2"), x.claim("a", contract_id="c2"))
    school.on(AFTER_WINDOW + NEXT).asks(x.deposit("s2", contract_id="c2"))
    school.clock.advance(hours=1)
    school.asks(x.transfer("10"))
    moved_at = school.clock()
    assert end(school.on(AFTER_WINDOW + 2 * NEXT), AFTER_WINDOW)[0].confirmed == 1
    assert confirmed_at(ledger) == [moved_at]
    assert lows(ledger) == {}


def test_silence_agrees_to_no_refund_before_it_was_asked_for(school: School) -> None:
    school.on(MONDAY + 14 * NEXT).asks(x.request("f1", "c1", requested_on=MONDAY))
    asked_at = school.clock()
    assert end(school, MONDAY + 13 * NEXT)[0].agreed == 1
    agreed = next(each for each in happened(school.ledger) if isinstance(each, e.RefundDeemedAgreed))
    assert agreed.effective_at == asked_at
    assert agreed.pay_by == MONDAY + 15 * NEXT, "the clock counts from the day on which it was asked for"


class Office(History):
    """Random days, and somebody who runs and ends them late, out of order, again, or not at all."""

    def day(self) -> None:
        for _ in range(self.random.randint(1, 12)):
            self.now_and_then()
        past = self.today - timedelta(days=self.random.choice((0, 0, 1, 1, 2, 5, 12)))
        if self.random.random() < 0.5:
            self._pays("release", past)
        if self.random.random() < 0.5:
            self._pays("refund", past)
        if self.random.random() < 0.4:
            Runner(self.ledger.engine).catch_up()
            on = min(past, self.today - timedelta(days=1))
            list(end_day(self.ledger, [self.institution_id], on, OFFICER, now=self.clock(), statements=False))
        self.catch_up()

    def now_and_then(self) -> None:
        """One random thing, never dated back by who asks."""
        if self.random.random() < 0.2:
            self.clock.advance(hours=self.random.choice((1, 5, 30, 200)))
        asks, weights = zip(*ASKS, strict=True)
        command = self.random.choices(asks, weights)[0](self)
        if command is not None:
            self.submit(command)

    def _pays(self, kind: Kind, on: date) -> None:
        Runner(self.ledger.engine).catch_up()
        number = self.random.randint(1, 3)
        ask = Ask(file_id(kind, self.institution_id, on, number), OFFICER, self.clock(), part=4)
        try:
            first = run_payments(self.ledger, self.institution_id, ask)
        except Rejection:
            return
        self.clock.advance(hours=self.random.choice((0, 1, 30)))
        again = run_payments(self.ledger, self.institution_id, Ask(ask.first, OFFICER, self.clock(), part=4))
        assert (again.files, again.altered) == (first.files, []) or not first.files

    def catch_up(self) -> None:
        """Follow what runs and ends of days recorded."""
        self.escrow = replay(happened(self.ledger, self.institution_id))


@pytest.mark.parametrize("seed", range(8))
def test_no_pot_was_ever_below_zero_whatever_ran_late(ledger: Ledger, clock: Clock, seed: int) -> None:
    office = Office(ledger, clock, "school", seed)
    office.open()
    for _ in range(30):
        office.day()
    assert lows(ledger) == {}
    assert audit(ledger).passed
