"""The bank's books: statements in turn, every line once, matched to payments or a break that somebody owns."""

from collections.abc import Sequence
from datetime import date

import pytest
from pydantic import ValidationError

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.identifiers import Role
from ledger.sheets import BankStatement, Break, Deposit, Refund, ReleaseLine
from ledger.statements import chained, digest, item_break_id
from tests import examples as x
from tests.specification import Specification, fingerprint

ACCOUNT = "6222000001"
TODAY = date(2026, 9, 10)
DEPOSIT = f"deposit:{x.deposit_id()}"
RELEASE, REFUND = "release:r1:c1", "refund:f1:i1"
END = ("end", 1)
"""One more line, so that the one before it is not the last."""


@pytest.fixture
def school() -> Specification:
    """One contract, paid and recorded by the bank's own posting; the day's statement is not there yet."""
    return Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(TODAY)


def key(name: str) -> str:
    return f"20260910.{digest(name)}"


def chain(lines: Sequence[tuple[str, int]]) -> str:
    hashed = ""
    for name, fen in lines:
        hashed = chained(hashed, key(name), fen)
    return hashed


def statement(*lines: tuple[str, int], opening_fen: int = 0, name: str = "a", **changes: object) -> c.RecordStatement:
    """A statement with these lines (name, fen)."""
    credits_fen = sum(fen for _, fen in lines if fen > 0)
    debits_fen = -sum(fen for _, fen in lines if fen < 0)
    return c.RecordStatement.model_validate(
        {
            "statement_id": name * 64, "format": "icbc", "account_id": ACCOUNT, "from_on": TODAY, "to_on": TODAY,
            "opening_fen": opening_fen, "closing_fen": opening_fen + credits_fen - debits_fen,
            "credits_fen": credits_fen, "debits_fen": debits_fen, "lines": len(lines), "lines_sha256": chain(lines),
        } | changes
    )  # fmt: skip


def line(name: str, fen: int, number: int = 1, file: str = "a", **outcome: object) -> c.BookStatementLine:
    """The booking of one line; a break unless told otherwise."""
    return c.BookStatementLine.model_validate(
        {
            "statement_id": file * 64, "number": number, "account_id": ACCOUNT, "line": number + 3,
            "line_key": key(name), "booked_on": TODAY, "value_on": TODAY, "signed_fen": fen, "serial": name,
            "rule": "serial", "outcome": outcome or {"kind": "break"},
        }
    )  # fmt: skip


def matched(name: str, number: int = 1, file: str = "a", kind: str = "matched", **shares: int) -> c.BookStatementLine:
    """A line that is these payments."""
    listed = [{"reference": NAMES[each], "signed_fen": fen} for each, fen in shares.items()]
    return line(name, sum(shares.values()), number, file, kind=kind, shares=listed)


NAMES = {"deposit": DEPOSIT, "release": RELEASE, "refund": REFUND, "reversal": f"reversal:{x.deposit_id()}"}


def test_a_deposit_that_the_bank_had_posted_is_found_in_its_statement(school: Specification) -> None:
    school.given(statement(("s1", x.PRICE_FEN))).when(matched("s1", deposit=x.PRICE_FEN)).then(e.StatementLineMatched)
    assert school.escrow.get(Deposit, x.deposit_id()).banked_fen == x.PRICE_FEN
    assert (school.escrow.header.custody_cash_fen, school.escrow.header.bank_closing_fen) == (x.PRICE_FEN, x.PRICE_FEN)


def test_a_deposit_found_only_at_the_bank_is_held_and_refundable_and_never_releasable(school: Specification) -> None:
    school.given(statement(("n1", 500_00)))
    school.when(line("n1", 500_00, kind="deposit", payer_ref="p.1", unregistered="C-404")).then(
        e.DepositReceived, e.StatementLineMatched, e.ReconciliationBreakOpened
    )
    header = school.escrow.header
    assert (header.unapplied_fen, header.earned_fen, header.drift_fen) == (500_00, 0, 0)
    refund = c.RefundDeposit(refund_id="back", deposit_id=f"{ACCOUNT}.20260910.n1")
    school.when(refund).then(e.RefundOrdered)


def test_a_line_that_names_its_contract_pays_it() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract()).on(TODAY)
    school.given(statement(("n1", x.PRICE_FEN)))
    school.when(line("n1", x.PRICE_FEN, kind="deposit", payer_ref="p.1", contract_id="c1")).then(
        e.DepositReceived, e.DepositApplied, e.StatementLineMatched
    )


def test_a_debit_settles_what_was_instructed(school: Specification) -> None:
    school.given(*x.taught("a"), x.release(x.LESSON_FEN), statement(("b1", -x.LESSON_FEN), opening_fen=9))
    school.when(matched("b1", release=-x.LESSON_FEN)).then(e.ReleaseSettled, e.StatementLineMatched)
    assert school.escrow.get(ReleaseLine, "r1", "c1").status == "settled"
    assert school.escrow.header.release_in_transit_fen == 0


def test_one_payment_in_two_lines_is_settled_by_the_second(school: Specification) -> None:
    school.given(*x.taught("a"), x.release(x.LESSON_FEN), statement(("b1", -40_00), ("b2", -60_00), opening_fen=9))
    school.when(matched("b1", release=-40_00)).then(e.StatementLineMatched)
    school.when(matched("b2", 2, release=-60_00)).then(e.ReleaseSettled, e.StatementLineMatched)


def test_several_payments_in_one_line(school: Specification) -> None:
    school.given(x.deposit("s2", 1_00, None), statement(("sum", x.PRICE_FEN + 1_00)))
    both = [
        {"reference": DEPOSIT, "signed_fen": x.PRICE_FEN},
        {"reference": f"deposit:{x.deposit_id('s2')}", "signed_fen": 1_00},
    ]
    school.when(line("sum", x.PRICE_FEN + 1_00, kind="matched", shares=both)).then(e.StatementLineMatched)


def test_a_payment_is_shown_once_and_its_shares_sum_to_the_line(school: Specification) -> None:
    school.given(statement(("s1", x.PRICE_FEN), ("s1b", x.PRICE_FEN), END), matched("s1", deposit=x.PRICE_FEN))
    again = matched("s1b", 2, deposit=x.PRICE_FEN)
    school.when(again).refused(no.ReferenceAlreadyMatched(DEPOSIT))
    unequal = line("s1b", x.PRICE_FEN, 2, kind="matched", shares=[{"reference": DEPOSIT, "signed_fen": 1}])
    school.when(unequal).refused(no.MatchedAmountDiffers(x.PRICE_FEN, 1))
    twice = [{"reference": DEPOSIT, "signed_fen": 1}] * 2
    school.when(line("s1b", 2, 2, kind="matched", shares=twice)).refused(no.LineRepeated)
    absent = [{"reference": "deposit:none", "signed_fen": x.PRICE_FEN}]
    for reference in ("deposit:none", "repayment:none", "release:r9:c1", "refund:f9:i1", NAMES["reversal"]):
        absent[0]["reference"] = reference
        school.when(line("s1b", x.PRICE_FEN, 2, kind="matched", shares=absent)).refused(no.ReferenceUnknown(reference))


def test_more_than_the_payment_is_not_matched_to_it(school: Specification) -> None:
    school.given(statement(("s1", x.PRICE_FEN + 1), END))
    school.when(matched("s1", deposit=x.PRICE_FEN + 1)).refused(no.MatchedAmountDiffers)
    school.when(matched("s1", deposit=-1)).refused(no.MatchedAmountDiffers)


def test_a_refund_that_came_back_is_owed_again_although_the_bank_had_paid_it(school: Specification) -> None:
    school.given(*x.taught("a"), x.request(), x.approve(), x.instruct())
    due_fen = school.escrow.header.refund_in_transit_fen
    pay_by = school.escrow.get(Refund, "f1").clock
    school.given(statement(("b1", -due_fen), ("b2", due_fen)), matched("b1", refund=-due_fen))
    assert school.escrow.get(Refund, "f1").status == "paid"
    school.when(matched("b2", 2, kind="returned", refund=due_fen)).then(
        e.RefundSettlementReversed, e.RefundReturned, e.StatementLineMatched
    )
    refund, header = school.escrow.get(Refund, "f1"), school.escrow.header
    assert (refund.status, refund.open_fen, header.refund_payable_fen) == ("agreed", due_fen, due_fen)
    assert (header.custody_cash_fen, refund.clock) == (x.PRICE_FEN, pay_by)
    school.given(x.instruct("f1", "i2"), x.settle("f1", "i2"))
    assert fingerprint(school.replayed()) == school.fingerprint()


def test_a_release_that_came_back_is_earned_and_unreleased_again(school: Specification) -> None:
    school.given(*x.taught("a"), x.release(x.LESSON_FEN))
    school.given(statement(("b1", -x.LESSON_FEN), ("b2", x.LESSON_FEN)), matched("b1", release=-x.LESSON_FEN))
    school.when(matched("b2", 2, kind="returned", release=x.LESSON_FEN)).then(
        e.ReleaseSettlementReversed, e.ReleaseReturned, e.StatementLineMatched
    )
    assert (school.escrow.header.earned_fen, school.escrow.header.custody_cash_fen) == (x.LESSON_FEN, x.PRICE_FEN)


def test_only_what_was_paid_comes_back(school: Specification) -> None:
    school.given(*x.taught("a"), x.release(x.LESSON_FEN), statement(("b2", x.LESSON_FEN), END))
    school.when(matched("b2", kind="returned", release=x.LESSON_FEN)).refused(no.MatchedAmountDiffers)
    school.when(matched("b2", kind="returned", deposit=-x.PRICE_FEN)).refused(no.MatchedAmountDiffers)


def test_the_bank_takes_a_deposit_back(school: Specification) -> None:
    school.given(statement(("s1", x.PRICE_FEN), ("v", -x.PRICE_FEN), END), matched("s1", deposit=x.PRICE_FEN))
    reversal = line("v", -x.PRICE_FEN, 2, kind="reversed", deposit_id=x.deposit_id())
    school.when(line("v", -1, 2, kind="reversed", deposit_id=x.deposit_id())).refused(no.MatchedAmountDiffers)
    school.when(reversal).then(e.DepositReversed, e.StatementLineMatched)
    assert school.escrow.header.custody_cash_fen == 0


def test_a_reversal_posted_before_is_matched_and_not_repeated(school: Specification) -> None:
    school.given(x.reverse_deposit(), statement(("v", -x.PRICE_FEN), opening_fen=1))
    school.when(matched("v", reversal=-x.PRICE_FEN)).then(e.StatementLineMatched)


def test_a_shortfall_put_back_is_found_in_the_statement() -> None:
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit()).on(TODAY)
    school.given(*x.taught("a"), x.release(x.LESSON_FEN), x.settle_release())
    school.given(c.ReverseLesson(contract_id="c1", lesson_id="a", reason="not taught"))
    school.given(
        c.RecordShortfallRepayment(
            bank_serial="p1", account_id=ACCOUNT, value_on=TODAY, contract_id="c1", amount_fen=x.LESSON_FEN
        )
    )
    reference = f"repayment:{ACCOUNT}.20260910.p1"
    school.given(statement(("p1", x.LESSON_FEN)))
    shares = [{"reference": reference, "signed_fen": x.LESSON_FEN}]
    school.when(line("p1", x.LESSON_FEN, kind="matched", shares=shares)).then(e.StatementLineMatched)


# ── statements in turn ──────────────────────────────────────────────────────────────────────────────────────


def test_a_statement_begins_where_the_last_one_ended(school: Specification) -> None:
    school.given(statement(("s1", x.PRICE_FEN)), matched("s1", deposit=x.PRICE_FEN))
    missing = statement(("n", 5), name="b", opening_fen=x.PRICE_FEN + 7)
    school.when(missing).refused(no.StatementNotContinuous(TODAY, x.PRICE_FEN, x.PRICE_FEN + 7))
    overlapping = statement(
        ("n", 5), name="b", credits_fen=x.PRICE_FEN + 5, closing_fen=x.PRICE_FEN + 5, lines=2, repeated=1,
        repeated_fen=x.PRICE_FEN,
    )  # fmt: skip
    school.when(overlapping).then(e.StatementRecorded)
    school.when(line("s1", x.PRICE_FEN, file="b")).refused(no.AlreadyRecorded)
    school.given(line("n", 5, file="b", kind="deposit", payer_ref="p.1"))


def test_opening_and_lines_give_the_closing(school: Specification) -> None:
    school.when(statement(("s1", 5), closing_fen=6)).refused(no.StatementTotalsDiffer("closing_balance", 5, 6))


def test_a_statement_is_taken_in_once_for_the_account_of_the_escrow(school: Specification) -> None:
    school.given(statement(("s1", 5)))
    school.when(statement(("s1", 5))).refused(no.AlreadyRecorded("statement", "a" * 64))
    school.when(statement(("s1", 5), name="b", account_id="other")).refused(no.WrongAccount)
    school.when(statement(("s1", 5), name="b", to_on=date(2026, 9, 11))).refused(no.DateInFuture)
    school.when(statement(("s1", 5), name="b", from_on=date(2026, 9, 11))).refused(no.DatesOutOfOrder)
    school.when(statement(("s1", 5), name="b", repeated=2)).refused(no.StatementLinesDiffer)
    school.when(statement(("s1", 5), name="b")).refused(no.StatementIncomplete("a" * 64, 1, 0))


def test_lines_are_booked_one_after_another_and_are_the_lines_of_the_statement(school: Specification) -> None:
    school.when(line("n1", 5)).refused(no.StatementUnknown("a" * 64))
    school.given(statement(("n1", 5), ("n2", 6)))
    school.when(line("n2", 6, 2)).refused(no.StatementLineOutOfTurn("a" * 64, 1, 2))
    school.given(line("n1", 5))
    school.when(line("n2", 7, 2)).refused(no.StatementLinesDiffer("a" * 64))
    school.given(line("n2", 6, 2))
    school.when(line("n3", 6, 3)).refused(no.StatementUnknown("a" * 64))
    assert school.escrow.get(BankStatement, "a" * 64).booked == 2


def test_a_school_does_not_write_the_banks_books(school: Specification) -> None:
    for command in (statement(("s1", 5)), line("s1", 5)):
        for role in (Role.INSTITUTION, Role.GUARDIAN, Role.MEDIATOR):
            school.when(command, role).refused(no.RoleNotAllowed)


# ── breaks ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_nobody_can_explain_is_a_difference_until_it_is_matched(school: Specification) -> None:
    school.given(statement(("n1", 70_00)))
    school.when(line("n1", 70_00, kind="break", cause="unknown", owner="regulator", note="?")).then(
        e.ReconciliationBreakOpened
    )
    broken = school.escrow.get(Break, key("n1"))
    assert (school.escrow.header.drift_fen, broken.drift_fen, broken.unexplained) == (70_00, 70_00, True)
    school.given(x.deposit("n1", 70_00, None))
    found = [c.BankShareLine(reference=f"deposit:{x.deposit_id('n1')}", signed_fen=70_00)]
    school.when(c.ResolveBreak(break_id=key("n1"), resolution="matched", shares=found, note="late posting")).then(
        e.ReconciliationBreakResolved
    )
    assert (school.escrow.header.drift_fen, school.escrow.get(Break, key("n1")).unexplained) == (0, False)
    school.when(c.ResolveBreak(break_id=key("n1"), resolution="explained", note="x")).refused(no.BreakUnknown)


def test_the_banks_error_and_its_correction_cancel_each_other(school: Specification) -> None:
    school.given(statement(("fee", -3_00), ("fee back", 3_00), ("other", 1)))
    school.given(line("fee", -3_00, 1), line("fee back", 3_00, 2), line("other", 1, 3))
    wrong = c.ResolveBreak(break_id=key("fee"), resolution="corrected", corrected_by=key("other"), note="x")
    school.when(wrong).refused(no.MatchedAmountDiffers)
    right = c.ResolveBreak(
        break_id=key("fee"), resolution="corrected", corrected_by=key("fee back"), note="bank's letter"
    )
    school.when(right).then(e.ReconciliationBreakResolved, e.ReconciliationBreakResolved)
    assert school.escrow.header.drift_fen == 1


def test_a_correction_names_what_corrects() -> None:
    with pytest.raises(ValidationError, match="correction_not_named"):
        c.ResolveBreak(break_id=key("fee"), resolution="corrected", note="x")


def test_an_explained_difference_stays_a_difference_and_alarms_nobody(school: Specification) -> None:
    school.given(statement(("interest", 12)), line("interest", 12))
    school.given(c.ResolveBreak(break_id=key("interest"), resolution="explained", note="interest, owner not settled"))
    assert (school.escrow.header.drift_fen, school.escrow.get(Break, key("interest")).unexplained) == (12, False)


def test_a_payment_the_bank_does_not_show_is_in_transit_until_it_does(school: Specification) -> None:
    school.when(c.OpenBreak(reference=DEPOSIT)).then(e.ReconciliationBreakOpened)
    broken = school.escrow.get(Break, item_break_id(DEPOSIT))
    assert (broken.cause, broken.signed_fen, broken.unexplained) == ("in_transit", x.PRICE_FEN, False)
    school.when(c.OpenBreak(reference=DEPOSIT)).refused(no.AlreadyRecorded)
    school.given(statement(("s1", x.PRICE_FEN)))
    school.when(matched("s1", deposit=x.PRICE_FEN)).then(e.ReconciliationBreakResolved, e.StatementLineMatched)
    school.when(c.OpenBreak(reference=DEPOSIT)).refused(no.ReferenceAlreadyMatched)


def test_a_payment_out_is_no_deposit(school: Specification) -> None:
    school.given(statement(("n", -1), opening_fen=1))
    school.when(line("n", -1, kind="deposit", payer_ref="p.1")).refused(no.MatchedAmountDiffers)
    school.when(line("n", 0, kind="deposit", payer_ref="p.1")).refused(no.MatchedAmountDiffers)


def test_several_lines_are_booked_in_turn_all_of_them_or_none(school: Specification) -> None:
    lines = [("a", 100_00), ("b", 200_00), ("c", -5_00)]
    school.given(statement(*lines))
    found = [
        line(name, fen, number, kind="deposit", payer_ref="p.1") for number, (name, fen) in enumerate(lines[:2], 1)
    ]
    found.append(line("c", -5_00, 3))
    names = tuple(c.BookedLine.model_fields)
    whole = c.BookStatementLines(
        statement_id="a" * 64,
        number=1,
        account_id=ACCOUNT,
        lines=[c.BookedLine(**{name: getattr(each, name) for name in names}) for each in found],
    )
    school.when(whole.model_copy(update={"number": 2})).refused(no.StatementLineOutOfTurn("a" * 64, 1, 2))
    twice = whole.model_copy(update={"lines": [whole.lines[0], whole.lines[0]]})
    school.when(twice).refused(no.AlreadyRecorded("statement_line", key("a")))
    school.when(whole).then(
        e.DepositReceived,
        e.StatementLineMatched,
        e.DepositReceived,
        e.StatementLineMatched,
        e.ReconciliationBreakOpened,
    )
    booked = school.escrow.get(BankStatement, "a" * 64)
    assert (booked.booked, booked.chain) == (3, booked.lines_sha256)
