"""A school that closes in order to the last fen; what every closing school is asked for."""

from collections.abc import Iterator, Sequence
from datetime import date

from api.demo.days import after
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c
from ledger.answers import Answer, Receipt
from ledger.events import RefundOrdered
from ledger.orders import Order

CHUNK = 500


def orderly(school: School, on: date) -> Story:
    """What is earned is released, the closure declared, every family paid, the contracts ended, the escrow closed."""
    yield Step(at(on, 7))
    open_lessons = [
        {"contract_id": contract_id, "lesson_id": lesson_id}
        for contract_id, book in school.contracts.items()
        for lesson_id in book.open_lessons
    ]
    if open_lessons:
        yield Step(at(on, 8), [school.officer(c.ConfirmLessons, lessons=open_lessons)])
    release_id = school.number("X")
    lines = [
        {"contract_id": contract_id, "amount_fen": book.releasable_fen}
        for contract_id, book in school.contracts.items()
        if book.releasable_fen
    ]
    yield Step(at(on, 9), [school.office(c.InstructRelease, release_id=release_id, lines=lines)])
    settle = school.bank(
        c.SettleRelease,
        release_id=release_id,
        contract_ids=[line["contract_id"] for line in lines],
        bank_serial=school.number("O"),
    )
    yield Step(at(after(on, 1), 10), [settle])
    yield Step(at(after(on, 1), 11), [_declared(school, after(on, 1), "房租到期,主动终止办学")])
    orders = yield Step(at(after(on, 2), 9), list(_refunds(school)))
    ordered = list(_ordered(orders))
    instructions = {event.refund_id: school.number("P") for event in ordered}
    yield Step(at(after(on, 3), 10), [_instructed(school, *each) for each in instructions.items()])
    yield Step(at(after(on, 5), 16), [_paid(school, *each) for each in instructions.items()])
    ends = [
        school.office(c.EndContract, contract_id=contract_id)
        for contract_id, book in school.contracts.items()
        if not book.ended
    ]
    yield Step(at(after(on, 6), 9), ends)
    if school.security_fen:
        back = school.bank(c.ReturnRiskDeposit, amount_fen=school.security_fen, bank_serial=school.number("B"))
        yield Step(at(after(on, 6), 10), [back])
    yield Step(at(after(on, 6), 11), [school.officer(c.CloseEscrow)])


def _declared(school: School, stopped_on: date, reason: str) -> Order:
    return school.officer(
        c.DeclareClosure, kind="orderly", stopped_on=stopped_on, reason=reason, approved_by="officer-zhao"
    )


def _refunds(school: School) -> Iterator[Order]:
    """Every contract on which something is due, in chunks."""
    lines = [
        {"contract_id": contract_id, "refund_id": school.number("R")}
        for contract_id, book in school.contracts.items()
        if book.unearned_fen and not book.ended and not book.refund_id
    ]
    for first in range(0, len(lines), CHUNK):
        yield school.officer(c.OrderClosureRefunds, refunds=lines[first : first + CHUNK])


def _ordered(answers: Sequence[Answer]) -> Iterator[RefundOrdered]:
    for answer in answers:
        for recorded in answer.events if isinstance(answer, Receipt) else ():
            if isinstance(recorded.event, RefundOrdered):
                yield recorded.event


def _instructed(school: School, refund_id: str, instruction_id: str) -> Order:
    return school.officer(c.InstructRefund, refund_id=refund_id, instruction_id=instruction_id)


def _paid(school: School, refund_id: str, instruction_id: str) -> Order:
    return school.bank(
        c.SettleRefund, refund_id=refund_id, instruction_id=instruction_id, bank_serial=school.number("O")
    )
