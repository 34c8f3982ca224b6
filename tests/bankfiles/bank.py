"""One school at one bank: a ledger with paid contracts, and short ways to import files into it."""

from collections.abc import Iterable
from datetime import date

from api.bankfiles.commit import commit_statement
from api.bankfiles.parties import Parties
from api.bankfiles.posting import Imported, Poster
from api.bankfiles.preview import STATED, Preview, Stated, preview_statement
from api.bankfiles.reading import read_statements
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.commands import Command
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.postings import movements
from tests import examples as x
from tests.bankfiles.files import ACCOUNT

DAY = date(2026, 8, 31)
PARTIES = Parties(b"secret" * 6)
BANK = Poster("bank-1", Role.BANK)


def ask(ledger: Ledger, *commands: Command) -> None:
    """Commands that are accepted, each by the first role that may."""
    for command in commands:
        role = next(each for each in (Role.INSTITUTION, Role.GUARDIAN, Role.BANK, Role.REGULATOR) if each in command.by)
        key = f"{command.name}-{ledger.position()}"
        assert isinstance(ledger.submit(Order("school", key, command, f"{role}-1", role)), Receipt)


def school(ledger: Ledger, contracts: Iterable[str] = ("C-1", "C-2")) -> None:
    """A school with contracts and no money yet."""
    ask(ledger, x.opening(account_id=ACCOUNT))
    for number, contract_id in enumerate(contracts):
        ask(ledger, x.contract(contract_id, student_id=f"child-{number}", guardian_id=f"guardian-{number}"))


def previewed(ledger: Ledger, data: bytes, stated: Stated = STATED) -> Preview:
    """The preview of a file with one statement."""
    (statement,) = read_statements(data, PARTIES)
    return preview_statement(ledger, "school", statement, stated)


def imported(ledger: Ledger, data: bytes, stated: Stated = STATED) -> Imported:
    """A file, read, previewed and committed."""
    return commit_statement(ledger, previewed(ledger, data, stated), BANK)


def facts(ledger: Ledger) -> tuple[int, int, int]:
    """Custody, unapplied and unearned by the legs of history, fen."""
    totals = dict.fromkeys(("custody_cash", "unapplied", "unearned"), 0)
    for recorded in ledger.stream("school"):
        for movement in movements(recorded.event):
            if movement.account in totals:
                totals[movement.account] += movement.debit_fen
    return totals["custody_cash"], -totals["unapplied"], -totals["unearned"]
