"""The peer: the bare eventsourcing library with an aggregate like its bank account example."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from sqlalchemy.engine import make_url

from benchmarks.measurement import Step

ACCOUNTS = 2_000


class BankAccount(Aggregate):
    """A balance that may not fall below zero."""

    @event("Opened")
    def __init__(self, balance_fen: int) -> None:
        self.balance_fen = balance_fen

    @event("Debited")
    def debit(self, amount_fen: int, reference: str) -> None:
        """Take money out."""
        if self.balance_fen < amount_fen:
            raise ValueError(reference)
        self.balance_fen -= amount_fen


class Bank(Application[UUID]):
    """Opens accounts and moves money."""

    def open(self, balance_fen: int, debits: int) -> UUID:
        """Open one account and take money out so many times."""
        account = BankAccount(balance_fen)
        for _ in range(debits):
            account.debit(1, "ref")
        self.save(account)
        return account.id

    def debit(self, account_id: UUID, amount_fen: int, reference: str) -> None:
        """Load, decide, save: the library's way."""
        account: BankAccount = self.repository.get(account_id)
        account.debit(amount_fen, reference)
        self.save(account)


def postgres_bank(url: str, threads: int) -> Bank:
    """On PostgreSQL through the library's own persistence module."""
    target = make_url(url)
    return Bank(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": target.database or "",
            "POSTGRES_HOST": str(target.query.get("host", target.host or "")),
            "POSTGRES_PORT": str(target.port or 5432),
            "POSTGRES_USER": target.username or "",
            "POSTGRES_PASSWORD": target.password or "none",
            "POSTGRES_POOL_SIZE": str(threads),
        }
    )


def sqlite_bank(path: Path) -> Bank:
    """On SQLite through the library's own persistence module."""
    return Bank({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path), "SQLITE_LOCK_TIMEOUT": "60"})


def peer_steps(bank: Bank, history: int) -> Iterator[Step]:
    """Commands on accounts chosen at random, each with so many events before it is measured."""
    random = Random(1)
    accounts = [bank.open(1_000_000_000, history - 1) for _ in range(ACCOUNTS)]

    def step() -> int:
        account_id = random.choice(accounts)
        while True:
            try:
                bank.debit(account_id, 1, "ref")
            except IntegrityError:
                continue  # another thread was first at this account
            return 1

    while True:
        yield step
