"""Refund arithmetic: facts of one contract in, a derivation with its grounds out. Pure."""

from ledger.entitlement.derivation import (
    Award,
    Derivation,
    DisputeRange,
    Figure,
    Interest,
    Line,
    RefundDeadline,
)
from ledger.entitlement.effects import entitle_naming_idle
from ledger.entitlement.engine import entitle
from ledger.entitlement.facts import ContractTier, Deduction, Facts, Settlement
from ledger.entitlement.payments import Allocation, allocate_payment
from ledger.entitlement.penalties import Penalty, penalty
from ledger.entitlement.request import EntitlementRequest

__all__ = [
    "Allocation",
    "Award",
    "ContractTier",
    "Deduction",
    "Derivation",
    "DisputeRange",
    "EntitlementRequest",
    "Facts",
    "Figure",
    "Interest",
    "Line",
    "Penalty",
    "RefundDeadline",
    "Settlement",
    "allocate_payment",
    "entitle",
    "entitle_naming_idle",
    "penalty",
]
