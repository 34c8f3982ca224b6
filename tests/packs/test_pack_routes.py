"""Packs over HTTP: who may have them, what a family sees of its own, and that every read is written down."""

from datetime import timedelta

import pytest

from api.security.access_log import access_log
from api.security.guard import GuardedLedger
from ledger.identifiers import Role
from tests.api.callers import Callers, code
from tests.api.conftest import callers, client, guarded, paid_contract, settings  # noqa: F401 - the fixtures of the API
from tests.conftest import Clock
from tests.packs.opening import Opened

ESCROW = "/v1/escrows/I-1"
CONTRACT = f"{ESCROW}/contracts/C-1/evidence-pack"


def test_a_regulator_downloads_the_resolution_pack(paid_contract: Callers) -> None:  # noqa: F811 - a fixture
    answer = paid_contract.of(Role.REGULATOR).get(f"{ESCROW}/resolution-pack")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="resolution-I-1.zip"' in answer.headers["content-disposition"]
    pack = Opened(answer.content)
    pack.check_manifest()
    assert [row["contract_id"] for row in pack.csv("families.csv")] == ["C-1"]


@pytest.mark.parametrize("role", [Role.INSTITUTION, Role.BANK, Role.GUARDIAN, Role.MEDIATOR])
def test_nobody_else_has_the_families_of_an_institution(paid_contract: Callers, role: Role) -> None:  # noqa: F811
    answer = paid_contract.of(role).get(f"{ESCROW}/resolution-pack")
    assert (answer.status_code, code(answer)) == (403, "not_permitted")


def test_a_family_has_the_evidence_of_its_own_contract_alone(paid_contract: Callers) -> None:  # noqa: F811
    own = paid_contract.of(Role.GUARDIAN).get(CONTRACT)
    assert own.status_code == 200, own.text
    topics = {row["topic"] for row in Opened(own.content).csv("events.csv")}
    assert topics == {"contract_registered.1", "deposit_received.1", "deposit_applied.1"}
    foreign = paid_contract.foreign(Role.GUARDIAN).get(CONTRACT)
    assert (foreign.status_code, code(foreign)) == (404, "contract_unknown")


def test_packs_take_both_times_and_refuse_what_is_no_parameter(paid_contract: Callers, clock: Clock) -> None:  # noqa: F811
    regulator = paid_contract.of(Role.REGULATOR)
    before = (clock.now - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    earlier = regulator.get(f"{ESCROW}/contracts/C-1/evidence-pack?known_at={before}")
    assert (earlier.status_code, code(earlier)) == (404, "escrow_unknown")
    odd = regulator.get(f"{ESCROW}/resolution-pack?colour=red")
    assert (odd.status_code, code(odd)) == (422, "invalid_parameters")


def test_every_pack_is_a_read_that_is_written_down(paid_contract: Callers, guarded: GuardedLedger) -> None:  # noqa: F811
    paid_contract.of(Role.REGULATOR, "reader").get(f"{ESCROW}/resolution-pack")
    paid_contract.of(Role.REGULATOR, "reader").get(CONTRACT, Purpose="complaint%20in%2012345")
    with guarded.engine.connect() as connection:
        rows = connection.execute(access_log.select().order_by(access_log.c.number)).all()
    assert [(row.what, row.actor, row.contract_id, row.purpose) for row in rows] == [
        ("get_resolution_pack", "reader", None, None),
        ("get_evidence_pack_of_contract", "reader", "C-1", "complaint in 12345"),
    ]
