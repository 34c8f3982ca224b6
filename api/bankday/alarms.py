"""Open breaks that call for somebody today: money differs, and nobody knows why."""

from collections.abc import Iterator

from sqlalchemy import func, select

from api.bankday.findings import Finding
from ledger.application import Ledger
from projections.reconciliation import reconciliation_break


def alarming_breaks(ledger: Ledger, institution_id: str) -> Iterator[Finding]:
    """Open breaks that nobody can explain, as the read models know them: at most one finding.

    What is explained, in transit or waits for its contract does not alarm, however old it is.
    """
    table = reconciliation_break.c
    query = select(func.count(), func.sum(table.drift_fen), func.min(table.since_on))
    with ledger.engine.connect() as connection:
        found = connection.execute(query.where(table.institution_id == institution_id, table.alarming))
        count, drift_fen, since_on = found.one()
    if count:
        yield Finding("breaks_alarming", count, int(drift_fen), since_on=since_on)
