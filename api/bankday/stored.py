"""One escrow as it is stored, read as one moment: header, the sheets asked for, and trial decisions on them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, select

from ledger.application import Ledger
from ledger.decisions import decide
from ledger.escrow import Escrow, Unread
from ledger.events import Event
from ledger.identifiers import SheetKey
from ledger.log.records import one_moment
from ledger.orders import Order
from ledger.rejections import EscrowNotOpen
from ledger.sheets import Header, Sheet, sheet_key
from ledger.store.rows import decode_header, decode_sheet
from ledger.store.tables import headers, sheets

T = TypeVar("T", bound=Sheet)
AT_ONCE = 500


class StoredEscrow:
    """An escrow at one moment. What is decided here is tried, and recorded by nobody."""

    def __init__(self, connection: Connection, header: Header) -> None:
        self._connection = connection
        self.escrow = Escrow(header, complete=False)

    @property
    def header(self) -> Header:
        """The header, with what was adopted so far."""
        return self.escrow.header

    def load(self, keys: Iterable[SheetKey]) -> None:
        """Read sheets; what is asked for and is not there does not exist."""
        table, held = sheets.c, self.escrow.sheets
        wanted = [key for key in dict.fromkeys(keys) if key not in held]
        for some in _batched(wanted, AT_ONCE):
            query = select(table.sheet_key, table.state)
            query = query.where(table.institution_id == self.header.institution_id, table.sheet_key.in_(some))
            held.update(dict.fromkeys(some))
            for key, state in self._connection.execute(query):
                held[SheetKey(key)] = decode_sheet(key, state)

    def find_all(self, kind: type[T], ids: Iterable[Sequence[str]]) -> Iterator[T | None]:
        """The sheets of these ids, in their order, None where there is none."""
        wanted = [tuple(each) for each in ids]
        self.load(sheet_key(kind, *each) for each in wanted)
        return (self.escrow.find(kind, *each) for each in wanted)

    def trial(self, order: Order, now: int) -> tuple[list[Event], Escrow]:
        """What the order would cause after everything that was adopted, and the escrow then. Raises the Rejection."""
        while True:
            try:
                self.load(order.command.touches())
                events, after, _ = decide(order, self.escrow, now)
            except Unread as unread:
                self.load(unread.keys)
            else:
                return events, after

    def adopt(self, after: Escrow) -> None:
        """Go on from what a trial led to."""
        self.escrow.header = after.header
        self.escrow.sheets.update(after.sheets)


def _batched(keys: Sequence[SheetKey], size: int) -> Iterator[Sequence[SheetKey]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


@contextmanager
def stored_escrow(ledger: Ledger, institution_id: str) -> Iterator[StoredEscrow]:
    """The escrow of an institution as it is now. Raises EscrowNotOpen where there is none, StoreUnavailable."""
    with one_moment(ledger.engine) as connection:
        query = select(headers.c.state).where(headers.c.institution_id == institution_id)
        state = connection.scalar(query)
        if state is None:
            raise EscrowNotOpen(institution_id, "none")
        yield StoredEscrow(connection, decode_header(state))


def stored_header(ledger: Ledger, institution_id: str) -> Header:
    """The header alone. Raises like `stored_escrow`."""
    with stored_escrow(ledger, institution_id) as stored:
        return stored.header
