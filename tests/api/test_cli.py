"""The command line: what it prints, its exit codes, and that it never shows a traceback."""

import io
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from api.calculation import calculate
from api.cli import COMMANDS, app, run
from api.methods import METHODS
from api.security.tokens import Tokens
from ledger.entitlement.derivation import Method
from ledger.events import ContractRegistered
from ledger.identifiers import Role
from projections.notes import NOTINGS
from tests.api.callers import ESCROW, ISSUER, SECRET, Callers, Json
from tests.conftest import Clock, migrate

OK, FINDING, USAGE, ENVIRONMENT = 0, 1, 2, 3
FACTS = {"paid_fen": 360_000, "paid_hours": "36", "used_hours": "12", "cause": "institution"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("LEDGER_TOKEN_SECRET", SECRET)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)


def read(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = OK) -> str:
    """Standard output of a command that ends with this code."""
    assert run(arguments) == code, capsys.readouterr()
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int) -> str:
    """The one sentence on standard error of a command that ends with this code."""
    assert run(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert len(printed.err.strip().splitlines()) == 1, printed.err
    assert printed.err.startswith("ledger: ")
    return printed.err


@pytest.fixture
def facts(tmp_path: Path) -> str:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(FACTS))
    return str(path)


def test_every_command_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(name in read(capsys, "--help") for name, _, _ in COMMANDS)
    for name, _, _ in COMMANDS:
        assert "Usage: ledger" in read(capsys, name, "--help"), name
    assert app.name == ("ledger",)


def test_the_calculator_prints_the_json_of_the_api(capsys: pytest.CaptureFixture[str], facts: str) -> None:
    assert json.loads(read(capsys, "entitlement", "calculate", facts, "--json")) == calculate(Path(facts).read_bytes())
    text = read(capsys, "entitlement", "calculate", facts)
    assert "2400.00" in text
    assert "paid_average" in text


def test_a_mother_reads_why_in_her_language_and_what_stands_beside_the_figure(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = {"label": "提成", "amount_fen": 100, "kind": "commission"}
    beside = {"disputed_hours": "2", "award_fen": 230_000, "signed_on": "2025-06-01", "deductions": [kept]}
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(FACTS | beside))
    text = read(capsys, "entitlement", "calculate", str(path))
    for told in (
        "付费课时均价",
        "本合同已收款",
        "12 × 100.00",
        "销售提成不是合理费用",
        "2600.00",
        "裁决 award 2300.00",
        "3.00 %",
    ):
        assert told in text


def test_every_method_has_a_name_that_a_family_understands() -> None:
    assert set(METHODS) == set(get_args(Method))


def test_the_calculator_needs_no_ledger_and_reads_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(FACTS).encode())))
    assert json.loads(read(capsys, "entitlement", "calculate", "-", "--json"))["binding_refund_fen"] == 240_000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "body_not_json"),
        (b"\xff", "body_not_utf8"),
        (b'{"paid_fen": 1.5, "cause": "family"}', "invalid_body"),
        (json.dumps(FACTS | {"used_hours": "37"}).encode(), "used_exceeds_bought"),
        (json.dumps(FACTS | {"jurisdiction": "CN-XX", "category": "sport"}).encode(), "unknown_rule_set"),
    ],
)
def test_facts_that_cannot_be_taken_are_refused_with_the_code_of_the_api(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    told = json.loads(read(capsys, "entitlement", "calculate", str(path), "--json", code=USAGE))
    assert told["code"] == expected
    assert run(["entitlement", "calculate", str(path)]) == USAGE
    assert told["title"] in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "No such file" in refused(capsys, "entitlement", "calculate", "nowhere.json", code=USAGE)
    assert "directory" in refused(capsys, "entitlement", "calculate", str(tmp_path), code=USAGE)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("LEDGER_DATABASE_URL", None, "LEDGER_DATABASE_URL is not set"),
        ("LEDGER_DATABASE_URL", "nonsense", "is not a SQLAlchemy URL"),
        ("LEDGER_DATABASE_URL", "mysql://user@host/name", "not in mysql"),
        ("LEDGER_DATABASE_URL", "sqlite:///nowhere.sqlite", "There is no file nowhere.sqlite"),
        ("LEDGER_DATABASE_URL", "postgresql://nobody:hidden@127.0.0.1:1/x", "The database cannot be used"),
        ("LEDGER_PORT", "http", "LEDGER_PORT is malformed"),
    ],
)
def test_an_environment_that_does_not_fit_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str | None,
    sentence: str,
) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    told = refused(capsys, "status", code=ENVIRONMENT)
    assert sentence in told
    assert "hidden" not in told
    assert not Path("nowhere.sqlite").exists()


def test_a_database_without_a_ledger_in_it_names_the_command_that_makes_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty.sqlite").touch()
    monkeypatch.setenv("LEDGER_DATABASE_URL", "sqlite:///empty.sqlite")
    assert "ledger migrate" in refused(capsys, "status", code=ENVIRONMENT)
    assert run(["migrate"]) == OK
    assert "is ready" in capsys.readouterr().err
    assert json.loads(read(capsys, "status", "--json"))["events"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["balance", "--surprise"],
        ["balance", "I-9"],
        ["history"],
        ["explain", "I-1", "petty_cash"],
        ["entitlement", "C-9", "--cause", "family"],
        ["entitlement", "C-1"],
        ["entitlement", "C-1", "--cause", "weather"],
        ["balance", "--as-of", "2026-02-30"],
        ["balance", "--as-of", "2999-01-01"],
        ["balance", "--known-at", "2026-09-01T10:00:00"],
        ["rebuild", "no_such_model"],
        ["rebuild", "--workers", "0"],
        ["audit", "I-9"],
        ["migrate", "--lanes", "0"],
        ["export", "journal", "--format", "excel"],
        ["export", "journal", "--format", "hledger", "--institution", "I-9"],
        ["token", "issue", "--subject", "nobody"],
        ["token", "issue", "--subject", "nobody", "--role", "auditor", "--scope", "jurisdiction=CN"],
        ["token", "issue", "--subject", "nobody", "--unregistered"],
        [
            "token",
            "issue",
            "--subject",
            "x",
            "--unregistered",
            "--role",
            "auditor",
            "--scope",
            "jurisdiction=CN",
            "--hours",
            "25",
        ],
        ["token", "issue", "--unregistered", "--role", "king", "--subject", "x", "--scope", "jurisdiction=CN"],
        ["token", "issue", "--unregistered", "--role", "bank", "--subject", "x", "--scope", "jurisdiction=CN"],
        ["token", "issue", "--unregistered", "--role", "bank", "--subject", "x.y", "--scope", "custodians=b"],
        ["token", "issue", "--unregistered", "--role", "bank", "--subject", "x", "--scope", "custodians"],
        [
            "token",
            "issue",
            "--unregistered",
            "--role",
            "bank",
            "--subject",
            "x",
            "--scope",
            "custodians=b",
            "--hours",
            "0",
        ],
        ["openapi", "--output", "no/such/folder.json"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str], paid_contract: Callers, arguments: list[str]
) -> None:
    del paid_contract
    capsys.readouterr()
    refused(capsys, *arguments, code=USAGE)


def test_the_ledger_is_read_as_through_the_api(capsys: pytest.CaptureFixture[str], paid_contract: Callers) -> None:
    regulator = paid_contract.of(Role.REGULATOR)
    refund = {"refund_id": "R-1", "contract_id": "C-1", "cause": "institution", "requested_on": "2026-09-01"}
    assert paid_contract.of(Role.GUARDIAN).post("/v1/escrows/I-1/refund-requests", refund).status_code == 201
    capsys.readouterr()
    for arguments, path in (
        (["balance", "I-1"], "/v1/escrows/I-1/balance"),
        (["history", "I-1"], "/v1/escrows/I-1/fund-history"),
        (["refunds-due", "--institution", "I-1"], "/v1/escrows/I-1/refunds-due"),
        (["refunds-due"], "/v1/refunds-due"),
        (["balance"], "/v1/escrow-balances"),
        (["explain", "I-1", "unearned"], "/v1/escrows/I-1/explanations/unearned"),
        (["explain", "I-1", "unearned", "--lines"], "/v1/escrows/I-1/explanations/unearned/lines"),
        (
            ["entitlement", "C-1", "--cause", "institution", "--on", "2026-09-02"],
            "/v1/escrows/I-1/contracts/C-1/entitlement?cause=institution&on=2026-09-02",
        ),
    ):
        told = json.loads(read(capsys, *arguments, "--json"))
        answered = regulator.get(path).json()
        capsys.readouterr()
        assert told["data"] == answered["data"], arguments
        assert told["position"] == answered["position"]
        assert told["rule_sets"] == answered["rule_sets"] != [], arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["balance"], ["I-1", "3600.00"]),
        (["balance", "I-1"], ["custody cash", "3600.00", "position 4", "CN-BJ/sport@2025-03-26#1"]),
        (["history", "I-1", "--contract", "C-1"], ["deposit_applied.1", "unearned 3600.00"]),
        (["refunds-due"], ["nothing found", "shortfall 0.00"]),
        (["explain", "I-1", "custody_cash"], ["deposit_received.1", "sum"]),
        (["explain", "I-1", "custody_cash", "--lines"], ["deposit_id=6217001.20260901.20260901001"]),
        (["entitlement", "C-1", "--cause", "institution"], ["3600.00", "pay by", "covered 3600.00"]),
        (["status"], ["institutions", "position"]),
    ],
    ids=" ".join,
)
def test_tables_show_yuan_and_where_they_come_from(
    capsys: pytest.CaptureFixture[str], paid_contract: Callers, arguments: list[str], words: list[str]
) -> None:
    del paid_contract
    capsys.readouterr()
    text = read(capsys, *arguments)
    assert [word for word in words if word not in text] == []


def test_what_stands_still_is_named_with_its_remedy_and_taken_up_again(
    capsys: pytest.CaptureFixture[str], paid_contract: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    del paid_contract

    def unread(_escrow: object, _event: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as older_program:
        older_program.setitem(NOTINGS, ContractRegistered, unread)  # type: ignore[misc] # a dict of classes
        read(capsys, "balance")
        assert run(["status"]) == FINDING
        assert "ledger retry" in capsys.readouterr().err
        still = json.loads(read(capsys, "retry", "--json", code=FINDING))
        assert (still["taken_up"], [each["institution_id"] for each in still["parked"]]) == ([], ["I-1"])
        assert "ZeroDivisionError" in read(capsys, "retry", "I-1", code=FINDING)
        assert "NOBODY" in refused(capsys, "retry", "NOBODY", code=USAGE)
    assert json.loads(read(capsys, "retry", "I-1", "--json")) == {"taken_up": ["I-1"], "parked": []}
    assert "taken up 0" in read(capsys, "retry")
    read(capsys, "status")


def test_an_audit_passes_fails_on_nothing_and_finds_what_was_changed(
    capsys: pytest.CaptureFixture[str], callers: Callers, guarded: Json
) -> None:
    assert "nothing_inspected" in read(capsys, "audit", code=FINDING)
    callers.of(Role.REGULATOR).post("/v1/escrows", ESCROW)
    capsys.readouterr()
    assert "everything agrees" in read(capsys, "audit")
    assert json.loads(read(capsys, "audit", "I-1", "--json"))["passed"] is True
    with guarded.engine.begin() as connection:
        connection.exec_driver_sql("update headers set state = replace(state, 'bank-1', 'bank-9')")
    assert "I-1" in read(capsys, "audit", code=FINDING)


def test_a_rebuild_gives_the_same_rows_and_names_what_differs(
    capsys: pytest.CaptureFixture[str], paid_contract: Callers, guarded: Json
) -> None:
    paid_contract.of(Role.REGULATOR).get("/v1/escrows/I-1")
    capsys.readouterr()
    assert "swapped" in read(capsys, "rebuild")
    assert json.loads(read(capsys, "rebuild", "contract_statement", "--json"))["differences"] == []
    with guarded.engine.begin() as connection:
        connection.exec_driver_sql("update contract_statement set paid_fen = 1")
    assert "contract_statement" in read(capsys, "rebuild", code=FINDING)
    read(capsys, "rebuild", "--accept-differences", code=FINDING)
    assert "swapped" in read(capsys, "rebuild")


def test_progress_is_plain_lines_without_a_terminal_and_nothing_when_quiet(
    capsys: pytest.CaptureFixture[str], paid_contract: Callers
) -> None:
    del paid_contract
    capsys.readouterr()
    assert run(["audit"]) == OK
    assert capsys.readouterr().err.splitlines() == ["审计 audit 4/4"]
    assert run(["audit", "--quiet"]) == OK
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_the_journal_is_written_for_both_programs(
    capsys: pytest.CaptureFixture[str], paid_contract: Callers, tmp_path: Path
) -> None:
    del paid_contract
    capsys.readouterr()
    assert "CNY" in read(capsys, "export", "journal", "--format", "hledger")
    path = tmp_path / "books.beancount"
    assert (
        read(capsys, "export", "journal", "--format", "beancount", "--institution", "I-1", "--output", str(path)) == ""
    )
    assert "Assets:I-1:CustodyCash" in path.read_text()


def test_a_new_ledger_is_its_owners_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert run(["migrate"]) == OK
    assert run(["status", "--quiet"]) == OK
    modes = {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("new.sqlite*")}
    assert modes == {0o600}
    (tmp_path / "new.sqlite").chmod(0o640)
    assert run(["migrate"]) == OK
    assert stat.S_IMODE((tmp_path / "new.sqlite").stat().st_mode) == 0o640, "what the operator chose stays"


def issued(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    return read(capsys, "token", "issue", *arguments).strip()


def test_a_token_of_a_registered_name_is_worth_what_the_registry_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, paid_contract: Callers, clock: Clock
) -> None:
    clock.now = datetime.now(UTC)  # the command line has no other clock
    monkeypatch.setattr("sys.stdin", io.StringIO("a password that is long\n"))
    assert run(["user", "add", "lin", "--role", "auditor", "--scope", "jurisdiction=CN"]) == OK
    headers = {"Authorization": f"Bearer {issued(capsys, '--subject', 'lin')}"}
    assert paid_contract.client.get("/v1/access-log", headers=headers).status_code == 200
    assert run(["user", "disable", "lin"]) == OK
    capsys.readouterr()
    refused(capsys, "token", "issue", "--subject", "lin", code=USAGE)


def test_an_issued_token_opens_the_api(
    capsys: pytest.CaptureFixture[str], paid_contract: Callers, clock: Clock
) -> None:
    clock.now = datetime.now(UTC)  # the command line has no other clock
    capsys.readouterr()
    scope = ["--scope", "jurisdiction=CN-BJ", "--scope", "district=海淀区"]
    token = issued(capsys, "--unregistered", "--role", "mediator", "--subject", "wang", *scope, "--hours", "24")
    mandate = Tokens(SECRET.encode(), ISSUER, clock).read(token)
    assert (mandate.subject, mandate.role, mandate.district) == ("wang", Role.MEDIATOR, "海淀区")
    assert paid_contract.client.get("/v1/institutions", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_needs_a_secret_that_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_TOKEN_SECRET", "short")
    arguments = [
        "token",
        "issue",
        "--unregistered",
        "--role",
        "auditor",
        "--subject",
        "x",
        "--scope",
        "jurisdiction=CN",
    ]
    assert "LEDGER_TOKEN_SECRET" in refused(capsys, *arguments, code=ENVIRONMENT)


def test_the_description_is_printed_without_a_ledger(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    assert run(["openapi", "--output", "openapi.json"]) == OK
    assert json.loads(Path("openapi.json").read_text())["openapi"].startswith("3.1")
    assert capfdbinary.readouterr().out == b""


def test_every_command_works_on_postgresql_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    migrate(postgres_url)
    monkeypatch.setenv("LEDGER_DATABASE_URL", postgres_url)
    for arguments in (
        ["status"],
        ["balance"],
        ["refunds-due"],
        ["rebuild"],
        ["export", "journal", "--format", "hledger"],
    ):
        read(capsys, *arguments)
    read(capsys, "audit", code=FINDING)
