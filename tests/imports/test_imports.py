"""Contracts and lessons come from files: row by row, all or none, again and again without a second time."""

import csv
import io
from collections.abc import Sequence

import pytest

from api.bankfiles import refusals as no
from api.bankfiles.posting import Poster
from api.imports.importing import ImportResult, import_rows
from api.imports.rows import read_file
from api.imports.templates import KINDS, Form, Kind, columns, template
from api.language import Language
from ledger import events as e
from ledger.application import Ledger
from ledger.identifiers import Role
from tests import examples as x
from tests.bankfiles.bank import ask
from tests.conftest import Clock

SCHOOL = Poster("school-1", Role.INSTITUTION)


@pytest.fixture
def school(ledger: Ledger) -> Ledger:
    """A school without contracts."""
    ask(ledger, x.opening())
    return ledger


def headings(kind: Kind) -> list[str]:
    return [column.zh for column in columns()[kind]]


def contract(number: int, **changes: str) -> dict[str, str]:
    row = {column.field: column.example for column in columns()["contracts"]}
    return row | {"contract_id": f"HT-{number}", "student_id": f"S-{number}"} | changes


def lesson(contract_id: str, lesson_id: str, **changes: str) -> dict[str, str]:
    row = {"contract_id": contract_id, "lesson_id": lesson_id, "hours": "1.5", "taught_on": "2026-09-01"}
    return {"notified_on": ""} | row | changes


def file(kind: Kind, rows: Sequence[dict[str, str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(headings(kind))
    writer.writerows([row[column.field] for column in columns()[kind]] for row in rows)
    return text.getvalue().encode(encoding)


def imported(ledger: Ledger, kind: Kind, data: bytes, *, atomic: bool = False, dry_run: bool = False) -> ImportResult:
    return import_rows(ledger, "school", read_file(kind, data), SCHOOL, atomic=atomic, dry_run=dry_run)


def statuses(result: ImportResult) -> list[tuple[int, str, str]]:
    return [(row.line, row.status, row.code) for row in result.rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_example_of_a_template_is_taken_for_nobodys(kind: Kind, language: Language, form: Form) -> None:
    found = read_file(kind, template(kind, language, form))
    assert found.rows == []
    (refused,) = found.refused
    assert (refused.line, refused.column, refused.code) == (2, 1, "example_row")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_template_that_was_filled_in_is_read(kind: Kind, language: Language) -> None:
    filled = template(kind, language, "csv").replace(b"0001", b"0002")
    found = read_file(kind, filled)
    assert (len(found.rows), found.refused) == (1, [])


def test_contracts_are_registered_from_a_file(school: Ledger) -> None:
    result = imported(school, "contracts", file("contracts", [contract(1), contract(2, price="2,999.99")], "gb18030"))
    assert statuses(result) == [(2, "recorded", ""), (3, "recorded", "")]
    registered = [r for r in school.stream("school") if isinstance(r.event, e.ContractRegistered)]
    assert [r.event.price_fen for r in registered] == [300_000, 299_999]  # type: ignore[attr-defined]
    assert [(r.envelope.source.sha256, r.envelope.source.line) for r in registered if r.envelope.source] == [
        (result.sha256, 2),
        (result.sha256, 3),
    ]


def test_every_row_is_told_what_is_wrong_with_it(school: Ledger) -> None:
    rows = [
        contract(1),
        contract(2, signed_on="2026-02-30"),
        contract(3, price="12.345"),
        contract(4, price="", paid_hours="1.234"),
        contract(5, contract_id="with blank"),
        contract(6, price="99999"),
        contract(7, taught_hours="3"),
        contract(8, stock="maybe"),
    ]
    result = imported(school, "contracts", file("contracts", rows))
    assert [(row.line, row.column, row.field, row.status, row.code) for row in result.rows] == [
        (2, 0, "", "recorded", ""),
        (3, 6, "signed_on", "refused", "unreadable_date"),
        (4, 9, "price", "refused", "unreadable_yuan"),
        (5, 9, "price", "refused", "missing"),
        (5, 10, "paid_hours", "refused", "unreadable_hours"),
        (6, 1, "contract_id", "refused", "invalid_contract_id"),
        (7, 0, "", "refused", "amount_above_cap"),
        (8, 13, "stock", "refused", "only_for_stock"),
        (9, 13, "stock", "refused", "unreadable_yes_no"),
    ]


def test_a_corrected_file_brings_what_was_missing_and_repeats_nothing(school: Ledger) -> None:
    imported(school, "contracts", file("contracts", [contract(1), contract(2, price="x")]))
    result = imported(school, "contracts", file("contracts", [contract(1), contract(2), contract(1)]))
    assert statuses(result) == [(2, "repeated", ""), (3, "recorded", ""), (4, "repeated", "")]
    changed = imported(school, "contracts", file("contracts", [contract(1, price="1.00")]))
    assert statuses(changed) == [(2, "refused", "contract_already_registered")]


def test_all_or_none(school: Ledger) -> None:
    bad = file("contracts", [contract(1), contract(2, price="99999"), contract(3)])
    position = school.position()
    assert statuses(imported(school, "contracts", bad, atomic=True)) == [
        (2, "not_tried", ""),
        (3, "refused", "amount_above_cap"),
        (4, "not_tried", ""),
    ]
    unreadable = file("contracts", [contract(1), contract(2, price="x")])
    assert imported(school, "contracts", unreadable, atomic=True).count("not_tried") == 1
    assert school.position() == position
    good = file("contracts", [contract(1), contract(3)])
    assert imported(school, "contracts", good, atomic=True).count("recorded") == 2


def test_a_dry_run_tells_and_records_nothing(school: Ledger) -> None:
    position = school.position()
    rows = [contract(1), contract(2, price="99999"), contract(1)]
    result = imported(school, "contracts", file("contracts", rows), dry_run=True)
    assert statuses(result) == [(2, "would_record", ""), (3, "refused", "amount_above_cap"), (4, "repeated", "")]
    assert school.position() == position
    imported(school, "contracts", file("contracts", [contract(1)]))
    assert statuses(imported(school, "contracts", file("contracts", rows), dry_run=True))[0] == (2, "repeated", "")


def test_a_row_with_two_mistakes_is_one_row(school: Ledger) -> None:
    data = file("contracts", [contract(4, price="", paid_hours="1.234"), contract(5)])
    result = imported(school, "contracts", data)
    assert (len(result.rows), result.count("refused"), result.count("recorded")) == (3, 1, 1)


def test_an_import_that_was_stopped_goes_on(school: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.imports.importing.BATCH", 2)
    data = file("contracts", [contract(n) for n in range(5)])
    done: list[int] = []

    def stop(rows: int) -> None:
        done.append(rows)
        if len(done) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        import_rows(school, "school", read_file("contracts", data), SCHOOL, progress=stop)
    result = imported(school, "contracts", data)
    assert (result.count("repeated"), result.count("recorded")) == (4, 1)


def test_lessons_are_claimed_from_a_file(school: Ledger, clock: Clock) -> None:
    ask(school, x.contract("C-1"))
    clock.advance(days=3)
    rows = [
        lesson("C-1", "L1"), lesson("C-1", "L2", hours="2"), lesson("C-9", "L1"), lesson("C-1", "L1", hours="1"),
        lesson("C-1", "L3", taught_on="2027-01-01"),
    ]  # fmt: skip
    result = imported(school, "lessons", file("lessons", rows))
    assert statuses(result) == [
        (2, "recorded", ""),
        (3, "recorded", ""),
        (4, "refused", "contract_unknown"),
        (5, "refused", "lesson_already_claimed"),
        (6, "refused", "date_in_future"),
    ]
    claimed = [r.event for r in school.stream("school") if isinstance(r.event, e.ClassConsumptionClaimed)]
    assert [event.centihours for event in claimed] == [150, 200]


STOCK = {"stock": "是", "price": "3000.00", "paid_hours": "30", "gift_hours": "6", "taught_hours": "12"}


@pytest.mark.parametrize(
    ("changes", "price_fen", "paid", "gift"),
    [
        ({}, 200_000, 1_800, 600),
        ({"taught_hours": ""}, 300_000, 3_000, 600),
        ({"taught_hours": "32"}, 33_333, 400, 0),
        ({"taught_hours": "7"}, 241_667, 2_300, 600),
        ({"balance": "1,800.00"}, 180_000, 1_800, 600),
    ],
)
def test_opening_stock_is_what_was_not_taught_yet(
    school: Ledger, changes: dict[str, str], price_fen: int, paid: int, gift: int
) -> None:
    assert imported(school, "contracts", file("contracts", [contract(1, **STOCK | changes)])).count("recorded") == 1
    (event,) = [r.event for r in school.stream("school") if isinstance(r.event, e.ContractRegistered)]
    assert (event.stock, event.price_fen, event.paid_centihours, event.gift_centihours) == (True, price_fen, paid, gift)
    ask(school, x.deposit("s", price_fen, "HT-1"))


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"taught_hours": "36"}, "taught_hours", "nothing_left"),
        ({"taught_hours": "37"}, "taught_hours", "nothing_left"),
        ({"balance": "3000.01"}, "balance", "balance_out_of_range"),
        ({"balance": "0"}, "balance", "balance_out_of_range"),
    ],
)
def test_stock_that_does_not_add_up_is_refused(changes: dict[str, str], field: str, code: str) -> None:
    (wrong,) = read_file("contracts", file("contracts", [contract(1, **STOCK | changes)])).refused
    assert (wrong.field, wrong.code) == (field, code)


def test_files_that_are_no_such_files_are_refused() -> None:
    right = file("contracts", [contract(1)])
    refused: list[tuple[bytes, type[no.FileRefused]]] = [
        (b"", no.EmptyFile),
        (file("contracts", []), no.EmptyFile),
        (file("lessons", [lesson("a", "b")]), no.ColumnUnknown),
        (right.replace("科目".encode(), "课程名称".encode()), no.ColumnTwice),
        (right.replace("签约日期".encode(), "哪天".encode()), no.ColumnUnknown),
        (right.replace("签约日期".encode(), b""), no.ColumnMissing),
        (file("contracts", [contract(1, course="=1+1")]), no.FormulaCell),
    ]
    for data, kind in refused:
        with pytest.raises(kind):
            read_file("contracts", data)


def test_a_file_too_large_for_all_or_none_goes_row_by_row(school: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.imports.importing.MAX_ATOMIC", 1)
    data = file("contracts", [contract(1), contract(2)])
    with pytest.raises(no.AtomicTooLong):
        imported(school, "contracts", data, atomic=True)
    assert imported(school, "contracts", data).count("recorded") == 2
