"""Commands by the plural noun of their outcome: the writable resources of an escrow."""

from ledger import commands as c

OPENING = "escrows"
"""`POST /v1/escrows` opens an escrow; all other nouns stand below `/v1/escrows/{institution_id}/`."""

NOUNS: dict[str, type[c.Command]] = {
    OPENING: c.OpenEscrow,
    "custodian-changes": c.ChangeCustodian,
    "freezes": c.FreezeEscrow,
    "freeze-lifts": c.UnfreezeEscrow,
    "attachments": c.RecordAttachment,
    "attachment-lifts": c.LiftAttachment,
    "renamings": c.RenameInstitution,
    "successions": c.RecordSuccession,
    "closure-declarations": c.DeclareClosure,
    "escrow-closings": c.CloseEscrow,
    "day-seals": c.SealDay,
    "contracts": c.RegisterContract,
    "contract-amendments": c.AmendContract,
    "lesson-transfers": c.TransferLessons,
    "contract-endings": c.EndContract,
    "subject-forgettings": c.ForgetSubject,
    "deposits": c.RecordDeposit,
    "deposit-applications": c.ApplyDeposit,
    "deposit-reversals": c.ReverseDeposit,
    "off-platform-payments": c.AssertOffPlatformPayment,
    "shortfall-repayments": c.RecordShortfallRepayment,
    "class-consumption-claims": c.ClaimLessons,
    "class-consumption-confirmations": c.ConfirmLessons,
    "class-consumption-default-confirmations": c.ConfirmLessonsByDefault,
    "class-consumption-disputes": c.DisputeLesson,
    "class-consumption-dispute-decisions": c.DecideDispute,
    "class-consumption-reversals": c.ReverseLesson,
    "release-instructions": c.InstructRelease,
    "release-settlements": c.SettleRelease,
    "release-returns": c.ReturnRelease,
    "refund-requests": c.RequestRefund,
    "refund-approvals": c.ApproveRefund,
    "refund-deemed-agreements": c.DeemRefundAgreed,
    "refund-refusals": c.RefuseRefund,
    "refund-withdrawals": c.WithdrawRefund,
    "refund-orders": c.OrderRefund,
    "deposit-refunds": c.RefundDeposit,
    "refund-instructions": c.InstructRefund,
    "refund-settlements": c.SettleRefund,
    "refund-returns": c.ReturnRefund,
    "payee-substitutions": c.SubstitutePayee,
    "deductions": c.RetainDeduction,
    "off-platform-refund-acknowledgements": c.AcknowledgeOffPlatformRefund,
    "mediation-cases": c.OpenMediation,
    "mediation-acceptances": c.AcceptMediation,
    "mediation-extensions": c.ExtendMediation,
    "settlements": c.AgreeSettlement,
    "settlement-breaches": c.BreachSettlement,
    "mediation-failures": c.FailMediation,
    "mediation-withdrawals": c.WithdrawMediation,
    "mediation-expiries": c.ExpireMediation,
    "judicial-confirmations": c.RecordJudicialConfirmation,
    "awards": c.RecordAward,
    "risk-deposits": c.PlaceRiskDeposit,
    "risk-deposit-draws": c.DrawRiskDeposit,
    "risk-deposit-returns": c.ReturnRiskDeposit,
    "bank-statements": c.RecordStatement,
    "bank-statement-lines": c.BookStatementLine,
    "bank-statement-bookings": c.BookStatementLines,
    "breaks": c.OpenBreak,
    "break-resolutions": c.ResolveBreak,
    "closure-refund-orders": c.OrderClosureRefunds,
    "distributions": c.OrderDistribution,
    "distribution-share-approvals": c.ApproveShares,
    "distribution-completions": c.CompleteDistribution,
    "distribution-cancellations": c.CancelDistribution,
}

DECIDED_FROM_WHAT_WAS_READ = frozenset({c.OrderDistribution})
"""The list of families and amounts was computed from a version of the stream: it must be named in If-Match."""

NEEDS_SECOND_PERSON = frozenset(
    {kind for kind in c.COMMANDS.values() if "approved_by" in kind.model_fields} | {c.ChangeCustodian, c.CloseEscrow}
)
"""What moves a whole institution: one officer proposes, another approves (docs/api.md)."""
