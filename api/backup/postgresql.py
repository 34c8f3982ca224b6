"""PostgreSQL's own programs: a dump of one snapshot, and its restoring into an empty database."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine, text

from api.backup.facts import Facts, facts_of

WRITER = "ledger_writer"
_ROLE = f"""
do $$ begin
  if not exists (select from pg_roles where rolname = '{WRITER}') then create role {WRITER} nologin; end if;
exception when duplicate_object or unique_violation or insufficient_privilege then null;
end $$
"""
_OBJECTS = """
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'
"""


class ProgramFailed(Exception):
    """One of PostgreSQL's programs is not there or did not do it: what it said last."""


def dump(engine: Engine, target: Path, programs: Path | None) -> Facts:
    """Dump the database as one snapshot sees it; what stood in that snapshot. Raises ProgramFailed."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        snapshot = connection.scalar(text("select pg_export_snapshot()"))
        facts = facts_of(connection)
        how = ("--format=custom", "--compress=0", f"--snapshot={snapshot}", f"--file={target}")
        _run("pg_dump", programs, engine, *how)
        connection.rollback()
    return facts


def is_empty(engine: Engine) -> bool:
    """Whether nobody has made anything in the database."""
    with engine.connect() as connection:
        return not connection.scalar(text(_OBJECTS))


def load(engine: Engine, source: Path, programs: Path | None) -> None:
    """Restore a dump in one transaction, with the grants of the application's role. Raises ProgramFailed."""
    with engine.begin() as connection:
        connection.execute(text(_ROLE))
        known = connection.scalar(text("select count(*) from pg_roles where rolname = :role"), {"role": WRITER})
    grants = () if known else ("--no-privileges",)
    _run("pg_restore", programs, engine, "--single-transaction", "--exit-on-error", "--no-owner", *grants, str(source))
    with engine.begin() as connection:
        connection.execute(text("analyze"))


def _run(name: str, programs: Path | None, engine: Engine, *arguments: str) -> None:
    """Run a program on the database; its password goes by the environment, never by the command line."""
    found = shutil.which(name) if programs is None else str(programs / name)
    if found is None:
        raise ProgramFailed(f"{name} is not on the PATH; LEDGER_POSTGRES_PROGRAMS names its folder")
    given: dict[str, Any] = dict(engine.url.query)
    given |= engine.url.translate_connect_args(database="dbname", username="user")
    password = given.pop("password", None)
    environment = os.environ | ({} if password is None else {"PGPASSWORD": str(password)})
    try:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, no shell
            [found, f"--dbname={make_conninfo(**given)}", *arguments],
            env=environment,
            capture_output=True,
            check=False,
            text=True,
        )
    except OSError as error:
        raise ProgramFailed(f"{found}: {error.strerror}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ProgramFailed(f"{name}: {said[0] if said else f'exit status {done.returncode}'}")
