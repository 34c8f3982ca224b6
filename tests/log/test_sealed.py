"""A family's path under a seal is read from what was kept of it, and is the path that the whole stream gives."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from random import Random

import pytest
from sqlalchemy import Engine, delete, event, make_url, select, text, update

from ledger.application import Ledger
from ledger.log import sealed
from ledger.log.merkle import leaf_hash, verify_inclusion
from ledger.log.openings import SEALED
from ledger.log.proving import NotSealed, StatementProof, prove_statement
from ledger.log.seals import tree_root
from ledger.log.tables import seal_blocks, seal_lines
from ledger.serialization import decode
from ledger.store.factory import open_engine
from tests.conftest import Clock
from tests.log.schools import checkpoint, city, family, open_school, seal, tell

Lines = list[bytes]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "BLOCK", 4)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    found = open_engine(database_url)
    yield found
    found.dispose()


def lines_of(figures: dict[str, int]) -> Lines:
    return sorted(f"{key} {figure} 0 0 0 {'ab' * 32}".encode() for key, figure in figures.items())


def check(engine: Engine, version: int, lines: Lines) -> None:
    """Every line is found with a path to the root, and nothing else is."""
    root = tree_root(lines)
    with engine.connect() as connection:
        for index, line in enumerate(lines):
            found = sealed.find_line(connection, "I-1", version, len(lines), root, sealed.key_of(line))
            assert found is not None
            assert (found.line, found.index) == (line, index)
            assert verify_inclusion(leaf_hash(line), index, len(lines), found.path, bytes.fromhex(root))
        for key in ("contract", "contract 0", "contract c1~", "deposit ~", "deposit zz"):
            with pytest.raises(KeyError):
                sealed.find_line(connection, "I-1", version, len(lines), root, key)


def test_every_line_of_every_number_of_lines_is_found(engine: Engine) -> None:
    figures: dict[str, int] = {}
    for number in range(1, 34):
        figures[f"{'contract' if number % 3 else 'deposit'} c{number}"] = number
        lines = lines_of(figures)
        sealed.keep_lines(engine, "I-1", number, lines)
        check(engine, number, lines)


def test_what_was_sealed_once_is_found_for_ever_whatever_changed_since(engine: Engine) -> None:
    chance, figures, known = Random(3), dict[str, int](), dict[int, Lines]()
    for version in range(10, 400, 13):
        for _ in range(chance.randrange(6)):
            figures[f"contract {chance.choice('ab-._')}{chance.randrange(20)}"] = chance.randrange(3)
        for key in chance.sample(sorted(figures), chance.randrange(len(figures) // 4 + 1)):
            del figures[key]
        if figures:
            known[version] = lines_of(figures)
            sealed.keep_lines(engine, "I-1", version, known[version])
            sealed.keep_lines(engine, "I-2", version, lines_of({"contract a": version}))
    assert len(known) > 20
    for version, lines in known.items():
        check(engine, version, lines)


def test_only_what_changed_is_kept_again(engine: Engine) -> None:
    figures = {f"contract c{number}": 0 for number in range(20)}
    sealed.keep_lines(engine, "I-1", 1, lines_of(figures))
    sealed.keep_lines(engine, "I-1", 2, lines_of(figures))
    sealed.keep_lines(engine, "I-1", 2, lines_of(figures))
    figures["contract c7"] = 5
    sealed.keep_lines(engine, "I-1", 3, lines_of(figures))
    with engine.connect() as connection:
        assert len(connection.execute(select(seal_lines)).all()) == 21
    check(engine, 3, lines_of(figures))


def test_lines_that_come_late_are_not_believed_and_do_not_spoil_what_is_kept(engine: Engine) -> None:
    """Two seal at once; the one that looked first keeps last, and its seal is outdated anyway."""
    old, new = lines_of({"contract a": 1, "contract b": 1}), lines_of({"contract a": 2, "contract b": 1})
    sealed.keep_lines(engine, "I-1", 9, new)
    sealed.keep_lines(engine, "I-1", 5, old)
    with engine.connect() as connection:
        for version, lines in ((5, old), (9, new)):
            for line in lines:
                found = sealed.find_line(connection, "I-1", version, 2, tree_root(lines), sealed.key_of(line))
                assert found is None or found.line == line
    check(engine, 9, new)


def test_a_line_is_found_under_its_own_root_alone(engine: Engine) -> None:
    lines = lines_of({"contract a": 1, "contract b": 1})
    sealed.keep_lines(engine, "I-1", 1, lines)
    with engine.connect() as connection:
        assert sealed.find_line(connection, "I-1", 1, 2, tree_root(lines[:1]), "contract a") is None
        assert sealed.find_line(connection, "I-1", 1, 9, tree_root(lines), "contract a") is None
        assert sealed.find_line(connection, "I-1", 2, 2, tree_root(lines), "contract a") is None
        assert sealed.find_line(connection, "I-2", 1, 2, tree_root(lines), "contract a") is None


@contextmanager
def asked(engine: Engine) -> Iterator[list[tuple[str, object]]]:
    seen: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, query: str, values: object, *_: object) -> None:
        seen.append((query, values))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def proofs(ledger: Ledger, keys: Iterable[str]) -> dict[tuple[str, int], StatementProof]:
    """What every family of school-1 can show of both sealed days; each path leads to the root in the seal."""
    found = {}
    for key in keys:
        for day in (1, 10):
            try:
                proof = prove_statement(ledger.engine, "school-1", key, date(2026, 9, day))
            except NotSealed:
                continue
            _, sealing = decode(proof.topic, proof.state.encode())
            root = bytes.fromhex(sealing.statements_root)  # type: ignore[attr-defined] # of a DaySealed
            path = [bytes.fromhex(each) for each in proof.path]
            assert verify_inclusion(leaf_hash(proof.line.encode()), proof.index, proof.size, path, root)
            found[key, day] = proof
    return found


SPOILED = {
    "lines": lambda: update(seal_lines).values(line=seal_lines.c.line + "0"),
    "roots": lambda: update(seal_blocks).values(root="00" * 32),
    "beginnings": lambda: update(seal_blocks).values(first_key="contract c"),
    "beginnings behind": lambda: update(seal_blocks).values(first_key="z"),
    "ends": lambda: update(seal_lines).values(until_version=1),
    "lines gone": lambda: delete(seal_lines),
    "blocks gone": lambda: delete(seal_blocks),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_what_is_kept_wrongly_is_replaced_by_what_the_stream_tells(ledger: Ledger, clock: Clock, spoil: str) -> None:
    city(ledger, clock, schools=1)
    checkpoint(ledger, clock)
    with ledger.engine.connect() as connection:
        keys = set(connection.scalars(select(seal_lines.c.key)))
    right = proofs(ledger, keys)
    assert {kind for kind, _ in (key.split(" ") for key, _ in right)} == {"contract", "deposit"}
    assert {day for _, day in right} == {1, 10}
    with ledger.engine.begin() as connection:
        assert connection.execute(SPOILED[spoil]()).rowcount > 0
    assert proofs(ledger, keys) == right
    with pytest.raises(NotSealed):
        prove_statement(ledger.engine, "school-1", "contract nobody")


def test_a_proof_reads_no_stream(ledger: Ledger, clock: Clock) -> None:
    open_school(ledger, "I-1", families=12)
    clock.advance(days=1)
    seal(ledger, "I-1", date(2026, 9, 1))
    for number in range(20, 30):
        tell(ledger, "I-1", *family(number))
    checkpoint(ledger, clock)
    with asked(ledger.engine) as seen:
        prove_statement(ledger.engine, "I-1", "contract c7")
        prove_statement(ledger.engine, "I-1", "contract c7", date(2026, 9, 1))
        with pytest.raises(NotSealed):
            prove_statement(ledger.engine, "I-1", "contract c25")
        with pytest.raises(NotSealed):
            prove_statement(ledger.engine, "I-1", "contract c7", date(2026, 8, 31))
    of_events = [(query, values) for query, values in seen if "from events" in query.lower().replace("\n", " ")]
    leaves = [each for each in of_events if "originator_version >" in each[0]]
    seals = [each for each in of_events if each not in leaves]
    assert len(leaves) == 2, "the leaves beside the seal's own event, of two proofs"
    assert len(seals) == 4
    if ledger.engine.dialect.name == "sqlite":
        with ledger.engine.connect() as connection:
            for query, values in seals:
                plan = connection.exec_driver_sql(f"explain query plan {query}", values).all()  # type: ignore[arg-type] # as asked
                assert ["events_seal (originator_id=? AND <expr>>? AND <expr><?)" in row[3] for row in plan] == [True]


def test_the_index_of_seals_holds_every_seal(ledger: Ledger) -> None:
    query: Callable[[str], str] = {
        "sqlite": "select sql from sqlite_master where name = 'events_seal'",
        "postgresql": "select indexdef from pg_indexes where indexname = 'events_seal'",
    }.__getitem__
    with ledger.engine.connect() as connection:
        told = str(connection.execute(text(query(ledger.engine.dialect.name))).scalar_one())
    assert all(f"'{topic}'" in told for topic in SEALED)


def test_the_application_needs_no_more_than_its_role_on_postgresql(postgres_url: str) -> None:
    url = make_url(postgres_url)
    as_writer = url.set(query={**url.query, "options": "-c role=ledger_writer"})
    engine = open_engine(as_writer.render_as_string(hide_password=False))
    for version in (1, 2):
        lines = lines_of({"contract a": version, f"contract b{version}": 0})
        sealed.keep_lines(engine, "I-1", version, lines)
        check(engine, version, lines)
    engine.dispose()
