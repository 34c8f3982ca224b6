"""The books that statements are held against, read from the log: only the events that concern the bank."""

from collections.abc import Iterator

from sqlalchemy import select

from ledger.application import Ledger
from ledger.bankbooks import CONCERNING_THE_BANK, Books
from ledger.events import Event
from ledger.serialization import TOPICS, UPCASTERS, decode
from ledger.store.tables import events

_TOPICS = tuple(
    {TOPICS[kind] for kind in CONCERNING_THE_BANK}
    | {old for old, step in UPCASTERS.items() if step.to_topic in {TOPICS[kind] for kind in CONCERNING_THE_BANK}}
)
_PAGE = 5_000


def read_books(ledger: Ledger, institution_id: str) -> Books:
    """The books of one institution as they stand now: one range of its stream, in pages."""
    return Books().take_all(_events(ledger, institution_id))


def _events(ledger: Ledger, institution_id: str) -> Iterator[Event]:
    after = 0
    while True:
        query = (
            select(events.c.originator_version, events.c.topic, events.c.state)
            .where(
                events.c.originator_id == institution_id,
                events.c.originator_version > after,
                events.c.topic.in_(_TOPICS),
            )
            .order_by(events.c.originator_version)
            .limit(_PAGE)
        )
        with ledger.engine.connect() as connection:
            rows = connection.execute(query).all()
        for _, topic, state in rows:
            yield decode(topic, state)[1]
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]
