"""Wrong passwords slow whoever tries them, and do not keep out whose password it is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from starlette.testclient import TestClient

from api.problems import Problem
from api.security.attempts import (
    DAY_US,
    FAMILIAR_US,
    FROM_ADDRESS,
    FROM_STRANGERS,
    Pace,
    count_failure,
    standing_of,
)
from api.security.passwords import SignIn, change_password, register_user
from api.security.registry import Deed, writing
from api.security.scopes import mandate_of
from api.security.tables import attempts, changes, passwords
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.store.factory import open_engine
from tests.conftest import Clock
from tests.security.conftest import Stage, staged

PASSWORD = "correct horse battery"
OFFICE, HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2", "203.0.113.9"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def register(ledger: Ledger, clock: Clock) -> Ledger:
    """A ledger that knows lin."""
    with writing(ledger.engine) as connection:
        mandate = mandate_of("lin", Role.REGULATOR, {"jurisdiction": "CN-BJ"})
        register_user(connection, mandate, PASSWORD, Deed("test", clock()))
    return ledger


def is_let_in(ledger: Ledger, clock: Clock, address: str, word: str = PASSWORD) -> bool:
    try:
        return SignIn(ledger.engine, clock).check("lin", word, address) == "lin"
    except Problem as refusal:
        if refusal.code != "credentials_wrong":
            raise
        return False


def tried_wrongly(ledger: Ledger, clock: Clock, address: str, times: int = 1) -> int:
    """What wrong passwords leave behind, without the work of comparing them; until when strangers are locked then."""
    with writing(ledger.engine) as connection:
        for _ in range(times):
            locked_until_at = connection.execute(select(passwords.c.locked_until_at)).scalar_one()
            standing = standing_of(connection, "lin", address, locked_until_at, clock())
            if standing.locked_until_at <= clock():
                count_failure(connection, "lin", address, clock(), familiar=standing.familiar)
        return int(connection.execute(select(passwords.c.locked_until_at)).scalar_one())


def attacked(ledger: Ledger, clock: Clock, hours: int) -> None:
    """Somebody with an address for each attempt tries lin's password at every moment at which it is compared."""
    number, until = 0, clock() + hours * 3_600_000_000
    while clock() < until:
        locked_until_at = tried_wrongly(ledger, clock, f"198.51.100.{number}")
        number += 1
        clock.advance(microseconds=min(until, locked_until_at) - clock())


def test_wrong_passwords_from_one_address_lock_it_and_longer_each_time(register: Ledger, clock: Clock) -> None:
    tried_wrongly(register, clock, ELSEWHERE, FROM_ADDRESS.free)
    assert is_let_in(register, clock, ELSEWHERE), "and the right one clears the count"
    tried_wrongly(register, clock, ELSEWHERE, FROM_ADDRESS.free)
    assert not is_let_in(register, clock, ELSEWHERE, "wrong")
    for pause in (30, 60, 120):
        clock.advance(seconds=pause - 1)
        assert not is_let_in(register, clock, ELSEWHERE), "too early"
        clock.advance(seconds=1)
        assert not is_let_in(register, clock, ELSEWHERE, "wrong")
    clock.advance(seconds=240)
    assert is_let_in(register, clock, ELSEWHERE)
    with register.engine.connect() as connection:
        noted = connection.execute(select(changes.c.detail).where(changes.c.deed == "user_locked")).scalars().all()
    assert noted == [f"{number} wrong passwords from one address" for number in (5, 6, 7, 8)]


def test_who_knows_a_name_locks_his_own_address_and_nobody_elses(register: Ledger, clock: Clock) -> None:
    tried_wrongly(register, clock, ELSEWHERE, 10)
    assert not is_let_in(register, clock, ELSEWHERE)
    assert is_let_in(register, clock, HOME)


def test_an_attack_from_everywhere_slows_strangers_and_not_where_the_user_comes_from(
    register: Ledger, clock: Clock
) -> None:
    assert is_let_in(register, clock, OFFICE)
    attacked(register, clock, hours=6)
    assert not is_let_in(register, clock, HOME), "the right password too, from where it never came"
    assert is_let_in(register, clock, OFFICE)
    clock.advance(seconds=FROM_STRANGERS.longest_us // 1_000_000)
    assert is_let_in(register, clock, HOME), "and when nobody has tried for an hour, from there too"


def test_a_day_of_attack_tries_few_passwords(register: Ledger, clock: Clock) -> None:
    attacked(register, clock, hours=24)
    with register.engine.connect() as connection:
        tried = connection.execute(select(passwords.c.failures)).scalar_one()
    assert FROM_STRANGERS.free < tried <= FROM_STRANGERS.free + 7 + 24, "seven pauses below an hour, then one an hour"


def test_whoever_shares_the_users_address_is_still_slowed(register: Ledger, clock: Clock) -> None:
    assert is_let_in(register, clock, OFFICE)
    tried_wrongly(register, clock, OFFICE, FROM_ADDRESS.free + 1)
    assert not is_let_in(register, clock, OFFICE)
    with register.engine.connect() as connection:
        assert connection.execute(select(passwords.c.failures)).scalar_one() == 0, "strangers did nothing"


def test_an_address_is_no_longer_the_users_after_a_season(register: Ledger, clock: Clock) -> None:
    assert is_let_in(register, clock, OFFICE)
    clock.advance(seconds=FAMILIAR_US / 1_000_000)
    attacked(register, clock, hours=2)
    assert not is_let_in(register, clock, OFFICE)
    with register.engine.connect() as connection:
        assert connection.execute(select(attempts).where(attempts.c.address == OFFICE)).all() == [], "nor is it kept"


def test_a_count_begins_anew_after_a_quiet_day(register: Ledger, clock: Clock) -> None:
    tried_wrongly(register, clock, ELSEWHERE, FROM_ADDRESS.free)
    clock.advance(seconds=DAY_US / 1_000_000 + 1)
    tried_wrongly(register, clock, ELSEWHERE, FROM_ADDRESS.free)
    assert is_let_in(register, clock, ELSEWHERE)


def test_another_password_lifts_every_lock_and_makes_every_address_a_stranger(register: Ledger, clock: Clock) -> None:
    assert is_let_in(register, clock, OFFICE)
    attacked(register, clock, hours=2)
    tried_wrongly(register, clock, OFFICE, FROM_ADDRESS.free + 1)
    with writing(register.engine) as connection:
        change_password(connection, "lin", f"{PASSWORD} staple", Deed("officer", clock()))
        assert connection.execute(select(attempts)).all() == []
    assert is_let_in(register, clock, HOME, f"{PASSWORD} staple")


@given(st.integers(0, 10_000))
def test_a_pause_never_shrinks_and_never_ends_for_ever(failures: int) -> None:
    for pace in (FROM_ADDRESS, FROM_STRANGERS, Pace(0, 1, 1 << 40)):
        assert pace.pause_us(failures) <= pace.pause_us(failures + 1) <= pace.longest_us
        assert (pace.pause_us(failures) > 0) == (failures > pace.free)


@pytest.fixture
def served(sqlite_url: str, clock: Clock) -> Iterator[Stage]:
    """An application that counts no requests but passwords, and lin."""
    for stage in staged(sqlite_url, clock, rate_address=""):
        with writing(stage.ledger.engine) as connection:
            mandate = mandate_of("lin", Role.REGULATOR, {"jurisdiction": "CN-BJ"})
            register_user(connection, mandate, PASSWORD, Deed("test", clock()))
        yield stage


def test_a_wrong_password_and_a_change_of_the_password_at_once_do_not_wait_for_each_other_in_a_circle(
    postgres_url: str, clock: Clock
) -> None:
    engine = open_engine(postgres_url)
    mandate = mandate_of("lin", Role.REGULATOR, {"jurisdiction": "CN-BJ"})
    with writing(engine) as connection:
        register_user(connection, mandate, PASSWORD, Deed("test", clock()))
        count_failure(connection, "lin", ELSEWHERE, clock(), familiar=False)

    def wrong() -> None:
        with writing(engine) as connection:
            count_failure(connection, "lin", ELSEWHERE, clock(), familiar=False)

    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            connection.execute(select(passwords.c.subject).with_for_update())
            other = pool.submit(wrong)
            while not connection.scalar(text("select exists (select from pg_locks where not granted)")):
                pass
            change_password(connection, "lin", "another " + PASSWORD, Deed("test", clock()))
        other.result()
    with engine.connect() as connection:
        assert connection.scalar(select(attempts.c.failures)) == 1, "of the new password"
    engine.dispose()


def test_an_address_over_http_is_that_of_the_connection_and_of_ipv6_the_site(served: Stage) -> None:
    def status(address: str, word: str) -> int:
        client = TestClient(served.client.app, client=(address, 50_000))
        form = urlencode({"grant_type": "password", "username": "lin", "password": word})
        return client.post("/v1/tokens", content=form, headers=FORM).status_code

    assert [status(f"2001:db8::{number}", "wrong") for number in range(5)] == [401] * 5
    assert status("2001:db8::ffff", PASSWORD) == 401
    assert status("2001:db8:0:1::1", PASSWORD) == 200
    assert status(OFFICE, PASSWORD) == 200
    with served.ledger.engine.connect() as connection:
        known = connection.execute(select(attempts.c.address).order_by("address")).scalars().all()
    assert known == [OFFICE, "2001:db8:0:1::/64", "2001:db8::/64"]
