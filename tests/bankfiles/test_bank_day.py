"""A bank's day: notifications, the evening's statement, a reconciliation with one explained and one open break."""

from datetime import timedelta

import pytest

from api.bankfiles.commit import commit_statement
from api.bankfiles.preview import preview_statement
from api.bankfiles.reading import read_statements
from api.bankfiles.reconcile import reconcile
from api.bankfiles.report import previewed as told_of
from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.answers import Answer
from ledger.application import Ledger
from projections.reader import ReadModels
from projections.reconciliation import get_reconciliation, list_bank_lines, list_breaks, list_statements
from projections.runner import Runner
from tests import examples as x
from tests.bankfiles.bank import BANK, DAY, PARTIES, ask, facts, imported, previewed, school
from tests.bankfiles.files import ACCOUNT, Booking, camt054, generic_csv

NEXT = DAY + timedelta(days=1)
DAY_LINES = [
    Booking(DAY, 3_000_00, "A1", text="合同C-1 学费"),
    Booking(DAY, 12, "A2", name="银行", account="", text="结息"),
    Booking(DAY, -5_00, "A3", name="某公司", account="77", text="转账"),
]


@pytest.fixture
def bank(ledger: Ledger) -> Ledger:
    """A ledger with a school of two contracts."""
    school(ledger)
    return ledger


def test_what_a_notification_told_is_matched_by_the_evenings_statement(bank: Ledger) -> None:
    told = imported(bank, camt054(DAY_LINES))
    assert (told.booked, told.kinds) == (1, {"deposit": 1, "waits": 2})
    assert imported(bank, camt054(DAY_LINES)).booked == 0
    assert facts(bank)[0] == 3_000_00
    done = imported(bank, generic_csv(DAY_LINES))
    assert (done.kinds, facts(bank)[0]) == ({"matched": 1, "break": 2}, 3_000_00)


def test_a_notification_settles_payments(bank: Ledger) -> None:
    imported(bank, generic_csv(DAY_LINES[:1]))
    ask(bank, c.RecordDeposit(
        bank_serial="U1", account_id=ACCOUNT, value_on=DAY, amount_fen=70_00, payer_ref="p.9"
    ))  # fmt: skip
    deposit_id = f"{ACCOUNT}.{DAY:%Y%m%d}.U1"
    ask(bank, c.RefundDeposit(refund_id="back", deposit_id=deposit_id), x.instruct("back", "PAY-1"))
    lines = [Booking(NEXT, -70_00, "Z1", text="退费 PAY-1"), Booking(NEXT, -3_000_00, "Z2", text="冲正 A1")]
    told = imported(bank, camt054(lines))
    assert told.kinds["matched"] == 1
    assert [event.event.bank_serial for event in bank.stream("school") if isinstance(event.event, e.RefundSettled)] == [
        "Z1"
    ]


def test_what_a_notification_does_not_explain_waits_for_the_statement(bank: Ledger) -> None:
    fee = [Booking(DAY, -3_00, "F1", text="账户管理费")]
    (statement,) = read_statements(camt054(fee), PARTIES)
    assert told_of(preview_statement(bank, "school", statement)).becomes == {"waits": 1}
    assert imported(bank, camt054(fee)).kinds == {"waits": 1}


def test_a_foreign_notification_is_refused(bank: Ledger) -> None:
    with pytest.raises(no.OtherCurrency):
        previewed(bank, camt054(DAY_LINES).replace(b"'CNY'", b"'EUR'").replace(b"<Ccy>CNY", b"<Ccy>EUR"))


def test_bank_and_ledger_differ_by_what_the_breaks_say_and_by_nothing_else(bank: Ledger) -> None:
    imported(bank, generic_csv(DAY_LINES))
    day = reconcile(bank, "school", BANK)
    assert (day.bank_fen, day.custody_fen, day.drift_fen) == (2_995_12, 3_000_00, -4_88)
    assert (day.unexplained_fen, day.overdue, day.in_transit_fen) == (0, 0, 0)


def test_a_payment_the_bank_should_have_shown_is_a_break_once(bank: Ledger) -> None:
    ask(bank, x.deposit("P1", 9_00, None, account_id=ACCOUNT, value_on=DAY))
    imported(bank, generic_csv([Booking(DAY, 1_00, "A0"), Booking(NEXT, 1_00, "A9")]))
    dry = reconcile(bank, "school", BANK, dry_run=True)
    assert (dry.overdue, dry.opened, dry.in_transit_fen, dry.unexplained_fen) == (1, 0, 9_00, 0)
    assert [reconcile(bank, "school", BANK).opened for _ in range(2)] == [1, 0]
    (broken,) = [r.event for r in bank.stream("school") if isinstance(r.event, e.ReconciliationBreakOpened)]
    assert (broken.kind, broken.owner, broken.since_on, broken.signed_fen) == ("in_transit", "bank", DAY, 9_00)


def test_an_opening_balance_nobody_recorded_is_unexplained(bank: Ledger) -> None:
    imported(bank, generic_csv(DAY_LINES[:1], opening_fen=50_00))
    assert reconcile(bank, "school", BANK).unexplained_fen == 50_00


def test_money_collected_before_the_first_statement_is_its_opening_balance(bank: Ledger) -> None:
    ask(bank, x.deposit("OLD", 50_00, None, account_id=ACCOUNT, value_on=DAY - timedelta(days=5)))
    imported(bank, generic_csv(DAY_LINES[:1], opening_fen=50_00))
    day = reconcile(bank, "school", BANK)
    assert (day.unexplained_fen, day.overdue, day.in_transit_fen) == (0, 0, 0)


def test_nothing_is_reconciled_over_an_unfinished_import(bank: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    (statement,) = read_statements(generic_csv(DAY_LINES), PARTIES)
    preview = preview_statement(bank, "school", statement)

    def interrupted(*_: object) -> list[Answer]:
        raise InterruptedError

    monkeypatch.setattr(bank, "submit_series", interrupted)
    with pytest.raises(InterruptedError):
        commit_statement(bank, preview, BANK)
    monkeypatch.undo()
    with pytest.raises(no.StatementIncomplete):
        reconcile(bank, "school", BANK)
    with pytest.raises(no.EscrowNotOpen):
        reconcile(bank, "nobody", BANK)


def test_an_officer_reads_statements_lines_and_breaks(bank: Ledger) -> None:
    imported(bank, generic_csv(DAY_LINES))
    breaks = [r.event for r in bank.stream("school") if isinstance(r.event, e.ReconciliationBreakOpened)]
    interest = next(each for each in breaks if each.signed_fen == 12)
    ask(bank, c.ResolveBreak(break_id=interest.break_id, resolution="explained", note="interest, owner not settled"))
    Runner(bank.engine).catch_up()
    reader = ReadModels(bank.engine)
    stood = get_reconciliation(reader, "school").data
    assert (stood.bank_fen, stood.custody_fen, stood.contracts_fen, stood.other_fen) == (
        2_995_12,
        3_000_00,
        3_000_00,
        0,
    )
    assert (stood.drift_fen, stood.in_transit_fen, stood.alarming_fen) == (-4_88, 0, -5_00)
    assert (stood.open_breaks, stood.alarming_breaks, stood.through_on) == (1, 1, DAY)
    (statement,) = list_statements(reader, "school").data
    assert (statement.lines, statement.booked, statement.closing_fen) == (3, 3, 2_995_12)
    lines = list_bank_lines(reader, "school", statement_id=statement.statement_id).data
    assert sorted((line.signed_fen, line.payments) for line in lines) == [
        (-5_00, ()), (12, ()), (3_000_00, (f"deposit:{ACCOUNT}.{DAY:%Y%m%d}.A1",)),
    ]  # fmt: skip
    rows = list_breaks(reader, institution_id="school").data
    assert sorted((row.cause, row.owner, row.state, row.alarming) for row in rows) == [
        ("unknown", "regulator", "explained", False), ("unknown", "regulator", "open", True),
    ]  # fmt: skip
    assert len(list_breaks(reader, alarming=True, since_before=NEXT).data) == 1


@pytest.mark.parametrize(
    ("draw_id", "text", "kinds", "custody_fen"),
    [
        ("DRAW-1", "风险保证金划转 DRAW-1", {"matched": 2, "deposit": 1}, 3_500_00),
        ("DRAW-1", "风险保证金划转", {"matched": 1, "break": 1, "deposit": 1}, 3_500_00),
        (None, "风险保证金划转", {"matched": 1, "break": 1, "deposit": 1}, 3_500_00),
    ],
)
def test_security_that_was_drawn_is_no_familys_deposit(
    bank: Ledger, draw_id: str | None, text: str, kinds: dict[str, int], custody_fen: int
) -> None:
    first = [Booking(DAY, 3_000_00, "A1", text="合同C-1 学费")]
    imported(bank, generic_csv(first))
    ask(bank, c.PlaceRiskDeposit(amount_fen=500_00, bank_serial="R1"))
    ask(bank, *x.taught("a", contract_id="C-1", hours="30"))
    reversal = c.ReverseDeposit(
        deposit_id=f"{ACCOUNT}.{DAY:%Y%m%d}.A1", reversal_id="rev-1", reason="chargeback", effective_at=None
    )
    ask(bank, reversal)
    ask(bank, c.DrawRiskDeposit(contract_id="C-1", amount_fen=500_00, order_no="1", draw_id=draw_id))
    evening = [
        Booking(NEXT, -3_000_00, "A1", text="冲正"),
        Booking(NEXT, 500_00, "B2", name="学校", account="88", text=text),
        Booking(NEXT, 3_000_00, "B3", text="学费"),
    ]
    done = imported(bank, generic_csv(evening, opening_fen=3_000_00))
    assert (done.kinds, done.demoted) == (kinds, [])
    assert facts(bank)[0] == custody_fen
    day = reconcile(bank, "school", BANK)
    assert day.bank_fen == 3_500_00
    assert (day.overdue, day.unexplained_fen) == (0, 0)
    if draw_id and "break" in done.kinds:
        (broken,) = [r.event for r in bank.stream("school") if isinstance(r.event, e.ReconciliationBreakOpened)]
        share = c.BankShareLine(reference="draw:DRAW-1", signed_fen=500_00)
        ask(bank, c.ResolveBreak(break_id=broken.break_id, resolution="matched", shares=[share], note="it is the draw"))
        settled = reconcile(bank, "school", BANK)
        assert (settled.drift_fen, settled.in_transit_fen, settled.unexplained_fen) == (0, 0, 0)
