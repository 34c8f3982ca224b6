"""Posts out of order and dated back, and clocks that jump: answers are those of the sorted account."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from ledger.application import Ledger, open_ledger
from ledger.commands import WithdrawRefund
from ledger.events import RefundRequested
from ledger.identifiers import Role
from ledger.orders import Order
from projections.answers import Moment
from projections.escrow_balance import get_escrow_balance
from projections.reader import ReadModels
from projections.runner import Runner
from tests import examples as x
from tests.conftest import Clock
from tests.faults.drill import dialect_of, dice, drill, times
from tests.faults.families import CYCLE, expected, open_schools, order_of
from tests.faults.judging import differences, figures, inspect, judge
from tests.faults.shop import SCHOOLS, Told
from tests.specification import BEIJING, Specification

FIRST, DAYS = date(2026, 9, 2), 8
FAMILIES = 5
STEP_OF_A_LESSON = 3
"""From here on there is something to ask back, and lessons are no longer open."""


@dataclass(frozen=True)
class Post:
    """A request of a client and the business day it belongs to."""

    client: int
    number: int
    day: int


def posts_of(chance: Random, clients: list[int]) -> list[Post]:
    """One family of each client: its posts in their order, on days that do not run backwards, all mixed up together."""
    queues = [
        [Post(client, number, day) for number, day in enumerate(sorted(chance.choices(range(DAYS), k=CYCLE)))]
        for client in clients
    ]
    mixed = []
    while queues := [queue for queue in queues if queue]:
        mixed.append(chance.choice(queues).pop(0))
    return mixed


def test_posts_out_of_order_and_dated_back_give_the_answers_of_the_sorted_account(
    database_url: str, clock: Clock
) -> None:
    ledger, schools = open_ledger(database_url, clock), times(8, 20)
    open_schools(ledger, schools)
    clock.advance(days=12)
    with drill(7, "reordered and backdated posts", dialect_of(database_url), 1_000) as tally:
        told, days = Told(), dict[tuple[int, int], int]()
        for school in range(schools):
            clients = [school + schools * each for each in range(FAMILIES)]
            last = 0
            for post in posts_of(dice("posts", school), clients):
                order = order_of(post.client, post.number, schools)
                receipt = ledger.submit(_dated(order, post.day))
                told[post.client, post.number] = receipt.first_version, receipt.last_version
                days[post.client, post.number] = post.day
                tally.injected += 1
                tally.count("dated before the post before it", post.day < last)
                last = post.day
        Runner(ledger.engine).catch_up()
        judge(ledger, told, schools, tally)
        for day in range(DAYS):
            tally.unbalanced += _differs_as_of(ledger, days, day, schools)
        assert tally.found["dated before the post before it"] > tally.injected // 5
    ledger.close()


def _dated(order: Order, day: int) -> Order:
    moment = datetime.combine(FIRST + timedelta(days=day), time(12), BEIJING)
    return Order(
        order.institution_id, order.command_id, order.command.model_copy(update={"effective_at": moment}),
        order.actor, order.role, guardian_id=order.guardian_id,
    )  # fmt: skip


def _differs_as_of(ledger: Ledger, days: dict[tuple[int, int], int], day: int, schools: int) -> int:
    """Schools whose balance as of a day is not that of the posts up to it, sorted."""
    reader, moment = ReadModels(ledger.engine), Moment(as_of=FIRST + timedelta(days=day))
    wrong = 0
    for school, account in expected((asked for asked, on in days.items() if on <= day), schools).items():
        row = get_escrow_balance(reader, school, moment).data
        said = (
            row.custody_cash_fen, row.unapplied_fen, row.unearned_fen, row.earned_fen, row.release_in_transit_fen,
            row.refund_payable_fen, row.refund_in_transit_fen, row.institution_receivable_fen,
        )  # fmt: skip
        wrong += said != figures(account)
    return wrong


def test_a_clock_that_jumps_a_day_moves_no_record_backwards_and_no_deadline(database_url: str, clock: Clock) -> None:
    ledger, steady = open_ledger(database_url, clock), [Specification(FIRST).given(x.opening()) for _ in range(SCHOOLS)]
    open_schools(ledger, SCHOOLS)
    noon, chance = clock.now + timedelta(days=20), dice("clock", dialect_of(database_url))
    for school in steady:
        school.on(noon.date())
    with drill(8, "clock ±1 day", dialect_of(database_url), 100) as tally:
        told = Told()
        for number in range(100):
            clock.now = noon + timedelta(hours=number, days=chance.choice((-1, 1)), seconds=chance.randint(-3600, 3600))
            client, step = number % SCHOOLS, number // SCHOOLS
            orders = [order_of(client, step, SCHOOLS)]
            if step % CYCLE == STEP_OF_A_LESSON:
                orders += _comes_and_goes(client, step, chance)
            for order in orders:
                receipt = ledger.submit(order)
                steady[client].given(order.command)
                told.setdefault((client, step), (receipt.first_version, receipt.last_version))
                tally.acknowledged += len(receipt.events)
            tally.injected += 1
        tally.undetected += _backwards(ledger)
        tally.lost += _other_days(ledger, steady)
        tally.unbalanced += differences(ledger, expected(told, SCHOOLS))
        inspect(ledger, tally)
    ledger.close()


def _comes_and_goes(client: int, step: int, chance: Random) -> list[Order]:
    """A family that asks for its money, by a letter of some day, and thinks better of it."""
    refund_id, on = f"f{client}-{step}", date(2026, 9, chance.randint(10, 20))
    asked = x.request(refund_id, f"c{client}-{step // CYCLE}", requested_on=on)
    return [
        Order(f"school-{client}", f"{refund_id}-{command.name}", command, "guardian", Role.GUARDIAN)
        for command in (asked, WithdrawRefund(refund_id=refund_id, reason="they stay"))
    ]


def _backwards(ledger: Ledger) -> int:
    """Schools in which something was recorded before the event before it."""
    instants = [[each.envelope.recorded_at for each in ledger.stream(name)] for name in ledger.institutions()]
    return sum(each != sorted(each) for each in instants)


def _other_days(ledger: Ledger, steady: list[Specification]) -> int:
    """Refunds whose last day is another than where the clock stood still."""
    wrong = 0
    for number, school in enumerate(steady):
        jumped = [each.event for each in ledger.stream(f"school-{number}")]
        ours, theirs = (
            [(each.refund_id, each.pay_by, each.reply_by) for each in events if isinstance(each, RefundRequested)]
            for events in (jumped, school.history)
        )
        assert theirs
        wrong += ours != theirs
    return wrong
