"""Registers and ends subjects and their keys. Each function does one deed in the caller's transaction and notes it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Engine, func, insert, select, update

from api.problems import Problem
from api.security.keys import PublicKey, WeakKey, check_strength
from api.security.mandate import Mandate
from api.security.scopes import scope_of
from api.security.tables import changes, keys, subjects
from ledger.identifiers import Role

Kind = Literal["client", "user", "bearer"]
"""A machine with keys, a person with a password, or a name that only stands in tokens."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Who changes the registry, and when (µs UTC). At the command line: whoever has the database."""

    by: str
    at: int


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may change the registry, durable when it ends."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("begin immediate")
        yield connection
        connection.commit()


def register_client(connection: Connection, mandate: Mandate, deed: Deed) -> None:
    """Make a machine known, with what it may touch. Raises Problem: subject_taken."""
    register_subject(connection, "client", mandate, deed)


def register_key(
    connection: Connection,
    subject: str,
    key: PublicKey,
    deed: Deed,
    *,
    not_before_at: int | None = None,
    expires_at: int | None = None,
) -> str:
    """Register one more Ed25519 key of a client; its id, under which it signs from `not_before_at` (now) on.

    Raises Problem: key_weak, subject_unknown, subject_ended, key_taken (a key is registered once, for one client, for
    ever).
    """
    try:
        check_strength(key)
    except WeakKey:
        raise Problem("key_weak") from None
    row = connection.execute(select(subjects).where(subjects.c.subject == subject)).one_or_none()
    if row is None or row.kind != "client":
        raise Problem("subject_unknown", {"subject": subject})
    if row.ended_at is not None:
        raise Problem("subject_ended", {"subject": subject})
    if connection.execute(select(keys.c.key_id).where(keys.c.key_id == key.key_id)).first():
        raise Problem("key_taken", {"key_id": key.key_id})
    connection.execute(
        insert(keys).values(
            key_id=key.key_id,
            subject=subject,
            public_key=key.x,
            registered_at=deed.at,
            registered_by=deed.by,
            not_before_at=deed.at if not_before_at is None else not_before_at,
            expires_at=expires_at,
        )
    )
    note(connection, "key_registered", subject, deed, key_id=key.key_id)
    return key.key_id


def revoke_key(connection: Connection, key_id: str, deed: Deed) -> str:
    """End a key at once; whose it was. What it signed stays verifiable. A second revocation changes nothing.

    Raises Problem: no_such_key.
    """
    row = connection.execute(select(keys.c.subject, keys.c.revoked_at).where(keys.c.key_id == key_id)).one_or_none()
    if row is None:
        raise Problem("no_such_key", {"key_id": key_id[:64]})
    if row.revoked_at is None:
        connection.execute(update(keys).where(keys.c.key_id == key_id).values(revoked_at=deed.at, revoked_by=deed.by))
        note(connection, "key_revoked", row.subject, deed, key_id=key_id)
    subject: str = row.subject
    return subject


def expire_key(connection: Connection, key_id: str, deed: Deed, expires_at: int) -> None:
    """Let a key end at an instant: the old one of a rotation. Raises Problem: no_such_key."""
    subject = connection.execute(select(keys.c.subject).where(keys.c.key_id == key_id)).scalar()
    if subject is None:
        raise Problem("no_such_key", {"key_id": key_id[:64]})
    connection.execute(update(keys).where(keys.c.key_id == key_id).values(expires_at=expires_at))
    note(connection, "key_expires", subject, deed, key_id=key_id, detail=str(expires_at))


def end_subject(connection: Connection, subject: str, deed: Deed) -> None:
    """Let a client or user in no more, whatever tokens and keys it has. Raises Problem: subject_unknown."""
    row = connection.execute(select(subjects.c.ended_at).where(subjects.c.subject == subject)).one_or_none()
    if row is None:
        raise Problem("subject_unknown", {"subject": subject})
    if row.ended_at is None:
        ended = {"ended_at": deed.at, "ended_by": deed.by}
        connection.execute(update(subjects).where(subjects.c.subject == subject).values(ended))
        note(connection, "subject_ended", subject, deed)


def revoke_bearer(connection: Connection, subject: str, by: str, at: int) -> None:
    """Let a subject in no more, also one that was never registered and only stands in tokens of the command line."""
    if not connection.execute(select(subjects.c.subject).where(subjects.c.subject == subject)).first():
        values = {"kind": "bearer", "role": Role.AUDITOR.value, "scope": '{"jurisdiction": "CN"}'}
        connection.execute(insert(subjects).values(subject=subject, registered_at=at, registered_by=by, **values))
    end_subject(connection, subject, Deed(by, at))


def change_mandate(connection: Connection, mandate: Mandate, deed: Deed) -> None:
    """Change what a known subject may touch. Raises Problem: subject_unknown."""
    role, scope = mandate.role.value, encoded_scope(mandate)
    found = connection.execute(
        update(subjects).where(subjects.c.subject == mandate.subject).values(role=role, scope=scope)
    )
    if not found.rowcount:
        raise Problem("subject_unknown", {"subject": mandate.subject})
    note(connection, "mandate_changed", mandate.subject, deed, detail=f"{role} {scope}")


def register_subject(
    connection: Connection, kind: Kind, mandate: Mandate, deed: Deed, outside_sub: str | None = None
) -> None:
    """Make a subject known.

    Raises Problem: subject_taken, also by one that has ended (names are never given twice), and by one that differs in
    case alone: two names that people read as one would be two persons to the rule of two.
    """
    taken = func.lower(subjects.c.subject) == mandate.subject.lower()
    if outside_sub is not None:
        taken |= subjects.c.outside_sub == outside_sub
    if connection.execute(select(subjects.c.subject).where(taken)).first():
        raise Problem("subject_taken", {"subject": mandate.subject})
    role, scope = mandate.role.value, encoded_scope(mandate)
    connection.execute(
        insert(subjects).values(
            subject=mandate.subject,
            kind=kind,
            role=role,
            scope=scope,
            outside_sub=outside_sub,
            registered_at=deed.at,
            registered_by=deed.by,
        )
    )
    note(connection, f"{kind}_registered", mandate.subject, deed, detail=f"{role} {scope}")


def encoded_scope(mandate: Mandate) -> str:
    """The scope as it is stored."""
    return json.dumps(scope_of(mandate), ensure_ascii=False, sort_keys=True)


def note(
    connection: Connection,
    name: str,
    subject: str,
    deed: Deed,
    *,
    key_id: str | None = None,
    detail: str | None = None,
) -> None:
    """Write what was done into the history of the registry."""
    connection.execute(
        insert(changes).values(
            made_at=deed.at, made_by=deed.by, deed=name, subject=subject, key_id=key_id, detail=detail
        )
    )
