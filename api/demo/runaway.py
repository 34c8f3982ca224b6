"""A school that runs away with custody short: frozen, closed and distributed with the district's own programs."""

from collections.abc import Iterator, Sequence
from datetime import date
from io import BytesIO

from api.bankday.numbers import file_id
from api.bankday.plans import Ask
from api.bankday.reports import read_report
from api.bankday.runs import run_payments
from api.bankday.statuses import import_statuses
from api.bankday.writing import write_payment_file
from api.closing.closure import Closure, Declaration, declare_command
from api.closing.distribution import Distributing, Terms, order_of
from api.closing.pots import AskedPot
from api.closing.security import draw_security
from api.demo.bank import pain002, serials
from api.demo.days import after
from api.demo.facts import Closed, shares_of
from api.demo.groups import Enrolment
from api.demo.office import CLERK, DISTRICT, Office, officer
from api.demo.schools import School
from api.demo.telling import Step, Story, at
from api.packs.resolution import Asked, write_resolution_pack
from ledger import commands as c
from ledger import rejections as no
from ledger.answers import Answer, Receipt
from ledger.events import RefundOrdered
from ledger.orders import Order
from projections.reader import ReadModels

FOLDER = "closure"


def runs_away(school: School, families: Sequence[Enrolment], on: date, office: Office, closed: Closed) -> Story:
    """Lessons that were never given were confirmed in good faith and paid out; then the doors stay shut.

    The last two lessons of every family are contested and reversed, security is drawn, what is in custody is shared
    pro rata, and the rest stays due. What it came to stands in `closed`.
    """
    yield from _confirmed_in_good_faith(school, families, after(on, -3))
    yield from _drawn_dry(school, after(on, -2))
    school.shut = True
    freeze = school.officer(c.FreezeEscrow, authority="regulator", order_no="京体函 9 号", reason="多名家长反映停课")
    yield Step(at(on, 9), [freeze])
    yield Step(at(after(on, 1), 11))
    contested = list(_contested(school, families))
    yield Step(at(after(on, 1), 12), [order for pair in contested for order in pair[:1]])
    yield Step(at(after(on, 5), 15), [order for pair in contested for order in pair[1:]])
    yield Step(at(after(on, 7), 9))
    ordered = _closed(school, on, office, closed)
    yield Step(at(after(on, 8), 9))
    with office.at_work():
        draw_security(office.ledger, officer(school.institution_id), school.security_fen, "京体函 12 号")
    first = {"refund_id": ordered[0].refund_id, "instruction_id": "P-first-come"}
    refused = [school.officer(c.InstructRefund, **first)]
    answers: list[Answer] = yield Step(at(after(on, 8), 16), refused, refused=(no.DistributionRequired,))
    assert not any(isinstance(answer, Receipt) for answer in answers), "custody is short"
    yield Step(at(after(on, 26), 9))
    _distributed(school, after(on, 25), office, closed)
    yield Step(at(after(on, 27), 10))
    _instructed(school, after(on, 27), office, closed)
    yield Step(at(after(on, 29), 16))
    with office.at_work():
        for name in closed.statuses:
            import_statuses(office.ledger, read_report(office.read(name)), CLERK)


def _closed(school: School, on: date, office: Office, closed: Closed) -> list[RefundOrdered]:
    """Proposed by one, approved by another, every contract made due, and the resolution pack of every figure."""
    with office.at_work() as receipts:
        declared = declare_command(Declaration("abnormal", on, "人去楼空"))
        closed.approvals.append(office.approvals.by_two(school.institution_id, declared).approval_id)
        office.catch_up()
        done = Closure(office.ledger, officer(school.institution_id)).order()
    content = BytesIO()
    asked = Asked(school.institution_id, after(on, 7))
    made = write_resolution_pack(ReadModels(office.ledger.engine), asked, content)
    pack = office.keep(f"{FOLDER}/resolution-{school.institution_id}.zip", content.getvalue())
    closed.institution_id, closed.name, closed.stopped_on = school.institution_id, school.name, on
    closed.ordered, closed.ordered_fen = done.refunds, done.amount_fen
    closed.pack, closed.pack_sha256 = pack.name, pack.sha256
    closed.pack_due_fen = made.totals.debt_fen["due_fen"]
    events = (recorded.event for receipt in receipts for recorded in receipt.events)
    return [event for event in events if isinstance(event, RefundOrdered)]


def _distributed(school: School, cut_off_on: date, office: Office, closed: Closed) -> None:
    """What is in custody and nobody's yet, shared among all that is owed; ordered by two, approved in chunks."""
    two, distributing = officer(school.institution_id), Distributing(office.ledger, school.institution_id)
    with office.at_work():
        preview = distributing.preview(Terms("pool", [AskedPot("custody", None)], cut_off_on))
        name = f"d-{preview.version}"
        ordered = order_of(preview.lists[0], preview.pots[0], name, None)
        closed.approvals.append(office.approvals.by_two(school.institution_id, ordered).approval_id)
        closed.distribution = shares_of(name, distributing.approve(two, name))


def _instructed(school: School, on: date, office: Office, closed: Closed) -> None:
    """The shares go to the bank in a payment file, and the bank answers to it."""
    with office.at_work():
        ask = Ask(file_id("refund", school.institution_id, on), DISTRICT, office.clock())
        run = run_payments(office.ledger, school.institution_id, ask)
    running = serials(on)
    for file in run.files:
        path = write_payment_file(office.folder / FOLDER, file, "pain.001")
        answer = pain002(path.read_bytes(), {}, lambda: next(running))
        closed.payments.append(f"{FOLDER}/{path.name}")
        closed.statuses.append(office.keep(f"{FOLDER}/status-{file.file_id}.xml", answer).name)
    closed.paid_fen = run.total_fen


def _confirmed_in_good_faith(school: School, families: Sequence[Enrolment], on: date) -> Story:
    """Families are told to confirm everything because the app is being renewed."""
    yield Step(at(on, 22))
    confirmations = [
        school.guardian(
            family.guardian_id,
            c.ConfirmLessons,
            lessons=[{"contract_id": family.contract_id, "lesson_id": each} for each in book.open_lessons],
        )
        for family in families
        if (book := school.contracts[family.contract_id]).open_lessons
    ]
    yield Step(at(on, 23), confirmations)


def _drawn_dry(school: School, on: date) -> Story:
    """Two days before, everything confirmed is released."""
    yield Step(at(on, 8))
    lines = [
        {"contract_id": contract_id, "amount_fen": book.releasable_fen}
        for contract_id, book in school.contracts.items()
        if book.releasable_fen
    ]
    if lines:
        release_id = school.number("X")
        yield Step(at(on, 9), [school.office(c.InstructRelease, release_id=release_id, lines=lines)])
        paid = school.bank(
            c.SettleRelease,
            release_id=release_id,
            contract_ids=[line["contract_id"] for line in lines],
            bank_serial=school.number("O"),
        )
        yield Step(at(after(on, 1), 10), [paid])


def _contested(school: School, families: Sequence[Enrolment]) -> Iterator[tuple[Order, Order]]:
    for family in families:
        book = school.contracts[family.contract_id]
        for lesson_id in book.confirmed[-2:]:
            lesson = {"contract_id": family.contract_id, "lesson_id": lesson_id}
            yield (
                school.guardian(family.guardian_id, c.DisputeLesson, **lesson, reason="最后两次课没有上"),
                school.officer(c.DecideDispute, **lesson, outcome="reversed", reason="场馆已停业,未授课"),
            )
