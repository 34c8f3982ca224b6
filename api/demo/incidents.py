"""What happens to single families: split and stray payments, duplicates, price changes, chargebacks, transfers."""

from datetime import date
from random import Random

from api.demo.days import after
from api.demo.groups import LESSON_HOURS, Enrolment, Group
from api.demo.lessons import signing
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import Receipt
from ledger.orders import Order


def _deposit(
    school: School, serial: str, on: date, amount_fen: int, payer_ref: str, *, key: str = "", remittance: str = ""
) -> Order:
    fields = {
        "bank_serial": serial,
        "account_id": school.account_id,
        "value_on": on,
        "amount_fen": amount_fen,
        "payer_ref": payer_ref,
        "remittance": remittance,
    }
    return school.bank(c.RecordDeposit, **fields) if not key else school.resent(c.RecordDeposit, key, fields)


def _deposit_id(school: School, serial: str, on: date) -> str:
    return f"{school.account_id}.{on:%Y%m%d}.{serial}"


def siblings(school: School, group: Group, rng: Random) -> Story:
    """Two children of one family, one transfer for both: split by price, and refunds will follow the split."""
    family = f"{rng.getrandbits(48):012x}"
    children = [
        Enrolment(f"{school.institution_id}-SIB{n}", f"S-{family}-{n}", f"G-{family}", f"P-{family}") for n in (1, 2)
    ]
    yield Step(at(group.signing_on, 11), [signing(school, group, child) for child in children])
    paid_on, serial = after(group.signing_on, 1), school.number("T")
    deposit = _deposit(school, serial, paid_on, 2 * group.price_fen, f"P-{family}", remittance="两个孩子学费")
    shares = [{"contract_id": child.contract_id, "amount_fen": group.price_fen} for child in children]
    split = school.office(
        c.ApplyDeposit, deposit_id=_deposit_id(school, serial, paid_on), shares=shares, basis="按合同价款拆分"
    )
    yield Step(at(paid_on, 15), [deposit, split])
    group.enrolments += children


def paid_twice(school: School, group: Group, rng: Random) -> Story:
    """A parent pays twice: the second payment is tied to nothing and goes back in full."""
    enrolment = rng.choice(group.enrolments)
    paid_on, serial = after(group.signing_on, 2), school.number("T")
    yield Step(
        at(paid_on, 15), [_deposit(school, serial, paid_on, group.price_fen, enrolment.payer_ref, remittance="学费")]
    )
    refund_id, instruction_id = school.number("R"), school.number("P")
    give_back = school.bank(c.RefundDeposit, refund_id=refund_id, deposit_id=_deposit_id(school, serial, paid_on))
    instruct = school.bank(c.InstructRefund, refund_id=refund_id, instruction_id=instruction_id)
    yield Step(at(after(paid_on, 3), 10), [give_back, instruct])
    settle = school.bank(
        c.SettleRefund, refund_id=refund_id, instruction_id=instruction_id, bank_serial=school.number("O")
    )
    yield Step(at(after(paid_on, 4), 16), [settle])


def file_sent_again(school: School, on: date, rng: Random) -> Story:
    """The clerk's file arrives twice: the same key is answered again, the same serial under a new key is refused."""
    serial, payer_ref = school.number("T"), f"P-{rng.getrandbits(48):012x}"
    first = _deposit(school, serial, on, 1_200_00, payer_ref, remittance="无合同号")
    yield Step(at(on, 15), [first])
    again = _deposit(school, serial, on, 1_200_00, payer_ref, key=first.command_id, remittance="无合同号")
    renumbered = _deposit(school, serial, on, 1_200_00, payer_ref, remittance="无合同号")
    yield Step(at(on, 17), [again, renumbered], refused=(no.DuplicateBankSerial,))


def price_change(school: School, enrolment: Enrolment, group: Group, on: date) -> Story:
    """Prices go up with the family's consent; what was taught keeps its price, the difference is paid."""
    yield Step(at(on, 14))
    if not school.contracts[enrolment.contract_id].teachable:
        return
    more_fen = 8_00 * group.paid_hours
    amended = school.office(
        c.AmendContract,
        contract_id=enrolment.contract_id,
        price_fen=group.price_fen + more_fen,
        paid_hours=str(group.paid_hours),
        gift_hours=str(group.gift_hours),
        ends_on=group.ends_on,
        reason="升班调价",
        consent="signed addendum",
    )
    deposit = _deposit(school, serial := school.number("T"), on, more_fen, enrolment.payer_ref)
    share = {"contract_id": enrolment.contract_id, "amount_fen": more_fen}
    applied = school.office(c.ApplyDeposit, deposit_id=_deposit_id(school, serial, on), shares=[share], basis="补差价")
    yield Step(at(on, 15), [amended, deposit, applied])


def chargeback(school: School, group: Group, on: date, rng: Random) -> Story:
    """The card company takes a payment back after lessons were taught: the school puts back what was consumed."""
    family = f"{rng.getrandbits(48):012x}"
    contract_id = f"{school.institution_id}-CARD"
    enrolment = Enrolment(contract_id, f"S-{family}", f"G-{family}", f"P-{family}")
    paid_on, serial = after(group.signing_on, 3), school.number("T")
    yield Step(at(group.signing_on, 12), [signing(school, group, enrolment)])
    applied = {"contract_id": contract_id, "amount_fen": group.price_fen}
    deposit = _deposit(school, serial, paid_on, group.price_fen, enrolment.payer_ref)
    deposit_id = _deposit_id(school, serial, paid_on)
    split = school.office(c.ApplyDeposit, deposit_id=deposit_id, shares=[applied], basis="刷卡付款")
    yield Step(at(paid_on, 16), [deposit, split])
    group.enrolments.append(enrolment)
    back = school.bank(c.ReverseDeposit, deposit_id=deposit_id, reversal_id=school.number("V"), reason="chargeback")
    yield Step(at(on, 11), [back])
    owed_fen = school.contracts[contract_id].accounts["institution_receivable"]
    if owed_fen:
        repaid = school.bank(
            c.RecordShortfallRepayment,
            bank_serial=school.number("B"),
            account_id=school.account_id,
            value_on=after(on, 10),
            contract_id=contract_id,
            amount_fen=owed_fen,
        )
        yield Step(at(after(on, 10), 11), [repaid])


def lessons_to_a_friend(school: School, group: Group, on: date) -> Story:
    """A lesson moves to another child's contract, with both families' word."""
    yield Step(at(on, 11))
    giver, taker = [each for each in group.enrolments if school.contracts[each.contract_id].teachable][:2]
    moved = school.office(
        c.TransferLessons,
        contract_id=giver.contract_id,
        to_contract_id=taker.contract_id,
        hours=str(LESSON_HOURS),
        reason="转给同班同学",
        consent="signed by the giving family",
        receiver_consent="signed by the receiving family",
    )
    yield Step(at(on, 12), [moved])


def outside_custody(school: School, enrolment: Enrolment, on: date) -> Story:
    """The mother with a receipt: money paid by QR code outside custody is a claim, never cover."""
    claim = school.guardian(
        enrolment.guardian_id,
        c.AssertOffPlatformPayment,
        contract_id=enrolment.contract_id,
        claim_id=school.number("Q"),
        amount_fen=2_000_00,
        evidence="photo of a receipt",
    )
    yield Step(at(on, 19), [claim])


def refused_outright(school: School, group: Group, on: date) -> Story:
    """What the rules do not allow is refused by name and changes nothing."""
    child = Enrolment(f"{school.institution_id}-NO", "S-no", "G-no", "P-no")
    loan = signing(school, group, child)
    fields = loan.command.model_dump(by_alias=True, exclude_unset=True)
    tries = [
        school.office(c.RegisterContract, **fields | {"terms": {"training_loan": True}}),
        school.office(c.RegisterContract, **fields | {"paid_hours": "61", "price_fen": 4_000_00}),
        school.office(c.RegisterContract, **fields | {"ends_on": after(group.starts_on, 120)}),
        school.bank(
            c.RecordDeposit,
            bank_serial="T-elsewhere",
            account_id="somebody-else",
            value_on=on,
            amount_fen=1,
            payer_ref="P-no",
        ),
    ]
    answers = yield Step(
        at(on, 12),
        tries,
        refused=(no.TrainingLoanProhibited, no.HoursAboveCap, no.SpanAboveCap, no.WrongAccount),
    )
    assert not any(isinstance(answer, Receipt) for answer in answers)
