"""Families of the tests: what is kept of them, and contracts that name them."""

from itertools import count

from ledger.identifiers import Role
from tests.api.callers import CONTRACT, Callers, Json

PERSON = {
    "name": "欧阳静怡",
    "phone": "+86 138-0013-8765",
    "account_no": "6222 0200 1234 5678 901",
    "address": "海淀区中关村南大街五号院七号楼",
    "email": "jingyi.ouyang@example.com",
}
SECRETS = (
    "欧阳", "静怡", "13800138765", "138-0013-8765", "8765", "6222020012345678901", "8901", "中关村", "jingyi",
)  # fmt: skip
"""What must stand nowhere but in a revealed answer; the ends of numbers may be shown masked."""
KEYS = count(1)
LOOKUPS = "/v1/subject-lookups"


def entered(callers: Callers, person: Json = PERSON) -> str:
    """A person of I-1's families, entered by the school."""
    school = callers.of(Role.INSTITUTION, "school")
    minted = school.post("/v1/subjects", {"institution_id": "I-1"}, key=f"mint-{next(KEYS)}")
    assert minted.status_code == 201, minted.text
    subject_id: str = minted.json()["subject_id"]
    kept = put(callers, subject_id, person)
    assert kept.status_code == 200, kept.text
    return subject_id


def put(callers: Callers, subject_id: str, person: Json = PERSON, role: Role = Role.INSTITUTION, **scope: Json) -> Json:
    own = role is Role.INSTITUTION and not scope
    caller = callers.of(role, "school" if own else f"putter-{role}", **scope)
    return caller.client.put(f"/v1/subjects/{subject_id}", json=person, headers=caller.headers)


def signed(callers: Callers, guardian_id: str, contract_id: str = "C-1", student_id: str = "S-1") -> Json:
    """A contract of the guardian at I-1."""
    body = CONTRACT | {"contract_id": contract_id, "guardian_id": guardian_id, "student_id": student_id}
    return callers.of(Role.INSTITUTION, "school").post("/v1/escrows/I-1/contracts", body, key=f"contract-{next(KEYS)}")


def ended(callers: Callers, guardian_id: str, contract_id: str = "C-1", student_id: str = "S-1") -> None:
    """The same, ended unpaid: nothing is held or due."""
    assert signed(callers, guardian_id, contract_id, student_id).status_code == 201
    answer = callers.of(Role.INSTITUTION, "school").post(
        "/v1/escrows/I-1/contract-endings", {"contract_id": contract_id}, key=f"end-{next(KEYS)}"
    )
    assert answer.status_code == 201, answer.text


def forget(callers: Callers, subject_id: str, role: Role = Role.INSTITUTION) -> Json:
    return callers.of(role, f"forgetter-{role}").post(
        f"/v1/subjects/{subject_id}/forgetting", {}, key=f"forget-{next(KEYS)}"
    )
