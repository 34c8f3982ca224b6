"""The clerk's file arrives twice, once more with new keys, and once more with one line altered."""

from dataclasses import replace
from datetime import date

from api.demo.histories import opening
from api.demo.schools import School
from ledger import commands as c
from ledger.answers import CommandKeyReused, Receipt
from ledger.orders import Order, Source
from ledger.rejections import DuplicateBankSerial
from tests.stories.conftest import Town

DAY = date(2026, 3, 2)
AMOUNTS_FEN = (2_400_00, 1_800_00, 1_800_00, 3_150_00)


def file_of(school: School, *, sha256: str = "ab" * 32, prefix: str = "line") -> list[Order]:
    """One order for each line of the bank's file, under a key made of file and line."""
    return [
        replace(
            school.bank(
                c.RecordDeposit, bank_serial=f"T{number}", account_id="custody-1", value_on=DAY, amount_fen=fen,
                payer_ref=f"P{number}",
            ),
            command_id=f"{prefix}-{number}",
            source=Source(sha256, number),
        )
        for number, fen in enumerate(AMOUNTS_FEN, 1)
    ]  # fmt: skip


def opened(town: Town) -> School:
    school = town.school("BJ-C01", "CN-BJ", "culture_art")
    town.on(date(2026, 3, 1), 9)
    town.tell(school, *opening(school, date(2026, 3, 1)).orders)
    town.on(DAY, 17)
    return school


def test_the_same_file_again_is_answered_as_before_and_counts_once(town: Town) -> None:
    school = opened(town)
    first = town.ledger.submit_all(file_of(school))
    position = town.ledger.position()
    again = town.ledger.submit_all(file_of(school))
    for before, after in zip(first, again, strict=True):
        assert isinstance(before, Receipt)
        assert isinstance(after, Receipt)
        assert after.replayed
        assert [event.hash for event in after.events] == [event.hash for event in before.events]
    assert town.ledger.position() == position
    assert town.balance(school).custody_cash_fen == town.balance(school).unapplied_fen == 9_150_00


def test_the_same_money_under_new_keys_is_refused_line_by_line(town: Town) -> None:
    school = opened(town)
    town.ledger.submit_all(file_of(school)[:2])
    answers = town.ledger.submit_all(file_of(school, sha256="cd" * 32, prefix="other"))
    refused = [answer for answer in answers if isinstance(answer, DuplicateBankSerial)]
    assert [answer.deposit_id for answer in refused] == ["custody-1.20260302.T1", "custody-1.20260302.T2"]
    assert town.balance(school).custody_cash_fen == 9_150_00


def test_a_line_that_was_altered_cannot_hide_behind_its_key(town: Town) -> None:
    school = opened(town)
    town.ledger.submit_all(file_of(school))
    first, *_ = file_of(school)
    assert isinstance(first.command, c.RecordDeposit)
    altered = replace(first, command=first.command.model_copy(update={"amount_fen": 24_000_00}))
    assert isinstance(town.refused(altered), CommandKeyReused)
    assert town.balance(school).custody_cash_fen == 9_150_00


def test_the_file_and_the_line_stand_in_the_record(town: Town) -> None:
    school = opened(town)
    town.ledger.submit_all(file_of(school))
    received = [each for each in town.ledger.stream("BJ-C01") if each.topic == "deposit_received.1"]
    assert [each.envelope.source for each in received] == [Source("ab" * 32, number) for number in (1, 2, 3, 4)]
