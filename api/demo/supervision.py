"""What officers and banks do to an escrow: security, freezes, attachments, a new custodian, sealed days."""

from datetime import date

from api.demo.days import FIRST_DAY, SEALED, after
from api.demo.histories import opening
from api.demo.schools import School, account_number
from api.demo.telling import Step, Story, at
from ledger import commands as c

SECURITY_FEN = 50_000_00


def opened(school: School, *, security_fen: int = 0) -> Story:
    """The escrow opens; where the place asks for it, security is placed beside custody."""
    yield opening(school, FIRST_DAY)
    if security_fen:
        placed = school.bank(c.PlaceRiskDeposit, amount_fen=security_fen, bank_serial=school.number("B"))
        yield Step(at(after(FIRST_DAY, 1), 10), [placed])


def seals(school: School) -> Story:
    """Quarter ends are sealed: nothing is posted into them any more."""
    for day, business_on in SEALED:
        yield Step(at(day, 8), [school.officer(c.SealDay, business_on=business_on)])


def frozen_for_a_while(school: School, on: date) -> Story:
    """A freeze over a release day: the release is refused, refunds go on; then it is lifted."""
    freeze = school.officer(c.FreezeEscrow, authority="regulator", order_no="京教函 17 号", reason="核查课时记录")
    yield Step(at(on, 9), [freeze])
    lift = school.officer(c.UnfreezeEscrow, order_no="京教函 21 号", reason="核查完毕", approved_by="officer-zhao")
    yield Step(at(after(on, 18), 9), [lift])


def attached(school: School, on: date) -> Story:
    """A court attaches money in custody for a supplier; the attachment is lifted."""
    attachment = school.bank(
        c.RecordAttachment,
        attachment_id="AT-1",
        authority="区人民法院",
        order_no="(2026)执 318 号",
        amount_fen=6_000_00,
    )
    yield Step(at(on, 11), [attachment])
    lift = school.bank(c.LiftAttachment, attachment_id="AT-1", order_no="(2026)执 318 号之一")
    yield Step(at(after(on, 30), 11), [lift])


def new_custodian(school: School, on: date) -> Story:
    """Custody moves to another bank with its balance to the fen, on the first morning without payments on their way."""
    yield Step(at(on, 7))
    while school.payable_fen != school.cash_fen:
        on = after(on, 1)
        yield Step(at(on, 7))
    moved = school.officer(
        c.ChangeCustodian,
        custodian="bank-xincheng",
        account_id=account_number("bank-xincheng", school.institution_id),
        agreement_no=f"CU-{school.institution_id}-2",
        closing_balance_fen=school.cash_fen,
    )
    yield Step(at(on, 8), [moved])


def renamed(school: School, on: date) -> Story:
    """A new name and licence; history keeps the old one."""
    name = school.officer(c.RenameInstitution, institution_name=f"{school.name}(更名)", uscc=school.uscc, licensed=True)
    yield Step(at(on, 9), [name])
