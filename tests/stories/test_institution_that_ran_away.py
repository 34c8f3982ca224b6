"""The institution that ran away: lessons paid out and never given, custody short, a pro rata distribution."""

from datetime import date

from api.closing.sharing import ShareLine, list_hash
from api.demo.histories import opening
from api.demo.schools import School
from ledger import commands as c
from ledger import rejections as no
from ledger.distribution import Due, Pot, distribute
from projections.refunds_due import RefundDue
from tests.stories.conftest import Town

SIGNED = date(2026, 3, 2)
PRICES_FEN = {"C1": 2_400_00, "C2": 1_800_00, "C3": 3_000_00}
"""Twelve lessons of two hours each."""


def ran_away(town: Town) -> School:
    """Three families, two lessons each confirmed and released; both lessons turn out never to have been given."""
    school = town.school("BJ-S01", "CN-BJ", "sport", licensed=False)
    town.on(date(2026, 3, 1), 9)
    town.tell(school, *opening(school, date(2026, 3, 1)).orders)
    town.on(SIGNED)
    for number, (contract_id, price_fen) in enumerate(PRICES_FEN.items(), 1):
        town.tell(
            school,
            school.office(
                c.RegisterContract, contract_id=contract_id, guardian_id=f"G{number}", student_id=f"S{number}",
                course="swimming", subject="swimming", signed_on=SIGNED, starts_on=date(2026, 3, 7),
                ends_on=date(2026, 5, 31), price_fen=price_fen, paid_hours="24",
            ),
            school.bank(
                c.RecordDeposit, bank_serial=f"T{number}", account_id="custody-1", value_on=SIGNED,
                amount_fen=price_fen, payer_ref=f"P{number}", contract_id=contract_id,
            ),
        )  # fmt: skip
    for day in (date(2026, 3, 7), date(2026, 3, 14)):
        _taught(town, school, day)
    town.on(date(2026, 3, 16))
    lines = [{"contract_id": key, "amount_fen": school.contracts[key].releasable_fen} for key in PRICES_FEN]
    town.tell(school, school.office(c.InstructRelease, release_id="X1", lines=lines))
    town.on(date(2026, 3, 17))
    town.tell(school, school.bank(
        c.SettleRelease, release_id="X1", contract_ids=list(PRICES_FEN), bank_serial="O1"
    ))  # fmt: skip
    return school


def _taught(town: Town, school: School, day: date) -> None:
    refs = [{"contract_id": key, "lesson_id": f"{day:%m%d}"} for key in PRICES_FEN]
    town.on(day, 20)
    lines = [ref | {"hours": "2", "taught_on": day, "notified_on": day} for ref in refs]
    town.tell(school, school.office(c.ClaimLessons, lessons=lines))
    for number, ref in enumerate(refs, 1):
        town.tell(school, school.guardian(f"G{number}", c.ConfirmLessons, lessons=[ref]))


def found_out(town: Town, school: School) -> None:
    """Frozen, the lessons of two families contested and reversed, the closure declared, every refund ordered."""
    town.on(date(2026, 3, 18), 9)
    town.tell(school, school.officer(c.FreezeEscrow, authority="regulator", order_no="F1", reason="doors shut"))
    for number, contract_id in ((1, "C1"), (3, "C3")):
        for lesson_id in ("0307", "0314"):
            lesson = {"contract_id": contract_id, "lesson_id": lesson_id}
            town.tell(
                school,
                school.guardian(f"G{number}", c.DisputeLesson, **lesson, reason="never given"),
                school.officer(c.DecideDispute, **lesson, outcome="reversed", reason="pool was closed"),
            )
    town.on(date(2026, 3, 20), 9)
    town.tell(school, school.officer(
        c.DeclareClosure, kind="abnormal", stopped_on=date(2026, 3, 17), reason="gone", approved_by="officer-zhao"
    ))  # fmt: skip
    refunds = [{"contract_id": key, "refund_id": f"R-{key}"} for key in PRICES_FEN]
    town.tell(school, school.officer(c.OrderClosureRefunds, refunds=refunds))


def by_contract(dues: list[RefundDue]) -> dict[str | None, RefundDue]:
    return {due.contract_id: due for due in dues}


def test_everyone_sees_what_is_due_and_that_the_money_is_not_there(town: Town) -> None:
    school = ran_away(town)
    found_out(town, school)
    dues = by_contract(town.dues(school))
    assert {key: due.due_fen for key, due in dues.items()} == {"C1": 2_400_00, "C2": 1_500_00, "C3": 3_000_00}
    assert {key: due.missing_fen for key, due in dues.items()} == {"C1": 400_00, "C2": 0, "C3": 500_00}
    balance = town.balance(school)
    assert balance.custody_cash_fen == 6_000_00
    assert balance.institution_receivable_fen == 900_00
    assert balance.refund_payable_fen == 6_900_00 == balance.custody_cash_fen + balance.institution_receivable_fen


def test_a_frozen_escrow_releases_nothing_and_who_comes_first_is_not_paid_first(town: Town) -> None:
    school = ran_away(town)
    found_out(town, school)
    first = school.officer(c.InstructRefund, refund_id="R-C1", instruction_id="I1")
    assert town.refused(first) == no.DistributionRequired(6_000_00, 6_900_00)
    release = school.office(c.InstructRelease, release_id="X2", lines=[{"contract_id": "C2", "amount_fen": 1}])
    assert isinstance(town.refused(release), no.EscrowIsClosing | no.EscrowIsFrozen)


def test_the_pot_is_shared_pro_rata_to_the_fen_and_the_rest_stays_due(town: Town) -> None:
    school = ran_away(town)
    found_out(town, school)
    dues = by_contract(town.dues(school))
    shares = distribute(
        "pool",
        [Due(str(key), due.due_fen or 0) for key, due in dues.items()],
        [Pot("custody", 6_000_00)],
        licensed=False,
    ).shares
    lines = [ShareLine(each.contract_id, f"R-{each.contract_id}", each.due_fen, each.share_fen) for each in shares]
    town.on(date(2026, 4, 2), 9)
    town.tell(
        school,
        school.officer(
            c.OrderDistribution, distribution_id="D1", method="pool", pot_fen=6_000_00, due_fen=6_900_00, families=3,
            cut_off_on=date(2026, 4, 1), list_sha256=list_hash(lines), approved_by="officer-zhao",
        ),
        school.officer(
            c.ApproveShares, distribution_id="D1",
            shares=[
                {"contract_id": line.contract_id, "refund_id": line.refund_id, "share_fen": line.share_fen}
                for line in lines
            ],
        ),
        school.officer(c.CompleteDistribution, distribution_id="D1"),
    )  # fmt: skip
    for refund_id in (line.refund_id for line in lines):
        instruct = school.officer(c.InstructRefund, refund_id=refund_id, instruction_id=f"I-{refund_id}")
        settle = school.bank(
            c.SettleRefund, refund_id=refund_id, instruction_id=f"I-{refund_id}", bank_serial=f"O-{refund_id}"
        )
        town.tell(school, instruct, settle)
    assert town.balance(school).custody_cash_fen == 0
    after = by_contract(town.dues(school))
    assert {key: due.paid_fen for key, due in after.items()} == {"C1": 2_086_96, "C2": 1_304_35, "C3": 2_608_69}
    assert {key: due.open_fen for key, due in after.items()} == {"C1": 313_04, "C2": 195_65, "C3": 391_31}
    assert sum(due.open_fen or 0 for due in after.values()) == 900_00
    assert {due.payer for due in after.values()} == {"institution"}
