"""Families that leave: every way a refund can go, from request to payment."""

from collections.abc import Callable
from datetime import date
from random import Random

from api.demo.days import after
from api.demo.groups import Enrolment, askable
from api.demo.mediations import broken_instalments, expired, failed, instalments, with_deduction, withdrawn
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c
from ledger.answers import Answer, Receipt
from ledger.events import RefundRequested
from ledger.orders import Order
from ledger.rejections import NothingDue

REFUSED, AGREED = 0.5, 0.6
"""How often a school says no to a family that then stays, and yes to one that it then does not pay."""

Fate = Callable[[School, Enrolment, date, Random], Story]
"""What becomes of a contract from a day on."""


def request(school: School, enrolment: Enrolment, refund_id: str, cause: str, on: date, **facts: object) -> Order:
    """The family asks for its money."""
    return school.guardian(
        enrolment.guardian_id,
        c.RequestRefund,
        refund_id=refund_id,
        contract_id=enrolment.contract_id,
        cause=cause,
        requested_on=on,
        **facts,
    )


def pay(school: School, refund_id: str, on: date) -> Story:
    """The school instructs an agreed refund, the bank pays two days later."""
    instruction_id = school.number("P")
    yield Step(at(on, 10), [school.office(c.InstructRefund, refund_id=refund_id, instruction_id=instruction_id)])
    settled = school.bank(
        c.SettleRefund,
        refund_id=refund_id,
        instruction_id=instruction_id,
        bank_serial=school.number("O"),
    )
    yield Step(at(after(on, 2), 16), [settled])


def leaves(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """The family leaves for its own reasons; the school agrees and pays."""
    if not askable(school, enrolment):
        return
    refund_id = school.number("R")
    ask = request(school, enrolment, refund_id, "family", on)
    answers = yield Step(at(on, 14), [ask], refused=(NothingDue,))
    if isinstance(answers[0], NothingDue):  # at the list price nothing is left (art. 19)
        return
    yield Step(at(after(on, 2), 11), [school.office(c.ApproveRefund, refund_id=refund_id)])
    yield from pay(school, refund_id, after(on, rng.randint(3, 6)))


def school_moved(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """The school moved; the refund is its own cause."""
    if not askable(school, enrolment):
        return
    refund_id = school.number("R")
    yield Step(at(on, 14), [request(school, enrolment, refund_id, "institution", on)])
    yield Step(at(after(on, 1), 11), [school.office(c.ApproveRefund, refund_id=refund_id)])
    yield from pay(school, refund_id, after(on, rng.randint(2, 5)))


def changes_mind(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """The family asks, the school says no, the family stays."""
    if not askable(school, enrolment):
        return
    refund_id = school.number("R")
    ask = request(school, enrolment, refund_id, "family", on)
    answers = yield Step(at(on, 14), [ask], refused=(NothingDue,))
    if isinstance(answers[0], NothingDue):  # at the list price nothing is left (art. 19)
        return
    if rng.random() < REFUSED:
        refusal = school.office(c.RefuseRefund, refund_id=refund_id, reason="课程已过半")
        yield Step(at(after(on, 1), 11), [refusal])
    stays = school.guardian(enrolment.guardian_id, c.WithdrawRefund, refund_id=refund_id, reason="换了老师,继续上课")
    yield Step(at(after(on, 3), 19), [stays])


def silence(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """The school does not answer: past the reply window its silence is agreement, and the officer has it paid."""
    if not askable(school, enrolment):
        return
    refund_id = school.number("R")
    answers = yield Step(at(on, 14), [request(school, enrolment, refund_id, "mutual", on)])
    reply_by = _requested(answers).reply_by
    assert reply_by is not None, "every rule set of the demo's year knows a reply window"
    late_on = after(reply_by, 1 + rng.randrange(3))
    yield Step(at(late_on, 10), [school.officer(c.DeemRefundAgreed, refund_id=refund_id)])
    yield from pay(school, refund_id, after(late_on, 2))


def _requested(answers: list[Answer]) -> RefundRequested:
    (receipt,) = answers
    assert isinstance(receipt, Receipt)
    event = receipt.events[0].event
    assert isinstance(event, RefundRequested)
    return event


def returned(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """The account is closed, the payment comes back; another account of the payer is verified."""
    if not askable(school, enrolment):
        return
    refund_id, first = school.number("R"), school.number("P")
    yield Step(at(on, 14), [request(school, enrolment, refund_id, "neither", on)])
    back_on = after(on, 5)
    yield Step(
        at(after(on, 2), 10),
        [
            school.office(c.ApproveRefund, refund_id=refund_id),
            school.office(c.InstructRefund, refund_id=refund_id, instruction_id=first),
        ],
    )
    back = school.bank(c.ReturnRefund, refund_id=refund_id, instruction_id=first, reason="账户已销户")
    yield Step(at(back_on, 16), [back])
    other = school.bank(
        c.SubstitutePayee,
        refund_id=refund_id,
        payee_ref=f"P-{rng.getrandbits(48):012x}",
        evidence="same-name account checked by the bank",
    )
    yield Step(at(after(back_on, 4), 11), [other])
    yield from pay(school, refund_id, after(back_on, 5))


def never_paid(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """Agreed and not paid: overdue at the end."""
    if not askable(school, enrolment):
        return
    refund_id = school.number("R")
    yield Step(at(on, 14), [request(school, enrolment, refund_id, "institution", on)])
    if rng.random() < AGREED:
        yield Step(at(after(on, 3), 11), [school.office(c.ApproveRefund, refund_id=refund_id)])


def cash_in_hand(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """The school pays a part in cash; it counts once the family says so."""
    if not askable(school, enrolment):
        return
    refund_id = school.number("R")
    yield Step(at(on, 14), [request(school, enrolment, refund_id, "institution", on)])
    yield Step(at(after(on, 1), 11), [school.office(c.ApproveRefund, refund_id=refund_id)])
    word = school.guardian(
        enrolment.guardian_id,
        c.AcknowledgeOffPlatformRefund,
        contract_id=enrolment.contract_id,
        refund_id=refund_id,
        amount_fen=100_00 * rng.randint(1, 2),
        evidence="signed receipt",
    )
    yield Step(at(after(on, 2), 19), [word])
    yield from pay(school, refund_id, after(on, 4))


FATES: tuple[Fate, ...] = (
    leaves,
    leaves,
    leaves,
    school_moved,
    school_moved,
    changes_mind,
    silence,
    returned,
    never_paid,
    cash_in_hand,
    instalments,
    broken_instalments,
    failed,
    with_deduction,
    withdrawn,
    expired,
)
"""What may become of a contract, the common more often."""
EVERY_FATE: tuple[Fate, ...] = tuple(dict.fromkeys(FATES))
