"""The core's part in forgetting: nobody is forgotten while anything is held, due or on its way."""

from datetime import date

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from tests import examples as x
from tests.specification import Specification


def forget(school: Specification, subject_id: str = "g1", *contract_ids: str) -> c.ForgetSubject:
    return c.ForgetSubject(
        subject_id=subject_id,
        stream_version=max(1, school.escrow.header.version),
        contract_ids=list(contract_ids),
    )


@pytest.fixture
def ended() -> Specification:
    """A school that taught all 30 hours of c1 and ended it."""
    school = Specification().given(x.opening(), x.contract(), x.deposit())
    school.given(x.claim("a", hours="30"), x.confirm("a"), c.EndContract(contract_id="c1"))
    school.escrow.header.version = 9
    return school


def names(school: Specification) -> tuple[str, str]:
    contract = school.escrow.sheets["contract:c1"]  # type: ignore[index]
    return contract.guardian_id, contract.student_id  # type: ignore[union-attr]


def test_a_family_whose_contract_ended_may_be_forgotten_once(ended: Specification) -> None:
    guardian, student = names(ended)
    ended.when(forget(ended, guardian, "c1")).then(e.SubjectForgotten)
    assert ended.events[0].contract_ids == ("c1",)  # type: ignore[attr-defined]
    ended.when(forget(ended, guardian, "c1")).refused(no.SubjectIsForgotten(guardian))
    ended.when(forget(ended, student, "c1")).then(e.SubjectForgotten)


def test_a_forgotten_id_never_comes_back(ended: Specification) -> None:
    guardian, student = names(ended)
    ended.given(forget(ended, guardian, "c1"))
    ended.when(x.contract(contract_id="c2")).refused(no.SubjectIsForgotten(guardian))
    ended.given(forget(ended, student, "c1"))
    ended.when(x.contract(contract_id="c2", guardian_id="another")).refused(no.SubjectIsForgotten(student))


def test_a_contract_that_runs_keeps_its_family(ended: Specification) -> None:
    ended.given(x.contract(contract_id="c2", starts_on=date(2027, 1, 1), ends_on=date(2027, 2, 1)))
    guardian, student = names(ended)
    ended.when(forget(ended, guardian, "c1", "c2")).refused(no.SubjectStillNeeded("c2", "running"))
    ended.when(forget(ended, student, "c1")).refused(no.SubjectStillNeeded("c2", "running"))


def test_money_in_custody_keeps_its_family() -> None:
    school = Specification().given(x.opening(), x.contract(), x.deposit())
    school.escrow.header.version = 3
    school.when(forget(school, names(school)[0], "c1")).refused(no.SubjectStillNeeded("c1", "money_held"))


def test_a_refund_that_is_due_or_on_its_way_keeps_its_family() -> None:
    school = Specification(date(2026, 9, 10))
    school.given(x.opening(), x.contract(), x.deposit(), x.request(), x.approve())
    school.escrow.header.version = 5
    guardian = names(school)[0]
    school.when(forget(school, guardian, "c1")).refused(no.SubjectStillNeeded("c1", "refund_due"))
    instructed, settled = x.paid_out()
    school.given(instructed)
    school.when(forget(school, guardian, "c1")).refused(no.SubjectStillNeeded("c1", "refund_due"))
    school.given(settled)
    school.when(forget(school, guardian, "c1")).refused(no.SubjectStillNeeded("c1", "running"))
    school.given(c.EndContract(contract_id="c1")).when(forget(school, guardian, "c1")).then(e.SubjectForgotten)


def test_the_list_of_contracts_is_of_the_subject_and_of_this_version(ended: Specification) -> None:
    guardian, _ = names(ended)
    stale = c.ForgetSubject(subject_id=guardian, stream_version=8, contract_ids=["c1"])
    ended.when(stale).refused(no.ForgettingOutdated(8, 9))
    ended.when(forget(ended, "somebody-else", "c1")).refused(no.ContractUnknown("c1"))
    ended.when(forget(ended, guardian, "c9")).refused(no.ContractUnknown("c9"))
    ended.when(forget(ended, guardian, "c1", "c1")).refused(no.LineRepeated("contract", "c1"))


def test_nobody_is_forgotten_where_there_is_no_escrow() -> None:
    nowhere = Specification()
    nowhere.when(forget(nowhere)).refused(no.EscrowNotOpen("school", "none"))


def test_what_remains_after_forgetting_folds_into_the_same_escrow(ended: Specification) -> None:
    ended.given(forget(ended, names(ended)[0], "c1"))
    assert ended.replayed().sheets[f"mark:forgotten:{names(ended)[0]}"] is not None  # type: ignore[index]
