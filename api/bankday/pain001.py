"""The payment file as ISO 20022 CustomerCreditTransferInitiation, pain.001.001.09. The same file is the same bytes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from xml.sax.saxutils import escape

from api.bankday.payments import Account, Payment, PaymentFile, Resolver
from ledger.money import format_yuan

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
MAX_NAME: Final = 140
_BEIJING: Final = timezone(timedelta(hours=8))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PURPOSE: Final = {"release": "TUITION-RELEASE", "refund": "TUITION-REFUND"}


def no_account(_payment: Payment) -> None:
    """Resolves nothing: the file names references, which the bank resolves."""


def write_pain001(file: PaymentFile, resolver: Resolver = no_account) -> bytes:
    """The file in UTF-8. A payee whose account the resolver knows is named by it, any other by its reference."""
    return "\n".join(["<?xml version='1.0' encoding='UTF-8'?>", *_document(file, resolver), ""]).encode()


def _document(file: PaymentFile, resolver: Resolver) -> Iterator[str]:
    yield f'<Document xmlns="{NAMESPACE}">'
    yield "<CstmrCdtTrfInitn>"
    yield "<GrpHdr>"
    yield _text("MsgId", str(file.file_id))
    yield _text("CreDtTm", instant_text(file.at))
    yield from _totals(file)
    yield f"<InitgPty>{_institution(file)}</InitgPty>"
    yield "</GrpHdr>"
    yield from _payment_information(file, resolver)
    yield "</CstmrCdtTrfInitn>"
    yield "</Document>"


def _payment_information(file: PaymentFile, resolver: Resolver) -> Iterator[str]:
    yield "<PmtInf>"
    yield _text("PmtInfId", str(file.file_id))
    yield "<PmtMtd>TRF</PmtMtd>"
    yield "<BtchBookg>false</BtchBookg>"
    yield from _totals(file)
    yield f"<PmtTpInf><CtgyPurp><Prtry>{_PURPOSE[file.kind]}</Prtry></CtgyPurp></PmtTpInf>"
    yield f"<ReqdExctnDt><Dt>{file.on}</Dt></ReqdExctnDt>"
    yield f"<Dbtr>{_institution(file)}</Dbtr>"
    yield f"<DbtrAcct><Id><Othr>{_text('Id', file.account_id)}</Othr></Id><Ccy>CNY</Ccy></DbtrAcct>"
    yield f"<DbtrAgt><FinInstnId>{_text('Nm', file.custodian[:MAX_NAME])}</FinInstnId></DbtrAgt>"
    for payment in file.payments:
        yield from _transaction(file, payment, resolver(payment))
    yield "</PmtInf>"


def _transaction(file: PaymentFile, payment: Payment, account: Account | None) -> Iterator[str]:
    yield "<CdtTrfTxInf>"
    yield f"<PmtId>{_text('EndToEndId', payment.payment_id)}</PmtId>"
    yield f'<Amt><InstdAmt Ccy="CNY">{format_yuan(payment.amount_fen)}</InstdAmt></Amt>'
    if account is not None and account.bank:
        yield f"<CdtrAgt><FinInstnId>{_text('Nm', account.bank[:MAX_NAME])}</FinInstnId></CdtrAgt>"
    holder = account.holder if account is not None else ""
    if file.kind == "release":
        yield f"<Cdtr>{_institution(file)}</Cdtr>"
    elif holder:
        yield f"<Cdtr>{_text('Nm', holder[:MAX_NAME])}</Cdtr>"
    if account is None:
        named = f"{_text('Id', payment.payee_ref)}<SchmeNm><Prtry>LEDGER-REFERENCE</Prtry></SchmeNm>"
    else:
        named = _text("Id", account.number)
    yield f"<CdtrAcct><Id><Othr>{named}</Othr></Id></CdtrAcct>"
    yield f"<RmtInf>{_text('Ustrd', payment.remittance)}</RmtInf>"
    yield "</CdtTrfTxInf>"


def _totals(file: PaymentFile) -> Iterator[str]:
    yield f"<NbOfTxs>{len(file.payments)}</NbOfTxs>"
    yield f"<CtrlSum>{format_yuan(file.total_fen)}</CtrlSum>"


def _institution(file: PaymentFile) -> str:
    code = f"<Othr>{_text('Id', file.uscc)}<SchmeNm><Prtry>USCC</Prtry></SchmeNm></Othr>"
    return f"{_text('Nm', file.name[:MAX_NAME])}<Id><OrgId>{code}</OrgId></Id>"


def _text(name: str, value: str) -> str:
    return f"<{name}>{escape(value)}</{name}>"


def instant_text(at: int) -> str:
    """An instant in µs as local time in Beijing, to the second."""
    moment = (_EPOCH + timedelta(microseconds=at)).astimezone(_BEIJING)
    return moment.replace(microsecond=0).isoformat()
