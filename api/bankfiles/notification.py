"""Committing a camt.054 notification: what it tells during the day is recorded; the evening's statement matches it."""

from collections.abc import Iterator
from itertools import islice

from api.bankfiles.posting import Imported, Poster, Progress, wrapped
from api.bankfiles.preview import Preview
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import CommandKeyReused, Receipt
from ledger.application import Ledger
from ledger.matches import Planned
from ledger.orders import Order
from ledger.statements import ledger_serial

BATCH = 1_000
_KNOWN = (no.DuplicateBankSerial, no.DepositAlreadyReversed, no.InstructionUnknown, no.ReleaseLineUnknown)
"""Answers that mean that this was recorded before, by whatever way."""


def commit_notification(ledger: Ledger, preview: Preview, poster: Poster, progress: Progress) -> Imported:
    """Record deposits, reversals and settlements that a notification tells; the rest `waits` for the statement.

    Raises StoreUnavailable. Asked again, it repeats nothing.
    """
    done = Imported(already=preview.repeated)
    if waits := preview.matching.count("break"):
        done.kinds["waits"] = waits
    orders = _orders(preview, poster)
    while batch := list(islice(orders, BATCH)):
        for (planned, order), answer in zip(batch, ledger.submit_all([order for _, order in batch]), strict=True):
            if isinstance(answer, Receipt) and not answer.replayed:
                done.booked += 1
                done.kinds[planned.kind] += 1
            elif isinstance(answer, (Receipt, CommandKeyReused, *_KNOWN)):
                done.already += 1
            else:
                done.demoted.append((order.source.line if order.source else 0, answer.code))
        progress(len(batch))
    return done


def _orders(preview: Preview, poster: Poster) -> Iterator[tuple[Planned, Order]]:
    for number, planned in enumerate(preview.matching.planned, 1):
        for part, command in enumerate(_commands(preview, planned)):
            key = f".told.{preview.statement.statement_id}.{number}.{part}"
            yield planned, wrapped(preview, poster, key, command, planned.line.line)


def _commands(preview: Preview, planned: Planned) -> Iterator[c.Command]:
    line, outcome = planned.line, planned.outcome
    serial = ledger_serial(line.serial, line.key)
    if isinstance(outcome, c.Deposited):
        yield c.RecordDeposit(
            bank_serial=serial,
            account_id=preview.account_id,
            value_on=line.value_on,
            amount_fen=line.amount_fen,
            payer_ref=outcome.payer_ref,
            remittance=outcome.remittance,
            contract_id=outcome.contract_id,
        )
    elif isinstance(outcome, c.Reversed):
        yield c.ReverseDeposit(deposit_id=outcome.deposit_id, reversal_id=line.key, reason=outcome.reason)
    elif isinstance(outcome, c.Matched):
        for share in outcome.shares:
            yield from _settlement(share.reference, serial)


def _settlement(reference: str, serial: str) -> Iterator[c.Command]:
    kind, first, *rest = reference.split(":")
    if kind == "release":
        yield c.SettleRelease(release_id=first, contract_ids=[rest[0]], bank_serial=serial)
    elif kind == "refund":
        yield c.SettleRefund(refund_id=first, instruction_id=rest[0], bank_serial=serial)
