"""Payees' accounts for a payment file: from the vault, held against the account that paid, every read written down."""

import hmac
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine, select

from api.bankday.payments import MAX_REFERENCE, Account, Payment, PaymentFile
from api.bankfiles.parties import Parties
from api.security.access_log import About, AccessLog
from api.security.mandate import Mandate
from api.vault.vault import Kept, Vault
from ledger.identifiers import Role
from projections.contract_statement import contract_statement

READERS: Final = (Role.INSTITUTION, Role.REGULATOR)
"""Who may have a file with account numbers: of those who get payment files, the ones who may read the vault."""
REASONS: Final = ("account_not_kept", "account_differs", "account_unverifiable", "account_unreadable", "payee_too_long")
"""Why a payee stays a reference: nobody entered an account; it is not the one that paid; the reference is no token of
this ledger, so nothing says which account it stands for; what is kept does not open; no file can carry the number."""
_TOKEN: Final = re.compile(r"p\.[0-9a-f]{32}")
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Payees:
    """What is known of the payees of one file. Goes nowhere but into the file; `by_reference` may be shown."""

    accounts: dict[str, Account] = field(default_factory=dict, repr=False)
    by_reference: dict[str, str] = field(default_factory=dict)
    """Payment → why it names a reference, one of `REASONS`."""

    def find(self, payment: Payment) -> Account | None:
        """The account a payment goes to."""
        return self.accounts.get(payment.payment_id)

    @property
    def unreadable(self) -> bool:
        """Whether something is kept that does not open: somebody has to look at keys or rows."""
        return "account_unreadable" in self.by_reference.values()


@dataclass(frozen=True)
class PayeeBook:
    """Finds payees' accounts. `parties` None: no token can be told from an account, and all stay references."""

    engine: Engine
    vault: Vault
    parties: Parties | None
    log: AccessLog

    def of(self, file: PaymentFile, caller: Mandate, what: str, *, purpose: str, trace_id: str = "") -> Payees:
        """The payees of a file, for a caller who may have it. Only a family's money is paid to an account of theirs.

        Money goes back to the account that paid or to a verified substitute; the vault is filled in by institutions.
        So an account counts only where the ledger's own token of it is the reference that the log names. Each person
        whose row was opened stands in the log of reads before this returns. Raises what the database raises.
        """
        found = Payees()
        if file.kind == "release" or caller.role not in READERS:
            return found
        guardians = self._guardians(file)
        abouts: list[About] = []
        for start in range(0, len(file.payments), _AT_ONCE):
            some = file.payments[start : start + _AT_ONCE]
            for payment, subject_id in self._some(some, guardians, caller, found):
                abouts.append(
                    About(
                        what=what,
                        institution_id=file.institution_id,
                        contract_id=payment.contract_id,
                        subject_id=subject_id,
                    )
                )
        self.log.note(caller, abouts, purpose=purpose, trace_id=trace_id)
        return found

    def _some(
        self, payments: Sequence[Payment], guardians: dict[str, str], caller: Mandate, found: Payees
    ) -> Iterator[tuple[Payment, str]]:
        """Finds what these payments go to; gives whose rows were opened."""
        whose = {each.payment_id: guardians.get(each.contract_id or "", "") for each in payments if self._known(each)}
        kept = dict(self._kept(sorted(set(whose.values())), caller))
        for payment in payments:
            if payment.payment_id not in whose:
                found.by_reference[payment.payment_id] = "account_unverifiable"
                continue
            subject_id = whose[payment.payment_id]
            person = kept.get(subject_id, {})
            account = self._account(payment, person)
            if isinstance(account, Account):
                found.accounts[payment.payment_id] = account
            else:
                found.by_reference[payment.payment_id] = account
            if person:
                yield payment, subject_id

    def _known(self, payment: Payment) -> bool:
        """Whether the reference is a token that this ledger can hold an account against."""
        return self.parties is not None and _TOKEN.fullmatch(payment.payee_ref) is not None

    def _guardians(self, file: PaymentFile) -> dict[str, str]:
        """Contract → who signed it."""
        table = contract_statement.c
        ids = sorted({each.contract_id for each in file.payments if each.contract_id})
        found: dict[str, str] = {}
        with self.engine.connect() as connection:
            for start in range(0, len(ids), _AT_ONCE):
                some = table.contract_id.in_(ids[start : start + _AT_ONCE])
                query = select(table.contract_id, table.guardian_id)
                rows = connection.execute(query.where(table.institution_id == file.institution_id, some))
                found |= {row.contract_id: row.guardian_id for row in rows}
        return found

    def _kept(self, wanted: Sequence[str], caller: Mandate) -> Iterator[tuple[str, dict[str, str] | None]]:
        """Name and number of those who exist for the caller; whom another institution entered does not."""
        rows = self.vault.read_some(wanted, "name", "account_no", allowed=lambda each: _exists(each, caller))
        return ((kept.subject_id, person) for kept, person in rows)

    def _account(self, payment: Payment, person: dict[str, str] | None) -> Account | str:
        """The account, or why there is none."""
        if person is None:
            return "account_unreadable"
        number, name = plain_number(person.get("account_no", "")), person.get("name", "")
        if not number:
            return "account_not_kept"
        assert self.parties is not None
        tokens = {self.parties.token(name, number), self.parties.token(name, person["account_no"])}
        if not any(hmac.compare_digest(each, payment.payee_ref) for each in tokens):
            return "account_differs"
        return Account(number, _printable(name)) if len(number) <= MAX_REFERENCE else "payee_too_long"


def _exists(kept: Kept, caller: Mandate) -> bool:
    """An officer sees the people of the contracts at an institution of the place; a school whom it entered itself."""
    return caller.role is Role.REGULATOR or kept.institution_id in caller.institutions


def plain_number(text: str) -> str:
    """An account number as banks write it: half width, without spaces and dashes."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))


def _printable(text: str) -> str:
    """A name that XML and tables can hold."""
    return "".join(each if each.isprintable() else " " for each in text)
