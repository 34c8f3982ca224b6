"""Short pots shared among up to 5,000 families: exact to the fen, in whatever order, and nobody above what is due."""

from fractions import Fraction
from math import exp, log
from random import Random

from ledger.distribution import Distribution, Due, Pot, distribute
from tests.faults.drill import Tally, dice, drill, rounds

MOST_FAMILIES = 5_000
SMALL = 60


def test_a_short_pot_is_shared_to_the_fen() -> None:
    with drill(18, f"short pots, 1–{MOST_FAMILIES:,} families", "none", 10_000) as tally:
        tally.judges = "fractions"
        most = 0
        for number in rounds(200, 10_000):
            chance = dice("pots", number)
            families = MOST_FAMILIES if number == 0 else round(exp(chance.random() * log(MOST_FAMILIES)))
            most = max(most, families)
            _share(_dues(chance, families), chance, tally)
        tally.count("most families", most)


def _dues(chance: Random, families: int) -> list[Due]:
    """Families with dues of one fen, equal dues, or anything; some were paid a part before."""
    kind = chance.choice(("fen", "equal", "any", "any"))
    same = chance.randint(1, 500_000)
    dues = []
    for number in range(families):
        due_fen = {"fen": 1, "equal": same, "any": chance.randint(0, 2_000_000)}[kind]
        paid_fen = chance.randint(0, due_fen) if chance.random() < 0.2 else 0
        dues.append(Due(f"c{number}", due_fen, chance.randint(0, due_fen), paid_fen))
    chance.shuffle(dues)
    return dues


def _share(dues: list[Due], chance: Random, tally: Tally) -> None:
    open_fen = sum(due.due_fen - due.paid_fen for due in dues)
    pot_fen = 1 if chance.random() < 0.15 else chance.randint(0, max(1, open_fen))
    found = distribute("pool", dues, [Pot("custody", pot_fen)], licensed=chance.random() < 0.5)
    shares = {each.contract_id: each.share_fen for each in found.shares}
    tally.injected += 1
    tally.count("shares", len(shares))
    tally.count("pots of one fen", pot_fen == 1)
    paid = sum(shares.values())
    tally.unbalanced += paid != min(pot_fen, open_fen) or paid + found.pots[0].left_fen != pot_fen
    tally.doubled += sum(not 0 <= shares[due.contract_id] <= due.due_fen - due.paid_fen for due in dues)
    tally.lost += any(_far_from_its_part(due, shares, pot_fen, open_fen) for due in dues[:: max(1, len(dues) // SMALL)])
    tally.undetected += not _same_in_another_order(dues, chance, pot_fen, found)


def _far_from_its_part(due: Due, shares: dict[str, int], pot_fen: int, open_fen: int) -> bool:
    """Whether a share is a fen or more from the exact part."""
    if not open_fen:
        return shares[due.contract_id] != 0
    exact = Fraction(min(pot_fen, open_fen) * (due.due_fen - due.paid_fen), open_fen)
    return abs(shares[due.contract_id] - exact) >= 1


def _same_in_another_order(dues: list[Due], chance: Random, pot_fen: int, found: Distribution) -> bool:
    mixed = [*dues]
    chance.shuffle(mixed)
    again = distribute("pool", mixed, [Pot("custody", pot_fen)], licensed=found.priority_regime == "licensed_school")
    return again == found
