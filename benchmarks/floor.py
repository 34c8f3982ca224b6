"""The floor: the least a command can cost. One balance checked, one event added, one balance changed, one commit."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psycopg
from sqlalchemy.engine import make_url

from benchmarks.measurement import Step

ACCOUNTS = 10_000
PAYLOAD = '{"contract_id":"c-1234567890","lesson_id":"l-1234567890","centihours":100,"amount_fen":10000}'

POSTGRES_SCHEMA = f"""
drop table if exists floor_events; drop table if exists floor_balances;
create table floor_balances
  (id bigint primary key, balance bigint not null check (balance >= 0), version bigint not null)
  with (fillfactor = 80);
create table floor_events (id bigint, version bigint, payload jsonb not null, primary key (id, version));
insert into floor_balances select n, 1000000000, 0 from generate_series(0, {ACCOUNTS - 1}) n;
create or replace function floor_command(account bigint, amount bigint, payload jsonb) returns bigint
language plpgsql as $$
declare top bigint;
begin
  update floor_balances set balance = balance - amount, version = version + 1
    where id = account and balance >= amount returning version into top;
  insert into floor_events values (account, top, payload);
  return top;
end $$;
analyze floor_balances;
"""
SQLITE_SCHEMA = f"""
create table floor_balances
  (id integer primary key, balance integer not null check (balance >= 0), version integer not null);
create table floor_events (id integer, version integer, payload text not null, primary key (id, version)) without rowid;
with recursive n(i) as (select 0 union all select i + 1 from n where i < {ACCOUNTS - 1})
  insert into floor_balances select i, 1000000000, 0 from n;
"""


def postgres_floor(url: str) -> Iterator[Step]:
    """One prepared call of one function, on a connection for each thread."""
    target = make_url(url)
    host = str(target.query["host"]) if "host" in target.query else target.host

    def connect() -> psycopg.Connection:
        return psycopg.connect(
            host=host,
            port=target.port,
            user=target.username,
            password=target.password,
            dbname=target.database,
            autocommit=True,
        )

    with connect() as connection:
        connection.execute(POSTGRES_SCHEMA)
    local, random = threading.local(), Random(1)

    def step() -> int:
        if not hasattr(local, "cursor"):
            local.cursor = connect().cursor()
        values = (random.randrange(ACCOUNTS), 1, PAYLOAD)
        local.cursor.execute("select floor_command(%s, %s, %s::jsonb)", values, prepare=True).fetchone()
        return 1

    while True:
        yield step


def sqlite_floor(path: Path) -> Iterator[Step]:
    """One immediate transaction, durable like the ledger's, on one connection that threads take in turn."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=wal", "synchronous=full", "wal_autocheckpoint=16384"):
        connection.execute(f"pragma {pragma}")
    connection.executescript(SQLITE_SCHEMA)
    mutex, random = threading.Lock(), Random(1)

    def step() -> int:
        with mutex:
            account = random.randrange(ACCOUNTS)
            connection.execute("begin immediate")
            balance, version = connection.execute(
                "select balance, version from floor_balances where id = ?", (account,)
            ).fetchone()
            if balance < 1:
                raise RuntimeError("the floor ran dry")
            connection.execute(
                "update floor_balances set balance = ?, version = ? where id = ?", (balance - 1, version + 1, account)
            )
            connection.execute("insert into floor_events values (?, ?, ?)", (account, version + 1, PAYLOAD))
            connection.execute("commit")
        return 1

    while True:
        yield step
