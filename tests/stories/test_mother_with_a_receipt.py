"""The mother with a receipt: half was paid into custody, half by QR code; the school has closed."""

from datetime import date

from api.demo.histories import opening
from api.demo.schools import School
from ledger import commands as c
from tests.stories.conftest import Town

SIGNED = date(2026, 3, 2)


def story(town: Town) -> School:
    """3,000 yuan for 30 hours: 1,800 through custody, 1,200 by QR code; eight hours taught; then the doors shut."""
    school = town.school("BJ-C02", "CN-BJ", "culture_art", licensed=False)
    town.on(date(2026, 3, 1), 9)
    town.tell(school, *opening(school, date(2026, 3, 1)).orders)
    town.on(SIGNED)
    town.tell(
        school,
        school.office(
            c.RegisterContract, contract_id="C1", guardian_id="G1", student_id="S1", course="piano", subject="piano",
            signed_on=SIGNED, starts_on=date(2026, 3, 7), ends_on=date(2026, 5, 31), price_fen=3_000_00,
            paid_hours="30",
        ),
        school.bank(
            c.RecordDeposit, bank_serial="T1", account_id="custody-1", value_on=SIGNED, amount_fen=1_800_00,
            payer_ref="P1", contract_id="C1",
        ),
    )  # fmt: skip
    for number in range(4):
        day = date(2026, 3, 7 + 7 * number)
        lesson = {"contract_id": "C1", "lesson_id": f"L{number}"}
        town.on(day, 20)
        claim = school.office(c.ClaimLessons, lessons=[lesson | {"hours": "2", "taught_on": day, "notified_on": day}])
        town.tell(school, claim, school.guardian("G1", c.ConfirmLessons, lessons=[lesson]))
    town.on(date(2026, 4, 7))
    town.tell(school, school.officer(
        c.DeclareClosure, kind="abnormal", stopped_on=date(2026, 4, 3), reason="gone", approved_by="officer-zhao"
    ))  # fmt: skip
    return school


def test_what_custody_never_saw_is_a_claim_and_no_cover(town: Town) -> None:
    school = story(town)
    before = town.balance(school)
    town.on(date(2026, 4, 8), 11)
    town.tell(school, school.guardian(
        "G1", c.AssertOffPlatformPayment, contract_id="C1", claim_id="Q1", amount_fen=1_200_00, evidence="receipt photo"
    ))  # fmt: skip
    statement = town.statement(school, "C1")
    assert (statement.paid_fen, statement.asserted_fen) == (1_800_00, 1_200_00)
    after = town.balance(school)
    assert (after.custody_cash_fen, after.unearned_fen) == (before.custody_cash_fen, before.unearned_fen)
    assert after.custody_cash_fen == 1_800_00


def test_she_is_told_what_is_due_before_she_asks_and_gets_what_custody_holds(town: Town) -> None:
    school = story(town)
    (due,) = town.dues(school)
    assert (due.state, due.cause, due.guardian_id) == ("closure", "institution", "G1")
    assert due.due_fen == 1_000_00  # 1,800 paid less eight hours at 100
    assert (due.covered_fen, due.missing_fen) == (1_000_00, 0)
    town.on(date(2026, 4, 9))
    ordered = school.officer(c.OrderClosureRefunds, refunds=[{"contract_id": "C1", "refund_id": "R1"}])
    town.tell(school, ordered, school.officer(c.InstructRefund, refund_id="R1", instruction_id="I1"))
    town.on(date(2026, 4, 10), 16)
    town.tell(school, school.bank(c.SettleRefund, refund_id="R1", instruction_id="I1", bank_serial="O1"))
    assert town.dues(school) == []
    balance = town.balance(school)
    assert (balance.custody_cash_fen, balance.earned_fen) == (800_00, 800_00)


def test_another_mother_does_not_exist_for_her_contract(town: Town) -> None:
    school = story(town)
    stranger = school.guardian(
        "G2", c.RequestRefund, refund_id="R1", contract_id="C1", cause="institution", requested_on=date(2026, 4, 7)
    )
    assert town.refused(stranger).code == "contract_unknown"
