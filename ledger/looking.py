"""How a bank line looks for payments: the keys that it has, and what must fit beside them."""

import re
from collections.abc import Callable, Collection

from ledger.bankbooks import Key, Want
from ledger.matching import By, Rule
from ledger.statements import StatementLine, ledger_serial

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{2,127}")


def tokens(text: str) -> list[str]:
    """Whatever in a remittance text could be an id."""
    found = _TOKEN.findall(text)
    return list(dict.fromkeys([*found, *(trimmed for each in found if (trimmed := each.rstrip("._-")) != each)]))


def want_of(rule: Rule, line: StatementLine) -> Want:
    """What a line looks for by a rule, beside the key."""
    return Want(line.amount_fen, line.booked_on, rule.days, serials_of(line) if line.serial else (), line.reversal)


def serials_of(line: StatementLine) -> Collection[str]:
    """The bank's number as it stands in the file and as the ledger writes it."""
    return dict.fromkeys((line.serial, ledger_serial(line.serial, line.key)))


LINE_KEYS: dict[By, Callable[[StatementLine], Collection[Key]]] = {
    "serial": lambda line: serials_of(line) if line.serial else (),
    "named": lambda line: tokens(line.text),
    "contract": lambda line: tokens(line.text),
    "payer": lambda line: (line.counterparty,) if line.counterparty else (),
    "amount": lambda line: (line.amount_fen,),
}
"""The keys of a line, by kind."""
