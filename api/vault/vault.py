"""Keeping personal data: each person's fields under a key of their own, bound to person and field."""

import hmac
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from api.approvals.tables import insert_once
from api.vault.masters import KEY_BYTES, Masters, VaultDamaged, VaultLocked, seal, unseal
from api.vault.person import FIELDS, SEARCHED, Person, normalised
from api.vault.tables import fields, index, keys, subjects
from ledger.rejections import SubjectIsForgotten

INDEX_KEY = "blind index"


@dataclass(frozen=True, slots=True)
class Kept:
    """A person's row: whose family it is, and whether it is still kept."""

    subject_id: str
    institution_id: str | None
    """Where the id was made."""
    state: str
    forgotten_at: int | None


class Vault:
    """The vault in one database. `clock` gives µs since the epoch, UTC. Methods may raise VaultLocked, VaultDamaged."""

    def __init__(self, engine: Engine, masters: Masters, clock: Callable[[], int]) -> None:
        self.engine = engine
        self.masters = masters
        self.clock = clock

    def mint(self, institution_id: str, minted_by: str, mint_key: str) -> str:
        """A new random id for a person of an institution's families; the same key gives the same id."""
        with writing(self.engine) as connection:
            self._add(connection, f"s{secrets.token_hex(16)}", institution_id, minted_by, mint_key)
            row = connection.execute(
                select(subjects).where(subjects.c.minted_by == minted_by, subjects.c.mint_key == mint_key)
            ).one()
        assert isinstance(row.subject_id, str)
        return row.subject_id

    def find(self, subject_id: str) -> Kept | None:
        """A person's row."""
        with self.engine.connect() as connection:
            row = connection.execute(select(subjects).where(subjects.c.subject_id == subject_id)).one_or_none()
        return None if row is None else Kept(row.subject_id, row.institution_id, row.state, row.forgotten_at)

    def forgotten(self, *subject_ids: str) -> str | None:
        """The first of these ids that is forgotten, or being forgotten."""
        gone = subjects.c.subject_id.in_(subject_ids) & (subjects.c.state != "kept")
        with self.engine.connect() as connection:
            return connection.execute(select(subjects.c.subject_id).where(gone)).scalars().first()

    def keep(self, subject_id: str, person: Person, *, adopted_by: tuple[str, str] | None = None) -> None:
        """Keep these fields and no others of a person. `adopted_by` (institution, actor): the id may be an old one.

        Raises SubjectIsForgotten, LookupError for an id that nobody minted.
        """
        given = {name: text for name, text in person.model_dump().items() if text is not None}
        with writing(self.engine) as connection:
            if adopted_by is not None:
                self._add(connection, subject_id, *adopted_by, f"adopted {subject_id}")
            data_key = self._data_key(connection, subject_id, lock=True)
            digests = [
                {"field": name, "digest": self._digest(connection, name, text), "subject_id": subject_id}
                for name, text in given.items()
                if name in SEARCHED
            ]
            _clear(connection, subject_id)
            if given:
                connection.execute(insert(fields), [self._row(subject_id, data_key, *each) for each in given.items()])
            if digests:
                connection.execute(insert(index), digests)

    def read(self, subject_id: str) -> Person:
        """What is kept of a person. Raises SubjectIsForgotten, LookupError, VaultDamaged."""
        with self.engine.connect() as connection:
            data_key = self._data_key(connection, subject_id)
            rows = connection.execute(select(fields).where(fields.c.subject_id == subject_id)).all()
        return Person(
            **{row.field: unseal(data_key, row.ciphertext, _bound_to(subject_id, row.field)).decode() for row in rows}
        )

    def read_some(
        self, subject_ids: Sequence[str], *names: str, allowed: Callable[[Kept], bool]
    ) -> Iterator[tuple[Kept, dict[str, str] | None]]:
        """These fields of many people: those who are kept and allowed; None for one whose fields do not open.

        For files about many: the damaged row of one, or the master key of one, must not stop the others.
        """
        mine = subjects.c.subject_id.in_(subject_ids) & (subjects.c.state == "kept")
        with self.engine.connect() as connection:
            people = [
                (kept, row)
                for row in connection.execute(select(subjects).where(mine).order_by(subjects.c.subject_id))
                if allowed(kept := Kept(row.subject_id, row.institution_id, row.state, row.forgotten_at))
            ]
            theirs = fields.c.subject_id.in_([kept.subject_id for kept, _ in people]) & fields.c.field.in_(names)
            sealed: dict[str, dict[str, str]] = {}
            for row in connection.execute(select(fields).where(theirs)):
                sealed.setdefault(row.subject_id, {})[row.field] = row.ciphertext
        for kept, row in people:
            yield kept, self._opened(kept.subject_id, row.wrapped_key, row.key_id, sealed.get(kept.subject_id, {}))

    def _opened(self, subject_id: str, wrapped: str, key_id: str, sealed: dict[str, str]) -> dict[str, str] | None:
        if not sealed:
            return {}
        try:
            data_key = AESGCM(self.masters.unwrap(wrapped, key_id, subject_id))
            return {name: unseal(data_key, text, _bound_to(subject_id, name)).decode() for name, text in sealed.items()}
        except (VaultLocked, VaultDamaged):
            return None

    def look_up(self, field: str, text: str, limit: int = 1_000) -> list[str]:
        """Ids of the people with exactly this text in this field, wherever they were entered."""
        with writing(self.engine) as connection:
            digest = self._digest(connection, field, text)
            wanted = select(index.c.subject_id).where(index.c.field == field, index.c.digest == digest)
            return list(connection.execute(wanted.order_by(index.c.subject_id).limit(limit)).scalars())

    def begin_forgetting(self, subject_id: str, institution_id: str | None, actor: str) -> Kept:
        """From here on nothing is kept and no contract registered under this id. Also for an id never seen here."""
        with writing(self.engine) as connection:
            if self.masters.current:
                self._add(connection, subject_id, institution_id, actor, f"adopted {subject_id}")
            connection.execute(
                update(subjects)
                .where(subjects.c.subject_id == subject_id, subjects.c.state == "kept")
                .values(state="forgetting")
            )
            row = connection.execute(select(subjects).where(subjects.c.subject_id == subject_id)).one_or_none()
        if row is None:
            raise LookupError(subject_id)
        return Kept(row.subject_id, row.institution_id, row.state, row.forgotten_at)

    def keep_after_all(self, subject_id: str) -> None:
        """Forgetting was refused: the person is still needed."""
        with writing(self.engine) as connection:
            connection.execute(
                update(subjects)
                .where(subjects.c.subject_id == subject_id, subjects.c.state == "forgetting")
                .values(state="kept")
            )

    def destroy(self, subject_id: str) -> bool:
        """Destroy a person's key and fields; whether there was anything left. Nothing brings them back."""
        with writing(self.engine) as connection:
            gone = connection.execute(  # first, so that whoever writes fields meanwhile is waited for
                update(subjects)
                .where(subjects.c.subject_id == subject_id, subjects.c.state != "forgotten")
                .values(state="forgotten", wrapped_key=None, key_id=None, forgotten_at=self.clock())
            )
            _clear(connection, subject_id)
        self._scrub()
        return bool(gone.rowcount)

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many people there are by state, and how many keys by master key."""
        with self.engine.connect() as connection:
            states = connection.execute(select(subjects.c.state, func.count()).group_by(subjects.c.state)).all()
            wrapped = connection.execute(
                select(subjects.c.key_id, func.count())
                .where(subjects.c.key_id.is_not(None))
                .group_by(subjects.c.key_id)
            ).all()
        return {row[0]: row[1] for row in states}, {row[0]: row[1] for row in wrapped}

    def _add(
        self, connection: Connection, subject_id: str, institution_id: str | None, minted_by: str, mint_key: str
    ) -> None:
        wrapped, key_id = self.masters.wrap(secrets.token_bytes(KEY_BYTES), subject_id)
        row = {
            "subject_id": subject_id,
            "institution_id": institution_id,
            "state": "kept",
            "wrapped_key": wrapped,
            "key_id": key_id,
            "minted_by": minted_by,
            "mint_key": mint_key,
            "minted_at": self.clock(),
        }
        insert_once(connection, subjects, row)

    def _data_key(self, connection: Connection, subject_id: str, *, lock: bool = False) -> AESGCM:
        wanted = select(subjects).where(subjects.c.subject_id == subject_id)
        row = connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()
        if row is None:
            raise LookupError(subject_id)
        if row.state != "kept":
            raise SubjectIsForgotten(subject_id)
        return AESGCM(self.masters.unwrap(row.wrapped_key, row.key_id, subject_id))

    def _row(self, subject_id: str, data_key: AESGCM, field: str, text: str) -> dict[str, Any]:
        assert field in FIELDS
        sealed = seal(data_key, text.encode(), _bound_to(subject_id, field))
        return {"subject_id": subject_id, "field": field, "ciphertext": sealed, "changed_at": self.clock()}

    def _digest(self, connection: Connection, field: str, text: str) -> str:
        key = self._index_key(connection)
        return hmac.new(key, f"{field}\0{normalised(field, text)}".encode(), sha256).hexdigest()

    def _index_key(self, connection: Connection) -> bytes:
        """The key of the blind index: random, and wrapped like everybody's, so that a rotation leaves the index."""
        wanted = select(keys).where(keys.c.name == INDEX_KEY)
        row = connection.execute(wanted).one_or_none()
        if row is None:
            wrapped, key_id = self.masters.wrap(secrets.token_bytes(KEY_BYTES), INDEX_KEY)
            made = {"name": INDEX_KEY, "wrapped_key": wrapped, "key_id": key_id, "made_at": self.clock()}
            insert_once(connection, keys, made)
            row = connection.execute(wanted).one()
        return self.masters.unwrap(row.wrapped_key, row.key_id, INDEX_KEY)

    def _scrub(self) -> None:
        """Empty SQLite's journal too: until then it would still hold what was destroyed."""
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("pragma wal_checkpoint(truncate)")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; SQLite overwrites what is deleted in it."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("pragma secure_delete=on")
            connection.exec_driver_sql("begin immediate")
        yield connection
        connection.commit()


def _clear(connection: Connection, subject_id: str) -> None:
    connection.execute(delete(fields).where(fields.c.subject_id == subject_id))
    connection.execute(delete(index).where(index.c.subject_id == subject_id))


def _bound_to(subject_id: str, field: str) -> bytes:
    """Binds a ciphertext to person and field: it opens nowhere else."""
    return f"vault field\0{subject_id}\0{field}".encode()
