"""Passwords of local users: argon2id, slowed and locked after wrong ones, the same answer whatever is wrong."""

import threading
from collections.abc import Callable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects import postgresql, sqlite

from api.problems import Problem
from api.security.mandate import Mandate
from api.security.registry import Deed, note, register_subject, writing
from api.security.scopes import SUBJECT
from api.security.tables import passwords, subjects

SHORTEST, LONGEST = 12, 200
"""Characters of a password."""
FREE_FAILURES: Final = 4
FIRST_LOCK_US, LONGEST_LOCK_US = 30_000_000, 900_000_000
"""The fifth wrong password in a row locks for 30 s, each further one twice as long, 15 minutes at most."""
AT_ONCE: Final = 2
"""Hashes computed at the same time: each takes 64 MiB."""
MOST_WAITING: Final = 8
"""Sign-ins under way at the same time: more would keep threads from those who are in."""

_hasher = PasswordHasher()
_nobody = _hasher.hash("nobody has this password")
_room = threading.BoundedSemaphore(AT_ONCE)
_queue = threading.BoundedSemaphore(MOST_WAITING)


class UnfitPassword(ValueError):
    """A password is too short or too long."""


def register_user(
    connection: Connection, mandate: Mandate, password: str | None, deed: Deed, outside_sub: str | None = None
) -> None:
    """Make a person known, with a password, or as whom the outside provider calls `outside_sub`.

    Raises UnfitPassword, Problem: subject_taken.
    """
    register_subject(connection, "user", mandate, deed, outside_sub)
    if password is not None:
        _put(connection, mandate.subject, password, deed)


def change_password(connection: Connection, subject: str, password: str, deed: Deed) -> None:
    """Give a user another password, and lift a lock. Raises UnfitPassword, Problem: subject_unknown, subject_ended."""
    row = connection.execute(select(subjects).where(subjects.c.subject == subject)).one_or_none()
    if row is None or row.kind != "user":
        raise Problem("subject_unknown", {"subject": subject})
    if row.ended_at is not None:
        raise Problem("subject_ended", {"subject": subject})
    _put(connection, subject, password, deed)
    note(connection, "password_changed", subject, deed)


class SignIn:
    """Checks names and passwords. `clock` gives µs since the epoch, UTC."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock

    def check(self, name: str, password: str) -> str:
        """The subject who signs in.

        Raises Problem credentials_wrong: for an unknown name, a wrong password, an ended user and a locked one alike,
        after the same work, so that nothing is learned from it. rate_limited where too many sign in at this moment.
        """
        if not _queue.acquire(blocking=False):
            raise Problem("rate_limited", {"seconds": 1}, headers={"Retry-After": "1"})
        try:
            return self._check(name if SUBJECT.fullmatch(name) else "", password)
        finally:
            _queue.release()

    def _check(self, name: str, password: str) -> str:
        now = self._clock()
        with self._engine.connect() as connection:
            row = connection.execute(
                select(passwords, subjects.c.ended_at)
                .join(subjects, subjects.c.subject == passwords.c.subject)
                .where(passwords.c.subject == name)
            ).one_or_none()
        right = _matches(_nobody if row is None else row.hash, password)
        if row is None or row.ended_at is not None or row.locked_until_at > now:
            raise Problem("credentials_wrong")
        if not right:
            self._count(name, now)
            raise Problem("credentials_wrong")
        if row.failures:
            with writing(self._engine) as connection:
                connection.execute(update(passwords).where(passwords.c.subject == name).values(failures=0))
        return name

    def _count(self, name: str, now: int) -> None:
        with writing(self._engine) as connection:
            mine = passwords.c.subject == name
            connection.execute(update(passwords).where(mine).values(failures=passwords.c.failures + 1))
            failures = connection.execute(select(passwords.c.failures).where(mine)).scalar_one()
            if failures > FREE_FAILURES:
                lock = min(FIRST_LOCK_US * 2 ** min(failures - FREE_FAILURES - 1, 10), LONGEST_LOCK_US)
                connection.execute(update(passwords).where(mine).values(locked_until_at=now + lock))
                note(connection, "user_locked", name, Deed("sign-in", now), detail=f"{failures} wrong passwords")


def _matches(hashed: str, password: str) -> bool:
    if len(password) > LONGEST:
        return False
    with _room:
        try:
            return _hasher.verify(hashed, password)
        except VerificationError:
            return False


def _put(connection: Connection, subject: str, password: str, deed: Deed) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise UnfitPassword(f"a password has {SHORTEST} to {LONGEST} characters")
    values = {"hash": _hasher.hash(password), "changed_at": deed.at, "failures": 0, "locked_until_at": 0}
    upsert = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(passwords)
    connection.execute(
        upsert.values(subject=subject, **values).on_conflict_do_update(index_elements=["subject"], set_=values)
    )
