"""The events that began contracts and deposits, found by index, and the sheets beside them: pages of one look."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, TextClause, bindparam, text

from ledger import events as e
from ledger.serialization import TOPICS, UPCASTERS
from ledger.sheets import Sheet
from ledger.store.rows import decode_sheet

PAGE = 1_000


class Began(NamedTuple):
    """One stored event by what it is about: its name and exact text."""

    topic: str
    state: str


def topics_of(*kinds: type[e.Event]) -> tuple[str, ...]:
    """Every stored name of these events, of old versions too."""
    now = {TOPICS[kind] for kind in kinds}
    return tuple(sorted(now | {old for old, step in UPCASTERS.items() if step.to_topic in now}))


def quoted(topics: Sequence[str]) -> str:
    """Names as a list in SQL; a partial index is only used where the query says what the index says."""
    return ", ".join(f"'{topic}'" for topic in topics)


RECEIVED = topics_of(e.DepositReceived)
"""Events of the index `events_deposit`."""
SEALED = topics_of(e.DaySealed)
"""Events of the index `events_seal`."""
SEALED_ON = {
    "sqlite": "json_extract(state, '$.event.business_on')",
    "postgresql": "(state::jsonb -> 'event' ->> 'business_on')",
}
_DEPOSIT = {
    "sqlite": "json_extract(state, '$.event.deposit_id')",
    "postgresql": "(state::jsonb -> 'event' ->> 'deposit_id')",
}


def _first(column: str) -> str:
    return (
        f"(select {column} from events f where f.originator_id = s.institution_id"  # noqa: S608 - names of ours
        f" and f.contract_id = substr(s.sheet_key, {len('contract:') + 1})"
        f" and f.topic in ({quoted(topics_of(e.ContractRegistered))}) order by f.originator_version limit 1)"
    )


_CONTRACTS = text(
    f"select s.sheet_key, s.state, {_first('f.topic')}, {_first('f.state')} from sheets s"  # noqa: S608 - names of ours
    " where s.institution_id = :institution_id and s.sheet_key > :after and s.sheet_key < :before"
    " order by s.sheet_key limit :page"
)
_SHEETS = text(
    "select sheet_key, state from sheets where institution_id = :institution_id"
    " and sheet_key > :after and sheet_key < :before order by sheet_key limit :page"
)


def contracts(connection: Connection, institution_id: str) -> Iterator[tuple[Sheet, Began]]:
    """Every contract with the event that registered it, in order of the id: an index range, a page at a time."""
    for key, state, topic, began in _pages(connection, _CONTRACTS, institution_id, "contract:", "contract;"):
        yield decode_sheet(key, state), Began(topic, began)


def sheets_between(connection: Connection, institution_id: str, after: str, before: str) -> Iterator[Sheet]:
    """Sheets whose keys lie between two, in order of the key: an index range, a page at a time."""
    for key, state in _pages(connection, _SHEETS, institution_id, after, before):
        yield decode_sheet(key, state)


def _pages(
    connection: Connection, query: TextClause, institution_id: str, after: str, before: str
) -> Iterator[tuple[str, ...]]:
    while True:
        asked = {"institution_id": institution_id, "after": after, "before": before, "page": PAGE}
        rows = connection.execute(query, asked).all()
        for row in rows:
            yield tuple(row)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def deposits_began(connection: Connection, institution_id: str, deposit_ids: Iterable[str]) -> dict[str, Began]:
    """The events by which these deposits were received: one look into the index for each."""
    deposit = _DEPOSIT[connection.dialect.name]
    query = text(
        f"select {deposit}, topic, state from events where originator_id = :institution_id"  # noqa: S608 - names of ours
        f" and topic in ({quoted(RECEIVED)}) and {deposit} in :ids"
    ).bindparams(bindparam("ids", expanding=True))
    found, ids = dict[str, Began](), list(deposit_ids)
    for start in range(0, len(ids), PAGE):
        asked = {"institution_id": institution_id, "ids": ids[start : start + PAGE]}
        found.update((row[0], Began(row[1], row[2])) for row in connection.execute(query, asked))
    return found
