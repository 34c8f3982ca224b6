"""The read models' own copy of headers and sheets: what the fold goes on from. It answers no query."""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import islice
from operator import attrgetter
from weakref import proxy

import msgspec
from sqlalchemy import Connection, Table, or_, select

from ledger.events import EscrowFrozen, EscrowUnfrozen
from ledger.identifiers import SheetKey
from ledger.serialization import TOPICS
from ledger.sheets import SHEETS, Contract, Deposit, Header, Refund, Sheet, sheet_key
from ledger.store.tables import events
from projections.database import Row, rows_by_key, table_of
from projections.folding import UNKEPT, FoldedEscrow, attempt, fold
from projections.log import LOG, LogRow, event_in
from projections.notes import CaseNote, ClosureNote, ContractNote, RefundNote


class FoldedHeader(Row, frozen=True):
    """The header of one escrow after the last event that was folded."""

    institution_id: str
    version: int
    state: str


class FoldedSheet(Row, frozen=True):
    """One sheet after the last event that was folded. Settled lessons and release lines are left out."""

    institution_id: str
    sheet_key: str
    state: str


class InstitutionEvent(Row, frozen=True):
    """Where in its stream the events are that concern the institution as a whole."""

    institution_id: str
    version: int


folded_header = table_of("folded_header", FoldedHeader, ["institution_id"])
folded_sheet = table_of("folded_sheet", FoldedSheet, ["institution_id", "sheet_key"])
institution_event = table_of("institution_event", InstitutionEvent, ["institution_id", "version"])

KEYS_AT_ONCE = 1_000
_UNKEPT = tuple(f"{kind}:" for kind in sorted(UNKEPT))
_SETTLES = ("lesson:", "release:")

_FREEZES = tuple(TOPICS[kind] for kind in (EscrowFrozen, EscrowUnfrozen))

_KEPT: tuple[type[Sheet], ...] = (*SHEETS.values(), RefundNote, ContractNote, CaseNote, ClosureNote)

_encode = msgspec.json.Encoder().encode
_header = msgspec.json.Decoder(Header).decode
_sheet = {kind.kind: msgspec.json.Decoder(kind).decode for kind in _KEPT}


def header_row(header: Header) -> FoldedHeader:
    """A header as it is kept."""
    return FoldedHeader(header.institution_id, header.version, _encode(header).decode())


def sheet_row(institution_id: str, key: SheetKey, sheet: Sheet) -> FoldedSheet:
    """A sheet as it is kept."""
    return FoldedSheet(institution_id, key, _encode(sheet).decode())


class State:
    """Loads escrows from the tables of one set: the live ones, or those of a rebuild."""

    def __init__(self, connection: Connection, headers: Table, sheets: Table) -> None:
        self._connection = connection
        self._headers = headers
        self._sheets = sheets
        self._read: dict[SheetKey, str] = {}

    def escrow(self, institution_id: str) -> FoldedEscrow:
        """An escrow as it stands, with no sheet in memory yet; an empty one for a stream that begins."""
        query = select(self._headers.c.state).where(self._headers.c.institution_id == institution_id)
        state = self._connection.execute(query).scalar()
        header = Header(institution_id=institution_id) if state is None else _header(state)
        escrow = FoldedEscrow(header, _nowhere)
        # A source that held its escrow would keep each page of sheets in memory until the next full collection.
        lender = proxy(escrow)
        escrow.source = lambda key: self._find(lender, key)
        return escrow

    def fresh_escrow(self, institution_id: str) -> FoldedEscrow:
        """An escrow before its first event; only what it has settled and let go is looked for, in the log."""
        escrow = empty_escrow(institution_id)
        lender = proxy(escrow)
        escrow.source = lambda key: settled_sheet(self._connection, lender, key) if key.startswith(_SETTLES) else None
        return escrow

    def prefetch(self, escrow: FoldedEscrow, keys: Iterable[SheetKey]) -> None:
        """Read the sheets with these keys at once; those that are not kept come later, one by one.

        What is in memory stays: it may have been changed since it was read, or not been written yet.
        """
        institution_id = escrow.header.institution_id
        wanted = iter(dict.fromkeys(key for key in keys if key not in escrow.sheets))
        while chunk := list(islice(wanted, KEYS_AT_ONCE)):
            stored = rows_by_key(self._connection, self._sheets, institution_id, "sheet_key", chunk, "sheet_key, state")
            self._read.update(stored)
            found = {key: decode_sheet(key, state) for key, state in stored}
            escrow.sheets |= {key: found.get(key) for key in chunk if key in found or not key.startswith(_SETTLES)}

    def unchanged(self, escrow: FoldedEscrow) -> set[SheetKey]:
        """The sheets that were read at once and are in memory as they are kept: there is nothing to write of them."""
        found = ((key, state, escrow.sheets.get(key)) for key, state in self._read.items())
        return {key for key, state, sheet in found if sheet is not None and _encode(sheet).decode() == state}

    def prefetch_refunds(self, escrow: FoldedEscrow) -> None:
        """Read the refunds, and why they are due, of every contract that is in memory: its rows depend on them."""
        contracts = [key.partition(":")[2] for key in escrow.sheets if key.startswith(f"{Contract.kind}:")]
        wanted = (sheet_key(ContractNote, each) for each in contracts)
        self.prefetch(escrow, [key for key in wanted if key not in escrow.sheets])
        notes = (escrow.sheets.get(sheet_key(ContractNote, each)) for each in contracts)
        refund_ids = [each for note in notes if isinstance(note, ContractNote) for each in note.refunds]
        keys = (sheet_key(kind, each) for each in refund_ids for kind in (Refund, RefundNote))
        self.prefetch(escrow, [key for key in keys if key not in escrow.sheets])

    def keys_between(self, institution_id: str, after: str, before: str, limit: int) -> list[SheetKey]:
        """The next keys of an institution's sheets, in order, both ends excluded."""
        column = self._sheets.c.sheet_key
        query = select(column).where(self._sheets.c.institution_id == institution_id)
        query = query.where(column > after, column < before).order_by(column).limit(limit)
        return [SheetKey(key) for key in self._connection.scalars(query)]

    def _find(self, escrow: FoldedEscrow, key: SheetKey) -> Sheet | None:
        if key.startswith(_UNKEPT):
            return None
        query = select(self._sheets.c.state).where(
            self._sheets.c.institution_id == escrow.header.institution_id, self._sheets.c.sheet_key == key
        )
        state = self._connection.execute(query).scalar()
        if state is not None:
            return decode_sheet(key, state)
        return settled_sheet(self._connection, escrow, key) if key.startswith(_SETTLES) else None


def empty_escrow(institution_id: str) -> FoldedEscrow:
    """An escrow before its first event, all of which will be in memory."""
    return FoldedEscrow(Header(institution_id=institution_id), _nowhere)


def _nowhere(_key: SheetKey) -> None:
    return None


def decode_sheet(key: str, state: str) -> Sheet:
    """The sheet in a kept row; its kind is the key up to the first colon."""
    sheet: Sheet = _sheet[key.partition(":")[0]](state)
    return sheet


def settled_sheet(connection: Connection, escrow: FoldedEscrow, key: SheetKey) -> Sheet | None:
    """A lesson or release line that was settled and is touched again: folded from its contract's events so far."""
    kind, first, second = key.split(":")
    contract_id = first if kind == "lesson" else second
    rows = contract_rows_of_log(connection, escrow.header.institution_id, contract_id, escrow.header.version)
    if kind == "lesson":
        rows = sorted([*rows, *_freezes(connection, escrow.header)], key=attrgetter("version"))
    history, _ = fold_contract(rows, contract_id, escrow)
    return history.sheets.get(key)


def _freezes(connection: Connection, header: Header) -> list[LogRow]:
    """When releases stopped and went on: a lesson remembers how much of that was over when it was claimed."""
    about = select(institution_event.c.version).where(institution_event.c.institution_id == header.institution_id)
    query = LOG.where(
        events.c.originator_id == header.institution_id,
        events.c.originator_version.in_(about),
        events.c.originator_version <= header.version,
        events.c.topic.in_(_FREEZES),
    )
    return [LogRow(*row) for row in connection.execute(query)]


def contract_rows_of_log(
    connection: Connection, institution_id: str, contract_id: str, until_version: int
) -> list[LogRow]:
    """The events that name a contract, also as the other end of a transfer. An index range of its events."""
    of_contract = or_(events.c.contract_id == contract_id, events.c.to_contract_id == contract_id)
    query = LOG.where(events.c.originator_id == institution_id, of_contract)
    query = query.where(events.c.originator_version <= until_version).order_by(events.c.originator_version)
    return [LogRow(*row) for row in connection.execute(query)]


def fold_contract(rows: Iterable[LogRow], contract_id: str, around: FoldedEscrow) -> tuple[FoldedEscrow, int]:
    """One contract folded from events of its own, and how many of them could not be folded.

    What belongs to others (the deposit that paid, the other end of a transfer, a distribution) is lent by `around`:
    copies that the fold may write on and nobody reads.
    """
    own = sheet_key(Contract, contract_id)

    lent: list[SheetKey] = []

    def lend(key: SheetKey) -> Sheet | None:
        if key == own or not key.startswith(("contract:", "deposit:", "distribution:")):
            return None
        lent.append(key)
        return _blank(copy(around.look(key)))

    escrow = FoldedEscrow(Header(institution_id=around.header.institution_id), lend)
    left_out = 0
    for row in rows:
        left_out += not attempt(escrow, event_in(row.topic, row.state), row.version)
    for key in lent:
        escrow.sheets.pop(key, None)
    return escrow, left_out


def _blank(sheet: Sheet | None) -> Sheet | None:
    if isinstance(sheet, Deposit):
        sheet.applied, sheet.unapplied_fen = (), sheet.amount_fen
    return sheet


def fold_rows(escrow: FoldedEscrow, rows: Sequence[LogRow]) -> Iterator[LogRow]:
    """Fold rows in order; yields each before it is folded, so that a failure has its row."""
    for row in rows:
        yield row
        fold(escrow, event_in(row.topic, row.state), row.version)
