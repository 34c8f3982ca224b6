"""Bank files are read as they are, exactly, or refused by name with line and column."""

import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest

from api.bankfiles import refusals as no
from api.bankfiles.layouts import load_profile, named_profile, shipped
from api.bankfiles.parties import Parties
from api.bankfiles.reading import read_statements
from ledger import rejections
from ledger.identity import identified
from ledger.statements import Statement, balanced
from tests.bankfiles.files import (
    GENERIC_HEADER,
    SAMPLES,
    Booking,
    as_csv,
    as_xlsx,
    camt053,
    camt054,
    generic_csv,
    generic_rows,
    mt940,
)

PARTIES = Parties(b"secret" * 6)
DAY = date(2026, 8, 31)
BOOKINGS = [
    Booking(DAY, 500_000, "A1", text="合同C-2026-001 学费"),
    Booking(DAY, 123_456, "A2", name="李四", account="6222000099998888777"),
    Booking(DAY, -200_000, "A3", name="育才学校", account="0200000000001", text="REL-1"),
]


def read(data: bytes) -> Statement:
    (statement,) = read_statements(data, PARTIES)
    return statement


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def amounts(statement: Statement) -> list[int]:
    return [line.amount_fen for line in statement.lines]


def test_the_icbc_export_is_read_through_its_preamble_and_padding() -> None:
    statement = read(sample("icbc-debit.csv"))
    assert (statement.format, statement.account, statement.currency) == ("icbc", "1234****9876", "CNY")
    assert amounts(statement) == [-1340, -123456, 123456, -123456, 123456, -50000, 34158, -123456, 3000, -2400, 104]
    assert {line.balance_fen for line in statement.lines} == {None}
    assert (statement.credits_fen, statement.debits_fen) == (123456, 987654)
    with pytest.raises(rejections.BalancesMissing):
        balanced(statement)


def test_the_anonymised_totals_of_the_icbc_export_do_not_fit_its_lines_and_are_not_believed() -> None:
    with pytest.raises(rejections.StatementTotalsDiffer) as caught:
        balanced(read(sample("icbc-debit.csv")), opening_fen=1_000_000)
    assert caught.value.which == "credits"


def test_the_boc_export_gives_its_balances_although_it_runs_backwards() -> None:
    statement = balanced(read(sample("boc-debit.csv")))
    assert (statement.format, len(statement.lines)) == ("boc", 17)
    assert (statement.opening_fen, statement.closing_fen) == (281_358, 324_028)
    assert statement.covers == (date(2025, 8, 1), date(2025, 8, 22))


def test_the_cmb_export_is_an_excerpt_and_its_balances_say_so() -> None:
    statement = read(sample("cmb-debit.csv"))
    assert amounts(statement) == [123400, -100000, -300, -100000, -1014]
    assert [line.booked_on.day for line in statement.lines] == [1, 1, 27, 20, 23]
    with pytest.raises(rejections.RunningBalanceBroken) as caught:
        balanced(statement)
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("name", "serial"), [("camt053.v8.xml", "AAAASESS-FP-CN_98765/01"), ("camt053.v2.minimal.xml", "")]
)
def test_a_foreign_camt_statement_is_read_and_refused_for_its_currency(name: str, serial: str) -> None:
    statement = read(sample(name))
    (line,) = statement.lines
    assert (line.amount_fen, line.booked_on, line.value_on) == (885, date(2014, 12, 31), date(2015, 1, 2))
    assert (line.serial, line.position) == (serial, "Stmt[1]/Ntry[1]")
    assert {each.position for each in statement.left_out} == {"Bal CLBD", "Bal OPAV", "Bal CLAV"}
    with pytest.raises(rejections.OtherCurrency):
        balanced(statement)


@pytest.mark.parametrize("version", ["02", "03", "04", "05", "06", "07", "08"])
def test_every_version_of_camt_053_gives_the_same_lines(version: str) -> None:
    statement = balanced(read(camt053(BOOKINGS, 1_000, version)))
    assert amounts(statement) == [500_000, 123_456, -200_000]
    assert (statement.opening_fen, statement.closing_fen) == (1_000, 424_456)


def test_one_day_is_the_same_in_every_format() -> None:
    files = [
        generic_csv(BOOKINGS, 1_000),
        generic_csv(BOOKINGS, 1_000, "utf-8-sig"),
        generic_csv(BOOKINGS, 1_000, "gb18030"),
        generic_csv(BOOKINGS, 1_000, "utf-16"),
        as_xlsx(generic_rows(BOOKINGS, 1_000)),
        camt053(BOOKINGS, 1_000),
        mt940(BOOKINGS, 1_000),
        sample("generic.xls"),
    ]
    seen = set()
    for data in files:
        statement = balanced(read(data))
        lines = identified(statement.lines, "acct")
        seen.add((statement.opening_fen, statement.closing_fen, tuple((line.key, line.amount_fen) for line in lines)))
    assert len(seen) == 1


def test_the_names_and_numbers_of_families_are_not_kept() -> None:
    for data in (generic_csv(BOOKINGS), camt053(BOOKINGS)):
        for line in read(data).lines:
            shown = f"{line.counterparty} {line.counterparty_masked} {line.masked_text}"
            assert not any(secret in shown for each in BOOKINGS for secret in (each.name, each.account))
            assert line.counterparty.startswith("p.")
    one, two = read(generic_csv(BOOKINGS[:1])).lines[0], read(camt053(BOOKINGS[:1])).lines[0]
    assert one.counterparty == two.counterparty
    assert Parties(b"other" * 8).token("", "6222000011112222333") != one.counterparty


def test_two_equal_lines_of_one_day_stay_two() -> None:
    twins = [Booking(DAY, 100), Booking(DAY, 100), Booking(DAY, 100, text="其他")]
    statement = read(
        as_csv([GENERIC_HEADER, *([r[0], "", r[2], r[3], "", *r[5:]] for r in generic_rows(twins, 0)[3:-1])])
    )
    keys = [line.key for line in identified(statement.lines, "acct")]
    assert len(set(keys)) == 3


def test_a_serial_number_that_stands_twice_is_refused_with_its_line() -> None:
    with pytest.raises(rejections.DuplicateReference) as caught:
        identified(read(generic_csv([BOOKINGS[0], BOOKINGS[0]])).lines, "acct")
    assert (caught.value.line, caught.value.serial) == (5, "A1")


def test_a_reversal_may_carry_the_serial_number_of_what_it_reverses() -> None:
    lines = read(generic_csv([BOOKINGS[0], replace(BOOKINGS[0], fen=-500_000, text="冲正")])).lines
    assert [line.reversal for line in lines] == [False, True]
    assert len({line.key for line in identified(lines, "acct")}) == 2


def test_a_batch_booking_with_exact_parts_is_one_line_per_family() -> None:
    part = "<TxDtls><Refs><AcctSvcrRef>{}</AcctSvcrRef></Refs><Amt Ccy='CNY'>{}</Amt></TxDtls>"
    data = camt053([Booking(DAY, 30_000, "B")]).decode()
    batch = data.replace("<NtryDtls>", "<NtryDtls>" + part.format("B-7", "100.00") + part.format("B-8", "200.00"), 1)
    start = batch.index("<TxDtls><RltdPties>")
    batch = batch[:start] + batch[batch.index("</TxDtls>", start) + len("</TxDtls>") :]
    lines = read(batch.encode()).lines
    assert [(line.serial, line.amount_fen, line.position) for line in lines] == [
        ("B-7", 10_000, "Stmt[1]/Ntry[1]/TxDtls[1]"),
        ("B-8", 20_000, "Stmt[1]/Ntry[1]/TxDtls[2]"),
    ]
    whole = read(batch.replace("200.00", "199.99").encode()).lines
    assert [line.amount_fen for line in whole] == [30_000]


def test_what_is_not_booked_yet_is_left_out_and_named() -> None:
    statement = read(camt053(BOOKINGS).replace(b"<Cd>BOOK</Cd>", b"<Cd>PDNG</Cd>", 1))
    assert len(statement.lines) == 2
    assert statement.left_out[0].position == "Stmt[1]/Ntry[1]"


def test_a_notification_has_lines_and_no_balances() -> None:
    statement = read(camt054(BOOKINGS))
    assert statement.notification
    assert (statement.opening_fen, statement.closing_fen, len(statement.lines)) == (None, None, 3)


def test_a_bank_nobody_knows_is_read_by_naming_its_columns() -> None:
    data = as_csv([["Tag", "Ref", "Betrag", "Wer"], ["31/08/2026", "7", "1,234.50", "x"]])
    with pytest.raises(no.UnknownLayout):
        read(data)
    columns = {"booked_on": "Tag", "serial": "Ref", "amount": "Betrag", "counterparty": "Wer"}
    (statement,) = read_statements(data, PARTIES, named_profile(columns, date="%d/%m/%Y"))
    assert [(line.booked_on, line.amount_fen, line.serial) for line in statement.lines] == [(DAY, 123_450, "7")]


def test_a_profile_is_a_file() -> None:
    profile = load_profile(b'name="x"\nsignature=["d"]\n[columns]\nbooked_on=["d"]\namount=["a"]')
    (statement,) = read_statements(b"d,a\n20260831,-5\n", PARTIES, profile)
    assert amounts(statement) == [-500]
    assert {"icbc", "boc", "cmb", "generic"} <= set(shipped())
    for broken in (b"name=1", b'name="x"\n[columns]\nbooked_on=["d"]', b'name="x"\nextra=1\n[columns]\namount=["a"]'):
        with pytest.raises(ValueError, match="profile"):
            load_profile(broken)


def test_number_cells_of_a_workbook_keep_every_fen() -> None:
    rows: list[list[str | float]] = [[*row] for row in generic_rows([], 0)[:3]]
    rows += [
        ["2026-08-31", f"S{n}", "", fen / 100, "", "CNY", "", "", ""] for n, fen in enumerate((1, 29, 123_456_789_01))
    ]
    assert amounts(read(as_xlsx(rows))) == [1, 29, 12_345_678_901]


def wide(columns: int) -> bytes:
    return as_csv([GENERIC_HEADER + [f"c{n}" for n in range(columns)]])


def bomb() -> bytes:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    return camt053(BOOKINGS).replace(b"<Document", f"<!DOCTYPE d [{entities}]><Document".encode(), 1)


def zip_with(name: str, content: bytes) -> bytes:
    source, out = zipfile.ZipFile(io.BytesIO(as_xlsx(generic_rows(BOOKINGS, 0)))), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            target.writestr(part, content if part == name else source.read(part))
    return out.getvalue()


SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b'<sheetData><row r="1">%b</row></sheetData></worksheet>'
)
ROW = generic_rows(BOOKINGS, 0)


def with_cell(row: int, column: int, cell: str) -> bytes:
    rows = [list(each) for each in ROW]
    rows[row][column] = cell
    return as_csv(rows)


REFUSED: list[tuple[str, bytes, str, int, int]] = [
    ("nothing", b"", "empty_file", 0, 0),
    ("blanks", b" \r\n ", "empty_file", 0, 0),
    ("a header alone", as_csv([GENERIC_HEADER]), "empty_file", 1, 0),
    ("a zero byte", generic_csv(BOOKINGS).replace(b"A2", b"A\0"), "nul_byte", 5, 0),
    ("neither encoding", generic_csv(BOOKINGS) + b"\xff\xff", "unreadable_text", 8, 0),
    ("unknown columns", b"a,b\n1,2\n", "unknown_layout", 1, 0),
    ("many columns", wide(1_000_000), "row_too_long", 1, 0),
    ("too many columns", wide(300), "too_many_columns", 1, 257),
    ("a huge row", as_csv([["x" * 1_000_000]]), "row_too_long", 1, 0),
    ("an open quote", generic_csv(BOOKINGS).replace(b"A2", b'"A2', 1), "unclosed_quote", 5, 0),
    ("a formula", with_cell(4, 8, "=1+1"), "formula_cell", 5, 9),
    ("a link", with_cell(3, 6, "@SUM(A1)"), "formula_cell", 4, 7),
    ("a broken date", with_cell(3, 0, "2026-02-30"), "unreadable_date", 4, 1),
    ("three decimals", with_cell(3, 3, "1.234"), "unreadable_amount", 4, 4),
    ("a European amount", with_cell(3, 3, "1.234,56"), "unreadable_amount", 4, 4),
    ("a letter O", with_cell(3, 4, "3,24O.28"), "unreadable_amount", 4, 5),
    ("no amount", with_cell(3, 3, ""), "amount_missing", 4, 4),
    ("both sides", with_cell(3, 2, "1.00"), "amount_on_both_sides", 4, 3),
    ("dollars in between", with_cell(4, 5, "USD"), "foreign_line", 5, 6),
    ("a cut row", generic_csv(BOOKINGS).rpartition("人民币".encode())[0], "row_too_short", 6, 7),
    ("shifted columns", with_cell(3, 8, 'a","b').replace(b'"a"",""b"', b"a,b"), "unexpected_cell", 4, 10),
    ("lines after the end", as_csv([*ROW, ROW[3]]), "lines_after_footer", 8, 0),
    ("a column twice", as_csv([[*GENERIC_HEADER, "余额"], ROW[3]]), "column_twice", 1, 10),
    ("an entity bomb", bomb(), "external_entity", 0, 0),
    ("cut XML", camt053(BOOKINGS)[:-40], "malformed_file", 4, 0),
    ("another message", camt053(BOOKINGS, version="12"), "unsupported_version", 1, 0),
    (
        "deep XML",
        b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'>" + b"<a>" * 100_000,
        "too_deep",
        0,
        0,
    ),
    (
        "euros in between",
        camt053(BOOKINGS).replace(b"<Ntry><Amt Ccy='CNY'", b"<Ntry><Amt Ccy='EUR'", 1),
        "foreign_line",
        1,
        0,
    ),
    ("a formula in a workbook", as_xlsx(ROW, formula=(3, 3, "=1+1")), "formula_cell", 4, 4),
    ("a formula in an old workbook", sample("generic-formula.xls"), "formula_cell", 10, 3),
    ("two sheets' worth of zip", b"PK\x03\x04garbage", "malformed_file", 0, 0),
    ("a cut workbook", as_xlsx(ROW)[:-100], "malformed_file", 0, 0),
    ("a cut XLS", b"\xd0\xcf\x11\xe0" + b"\0" * 100, "malformed_file", 0, 0),
    (
        "a far cell",
        zip_with("xl/worksheets/sheet1.xml", SHEET % b'<c r="ZZZZZZZ1"/>'),
        "too_many_columns",
        1,
        8_353_082_582,
    ),
    ("a deep row", zip_with("xl/worksheets/sheet1.xml", SHEET % b'<c r="A1048576"/>'), "too_many_lines", 1_048_576, 0),
    ("an entity in a workbook", zip_with("xl/sharedStrings.xml", b"<!DOCTYPE x><sst/>"), "external_entity", 0, 0),
    (
        "a number too long for a cell",
        as_xlsx([*ROW[:3], ["2026-08-31", 12345678901234567890.0]]),
        "number_loses_digits",
        4,
        2,
    ),
]


@pytest.mark.parametrize(
    ("data", "code", "line", "column"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_what_cannot_be_read_whole_is_refused_by_name_and_place(data: bytes, code: str, line: int, column: int) -> None:
    with pytest.raises(no.FileRefused) as caught:
        read(data)
    refusal = caught.value
    assert refusal.code == code
    if line:
        assert refusal.line == line
    if column:
        assert refusal.column == column
    assert len(refusal.found) <= no.SHOWN + 1


def test_running_balances_find_a_missing_line_in_any_order() -> None:
    rows = generic_rows([*BOOKINGS, Booking(DAY, 7, "A4")], 0)
    head, body = rows[2:3], rows[3:-1]
    assert balanced(read(as_csv([*head, body[2], body[0], body[3], body[1]]))).opening_fen == 0
    with pytest.raises(rejections.RunningBalanceBroken):
        balanced(read(as_csv([*head, body[0], body[1], body[3]])))


def test_opening_and_lines_give_the_closing_or_the_file_is_refused() -> None:
    with pytest.raises(rejections.StatementTotalsDiffer) as caught:
        balanced(read(camt053(BOOKINGS, 1_000).replace(b"4244.56", b"4244.57")))
    assert (caught.value.computed_fen, caught.value.stated_fen) == (424_456, 424_457)
    assert caught.value.which == "closing_balance"
    with pytest.raises(rejections.StatementTotalsDiffer):
        balanced(read(camt053(BOOKINGS)), closing_fen=1)
