"""The resolution pack: the same figures in every format, as the ledger has them, and nothing that runs."""

import io
import json
from datetime import date

import pytest

from api.packs.masking import masked
from api.packs.resolution import Asked, write_resolution_pack
from ledger import commands as c
from ledger.application import Ledger
from projections.answers import NOW, Moment, UnknownRow
from projections.overview import refund_all_due
from projections.reader import ReadModels
from projections.runner import Runner
from tests import examples as x
from tests.closing.schools import SCHOOL, closed, custody_fen, distributed, drained, dues, opened, previewed, tell
from tests.conftest import Clock
from tests.packs.opening import NAMES, Opened

ON = date(2026, 10, 30)
YUAN = [name for name in NAMES if name.endswith("_fen")]


def packed(ledger: Ledger, moment: Moment = NOW) -> Opened:
    """The pack of the school, as it is sent."""
    Runner(ledger.engine).catch_up()
    file = io.BytesIO()
    write_resolution_pack(ReadModels(ledger.engine), Asked(SCHOOL, ON, moment), file)
    return Opened(file.getvalue())


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> Ledger:
    """Three families and loose money; custody is short."""
    opened(ledger, [1_000_00, 2_000_00, 3_000_00])
    tell(ledger, x.deposit("loose", 70_00, None))
    tell(ledger, *x.taught("a", contract_id="c1", hours="7.5"))
    drained(ledger, c3=1_500_00)
    closed(ledger, clock)
    return ledger


def test_a_pack_agrees_with_the_answer_about_refunds_and_with_the_balances(school: Ledger) -> None:
    pack = packed(school)
    pack.check_manifest()
    total = refund_all_due(ReadModels(school.engine), ON, institution_id=SCHOOL).data.total
    rows = pack.csv("families.csv")
    for name, fen in (
        ("due_fen", total.due_fen), ("open_fen", total.open_fen), ("covered_fen", total.covered_fen),
        ("missing_fen", total.missing_fen), ("in_transit_fen", total.in_transit_fen),
    ):  # fmt: skip
        assert sum(int(row[name] or 0) for row in rows) == fen, name
    found = dues(school)
    assert {row["contract_id"] or row["deposit_id"]: int(row["due_fen"]) for row in rows} == {
        name: row.due_fen for name, row in found.items()
    }
    summary = json.loads(pack.members["summary.json"])
    assert (summary["of_debts"]["due_fen"], summary["overdue"]) == (total.due_fen, total.overdue)
    assert summary["standing"]["shortfall_fen"] == total.shortfall_fen
    assert sum(payer["open_fen"] for payer in summary["payers"].values()) == total.open_fen
    assert sum(clock["debts"] for clock in summary["clocks"].values()) == total.debts
    assert total.custody_fen == custody_fen(school)
    assert pack.manifest["position"] == school.position()


def test_workbook_csv_and_json_agree(school: Ledger) -> None:
    pack = packed(school)
    table, documents, sheet = pack.csv("families.csv"), pack.lines("families.ndjson"), pack.sheet("families")
    assert len(table) == len(documents) == len(sheet) == 4
    for row, document, cells in zip(table, documents, sheet, strict=True):
        for name in NAMES:
            told = document[name]
            assert row[name] == ("" if told is None else str(told)), name
        for name in YUAN:
            cell = cells[NAMES.index(name)]
            assert (cell if cell != "" else None) == (None if document[name] is None else document[name] / 100), name
        assert cells[NAMES.index("contract_id")] == (document["contract_id"] or "")
    computed = pack.csv("computation.csv")
    assert [int(line["amount_fen"]) for line in computed] == [
        line["amount_fen"] for document in documents for line in document["lines"]
    ]
    assert len(pack.sheet("lines")) == len(computed)


def test_the_lines_of_every_debt_sum_to_what_is_due(school: Ledger) -> None:
    for document in packed(school).lines("families.ndjson"):
        assert sum(line["amount_fen"] for line in document["lines"]) == document["due_fen"], document["contract_id"]


def test_every_family_is_told_who_pays_until_when_and_to_which_account(school: Ledger) -> None:
    rows = {row["contract_id"]: row for row in packed(school).csv("families.csv")}
    assert (rows["c1"]["payer"], rows["c3"]["payer"]) == ("custody", "custody_and_institution")
    # fifteen days end in the holiday of the Mid-Autumn Festival, 25 to 27 September: the next working day
    assert {row["pay_by"] for row in rows.values() if row["contract_id"]} == {"2026-09-28"}
    assert (rows["c1"]["route"], rows["c1"]["account"]) == ("original", "****of-1")
    assert "account-of-1" not in packed(school).members["families.csv"].decode()
    assert (rows["c1"]["used_hours"], rows["c1"]["left_hours"]) == ("7.5", "22.5")


def test_a_family_that_was_paid_stays_in_the_pack(school: Ledger) -> None:
    tell(school, c.RecordShortfallRepayment(
        bank_serial="p", account_id="6222000001", value_on=date(2026, 9, 20), contract_id="c3", amount_fen=1_500_00,
    ), *x.paid_out("closure.c1"))  # fmt: skip
    rows = {row["contract_id"]: row for row in packed(school).csv("families.csv")}
    assert (rows["c1"]["state"], rows["c1"]["open_fen"]) == ("paid", "0")


def test_shares_of_a_distribution_are_what_custody_covers(school: Ledger) -> None:
    shares = distributed(school, previewed(school))
    rows = {row["contract_id"]: row for row in packed(school).csv("families.csv")}
    assert {line.contract_id: line.share_fen for line in shares.lines} == {
        name: int(row["covered_fen"]) for name, row in rows.items() if name
    }


def test_the_same_state_gives_the_same_archive(school: Ledger) -> None:
    assert packed(school).members == packed(school).members


def test_a_pack_of_another_moment_says_what_was_known_then(school: Ledger, clock: Clock) -> None:
    before = packed(school)
    then = Moment(known_at=clock() - 20 * 86_400_000_000)
    earlier = packed(school, then)
    assert earlier.manifest["known_at"] is not None
    assert {row["state"] for row in earlier.csv("families.csv")} == {"nothing_due"}
    now = packed(school, Moment(as_of=date(2026, 9, 21)))
    assert [row["due_fen"] for row in now.csv("families.csv")] == [row["due_fen"] for row in before.csv("families.csv")]


def test_every_cell_that_looks_like_a_formula_is_text(ledger: Ledger, clock: Clock) -> None:
    opened(ledger, [1_000_00])
    evil = x.contract("c-evil", student_id="s-evil", guardian_id="g-evil", price_fen=50_00, course="=1+1")
    tell(ledger, evil, x.deposit("evil", 50_00, "c-evil"))
    closed(ledger, clock)
    pack = packed(ledger)
    course = {row["contract_id"]: row["course"] for row in pack.csv("families.csv")}["c-evil"]
    cells = {row[0]: row[NAMES.index("course")] for row in pack.sheet("families")}
    assert course == cells["c-evil"] == "'=1+1"
    for name in ("families.csv", "computation.csv"):
        for row in pack.csv(name):
            assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in row.values()), row


def test_an_unknown_institution_has_no_pack(ledger: Ledger) -> None:
    with pytest.raises(UnknownRow):
        write_resolution_pack(ReadModels(ledger.engine), Asked("nobody", ON), io.BytesIO())


def test_accounts_are_recognised_and_cannot_be_used() -> None:
    assert (masked(""), masked("1234"), masked("6222000000012345")) == ("", "****", "****2345")
