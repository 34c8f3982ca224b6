"""What lessons are worth: the telescoping value of consumed units."""

from ledger.money import cumulative_fen
from ledger.sheets import Contract


def consumed_value_fen(contract: Contract, centihours: int) -> int:
    """Fen earned by the first `centihours` of the contract, half-up so that the parts sum to the price.

    Value = price x hours / all hours, gifts included; after an amendment the rest is valued on its own, so what was
    consumed before keeps its price (rules: price change, WE-21).
    """
    left_units = contract.units - contract.base_centihours
    left_fen = contract.price_fen - contract.base_fen
    return contract.base_fen + cumulative_fen(left_fen, centihours - contract.base_centihours, left_units)


def lesson_value_fen(contract: Contract, centihours: int) -> int:
    """Fen that the next `centihours` add to what is consumed."""
    return consumed_value_fen(contract, contract.consumed_centihours + centihours) - contract.consumed_fen


def left_centihours(contract: Contract) -> int:
    """Hours neither consumed nor claimed."""
    return contract.units - contract.consumed_centihours - contract.claimed_centihours


def transfer_value_fen(contract: Contract, centihours: int) -> int:
    """Fen of the last `centihours` of a contract: what moves with them when they are transferred."""
    return contract.price_fen - consumed_value_fen(contract, contract.units - centihours)
