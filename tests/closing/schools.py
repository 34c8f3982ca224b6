"""A school with many families whose custody is short, told through the public commands."""

from collections.abc import Sequence
from datetime import date

from api.closing.closure import Closure, Declaration, Ordered
from api.closing.distribution import Distributing, Preview, Terms, order_of
from api.closing.officer import Officer
from api.closing.pots import AskedPot, PotName
from api.closing.sharing import ShareList
from ledger import commands as c
from ledger.answers import Receipt
from ledger.application import Ledger
from ledger.commands import Command
from ledger.distribution import DistributionMethod
from ledger.identifiers import Role
from ledger.orders import Order
from projections.families import header_of
from projections.reader import ReadModels
from projections.refunds_due import RefundDue, list_refunds_due
from projections.runner import Runner
from tests import examples as x
from tests.conftest import Clock

SCHOOL = "school"
STOPPED_ON = date(2026, 9, 10)
GONE = Declaration("abnormal", STOPPED_ON, "doors shut")
ORDER_NO = "函 9"
OFFICER = Officer(SCHOOL, "officer-1", "officer-2")


def tell(ledger: Ledger, *commands: Command) -> None:
    """Record commands, each by the first role that may."""
    start = ledger.position()
    orders = []
    for number, command in enumerate(commands):
        role = min(command.by, key=list(Role).index)
        orders.append(Order(SCHOOL, f"told-{start}-{number}", command, f"{role}-1", role))
    for answer in ledger.submit_all(orders):
        if not isinstance(answer, Receipt):
            raise answer


def opened(ledger: Ledger, paid_fen: Sequence[int], *, licensed: bool = True) -> None:
    """A school with one paid contract for each amount: c1, c2, c3 and so on."""
    commands: list[Command] = [x.opening(licensed=licensed)]
    for number, fen in enumerate(paid_fen, 1):
        name = f"c{number}"
        commands.append(x.contract(name, student_id=f"child-{number}", guardian_id=f"g{number}", price_fen=fen))
        commands.append(x.deposit(name, fen, name, payer_ref=f"account-of-{number}"))
    tell(ledger, *commands)


def drained(ledger: Ledger, **released_fen: int) -> None:
    """Money of these families was released for lessons that do not count in the end: custody is short by it."""
    for name, fen in released_fen.items():
        tell(ledger, *x.taught(f"l-{name}", contract_id=name, hours="30"), x.release(fen, name, f"r-{name}"))
        tell(ledger, x.settle_release(name, release_id=f"r-{name}"))
    for name in released_fen:
        tell(ledger, x.dispute(f"l-{name}", name), x.decide_dispute(f"l-{name}", "reversed", name))


def closed(ledger: Ledger, clock: Clock) -> Ordered:
    """The school ran away, and everything is made due."""
    clock.advance(days=20)
    return Closure(ledger, OFFICER).run(GONE, ORDER_NO)


def dues(ledger: Ledger) -> dict[str, RefundDue]:
    """Open debts by contract or deposit, read models up to date."""
    Runner(ledger.engine).catch_up()
    found = list_refunds_due(ReadModels(ledger.engine), institution_id=SCHOOL, limit=1000).data
    return {row.contract_id or row.deposit_id or "": row for row in found}


def previewed(
    ledger: Ledger,
    *pots: tuple[PotName, int | None],
    method: DistributionMethod = "pool",
    cut_off_on: date = date(2026, 9, 21),
) -> Preview:
    """A distribution as it would be."""
    asked = [AskedPot(*pot) for pot in pots or (("custody", None),)]
    return Distributing(ledger, SCHOOL).preview(Terms(method, asked, cut_off_on))


def ordered(ledger: Ledger, preview: Preview, name: str = "d1") -> ShareList:
    """Order the first list of a preview."""
    OFFICER.submit(ledger, order_of(preview.lists[0], preview.pots[0], name, OFFICER.second))
    return preview.lists[0]


def distributed(ledger: Ledger, preview: Preview, name: str = "d1") -> ShareList:
    """Order it and approve it to the end."""
    ordered(ledger, preview, name)
    return Distributing(ledger, SCHOOL).approve(OFFICER, name)


def paid_out(ledger: Ledger, shares: ShareList, instruction: str = "i1") -> None:
    """Every share is paid by the bank."""
    for line in shares.lines:
        if line.share_fen:
            instruct = c.InstructRefund(refund_id=line.refund_id, instruction_id=instruction)
            tell(ledger, instruct, x.settle(line.refund_id, instruction))


def custody_fen(ledger: Ledger) -> int:
    """What is in custody."""
    Runner(ledger.engine).catch_up()
    with ReadModels(ledger.engine).open_log() as reading:
        return header_of(reading, SCHOOL).custody_cash_fen
