"""300 seeded mutations of bank files: every line is booked once or the file refused by name; the true one fits."""

import contextlib
import io
import random
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from api.bankfiles.commit import commit_statement
from api.bankfiles.preview import preview_statement
from api.bankfiles.reading import read_statements
from ledger import events as e
from ledger.answers import Receipt
from ledger.application import Ledger, open_ledger
from ledger.identifiers import Role
from ledger.orders import Order
from ledger.rejections import Rejection
from tests import examples as x
from tests.bankfiles.bank import BANK, DAY, PARTIES
from tests.bankfiles.files import ACCOUNT, Booking, as_csv, as_xlsx, camt053, generic_csv, generic_rows, mt940
from tests.conftest import Clock, migrate

SEEDS = range(300)
NEXT = DAY + timedelta(days=1)
FIRST = [Booking(DAY, 1_000_00 + n, f"A{n}", text="学费") for n in range(4)]
OPENING_FEN = sum(each.fen for each in FIRST)
Bookings = list[Booking]


def second_day(dice: random.Random) -> Bookings:
    """Between 3 and 12 lines, some of them equal but for their serial number, some paid out."""
    amounts = [
        dice.choice([100, 100, 2_50, 99_999_99, dice.randint(1, 10**7), -dice.randint(1, 900_00)])
        for _ in range(dice.randint(3, 12))
    ]
    return [Booking(NEXT, fen, f"B{n}", text=dice.choice(["学费", "合同C-1", "退费"])) for n, fen in enumerate(amounts)]


# ── files that still say the same ───────────────────────────────────────────────────────────────────────────


def as_it_is(day: Bookings, dice: random.Random) -> bytes:
    return dice.choice([generic_csv, camt053, mt940])(day, OPENING_FEN)


def other_encoding(day: Bookings, dice: random.Random) -> bytes:
    return generic_csv(day, OPENING_FEN, dice.choice(["utf-8-sig", "gb18030", "utf-16"]))


def as_workbook(day: Bookings, _: random.Random) -> bytes:
    return as_xlsx(generic_rows(day, OPENING_FEN))


def shuffled(day: Bookings, dice: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    body = rows[3:-1]
    dice.shuffle(body)
    return as_csv([*rows[:3], *body, rows[-1]])


def reversed_order(day: Bookings, _: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    return as_csv([*rows[:3], *rows[3:-1][::-1], rows[-1]])


def overlapping(day: Bookings, dice: random.Random) -> bytes:
    kept = dice.randint(1, len(FIRST))
    before = sum(each.fen for each in FIRST[:-kept])
    return generic_csv([*FIRST[-kept:], *day], before)


def padded(day: Bookings, _: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    return as_csv([[f"{cell}   \t" for cell in row] for row in rows])


# ── files that lie, or are no files ─────────────────────────────────────────────────────────────────────────


def cut(day: Bookings, dice: random.Random) -> bytes:
    data = dice.choice([generic_csv, camt053, mt940])(day, OPENING_FEN)
    return data[: dice.randint(len(data) // 3, len(data) - 25)]


def without_a_line(day: Bookings, dice: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    del rows[dice.randrange(3, len(rows) - 1)]
    return as_csv(rows)


def with_a_line_twice(day: Bookings, dice: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    rows.insert(3, rows[dice.randrange(3, len(rows) - 1)])
    return as_csv(rows)


def with_an_entry_twice(day: Bookings, dice: random.Random) -> bytes:
    twice = dice.choice(day)
    return camt053([*day, twice], OPENING_FEN)


def wrong_total(day: Bookings, dice: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    rows[-1] = [f"期末余额: {dice.randint(1, 10**6)}.99"]
    return as_csv(rows)


def wrong_amount(day: Bookings, dice: random.Random) -> bytes:
    place = dice.randrange(len(day))
    changed = [*day]
    changed[place] = Booking(NEXT, day[place].fen + (7 if day[place].fen > 0 else -7), day[place].serial)
    true, false = generic_rows(day, OPENING_FEN), generic_rows(changed, OPENING_FEN)
    return as_csv([*false[:-1], true[-1]])


def other_currency(day: Bookings, _: random.Random) -> bytes:
    return camt053(day, OPENING_FEN).replace(b"'CNY'", b"'USD'", 3)


def formula(day: Bookings, dice: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    row, column = dice.randrange(3, len(rows) - 1), dice.randrange(6, 9)
    if dice.random() < 0.5:
        return as_xlsx(rows, formula=(row, column, '=HYPERLINK("x")'))
    rows[row][column] = dice.choice(["=1+1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
    return as_csv(rows)


def xml_bomb(day: Bookings, dice: random.Random) -> bytes:
    size = dice.randint(2, 30)
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "x"}">' for n in range(size))
    return camt053(day, OPENING_FEN).replace(b"<Document", f"<!DOCTYPE d [{entities}]><Document".encode(), 1)


def zip_bomb(day: Bookings) -> bytes:
    source, out = zipfile.ZipFile(io.BytesIO(as_xlsx(generic_rows(day, 0)))), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            target.writestr(part, source.read(part))
        with target.open("xl/media/x.xml", "w", force_zip64=True) as bomb:
            for _ in range(520):
                bomb.write(b"\0" * (1 << 20))
    return out.getvalue()


def many_columns(day: Bookings, dice: random.Random) -> bytes:
    rows = generic_rows(day, OPENING_FEN)
    rows[dice.randrange(2, len(rows) - 1)] += ["1"] * 10**6
    return as_csv(rows)


def a_zero_byte(day: Bookings, dice: random.Random) -> bytes:
    data = bytearray(generic_csv(day, OPENING_FEN))
    data[dice.randrange(len(data))] = 0
    return bytes(data)


def a_day_is_missing(day: Bookings, dice: random.Random) -> bytes:
    return generic_csv(day, OPENING_FEN + dice.randint(1, 10**6))


def contradicted(day: Bookings, dice: random.Random) -> bytes:
    """Balances hold, and a line that was booked comes again with another amount."""
    kept = dice.randint(1, len(FIRST))
    before, again = sum(each.fen for each in FIRST[:-kept]), list(FIRST[-kept:])
    at = dice.randrange(kept)
    again[at] = replace(again[at], fen=again[at].fen + dice.choice([-1, 1, 100]))
    return generic_csv([*again, *dice.choice([day, []])], before)


def an_open_quote(day: Bookings, dice: random.Random) -> bytes:
    rows = generic_csv(day, OPENING_FEN).split(b"\r\n")
    row = dice.randrange(3, len(rows) - 2)
    rows[row] = rows[row].replace(b",B", b',"B', 1)
    return b"\r\n".join(rows)


SAME: list[Callable[[Bookings, random.Random], bytes]] = [
    as_it_is, other_encoding, as_workbook, shuffled, reversed_order, overlapping, padded,
]  # fmt: skip
WRONG: list[Callable[[Bookings, random.Random], bytes]] = [
    without_a_line, with_a_line_twice, with_an_entry_twice, wrong_total, wrong_amount, other_currency, formula,
    xml_bomb, many_columns, a_zero_byte, a_day_is_missing, an_open_quote, contradicted,
]  # fmt: skip
KINDS = [*SAME, *WRONG, cut]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in a file, with room for a school per seed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('city') / 'ledger.sqlite'}"
    migrate(url)
    ledger = open_ledger(url, Clock())
    yield ledger
    ledger.close()


def imported(ledger: Ledger, school: str, data: bytes) -> None:
    for statement in read_statements(data, PARTIES):
        commit_statement(ledger, preview_statement(ledger, school, statement), BANK)


def booked(ledger: Ledger, school: str) -> Counter[tuple[str, int]]:
    """Serial number and amount of every line that history holds."""
    found: Counter[tuple[str, int]] = Counter()
    for recorded in ledger.stream(school):
        if isinstance(recorded.event, e.StatementLineMatched):
            found[recorded.event.serial, recorded.event.signed_fen] += 1
        elif isinstance(recorded.event, e.ReconciliationBreakOpened) and recorded.event.drift_fen:
            found["", recorded.event.signed_fen] += 1
    return found


def truth(day: Bookings) -> Counter[tuple[str, int]]:
    """Deposits by serial number; payments out are breaks here, as nobody instructed them."""
    return Counter((each.serial if each.fen > 0 else "", each.fen) for each in [*FIRST, *day])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_line_is_lost_or_doubled(city: Ledger, seed: int) -> None:
    dice = random.Random(seed)
    school, mutation = f"school-{seed}", KINDS[seed % len(KINDS)]
    opened = city.submit(Order(school, "open", x.opening(account_id=ACCOUNT), "officer", Role.REGULATOR))
    assert isinstance(opened, Receipt)
    imported(city, school, generic_csv(FIRST))
    day = second_day(dice)
    before = booked(city, school)
    data = mutation(day, dice)
    if mutation in SAME:
        imported(city, school, data)
        assert booked(city, school) == truth(day)
    elif mutation is cut:  # what a cut file still proves by its balances may stand
        with contextlib.suppress(Rejection):
            imported(city, school, data)
        assert booked(city, school) <= truth(day)
    else:
        with pytest.raises(Rejection) as caught:
            imported(city, school, data)
        assert caught.value.code != "rejection"
        assert booked(city, school) == before
    for again in (generic_csv(day, OPENING_FEN), data if mutation in SAME else generic_csv(FIRST)):
        imported(city, school, again)
    assert booked(city, school) == truth(day)


def test_a_zip_bomb_is_refused_by_its_unpacked_size() -> None:
    with pytest.raises(Rejection) as caught:
        read_statements(zip_bomb(FIRST), PARTIES)
    assert caught.value.code == "file_too_large"
