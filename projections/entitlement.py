"""What a family is entitled to under a cause, on a day: the derivation, and whether the money is there."""

from datetime import date

from msgspec import Struct
from msgspec.structs import asdict

from ledger.entitlement import Derivation, entitle_naming_idle
from ledger.entitlement.contracts import facts_of
from ledger.events import Circumstances
from ledger.identifiers import Cause
from ledger.sheets import Contract
from projections.answers import NOW, Answer, Moment
from projections.contract_fold import contract_at, contract_now
from projections.cover import free_fen
from projections.reading import Reader

NO_CIRCUMSTANCES = Circumstances()
_STATED = frozenset(
    {
        "claim_fen",
        "market_unit_price_fen",
        "list_price_unreasonable",
        "contract_unit_price_fen",
        "progress_centipercent",
    }
)
"""Facts that come with the question, and not from what is recorded."""


class Entitlement(Struct, frozen=True):
    """The derivation for one contract, and what it comes to now, fen."""

    institution_id: str
    contract_id: str
    cause: Cause
    on: date
    derivation: Derivation
    refunded_fen: int
    """Agreed, ordered or acknowledged already."""
    due_fen: int
    """Entitled and not refunded yet."""
    covered_fen: int
    """What of it the contract's own money in custody pays."""
    missing_fen: int


def get_entitlement(  # noqa: PLR0913 - the contract, the two times, what the mediator states
    reader: Reader,
    institution_id: str,
    contract_id: str,
    cause: Cause,
    on: date,
    moment: Moment = NOW,
    *,
    requested_on: date | None = None,
    claim_fen: int | None = None,
    circumstances: Circumstances = NO_CIRCUMSTANCES,
) -> Answer[Entitlement]:
    """What is due on a contract under `cause`, were it decided on the day `on`.

    Two primary-key look-ups and the arithmetic; at another moment a fold of the contract's events. Raises UnknownRow,
    and the engine's rejections where the facts on record do not determine it.
    """
    with reader.open_log(moment, institution_id) as reading:
        look = contract_now if moment.live else contract_at
        found = look(reading, institution_id, contract_id)
    stated = {"requested_on": requested_on, "claim_fen": claim_fen, **asdict(circumstances)}
    facts = facts_of(found.contract, found.header, cause, on, **stated)
    derivation = entitle_naming_idle(facts, _STATED)
    answer = _with_cover(found.contract, cause, on, derivation, institution_id)
    return reading.answer(answer, rules=derivation.binding.rule_set_id)


def _with_cover(contract: Contract, cause: Cause, on: date, derivation: Derivation, institution_id: str) -> Entitlement:
    """What a derivation comes to, less what was given back, and what of it the contract's own money pays."""
    due_fen = max(0, derivation.claimable_fen - contract.refunded_fen)
    covered_fen = min(due_fen, free_fen(contract))
    return Entitlement(
        institution_id=institution_id,
        contract_id=contract.contract_id,
        cause=cause,
        on=on,
        derivation=derivation,
        refunded_fen=contract.refunded_fen,
        due_fen=due_fen,
        covered_fen=covered_fen,
        missing_fen=due_fen - covered_fen,
    )
