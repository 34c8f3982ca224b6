"""The demo: the same seed tells the same story, all of it adds up, and it leaves other people's ledgers alone."""

import json as json_text
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.demo import ENVIRONMENT, OK, USAGE, command
from api.demo.cases import CASES
from api.demo.city import cast
from api.demo.office import party_key, vault_key
from api.demo.run import Run, run
from api.settings import Settings
from ledger.application import open_ledger
from ledger.audit import audit
from ledger.serialization import EVENTS
from ledger.store.factory import open_engine
from ledger.store.tables import events
from tests.conftest import Clock, migrate

SCALE, SEED = 0.05, 11

AFTER_THE_DEMO = {
    "institution_succeeded",
    "distribution_cancelled",
    "release_settlement_reversed",
    "subject_forgotten",
}
"""Of successions, lists given up, releases that come back, people forgotten: they have stories of their own."""


def told(url: str, seed: int = SEED) -> Run:
    return run(url, SCALE, seed, lambda _moment, _tally: None)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Run]:
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'ledger.sqlite'}"
    migrate(url)
    return url, told(url)


def heads(url: str) -> dict[str, tuple[int, str]]:
    ledger = open_ledger(url, Clock())
    found = {}
    for institution_id in ledger.institutions():
        head = ledger.head(institution_id)
        assert head is not None
        found[institution_id] = (head.version, head.hash)
    ledger.close()
    return found


def test_the_same_seed_tells_the_same_story_to_the_last_hash(story: tuple[str, Run], tmp_path: Path) -> None:
    url, first = story
    again_url = f"sqlite:///{tmp_path / 'again.sqlite'}"
    migrate(again_url)
    again = told(again_url)
    assert heads(url) == heads(again_url)
    assert again.findings == first.findings
    assert (again.closed, again.bank_day) == (first.closed, first.bank_day)


def test_another_seed_tells_another_story(story: tuple[str, Run], tmp_path: Path) -> None:
    other_url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    migrate(other_url)
    told(other_url, SEED + 1)
    city = [school.institution_id for school in cast(SCALE, SEED).schools]
    before, after = heads(story[0]), heads(other_url)
    assert all(before[each] != after[each] for each in city)
    assert all(before[case.id] == after[case.id] for case in CASES)


def test_both_databases_hold_the_same_story(story: tuple[str, Run], postgres_url: str) -> None:
    on_postgres = told(postgres_url)
    assert heads(postgres_url) == heads(story[0])
    assert on_postgres.findings == story[1].findings
    assert (on_postgres.closed, on_postgres.bank_day) == (story[1].closed, story[1].bank_day)


def test_every_kind_of_event_happens(story: tuple[str, Run]) -> None:
    happened = set(story[1].tally.topics)
    every = {topic.rpartition(".")[0] for topic in EVENTS}
    assert every - happened == AFTER_THE_DEMO & every


def test_the_rows_are_the_fold_of_the_events(story: tuple[str, Run]) -> None:
    ledger = open_ledger(story[0], Clock())
    found = audit(ledger)
    ledger.close()
    assert found.events == story[1].tally.events
    assert list(found.findings) == []


def test_what_is_due_is_covered_or_missing_and_one_institution_is_short(story: tuple[str, Run]) -> None:
    _, one = story
    findings = one.findings
    for due in findings.dues:
        assert due.open_fen is not None
        assert due.covered_fen is not None
        assert due.missing_fen == due.open_fen - due.covered_fen
    runaway = cast(SCALE, SEED).runaway.institution_id
    assert findings.shortfall_fen == findings.debts[runaway].missing_fen > 0
    assert findings.balances[runaway].custody_cash_fen == 0
    assert findings.balances[runaway].institution_receivable_fen == findings.shortfall_fen
    assert findings.institutions[runaway].closure == "abnormal"


def test_the_orderly_closure_ends_with_nothing(story: tuple[str, Run]) -> None:
    orderly = cast(SCALE, SEED).orderly.institution_id
    assert story[1].findings.institutions[orderly].status == "closed"
    balance = story[1].findings.balances[orderly]
    assert {name: getattr(balance, name) for name in balance.__struct_fields__ if name.endswith("_fen")} == {
        name: 0 for name in balance.__struct_fields__ if name.endswith("_fen")
    }


def test_the_published_cases_come_out_as_published(story: tuple[str, Run]) -> None:
    assert [case.id for case in story[1].findings.cases] == [case.id for case in CASES]
    assert all(case.equal for case in story[1].findings.cases)


def test_what_the_story_asks_in_vain_is_refused_by_name(story: tuple[str, Run]) -> None:
    assert dict(story[1].tally.refused) == {
        "training_loan_prohibited": 1,
        "hours_above_cap": 1,
        "span_above_cap": 1,
        "wrong_account": 1,
        "duplicate_bank_serial": 1,
        "escrow_is_frozen": 1,
        "distribution_required": 1,
    }
    assert story[1].tally.replayed == 1


def shown(
    capsys: pytest.CaptureFixture[str], settings: Settings, *, scale: float, json: bool = False
) -> tuple[int, str, str]:
    code = command(settings, seed=SEED, serve=False, scale=scale, json=json)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_makes_a_fresh_file_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = shown(capsys, Settings(database_url=None, party_key=None, vault_key=None), scale=SCALE)
    assert code == OK
    assert f"sqlite:///{tmp_path / 'ledger-demo.sqlite'}" in out
    keys = f"LEDGER_PARTY_KEY={party_key(SEED)} LEDGER_VAULT_KEY={vault_key(SEED)}"
    assert f"{tmp_path / 'ledger-demo-files'}  ({keys})" in out
    for label in ("银行日", "Bank day", "警报 ALERT", "关停与分配", "largest remainders", "root of the figures"):
        assert label in out
    for label in ("应退尽退", "Refund all that is due", "缺口", "shortfall", "events/s"):
        assert label in out
    assert max(len(line) for line in out.splitlines() if str(tmp_path) not in line) <= 100


def test_a_ledger_that_is_not_empty_is_left_alone(story: tuple[str, Run], capsys: pytest.CaptureFixture[str]) -> None:
    before = heads(story[0])
    code, out, err = shown(capsys, Settings(database_url=story[0]), scale=SCALE)
    assert (code, out) == (USAGE, "")
    assert f"already holds {story[1].tally.events} events" in err
    assert heads(story[0]) == before


def test_a_scale_out_of_range_is_a_usage_error(capsys: pytest.CaptureFixture[str], sqlite_url: str) -> None:
    for scale in (0, -1, 101, float("nan")):
        assert shown(capsys, Settings(database_url=sqlite_url), scale=scale)[0] == USAGE


def test_a_database_that_is_away_is_the_environments_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/no/such/folder/x.sqlite", "mysql://x/y", "nonsense"):
        code, _, err = shown(capsys, Settings(database_url=url), scale=SCALE)
        assert code == ENVIRONMENT
        assert "cannot be opened" in err


def test_json_says_the_same_as_the_tables(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = shown(capsys, Settings(database_url=sqlite_url), scale=SCALE, json=True)
    answer = json_text.loads(out)
    assert code == OK
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        assert answer["events"] == connection.execute(select(func.count()).select_from(events)).scalar_one()
    engine.dispose()
    assert answer["shortfall_fen"] == sum(each["missing_fen"] for each in answer["refunds_due"]) > 0
    assert all(case["equal"] for case in answer["cases"])
    assert sum(each["custody_cash_fen"] for each in answer["balances"]) > 0
    closure, day = answer["closure"], answer["bank_day"]
    assert closure["distribution"]["shared_fen"] == closure["distribution"]["pot_fen"] == closure["paid_fen"] > 0
    assert closure["distribution"]["left_fen"] == answer["shortfall_fen"]
    assert [each["state"] for each in day["breaks"]] == ["explained", "open"]
    for each in day["files"]:
        content = (Path(answer["folder"]) / each["name"]).read_bytes()
        assert sha256(content).hexdigest() == each["sha256"]
