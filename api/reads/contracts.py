"""A contract that exists for who asks."""

from api.problems.mapping import row_unknown
from api.reads.asked import Asked
from projections.contract_statement import find_contract_statement
from projections.institution import Institution


def require_contract(asked: Asked, institution_id: str, contract_id: str) -> Institution:
    """The institution of a contract that exists for the caller. Raises Problem: escrow_unknown, contract_unknown."""
    institution, _ = asked.escrow(institution_id)
    statement = find_contract_statement(asked.runtime.reader, institution_id, contract_id).data
    if statement is None or not asked.scope.sees(statement):
        raise row_unknown("contract", contract_id)
    return institution
