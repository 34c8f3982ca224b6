"""Who is known, as every request asks it: read from the registry, remembered for a second at most."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Engine, select

from api.security.keys import PublicKey
from api.security.mandate import Mandate
from api.security.scopes import mandate_of
from api.security.tables import keys, subjects
from ledger.identifiers import Role

REMEMBERED_US: Final = 1_000_000
"""For so long a revocation made by another process may go unnoticed."""
MOST_REMEMBERED: Final = 20_000
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """A registered subject."""

    mandate: Mandate
    kind: str
    ended: bool


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A key and when it may sign (µs UTC)."""

    key: PublicKey
    subject: str
    not_before_at: int
    expires_at: int | None
    revoked_at: int | None

    def in_force(self, at: int) -> bool:
        """Whether it was valid at an instant, revocation aside."""
        return self.not_before_at <= at and (self.expires_at is None or at < self.expires_at)


class Directory:
    """The registry to read from. `clock` gives µs since the epoch, UTC."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self.engine = engine
        self._clock = clock
        self._subjects: dict[str, tuple[int, Standing | None]] = {}
        self._outside: dict[str, tuple[int, Standing | None]] = {}
        self._keys: dict[str, tuple[int, RegisteredKey | None]] = {}

    def subject(self, name: str) -> Standing | None:
        """A subject by its name, or None for one that was never registered."""
        return self._remembered(self._subjects, name, self._read_subject)

    def outside(self, sub: str) -> Standing | None:
        """The user whom the outside provider calls so, or None."""
        if not sub.isprintable():
            return None
        return self._remembered(self._outside, sub, self._read_outside)

    def key(self, key_id: str) -> RegisteredKey | None:
        """A key by its id, or None for one that was never registered; what is no thumbprint is not looked up."""
        if not _THUMBPRINT.fullmatch(key_id):
            return None
        return self._remembered(self._keys, key_id, self._read_key)

    def forget(self) -> None:
        """Ask the registry again: something was changed in this process."""
        for memory in (self._subjects, self._outside, self._keys):
            memory.clear()

    def _remembered(self, memory: dict[str, tuple[int, T]], name: str, read: Callable[[str], T]) -> T:
        now = self._clock()
        found = memory.get(name)
        if found is not None and abs(now - found[0]) < REMEMBERED_US:
            return found[1]
        value = read(name)
        if len(memory) >= MOST_REMEMBERED:
            memory.clear()
        memory[name] = (now, value)
        return value

    def _read_subject(self, name: str) -> Standing | None:
        return self._standing(subjects.c.subject, name)

    def _read_outside(self, sub: str) -> Standing | None:
        return self._standing(subjects.c.outside_sub, sub)

    def _standing(self, column: ColumnElement[str | None], value: str) -> Standing | None:
        with self.engine.connect() as connection:
            row = connection.execute(select(subjects).where(column == value)).one_or_none()
        if row is None:
            return None
        mandate = mandate_of(row.subject, Role(row.role), json.loads(row.scope))
        return Standing(mandate, row.kind, row.ended_at is not None)

    def _read_key(self, key_id: str) -> RegisteredKey | None:
        with self.engine.connect() as connection:
            row = connection.execute(select(keys).where(keys.c.key_id == key_id)).one_or_none()
        if row is None:
            return None
        return RegisteredKey(PublicKey(row.public_key), row.subject, row.not_before_at, row.expires_at, row.revoked_at)
