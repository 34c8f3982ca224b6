"""What is due under one contract, from the facts as people write them: the same answer for HTTP and command line."""

from api.documents import read_model
from api.public import plain
from ledger.entitlement import Derivation, EntitlementRequest, entitle_naming_idle


def derive(raw: bytes) -> Derivation:
    """The derivation; its notes name stated facts that change nothing.

    Raises Problem for a malformed body, Rejection where facts contradict or a rule is unknown.
    """
    return entitle_naming_idle(read_model(EntitlementRequest, raw).facts())


def calculate(raw: bytes) -> object:
    """The derivation as JSON shows it. Raises like `derive`."""
    return plain(derive(raw))
