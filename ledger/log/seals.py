"""What a sealed day commits to: a hash tree over the accounts, and one over what each family has in custody."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from ledger.escrow import Escrow
from ledger.log.entries import entry_of
from ledger.log.merkle import leaf_hash, root_of
from ledger.postings import ACCOUNTS
from ledger.sheets import Contract, Deposit, Header, Refund

_NAMES = sorted(account.name for account in ACCOUNTS)


def balance_lines(header: Header) -> list[bytes]:
    """One line for each account, in order of its name: name and balance in fen."""
    return [f"{name} {getattr(header, f'{name}_fen')}".encode() for name in _NAMES]


def balances_root(header: Header) -> str:
    """Root over the balances of an escrow, lower-case hex."""
    return tree_root(balance_lines(header))


def tree_root(lines: Iterable[bytes]) -> str:
    """Root of the hash tree over these lines, lower-case hex."""
    return root_of(map(leaf_hash, lines)).hex()


def nonce_of(topic: str, state: bytes) -> str:
    """What blinds the statement of the contract or deposit that this event began, lower-case hex.

    A path to the root shows the hashes of neighbours: without something only the family, the institution and an
    auditor know, their few digits could be guessed. The leading 0x02 keeps it apart from every hash of a tree.
    """
    return sha256(b"\x02" + entry_of(topic, state)).hexdigest()


def statement_lines(escrow: Escrow, nonces: Mapping[str, str]) -> list[bytes]:
    """One line for each contract, and for each deposit that holds or owes something, in order of their bytes.

    `nonces` gives those of the keys `contract <id>` and `deposit <id>`; `escrow` must be complete.
    """
    payable = payable_of_deposits(sheet for sheet in escrow.sheets.values() if isinstance(sheet, Refund))
    lines = []
    for sheet in escrow.sheets.values():
        if isinstance(sheet, Contract):
            lines.append(contract_line(sheet, nonces[f"contract {sheet.contract_id}"]))
        elif isinstance(sheet, Deposit) and holds_or_owes(sheet, payable_fen := payable.get(sheet.deposit_id, 0)):
            lines.append(deposit_line(sheet, payable_fen, nonces[f"deposit {sheet.deposit_id}"]))
    return sorted(lines)


def payable_of_deposits(refunds: Iterable[Refund]) -> dict[str, int]:
    """What is owed back of deposits that are no contract's: deposit → fen."""
    payable: dict[str, int] = {}
    for refund in refunds:
        if refund.deposit_id is not None:
            payable[refund.deposit_id] = payable.get(refund.deposit_id, 0) + refund.open_fen
    return payable


def holds_or_owes(deposit: Deposit, payable_fen: int) -> bool:
    """Whether a deposit has a line: it is unapplied, or to be paid back."""
    return bool(deposit.unapplied_fen or payable_fen)


def contract_line(contract: Contract, nonce: str) -> bytes:
    """`contract <id> <unearned> <earned> <refund payable> <institution receivable> <nonce>`, amounts in fen."""
    return (
        f"contract {contract.contract_id} {contract.unearned_fen} {contract.earned_fen}"
        f" {contract.refund_payable_fen} {contract.institution_receivable_fen} {nonce}"
    ).encode()


def deposit_line(deposit: Deposit, payable_fen: int, nonce: str) -> bytes:
    """`deposit <id> <unapplied> <refund payable> <nonce>`, amounts in fen."""
    return f"deposit {deposit.deposit_id} {deposit.unapplied_fen} {payable_fen} {nonce}".encode()
