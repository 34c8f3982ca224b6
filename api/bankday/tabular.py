"""The payment file as CSV: one line for each payment, for banks that take tables."""

import csv
import io
from typing import Final

from api.bankday.pain001 import no_account
from api.bankday.payments import PaymentFile, Resolver
from api.reads.files import text_cell
from ledger.money import format_yuan

COLUMNS: Final = (
    "file_id",
    "payment_id",
    "kind",
    "requested_on",
    "institution_id",
    "custody_account",
    "contract_id",
    "refund_id",
    "amount",
    "currency",
    "payee_ref",
    "payee_name",
    "payee_account",
    "payee_bank",
    "remittance",
)


def write_csv(file: PaymentFile, resolver: Resolver = no_account) -> bytes:
    """The table in UTF-8 with BOM, amounts in yuan; the account columns are empty where the resolver knows none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for payment in file.payments:
        account = resolver(payment)
        name = file.name if file.kind == "release" else ""
        writer.writerow(
            text_cell(cell)
            for cell in (
                str(file.file_id),
                payment.payment_id,
                file.kind,
                file.on.isoformat(),
                file.institution_id,
                file.account_id,
                payment.contract_id or "",
                payment.refund_id or "",
                format_yuan(payment.amount_fen),
                "CNY",
                payment.payee_ref,
                (account.holder if account else "") or name,
                account.number if account else "",
                account.bank if account else "",
                payment.remittance,
            )
        )
    return b"\xef\xbb\xbf" + text.getvalue().encode()
