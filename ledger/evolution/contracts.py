"""How contracts come, change and end."""

from ledger import events as e
from ledger.escrow import Escrow
from ledger.evolution.folds import folds
from ledger.sheets import Child, Contract, collected


def collect(escrow: Escrow, contract: Contract) -> None:
    """Keep the child's list of live contracts up to date."""
    child = escrow.find(Child, contract.student_id)
    if child is None:
        escrow.put(child := Child(student_id=contract.student_id))
    others = tuple(other for other in child.contracts if other.contract_id != contract.contract_id)
    child.contracts = others if contract.ended else (*others, collected(contract))


@folds(e.ContractRegistered)
def _registered(escrow: Escrow, event: e.ContractRegistered) -> None:
    contract = Contract(
        contract_id=event.contract_id,
        guardian_id=event.guardian_id,
        student_id=event.student_id,
        course=event.course,
        subject=event.subject,
        signed_on=event.signed_on,
        starts_on=event.starts_on,
        ends_on=event.ends_on,
        price_fen=event.price_fen,
        paid_centihours=event.paid_centihours,
        gift_centihours=event.gift_centihours,
        rules=event.rules,
        terms=event.terms,
        stock=event.stock,
    )
    escrow.put(contract)
    collect(escrow, contract)


def rebase(contract: Contract) -> None:
    """From here on the rest is valued on its own: what was consumed keeps its price."""
    contract.epoch += 1
    contract.base_centihours, contract.base_fen = contract.consumed_centihours, contract.consumed_fen


@folds(e.ContractAmended)
def _amended(escrow: Escrow, event: e.ContractAmended) -> None:
    contract = escrow.get(Contract, event.contract_id)
    rebase(contract)
    contract.price_fen, contract.ends_on = event.price_fen, event.ends_on
    contract.paid_centihours, contract.gift_centihours = event.paid_centihours, event.gift_centihours
    collect(escrow, contract)


@folds(e.LessonsTransferred)
def _transferred(escrow: Escrow, event: e.LessonsTransferred) -> None:
    for contract_id, sign in ((event.contract_id, -1), (event.to_contract_id, 1)):
        contract = escrow.get(Contract, contract_id)
        rebase(contract)
        contract.price_fen += sign * event.amount_fen
        contract.paid_fen += sign * event.amount_fen
        contract.paid_centihours += sign * event.centihours
        collect(escrow, contract)


@folds(e.ContractEnded)
def _ended(escrow: Escrow, event: e.ContractEnded) -> None:
    contract = escrow.get(Contract, event.contract_id)
    contract.ended = event.reason
    collect(escrow, contract)
