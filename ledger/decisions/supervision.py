"""Opening, custodian, freezes, attachments, identity and sealing of an escrow."""

from collections.abc import Iterator
from datetime import timedelta

from stdnum.cn import uscc

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.decisions.context import Context, decides, local_date
from ledger.decisions.lookups import open_escrow, running_escrow
from ledger.log.seals import balances_root
from ledger.rulebook import select
from ledger.sheets import Attachment
from ledger.workdays import is_workday


def _check_code(code: str) -> None:
    if not uscc.is_valid(code):
        raise no.UnknownSocialCreditCode(code)


@decides(c.OpenEscrow)
def _open(command: c.OpenEscrow, context: Context) -> Iterator[e.Event]:
    if context.header.status != "none":
        raise no.EscrowAlreadyOpen(context.order.institution_id)
    _check_code(command.uscc)
    select(command.jurisdiction, command.category, context.effective_on)
    yield e.EscrowOpened(
        effective_at=context.effective_at,
        name=command.institution_name,
        uscc=command.uscc,
        jurisdiction=command.jurisdiction,
        category=command.category,
        district=command.district,
        licensed=command.licensed,
        custodian=command.custodian,
        account_id=command.account_id,
        agreement_no=command.agreement_no,
    )


@decides(c.ChangeCustodian)
def _change_custodian(command: c.ChangeCustodian, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    header = context.header
    if in_transit_fen := header.release_in_transit_fen + header.refund_in_transit_fen:
        raise no.PaymentsInTransit(in_transit_fen)
    if command.closing_balance_fen != header.custody_cash_fen:
        raise no.ClosingBalanceDiffers(header.custody_cash_fen, command.closing_balance_fen)
    yield e.CustodianChanged(
        effective_at=context.effective_at,
        custodian=command.custodian,
        account_id=command.account_id,
        agreement_no=command.agreement_no,
        carried_fen=command.closing_balance_fen,
    )


@decides(c.FreezeEscrow)
def _freeze(command: c.FreezeEscrow, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    if context.header.frozen:
        raise no.EscrowIsFrozen
    yield e.EscrowFrozen(
        effective_at=context.effective_at,
        authority=command.authority,
        order_no=command.order_no,
        reason=command.reason,
    )


@decides(c.UnfreezeEscrow)
def _unfreeze(command: c.UnfreezeEscrow, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    if not context.header.frozen:
        raise no.EscrowNotFrozen
    approved_by = context.second_person(command.approved_by)
    frozen_on = local_date(context.header.frozen_at)
    days = (frozen_on + timedelta(days=n) for n in range((context.effective_on - frozen_on).days + 1))
    yield e.EscrowUnfrozen(
        effective_at=context.effective_at,
        order_no=command.order_no,
        reason=command.reason,
        approved_by=approved_by,
        stopped_workdays=sum(map(is_workday, days)),
    )


@decides(c.RecordAttachment)
def _attach(command: c.RecordAttachment, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    if context.escrow.find(Attachment, command.attachment_id) is not None:
        raise no.AlreadyRecorded("attachment", command.attachment_id)
    yield e.AttachmentRecorded(
        effective_at=context.effective_at,
        attachment_id=command.attachment_id,
        authority=command.authority,
        order_no=command.order_no,
        amount_fen=command.amount_fen,
    )


@decides(c.LiftAttachment)
def _lift(command: c.LiftAttachment, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    attachment = context.escrow.find(Attachment, command.attachment_id)
    if attachment is None or attachment.lifted:
        raise no.AttachmentUnknown(command.attachment_id)
    yield e.AttachmentLifted(
        effective_at=context.effective_at,
        attachment_id=command.attachment_id,
        order_no=command.order_no,
        amount_fen=attachment.amount_fen,
    )


@decides(c.RenameInstitution)
def _rename(command: c.RenameInstitution, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    _check_code(command.uscc)
    yield e.InstitutionRenamed(
        effective_at=context.effective_at,
        name=command.institution_name,
        uscc=command.uscc,
        licensed=command.licensed,
    )


@decides(c.RecordSuccession)
def _succeed(command: c.RecordSuccession, context: Context) -> Iterator[e.Event]:
    running_escrow(context)
    yield e.InstitutionSucceeded(
        effective_at=context.effective_at, successor_id=command.successor_id, ground=command.ground
    )


@decides(c.SealDay)
def _seal(command: c.SealDay, context: Context) -> Iterator[e.Event]:
    open_escrow(context)
    header = context.header
    context.refuse_future("business_on", command.business_on)
    if command.business_on == context.today:
        raise no.DayNotOver(command.business_on)
    if command.business_on < local_date(header.opened_at):
        raise no.BusinessTimeBeforeOpening(command.business_on)
    if header.sealed_on is not None and command.business_on <= header.sealed_on:
        raise no.DayIsSealed(command.business_on, header.sealed_on)
    sealed = command.sealed
    if sealed is not None and sealed.stream_version != header.version:
        raise no.SealOutdated(sealed.stream_version, header.version)
    yield e.DaySealed(
        effective_at=context.effective_at,
        business_on=command.business_on,
        stream_version=header.version,
        balances_root=balances_root(header),
        statements=None if sealed is None else sealed.statements,
        statements_root=None if sealed is None else sealed.root,
    )
