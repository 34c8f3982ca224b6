"""One contract at any moment: its sheet, its lessons and its institution's header, from its own events alone."""

from dataclasses import dataclass

from ledger.sheets import Contract, Header, Lesson
from projections.answers import UnknownRow
from projections.as_of import contract_history
from projections.folding import FoldedEscrow
from projections.reading import Reading
from projections.state import State, fold_contract, folded_header, folded_sheet


@dataclass(frozen=True, slots=True)
class ContractAt:
    """A contract as it stood, in the escrow it was folded in."""

    escrow: FoldedEscrow
    contract: Contract

    @property
    def header(self) -> Header:
        """What its institution was then; the accounts in it are this contract's share of events only."""
        return self.escrow.header

    @property
    def lessons(self) -> list[Lesson]:
        """Its lessons, in the order they were claimed."""
        return [sheet for sheet in self.escrow.sheets.values() if isinstance(sheet, Lesson)]


def contract_at(reading: Reading, institution_id: str, contract_id: str) -> ContractAt:
    """Fold one contract up to the reading's moment. Its events and those about its institution. Raises UnknownRow."""
    around = State(reading.log, folded_header, folded_sheet).escrow(institution_id)
    escrow, left_out = fold_contract(contract_history(reading, institution_id, contract_id), contract_id, around)
    reading.left_out = left_out
    return ContractAt(escrow, _contract(escrow, contract_id))


def contract_now(reading: Reading, institution_id: str, contract_id: str) -> ContractAt:
    """The live contract, without its lessons. Two primary-key look-ups. Raises UnknownRow."""
    escrow = State(reading.log, folded_header, folded_sheet).escrow(institution_id)
    return ContractAt(escrow, _contract(escrow, contract_id))


def _contract(escrow: FoldedEscrow, contract_id: str) -> Contract:
    contract = escrow.find(Contract, contract_id)
    if contract is None:
        raise UnknownRow("contract", escrow.header.institution_id, contract_id)
    return contract
