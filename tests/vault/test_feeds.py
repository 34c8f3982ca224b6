"""Who copies the log is in the log of reads too: one row for each page, with what it showed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text
from sqlalchemy import event as hooks

from api.runtime import Runtime
from ledger.identifiers import Role
from tests.api.callers import ESCROW, Callers, Json, code
from tests.vault.families import entered, signed

FEED, STREAM = "/v1/events", "/v1/escrows/I-1/events"


def log(callers: Callers) -> list[Json]:
    """Every row, as an officer of the nation sees them."""
    found: list[Json] = callers.of(Role.AUDITOR, "the-nation", jurisdiction="CN").get("/v1/access-log").json()["data"]
    return found


@contextmanager
def inserted(engine: Engine) -> Iterator[list[Json]]:
    """The rows of each insert into the log of reads while the block runs."""
    seen: list[Json] = []

    def watch(_connection: Json, _cursor: Json, statement: str, parameters: Json, *_more: Json) -> None:
        if statement.lower().startswith("insert into access_log"):
            seen.append(parameters)

    hooks.listen(engine, "before_cursor_execute", watch)
    yield seen
    hooks.remove(engine, "before_cursor_execute", watch)


def test_a_page_of_a_stream_is_one_row_with_its_versions(callers: Callers) -> None:
    signed(callers, entered(callers))
    answer = callers.of(Role.BANK).get(f"{STREAM}?after=1&limit=5", Purpose="reconciling")
    shown = [each["version"] for each in answer.json()["events"]]
    (entry,) = log(callers)
    assert (entry["actor"], entry["role"], entry["what"]) == ("the-bank", "bank", "get_events_of_escrow")
    assert (entry["institution_id"], entry["first_shown"], entry["last_shown"]) == ("I-1", shown[0], shown[-1])
    assert (entry["purpose"], entry["trace_id"]) == ("reconciling", answer.headers["trace-id"])


def test_a_page_of_the_feed_is_one_row_about_what_was_the_callers(callers: Callers) -> None:
    signed(callers, entered(callers))
    other = ESCROW | {"institution_id": "I-2", "custodian": "bank-2", "account_id": "6217002"}
    assert callers.of(Role.REGULATOR).post("/v1/escrows", other).status_code == 201
    theirs = [each["position"] for each in callers.of(Role.BANK).get(FEED).json()["events"]]
    everything = callers.of(Role.AUDITOR).get(FEED).json()["events"]
    assert len(everything) > len(theirs)
    of_bank, of_auditor = log(callers)
    assert (of_bank["what"], of_bank["institution_id"]) == ("get_events", None)
    assert (of_bank["first_shown"], of_bank["last_shown"]) == (theirs[0], theirs[-1])
    assert of_auditor["last_shown"] == everything[-1]["position"] > of_bank["last_shown"]


def test_a_page_costs_one_insert_however_many_events_it_shows(callers: Callers, runtime: Runtime) -> None:
    for number in range(5):
        signed(callers, entered(callers), f"C-{number}")
    bank, auditor = callers.of(Role.BANK), callers.of(Role.AUDITOR)
    for ask in (lambda: bank.get(STREAM), lambda: auditor.get(FEED), lambda: auditor.get(f"{FEED}?limit=1")):
        with inserted(runtime.ledger.engine) as seen:
            assert ask().json()["events"]
        assert len(seen) == 1
    assert len(log(callers)) == 3


def test_what_shows_nothing_is_no_read(callers: Callers, runtime: Runtime) -> None:
    bank = callers.of(Role.BANK)
    last = bank.get(FEED).json()["next_after"]
    before = len(log(callers))
    with inserted(runtime.ledger.engine) as seen:
        assert bank.get(f"{FEED}?after={last}").json()["events"] == []
        assert bank.get(f"{STREAM}?after=1").json()["events"] == []
        assert callers.foreign(Role.BANK).get(FEED).json()["events"] == []
        assert code(callers.foreign(Role.BANK).get(STREAM)) == "escrow_unknown"
    assert seen == []
    assert len(log(callers)) == before


def test_who_copied_the_feed_is_for_the_officers_of_the_readers_place(callers: Callers) -> None:
    callers.of(Role.BANK).get(FEED)
    callers.of(Role.REGULATOR, "hers").get(FEED)
    here = callers.of(Role.AUDITOR, "here", jurisdiction="CN-BJ").get("/v1/access-log").json()["data"]
    assert [each["actor"] for each in here] == ["hers"], "a bank is of no place: the nation's officers see it"
    assert [each["actor"] for each in log(callers)] == ["the-bank", "hers"]


@pytest.mark.parametrize("path", [FEED, STREAM])
def test_a_page_that_cannot_be_written_down_is_not_answered(callers: Callers, runtime: Runtime, path: str) -> None:
    signed(callers, entered(callers))
    with runtime.ledger.engine.begin() as connection:
        connection.execute(text("alter table access_log rename to access_log_away"))
    answer = callers.of(Role.BANK).get(path)
    assert answer.status_code >= 500
    assert "C-1" not in answer.text
