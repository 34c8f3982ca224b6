"""Plausible commands: one school, one child, 30 lessons for 3,000 yuan, paid before the course starts."""

from datetime import date

from ledger import commands as c

USCC = "91110108MA01AB3C4K"
SIGNED_ON, STARTS_ON, ENDS_ON = date(2026, 8, 25), date(2026, 9, 1), date(2026, 11, 28)
PRICE_FEN, LESSON_FEN = 3_000_00, 100_00


def opening(jurisdiction: str = "CN", category: str = "non_academic", **changes: object) -> c.OpenEscrow:
    """A school under supervision."""
    return c.OpenEscrow.model_validate(
        {
            "institution_name": "启明文化培训学校", "uscc": USCC, "jurisdiction": jurisdiction, "category": category,
            "district": "海淀区", "licensed": True, "custodian": "bank-a", "account_id": "6222000001",
            "agreement_no": "A-2026-1",
        } | changes
    )  # fmt: skip


def contract(
    contract_id: str = "c1", *, price_fen: int = PRICE_FEN, hours: str = "30", **changes: object
) -> c.RegisterContract:
    """A contract of the child."""
    terms = changes.pop("terms", {})
    return c.RegisterContract.model_validate(
        {
            "contract_id": contract_id, "guardian_id": "guardian-1", "student_id": "child-1", "course": "piano",
            "subject": "music", "signed_on": SIGNED_ON, "starts_on": STARTS_ON, "ends_on": ENDS_ON,
            "price_fen": price_fen, "paid_hours": hours, "terms": c.ContractTerms.model_validate(terms),
        } | changes
    )  # fmt: skip


def deposit(
    serial: str = "s1", amount_fen: int = PRICE_FEN, contract_id: str | None = "c1", **changes: object
) -> c.RecordDeposit:
    """A credit on the custody account."""
    return c.RecordDeposit.model_validate(
        {
            "bank_serial": serial, "account_id": "6222000001", "value_on": SIGNED_ON, "amount_fen": amount_fen,
            "payer_ref": "payer-1", "contract_id": contract_id,
        } | changes
    )  # fmt: skip


def deposit_id(serial: str = "s1", value_on: date = SIGNED_ON, account_id: str = "6222000001") -> str:
    """The id of that credit."""
    return f"{account_id}.{value_on:%Y%m%d}.{serial}"


def lesson(lesson_id: str, contract_id: str = "c1", hours: str = "1", **changes: object) -> dict[str, object]:
    """One line of a claim."""
    return {
        "contract_id": contract_id, "lesson_id": lesson_id, "hours": hours, "taught_on": STARTS_ON,
        "notified_on": STARTS_ON,
    } | changes  # fmt: skip


def claim(
    *lessons: str | dict[str, object], contract_id: str = "c1", hours: str = "1", **changes: object
) -> c.ClaimLessons:
    """Lessons claimed as taught on the first day of the course."""
    lines = [each if isinstance(each, dict) else lesson(each, contract_id, hours, **changes) for each in lessons]
    return c.ClaimLessons.model_validate({"lessons": lines})


def _refs(lessons: tuple[str, ...], contract_id: str) -> list[c.LessonRef]:
    return [c.LessonRef(contract_id=contract_id, lesson_id=each) for each in lessons]


def confirm(*lessons: str, contract_id: str = "c1") -> c.ConfirmLessons:
    """The guardian's yes."""
    return c.ConfirmLessons(lessons=_refs(lessons, contract_id))


def confirm_by_default(*lessons: str, contract_id: str = "c1") -> c.ConfirmLessonsByDefault:
    """Silence past the window."""
    return c.ConfirmLessonsByDefault(lessons=_refs(lessons, contract_id))


def dispute(lesson_id: str, contract_id: str = "c1") -> c.DisputeLesson:
    """The family contests a lesson."""
    return c.DisputeLesson(contract_id=contract_id, lesson_id=lesson_id, reason="the teacher did not come")


def decide_dispute(lesson_id: str, outcome: str, contract_id: str = "c1") -> c.DecideDispute:
    """The officer's decision."""
    return c.DecideDispute.model_validate(
        {"contract_id": contract_id, "lesson_id": lesson_id, "outcome": outcome, "reason": "sign-in sheet"}
    )


def taught(*lessons: str, contract_id: str = "c1", hours: str = "1") -> tuple[c.ClaimLessons, c.ConfirmLessons]:
    """Lessons claimed and confirmed by the guardian."""
    return claim(*lessons, contract_id=contract_id, hours=hours), confirm(*lessons, contract_id=contract_id)


def release(amount_fen: int, contract_id: str = "c1", release_id: str = "r1") -> c.InstructRelease:
    """An order to pay earned money to the school."""
    return c.InstructRelease(
        release_id=release_id, lines=[c.ReleaseOrderLine(contract_id=contract_id, amount_fen=amount_fen)]
    )


def settle_release(*contract_ids: str, release_id: str = "r1") -> c.SettleRelease:
    """The bank paid these lines."""
    return c.SettleRelease(release_id=release_id, contract_ids=list(contract_ids or ("c1",)), bank_serial="b1")


def request(
    refund_id: str = "f1", contract_id: str = "c1", cause: str = "institution", **changes: object
) -> c.RequestRefund:
    """The family asks for its money."""
    return c.RequestRefund.model_validate(
        {"refund_id": refund_id, "contract_id": contract_id, "cause": cause, "requested_on": date(2026, 9, 10)}
        | changes
    )


def approve(refund_id: str = "f1", amount_fen: int | None = None) -> c.ApproveRefund:
    """The school agrees."""
    return c.ApproveRefund(refund_id=refund_id, amount_fen=amount_fen)


def order_refund(
    refund_id: str = "f1", contract_id: str = "c1", cause: str = "institution", **changes: object
) -> c.OrderRefund:
    """The officer orders a refund."""
    return c.OrderRefund.model_validate(
        {"refund_id": refund_id, "contract_id": contract_id, "cause": cause, "basis": "decision 7"} | changes
    )


def instruct(refund_id: str = "f1", instruction_id: str = "i1", amount_fen: int | None = None) -> c.InstructRefund:
    """The bank is told to pay the family."""
    return c.InstructRefund(refund_id=refund_id, instruction_id=instruction_id, amount_fen=amount_fen)


def settle(refund_id: str = "f1", instruction_id: str = "i1") -> c.SettleRefund:
    """The bank paid the family."""
    return c.SettleRefund(refund_id=refund_id, instruction_id=instruction_id, bank_serial="b9")


def paid_out(refund_id: str = "f1", instruction_id: str = "i1") -> tuple[c.InstructRefund, c.SettleRefund]:
    """Instructed and paid."""
    return instruct(refund_id, instruction_id), settle(refund_id, instruction_id)


def reverse_deposit(serial: str = "s1", reason: str = "chargeback") -> c.ReverseDeposit:
    """The bank took the credit back."""
    return c.ReverseDeposit.model_validate(
        {"deposit_id": deposit_id(serial), "reversal_id": f"v-{serial}", "reason": reason}
    )


def open_mediation(case_id: str = "m1", contract_id: str = "c1", **changes: object) -> c.OpenMediation:
    """A case at the mediation centre."""
    return c.OpenMediation.model_validate(
        {
            "case_id": case_id,
            "contract_id": contract_id,
            "referred_by": "family",
            "cause": "institution",
            "claim_fen": 1,
        }
        | changes
    )


def accept_mediation(accepted_on: date, case_id: str = "m1") -> c.AcceptMediation:
    """The mediator signs for the file."""
    return c.AcceptMediation(case_id=case_id, accepted_on=accepted_on)


def settlement(agreed_on: date, case_id: str = "m1", **changes: object) -> c.AgreeSettlement:
    """What both sides signed."""
    return c.AgreeSettlement.model_validate({"case_id": case_id, "kind": "amount", "agreed_on": agreed_on} | changes)


def closure(stopped_on: date, kind: str = "abnormal", approved_by: str = "regulator-2") -> c.DeclareClosure:
    """The school has stopped."""
    return c.DeclareClosure.model_validate(
        {"kind": kind, "stopped_on": stopped_on, "reason": "doors shut", "approved_by": approved_by}
    )


def freeze() -> c.FreezeEscrow:
    """Releases stop."""
    return c.FreezeEscrow(authority="regulator", order_no="F-1", reason="alarm")


def unfreeze(approved_by: str = "regulator-2") -> c.UnfreezeEscrow:
    """Releases go on."""
    return c.UnfreezeEscrow(order_no="F-2", reason="cleared", approved_by=approved_by)


def amendment(
    contract_id: str = "c1", *, price_fen: int = PRICE_FEN, hours: str = "30", **changes: object
) -> c.AmendContract:
    """A new price, new hours or a new end, with the guardian's consent."""
    return c.AmendContract.model_validate(
        {
            "contract_id": contract_id, "price_fen": price_fen, "paid_hours": hours, "ends_on": ENDS_ON,
            "reason": "new price", "consent": "doc-1",
        } | changes
    )  # fmt: skip


def transfer(hours: str, contract_id: str = "c1", to_contract_id: str = "c2") -> c.TransferLessons:
    """Lessons for another contract, with the consent of both families."""
    return c.TransferLessons.model_validate(
        {
            "contract_id": contract_id, "to_contract_id": to_contract_id, "hours": hours, "reason": "sibling",
            "consent": "doc-1", "receiver_consent": "doc-2",
        }
    )  # fmt: skip
