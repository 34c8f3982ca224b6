"""A statement is previewed and committed: every line once, whatever is sent again, overlaps, stops or races."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from api.bankfiles import commit as committing
from api.bankfiles.books import read_books
from api.bankfiles.commit import commit_statement
from api.bankfiles.preview import Stated, same_account
from api.bankfiles.reading import read_statements
from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.answers import Answer
from ledger.application import Ledger
from ledger.audit import audit
from ledger.bankbooks import ITEM_KEYS
from ledger.orders import Order
from ledger.serialization import Recorded
from tests import examples as x
from tests.bankfiles.bank import BANK, DAY, PARTIES, ask, facts, imported, previewed, school
from tests.bankfiles.files import ACCOUNT, Booking, camt053, generic_csv
from tests.conftest import Clock

MORNING = [
    Booking(DAY, 3_000_00, "A1", text="合同C-1 学费"),
    Booking(DAY, 500_00, "A2", text="学费", account="6222000099998888777"),
    Booking(DAY, 100_00, "A3", text="合同号:HT-404 学费"),
    Booking(DAY, -2_00, "A4", name="银行", account="", text="账户管理费"),
]


@pytest.fixture
def bank(ledger: Ledger) -> Ledger:
    """A ledger with a school of two contracts."""
    school(ledger)
    return ledger


def events(ledger: Ledger, *kinds: type[e.Event]) -> list[e.Event]:
    return [recorded.event for recorded in ledger.stream("school") if isinstance(recorded.event, kinds)]


def lines_booked(ledger: Ledger) -> int:
    matched = {event.line_key for event in events(ledger, e.StatementLineMatched)}  # type: ignore[attr-defined]
    opened = events(ledger, e.ReconciliationBreakOpened)
    return len(matched | {event.break_id for event in opened if event.statement_id})  # type: ignore[attr-defined]


def test_a_bank_evening_from_file_to_ledger(bank: Ledger) -> None:
    preview = previewed(bank, generic_csv(MORNING))
    assert [each.outcome.kind for each in preview.matching.planned] == ["deposit", "deposit", "deposit", "break"]
    assert bank.stream("school", 3) == [], "a preview records nothing"
    done = commit_statement(bank, preview, BANK)
    assert (done.booked, done.kinds, done.demoted) == (4, {"deposit": 3, "break": 1}, [])
    assert facts(bank) == (3_600_00, 600_00, 3_000_00)
    breaks = events(bank, e.ReconciliationBreakOpened)
    assert [(each.kind, each.owner, each.drift_fen) for each in breaks] == [  # type: ignore[attr-defined]
        ("unregistered_contract", "institution", 0),
        ("bank_error", "bank", -2_00),
    ]
    assert audit(bank).passed


def test_every_event_of_an_import_names_the_file_and_its_line_is_told(bank: Ledger) -> None:
    preview = previewed(bank, generic_csv(MORNING))
    commit_statement(bank, preview, BANK)
    recorded = bank.stream("school", 3)
    sources = [
        (r.envelope.source.sha256, r.envelope.source.line, r.envelope.source.last)
        for r in recorded
        if r.envelope.source
    ]
    assert len(sources) == len(recorded)
    assert set(sources) == {(preview.statement.sha256, 0, 0), (preview.statement.sha256, 4, 7)}
    assert lines_of(recorded[1:]) == [4, 4, 4, 5, 5, 6, 6, 6, 7]


def lines_of(recorded: Sequence[Recorded]) -> list[int]:
    """The line of each event: its own, else that of the next event that names one."""
    lines, line = list[int](), 0
    for each in reversed(recorded):
        line = getattr(each.event, "line", line)
        lines.append(line)
    return lines[::-1]


def test_the_same_file_twice_changes_nothing(bank: Ledger) -> None:
    imported(bank, generic_csv(MORNING))
    position = bank.position()
    again = imported(bank, generic_csv(MORNING))
    assert (again.booked, again.already, bank.position()) == (0, 4, position)


def test_the_same_day_in_another_format_brings_nothing_new(bank: Ledger) -> None:
    imported(bank, generic_csv(MORNING))
    again = imported(bank, camt053(MORNING))
    assert (again.booked, again.already, lines_booked(bank)) == (0, 4, 4)


def test_an_overlapping_file_brings_only_its_new_lines(bank: Ledger) -> None:
    imported(bank, generic_csv(MORNING[:2]))
    done = imported(bank, generic_csv(MORNING))
    assert (done.booked, done.already, lines_booked(bank)) == (2, 2, 4)
    assert facts(bank)[0] == 3_600_00


def test_a_day_that_is_missing_is_asked_for(bank: Ledger) -> None:
    imported(bank, generic_csv(MORNING[:1]))
    with pytest.raises(no.StatementNotContinuous):
        previewed(bank, generic_csv(MORNING[2:], opening_fen=3_500_00))


def test_what_the_bank_had_posted_is_matched_and_not_doubled(bank: Ledger) -> None:
    ask(bank, x.deposit("A1", 3_000_00, "C-1", account_id=ACCOUNT, value_on=DAY))
    done = imported(bank, generic_csv(MORNING))
    assert done.kinds == {"matched": 1, "deposit": 2, "break": 1}
    assert facts(bank)[0] == 3_600_00


def test_releases_and_refunds_are_settled_and_returned_by_the_statement(bank: Ledger, clock: Clock) -> None:
    imported(bank, generic_csv(MORNING))
    clock.advance(days=10)
    ask(bank, *x.taught("a", contract_id="C-1"), x.release(100_00, "C-1", "REL-1"))
    ask(bank, x.request(contract_id="C-1"), x.approve(), x.instruct())
    today = DAY + timedelta(days=11)
    evening = [
        Booking(today, -100_00, "B1", name="学校", account="1", text="划拨 REL-1"),
        Booking(today, -2_900_00, "B2"),
        Booking(today, 2_900_00, "B3", text="退票"),
    ]
    done = imported(bank, generic_csv(evening, opening_fen=3_598_00))
    assert done.kinds == {"matched": 2, "returned": 1}, done.demoted
    assert [type(each) for each in events(bank, e.ReleaseSettled, e.RefundSettled, e.RefundReturned)] == [
        e.ReleaseSettled,
        e.RefundSettled,
        e.RefundReturned,
    ]
    assert audit(bank).passed


class _Stops(Exception):
    """The process ended here."""


@pytest.mark.parametrize("stops_after", range(6))
def test_an_import_that_stops_anywhere_goes_on_where_it_stopped(
    bank: Ledger, stops_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "BATCH", 1)
    preview, calls = previewed(bank, generic_csv(MORNING)), 0
    submit_all, submit_series = bank.submit_all, bank.submit_series

    def counted() -> None:
        nonlocal calls
        calls += 1
        if calls > stops_after:
            raise _Stops

    def together(orders: list[Order], *, atomic: bool = False) -> list[Answer]:
        counted()
        return submit_all(orders, atomic=atomic)

    def in_series(institution_id: str, orders: Iterator[Order]) -> list[Answer]:
        counted()
        return submit_series(institution_id, islice(orders, 1))

    monkeypatch.setattr(bank, "submit_all", together)
    monkeypatch.setattr(bank, "submit_series", in_series)
    if stops_after < 5:
        with pytest.raises(_Stops):
            commit_statement(bank, preview, BANK)
    monkeypatch.undo()
    done = imported(bank, generic_csv(MORNING))
    assert (done.booked + done.already, lines_booked(bank), facts(bank)[0]) == (4, 4, 3_600_00)
    assert audit(bank).passed


def test_a_preview_that_was_overtaken_is_committed_once(bank: Ledger) -> None:
    stale = previewed(bank, generic_csv(MORNING))
    imported(bank, generic_csv(MORNING))
    again = commit_statement(bank, stale, BANK)
    assert (again.booked, again.already, lines_booked(bank)) == (0, 4, 4)


def test_two_imports_of_one_file_at_once_book_every_line_once(bank: Ledger) -> None:
    many = [Booking(DAY, 100 + n, f"S{n}") for n in range(300)]
    previews = [previewed(bank, generic_csv(many)) for _ in range(3)]
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda p=p: done.append(commit_statement(bank, p, BANK).booked)) for p in previews
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(done), len(done), lines_booked(bank)) == (300, 3, 300)
    assert facts(bank)[0] == sum(each.fen for each in many)


def test_an_unfinished_statement_is_finished_before_the_next(bank: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    preview = previewed(bank, generic_csv(MORNING))
    monkeypatch.setattr(bank, "submit_series", lambda *_: _stop())
    with pytest.raises(_Stops):
        commit_statement(bank, preview, BANK)
    monkeypatch.undo()
    with pytest.raises(no.StatementIncomplete):
        previewed(bank, generic_csv([Booking(DAY, 1, "Z")], opening_fen=3_598_00))


def _stop() -> list[Answer]:
    raise _Stops


def test_a_line_whose_payment_was_matched_meanwhile_is_planned_anew(bank: Ledger) -> None:
    ask(bank, x.deposit("A1", 3_000_00, "C-1", account_id=ACCOUNT, value_on=DAY))
    stale = previewed(bank, generic_csv(MORNING))
    ask(bank, x.deposit("A2", 500_00, None, account_id=ACCOUNT, value_on=DAY))
    done = commit_statement(bank, stale, BANK)
    assert (done.kinds, done.demoted) == ({"matched": 2, "deposit": 1, "break": 1}, [])


def test_what_the_ledger_refuses_becomes_a_break_and_no_line_is_lost(bank: Ledger, clock: Clock) -> None:
    imported(bank, generic_csv(MORNING[:1]))
    clock.advance(days=10)
    ask(bank, *x.taught("a", contract_id="C-1"), x.release(100_00, "C-1", "REL-1"))
    today = DAY + timedelta(days=11)
    evening = [
        Booking(today, -100_00, "B1", name="学校", account="1", text="划拨 REL-1"),
        Booking(today, -3_000_00, "A1", text="冲正"),
        Booking(today, 1_00, "B3"),
    ]
    done = imported(bank, generic_csv(evening, opening_fen=3_000_00))
    assert (done.booked, done.demoted) == (3, [(5, "custody_short")])
    assert (done.kinds, lines_booked(bank)) == ({"matched": 1, "break": 1, "deposit": 1}, 4)


def test_a_payment_to_another_family_is_not_found_by_its_amount_alone(bank: Ledger) -> None:
    imported(bank, generic_csv(MORNING))
    (statement,) = read_statements(generic_csv(MORNING) + b"\n", PARTIES)
    books = read_books(bank, "school", statement)
    assert not any(books.waiting().holds(by) for by in ITEM_KEYS)
    assert len(books.known_keys(statement.statement_id)[0]) == 4


def test_balances_that_a_file_does_not_state_are_stated_by_the_bank_clerk(bank: Ledger) -> None:
    data = "记账日期,流水号,金额\n2026-08-31,A1,5.00\n".encode()
    with pytest.raises(no.BalancesMissing):
        previewed(bank, data)
    assert imported(bank, data, Stated(closing_fen=500)).booked == 1


def test_a_file_of_another_account_is_refused_unless_somebody_checked_it(bank: Ledger) -> None:
    data = generic_csv(MORNING).replace(ACCOUNT.encode(), b"999")
    with pytest.raises(no.WrongAccount):
        previewed(bank, data)
    assert imported(bank, data, Stated(account_checked=True)).booked == 4


@pytest.mark.parametrize(
    ("written", "same"),
    [("", True), ("6222000001", True), ("6222****01", True), ("****0001", True), ("6223****01", False),
     ("****", False), ("6222000002", False), ("6222 0000 01", True)],
)  # fmt: skip
def test_a_masked_account_fits_what_it_can_be(written: str, same: bool) -> None:  # noqa: FBT001 - an example
    assert same_account(written, "6222000001") is same


def test_the_payer_of_a_deposit_is_a_token_and_its_refund_goes_back_to_it(bank: Ledger) -> None:
    imported(bank, generic_csv([replace(MORNING[1], text="王五 13800001111 学费")]))
    (deposit,) = events(bank, e.DepositReceived)
    assert deposit.payer_ref.startswith("p.")  # type: ignore[attr-defined]
    assert deposit.remittance == "王** ****1111 学费"  # type: ignore[attr-defined]
    ask(bank, c.RefundDeposit(refund_id="back", deposit_id=deposit.deposit_id), x.instruct("back"))  # type: ignore[attr-defined]
    (instruction,) = events(bank, e.RefundInstructed)
    assert instruction.payee_ref == deposit.payer_ref  # type: ignore[attr-defined]
