"""Which contracts name a person, as guardian or student: an index look-up in the read model of contracts."""

from collections.abc import Iterator

from projections.contract_statement import ContractStatement, list_contract_statements
from projections.reading import Reader

PAGE = 1000


def contracts_of(reader: Reader, subject_id: str) -> dict[str, list[str]]:
    """Ids of the contracts that name the person, by institution, in order."""
    found: dict[str, set[str]] = {}
    for row in statements_of(reader, subject_id):
        found.setdefault(row.institution_id, set()).add(row.contract_id)
    return {institution_id: sorted(ids) for institution_id, ids in sorted(found.items())}


def statements_of(reader: Reader, subject_id: str) -> Iterator[ContractStatement]:
    """The statements of the contracts that name the person; one may come twice."""
    for role in ("guardian_id", "student_id"):
        after: str | None = None
        while True:
            named = {role: subject_id}
            page = list_contract_statements(reader, after=after, limit=PAGE, **named)  # type: ignore[arg-type] # by name
            yield from page.data
            if page.next is None:
                break
            after = page.next
