"""Passwords of local users: argon2id, slowed after wrong ones, the same answer whatever is wrong."""

import threading
from collections.abc import Callable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from api.problems import Problem
from api.security.attempts import DAY_US, count_failure, count_success, forget_attempts, standing_of
from api.security.mandate import Mandate
from api.security.registry import Deed, note, register_subject, writing
from api.security.scopes import SUBJECT
from api.security.tables import passwords, subjects

SHORTEST, LONGEST = 12, 200
"""Characters of a password."""
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
    """Give a user another password, and lift every lock.

    Raises UnfitPassword, Problem: subject_unknown, subject_ended.
    """
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

    def check(self, name: str, password: str, address: str) -> str:
        """The subject who signs in, from an address (of IPv6 the site).

        Raises Problem credentials_wrong: for an unknown name, a wrong password, an ended user and a locked one alike,
        after the same work, so that nothing is learned from it. rate_limited where too many sign in at this moment.
        """
        if not _queue.acquire(blocking=False):
            raise Problem("rate_limited", {"seconds": 1}, headers={"Retry-After": "1"})
        try:
            return self._check(name if SUBJECT.fullmatch(name) else "", password, address)
        finally:
            _queue.release()

    def _check(self, name: str, password: str, address: str) -> str:
        now = self._clock()
        with self._engine.connect() as connection:
            row = connection.execute(
                select(passwords, subjects.c.ended_at)
                .join(subjects, subjects.c.subject == passwords.c.subject)
                .where(passwords.c.subject == name)
            ).one_or_none()
            strangers = 0 if row is None else row.locked_until_at
            standing = standing_of(connection, name, address, strangers, now)
        right = _matches(_nobody if row is None else row.hash, password)
        if row is None or row.ended_at is not None or standing.locked_until_at > now:
            raise Problem("credentials_wrong")
        if not right:
            with writing(self._engine) as connection:
                count_failure(connection, name, address, now, familiar=standing.familiar)
            raise Problem("credentials_wrong")
        if standing.clean_since is None or standing.clean_since < now - DAY_US:
            with writing(self._engine) as connection:
                count_success(connection, name, address, now)
        return name


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
    forget_attempts(connection, subject)
