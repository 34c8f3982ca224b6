"""Long lives of a school, drawn by dice with weights: deeper than the machine goes, and the same every time."""

import inspect
from random import Random

import pytest

from tests.properties.test_escrow_machine import EscrowMachine
from tests.strategies import NAMES

STEPS = 300
WEIGHTS = {
    "teach_and_confirm": 8, "judge": 8, "teach": 2, "release": 5, "answer_release": 4, "pay": 3, "apply": 2,
    "take_back": 1, "give_back_loose": 1, "put_back": 2, "ask": 3, "answer": 3, "order": 1, "send": 5,
    "answer_payment": 4, "cash_got": 2, "keep": 2, "mediate": 1, "settle_case": 2, "break_settlement": 1, "amend": 3,
    "move": 3, "end": 1, "freeze_or_thaw": 1, "wait": 1, "register": 2,
}  # fmt: skip
AT_THE_END = {"stop": 1, "order_closing_refund": 4, "share_out": 2, "send": 4, "answer_payment": 4, "release": 2}
VALUES: dict[str, list[object]] = {
    "name": [*NAMES], "giver": [*NAMES], "taker": [*NAMES], "number": [0, 1, 2, 3, 4, 5], "days": [1, 2],
    "price": [799_99, 500_00, 333_33, 101], "paid_hours": [333, 1000, 1100, 2000], "length": [100, 33, 150, 250, 1],
    "fen": [1, 33_33, 100_00, 250_00, 799_99], "whole": [True, True, False], "all_of_it": [True, True, False],
    "paid": [True, True, False], "again": [True, False, False], "claimed": [None, None, 50_00],
    "what": ["confirm", "confirm", "confirm", "contest", "upheld", "reversed", "undo"],
    "reply": ["approve", "approve", "approve", "refuse", "withdraw", "order"],
    "parts": [[100_00], [1, 33_33], [50_00, 50_00, 7]],
}  # fmt: skip


def step(school: EscrowMachine, dice: Random, action: str) -> None:
    """One action with its values, and what must hold after it."""
    method = getattr(school, action)
    drawn = {
        name: dice if name == "data" else dice.choice(VALUES[name]) for name in inspect.signature(method).parameters
    }
    if action in {"pay", "put_back"} and dice.random() < 0.2:
        drawn["name"] = None
    method(**drawn)
    school.both_agree()
    school.every_fen_is_held_released_or_refunded()


@pytest.mark.parametrize("seed", range(40))
def test_the_ledger_and_the_independent_account_agree(seed: int) -> None:
    dice, school = Random(seed), EscrowMachine()
    school.open([(dice.choice([799_99, 600_00, 333_33]), dice.choice([1000, 1100, 2000]), 150 * (seed % 2))] * 3)
    for number in range(STEPS):
        weights = AT_THE_END if number > STEPS * 0.85 else WEIGHTS
        (action,) = dice.choices([*weights], [*weights.values()])
        step(school, dice, action)
    school.the_values_of_lessons_sum_to_the_price()
    school.teardown()
