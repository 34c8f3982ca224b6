"""The lease of the notary: of several processes one follows the log, and another takes over when it is gone."""

import secrets

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from ledger.log.tables import lease
from ledger.store.failures import StoreUnavailable

MICROSECONDS = 1_000_000
TERM_SECONDS = 15


class Lease:
    """One process's claim. Two holders at once (clocks that differ) would do no harm: the notary's cursor decides."""

    def __init__(self, engine: Engine, term_seconds: int = TERM_SECONDS) -> None:
        self._engine = engine
        self._term = term_seconds * MICROSECONDS
        self._holder = secrets.token_hex(8)

    def hold(self, now: int) -> bool:
        """Whether it is ours now (µs UTC), for at least half its term; a crashed holder's runs out by itself.

        Raises StoreUnavailable.
        """
        try:
            return self._hold(now)
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(str(error.orig)) from error

    def _hold(self, now: int) -> bool:
        c = lease.c
        with self._engine.connect() as connection:
            holder, until = connection.execute(select(c.holder, c.until)).one()
        if holder == self._holder and until - now > self._term // 2:
            return True
        if holder != self._holder and until > now:
            return False
        with self._engine.begin() as connection:
            seen = update(lease).where(c.holder == holder, c.until == until)
            return connection.execute(seen.values(holder=self._holder, until=now + self._term)).rowcount == 1

    def release(self) -> None:
        """Let another process follow at once. Raises StoreUnavailable."""
        try:
            with self._engine.begin() as connection:
                connection.execute(update(lease).where(lease.c.holder == self._holder).values(holder="", until=0))
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(str(error.orig)) from error
