"""One school on its bank day: families with paid lessons, and runs asked for in a line."""

from datetime import date
from typing import Any, Final

from api.bankday.numbers import Kind, file_id
from api.bankday.plans import PART, Ask
from api.bankday.runs import Run, run_payments
from api.bankfiles.posting import Poster
from ledger.application import Ledger
from ledger.events import Event
from ledger.identifiers import Role
from ledger.serialization import encode
from projections.runner import Runner
from tests import examples as x
from tests.conftest import Clock
from tests.projections.school import School

MONDAY: Final = date(2026, 9, 7)
OFFICER: Final = Poster("officer-1", Role.REGULATOR)


def school_with(
    ledger: Ledger,
    clock: Clock,
    families: int = 2,
    institution_id: str = "school",
    **opening: Any,  # noqa: ANN401
) -> School:
    """A school where each family `c1`, `c2` … has paid for 30 lessons at 100 yuan."""
    school = School(ledger, clock, institution_id).on(x.SIGNED_ON)
    school.asks(x.opening(**opening))
    for number in range(1, families + 1):
        add_family(school, number)
    return school.on(x.STARTS_ON)


def add_family(school: School, number: int, **changes: Any) -> None:  # noqa: ANN401
    """One more family with a paid contract."""
    contract_id = f"c{number}"
    school.asks(
        x.contract(contract_id, student_id=f"child-{number}", guardian_id=f"guardian-{number}", **changes),
        x.deposit(f"s{number}", contract_id=contract_id, payer_ref=f"p.{number}"),
    )


def asked(clock: Clock, kind: Kind, on: date, institution_id: str = "school", run: int = 1, **facts: Any) -> Ask:  # noqa: ANN401
    """What a run is asked with."""
    return Ask(file_id(kind, institution_id, on, run), OFFICER, clock(), **{"part": PART} | facts)


def run(
    school: School,
    kind: Kind,
    on: date | None = None,
    *,
    number: int = 1,
    dry_run: bool = False,
    part: int = PART,
) -> Run:
    """A run of a day, today unless told otherwise, with read models that are up to date."""
    Runner(school.ledger.engine).catch_up()
    today = (school.clock.now).date() if on is None else on
    ask = asked(school.clock, kind, today, school.institution_id, number, part=part)
    return run_payments(school.ledger, school.institution_id, ask, dry_run=dry_run)


def lines(done: Run) -> list[tuple[str | None, int]]:
    """Contract and fen of every payment of a run."""
    return [(each.contract_id, each.amount_fen) for file in done.files for each in file.payments]


def kept(done: Run) -> list[tuple[str | None, int, str]]:
    """What a run left out, and why."""
    return [(each.contract_id, each.amount_fen, each.code) for each in done.withheld.values()]


def happened(ledger: Ledger, institution_id: str = "school") -> list[Event]:
    """Every event of a stream."""
    return [each.event for each in ledger.stream(institution_id)]


def texts(ledger: Ledger, institution_id: str = "school") -> list[bytes]:
    """Every event without its envelope, as text."""
    return [encode(b"", each.event) for each in ledger.stream(institution_id)]
