"""Reading: balances, statements, what is due, clocks, cases, histories; moments, pages, files, freshness."""

import csv
import io
import json
from datetime import UTC, datetime
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook
from starlette.testclient import TestClient

from api.app import create_app
from api.reads.files import text_cell
from api.security.guard import GuardedLedger
from api.security.tokens import Tokens
from api.settings import Settings
from ledger.identifiers import Role
from projections.answers import PROJECTION_VERSION
from tests.api.callers import CONTRACT, DEPOSIT, ESCROW, ISSUER, SECRET, Caller, Callers, Json, code
from tests.conftest import Clock

LESSON = {"contract_id": "C-1", "lesson_id": "L-1", "hours": "1.5", "taught_on": "2026-09-01"}
REFUND = {"refund_id": "R-1", "contract_id": "C-1", "cause": "institution", "requested_on": "2026-09-01"}


@pytest.fixture
def regulator(paid_contract: Callers) -> Caller:
    return paid_contract.of(Role.REGULATOR)


def test_a_balance_is_read_at_once_after_the_command_and_names_where_it_comes_from(regulator: Caller) -> None:
    answer = regulator.get("/v1/escrows/I-1/balance")
    body = answer.json()
    assert body["data"]["custody_cash_fen"] == 360_000
    assert body["data"]["unearned_fen"] == 360_000
    assert body["position"] == 4
    assert body["projection_version"] == PROJECTION_VERSION
    assert body["rule_sets"] == ["CN-BJ/sport@2025-03-26#1"]
    assert answer.headers["ledger-position"] == "4"
    assert answer.headers["ledger-rule-sets"] == "CN-BJ/sport@2025-03-26#1"


def test_the_etag_of_a_read_is_the_version_that_if_match_takes(regulator: Caller, clock: Clock) -> None:
    clock.advance(hours=16)
    etag = regulator.get("/v1/escrows/I-1").headers["etag"]
    assert etag == '"4"'
    seal = {"business_on": "2026-09-01"}
    assert regulator.post("/v1/escrows/I-1/day-seals", seal, If_Match=etag).status_code == 201
    assert code(regulator.post("/v1/escrows/I-1/day-seals", seal, If_Match=etag)) == "version_conflict"
    assert regulator.get("/v1/escrows/I-1").headers["etag"] == '"5"'


def test_a_contract_statement_shows_money_in_fen_and_hours_as_decimal_strings(
    regulator: Caller, paid_contract: Callers
) -> None:
    paid_contract.of(Role.INSTITUTION).post("/v1/escrows/I-1/class-consumption-claims", {"lessons": [LESSON]})
    data = regulator.get("/v1/escrows/I-1/contracts/C-1").json()["data"]
    assert data["paid_fen"] == 360_000
    assert (data["paid_hours"], data["claimed_hours"], data["left_hours"]) == ("36", "1.5", "34.5")
    assert data["signed_on"] == "2026-08-20"
    assert data["status"] == "running"


def test_what_is_due_says_how_much_why_until_when_and_whether_the_money_is_there(
    regulator: Caller, paid_contract: Callers
) -> None:
    assert paid_contract.of(Role.GUARDIAN).post("/v1/escrows/I-1/refund-requests", REFUND).status_code == 201
    for path in (
        "/v1/escrows/I-1/refunds-due",
        "/v1/refunds-due",
        "/v1/refunds-due?district=%E6%B5%B7%E6%B7%80%E5%8C%BA",
    ):
        (due,) = regulator.get(path).json()["data"]
        assert (due["due_fen"], due["covered_fen"], due["missing_fen"]) == (360_000, 360_000, 0)
        assert (due["state"], due["payer"], due["cause"]) == ("requested", "custody", "institution")
        assert due["ground"]
        assert due["pay_by"] > "2026-09-01"
    assert regulator.get("/v1/refunds-due?district=%E6%9C%9D%E9%98%B3%E5%8C%BA").json()["data"] == []
    assert regulator.get("/v1/refunds-due?overdue_on=2026-09-02").json()["data"] == []
    clocks = {each["kind"] for each in regulator.get("/v1/escrows/I-1/deadlines").json()["data"]}
    assert "refund_payment" in clocks
    total = regulator.get("/v1/refund-all-due").json()["data"]["total"]
    assert (total["due_fen"], total["coverage"]) == (360_000, "1")
    own = paid_contract.of(Role.INSTITUTION).get("/v1/escrows/I-1/refund-all-due").json()["data"]["total"]
    assert own == total | {"institution_id": "", "name": ""}


def test_the_history_of_the_money_carries_the_balance_after_each_event(regulator: Caller) -> None:
    moved = regulator.get("/v1/escrows/I-1/fund-history").json()["data"]
    assert [each["topic"] for each in moved] == ["deposit_received.1", "deposit_applied.1"]
    assert [each["custody_after_fen"] for each in moved] == [360_000, 360_000]
    assert moved[1]["accounts_fen"] == {"unapplied": -360_000, "unearned": 360_000}


def test_the_audit_trail_says_who_did_what_under_which_rules(regulator: Caller) -> None:
    trail = regulator.get("/v1/escrows/I-1/audit-trail?topic=contract_registered.1").json()["data"]
    assert [(each["actor"], each["role"], each["command"]) for each in trail] == [
        ("setup-i", "institution", "register_contract")
    ]
    assert trail[0]["recorded_at"] == "2026-09-01T02:00:00.000000Z"
    assert len(trail[0]["hash"]) == 64


def test_a_balance_is_explained_down_to_the_bank_serial_and_sums_up(regulator: Caller) -> None:
    path = "/v1/escrows/I-1/explanations/custody_cash"
    explained = regulator.get(path).json()["data"]
    assert explained["balance_fen"] == sum(part["amount_fen"] for part in explained["parts"]) == 360_000
    lines = regulator.get(f"{path}/lines").json()["data"]
    assert sum(line["amount_fen"] for line in lines) == 360_000
    assert lines[0]["references"]["deposit_id"] == "6217001.20260901.20260901001"
    own = regulator.get("/v1/escrows/I-1/contracts/C-1/explanations/unearned").json()["data"]
    assert (own["balance_fen"], own["parts"][0]["topic"]) == (360_000, "deposit_applied.1")
    assert code(regulator.get("/v1/escrows/I-1/explanations/petty_cash")) == "invalid_parameters"


def test_an_entitlement_is_derived_from_what_is_recorded_for_any_cause_and_day(
    regulator: Caller, paid_contract: Callers
) -> None:
    path = "/v1/escrows/I-1/contracts/C-1/entitlement"
    due = regulator.get(f"{path}?cause=institution").json()["data"]
    assert (due["due_fen"], due["covered_fen"], due["missing_fen"]) == (360_000, 360_000, 0)
    assert due["derivation"]["binding_refund_fen"] == 360_000
    claimed = regulator.get(f"{path}?cause=institution&claim_fen=1000&on=2026-10-01").json()["data"]
    assert (claimed["due_fen"], claimed["on"]) == (1_000, "2026-10-01")
    assert code(regulator.get(path)) == "invalid_parameters"
    assert code(regulator.get(f"{path}?cause=weather")) == "invalid_parameters"
    assert paid_contract.of(Role.GUARDIAN).get(f"{path}?cause=family").status_code == 200


def test_lessons_are_listed_with_their_state_and_window(regulator: Caller, paid_contract: Callers) -> None:
    lessons = [LESSON | {"lesson_id": f"L-{number}"} for number in range(3)]
    paid_contract.of(Role.INSTITUTION).post("/v1/escrows/I-1/class-consumption-claims", {"lessons": lessons})
    first = regulator.get("/v1/escrows/I-1/contracts/C-1/lessons?limit=2").json()
    assert [(each["lesson_id"], each["hours"], each["status"]) for each in first["data"]] == [
        ("L-0", "1.5", "claimed"),
        ("L-1", "1.5", "claimed"),
    ]
    rest = regulator.get(f"/v1/escrows/I-1/contracts/C-1/lessons?limit=2&after={first['next']}").json()
    assert [each["lesson_id"] for each in rest["data"]] == ["L-2"]
    assert rest["next"] is None


def test_the_feed_is_gapless_and_says_where_to_go_on(regulator: Caller) -> None:
    first = regulator.get("/v1/events?limit=3").json()
    assert [each["position"] for each in first["events"]] == [1, 2, 3]
    assert (first["next_after"], first["more"]) == (3, True)
    rest = regulator.get(f"/v1/events?after={first['next_after']}").json()
    assert [each["position"] for each in rest["events"]] == [4]
    end = regulator.get(f"/v1/events?after={rest['next_after']}").json()
    assert end == {"events": [], "next_after": 4, "more": False, "epoch": first["epoch"]}
    assert code(regulator.get("/v1/events?lane=5")) == "not_found"


def test_the_feed_moves_on_past_events_of_others(regulator: Caller, paid_contract: Callers) -> None:
    regulator.post("/v1/escrows", ESCROW | {"institution_id": "I-2", "custodian": "bank-2", "account_id": "9"})
    feed = paid_contract.foreign(Role.BANK).get("/v1/events?limit=5").json()
    assert [each["institution_id"] for each in feed["events"]] == ["I-2"]
    assert feed["next_after"] == 5


def test_one_event_is_found_under_the_location_of_its_receipt(regulator: Caller, clock: Clock) -> None:
    clock.advance(hours=16)
    posted = regulator.post("/v1/escrows/I-1/day-seals", {"business_on": "2026-09-01"})
    event = regulator.get(posted.headers["location"]).json()
    assert event == posted.json()["events"][0]
    assert code(regulator.get("/v1/escrows/I-1/events/99")) == "not_found"
    assert code(regulator.get("/v1/escrows/I-1/events/0")) == "invalid_parameters"


def test_another_moment_answers_from_what_had_happened_and_was_known(
    regulator: Caller, paid_contract: Callers, clock: Clock
) -> None:
    clock.advance(days=3)
    late = {**DEPOSIT, "bank_serial": "late", "amount_fen": 100, "contract_id": None, "value_on": "2026-09-02"}
    late["effective_at"] = "2026-09-02T10:00:00+08:00"
    assert paid_contract.of(Role.BANK).post("/v1/escrows/I-1/deposits", late).status_code == 201

    def cash(query: str) -> Json:
        return regulator.get(f"/v1/escrows/I-1/balance{query}").json()["data"]["custody_cash_fen"]

    assert cash("") == 360_100
    assert cash("?as_of=2026-09-01") == 360_000
    assert cash("?as_of=2026-09-02") == 360_100
    assert cash("?known_at=2026-09-03T00:00:00Z") == 360_000
    assert cash("?as_of=2026-09-02&known_at=2026-09-03T08:00:00%2B08:00") == 360_000
    body = regulator.get("/v1/escrows/I-1/contracts?as_of=2026-09-01&known_at=2026-09-03T00:00:00Z").json()
    assert (body["as_of"], body["known_at"]) == ("2026-09-01", "2026-09-03T00:00:00.000000Z")
    assert body["position"] == 4
    assert [each["paid_fen"] for each in body["data"]] == [360_000]


def test_before_the_opening_there_was_no_escrow_rather_than_an_empty_one(regulator: Caller) -> None:
    for path in ("", "/balance"):
        answer = regulator.get(f"/v1/escrows/I-1{path}?as_of=2026-08-01")
        assert (answer.status_code, code(answer)) == (404, "escrow_unknown")
    assert code(regulator.get("/v1/escrows/I-1/contracts/C-1?as_of=2026-08-01")) == "contract_unknown"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("as_of=2027-01-01", "date_in_future"),
        ("known_at=2027-01-01T00:00:00Z", "date_in_future"),
        ("as_of=2026-02-30", "invalid_parameters"),
        ("as_of=20260901", "invalid_parameters"),
        ("known_at=2026-09-01T00:00:00", "invalid_parameters"),
        ("known_at=2026-09-01", "invalid_parameters"),
        ("at_position=5", "position_unknown"),
        ("at_position=-1", "invalid_parameters"),
        ("at_position=1.0", "invalid_parameters"),
        ("limit=0", "invalid_parameters"),
        ("limit=1001", "invalid_parameters"),
        ("limit=%205", "invalid_parameters"),
        ("after=zz", "malformed_cursor"),
        ("after=4-00", "malformed_cursor"),
        ("status=nowhere", "invalid_parameters"),
        ("offset=5", "invalid_parameters"),
        ("status=running&status=ended", "invalid_parameters"),
    ],
)
def test_a_malformed_question_is_refused(regulator: Caller, query: str, expected: str) -> None:
    answer = regulator.get(f"/v1/contracts?{query}")
    assert (answer.status_code, code(answer)) == (422, expected)


def test_pages_follow_each_other_by_cursor_and_link_without_gap_or_repetition(
    regulator: Caller, paid_contract: Callers
) -> None:
    institution = paid_contract.of(Role.INSTITUTION)
    for number in range(2, 8):
        contract = CONTRACT | {"contract_id": f"C-{number}", "student_id": f"S-{number}", "guardian_id": f"G-{number}"}
        assert institution.post("/v1/escrows/I-1/contracts", contract).status_code == 201
    seen: list[str] = []
    path: str | None = "/v1/contracts?limit=3"
    while path:
        answer = regulator.get(path)
        body = answer.json()
        seen += [each["contract_id"] for each in body["data"]]
        assert body["started_at_position"] == 10
        link = answer.headers.get("link")
        assert (link is None) is (body["next"] is None)
        path = link and link.partition(">")[0].lstrip("<")
    assert seen == [f"C-{number}" for number in range(1, 8)]


def test_a_page_says_when_the_list_moved_since_the_first(regulator: Caller, paid_contract: Callers) -> None:
    institution = paid_contract.of(Role.INSTITUTION)
    institution.post("/v1/escrows/I-1/contracts", CONTRACT | {"contract_id": "C-2", "student_id": "S-2"})
    cursor = regulator.get("/v1/contracts?limit=1").json()["next"]
    institution.post("/v1/escrows/I-1/contracts", CONTRACT | {"contract_id": "C-3", "student_id": "S-3"})
    body = regulator.get(f"/v1/contracts?limit=5&after={cursor}").json()
    assert [each["contract_id"] for each in body["data"]] == ["C-2", "C-3"]
    assert (body["started_at_position"], body["position"]) == (5, 6)


def test_pages_are_full_although_rows_of_others_lie_between(regulator: Caller, paid_contract: Callers) -> None:
    for number in range(2, 6):
        other = {"institution_id": f"I-{number}", "custodian": "bank-2" if number % 2 else "bank-1"}
        assert regulator.post("/v1/escrows", ESCROW | other).status_code == 201
    bank = paid_contract.of(Role.BANK)
    first = bank.get("/v1/institutions?limit=2").json()
    assert [each["institution_id"] for each in first["data"]] == ["I-1", "I-2"]
    rest = bank.get(f"/v1/institutions?limit=2&after={first['next']}").json()
    assert [each["institution_id"] for each in rest["data"]] == ["I-4"]
    assert rest["next"] is None


@pytest.mark.parametrize("how", ["suffix", "accept"])
def test_a_table_comes_as_csv_ndjson_and_spreadsheet(regulator: Caller, how: str) -> None:
    def fetch(suffix: str, media_type: str) -> Json:
        if how == "suffix":
            return regulator.get(f"/v1/contracts.{suffix}")
        return regulator.get("/v1/contracts", Accept=f"{media_type}, */*;q=0.1")

    as_csv = fetch("csv", "text/csv")
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert as_csv.headers["content-disposition"] == 'attachment; filename="contracts.csv"'
    assert as_csv.headers["ledger-position"] == "4"
    assert as_csv.content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(as_csv.content.decode("utf-8-sig")))
    as_ndjson = fetch("ndjson", "application/x-ndjson")
    (line,) = [json.loads(each) for each in as_ndjson.text.splitlines()]
    as_xlsx = fetch("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    names, cells = CalamineWorkbook.from_filelike(io.BytesIO(as_xlsx.content)).get_sheet_by_index(0).to_python()
    sheet = dict(zip(names, cells, strict=True))
    assert list(row) == names == list(line)
    assert row["paid_fen"] == "360000"
    assert line["paid_fen"] == sheet["paid_fen"] == 360_000
    assert row["paid_hours"] == line["paid_hours"] == sheet["paid_hours"] == "36"
    assert as_csv.headers["content-length"] == str(len(as_csv.content))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_looks_like_a_formula_stays_a_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"


def test_no_formula_reaches_a_file(regulator: Caller, paid_contract: Callers) -> None:
    evil = CONTRACT | {"contract_id": "C-2", "student_id": "S-2", "course": '=HYPERLINK("http://x")'}
    assert paid_contract.of(Role.INSTITUTION).post("/v1/escrows/I-1/contracts", evil).status_code == 201
    rows = list(csv.DictReader(io.StringIO(regulator.get("/v1/contracts.csv").content.decode("utf-8-sig"))))
    assert rows[1]["course"] == '\'=HYPERLINK("http://x")'
    with ZipFile(io.BytesIO(regulator.get("/v1/contracts.xlsx").content)) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
        assert "xl/worksheets/_rels/sheet1.xml.rels" not in book.namelist()


def test_a_part_of_a_file_cannot_be_asked_for(regulator: Caller) -> None:
    assert code(regulator.get("/v1/contracts.csv?limit=5")) == "invalid_parameters"
    assert regulator.get("/v1/contracts.csv?status=ended").text.count("\n") == 1


def test_another_form_is_not_acceptable(regulator: Caller) -> None:
    answer = regulator.get("/v1/contracts", Accept="application/pdf")
    assert (answer.status_code, code(answer)) == (406, "not_acceptable")


def test_a_position_that_is_too_far_ahead_of_the_read_models_is_asked_for_again(
    settings: Settings, paid_contract: Callers, guarded: GuardedLedger, clock: Clock
) -> None:
    behind = create_app(settings.model_copy(update={"wait_lag": 2}), guarded, clock)
    with TestClient(behind) as client:
        regulator = Callers(client, Tokens(SECRET.encode(), ISSUER, clock)).of(Role.REGULATOR, "impatient")
        answer = regulator.get("/v1/contracts?at_position=4")
        assert (answer.status_code, code(answer)) == (503, "position_not_reached")
        assert answer.headers["retry-after"] == "1"
        assert regulator.get("/v1/contracts").json()["position"] == 0
        behind.state.runtime.runner.catch_up()
        assert regulator.get("/v1/contracts?at_position=4").json()["position"] == 4
    assert paid_contract.client is not client


def test_readiness_tells_lag_and_turns_red_beyond_the_limit(
    settings: Settings, paid_contract: Callers, guarded: GuardedLedger, clock: Clock
) -> None:
    strict = create_app(settings.model_copy(update={"ready_lag": 3}), guarded, clock)
    with TestClient(strict) as client:
        red = client.get("/readyz")
        assert (red.status_code, red.json()["status"], red.json()["lag"]) == (503, "not_ready", 4)
        assert "ledger worker" in red.json()["remedy"]
        assert "ledger_projection_lag 4.0" in client.get("/metrics").text
        strict.state.runtime.runner.catch_up()
        green = client.get("/readyz")
        assert (green.status_code, green.json()["lag"], green.json()["remedy"]) == (200, 0, None)
    assert paid_contract.client is not client


def test_an_event_that_cannot_be_read_turns_readiness_red_and_is_told_with_the_answers(
    regulator: Caller, paid_contract: Callers, guarded: GuardedLedger
) -> None:
    with guarded.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into events (position, lane, originator_id, originator_version, topic, state, hash) "
            "select position + 1, lane, originator_id, originator_version + 1, 'mystery.1', state, hash "
            "from events order by position desc limit 1"
        )
        connection.exec_driver_sql("update lanes set head = head + 1")
    body = regulator.get("/v1/contracts").json()
    assert (body["position"], body["incomplete"]) == (5, 1)
    assert [each["contract_id"] for each in body["data"]] == ["C-1"]
    red = paid_contract.client.get("/readyz")
    assert (red.status_code, red.json()["parked"]) == (503, 1)
    assert "ledger retry" in red.json()["remedy"]
    assert "ledger_parked_streams 1.0" in paid_contract.client.get("/metrics").text
    assert "mystery" not in red.text


def test_metrics_count_requests_by_route_and_commands_by_outcome_without_ids(regulator: Caller) -> None:
    regulator.post("/v1/escrows/I-1/day-seals", {"business_on": "2027-01-01"})
    text = regulator.client.get("/metrics").text
    assert 'ledger_commands_total{command="seal_day",outcome="date_in_future"} 1.0' in text
    assert 'ledger_commands_total{command="open_escrow",outcome="recorded"} 1.0' in text
    assert 'route="/v1/escrows/{institution_id}/day-seals"' in text
    assert "I-1" not in text
    assert "C-1" not in text


def test_instants_are_told_in_utc(regulator: Caller) -> None:
    event = regulator.get("/v1/escrows/I-1/events/1").json()
    assert datetime.fromisoformat(event["recorded_at"]) == datetime(2026, 9, 1, 2, tzinfo=UTC)
