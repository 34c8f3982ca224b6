"""Opening, custodian, freezes, attachments, identity, sealing, and who may ask when."""

from datetime import UTC, date, datetime

import pytest

from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.identifiers import Role
from ledger.rulebook import UnknownRuleSet
from ledger.sheets import Profile
from tests import examples as x
from tests.specification import Specification

SECOND = date(2026, 9, 2)


@pytest.fixture
def school() -> Specification:
    return Specification().given(x.opening())


def test_an_institution_comes_under_supervision_once(school: Specification) -> None:
    assert school.escrow.get(Profile, "school").uscc == x.USCC
    assert (school.escrow.header.status, school.escrow.header.account_id) == ("open", "6222000001")
    school.when(x.opening()).refused(no.EscrowAlreadyOpen("school"))


def test_a_mistyped_social_credit_code_opens_nothing() -> None:
    wrong = x.USCC[:-1] + "0"
    Specification().when(x.opening(uscc=wrong)).refused(no.UnknownSocialCreditCode(wrong))


def test_a_place_without_rules_opens_nothing() -> None:
    Specification().when(x.opening("CN-XX")).refused(UnknownRuleSet("CN-XX", "non_academic"))


@pytest.mark.parametrize(
    "command",
    [
        x.contract(), x.deposit(), x.claim("a"), x.release(1), x.request(), x.freeze(), x.closure(SECOND),
        x.order_refund(), c.SealDay(business_on=date(2026, 8, 31)), c.CloseEscrow(),
        c.PlaceRiskDeposit(amount_fen=1, bank_serial="b"),
        c.RecordAttachment(attachment_id="a", authority="court", order_no="1", amount_fen=1),
    ],
)  # fmt: skip
def test_nothing_is_asked_of_an_escrow_that_is_not_open(command: c.Command) -> None:
    Specification().when(command).refused(no.EscrowNotOpen("school", "none"))


def test_every_command_is_kept_to_its_roles(school: Specification) -> None:
    for name, command in c.COMMANDS.items():
        for role in set(Role) - command.by:
            school.when(command.model_construct(), role=role).refused(no.RoleNotAllowed(name, role))


def move(closing_balance_fen: int) -> c.ChangeCustodian:
    return c.ChangeCustodian(
        custodian="bank-b", account_id="6222000002", agreement_no="B-1", closing_balance_fen=closing_balance_fen
    )


def test_custody_moves_with_its_exact_balance() -> None:
    school = Specification().given(x.opening(), x.contract(), x.deposit())
    school.when(move(1)).refused(no.ClosingBalanceDiffers(x.PRICE_FEN, 1))
    school.when(move(x.PRICE_FEN)).then(e.CustodianChanged)
    school.when(x.deposit("s2")).refused(no.WrongAccount("6222000001"))
    school.when(x.deposit("s2", account_id="6222000002", contract_id=None)).then(e.DepositReceived)


def test_custody_does_not_move_under_a_payment_on_its_way() -> None:
    school = Specification().given(x.opening(), x.contract(), x.deposit(), *x.taught("a"), x.release(x.LESSON_FEN))
    school.when(move(x.PRICE_FEN)).refused(no.PaymentsInTransit(x.LESSON_FEN))


def test_a_frozen_escrow_releases_nothing_and_still_refunds() -> None:
    school = Specification().given(x.opening(), x.contract(), x.deposit(), *x.taught("a"), x.freeze())
    school.when(x.release(x.LESSON_FEN)).refused(no.EscrowIsFrozen())
    school.on(date(2026, 9, 10)).given(x.request(), x.approve(), *x.paid_out())
    assert school.escrow.header.custody_cash_fen == x.LESSON_FEN


def test_a_release_that_was_on_its_way_when_the_freeze_came_settles() -> None:
    school = Specification().given(x.opening(), x.contract(), x.deposit(), *x.taught("a"), x.release(1_00), x.freeze())
    school.when(x.settle_release()).then(e.ReleaseSettled)


def test_a_freeze_is_set_once_and_lifted_by_two(school: Specification) -> None:
    school.when(x.unfreeze()).refused(no.EscrowNotFrozen())
    school.given(x.freeze()).when(x.freeze()).refused(no.EscrowIsFrozen())
    school.when(x.unfreeze(approved_by="regulator-1")).refused(no.SecondPersonRequired("regulator-1"))
    school.when(x.unfreeze()).then(e.EscrowUnfrozen)
    assert not school.escrow.header.frozen


def test_a_freeze_counts_every_working_day_it_touches(school: Specification) -> None:
    school.on(date(2026, 9, 24)).given(x.freeze())
    school.on(date(2026, 10, 9)).when(x.unfreeze())
    # 24 Sep, 28-30 Sep, 8 and 9 Oct; 25-27 Sep and 1-7 Oct are holidays.
    assert school.escrow.header.frozen_workdays == 6


def test_an_attachment_lowers_what_can_be_paid_until_it_ends() -> None:
    school = Specification().given(x.opening(), x.contract(), x.deposit(), *x.taught("a"))
    attach = c.RecordAttachment(attachment_id="a1", authority="court", order_no="1", amount_fen=x.PRICE_FEN)
    school.given(attach).when(attach).refused(no.AlreadyRecorded("attachment", "a1"))
    school.when(x.release(x.LESSON_FEN)).refused(no.CustodyShort(0, x.LESSON_FEN))
    lift = c.LiftAttachment(attachment_id="a1", order_no="2")
    school.when(lift).then(e.AttachmentLifted)
    school.when(lift).refused(no.AttachmentUnknown("a1"))
    school.when(x.release(x.LESSON_FEN)).then(e.ReleaseInstructed)


def test_a_new_name_or_licence_is_recorded_and_history_keeps_the_old(school: Specification) -> None:
    rename = c.RenameInstitution(institution_name="新名", uscc=x.USCC, licensed=False)
    school.when(rename).then(e.InstitutionRenamed)
    assert not school.escrow.header.licensed
    opened = school.history[0]
    assert isinstance(opened, e.EscrowOpened)
    assert opened.name == "启明文化培训学校"
    wrong = x.USCC[:-1] + "1"
    school.when(rename.model_copy(update={"uscc": wrong})).refused(no.UnknownSocialCreditCode(wrong))


def test_obligations_follow_the_successor(school: Specification) -> None:
    school.when(c.RecordSuccession(successor_id="school-2", ground="merger")).then(e.InstitutionSucceeded)
    assert school.escrow.header.successor_id == "school-2"
    school.given(x.closure(date(2026, 9, 1)))
    school.when(c.RecordSuccession(successor_id="s3", ground="merger")).refused(no.EscrowIsClosing("abnormal"))


def test_a_sealed_day_takes_no_more_postings(school: Specification) -> None:
    school.when(c.SealDay(business_on=date(2026, 9, 1))).refused(no.DayNotOver(date(2026, 9, 1)))
    school.when(c.SealDay(business_on=date(2026, 9, 2))).refused(
        no.DateInFuture("business_on", date(2026, 9, 2), date(2026, 9, 1))
    )
    before_opening = date(2026, 1, 1)
    school.when(c.SealDay(business_on=before_opening)).refused(no.BusinessTimeBeforeOpening(before_opening))
    school.on(SECOND).given(c.SealDay(business_on=date(2026, 9, 1)))
    school.when(c.SealDay(business_on=date(2026, 9, 1))).refused(no.DayIsSealed(date(2026, 9, 1), date(2026, 9, 1)))
    late = x.freeze().model_copy(update={"effective_at": datetime(2026, 9, 1, 12, tzinfo=UTC)})
    school.when(late).refused(no.DayIsSealed(date(2026, 9, 1), date(2026, 9, 1)))
    school.when(x.freeze()).then(e.EscrowFrozen)


def test_a_day_is_sealed_over_the_balances_of_the_moment(school: Specification) -> None:
    seals = []
    for day in (2, 3):
        school.on(date(2026, 9, day)).given(c.SealDay(business_on=date(2026, 9, day - 1)))
        seals += [event for event in school.events if isinstance(event, e.DaySealed)]
        school.given(x.deposit(f"s{day}", contract_id=None))
    assert seals[0].balances_root != seals[1].balances_root


def test_nothing_is_recorded_before_it_happened_or_before_the_escrow_existed(school: Specification) -> None:
    ahead = x.freeze().model_copy(update={"effective_at": datetime(2026, 9, 1, 3, tzinfo=UTC)})
    school.when(ahead).refused(no.BusinessTimeInFuture(date(2026, 9, 1), date(2026, 9, 1)))
    end = x.freeze().model_copy(update={"effective_at": datetime(9999, 12, 31, 23, tzinfo=UTC)})
    school.when(end).refused(no.BusinessTimeInFuture(date.max, date(2026, 9, 1)))
    before = x.freeze().model_copy(update={"effective_at": datetime(2026, 8, 31, tzinfo=UTC)})
    school.when(before).refused(no.BusinessTimeBeforeOpening(date(2026, 8, 31)))


def test_the_business_date_is_the_date_in_shanghai() -> None:
    night = datetime(2026, 8, 31, 16, 30, tzinfo=UTC)
    school = Specification(date(2026, 8, 30)).given(x.opening()).on(SECOND)
    school.given(c.SealDay(business_on=date(2026, 8, 31)))
    just_after = x.freeze().model_copy(update={"effective_at": night})
    school.when(just_after).then(e.EscrowFrozen)


def test_another_familys_contract_does_not_exist_for_a_guardian() -> None:
    school = Specification().given(x.opening(), x.contract(), x.deposit(), x.claim("a")).on(date(2026, 9, 10))
    school.when(x.confirm("a"), guardian="guardian-2").refused(no.ContractUnknown("c1"))
    school.when(x.request(), guardian="guardian-2").refused(no.ContractUnknown("c1"))
    school.when(x.confirm("a"), guardian="guardian-1").then(e.ClassConsumptionConfirmed)
    school.given(x.request())
    withdraw = c.WithdrawRefund(refund_id="f1", reason="stays")
    school.when(withdraw, guardian="guardian-2").refused(no.RefundUnknown("f1"))
    school.given(x.open_mediation())
    drop = c.WithdrawMediation(case_id="m1", reason="settled")
    school.when(drop, Role.GUARDIAN, guardian="guardian-2").refused(no.CaseUnknown("m1"))
    school.when(drop, Role.GUARDIAN, guardian="guardian-1").then(e.MediationWithdrawn)
