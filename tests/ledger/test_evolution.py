"""Folding history: every event has its fold, replay gives the same escrow, and deciding reads only what it needs."""

from datetime import date
from typing import get_args

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.commands import Command
from ledger.decisions import decide
from ledger.decisions.context import DECISIONS, instant
from ledger.escrow import Escrow, Unread
from ledger.evolution import FOLDS, evolve
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rejections import Rejection
from ledger.sheets import Header
from tests import examples as x
from tests.specification import Specification, fingerprint

TODAY = date(2026, 9, 10)


@pytest.fixture
def story() -> Specification:
    """A long life: siblings, amendment, transfer, dispute, release, refunds, mediation, closure, distribution."""
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit())
    school.given(
        x.contract("c2", student_id="child-2", price_fen=1_000_00, hours="10"), x.deposit("s2", 1_000_00, "c2")
    )
    school.given(x.contract("c3", student_id="child-3"), x.deposit("s3", contract_id="c3"), x.deposit("s4", 7, None))
    school.on(TODAY).given(*x.taught("a", "b"), x.dispute("a"), x.release(50_00), x.settle_release())
    move = c.TransferLessons.model_validate(
        {
            "contract_id": "c1",
            "to_contract_id": "c2",
            "hours": "3",
            "reason": "r",
            "consent": "d",
            "receiver_consent": "d",
        }
    )
    school.given(x.decide_dispute("a", "reversed"), move, x.freeze(), x.unfreeze())
    school.given(x.open_mediation(), x.accept_mediation(TODAY), x.settlement(TODAY, amount_fen=1_000_00))
    school.given(x.instruct("m1.1"), c.ReturnRefund(refund_id="m1.1", instruction_id="i1", reason="closed"))
    school.given(x.request("f2", "c2"), x.approve("f2"), *x.paid_out("f2"), x.reverse_deposit("s3"), x.closure(TODAY))
    return school


def test_every_event_has_a_fold_and_every_command_a_decision() -> None:
    assert set(FOLDS) == set(get_args(e.Happening))
    assert set(DECISIONS) == set(c.COMMANDS.values())


def test_the_history_folds_into_the_same_escrow_from_nothing(story: Specification) -> None:
    assert fingerprint(story.replayed()) == story.fingerprint()


def test_folding_never_refuses_what_rules_would_refuse(story: Specification) -> None:
    unheard = e.ReleaseInstructed(effective_at=0, release_id="r", contract_id="c1", amount_fen=10**12)
    evolve(story.escrow, unheard)
    assert story.escrow.header.earned_fen < 0


class Shelf:
    """Sheets in a store: they are handed out one at a time, when asked for."""

    def __init__(self, school: Specification) -> None:
        self.school = school
        self.asked: list[str] = []

    def decide(self, command: Command, role: Role) -> list[e.Event] | Rejection:
        order = Order("school", "key", command, f"{role}-1", role)
        part = Escrow(self.school.escrow.header, complete=False)
        while True:
            try:
                return decide(order, part, instant(self.school.now))[0]
            except Rejection as rejection:
                return rejection
            except Unread as unread:
                missing = unread.keys
            for key in missing:
                self.asked.append(key)
                part.sheets[key] = self.school.escrow.sheets.get(key)


@pytest.mark.parametrize(
    "command",
    [
        x.deposit("s9"), x.contract("c9"), x.claim("z", contract_id="c2"), x.release(1, "c2", "r9"),
        c.OrderClosureRefunds(refunds=[c.ClosureRefund(contract_id="c2", refund_id="f9")]),
        x.reverse_deposit("s2"), x.reverse_deposit("s1"), x.instruct("m1.1", "i2"), x.order_refund("f9", "c3"),
        x.open_mediation("m9", "c3"), c.EndContract(contract_id="c2"), c.CloseEscrow(),
    ],
)  # fmt: skip
def test_a_decision_asks_for_each_sheet_it_needs_and_answers_the_same(story: Specification, command: Command) -> None:
    role = next(iter(sorted(command.by)))
    before, shelf = story.fingerprint(), Shelf(story)
    answer = shelf.decide(command, role)
    assert story.fingerprint() == before, "nothing was folded into the sheets that were lent"
    assert len(shelf.asked) == len(set(shelf.asked)), "no sheet is asked for twice"
    assert repr(answer) == repr(story.when(command, role).outcome)


@pytest.mark.parametrize(
    "command",
    [
        x.deposit("s9", contract_id="c2"),
        x.claim("z", contract_id="c2"),
        x.confirm("a"),
        x.release(1, "c2"),
        x.settle("f2"),
    ],
)
def test_what_commands_say_they_touch_spares_a_second_round(story: Specification, command: Command) -> None:
    shelf = Shelf(story)
    shelf.decide(command, next(iter(sorted(command.by))))
    assert set(shelf.asked) <= set(command.touches())


def test_an_unknown_escrow_is_read_as_none() -> None:
    part = Escrow(Header(institution_id="school"), complete=False)
    order = Order("school", "key", x.contract(), "institution-1", Role.INSTITUTION)
    with pytest.raises(no.EscrowNotOpen):
        decide(order, part, 1)
