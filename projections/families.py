"""The families of one institution, in order of their contracts: everything a payout to them needs, read in pages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import select

from ledger.allowance import reserved_fen
from ledger.identifiers import SheetKey
from ledger.sheets import Contract, Distribution, Header, Refund, sheet_key
from projections.answers import UnknownRow
from projections.contract_fold import contract_at
from projections.contract_statement import contract_statement
from projections.folding import FoldedEscrow
from projections.notes import ClosureNote, ContractNote
from projections.reading import Reading, matching
from projections.state import State, folded_header, folded_sheet

PAGE = 1_000
"""Contracts read at a time: memory stays flat however many there are."""


@dataclass(frozen=True, slots=True)
class Family:
    """One contract with its refunds, in order of their id, in the escrow they were read from."""

    escrow: FoldedEscrow
    contract: Contract
    refunds: list[Refund] = field(default_factory=list)

    @property
    def open_refunds(self) -> list[Refund]:
        """Agreed refunds of which something is open."""
        return [refund for refund in self.refunds if refund.status == "agreed" and refund.open_fen]

    @property
    def owed(self) -> list[tuple[Refund, int]]:
        """Each agreed refund with what no distribution lets be paid yet, fen; verified, neither paid nor on its way."""
        owed = ((refund, refund.open_fen - reserved_fen(self.escrow, refund)) for refund in self.open_refunds)
        return [(refund, fen) for refund, fen in owed if fen > 0]


def list_families(reading: Reading, institution_id: str) -> Iterator[Family]:
    """Every contract of an institution at the reading's moment, in order of id, each once.

    Live, a thousand contracts for three range reads; at another moment a fold of each contract's own events.
    """
    after = ""
    while page := page_of_families(reading, institution_id, after):
        yield from page
        after = page[-1].contract.contract_id


def page_of_families(reading: Reading, institution_id: str, after: str) -> list[Family]:
    """The next contracts after one of them, `PAGE` of them at most; none after the last."""
    ids = _ids_after(reading, institution_id, after)
    return list(_live(reading, institution_id, ids) if reading.moment.live else _then(reading, institution_id, ids))


def find_family(reading: Reading, institution_id: str, contract_id: str) -> Family:
    """One contract with its refunds. Raises UnknownRow."""
    if not reading.moment.live:
        return next(_then(reading, institution_id, [contract_id]))
    if not _exists(reading, institution_id, contract_id):
        raise UnknownRow("contract", institution_id, contract_id)
    return next(_live(reading, institution_id, [contract_id]))


def header_of(reading: Reading, institution_id: str) -> Header:
    """The header as the read models know it now; an empty one for an unknown institution."""
    return State(reading.log, folded_header, folded_sheet).escrow(institution_id).header


def closure_reason(reading: Reading, institution_id: str) -> str:
    """Why the institution was declared closed."""
    state = State(reading.log, folded_header, folded_sheet)
    return state.escrow(institution_id).get(ClosureNote, institution_id).reason


def find_distribution(reading: Reading, institution_id: str, distribution_id: str) -> Distribution | None:
    """A distribution as far as it was taken in, or None."""
    state = State(reading.log, folded_header, folded_sheet)
    return state.escrow(institution_id).find(Distribution, distribution_id)


def _ids_after(reading: Reading, institution_id: str, after: str) -> list[str]:
    columns = contract_statement.c
    query = select(columns.contract_id).where(columns.institution_id == institution_id, columns.contract_id > after)
    return [str(row[0]) for row in reading.rows(query.order_by(columns.contract_id).limit(PAGE))]


def _exists(reading: Reading, institution_id: str, contract_id: str) -> bool:
    return (
        reading.first(matching(contract_statement, institution_id=institution_id, contract_id=contract_id)) is not None
    )


def _live(reading: Reading, institution_id: str, ids: list[str]) -> Iterator[Family]:
    state = State(reading.log, folded_header, folded_sheet)
    escrow = state.escrow(institution_id)
    keys = [sheet_key(ClosureNote, institution_id)]
    keys += [sheet_key(kind, each) for each in ids for kind in (Contract, ContractNote)]
    state.prefetch(escrow, keys)
    state.prefetch_refunds(escrow)
    for contract_id in ids:
        note = escrow.find(ContractNote, contract_id)
        refunds = note.refunds if note is not None else ()
        yield Family(escrow, escrow.get(Contract, contract_id), [escrow.get(Refund, each) for each in refunds])


def _then(reading: Reading, institution_id: str, ids: Iterable[str]) -> Iterator[Family]:
    for contract_id in ids:
        found = contract_at(reading, institution_id, contract_id)
        refunds = sorted(_refunds(found.escrow), key=lambda refund: refund.refund_id)
        yield Family(found.escrow, found.contract, refunds)


def _refunds(escrow: FoldedEscrow) -> Iterator[Refund]:
    prefix = SheetKey(f"{Refund.kind}:")
    return (sheet for key, sheet in escrow.sheets.items() if key.startswith(prefix) and isinstance(sheet, Refund))
