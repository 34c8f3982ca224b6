"""Cases at the mediation centre: settled by instalments, kept or broken, failed, withdrawn, with a deduction."""

from collections.abc import Sequence
from datetime import date
from random import Random

from api.demo.days import after
from api.demo.groups import Enrolment, askable
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c
from ledger.answers import Answer, Receipt
from ledger.events import MediationOpened
from ledger.orders import Order


def _opened(school: School, enrolment: Enrolment, case_id: str) -> Order:
    return school.mediator(
        c.OpenMediation,
        case_id=case_id,
        contract_id=enrolment.contract_id,
        referred_by="family",
        cause="institution",
        claim_fen=school.contracts[enrolment.contract_id].unearned_fen,
    )


def _due_fen(answers: Sequence[Answer]) -> int:
    (receipt,) = answers
    assert isinstance(receipt, Receipt)
    event = receipt.events[0].event
    assert isinstance(event, MediationOpened)
    return event.entitled_fen


def _begin(school: School, enrolment: Enrolment, on: date) -> Story:
    """Asked for and refused."""
    refund_id = school.number("R")
    ask = school.guardian(
        enrolment.guardian_id,
        c.RequestRefund,
        refund_id=refund_id,
        contract_id=enrolment.contract_id,
        cause="institution",
        requested_on=on,
    )
    yield Step(at(on, 14), [ask])
    no = school.office(c.RefuseRefund, refund_id=refund_id, reason="合同约定不退费")
    yield Step(at(after(on, 2), 11), [no])


def instalments(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:  # noqa: ARG001 - a fate like the others
    """Settled in three instalments, each paid on its day."""
    if not askable(school, enrolment):
        return
    case_id, days = school.number("M"), [after(on, 13 + 14 * number) for number in range(1, 4)]
    yield from _settled(school, enrolment, case_id, on, days)
    for number, day in enumerate(days, 1):
        yield from _instalment(school, f"{case_id}.{number}", day)


def broken_instalments(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """The court confirms the settlement; the second instalment is not paid, the officer has the rest paid."""
    if not askable(school, enrolment):
        return
    case_id, days = school.number("M"), [after(on, 13 + 14 * number) for number in range(1, 4)]
    yield from _settled(school, enrolment, case_id, on, days)
    yield _confirmed(school, case_id, after(on, 25))
    yield from _instalment(school, f"{case_id}.1", days[0])
    breach = school.mediator(c.BreachSettlement, case_id=case_id, reason="第二期到期未付")
    yield Step(at(after(days[1], rng.randint(2, 5)), 10), [breach])
    for number in (2, 3):
        yield from _instalment(school, f"{case_id}.{number}", after(days[2], number))


def _settled(school: School, enrolment: Enrolment, case_id: str, on: date, days: Sequence[date]) -> Story:
    """Refused at the school, settled at the centre for all that is due, in parts."""
    yield from _begin(school, enrolment, on)
    answers = yield Step(at(after(on, 4), 10), [_opened(school, enrolment, case_id)])
    due_fen = _due_fen(answers)
    yield Step(at(after(on, 6), 10), [_accepted(school, case_id, after(on, 6))])
    parts = [due_fen // 3, due_fen // 3, due_fen - 2 * (due_fen // 3)]
    settle = school.mediator(
        c.AgreeSettlement,
        case_id=case_id,
        kind="instalments",
        agreed_on=after(on, 13),
        amount_fen=due_fen,
        instalments=[{"due_on": day, "amount_fen": part} for day, part in zip(days, parts, strict=True)],
    )
    yield Step(at(after(on, 13), 15), [settle])


def _accepted(school: School, case_id: str, on: date) -> Order:
    return school.mediator(c.AcceptMediation, case_id=case_id, accepted_on=on)


def _confirmed(school: School, case_id: str, on: date) -> Step:
    """Both sides asked the court together, within thirty days (CPL art. 205)."""
    ruling = school.mediator(
        c.RecordJudicialConfirmation,
        case_id=case_id,
        outcome="confirmed",
        ruling_no=f"(2026)司确 {case_id}",
        applied_on=after(on, -5),
    )
    return Step(at(on, 10), [ruling])


def _instalment(school: School, refund_id: str, on: date) -> Story:
    instruction_id = school.number("P")
    orders = [
        school.officer(c.InstructRefund, refund_id=refund_id, instruction_id=instruction_id),
        school.bank(c.SettleRefund, refund_id=refund_id, instruction_id=instruction_id, bank_serial=school.number("O")),
    ]
    yield Step(at(on, 16), orders)


def failed(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """No agreement; the officer orders what is due."""
    if not askable(school, enrolment):
        return
    case_id = school.number("M")
    yield from _begin(school, enrolment, on)
    yield Step(at(after(on, 4), 10), [_opened(school, enrolment, case_id)])
    yield Step(
        at(after(on, 5), 10),
        [_accepted(school, case_id, after(on, 5))],
    )
    ended_on = after(on, 21 + rng.randrange(7))
    yield Step(at(ended_on, 10), [school.mediator(c.FailMediation, case_id=case_id, reason="双方分歧过大")])
    refund_id = school.contracts[enrolment.contract_id].refund_id
    order = school.officer(
        c.OrderRefund,
        refund_id=refund_id,
        contract_id=enrolment.contract_id,
        cause="institution",
        basis="责令退费",
    )
    yield Step(at(after(ended_on, 3), 10), [order])
    yield from _instalment(school, refund_id, after(ended_on, 8))


def expired(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:  # noqa: ARG001 - a fate like the others
    """Both want more time; it runs out all the same, and lessons go on."""
    if not askable(school, enrolment):
        return
    case_id = school.number("M")
    yield Step(at(on, 10), [_opened(school, enrolment, case_id)])
    yield Step(at(after(on, 1), 10), [_accepted(school, case_id, after(on, 1))])
    longer = school.mediator(c.ExtendMediation, case_id=case_id, ends_on=after(on, 45), consent="signed by both sides")
    yield Step(at(after(on, 25), 10), [longer])
    yield Step(at(after(on, 46), 10), [school.mediator(c.ExpireMediation, case_id=case_id)])


def withdrawn(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:  # noqa: ARG001 - a fate like the others
    """The family takes its application back."""
    if not askable(school, enrolment):
        return
    case_id = school.number("M")
    yield Step(at(on, 10), [_opened(school, enrolment, case_id)])
    back = school.guardian(enrolment.guardian_id, c.WithdrawMediation, case_id=case_id, reason="已协商继续上课")
    yield Step(at(after(on, 5), 19), [back])


def with_deduction(school: School, enrolment: Enrolment, on: date, rng: Random) -> Story:
    """Materials were handed over and stay with the child: one evidenced line is kept, the rest is paid at once."""
    if not askable(school, enrolment):
        return
    case_id = school.number("M")
    yield Step(at(on, 10), [_opened(school, enrolment, case_id)])
    yield Step(at(after(on, 1), 10), [_accepted(school, case_id, after(on, 1))])
    kept_fen = 10_00 * rng.randint(3, 12)
    materials = school.mediator(
        c.RetainDeduction,
        contract_id=enrolment.contract_id,
        deduction_id=school.number("D"),
        kind="materials",
        amount_fen=kept_fen,
        evidence="signed list of materials",
    )
    yield Step(at(after(on, 2), 10), [materials])
    left_fen = school.contracts[enrolment.contract_id].unearned_fen
    agreed_on = after(on, 3)
    settle = school.mediator(
        c.AgreeSettlement, case_id=case_id, kind="amount", agreed_on=agreed_on, amount_fen=left_fen
    )
    yield Step(at(agreed_on, 15), [settle])
    yield from _instalment(school, f"{case_id}.1", after(agreed_on, 6))
