"""How often one may ask: clients by name, strangers by address, and what is never counted."""

from datetime import UTC, datetime

import pytest
import time_machine
from pydantic import ValidationError

from api.problems import Problem
from api.security import limits
from api.security.limits import Throttle
from api.settings import Settings
from ledger.identifiers import Role
from tests.api.callers import ESCROW, Callers, Json, code
from tests.limits.conftest import Limited


def asked(callers: Callers, subject: str = "one", times: int = 1) -> list[int]:
    caller = callers.of(Role.REGULATOR, subject)
    return [caller.get("/v1/institutions").status_code for _ in range(times)]


def test_beyond_its_rate_a_client_is_told_when_to_ask_again(limited: Limited) -> None:
    callers = limited(rate_client="3/minute")
    assert asked(callers, times=3) == [200, 200, 200]
    answer = callers.of(Role.REGULATOR, "one").get("/v1/institutions")
    assert (answer.status_code, code(answer)) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json()["fields"]["seconds"] == int(answer.headers["retry-after"])
    assert asked(callers, "another") == [200]


def test_a_refused_request_records_nothing(limited: Limited) -> None:
    callers = limited(rate_client="1/minute")
    assert asked(callers) == [200]
    assert code(callers.of(Role.REGULATOR, "one").post("/v1/escrows", ESCROW)) == "rate_limited"
    assert callers.of(Role.REGULATOR, "other").get("/v1/institutions").json()["data"] == []


def test_the_window_moves(limited: Limited) -> None:
    callers = limited(rate_client="2/minute")
    with time_machine.travel(datetime(2026, 9, 1, tzinfo=UTC), tick=False) as clock:
        assert asked(callers) == [200]
        clock.shift(40)
        assert asked(callers, times=2) == [200, 429]
        clock.shift(21)
        assert asked(callers, times=2) == [200, 429]
        clock.shift(61)
        assert asked(callers, times=3) == [200, 200, 429]


def test_several_rates_hold_together_and_none_is_none(limited: Limited) -> None:
    assert asked(limited(rate_client="5/second;2/minute"), times=3) == [200, 200, 429]
    assert asked(limited(rate_client=""), times=20) == [200] * 20


def test_a_batch_counts_once(limited: Limited) -> None:
    callers = limited(rate_client="2/minute")
    item = {"institution_id": "I-1", "command": "open_escrow", "body": {"x": 1}}
    answer = callers.of(Role.REGULATOR, "one").post("/v1/batches", {"items": [item] * 50})
    assert answer.status_code == 200
    assert asked(callers, times=2) == [200, 429]


def test_without_credentials_an_address_is_counted(limited: Limited) -> None:
    callers = limited(rate_address="3/minute")
    answers: list[Json] = [callers.client.get("/v1/institutions") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert code(answers[-1]) == "rate_limited"
    assert callers.client.get("/problems/not_found").status_code == 429
    assert [callers.client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert asked(callers, times=5) == [200] * 5


def test_wrong_credentials_count_for_their_address_and_right_ones_still_work(limited: Limited) -> None:
    callers = limited(rate_address="3/minute")
    forged = {"Authorization": "Bearer x.y.z"}
    answers = [callers.client.get("/v1/institutions", headers=forged) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert "retry-after" in answers[-1].headers
    assert code(answers[-1]) == "rate_limited"
    assert asked(callers, times=5) == [200] * 5


def test_a_header_that_nobody_reads_does_not_make_a_client(limited: Limited) -> None:
    callers = limited(rate_address="3/minute")
    claimed = {"Authorization": "Bearer x.y.z"}
    answers = [callers.client.get("/problems/not_found", headers=claimed).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert callers.client.get("/healthz", headers=claimed).status_code == 200


def test_tokens_are_asked_for_by_strangers_whatever_they_claim_to_be(limited: Limited) -> None:
    callers = limited(rate_address="2/minute")
    headers = {**callers.of(Role.REGULATOR, "one").headers, "Content-Type": "application/x-www-form-urlencoded"}
    answers = [callers.client.post("/v1/tokens", content="a=b", headers=headers).status_code for _ in range(3)]
    assert answers == [400, 400, 429]


def test_an_address_of_ipv6_is_counted_by_its_site() -> None:
    throttle = Throttle(Settings(rate_address="2/minute"))
    throttle.stranger("2001:db8::1")
    throttle.stranger("2001:db8::ffff:1")
    with pytest.raises(Problem):
        throttle.stranger("2001:db8::2")
    throttle.stranger("2001:db8:0:1::2")
    throttle.stranger("192.0.2.1")


def test_what_is_counted_stays_bounded_and_newcomers_share_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_COUNTED", 3)
    throttle = Throttle(Settings(rate_address="2/minute"))
    with time_machine.travel(datetime(2026, 9, 1, tzinfo=UTC), tick=False):
        for number in range(5):
            throttle.stranger(f"192.0.2.{number}")
        with pytest.raises(Problem):
            throttle.stranger("192.0.2.9")
        throttle.stranger("192.0.2.0")


def test_a_bank_may_post_well_over_300_commands_a_second_by_default() -> None:
    throttle = Throttle(Settings(token_secret=None))
    with time_machine.travel(datetime(2026, 9, 1, tzinfo=UTC), tick=False):
        for _ in range(600):
            throttle.client("bank-1")


@pytest.mark.parametrize("rate", ["often", "3", "3/fortnight", "-1/second"])
def test_a_rate_that_is_none_stops_the_program(rate: str) -> None:
    with pytest.raises((ValidationError, ValueError)):
        Settings(rate_client=rate)
