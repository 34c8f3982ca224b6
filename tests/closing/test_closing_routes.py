"""The preview of a distribution over HTTP: computed, recorded by nobody, for officials of the place alone."""

from api.security.guard import GuardedLedger
from ledger.identifiers import Role
from tests.api.callers import Callers, code
from tests.api.conftest import callers, client, guarded, paid_contract, settings  # noqa: F401 - the fixtures of the API

PREVIEW = "/v1/escrows/I-1/distribution-preview"


def _close(callers: Callers) -> None:  # noqa: F811 - a fixture
    first, second = callers.of(Role.REGULATOR, "first"), callers.of(Role.REGULATOR, "second")
    closure = {"kind": "abnormal", "stopped_on": "2026-09-01", "reason": "gone"}
    proposed = first.post("/v1/escrows/I-1/closure-declarations", closure)
    assert proposed.status_code == 202, proposed.text
    approval = proposed.json()
    decision = {"decision": "approved", "request_sha256": approval["request_sha256"]}
    assert second.post(f"/v1/approvals/{approval['approval_id']}/decisions", decision).status_code in {200, 201}
    refunds = {"refunds": [{"contract_id": "C-1", "refund_id": "R-1"}]}
    assert first.post("/v1/escrows/I-1/closure-refund-orders", refunds).status_code == 201


def test_a_preview_names_the_list_and_the_version_an_order_needs(
    paid_contract: Callers,  # noqa: F811 - a fixture
    guarded: GuardedLedger,  # noqa: F811 - same
) -> None:
    _close(paid_contract)
    regulator, position = paid_contract.of(Role.REGULATOR), guarded.position()
    answer = regulator.get(f"{PREVIEW}?pot=custody=1000&lines=true&method=pool")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    (shares,) = data["distributions"]
    assert (shares["pot_fen"], shares["shared_fen"], shares["due_fen"]) == (100_000, 100_000, 360_000)
    assert [line["contract_id"] for line in shares["lines"]] == ["C-1"]
    assert guarded.position() == position
    order = {
        "distribution_id": "d1", "method": "pool", "pot_fen": shares["pot_fen"], "due_fen": shares["due_fen"],
        "families": shares["families"], "cut_off_on": shares["cut_off_on"], "list_sha256": shares["list_sha256"],
    }  # fmt: skip
    proposed = regulator.post("/v1/escrows/I-1/distributions", order, If_Match=f'"{data["version"]}"')
    assert proposed.status_code == 202, proposed.text


def test_only_a_closing_institution_is_previewed(paid_contract: Callers) -> None:  # noqa: F811
    answer = paid_contract.of(Role.REGULATOR).get(PREVIEW)
    assert (answer.status_code, code(answer)) == (409, "escrow_not_closing")


def test_nobody_else_previews_and_a_foreign_escrow_does_not_exist(paid_contract: Callers) -> None:  # noqa: F811
    for role in (Role.INSTITUTION, Role.BANK, Role.GUARDIAN, Role.MEDIATOR):
        refused = paid_contract.of(role).get(PREVIEW)
        assert (refused.status_code, code(refused)) == (403, "not_permitted"), role
    for role in (Role.REGULATOR, Role.AUDITOR):
        foreign = paid_contract.foreign(role).get(PREVIEW)
        assert (foreign.status_code, code(foreign)) == (404, "escrow_unknown"), role


def test_a_pot_that_is_none_is_refused(paid_contract: Callers) -> None:  # noqa: F811
    for wrong in ("purse=1", "custody=0", "custody=0.00", "custody=-1", "custody=1.005", "custody=all,", ""):
        answer = paid_contract.of(Role.REGULATOR).get(f"{PREVIEW}?pot={wrong}")
        assert (answer.status_code, code(answer)) == (422, "invalid_parameters"), wrong
