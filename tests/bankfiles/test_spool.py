"""Long files lie on disk: what is read back is what was kept, in order, from either end."""

from datetime import date, timedelta

from api.bankfiles.spool import CHUNK, DISK, Amounts, Spool
from ledger.application import Ledger
from ledger.statements import StatementLine
from tests import examples as x
from tests.bankfiles.bank import DAY, ask, facts, imported, school
from tests.bankfiles.files import Booking, as_csv, generic_csv, generic_rows


def lines(count: int) -> list[StatementLine]:
    return [_line(n) for n in range(count)]


def _line(n: int) -> StatementLine:
    on, value_on = DAY, DAY + timedelta(n % 3)
    return StatementLine(
        line=n, booked_on=on, value_on=value_on, amount_fen=n - 5, text=f"学费 {n}", balance_fen=n or None
    )


def test_a_spool_is_the_sequence_it_was_made_of() -> None:
    for count in (CHUNK, 2 * CHUNK - 1, 3 * CHUNK + 7):
        made = lines(count)
        kept = DISK.keep(StatementLine, iter(made))
        assert isinstance(kept, Spool)
        assert (len(kept), list(kept), kept[count - 1], kept[-1]) == (count, made, made[-1], made[-1])
        assert list(reversed(kept)) == made[::-1]
        assert kept[CHUNK - 2 : CHUNK + 2] == made[CHUNK - 2 : CHUNK + 2]
        assert list(zip(kept, kept, strict=True)) == list(zip(made, made, strict=True)), "two readers at once"


def test_what_is_short_stays_in_memory() -> None:
    assert isinstance(DISK.keep(StatementLine, iter(lines(CHUNK - 1))), list)
    assert list(DISK.keep(StatementLine, iter([]))) == []


def test_what_is_sorted_on_disk_keeps_the_order_of_equals() -> None:
    for count in (CHUNK - 1, 2 * CHUNK + 7):
        made = lines(count)
        kept = DISK.sort(StatementLine, iter(made), lambda line: f"{line.value_on}")
        assert list(kept) == sorted(made, key=lambda line: line.value_on)
        assert list(DISK.sort(StatementLine, iter(made), lambda line: -line.amount_fen)) == made[::-1]


def test_amounts_by_key_are_the_same_wherever_they_are_kept() -> None:
    for count in (0, CHUNK - 1, 2 * CHUNK + 7):
        amounts = Amounts((f"k{n % count}", n) for n in range(2 * count))
        assert dict(amounts) == {f"k{n}": count + n for n in range(count)}
        assert list(amounts) == sorted(amounts)
        assert (amounts.get("k0"), amounts.get("k"), bool(amounts)) == (count or None, None, count > 0)


def test_a_long_file_is_taken_in_whatever_its_order_and_goes_on_where_the_last_one_ended(ledger: Ledger) -> None:
    school(ledger)
    ask(ledger, x.deposit("S7", 100 + 7, None, account_id="110060149018800012345", value_on=DAY))
    first = [Booking(DAY, 100 + n, f"S{n}", text="合同C-1 学费" if n % 2 else "学费") for n in range(1_200)]
    rows = generic_rows(first, 0)
    done = imported(ledger, as_csv([*rows[:3], *rows[3:-1][::-1], rows[-1]]))
    assert (done.booked, done.kinds, done.demoted) == (1_200, {"matched": 1, "deposit": 1_199}, [])
    after = [Booking(date(2026, 9, 1), 50, f"T{n}") for n in range(1_100)]
    opening_fen = sum(each.fen for each in first[:-300])
    again = imported(ledger, generic_csv([*first[-300:], *after], opening_fen))
    assert (again.booked, again.already) == (1_100, 300)
    assert facts(ledger)[0] == sum(each.fen for each in [*first, *after])
