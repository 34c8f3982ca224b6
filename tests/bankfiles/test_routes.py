"""Files of the bank over HTTP: previewed, committed once, refused by name with line and column, and read back."""

# ruff: noqa: F811 - fixtures

import random
from collections.abc import Callable
from datetime import date

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.security.guard import GuardedLedger
from api.settings import Settings
from ledger import events as e
from ledger.identifiers import Role
from tests.api.callers import ESCROW, Caller, Callers, Json, code
from tests.api.conftest import callers, client, guarded, paid_contract, settings  # noqa: F401 - fixtures
from tests.bankfiles import test_mutations as mutations
from tests.bankfiles.files import ACCOUNT, SAMPLES, Booking, camt053, camt054, generic_csv
from tests.conftest import Clock

DAY = date(2026, 8, 31)
LINES = [
    Booking(DAY, 3_000_00, "A1", text="合同C-1 学费"),
    Booking(DAY, 500_00, "A2", account="6222000099998888777"),
    Booking(DAY, -2_00, "A3", name="银行", account="", text="账户管理费"),
]
PATH = "/v1/escrows/I-1/statement-files"


@pytest.fixture
def bank(callers: Callers) -> Caller:
    """The bank of an escrow on the account of the files."""
    opened = callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW | {"account_id": ACCOUNT})
    assert opened.status_code == 201, opened.text
    return callers.of(Role.BANK)


def send(caller: Caller, data: bytes, query: str = "", **headers: str) -> Json:
    return caller.post(f"{PATH}{query}", data, **{"Content_Type": "text/csv"} | headers)


def test_a_preview_tells_every_line_and_records_nothing(bank: Caller, guarded: GuardedLedger) -> None:
    before = guarded.position()
    answer = send(bank, generic_csv(LINES), "?dry_run=true")
    assert answer.status_code == 200, answer.text
    (statement,) = answer.json()["statements"]
    assert (statement["becomes"], statement["lines"], statement["closing_fen"]) == (
        {"break": 1, "deposit": 2},
        3,
        349_800,
    )
    first = statement["listed"][0]
    assert (first["line"], first["position"], first["cause"], first["owner"]) == (6, "row 6", "bank_error", "bank")
    assert guarded.position() == before


def test_a_file_is_committed_once_under_whatever_key(bank: Caller, guarded: GuardedLedger) -> None:
    first = send(bank, generic_csv(LINES), key="evening")
    assert first.status_code == 201, first.text
    assert first.json()["statements"][0]["committed"] == {
        "booked": 3, "already": 0, "became": {"break": 1, "deposit": 2}, "refused": [],
    }  # fmt: skip
    before = guarded.position()
    for again in (send(bank, generic_csv(LINES), key="evening"), send(bank, generic_csv(LINES))):
        assert (again.status_code, again.json()["statements"][0]["committed"]["already"]) == (200, 3)
    assert guarded.position() == before


def test_a_key_stands_for_one_file(bank: Caller) -> None:
    assert send(bank, generic_csv(LINES[:1]), key="evening").status_code == 201
    other = send(bank, generic_csv(LINES), key="evening")
    assert (other.status_code, code(other)) == (422, "command_key_reused")


def test_the_statement_keeps_the_banks_signature_and_its_lines_the_hash_of_the_file(
    bank: Caller,
    guarded: GuardedLedger,
) -> None:
    send(bank, generic_csv(LINES))
    recorded = [r for r in guarded.stream("I-1") if r.envelope.source is not None]
    (statement,) = [r for r in recorded if isinstance(r.event, e.StatementRecorded)]
    assert statement.envelope.signature
    assert {r.envelope.source.sha256 for r in recorded} == {statement.event.statement_id}  # type: ignore[union-attr]
    assert [r.envelope.signature for r in recorded if r is not statement] == [""] * (len(recorded) - 1)


def test_columns_may_be_named_and_balances_stated(bank: Caller) -> None:
    data = b"Tag,Betrag\n31/08/2026,12.50\n"
    assert code(send(bank, data)) == "unknown_layout"
    named = "?columns=booked_on%3DTag,amount%3DBetrag&dates=%25d/%25m/%25Y"
    assert code(send(bank, data, named)) == "balances_missing"
    answer = send(bank, data, f"{named}&opening=0.00")
    assert answer.status_code == 201, answer.text
    for wrong in ("?profile=nobank", "?columns=x%3Dy", "?opening=1.234", "?account_checked=maybe", "?what=1"):
        refused = send(bank, data, wrong)
        assert (refused.status_code, code(refused)) == (422, "invalid_parameters"), wrong
    for wrong in (f"{named}&profile=generic", "?columns=booked_on%3DTag", "?columns=amount%3DBetrag"):
        (error,) = send(bank, data, wrong).json()["errors"]
        assert error["code"] == "contradictory", wrong


def test_a_refusal_says_where_in_the_readers_language(bank: Caller) -> None:
    data = generic_csv(LINES).replace(b"500.00", b"5x0.00", 1)
    for language, word in (("zh", "金额"), ("en", "amount")):
        answer = send(bank, data, Accept_Language=language)
        body = answer.json()
        assert (answer.status_code, code(answer)) == (422, "unreadable_amount")
        assert (body["fields"]["line"], body["fields"]["column"]) == (5, 4)
        assert word in body["detail"] + body["title"]


@pytest.mark.parametrize("mutation", [*mutations.WRONG, mutations.cut], ids=lambda each: each.__name__)
def test_what_lies_or_is_no_file_is_a_problem_and_records_nothing(
    bank: Caller,
    guarded: GuardedLedger,
    mutation: Callable[..., bytes],
) -> None:
    assert send(bank, generic_csv(mutations.FIRST)).status_code == 201
    before = guarded.position()
    dice = random.Random(7)
    answer = send(bank, mutation(mutations.second_day(dice), dice))
    if mutation is mutations.cut and answer.status_code < 400:
        return  # what a cut file still proves by its balances may stand
    against_what_is_recorded = mutation in {mutations.a_day_is_missing, mutations.contradicted}
    assert answer.status_code == (409 if against_what_is_recorded else 422), answer.text
    assert code(answer) not in {"rejection", "file_refused"}
    assert guarded.position() == before


@pytest.mark.parametrize("mutation", mutations.SAME, ids=lambda each: each.__name__)
def test_what_says_the_same_is_taken_whatever_its_form(bank: Caller, mutation: Callable[..., bytes]) -> None:
    assert send(bank, generic_csv(mutations.FIRST)).status_code == 201
    dice = random.Random(11)
    day = mutations.second_day(dice)
    answer = send(bank, mutation(day, dice), Content_Type="application/octet-stream")
    assert answer.status_code == 201, answer.text
    assert answer.json()["statements"][0]["committed"]["booked"] == len(day)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.[cx]*")))
def test_the_real_exports_are_answered_never_with_a_traceback(bank: Caller, name: str) -> None:
    answer = send(bank, (SAMPLES / name).read_bytes(), "?dry_run=true")
    if name in {"generic.xls", "boc-debit.csv"}:
        assert answer.status_code == 200, answer.text
    else:
        assert answer.status_code == 422, answer.text
        assert code(answer) in {
            "wrong_account", "other_currency", "balances_missing", "running_balance_broken", "formula_cell",
        }  # fmt: skip


def test_a_file_that_is_too_large_or_of_no_kind_is_refused_before_it_is_read(
    settings: Settings,
    guarded: GuardedLedger,
    clock: Clock,
) -> None:
    small = settings.model_copy(update={"max_file_bytes": 1_000, "party_key": None})
    with TestClient(create_app(small, guarded, clock), raise_server_exceptions=False) as opened:
        some = Callers(opened, opened.app.state.runtime.tokens)  # type: ignore[attr-defined]
        some.of(Role.REGULATOR).post("/v1/escrows", ESCROW | {"account_id": ACCOUNT})
        bank = some.of(Role.BANK)
        large = send(bank, b"x" * 1_001)
        assert (large.status_code, code(large)) == (413, "body_too_large")
        for kind in ("application/json", "image/png", ""):
            assert code(send(bank, b"x", Content_Type=kind)) == "content_type_unsupported"
        assert code(send(bank, b"x", Content_Encoding="gzip")) == "content_type_unsupported"
        unset = send(bank, b"x,y\n")
        assert (unset.status_code, code(unset)) == (503, "not_configured")


def test_only_the_statements_of_the_escrows_account_are_taken(bank: Caller) -> None:
    ours, theirs = camt053(LINES), camt053(LINES).replace(ACCOUNT.encode(), b"9999999")
    inner = theirs.partition(b"</GrpHdr>")[2].partition(b"</BkToCstmrStmt>")[0]
    both = ours.replace(b"</BkToCstmrStmt>", inner + b"</BkToCstmrStmt>")
    report = send(bank, both, Content_Type="application/xml").json()
    assert (len(report["statements"]), report["other_accounts"]) == (1, 1)
    assert code(send(bank, theirs, Content_Type="application/xml")) == "wrong_account"


def test_a_days_reconciliation_and_its_breaks_are_read_back(bank: Caller, callers: Callers) -> None:
    send(bank, camt054(LINES[:1]), Content_Type="application/xml")
    send(bank, generic_csv(LINES))
    run = bank.post("/v1/escrows/I-1/reconciliations", {"grace_days": 0})
    assert run.status_code == 200, run.text
    assert (run.json()["unexplained_fen"], run.json()["bank_fen"], run.json()["drift_fen"]) == (0, 349_800, -200)
    reader = callers.of(Role.REGULATOR)
    stood = reader.get("/v1/escrows/I-1/reconciliation").json()["data"]
    assert (stood["bank_fen"], stood["custody_fen"], stood["alarming_fen"]) == (349_800, 350_000, -200)
    (broken,) = stood["breaks"]
    assert (broken["cause"], broken["owner"], broken["age_days"]) == ("bank_error", "bank", 1)
    (statement,) = reader.get("/v1/escrows/I-1/bank-statements").json()["data"]
    assert (statement["lines"], statement["booked"]) == (3, 3)
    assert len(reader.get("/v1/escrows/I-1/bank-lines").json()["data"]) == 3
    for path in ("/v1/escrows/I-1/breaks?state=open", "/v1/breaks?owner=bank"):
        assert [row["cause"] for row in reader.get(path).json()["data"]] == ["bank_error"]
    assert reader.get("/v1/breaks?owner=institution").json()["data"] == []
