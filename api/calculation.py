"""What is due under one contract, from the facts as people write them: the same answer for HTTP and command line."""

from api.documents import read_model
from api.public import plain
from ledger.entitlement import Derivation, EntitlementRequest, entitle


def derive(raw: bytes) -> Derivation:
    """The derivation. Raises Problem for a malformed body, Rejection where facts contradict or a rule is unknown."""
    return entitle(read_model(EntitlementRequest, raw).facts())


def calculate(raw: bytes) -> object:
    """The derivation as JSON shows it. Raises like `derive`."""
    return plain(derive(raw))
