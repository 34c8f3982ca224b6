"""Six callers of the demo, one in each role: throwaway keys in a temporary folder, and what each may ask first."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, select

from api.demo.days import LAST_DAY
from api.security.keys import public_key_of, write_private_key
from api.security.registry import Deed, register_client, register_key, writing
from api.security.scopes import mandate_of
from ledger.identifiers import Role
from projections.contract_statement import contract_statement
from projections.institution import institution


@dataclass(frozen=True, slots=True)
class Place:
    """An institution that is open, where it keeps its money, and one of its families."""

    institution_id: str
    custodian: str
    account_id: str
    jurisdiction: str
    district: str
    guardian_id: str
    contract_id: str


def introduce(engine: Engine, address: str, at: int) -> list[str]:
    """Register the six, and say how to call as each of them; nothing where no family has paid. Raises Problem."""
    place = _place(engine)
    if place is None:
        return []
    folder = Path(tempfile.mkdtemp(prefix="ledger-demo-keys-"))
    with writing(engine) as connection:
        for role, scope in _scopes(place).items():
            _register(connection, folder, role, scope, at)
    return list(_calls(place, address, folder))


def _place(engine: Engine) -> Place | None:
    query = (
        select(
            institution.c.institution_id,
            institution.c.custodian,
            institution.c.account_id,
            institution.c.jurisdiction,
            institution.c.district,
            contract_statement.c.guardian_id,
            contract_statement.c.contract_id,
        )
        .join(contract_statement, contract_statement.c.institution_id == institution.c.institution_id)
        .where(institution.c.status == "open", institution.c.district != "", contract_statement.c.paid_fen > 0)
        .order_by(institution.c.institution_id, contract_statement.c.contract_id)
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Place(*row)


def _scopes(place: Place) -> dict[Role, dict[str, object]]:
    return {
        Role.BANK: {"custodians": [place.custodian]},
        Role.INSTITUTION: {"institutions": [place.institution_id]},
        Role.GUARDIAN: {"guardian_id": place.guardian_id},
        Role.MEDIATOR: {"jurisdiction": place.jurisdiction, "district": place.district},
        Role.REGULATOR: {"jurisdiction": place.jurisdiction},
        Role.AUDITOR: {"jurisdiction": "CN"},
    }


def _register(connection: Connection, folder: Path, role: Role, scope: dict[str, object], at: int) -> None:
    private, deed, name = Ed25519PrivateKey.generate(), Deed("demo", at), f"demo-{role.value}"
    write_private_key(folder / f"{name}.pem", private)
    register_client(connection, mandate_of(name, role, scope), deed)
    register_key(connection, name, public_key_of(private), deed)


def _calls(place: Place, address: str, folder: Path) -> Iterator[str]:
    """A line for each role; the bank posts a signed deposit."""
    deposit = {
        "bank_serial": "DEMO-1",
        "account_id": place.account_id,
        "value_on": LAST_DAY.isoformat(),
        "amount_fen": 100,
        "payer_ref": "demo",
    }
    body = folder / "deposit.json"
    body.write_text(json.dumps(deposit))
    escrow = f"/v1/escrows/{place.institution_id}"
    contract = f"{escrow}/contracts/{place.contract_id}"
    reads = {
        Role.INSTITUTION: f"{escrow}/balance",
        Role.GUARDIAN: contract,
        Role.MEDIATOR: f"{contract}/entitlement?cause=institution",
        Role.REGULATOR: "/v1/refund-all-due",
        Role.AUDITOR: "/v1/audit-trail?limit=5",
    }
    for role, path in reads.items():
        yield f"uv run ledger request GET '{address}{path}' {_as(role, folder)}"
    yield (f"uv run ledger request POST {address}{escrow}/deposits {_as(Role.BANK, folder)} --body {body}")


def _as(role: Role, folder: Path) -> str:
    return f"--client demo-{role.value} --key {folder}/demo-{role.value}.pem"
