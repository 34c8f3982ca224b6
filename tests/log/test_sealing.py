"""A day is sealed from sheets and indexes, and commits to the very lines that a fold of the whole stream gives."""

from datetime import date

from ledger.application import Ledger
from ledger.escrow import Escrow
from ledger.events import ContractRegistered, DepositReceived
from ledger.evolution import evolve
from ledger.log.proving import sealing
from ledger.log.seals import nonce_of, statement_lines, tree_root
from ledger.sheets import Header
from tests import examples as x
from tests.conftest import Clock
from tests.log.schools import autumn, open_school, tell

ON = date(2026, 9, 12)


def folded(ledger: Ledger, institution_id: str) -> tuple[int, int, str]:
    """Version, number of statements and root, as a fold from the first event gives them."""
    escrow, nonces, version = Escrow(Header(institution_id=institution_id)), dict[str, str](), 0
    for recorded in ledger.stream(institution_id):
        evolve(escrow, recorded.event)
        version = recorded.version
        if isinstance(recorded.event, ContractRegistered):
            nonces[f"contract {recorded.event.contract_id}"] = nonce_of(recorded.topic, recorded.state)
        elif isinstance(recorded.event, DepositReceived):
            nonces[f"deposit {recorded.event.deposit_id}"] = nonce_of(recorded.topic, recorded.state)
    lines = statement_lines(escrow, nonces)
    return version, len(lines), tree_root(lines)


def sealed(ledger: Ledger, institution_id: str) -> tuple[int, int, str]:
    figures = sealing(ledger.engine, institution_id, ON).sealed
    assert figures is not None
    return figures.stream_version, figures.statements, figures.root


def test_a_seal_commits_to_what_the_stream_tells(ledger: Ledger, clock: Clock) -> None:
    open_school(ledger, "school-1", families=4)
    assert sealed(ledger, "school-1") == folded(ledger, "school-1")
    autumn(ledger, clock, "school-1")
    assert sealed(ledger, "school-1") == folded(ledger, "school-1")


def test_a_deposit_that_is_given_back_stays_in_the_seal_until_it_is_instructed(ledger: Ledger) -> None:
    open_school(ledger, "school-1")
    tell(ledger, "school-1", x.deposit("other", 5_00, None))
    before = folded(ledger, "school-1")
    assert before[1] == 5  # three contracts, two deposits of nobody
    assert sealed(ledger, "school-1") == before
    tell(ledger, "school-1", x.deposit("third", 6_00, None), x.reverse_deposit("other"))
    assert sealed(ledger, "school-1") == folded(ledger, "school-1")


def test_two_schools_have_contracts_of_the_same_name(ledger: Ledger) -> None:
    for name in ("school-1", "school-2"):
        open_school(ledger, name)
    assert sealed(ledger, "school-1")[2] != sealed(ledger, "school-2")[2]
    for name in ("school-1", "school-2"):
        assert sealed(ledger, name) == folded(ledger, name)
