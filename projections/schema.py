"""Whether the database's tables, triggers, checks and functions are as the migrations make them, and its file whole."""

from collections.abc import Iterable
from functools import cache

from alembic import command
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, text

from ledger.application import Ledger
from ledger.audit import AuditReport, Finding, Progress, audit
from projections.catalogue import Parts, read_catalogue
from projections.migrations import configuration
from projections.shadow import add_indexes, create, shadows, swap

REFERENCE = "ledger_reference"
"""Schema that is made and taken back in one transaction."""
MOST_DAMAGES = 10

Accepted = dict[str, list[Parts]]
"""Table (of functions, none) → its parts, in each form that this program gives them."""


def audit_all(
    ledger: Ledger, institutions: Iterable[str] | None = None, progress: Progress | None = None
) -> AuditReport:
    """`audit`, and whether the file is whole and what guards the rows as the migrations make it.

    Raises StoreUnavailable.
    """
    report = audit(ledger, institutions, progress)
    with ledger.engine.connect() as connection:
        connection.execution_options(postgresql_readonly=True)  # a standby lets nobody begin anything else
        inspect_file(connection, report)
        inspect_schema(connection, report)
        connection.rollback()
    return report


def inspect_file(connection: Connection, report: AuditReport) -> None:
    """Whether tables and indexes of a SQLite file say the same: the audit reads by indexes, others may read rows.

    PostgreSQL has `amcheck` for that, and checksums.
    """
    if connection.dialect.name == "sqlite":
        said = connection.exec_driver_sql(f"pragma integrity_check({MOST_DAMAGES})").scalars()
        report.findings.extend(Finding("file_damaged", "", None, str(each)) for each in said if each != "ok")


def inspect_schema(connection: Connection, report: AuditReport) -> None:
    """Compare the database's own description with that of a database made now by the same migrations.

    Read models may stand as a rebuild leaves them. Tables that are not this program's are not looked at. Where the role
    may not make a schema, and on a standby (PostgreSQL), nothing is compared, and `schema_objects` stays None.
    """
    if not _may_compare(connection):
        return
    live = read_catalogue(connection)
    revision, lanes = _standing(connection)
    try:
        expected = _of_sqlite(revision) if connection.dialect.name == "sqlite" else _beside(connection, revision, lanes)
    except (CommandError, KeyError):
        report.findings.append(Finding("schema_unknown", "", None, f"no migration makes the revision {revision!r}"))
        return
    report.schema_objects = 0
    for table, forms in expected.items():
        found = {key: part for key, part in live.get(table, {}).items() if table or any(key in form for form in forms)}
        report.schema_objects += len(found)
        report.findings.extend(_differences(table, found, forms))


def _differences(table: str, found: Parts, forms: list[Parts]) -> Iterable[Finding]:
    """What differs from the form that is nearest."""
    differing = [sorted(key for key in found.keys() | form.keys() if found.get(key) != form.get(key)) for form in forms]
    nearest = min(range(len(forms)), key=lambda number: len(differing[number]))
    for key in differing[nearest]:
        kind, name = key
        what = f"{kind} {name}" + (f" of {table}" if table and name != table else "")
        if key not in found:
            yield Finding("schema_missing", "", None, f"{what} is not there")
        elif key not in forms[nearest]:
            if kind == "index" and " UNIQUE " not in found[key].upper():
                continue  # whoever tends the database may; it changes and refuses nothing
            yield Finding("schema_foreign", "", None, f"{what} is not of this program")
        else:
            yield Finding("schema_differs", "", None, f"{what} is not as the migrations make it")


def _may_compare(connection: Connection) -> bool:
    """Whether there can be something to compare with: SQLite has it in memory, PostgreSQL makes it for a moment."""
    if connection.dialect.name == "sqlite":
        return True
    may = "has_database_privilege(current_database(), 'create') and not pg_is_in_recovery()"
    return bool(connection.scalar(text(f"select {may}")))


def _standing(connection: Connection) -> tuple[str, int]:
    """The revision and the number of lanes of the database."""
    revision = connection.execute(text("select version_num from alembic_version")).scalar()
    return str(revision), connection.execute(text("select count(*) from lanes")).scalar_one()


@cache
def _of_sqlite(revision: str) -> Accepted:
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            return _made(connection, revision, 1)
    finally:
        engine.dispose()


def _beside(connection: Connection, revision: str, lanes: int) -> Accepted:
    """What the migrations make on this very server, in a schema that nobody else ever sees."""
    with connection.engine.connect() as other:
        try:
            other.execute(text(f"create schema {REFERENCE}"))
            other.execute(text(f"set local search_path to {REFERENCE}"))
            return _made(other, revision, lanes)
        finally:
            other.rollback()


def _made(connection: Connection, revision: str, lanes: int) -> Accepted:
    """The tables as migrations leave them, and those of the read models as a rebuild leaves them."""
    command.upgrade(configuration(connection, lanes), revision)
    accepted = {table: [parts] for table, parts in read_catalogue(connection).items()}
    made = shadows()
    create(connection, made)
    add_indexes(connection, made)
    swap(connection, made, made)
    for table, parts in read_catalogue(connection).items():
        if table in made and parts != accepted[table][0]:
            accepted[table].append(parts)
    return accepted
