"""Payment files as the terminal writes them: payees by account where the vault of the settings knows it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.app import now
from api.bankday.answers import PayeesBody, payees_body
from api.bankday.payees import PayeeBook, Payees, plain_number
from api.bankday.payments import PaymentFile
from api.bankday.words import meaning
from api.bankday.writing import Format, write_payment_file
from api.bankfiles.parties import Parties
from api.security.access_log import About, AccessLog
from api.security.mandate import Mandate
from api.settings import SettingMissing, Settings, party_key
from api.terminal.environment import (
    ENVIRONMENT,
    FINDING,
    OK,
    USAGE,
    Stop,
    language,
    load_settings,
    the_ledger,
    the_masters,
)
from api.terminal.output import Column, err, out, print_table
from api.vault.vault import Vault
from ledger.application import Ledger
from ledger.identifiers import Role

SHOWN = 50


@Parameter(name="*")
@dataclass(frozen=True)
class Files:
    """Where payment files go, and how they name payees."""

    to: Annotated[Path, Parameter(name="--out", help="Folder of the payment files")] = Path()
    format: Annotated[Format, Parameter(help="Form of the payment files")] = "pain.001"
    by_reference: Annotated[
        bool, Parameter(negative="", help="Name payees by reference, also where the vault knows their accounts")
    ] = False


FILES = Files()


def payee_ref(
    subject: str,
    /,
    *,
    purpose: Annotated[str, Parameter(help="Why; it is written into the log of reads")],
    actor: Annotated[str, Parameter(help="Who asks, for the log of reads")] = "operator",
) -> int:
    """Print the reference of a person's account in the vault: what a verified substitute is recorded with."""
    settings = load_settings()
    parties = Parties(party_key(settings))
    with the_ledger(settings) as ledger:
        book = payee_book(settings, ledger, FILES)
        if book is None:
            raise Stop("LEDGER_VAULT_KEY 未配置 is not set", ENVIRONMENT)
        rows = list(book.vault.read_some([subject], "account_no", allowed=lambda _: True))
        if any(person is None for _, person in rows):
            raise Stop("内容无法解开 What is kept does not open under this master key", FINDING)
        numbers = [(kept, plain_number((person or {}).get("account_no", ""))) for kept, person in rows]
        if not numbers or not numbers[0][1]:
            raise Stop("保管库中没有其账号 No account of theirs is kept", USAGE)
        ((kept, number),) = numbers
        about = About(what="ledger payee-ref", institution_id=kept.institution_id, subject_id=subject)
        book.log.note(Mandate(actor, Role.REGULATOR), [about], purpose=purpose[:200])
    out().print(parties.token("", number), markup=False)
    return OK


@dataclass
class Writer:
    """Writes payment files; remembers how their payees are named. Without a book all are named by reference."""

    files: Files
    book: PayeeBook | None
    actor: str
    what: str
    """The command, for the log of reads."""
    written: list[tuple[PaymentFile, Payees]] = field(default_factory=list)

    def write(self, file: PaymentFile) -> Path:
        """Write one. Raises Stop where it cannot be written; what was recorded stays, and asked again it is written."""
        payees = Payees()
        if self.book is not None:
            reader = Mandate(self.actor, Role.REGULATOR)
            payees = self.book.of(file, reader, self.what, purpose=f"payment file {file.file_id}")
        with _writing(self.files.to):
            path = write_payment_file(self.files.to, file, self.files.format, payees.find)
        self.written.append((file, payees))
        return path

    @property
    def unreadable(self) -> bool:
        """Whether somebody has to look at the vault."""
        return any(payees.unreadable for _, payees in self.written)

    def body(self, files: Sequence[PaymentFile]) -> PayeesBody | None:
        """How these files name their payees; None where there is no vault."""
        if self.book is None:
            return None
        return payees_body([payees for file, payees in self.written if file in files])

    def print(self) -> None:
        """Tell how many payees are named how, and who stays a reference for which reason."""
        named = sum(len(payees.accounts) for _, payees in self.written)
        left = [(file, payees.by_reference) for file, payees in self.written if payees.by_reference]
        if not named and not left:
            return
        count = sum(len(codes) for _, codes in left)
        out().print(f"收款人 payees: 按账号 by account {named} · 按代号 by reference {count}", markup=False)
        rows = [
            (each.payment_id, each.contract_id, each.refund_id, meaning(codes[each.payment_id], language()))
            for file, codes in left
            for each in file.payments
            if each.payment_id in codes
        ]
        if rows:
            columns = ("付款 payment", "合同 contract", "退费 refund", "按代号 by reference, because")
            more = f"… {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
            print_table([Column(each) for each in columns], rows[:SHOWN], more)


def payee_book(settings: Settings, ledger: Ledger, files: Files) -> PayeeBook | None:
    """Where accounts are found; None where no master key is set or references are wanted. Raises Stop."""
    masters = the_masters(settings)
    if files.by_reference or not masters.ids:
        return None
    try:
        parties = Parties(party_key(settings))
    except SettingMissing:
        parties = None
        err().print("LEDGER_PARTY_KEY 未配置，收款人按代号 is not set: payees stay references", markup=False)
    return PayeeBook(ledger.engine, Vault(ledger.engine, masters, now), parties, AccessLog(ledger.engine, now))


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Stop(f"无法写入 {folder} cannot be written: {error.strerror}", USAGE) from None
