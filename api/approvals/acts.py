"""Acts on the registry of keys that a second person approves: a client's key is registered or revoked."""

import json
from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, select

from api.problems import FieldError, Problem
from api.security.keys import UnreadableKey, WeakKey, read_public_key
from api.security.mandate import OFFICERS, Mandate
from api.security.registry import Deed, register_key, revoke_key
from api.security.scopes import UnfitMandate, mandate_of
from api.security.tables import keys, subjects
from ledger.commands import Text
from ledger.identifiers import Id, Role
from projections.institution import institution


class Act(BaseModel, ABC):
    """Something other than a command that two persons do together."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)

    name: ClassVar[str]

    @abstractmethod
    def client_of(self, connection: Connection) -> str | None:
        """Whose key it is about; None where nobody knows it."""

    @abstractmethod
    def perform(self, connection: Connection, deed: Deed) -> None:
        """Do it, in the transaction of `connection`. Raises Problem where the registry does not allow it."""


class RegisterKey(Act):
    """Register one more Ed25519 key of a client."""

    name = "register_key"

    client: Id
    """Whose key it is."""
    public_key: Text
    """The public half: a JWK, or 32 bytes in base64url."""

    def client_of(self, connection: Connection) -> str | None:  # noqa: ARG002 - it is in the body
        """The client."""
        return self.client

    def perform(self, connection: Connection, deed: Deed) -> None:
        """Register it."""
        try:
            key = read_public_key(self.public_key)
        except WeakKey:
            raise Problem("key_weak") from None
        except UnreadableKey:
            raise Problem("invalid_body", {"count": 1}, (FieldError("malformed", "/body/public_key"),)) from None
        register_key(connection, self.client, key, deed)


class RevokeKey(Act):
    """End a key at once."""

    name = "revoke_key"

    key_id: Id
    """Thumbprint of the key (RFC 7638)."""

    def client_of(self, connection: Connection) -> str | None:
        """Whose key it is."""
        return connection.execute(select(keys.c.subject).where(keys.c.key_id == self.key_id)).scalar()

    def perform(self, connection: Connection, deed: Deed) -> None:
        """Revoke it."""
        revoke_key(connection, self.key_id, deed)


ACTS: dict[str, type[Act]] = {each.name: each for each in (RegisterKey, RevokeKey)}


def client_mandate(connection: Connection, act: Act) -> Mandate | None:
    """What the client that an act is about may touch; None where there is no such client."""
    client = act.client_of(connection)
    row = connection.execute(select(subjects).where(subjects.c.subject == client)).one_or_none()
    if row is None or row.kind != "client":
        return None
    try:
        return mandate_of(row.subject, Role(row.role), json.loads(row.scope))
    except UnfitMandate:
        return None


def manages(connection: Connection, officer: Mandate, client: Mandate) -> bool:
    """Whether an officer may let a client in or out: of the whole place, and nobody who reaches beyond it.

    A bank or a school reaches as far as the escrows that are kept there.
    """
    if officer.role is not Role.REGULATOR or officer.district is not None:
        return False
    if client.role in OFFICERS:
        return officer.covers_place(client.jurisdiction or "", client.district or "")
    c = institution.c
    reached = c.custodian.in_(client.custodians) | c.institution_id.in_(client.institutions)
    rows = connection.execute(select(c.jurisdiction, c.district).where(reached).distinct())
    return all(officer.covers_place(jurisdiction, district) for jurisdiction, district in rows)
