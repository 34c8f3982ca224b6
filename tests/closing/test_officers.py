"""Two officers at the terminal: what goes on, what is frozen under whose number, what is proposed anew."""

from dataclasses import replace
from datetime import date

import pytest

from api.app import now
from api.closing.closure import Declaration, declare_command
from ledger import commands as c
from ledger.application import open_ledger
from ledger.events import (
    ClosureDeclared,
    DistributionCancelled,
    DistributionCompleted,
    EscrowFrozen,
    RefundOrdered,
)
from tests.closing.schools import SCHOOL, tell
from tests.closing.terminal import ABNORMAL, ORDER_NO, Terminal
from tests.conftest import Clock

DAY = 86_400_000_000


def test_a_closure_that_was_approved_elsewhere_is_frozen_by_whoever_goes_on(terminal: Terminal) -> None:
    assert terminal.decide(terminal.propose("close", *ABNORMAL), "approved") == "recorded"
    code, _, said = terminal("close", SCHOOL, "--as", "officer-2")
    assert (code, "--order-no" in said) == (2, True)
    assert terminal.events(EscrowFrozen) == terminal.events(RefundOrdered) == []
    assert terminal("close", SCHOOL, *ORDER_NO, "--as", "officer-2")[0] == 0
    (frozen,) = terminal.events(EscrowFrozen)
    assert isinstance(frozen, EscrowFrozen)
    assert (frozen.order_no, frozen.reason) == ("函 9", "gone")
    assert len(terminal.events(RefundOrdered)) == 3
    assert terminal("close", SCHOOL, "--as", "officer-2")[0] == 0
    assert terminal.events(EscrowFrozen) == [frozen]


def test_whoever_approves_gives_the_number_of_the_freeze_and_before_anything_is_approved(terminal: Terminal) -> None:
    code, _, said = terminal("close", SCHOOL, *ABNORMAL, *ORDER_NO, "--as", "officer-1", "--propose")
    assert (code, "--order-no belongs to --approve" in said) == (2, True)
    approve = ("close", SCHOOL, "--approve", terminal.propose("close", *ABNORMAL), "--as", "officer-2")
    for without in ((), ("--order-no", ""), ("--order-no", "9\n10")):
        code, _, said = terminal(*approve, *without)
        assert (code, "--order-no NUMBER is needed" in said) == (2, True)
        assert terminal.events(ClosureDeclared) == []
    assert terminal(*approve, *ORDER_NO)[0] == 0
    assert [each.order_no for each in terminal.events(EscrowFrozen) if isinstance(each, EscrowFrozen)] == ["函 9"]
    assert terminal(*approve)[0] == 0


def test_an_orderly_closure_needs_no_number(terminal: Terminal) -> None:
    approval = terminal.propose("close", "--cause", "orderly", "--date", "2026-09-01")
    assert terminal("close", SCHOOL, "--approve", approval, "--as", "officer-2")[0] == 0
    assert terminal.events(EscrowFrozen) == []


def test_what_was_rejected_is_proposed_anew_and_what_waits_is_not(terminal: Terminal) -> None:
    first = terminal.propose("close", *ABNORMAL)
    assert terminal.propose("close", *ABNORMAL) == first
    assert terminal.decide(first, "rejected") == "rejected"
    second = terminal.propose("close", *ABNORMAL)
    assert second != first
    assert terminal.propose("close", *ABNORMAL) == second
    assert terminal.decide(second, "rejected") == "rejected"
    third = terminal.propose("close", *ABNORMAL)
    assert terminal("close", SCHOOL, "--approve", third, *ORDER_NO, "--as", "officer-2")[0] == 0
    code, told, _ = terminal("close", SCHOOL, *ABNORMAL, "--as", "officer-1", "--propose")
    assert (code, "recorded before" in told, third in told, "waiting" in told) == (0, True, True, False)


def test_what_lapsed_is_proposed_anew(terminal: Terminal) -> None:
    command = declare_command(Declaration("abnormal", date(2026, 9, 1), "gone"))
    with terminal.desk("officer-1") as desk:
        last_week = replace(desk.runtime, clock=lambda: now() - 8 * DAY)
        first = replace(desk, runtime=last_week).propose(SCHOOL, command)
    second = terminal.propose("close", *ABNORMAL)
    assert second != first["approval_id"]
    assert terminal.decide(second, "approved") == "recorded"


def test_what_the_record_refused_is_not_said_to_wait(terminal: Terminal) -> None:
    refused = terminal.propose("close", *ABNORMAL)
    terminal.decide(terminal.propose("close", "--cause", "orderly", "--date", "2026-09-01"), "approved")
    assert terminal.decide(refused, "approved") == "refused"
    code, told, said = terminal("close", SCHOOL, *ABNORMAL, "--as", "officer-1", "--propose")
    assert (code, told, "clos" in said) == (2, "", True)


def test_a_list_is_given_up_once_and_told_so_again(terminal: Terminal) -> None:
    terminal.close()
    assert terminal.decide(terminal.propose("distribute"), "approved") == "recorded"
    give_up = ("distribute", SCHOOL, "--cancel", "wrong", "--as", "officer-1")
    first = terminal(*give_up, "--json")[1].split('"approval_id": "')[1].split('"')[0]
    assert terminal.decide(first, "rejected") == "rejected"
    code, told, _ = terminal(*give_up)
    assert (code, first in told) == (0, False)
    approval = told.split()[-1]
    for _ in range(2):
        code, told, said = terminal("distribute", SCHOOL, "--approve", approval, "--as", "officer-2")
        assert (code, "cancelled d-" in told) == (0, True), said
    assert terminal(*give_up)[0] == 0
    assert len(terminal.events(DistributionCancelled)) == 1
    assert terminal.events(DistributionCompleted) == []


def test_a_list_that_is_over_is_not_another_that_runs(terminal: Terminal) -> None:
    terminal.close()
    first = terminal.propose("distribute", "--pot", "custody=1000")
    assert terminal("distribute", SCHOOL, "--approve", first, "--as", "officer-2")[0] == 0
    terminal.decide(terminal.propose("distribute"), "approved")
    code, told, _ = terminal("distribute", SCHOOL, "--approve", first, "--as", "officer-2")
    assert (code, "distributed 1000.00" in told) == (0, True)
    assert len(terminal.events(DistributionCompleted)) == 1
    assert "distributed 2000.00" in terminal("distribute", SCHOOL, "--resume", "--as", "officer-2")[1]


@pytest.mark.parametrize("asked", [("--resume",), ("--cancel", "wrong")])
def test_where_nothing_was_ordered_there_is_nothing_to_go_on_with(terminal: Terminal, asked: tuple[str, ...]) -> None:
    terminal.close()
    code, _, said = terminal("distribute", SCHOOL, *asked, "--as", "officer-2")
    assert (code, "No distribution" in said) == (2, True)


def test_an_institution_that_does_not_exist_is_named(terminal: Terminal) -> None:
    for asked in (("distribute", "NOPE"), ("close", "NOPE", "--dry-run")):
        code, _, said = terminal(*asked)
        assert (code, "There is no institution NOPE" in said) == (2, True)


def test_an_order_that_draws_nothing_says_so(terminal: Terminal, database_url: str) -> None:
    ledger = open_ledger(database_url, Clock())
    tell(ledger, c.PlaceRiskDeposit(amount_fen=5_000_00, bank_serial="s"))
    ledger.close()
    for order_no, asked, (told, said) in (
        ("1", "50", ("drawn 50.00", "")),
        ("1", "50", ("", "nothing drawn")),
        ("2", "5000", ("drawn 2950.00", "")),
        ("3", "50", ("", "nothing drawn")),
    ):
        drawn = ("--draw", asked, "--order-no", order_no, "--as", "officer-2")
        code, out, err = terminal("distribute", SCHOOL, *drawn)
        assert (code, told in out, said in err) == (0, True, True)
        assert bool(out) == bool(told)
