"""Two ends: a school that closes in order to the last fen, and one that runs away with custody short."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date

from api.demo.days import after
from api.demo.groups import Enrolment
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import Answer, Receipt
from ledger.distribution import Due, Pot, Share, distribute
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
    yield Step(at(after(on, 1), 11), [_declared(school, "orderly", after(on, 1), "房租到期,主动终止办学")])
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


def runs_away(school: School, families: Sequence[Enrolment], on: date) -> Story:
    """Lessons that were never given were confirmed in good faith and paid out; then the doors stay shut.

    The last two lessons of every family are contested and reversed, security is drawn, what is in custody is shared
    pro rata, and the rest stays due.
    """
    yield from _confirmed_in_good_faith(school, families, after(on, -3))
    yield from _drawn_dry(school, after(on, -2))
    school.shut = True
    freeze = school.officer(c.FreezeEscrow, authority="regulator", order_no="京体函 9 号", reason="多名家长反映停课")
    yield Step(at(on, 9), [freeze])
    yield Step(at(after(on, 1), 11))
    contested = list(_contested(school, families))
    yield Step(at(after(on, 1), 12), [order for pair in contested for order in pair[:1]])
    yield Step(at(after(on, 5), 15), [order for pair in contested for order in pair[1:]])
    yield Step(at(after(on, 6), 9), [_declared(school, "abnormal", on, "人去楼空")])
    answers = yield Step(at(after(on, 7), 9), list(_refunds(school)))
    ordered = list(_ordered(answers))
    yield Step(at(after(on, 8), 9), list(_draws(school)))
    refused = [_instructed(school, ordered[0].refund_id, "P-first-come")]
    answers = yield Step(at(after(on, 8), 16), refused, refused=(no.DistributionRequired,))
    assert not any(isinstance(answer, Receipt) for answer in answers), "custody is short"
    yield Step(at(after(on, 25), 9))
    yield from _shared(school, ordered, after(on, 26))


def _confirmed_in_good_faith(school: School, families: Sequence[Enrolment], on: date) -> Story:
    """Families are told to confirm everything because the app is being renewed."""
    yield Step(at(on, 22))
    confirmations = [
        school.guardian(
            family.guardian_id,
            c.ConfirmLessons,
            lessons=[{"contract_id": family.contract_id, "lesson_id": each} for each in book.open_lessons],
        )
        for family in families
        if (book := school.contracts[family.contract_id]).open_lessons
    ]
    yield Step(at(on, 23), confirmations)


def _drawn_dry(school: School, on: date) -> Story:
    """Two days before, everything confirmed is released."""
    yield Step(at(on, 8))
    lines = [
        {"contract_id": contract_id, "amount_fen": book.releasable_fen}
        for contract_id, book in school.contracts.items()
        if book.releasable_fen
    ]
    if lines:
        release_id = school.number("X")
        yield Step(at(on, 9), [school.office(c.InstructRelease, release_id=release_id, lines=lines)])
        paid = school.bank(
            c.SettleRelease,
            release_id=release_id,
            contract_ids=[line["contract_id"] for line in lines],
            bank_serial=school.number("O"),
        )
        yield Step(at(after(on, 1), 10), [paid])


def _declared(school: School, kind: str, stopped_on: date, reason: str) -> Order:
    return school.officer(c.DeclareClosure, kind=kind, stopped_on=stopped_on, reason=reason, approved_by="officer-zhao")


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


def _contested(school: School, families: Sequence[Enrolment]) -> Iterator[tuple[Order, Order]]:
    for family in families:
        book = school.contracts[family.contract_id]
        for lesson_id in book.confirmed[-2:]:
            lesson = {"contract_id": family.contract_id, "lesson_id": lesson_id}
            yield (
                school.guardian(family.guardian_id, c.DisputeLesson, **lesson, reason="最后两次课没有上"),
                school.officer(c.DecideDispute, **lesson, outcome="reversed", reason="场馆已停业,未授课"),
            )


def _draws(school: School) -> Iterator[Order]:
    """Security covers what the school must put back, contract by contract, until it is used up."""
    left_fen = school.security_fen
    for contract_id, book in school.contracts.items():
        amount_fen = min(left_fen, book.accounts["institution_receivable"])
        if amount_fen > 0:
            left_fen -= amount_fen
            yield school.officer(
                c.DrawRiskDeposit, contract_id=contract_id, amount_fen=amount_fen, order_no="京体函 12 号"
            )


def _shared(school: School, ordered: Sequence[RefundOrdered], on: date) -> Story:
    """The pot is what custody can pay; shares are pro rata and sum to it."""
    dues = {event.contract_id: event for event in ordered if event.contract_id is not None}
    found = distribute(
        "pool",
        [Due(contract_id, event.amount_fen) for contract_id, event in dues.items()],
        [Pot("custody", school.payable_fen)],
        licensed=school.licensed,
    )
    lines = [(share, dues[share.contract_id].refund_id) for share in found.shares]
    order = school.officer(
        c.OrderDistribution,
        distribution_id="DI-1",
        method="pool",
        pot_fen=school.payable_fen,
        due_fen=sum(share.due_fen for share, _ in lines),
        families=len(lines),
        cut_off_on=after(on, -1),
        list_sha256=list_hash(lines),
        approved_by="officer-zhao",
    )
    yield Step(at(on, 9), [order])
    chunks = [lines[first : first + CHUNK] for first in range(0, len(lines), CHUNK)]
    yield Step(at(on, 10), [_approved(school, chunk) for chunk in chunks])
    yield Step(at(on, 11), [school.officer(c.CompleteDistribution, distribution_id="DI-1")])
    instructions = {refund_id: school.number("P") for share, refund_id in lines if share.share_fen}
    yield Step(at(after(on, 1), 10), [_instructed(school, *each) for each in instructions.items()])
    yield Step(at(after(on, 3), 16), [_paid(school, *each) for each in instructions.items()])


def _approved(school: School, chunk: Sequence[tuple[Share, str]]) -> Order:
    shares = [
        {"contract_id": share.contract_id, "refund_id": refund_id, "share_fen": share.share_fen}
        for share, refund_id in chunk
    ]
    return school.officer(c.ApproveShares, distribution_id="DI-1", shares=shares)


def list_hash(lines: Sequence[tuple[Share, str]]) -> str:
    """The hash that an order of distribution names: chained over the list in its order."""
    chain = ""
    for share, refund_id in lines:
        line = f"{chain}{share.contract_id}:{refund_id}:{share.due_fen}:{share.share_fen}\n"
        chain = hashlib.sha256(line.encode()).hexdigest()
    return chain
