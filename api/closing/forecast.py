"""What a closure would come to, were it declared now: computed as it would be ordered, and recorded by nobody."""

from dataclasses import dataclass
from datetime import date

from msgspec.structs import replace

from ledger.entitlement import entitle
from ledger.entitlement.contracts import facts_of
from ledger.rejections import Rejection
from ledger.sheets import Contract, Header
from projections.families import header_of, list_families
from projections.reader import ReadModels


@dataclass(slots=True)
class Forecast:
    """Sums in fen; `open_claims` have a debt of their own already, which is not in `due_fen`."""

    contracts: int = 0
    due: int = 0
    due_fen: int = 0
    covered_fen: int = 0
    """What the contracts' own money in custody pays."""
    open_claims: int = 0
    undetermined: int = 0
    unapplied_fen: int = 0
    payable_fen: int = 0

    @property
    def missing_fen(self) -> int:
        """What the institution would have to put back."""
        return self.due_fen - self.covered_fen


def forecast(models: ReadModels, institution_id: str, stopped_on: date, today: date) -> Forecast:
    """Every open contract under the institution's cause, as of the stop. One derivation for each contract."""
    found = Forecast()
    with models.open() as reading:
        real = header_of(reading, institution_id)
        header = replace(real, closure="orderly", stopped_on=stopped_on)
        found.unapplied_fen = real.unapplied_fen
        on_its_way = real.release_in_transit_fen + real.refund_in_transit_fen
        found.payable_fen = max(0, real.custody_cash_fen - real.attached_fen - on_its_way)
        for family in list_families(reading, institution_id):
            _take(found, family.contract, header, today)
    return found


def _take(found: Forecast, contract: Contract, header: Header, today: date) -> None:
    found.contracts += 1
    if contract.ended or contract.paid_fen <= contract.refunded_fen:
        return
    if contract.refund_id:
        found.open_claims += 1
        return
    stopped_on = header.stopped_on or today
    since_on = max(stopped_on, contract.signed_on, contract.first_paid_on or contract.signed_on)
    try:
        facts = facts_of(contract, header, "institution", max(since_on, today), requested_on=since_on, unasked=True)
        fen = max(0, entitle(facts).binding_refund_fen - contract.refunded_fen)
    except Rejection:
        found.undetermined += 1
        return
    if fen:
        held_fen = contract.unearned_fen + max(0, contract.earned_fen - contract.held_fen)
        found.due += 1
        found.due_fen += fen
        found.covered_fen += min(fen, max(0, held_fen - contract.institution_receivable_fen))
