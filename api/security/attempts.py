"""How often a password may be tried: slowed by name and address, and by name alone where it never was right before."""

from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from api.security.registry import Deed, note
from api.security.tables import attempts, passwords

_SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * _SECOND_US
"""After so long without a wrong password a count begins anew."""
AT_TERMINAL: Final = "terminal"
"""Stands for an address where somebody signs in at the machine itself."""
FAMILIAR_US: Final = 90 * DAY_US
"""For so long after a right password an address is one that the user comes from."""


class Pace(NamedTuple):
    """So many wrong passwords in a row are free; each further one locks, twice as long each time up to a longest."""

    free: int
    first_us: int
    longest_us: int

    def pause_us(self, failures: int) -> int:
        """For how long the newest of so many wrong passwords locks."""
        over = failures - self.free
        return 0 if over <= 0 else min(self.first_us << min(over - 1, 20), self.longest_us)


FROM_ADDRESS: Final = Pace(4, 30 * _SECOND_US, 900 * _SECOND_US)
"""Of one name from one address."""
FROM_STRANGERS: Final = Pace(20, 30 * _SECOND_US, 3_600 * _SECOND_US)
"""Of one name from all addresses that it did not come from before."""


class Standing(NamedTuple):
    """How a name stands with an address (µs UTC)."""

    familiar: bool
    locked_until_at: int
    clean_since: int | None
    """When the password was right from there, if nothing was wrong since."""


def standing_of(connection: Connection, name: str, address: str, strangers_locked_until_at: int, now: int) -> Standing:
    """How this name stands with this address; what strangers do to it does not reach where it comes from."""
    row = connection.execute(select(attempts).where(_of(name, address))).one_or_none()
    familiar = row is not None and row.succeeded_at is not None and row.succeeded_at > now - FAMILIAR_US
    own = 0 if row is None else row.locked_until_at
    clean = None if row is None or row.failures else row.succeeded_at
    return Standing(familiar, own if familiar else max(own, strangers_locked_until_at), clean)


def count_failure(connection: Connection, name: str, address: str, now: int, *, familiar: bool) -> None:
    """Count a wrong password, lock where there were too many, and note the lock.

    The name's own row before those of its addresses, as a change of the password takes them: nobody waits in a circle.
    """
    if not familiar:
        mine = passwords.c.subject == name
        counted = update(passwords).where(mine).values(failures=_one_more(passwords, now))
        failures = connection.execute(counted.returning(passwords.c.failures)).scalar_one()
        pause = FROM_STRANGERS.pause_us(failures)
        connection.execute(update(passwords).where(mine).values(locked_until_at=now + pause))
        _note(connection, name, now, pause, f"{failures} wrong passwords from addresses it never came from")
        _forget_old(connection, name, now)
    upsert = _insert(connection).values(subject=name, address=address, failures=1, locked_until_at=now)
    wrong = upsert.on_conflict_do_update(
        index_elements=["subject", "address"], set_={"failures": _one_more(attempts, now)}
    )
    failures = connection.execute(wrong.returning(attempts.c.failures)).scalar_one()
    pause = FROM_ADDRESS.pause_us(failures)
    connection.execute(update(attempts).where(_of(name, address)).values(locked_until_at=now + pause))
    _note(connection, name, now, pause, f"{failures} wrong passwords from one address")


def count_success(connection: Connection, name: str, address: str, now: int) -> None:
    """The password was right: this address is one that the user comes from, and nothing was wrong there."""
    values = {"failures": 0, "locked_until_at": 0, "succeeded_at": now}
    upsert = _insert(connection).values(subject=name, address=address, **values)
    connection.execute(upsert.on_conflict_do_update(index_elements=["subject", "address"], set_=values))


def forget_attempts(connection: Connection, name: str) -> None:
    """Another password: nothing was wrong with it yet, and it was right from nowhere."""
    connection.execute(delete(attempts).where(attempts.c.subject == name))


def _of(name: str, address: str) -> ColumnElement[bool]:
    return and_(attempts.c.subject == name, attempts.c.address == address)


def _insert(connection: Connection) -> sqlite.Insert | postgresql.Insert:
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(attempts)


def _one_more(table: Table, now: int) -> ColumnElement[int]:
    """One more than was counted, or the first where the last is a day ago: each failure moves `locked_until_at`."""
    return case((table.c.locked_until_at < now - DAY_US, 1), else_=table.c.failures + 1)


def _note(connection: Connection, name: str, now: int, pause: int, why: str) -> None:
    if pause:
        note(connection, "user_locked", name, Deed("sign-in", now), detail=why)


def _forget_old(connection: Connection, name: str, now: int) -> None:
    """Addresses are kept no longer than they count for something."""
    never = or_(attempts.c.succeeded_at.is_(None), attempts.c.succeeded_at <= now - FAMILIAR_US)
    old = and_(attempts.c.subject == name, attempts.c.locked_until_at < now - DAY_US)
    connection.execute(delete(attempts).where(old, never))
