"""Bank lines find payments by rules that are data: the same input, the same answer, and the rule's name with it."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from ledger import commands as c
from ledger import rejections as no
from ledger.identity import identified
from ledger.matches import Matching, Outcome
from ledger.matching import load_rules, shipped_rules
from ledger.overlap import fresh_lines
from ledger.reconciliation import match
from ledger.statements import Statement, StatementLine, chain_of
from tests import examples as x
from tests.books import Folded
from tests.specification import Specification

ACCOUNT = "6222000001"
DAY = date(2026, 9, 10)


def line(
    fen: int, serial: str = "", on: date = DAY, text: str = "", payer: str = "", *, reversal: bool = False
) -> StatementLine:
    """One bank line."""
    return StatementLine(
        line=1,
        booked_on=on,
        value_on=on,
        amount_fen=fen,
        serial=serial,
        text=text,
        counterparty=payer,
        reversal=reversal,
    )


@pytest.fixture
def school() -> Specification:
    """A paid contract whose deposit the bank had posted as s1, a release r1 and a refund f1 on their way."""
    school = Specification(x.SIGNED_ON).given(x.opening(), x.contract(), x.deposit(value_on=DAY - timedelta(16)))
    school.on(DAY).given(*x.taught("a"), x.release(x.LESSON_FEN), x.request(), x.approve(), x.instruct())
    return school


def books_of(school: Specification) -> Folded:
    return Folded().take_all(school.history)


def matching(school: Specification, *lines: StatementLine) -> Matching:
    return match(identified(lines, ACCOUNT), books_of(school))


def outcome(school: Specification, *lines: StatementLine) -> tuple[Outcome, str]:
    """Of the last line."""
    planned = matching(school, *lines).planned[-1]
    return planned.outcome, planned.rule


def references(found: Outcome) -> list[str]:
    assert isinstance(found, c.Matched | c.Returned)
    return [share.reference for share in found.shares]


def test_a_serial_number_finds_the_deposit(school: Specification) -> None:
    found, rule = outcome(school, line(x.PRICE_FEN, "s1", on=x.SIGNED_ON))
    assert (references(found), rule) == ([f"deposit:{x.deposit_id()}"], "serial")


def test_the_same_serial_number_with_another_amount_is_the_banks_question(school: Specification) -> None:
    found, rule = outcome(school, line(x.PRICE_FEN - 1, "s1", on=x.SIGNED_ON))
    assert isinstance(found, c.Unexplained)
    assert (found.cause, found.owner, rule) == ("bank_error", "bank", "serial-differs")


def test_an_equal_payment_under_another_serial_number_is_another_payment(school: Specification) -> None:
    found, rule = outcome(school, line(x.PRICE_FEN, "s2", text="c1", payer="payer-1", on=x.SIGNED_ON))
    assert isinstance(found, c.Deposited)
    assert (found.contract_id, rule) == (None, "found-at-bank")


def test_ids_in_the_remittance_find_what_was_instructed(school: Specification) -> None:
    found, rule = outcome(school, line(-x.LESSON_FEN, "b1", text="划拨 r1-"))
    assert (references(found), rule) == (["release:r1:c1"], "named")
    refund_fen = school.escrow.header.refund_in_transit_fen
    found, rule = outcome(school, line(-refund_fen, "b2", payer="payer-1"))
    assert (references(found), rule) == (["refund:f1:i1"], "payer")


def released(*amounts: int) -> Specification:
    """A release of several contracts under one id, RELEASE-7."""
    school = Specification(x.SIGNED_ON).given(x.opening())
    lines = []
    for number, fen in enumerate(amounts):
        contract_id = f"CON-{number}"
        school.on(x.SIGNED_ON).given(
            x.contract(contract_id, student_id=f"child-{number}"), x.deposit(f"s{number}", contract_id=contract_id)
        )
        school.on(DAY).given(*x.taught(*"abcde", contract_id=contract_id))
        lines.append(c.ReleaseOrderLine(contract_id=contract_id, amount_fen=fen))
    return school.given(c.InstructRelease(release_id="RELEASE-7", lines=lines))


def test_one_debit_for_a_whole_release_is_all_its_lines() -> None:
    school = released(300_00, 200_00, 100_00)
    found, rule = outcome(school, line(-600_00, "b1", text="划拨 RELEASE-7"))
    assert references(found) == [f"release:RELEASE-7:CON-{n}" for n in range(3)]
    assert rule == "named-sum"


def test_one_debit_per_line_of_a_release_finds_each() -> None:
    school = released(300_00, 200_00)
    plans = matching(school, line(-200_00, text="RELEASE-7"), line(-300_00, text="RELEASE-7")).planned
    assert [references(each.outcome) for each in plans] == [["release:RELEASE-7:CON-1"], ["release:RELEASE-7:CON-0"]]


def test_one_payment_in_several_debits_is_their_sum() -> None:
    school = released(300_00)
    plans = matching(school, line(-100_00, text="RELEASE-7 1/2"), line(-200_00, text="RELEASE-7 2/2")).planned
    assert {each.rule for each in plans} == {"named-parts"}
    assert [share.signed_fen for each in plans for share in each.outcome.shares] == [-100_00, -200_00]  # type: ignore[union-attr]


def test_the_amount_alone_finds_a_debit_only_where_nothing_else_fits() -> None:
    assert outcome(released(300_00), line(-300_00, "b"))[1] == "amount"
    assert outcome(released(300_00, 300_00), line(-300_00, "b"))[1] == "unexplained"
    assert outcome(released(300_00), line(-300_00, "b", on=DAY + timedelta(4)))[1] == "unexplained"


def test_several_lines_share_no_payment() -> None:
    plans = matching(released(300_00), line(-300_00, "b1"), line(-300_00, "b2")).planned
    assert [each.rule for each in plans] == ["amount", "unexplained"]


def test_a_contract_number_in_the_text_applies_the_money(school: Specification) -> None:
    school.given(x.contract("HT-2026-9", student_id="child-9"))
    found, rule = outcome(school, line(5, "n", text="合同HT-2026-9。学费", payer="p.7"))
    assert isinstance(found, c.Deposited)
    assert (found.contract_id, found.unregistered, found.payer_ref, rule) == ("HT-2026-9", "", "p.7", "contract-number")


def test_a_number_nobody_registered_is_named(school: Specification) -> None:
    found, _ = outcome(school, line(5, "n", text="合同号:HT-404 学费"))
    assert isinstance(found, c.Deposited)
    assert (found.contract_id, found.unregistered) == (None, "HT-404")


def test_two_contracts_in_one_text_are_for_people_to_split(school: Specification) -> None:
    school.given(x.contract("HT-2", student_id="child-2"), x.contract("HT-3", student_id="child-3"))
    found, _ = outcome(school, line(5, "n", text="HT-2 HT-3"))
    assert isinstance(found, c.Deposited)
    assert found.contract_id is None


def test_what_came_back_in_the_same_file_is_returned() -> None:
    school = released(300_00)
    found, rule = outcome(school, line(-300_00, "b1", text="RELEASE-7"), line(300_00, "b2", text="退票 RELEASE-7"))
    assert (references(found), rule) == (["release:RELEASE-7:CON-0"], "returned")
    assert isinstance(found, c.Returned)


def test_a_return_of_nothing_that_was_paid_is_a_break(school: Specification) -> None:
    found, rule = outcome(school, line(300_00, "b2", text="退票"))
    assert isinstance(found, c.Unexplained)
    assert (found.cause, rule) == ("reversal", "returned-payment")


def test_a_reversal_takes_back_the_deposit_before_it(school: Specification) -> None:
    found, rule = outcome(
        school, line(7_00, "n7", text="学费"), line(8_00, "n8"), line(-7_00, "n7", text="冲正", reversal=True)
    )
    assert isinstance(found, c.Reversed)
    assert (found.deposit_id, rule) == (f"{ACCOUNT}.20260910.n7", "reversal")


@pytest.mark.parametrize("text", ["退账户管理费", "冲正 账户管理费", "更正 多收手续费退还", "REVERSAL", ""])
def test_what_the_bank_gives_back_is_no_familys_money(school: Specification, text: str) -> None:
    found, _ = outcome(school, line(12_34, "n8", text=text, reversal=not text))
    assert isinstance(found, c.Unexplained)
    assert (found.cause, found.owner) == ("reversal", "bank")


@pytest.mark.parametrize("text", ["课程服务费", "舞蹈年费", "李更正学费", "托管费 管理费"])
def test_a_family_may_call_its_tuition_a_fee(school: Specification, text: str) -> None:
    assert isinstance(outcome(school, line(12_34, "n8", text=text))[0], c.Deposited)


def test_a_reversal_of_one_of_two_equal_deposits_is_not_guessed(school: Specification) -> None:
    found, rule = outcome(school, line(7_00, "n1"), line(7_00, "n2"), line(-7_00, "n3", text="冲正", reversal=True))
    assert isinstance(found, c.Unexplained)
    assert (found.cause, found.owner, rule) == ("reversal", "bank", "reversal")


@pytest.mark.parametrize(
    ("fen", "text", "rule", "cause"),
    [
        (12, "第三季度结息", "interest", "unknown"),
        (-5_00, "账户管理费", "bank-fee", "bank_error"),
        (-5_00, "转账", "unexplained", "unknown"),
    ],
)
def test_what_no_payment_explains_has_a_class(
    school: Specification, fen: int, text: str, rule: str, cause: str
) -> None:
    found, named = outcome(school, line(fen, "n", text=text))
    assert isinstance(found, c.Unexplained)
    assert (named, found.cause) == (rule, cause)


def test_matching_changes_nothing_and_answers_the_same_again(school: Specification) -> None:
    lines = identified([line(-x.LESSON_FEN, "b"), line(5, "n"), line(x.PRICE_FEN, "s1", on=x.SIGNED_ON)], ACCOUNT)
    books = books_of(school)
    first = match(lines, books)
    assert match(lines, books) == first
    assert books == books_of(school)
    assert (first.count("matched"), first.count("deposit"), first.count("break")) == (2, 1, 0)


def test_rules_are_a_file() -> None:
    assert {rule.shape for rule in shipped_rules().rules} == {"1:1", "1:n", "n:1"}
    text = b'classes=[]\nrules=[]\n[texts]\nreturned="back"\ncontract="no (x)"'
    assert match(identified([line(-1)], ACCOUNT), Folded(), load_rules(text)).planned[0].rule == "unexplained"
    for broken in (b"rules=1", text.replace(b"back", b"("), b"\xff"):
        with pytest.raises(ValueError, match="matching rules"):
            load_rules(broken)


# ── overlapping statements ──────────────────────────────────────────────────────────────────────────────────


def statement(lines: Iterable[StatementLine], opening_fen: int, sha256: str = "b" * 64) -> Statement:
    lines = list(lines)
    closing_fen = opening_fen + sum(each.amount_fen for each in lines)
    return Statement(sha256, "x", "CNY", lines, opening_fen=opening_fen, closing_fen=closing_fen)


def after(*lines: StatementLine) -> Folded:
    """Books in which these lines were booked, from nothing."""
    school = Specification(DAY).given(x.opening())
    first = statement(lines, 0, "a" * 64)
    keyed = identified(lines, ACCOUNT)
    school.given(
        c.RecordStatement(
            statement_id=first.statement_id, format="x", account_id=ACCOUNT, from_on=DAY, to_on=DAY, opening_fen=0,
            closing_fen=first.closing_fen or 0, credits_fen=first.net_fen, debits_fen=0, lines=len(lines),
            lines_sha256=chain_of(keyed),
        )
    )  # fmt: skip
    for number, each in enumerate(keyed, 1):
        school.given(
            c.BookStatementLine(
                statement_id=first.statement_id, number=number, account_id=ACCOUNT, line=number, line_key=each.key,
                booked_on=DAY, value_on=DAY, signed_fen=each.amount_fen, rule="x", outcome=c.Deposited(payer_ref="p"),
            )
        )  # fmt: skip
    return books_of(school)


def test_lines_of_an_overlapping_file_count_once() -> None:
    books = after(line(5, "A"), line(6, "B"))
    fresh = fresh_lines(statement([line(6, "B"), line(7, "C")], 5), books)
    assert [each.serial for each in fresh] == ["C"]
    assert fresh_lines(statement([line(5, "A"), line(6, "B")], 0), books) == []


def test_a_booking_that_comes_again_with_another_amount_is_the_banks_contradiction() -> None:
    books = after(line(5, "A"), line(6, "B"))
    for again, told in (
        (statement([line(4, "A"), line(6, "B")], 0), ("A", 5, 4)),
        (statement([line(7, "B"), line(7, "C")], 5), ("B", 6, 7)),
    ):
        with pytest.raises(no.RepeatedLineDiffers) as caught:
            fresh_lines(again, books)
        assert (caught.value.serial, caught.value.recorded_fen, caught.value.found_fen) == told


def test_a_file_that_leaves_days_out_is_refused() -> None:
    with pytest.raises(no.StatementNotContinuous) as caught:
        fresh_lines(statement([line(7, "C")], 12), after(line(5, "A"), line(6, "B")))
    assert (caught.value.expected_fen, caught.value.found_fen) == (11, 12)


def test_a_file_that_goes_on_in_the_middle_of_a_day_brings_its_equal_line_too() -> None:
    (fresh,) = fresh_lines(statement([line(5)], 5), after(line(5)))
    assert fresh.key not in after(line(5)).line_keys


def test_equal_lines_that_could_be_repeated_or_new_are_refused() -> None:
    books = after(line(5), line(5, text="b"))
    repeated_or_new = statement([line(5), line(-5)], 10)
    assert len(fresh_lines(repeated_or_new, books)) == 2
    zero = after(line(5), line(5, text="b"), line(1, "s"))
    (brought,) = identified([line(-5)], ACCOUNT)
    zero.line_keys[brought.key], zero.line_fens[brought.key] = "a" * 64, -5
    with pytest.raises(no.OverlapAmbiguous):
        fresh_lines(statement([line(5), line(-5)], 11), zero)


def test_a_statement_without_a_line_or_a_day_says_nothing() -> None:
    with pytest.raises(no.EmptyStatement):
        _ = Statement("a" * 64, "x", "CNY", []).covers
