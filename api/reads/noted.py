"""Reads of a named family are written down before their answer leaves."""

from api.reads.asked import Asked
from api.security.access_log import About, purpose_of, trace_of

_NAMES = ("guardian_id", "student_id")


def note_read(asked: Asked, contract_id: str | None = None, institution_id: str | None = None) -> None:
    """Write the read down where it names a family: its contract, guardian or student. Raises like `AccessLog.note`."""
    request = asked.request
    given = {**request.query_params, **request.path_params}
    contract_id = contract_id or given.get("contract_id")
    subjects = [given[name] for name in _NAMES if name in given]
    if contract_id is None and not subjects:
        return
    about = About(
        what=getattr(request.scope.get("route"), "operation_id", None) or "read",
        institution_id=institution_id or given.get("institution_id"),
        contract_id=contract_id,
        subject_id=subjects[0] if subjects else None,
    )
    asked.runtime.access_log.note(asked.caller, [about], purpose=purpose_of(request), trace_id=trace_of(request))
