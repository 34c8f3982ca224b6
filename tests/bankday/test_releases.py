"""A release run lets go what the rules let go, once, and the file says exactly that."""

from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from api.bankday.numbers import file_id
from api.bankday.pain001 import NAMESPACE, write_pain001
from api.bankday.recorded import canonical_sha256
from api.bankfiles.amounts import read_amount
from ledger import commands as c
from ledger import events as e
from ledger import rejections as no
from ledger.application import Ledger
from tests import examples as x
from tests.bankday.day import MONDAY, add_family, happened, kept, lines, run, school_with
from tests.conftest import Clock
from tests.projections.school import School


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> School:
    """Two families; the first has had two lessons, the second one."""
    school = school_with(ledger, clock)
    school.asks(*x.taught("a", "b"), *x.taught("a", contract_id="c2"))
    return school.on(MONDAY)


def test_what_is_earned_goes_contract_by_contract_and_the_file_sums_to_it(school: School) -> None:
    done = run(school, "release")
    assert lines(done) == [("c1", 200_00), ("c2", 100_00)]
    assert (done.total_fen, done.recorded, kept(done)) == (300_00, 1, [])
    document = ET.fromstring(write_pain001(done.files[0]))
    assert [read_amount(each.text or "") for each in document.iter(f"{{{NAMESPACE}}}CtrlSum")] == [300_00, 300_00]
    assert school.ledger.head("school") is not None
    instructed = [each for each in happened(school.ledger) if isinstance(each, e.ReleaseInstructed)]
    assert [(each.contract_id, each.amount_fen) for each in instructed] == lines(done)


def test_a_run_that_is_over_gives_its_file_again_and_records_nothing(school: School) -> None:
    first = run(school, "release")
    version = len(happened(school.ledger))
    school.asks(c.SettleRelease(release_id=str(first.first), contract_ids=["c1"], bank_serial="b1"))
    school.asks(c.ReturnRelease(release_id=str(first.first), contract_ids=["c2"], reason="closed account"))
    school.asks(*x.taught("c"))
    again = run(school, "release")
    assert (again.recorded, again.altered) == (0, [])
    assert write_pain001(again.files[0]) == write_pain001(first.files[0])
    assert len([each for each in happened(school.ledger)[version:] if isinstance(each, e.ReleaseInstructed)]) == 0


def test_another_run_of_the_day_takes_what_came_back_and_what_came_since(school: School) -> None:
    first = run(school, "release")
    school.asks(c.ReturnRelease(release_id=str(first.first), contract_ids=["c2"], reason="closed account"))
    school.asks(*x.taught("c"))
    assert lines(run(school, "release", number=2)) == [("c1", 100_00), ("c2", 100_00)]


def test_a_dry_run_tells_the_same_and_records_nothing(school: School) -> None:
    before = school.ledger.head("school")
    preview = run(school, "release", dry_run=True)
    assert school.ledger.head("school") == before
    done = run(school, "release")
    assert preview.files == done.files
    assert (preview.recorded, done.recorded) == (0, 1)


def test_the_hash_of_the_file_stands_in_the_source_of_its_events(school: School) -> None:
    done = run(school, "release")
    recorded = [each for each in school.ledger.stream("school") if isinstance(each.event, e.ReleaseInstructed)]
    sources = {(each.envelope.source.sha256, each.envelope.source.line) for each in recorded if each.envelope.source}
    assert sources == {(canonical_sha256(done.files[0]), 1)}
    assert {each.envelope.command_id for each in recorded} == {f".{done.first}.1.end"}


def test_what_does_not_go_is_listed_with_its_reason(school: School) -> None:
    school.asks(x.dispute("a"), x.request("f2", "c2", "institution", requested_on=MONDAY))
    add_family(school, 3)
    school.asks(
        *x.taught("a", contract_id="c3"), x.release(100_00, "c3", "r0"), x.settle_release("c3", release_id="r0")
    )
    school.asks(x.dispute("a", "c3"), x.decide_dispute("a", "reversed", "c3"), *x.taught("b", contract_id="c3"))
    done = run(school, "release")
    assert lines(done) == [("c1", 100_00), ("c2", 100_00)]
    assert kept(done) == [("c1", 100_00, "disputed"), ("c3", 100_00, "owed_by_institution")]
    assert done.findings == []


def test_money_another_family_is_owed_stays_and_the_shortfall_is_a_finding(school: School) -> None:
    school.asks(x.release(100_00, "c2", "r0"), x.settle_release("c2", release_id="r0"), x.reverse_deposit("s2"))
    done = run(school, "release")
    assert lines(done) == [("c1", 100_00)]
    assert kept(done) == [("c1", 100_00, "custody_short")]
    assert [each.contract_id for each in done.findings] == ["c1"]


def test_the_rhythm_of_the_place_holds(ledger: Ledger, clock: Clock) -> None:
    weekly = school_with(ledger, clock, 1, "weekly", jurisdiction="CN-YN-YX")
    weekly.asks(*x.taught("a"))
    assert lines(run(weekly.on(date(2026, 9, 2)), "release")) == [("c1", 100_00)]
    weekly.asks(*x.taught("b"))
    assert kept(run(weekly.on(date(2026, 9, 4)), "release")) == [("c1", 100_00, "not_in_step")]
    assert lines(run(weekly.on(MONDAY), "release")) == [("c1", 100_00)]


def test_old_money_in_tianjin_goes_in_three_steps(ledger: Ledger, clock: Clock) -> None:
    school = School(ledger, clock, "school").on(x.SIGNED_ON)
    school.asks(x.opening("CN-TJ"))
    add_family(school, 1, stock=True)
    school.on(x.STARTS_ON).asks(*x.taught("a", hours="10"))
    assert lines(run(school, "release")) == [("c1", 900_00)]


def test_a_whole_order_waits_in_wuhu(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 1, jurisdiction="CN-AH-WH")
    school.asks(*x.taught("a", hours="29"))
    done = run(school, "release")
    assert (lines(done), kept(done)) == ([], [("c1", 2_900_00, "not_in_step")])


def test_an_unknown_rhythm_is_refused_by_its_name(ledger: Ledger, clock: Clock) -> None:
    signed_on = date(2021, 6, 1)
    school = School(ledger, clock, "school").on(signed_on)
    school.asks(x.opening())
    school.asks(x.contract(signed_on=signed_on, starts_on=signed_on, ends_on=date(2021, 8, 31)))
    school.asks(x.deposit(value_on=signed_on), x.claim("a", taught_on=signed_on, notified_on=signed_on), x.confirm("a"))
    with pytest.raises(no.RuleUnknown) as refusal:
        run(school, "release")
    assert refusal.value.rule == "release.mode"


def test_a_frozen_or_closing_school_releases_nothing(school: School) -> None:
    school.asks(x.freeze())
    with pytest.raises(no.EscrowIsFrozen):
        run(school, "release")
    school.asks(x.unfreeze(), x.closure(MONDAY))
    with pytest.raises(no.EscrowIsClosing):
        run(school, "release")


def test_a_day_that_has_not_come_or_is_sealed_has_no_run(school: School) -> None:
    with pytest.raises(no.DateInFuture):
        run(school, "release", MONDAY + timedelta(days=1))
    school.on(MONDAY + timedelta(days=1)).asks(c.SealDay(business_on=MONDAY))
    with pytest.raises(no.DayIsSealed):
        run(school, "release", MONDAY)


def test_a_late_run_names_its_day_and_is_dated_when_it_was_given(school: School) -> None:
    school.on(MONDAY + timedelta(days=3)).asks(*x.taught("c"))
    done = run(school, "release", MONDAY)
    assert lines(done) == [("c1", 300_00), ("c2", 100_00)]
    text = write_pain001(done.files[0])
    assert b"<CreDtTm>2026-09-10T10:00:00+08:00</CreDtTm>" in text
    assert b"<ReqdExctnDt><Dt>2026-09-07</Dt></ReqdExctnDt>" in text
    school.on(MONDAY + timedelta(days=4))
    again = run(school, "release", MONDAY)
    assert (again.recorded, again.altered, write_pain001(again.files[0])) == (0, [], text)


def test_a_run_asked_again_tells_what_is_kept_now(school: School) -> None:
    school.asks(x.dispute("a"))
    first = run(school, "release")
    assert kept(run(school, "release")) == kept(first) == [("c1", 100_00, "disputed")]
    school.asks(x.decide_dispute("a", "upheld"))
    assert kept(run(school, "release")) == []


def test_a_run_of_a_frozen_school_gives_its_file_again(school: School) -> None:
    first = run(school, "release")
    school.asks(x.freeze())
    assert run(school, "release").files == first.files


def test_a_long_run_is_cut_into_files_and_goes_on_where_it_stopped(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 7)
    for number in range(1, 8):
        school.asks(*x.taught("a", contract_id=f"c{number}"))
    done = run(school, "release", part=3)
    assert [len(file.payments) for file in done.files] == [3, 3, 1]
    assert len({file.file_id for file in done.files}) == 3
    assert sorted(lines(done)) == [(f"c{number}", 100_00) for number in range(1, 8)]
    assert run(school, "release", part=3).files == done.files


@pytest.mark.parametrize("families", [2, 3, 4, 6])
def test_a_run_whose_last_file_is_full_to_the_brim_is_over(ledger: Ledger, clock: Clock, families: int) -> None:
    school = school_with(ledger, clock, families + 1)
    for number in range(1, families + 1):
        school.asks(*x.taught("a", contract_id=f"c{number}"))
    done = run(school, "release", part=3)
    school.asks(*x.taught("a", contract_id=f"c{families + 1}"))
    again = run(school, "release", part=3)
    assert (again.recorded, again.files) == (0, done.files)
    assert sorted(lines(done)) == [(f"c{number}", 100_00) for number in range(1, families + 1)]


def test_a_reference_that_no_file_can_hold_is_not_instructed_and_is_listed(ledger: Ledger, clock: Clock) -> None:
    school = school_with(ledger, clock, 0, account_id="6" * 35)
    school.asks(x.contract(), x.deposit(account_id="6" * 35), *x.taught("a"))
    done = run(school, "release")
    assert (done.files, done.recorded) == ([], 0)
    assert kept(done) == [("c1", 100_00, "account_too_long")]
    assert len(done.findings) == 1


def test_the_file_names_the_school_as_it_was_called_then(school: School) -> None:
    first = run(school, "release")
    school.asks(c.RenameInstitution(institution_name="另一个名字", uscc="91110108MA01A2B3CF", licensed=True))
    again = run(school, "release")
    assert again.files[0].name == "启明文化培训学校"
    assert (again.files, again.altered) == (first.files, [])


def test_two_schools_have_different_files() -> None:
    assert file_id("release", "a", MONDAY) != file_id("release", "b", MONDAY)
    assert len(file_id("release", "a", MONDAY, 99).payment_id(10_000)) <= 35
