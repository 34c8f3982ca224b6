"""Reads of a named family are written down before their answer leaves."""

from collections.abc import Iterable

from api.reads.asked import Asked
from api.security.access_log import About, purpose_of, trace_of
from api.vault.contracts import contracts_of
from projections.contract_statement import list_contract_statements

_NAMES = ("guardian_id", "student_id")


def note_read(asked: Asked, contract_id: str | None = None, institution_id: str | None = None) -> None:
    """Write the read down where it names a family: its contract, guardian or student. Raises like `AccessLog.note`."""
    request = asked.request
    given = {**request.query_params, **request.path_params}
    contract_id = contract_id or given.get("contract_id")
    subject_id = next((given[name] for name in _NAMES if name in given), None)
    if contract_id is None and subject_id is None:
        return
    here = institution_id or given.get("institution_id")
    what = getattr(request.scope.get("route"), "operation_id", None) or "read"
    abouts = [
        About(what=what, institution_id=each, contract_id=contract_id, subject_id=subject_id)
        for each in ([here] if here else _institutions(asked, contract_id, subject_id) or [None])
    ]
    asked.runtime.access_log.note(asked.caller, abouts, purpose=purpose_of(request), trace_id=trace_of(request))


def _institutions(asked: Asked, contract_id: str | None, subject_id: str | None) -> list[str | None]:
    """The institutions at which the caller finds the family: whose officers may see who looked."""
    reader = asked.runtime.reader
    named: Iterable[str] = contracts_of(reader, subject_id) if subject_id else ()
    if contract_id is not None:
        named = {each.institution_id for each in list_contract_statements(reader, contract_id=contract_id).data}
    return [each for each in sorted(named) if asked.scope.institution(each) is not None]
