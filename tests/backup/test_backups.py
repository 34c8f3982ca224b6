"""Backup files: complete and checked, refused when damaged, never written over anything; read models ahead of a log."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from api.backup.archive import BackupDamaged, read_manifest
from api.backup.restoring import NotRestored, TargetNotEmpty, recovered, restore
from api.backup.writing import backup
from api.cli import run
from api.vault.masters import new_master_key, read_masters
from api.vault.vault import Vault
from ledger.application import Ledger, open_ledger
from ledger.store.epochs import common_position, current_epoch, feed_footing, list_epochs, open_epoch, stream_footing
from ledger.store.factory import open_engine
from projections.checkpoint import positions
from projections.rebuild import rebuild, rewind
from projections.runner import Runner
from tests import examples as x
from tests.conftest import Clock, PostgresDatabases
from tests.log.schools import KEY, checkpoint, city, open_school, tell

FLIPS = 60


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty place on the same kind of database."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'restored.sqlite'}"
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
    url = databases.create(empty=True)
    yield url
    databases.drop(url)


def test_a_backup_is_restored_with_everything_and_a_new_epoch(
    ledger: Ledger, clock: Clock, empty_url: str, tmp_path: Path
) -> None:
    city(ledger, clock)
    Runner(ledger.engine).catch_up()
    path, manifest = backup(ledger.engine, tmp_path, clock)
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o077 == 0
    assert (manifest.facts.events, manifest.facts.heads) == (75, {0: 75})
    assert read_manifest(path) == manifest
    secret = KEY.text().strip().rpartition("+")[2]
    assert secret.encode() not in path.read_bytes()
    restored = restore(path, empty_url, clock, [KEY.public()])
    assert restored.checked.passed
    assert restored.checked.log is not None
    assert restored.checked.log.events == 75
    assert not restored.rewound
    assert (restored.epoch.number, restored.epoch.heads, restored.epoch.directory_size) == (2, {0: 75}, 6)
    again = open_ledger(empty_url, clock)
    assert again.feed(0) == ledger.feed(0)
    assert rebuild(again.engine, dry=True).differences == ()
    tell(again, "school-1", x.deposit("goes-on", 1, None))
    assert again.position() == 76
    again.close()


def test_nothing_is_written_over_anything(ledger: Ledger, clock: Clock, empty_url: str, tmp_path: Path) -> None:
    open_school(ledger, "school-1")
    path, _ = backup(ledger.engine, tmp_path / "one.backup", clock)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        backup(ledger.engine, path, clock)
    assert path.read_bytes() == before
    restore(path, empty_url, clock)
    with pytest.raises(TargetNotEmpty):
        restore(path, empty_url, clock)
    with pytest.raises(TargetNotEmpty):
        restore(path, str(ledger.engine.url.render_as_string(hide_password=False)), clock)
    assert sorted(each.name for each in tmp_path.glob(".ledger-*")) == []


def test_the_log_of_another_file_is_never_played_into_a_restored_one(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    path, _ = backup(ledger.engine, tmp_path / "one.backup", clock)
    ledger.close()
    target = tmp_path / "target.sqlite"
    Path(f"{target}-wal").write_bytes(b"of another file")
    with pytest.raises(TargetNotEmpty, match="wal"):
        restore(path, f"sqlite:///{target}", clock)
    assert not target.exists()


def test_a_backup_of_another_database_or_of_something_else_is_refused(
    ledger: Ledger, clock: Clock, tmp_path: Path
) -> None:
    path, manifest = backup(ledger.engine, tmp_path / "one.backup", clock)
    other = "postgresql://x/y" if manifest.database == "sqlite" else f"sqlite:///{tmp_path / 'other.sqlite'}"
    with pytest.raises(BackupDamaged, match="not of"):
        restore(path, other, clock)
    noise = tmp_path / "noise"
    noise.write_bytes(b"no zip at all")
    with pytest.raises(BackupDamaged):
        restore(noise, other, clock)


def test_every_flipped_byte_of_a_backup_is_found_or_changed_nothing(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    city(ledger, clock, schools=1)
    path, manifest = backup(ledger.engine, tmp_path / "one.backup", clock)
    ledger.close()
    raw, dice, found = path.read_bytes(), Random(7), 0
    for number in range(FLIPS):
        changed = bytearray(raw)
        changed[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        (tmp_path / "changed").write_bytes(changed)
        target = tmp_path / f"{number}.sqlite"
        try:
            restored = restore(tmp_path / "changed", f"sqlite:///{target}", clock, [KEY.public()])
        except BackupDamaged:
            found += 1
            assert not target.exists()
        else:
            assert restored.manifest is not None
            assert (restored.manifest.sha256, restored.manifest.facts) == (manifest.sha256, manifest.facts)
    assert found > FLIPS * 0.9


def test_what_was_changed_before_the_backup_is_not_served_after_it(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    city(ledger, clock, schools=1)
    with ledger.engine.begin() as connection:
        connection.execute(text("drop trigger events_refuse_update"))
        connection.execute(text("update events set state = replace(state, '30000', '30001') where position = 4"))
    path, _ = backup(ledger.engine, tmp_path / "one.backup", clock)
    ledger.close()
    target = tmp_path / "target.sqlite"
    with pytest.raises(NotRestored) as refused:
        restore(path, f"sqlite:///{target}", clock, [KEY.public()])
    assert "chain_broken" in {each.code for each in refused.value.checked.audit.findings}
    assert not target.exists()


def test_read_models_that_are_ahead_of_the_log_are_built_again(ledger: Ledger) -> None:
    open_school(ledger, "school-1")
    Runner(ledger.engine).catch_up()
    assert rewind(ledger.engine) is None
    with ledger.engine.begin() as connection:
        connection.execute(text("update checkpoint set position = position + 5"))
        connection.execute(text("update escrow_balance set custody_cash_fen = custody_cash_fen + 1"))
    report = rewind(ledger.engine)
    assert report is not None
    assert report.swapped
    with ledger.engine.connect() as connection:
        assert positions(connection) == {0: ledger.position()}
    assert rebuild(ledger.engine, dry=True).differences == ()
    assert rewind(ledger.engine) is None


def test_a_database_brought_back_by_other_means_is_checked_and_begins_an_epoch(
    ledger: Ledger, clock: Clock, database_url: str
) -> None:
    open_school(ledger, "school-1")
    checkpoint(ledger, clock)
    first = current_epoch(ledger.engine)
    done = recovered(database_url, clock, [KEY.public()])
    assert done.manifest is None
    assert current_epoch(ledger.engine) == done.epoch
    assert feed_footing(ledger.engine, 0, 3, first.name).rewind_to == 3


def test_where_histories_agree_is_the_smallest_head_since_then(ledger: Ledger, clock: Clock) -> None:
    open_school(ledger, "school-1")
    names, heads = [current_epoch(ledger.engine).name], []
    for number in range(3):
        heads.append(ledger.position())
        names.append(open_epoch(ledger.engine, clock(), "restored").name)
        tell(ledger, "school-1", x.deposit(f"d{number}", 1, None))
    with ledger.engine.connect() as connection:
        known = list_epochs(connection)
    assert [each.name for each in known] == names
    assert [common_position(known, 0, name) for name in names[:-1]] == heads
    assert common_position(known, 0, "9-0123456789abcdef") == 0
    head = ledger.head("school-1")
    assert head is not None
    assert stream_footing(ledger.engine, "school-1", 0, head.version, names[0]).rewind_to == heads[0]
    assert stream_footing(ledger.engine, "school-1", 0, head.version, names[-1]).rewind_to is None
    assert stream_footing(ledger.engine, "school-1", 0, head.version + 1, None).rewind_to == heads[-1]


def test_epochs_are_never_changed(ledger: Ledger) -> None:
    for statement in ("update epochs set id = 'x'", "delete from epochs"):
        with pytest.raises(Exception, match="never changed"), ledger.engine.begin() as connection:
            connection.execute(text(statement))


def test_an_older_schema_is_restored_and_brought_up_to_date(clock: Clock, tmp_path: Path) -> None:
    from projections.migrations import upgrade  # noqa: PLC0415 - an older one, on purpose

    live = tmp_path / "old.sqlite"
    engine = open_engine(f"sqlite:///{live}")
    upgrade(engine, "0007")
    path, manifest = backup(engine, tmp_path / "old.backup", clock)
    engine.dispose()
    assert (manifest.facts.schema, manifest.facts.epoch) == ("0007", "")
    restored = restore(path, f"sqlite:///{tmp_path / 'new.sqlite'}", clock)
    assert restored.epoch.number == 2


def test_the_commands_tell_what_they_did(
    sqlite_url: str,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    city(ledger, clock, schools=1)
    ledger.close()
    monkeypatch.setenv("LEDGER_DATABASE_URL", sqlite_url)
    file, target = str(tmp_path / "one.backup"), f"sqlite:///{tmp_path / 'again.sqlite'}"
    assert run(["backup", file]) == 0
    assert "1 institutions, 25 events" in capsys.readouterr().out
    assert run(["backup", file]) == 2
    assert run(["restore", file]) == 2
    monkeypatch.setenv("LEDGER_DATABASE_URL", target)
    assert run(["restore"]) == 2
    assert run(["restore", file, "--key", KEY.public().text(), "--json"]) == 0
    assert '"signed_events": 2' in capsys.readouterr().out
    assert run(["restore", "--recovered", "--quiet"]) == 0
    assert run(["status"]) in {0, 1}
    assert "3-" in capsys.readouterr().out
    shutil.copy(file, tmp_path / "damaged")
    raw = bytearray((tmp_path / "damaged").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(raw)
    monkeypatch.setenv("LEDGER_DATABASE_URL", f"sqlite:///{tmp_path / 'third.sqlite'}")
    assert run(["restore", str(tmp_path / "damaged")]) == 1


def test_restoring_says_whom_the_backup_remembers_again(
    sqlite_url: str,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    city(ledger, clock, schools=1)
    monkeypatch.setenv("LEDGER_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("LEDGER_VAULT_KEY", new_master_key("k1"))
    monkeypatch.setenv("LEDGER_VAULT_ERASURES", str(tmp_path / "erasures"))
    vault = Vault(ledger.engine, read_masters(os.environ["LEDGER_VAULT_KEY"]), clock)
    somebody = vault.mint("I-elsewhere", "school", "k")
    file = str(tmp_path / "one.backup")
    assert run(["backup", file]) == 0
    assert run(["vault", "forget", somebody]) == 0
    ledger.close()
    monkeypatch.setenv("LEDGER_DATABASE_URL", f"sqlite:///{tmp_path / 'again.sqlite'}")
    capsys.readouterr()
    assert run(["restore", file, "--quiet"]) == 1
    assert "remembered again: 1: ledger vault reconcile" in capsys.readouterr().err
    assert run(["vault", "status", "--json"]) == 1
    assert f'"{somebody}"' in capsys.readouterr().out
    assert run(["vault", "reconcile"]) == 0
    assert run(["vault", "status", "--json"]) == 0
