"""The ledger behind a guard: an order is judged only if its escrow exists for the caller."""

from dataclasses import dataclass

from api.nouns import NEEDS_SECOND_PERSON
from api.security.mandate import MUST_SIGN, Keeping, Mandate
from ledger.answers import CommandKeyReused, VersionConflict
from ledger.application import Ledger
from ledger.commands import CloseEscrow, OpenEscrow
from ledger.decisions import decide
from ledger.escrow import Escrow
from ledger.events import Event
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rejections import EscrowNotOpen, Rejection, SecondPersonRequired
from ledger.sheets import Profile
from ledger.store.docket import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class MandatedOrder(Order):
    """An order with the mandate of who sent it."""

    mandate: Mandate
    if_match: int | None = None
    """Version the caller decided from. The guard compares it, so that a foreign version is not given away."""
    not_after: int | None = None
    """The instant (µs) after which it is not recorded any more: the time limit of an approval."""


@dataclass(frozen=True, slots=True)
class KeyInquiry(Order):
    """Asks whether a key is known; never recorded."""


@dataclass(unsafe_hash=True)
class PlaceNotCovered(Rejection):
    """An escrow is opened by the officers of its place."""

    jurisdiction: str
    district: str


@dataclass(unsafe_hash=True)
class SignatureRequired(Rejection):
    """What a bank records is its signed word."""


@dataclass(unsafe_hash=True)
class ApprovalExpired(Rejection):
    """Nobody approves what was proposed too long ago."""


class KeyUnused(Exception):
    """The key of an inquiry stands for nothing yet."""


class GuardedLedger(Ledger):
    """A ledger that holds every mandated order against its escrow, in the moment of the decision itself."""

    def __init__(self, url: str, clock: Clock) -> None:
        super().__init__(url, clock, judge)

    def knows_key(self, institution_id: str, command_id: str) -> bool:
        """Whether a command was accepted under this key."""
        inquiry = KeyInquiry(institution_id, command_id, CloseEscrow(), actor="", role=Role.AUDITOR)
        try:
            self.preview(inquiry)
        except KeyUnused:
            return False
        except CommandKeyReused:
            pass
        return True


def judge(order: Order, escrow: Escrow, now: int) -> tuple[list[Event], Escrow, str]:
    """`decide`, for callers who may.

    Raises SignatureRequired, PlaceNotCovered where one would be opened elsewhere, EscrowNotOpen as for an unknown
    escrow where it is not theirs, SecondPersonRequired, ApprovalExpired.
    """
    if isinstance(order, KeyInquiry):
        raise KeyUnused
    if isinstance(order, MandatedOrder):
        _check(order, escrow)
        _check_second_person(order, now)
    return decide(order, escrow, now)


def _check(order: MandatedOrder, escrow: Escrow) -> None:
    header, mandate = escrow.header, order.mandate
    if mandate.role in MUST_SIGN and not order.signature:
        raise SignatureRequired
    opening = order.command if isinstance(order.command, OpenEscrow) else None
    if opening is not None and not mandate.covers_place(opening.jurisdiction, opening.district):
        raise PlaceNotCovered(opening.jurisdiction, opening.district)  # whether or not the name is taken elsewhere
    unknown = opening is None if header.status == "none" else not mandate.covers(_keeping(order, escrow))
    if unknown:
        raise EscrowNotOpen(order.institution_id, "none")
    if order.if_match not in {None, header.version}:
        raise VersionConflict(order.if_match or 0, header.version)


def _check_second_person(order: MandatedOrder, now: int) -> None:
    """Nobody moves a whole institution alone: such an order comes from `api.approvals` or not at all."""
    if type(order.command) in NEEDS_SECOND_PERSON and not order.approved_by:
        raise SecondPersonRequired(order.actor)
    if order.not_after is not None and now > order.not_after:
        raise ApprovalExpired


def _keeping(order: Order, escrow: Escrow) -> Keeping:
    header = escrow.header
    profile = escrow.find(Profile, order.institution_id)
    district = profile.district if profile else ""
    return Keeping(order.institution_id, header.custodian, header.jurisdiction, district)
