"""What was signed is what the database holds: in both directions, and never when nothing was looked at."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ledger import rejections as no
from ledger.application import Ledger, open_ledger
from ledger.commands import SealDay, SealedStatements
from ledger.events import DaySealed
from ledger.log.checkpoints import Checkpoint, sign_checkpoint
from ledger.log.inspection import LogReport, inspect_log
from ledger.log.keys import PrivateKey
from ledger.log.proving import sealing
from ledger.log.seals import tree_root
from ledger.log.tables import checkpoints, directory
from tests import examples as x
from tests.conftest import Clock, migrate
from tests.log.schools import KEY, checkpoint, city, open_school, order, seal, tell

KEYS = [KEY.public()]


def codes(report: LogReport) -> set[str]:
    return {finding.code for finding in report.findings}


def test_a_city_holds_what_was_signed(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock)
    counted: list[int] = []
    report = inspect_log(ledger.engine, KEYS, progress=counted.append)
    assert (report.passed, report.findings) == (True, [])
    assert (report.institutions, report.events, report.checkpoints, report.directory_size) == (3, 75, 6, 6)
    assert sum(counted) == 75


def test_what_is_not_signed_yet_is_counted_and_no_finding(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock, schools=1)
    tell(ledger, "school-1", x.deposit("late", 1, None))
    open_school(ledger, "school-9", families=1)
    report = inspect_log(ledger.engine, KEYS)
    assert report.passed
    assert report.unsigned_events == 1 + len(ledger.stream("school-9"))


def test_an_inspection_that_found_nothing_signed_does_not_pass(ledger: Ledger) -> None:
    assert codes(inspect_log(ledger.engine, KEYS)) == {"nothing_inspected"}
    open_school(ledger, "school-1")
    report = inspect_log(ledger.engine, KEYS)
    assert (report.passed, codes(report)) == (False, {"nothing_inspected"})


def test_another_key_signed_nothing_here(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock, schools=1)
    other = PrivateKey(KEY.name, b"O" * 32).public()
    assert codes(inspect_log(ledger.engine, [other])) == {"checkpoint_not_signed"}
    assert inspect_log(ledger.engine, [other, *KEYS]).passed


def test_checkpoints_kept_elsewhere_are_compared(ledger: Ledger, clock: Clock) -> None:
    city(ledger, clock)
    with ledger.engine.connect() as connection:
        kept = [*connection.scalars(select(checkpoints.c.note)), *connection.scalars(select(directory.c.note))]
    report = inspect_log(ledger.engine, KEYS, kept)
    assert (report.passed, report.held) == (True, len(kept))
    origin = "ledger.example/institution/school-1"
    for note, code in (
        (sign_checkpoint(Checkpoint(origin, 3, bytes(32)), KEY), "root_differs"),
        (sign_checkpoint(Checkpoint(origin, 99, bytes(32)), KEY), "entries_missing"),
        (sign_checkpoint(Checkpoint("ledger.example/directory", 2, bytes(32)), KEY), "root_differs"),
        (sign_checkpoint(Checkpoint("ledger.example/institution/gone", 9, bytes(32)), KEY), "log_missing"),
        ("no note", "checkpoint_not_signed"),
    ):
        assert codes(inspect_log(ledger.engine, KEYS, [note])) == {code}


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city in a file whose guards somebody took away."""
    path, clock = tmp_path_factory.mktemp("unguarded") / "ledger.sqlite", Clock()
    migrate(f"sqlite:///{path}")
    ledger = open_ledger(f"sqlite:///{path}", clock)
    city(ledger, clock)
    with ledger.engine.begin() as connection:
        for (name,) in connection.execute(text("select name from sqlite_master where type = 'trigger'")).all():
            connection.execute(text(f"drop trigger {name}"))
    with ledger.engine.connect() as connection:
        connection.execute(text("pragma wal_checkpoint(truncate)"))
    ledger.close()
    return path


@pytest.fixture
def open_file(unguarded: Path, tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    """A copy of it."""
    path = tmp_path / "copy.sqlite"
    shutil.copy(unguarded, path)
    ledger = open_ledger(f"sqlite:///{path}", clock)
    yield ledger
    ledger.close()


CUT = "substr(note, 1, length(note) - 9) || 'AAAAAAA=' || char(10)"
LAST = "(select max(originator_version) from events where originator_id = 'school-2')"
WHERE = "originator_id = 'school-2' and originator_version"


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (f"update events set state = replace(state, '\"role\":\"', '\"role\" :\"') where {WHERE} = 3", "root_differs"),
        (f"update events set topic = 'release_returned.1' where {WHERE} = {LAST} - 3", "root_differs"),
        (f"delete from events where {WHERE} = 4", "version_gap"),
        (f"delete from events where {WHERE} = {LAST}", "entries_missing"),
        ("delete from events where originator_id = 'school-2'", "entries_missing"),
        ("update events set originator_id = 'school-8' where originator_id = 'school-2'", "entries_missing"),
        ("update log_checkpoints set root = replace(root, '1', '2') where number = 2", "root_differs"),
        (f"update log_checkpoints set note = {CUT} where number = 2", "checkpoint_not_signed"),
        ("update log_checkpoints set size = size + 1 where number = 2", "checkpoint_differs"),
        ("delete from log_checkpoints where number = 2", "directory_gap"),
        ("delete from log_checkpoints where number = 6", "entries_missing"),
        ("delete from log_directory where size = 6", "directory_unsigned"),
        ("update log_directory set root = replace(root, '1', '2') where size = 2", "root_differs"),
        ("update log_directory set note = (select note from log_checkpoints where number = 2)", "checkpoint_differs"),
        ("update log_frontiers set peaks = replace(peaks, '1', '2') where institution_id = 'school-2'",
         "frontier_differs"),
        ("update log_frontiers set size = size + 1 where institution_id = 'school-2'", "entries_missing"),
        ("update log_frontiers set peaks = replace(peaks, '1', '2') where institution_id = ''", "frontier_differs"),
    ],
)  # fmt: skip
def test_every_change_of_the_database_is_found(open_file: Ledger, deed: str, code: str) -> None:
    assert inspect_log(open_file.engine, KEYS).passed
    with open_file.engine.begin() as connection:
        assert connection.execute(text(deed)).rowcount > 0
    report = inspect_log(open_file.engine, KEYS)
    assert not report.passed
    assert code in codes(report)


# ── seals ───────────────────────────────────────────────────────────────────────────────────────────────────


def last_seal(ledger: Ledger) -> DaySealed:
    return [each.event for each in ledger.stream("school-1") if isinstance(each.event, DaySealed)][-1]


def test_a_seal_carries_the_roots_over_balances_and_statements(ledger: Ledger, clock: Clock) -> None:
    open_school(ledger, "school-1")
    head = ledger.head("school-1")
    assert head is not None
    clock.advance(days=1)
    seal(ledger, "school-1", date(2026, 9, 1))
    sealed = last_seal(ledger)
    assert sealed.stream_version == head.version
    assert sealed.statements == 4
    in_order = [
        "custody_cash 907700", "earned 0", "institution_receivable 0", "refund_in_transit 0", "refund_payable 0",
        "release_in_transit 0", "risk_deposit 0", "risk_deposit_cash 0", "unapplied 7700", "unearned 900000",
    ]  # fmt: skip
    assert sealed.balances_root == tree_root(line.encode() for line in in_order)


def test_a_day_may_be_sealed_without_statements(ledger: Ledger, clock: Clock) -> None:
    open_school(ledger, "school-1")
    clock.advance(days=1)
    tell(ledger, "school-1", SealDay(business_on=date(2026, 9, 1)))
    sealed = last_seal(ledger)
    assert (sealed.statements, sealed.statements_root) == (None, None)
    assert len(sealed.balances_root) == 64


def test_figures_of_another_moment_are_not_sealed(ledger: Ledger, clock: Clock) -> None:
    open_school(ledger, "school-1")
    clock.advance(days=1)
    command = sealing(ledger.engine, "school-1", date(2026, 9, 1))
    assert isinstance(command.sealed, SealedStatements)
    before = command.sealed.stream_version
    tell(ledger, "school-1", x.deposit("meanwhile", 1, None))
    with pytest.raises(no.SealOutdated) as refused:
        ledger.submit(order("school-1", command))
    assert refused.value.details() == {"computed_version": before, "current_version": before + 1}
    tell(ledger, "school-1", sealing(ledger.engine, "school-1", date(2026, 9, 1)))


def test_there_are_no_figures_of_a_school_that_never_opened(ledger: Ledger, clock: Clock) -> None:
    checkpoint(ledger, clock)
    with pytest.raises(LookupError):
        sealing(ledger.engine, "nobody", date(2026, 9, 1))
