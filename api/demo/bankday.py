"""One bank day of three schools, from files on disk, through the same programs as the commands."""

from collections.abc import Iterator, Sequence
from datetime import date

from api.bankday.ending import end_day
from api.bankday.numbers import Kind, file_id
from api.bankday.payments import PaymentFile
from api.bankday.plans import Ask
from api.bankday.reports import read_report
from api.bankday.runs import run_payments
from api.bankday.statuses import LineResult, import_statuses
from api.bankday.writing import write_payment_file
from api.bankfiles.filing import Filing, commit_file, preview_file
from api.bankfiles.reading import read_statements
from api.bankfiles.reconcile import reconcile
from api.demo.bank import Booking, camt053, icbc, pain002, person, serials
from api.demo.branches import PRICE_FEN, Branch, branches_of, deposited, joins, paid_line, registered
from api.demo.days import BANK_DAY, after
from api.demo.facts import Answered, Back, BankDay, Broken, Compared, Ended, Imported, SentFile
from api.demo.groups import Enrolment
from api.demo.office import CLERK, DISTRICT, Office
from api.demo.refunds import request
from api.demo.schools import School
from api.demo.telling import at
from ledger import commands as c
from ledger.answers import Receipt
from ledger.events import DaySealed, DepositReceived
from ledger.orders import Order
from projections.reader import ReadModels
from projections.reconciliation import list_breaks

FOLDER = f"bank-day-{BANK_DAY}"
STRAY_FEN, UNREGISTERED_FEN = 1_234_56, 1_800_00
"""What the bank paid to somebody nobody instructed it to pay, and what a family paid for a contract not yet entered."""


class Day:
    """The day, hour by hour. Every step may be asked again and changes nothing then."""

    def __init__(self, office: Office, schools: Sequence[tuple[School, Sequence[Enrolment]]]) -> None:
        self.told = BankDay(BANK_DAY)
        self._office = office
        self._branches = list(branches_of(schools))
        self._serials = serials(BANK_DAY)

    def live(self) -> BankDay:
        """From the first family at the counter to the seal of the next morning."""
        for branch in self._branches:
            branch.opening_fen = branch.school.cash_fen
        self._families(9)
        self._runs("release", 10)
        self._runs("refund", 11)
        self._statuses(15)
        self._statements(18)
        self._compared(19)
        self._explained(20)
        self._sealed(8)
        return self.told

    def _at(self, hour: int, on: date = BANK_DAY) -> None:
        self._office.clock.now = at(on, hour)

    def _submit(self, orders: Sequence[Order]) -> list[Receipt]:
        with self._office.at_work() as receipts:
            for order in orders:
                self._office.ledger.submit(order)
        return receipts

    # ── in the morning: families at the counter, then the runs ──

    def _families(self, hour: int) -> None:
        """Two children are enrolled; one family and two others leave at once, and the school agrees."""
        self._at(hour)
        for branch in self._branches:
            school, joining = branch.school, joins(branch.joining, self._office.parties)
            paid = self._credit(PRICE_FEN, joining.contract_id, f"{joining.contract_id} 学费")
            branch.bookings.append(paid)
            leaving = [(school.number("R"), each) for each in [joining, *branch.leaving]]
            orders = [registered(branch, f"{branch.id}-N1"), registered(branch, joining.contract_id)]
            orders.append(deposited(branch, joining, paid))
            orders += [request(school, family, name, "institution", BANK_DAY) for name, family in leaving]
            orders += [school.office(c.ApproveRefund, refund_id=name) for name, _ in leaving]
            self._submit(orders)
            self._office.enter(branch.id, joining.guardian_id, *person(joining.contract_id))

    def _runs(self, kind: Kind, hour: int) -> None:
        self._at(hour)
        for branch in self._branches:
            with self._office.at_work():
                ask = Ask(file_id(kind, branch.id, BANK_DAY), DISTRICT, self._office.clock())
                run = run_payments(self._office.ledger, branch.id, ask)
            for file in run.files:
                what = "ledger release" if kind == "release" else "ledger refund-run"
                payees = self._office.payees(file, what)
                path = write_payment_file(self._office.folder / FOLDER, file, "pain.001", payees.find)
                self.told.by_account += len(payees.accounts)
                self.told.by_reference += len(payees.by_reference)
                self._note(branch, kind, f"{FOLDER}/{path.name}", path.read_bytes(), len(file.payments), file.total_fen)
                branch.files.append(file)

    def _note(self, branch: Branch, kind: str, name: str, content: bytes, lines: int, fen: int) -> None:
        kept = self._office.keep(name, content)
        self.told.files.append(SentFile(branch.id, kind, kept.name, kept.sha256, lines, fen))

    # ── in the afternoon: the bank's answer; a line of the first release fails ──

    def _statuses(self, hour: int) -> None:
        self._at(hour)
        for number, branch in enumerate(self._branches):
            results: list[LineResult] = []
            for file in branch.files:
                fails = {len(file.payments): "收款户名不符"} if number == 0 and file.kind == "release" else {}
                results += self._status(branch, file, fails)
            self.told.answered.append(_answered(branch.id, results))

    def _status(self, branch: Branch, file: PaymentFile, fails: dict[int, str]) -> list[LineResult]:
        given: list[str] = []

        def serial() -> str:
            given.append(next(self._serials))
            return given[-1]

        content = pain002(self._office.read(f"{FOLDER}/{file.file_id}.xml"), fails, serial)
        name = f"{FOLDER}/status-{file.file_id}.xml"
        paid = [each for each in file.payments if each.number not in fails]
        self._note(branch, "status", name, content, len(file.payments), sum(each.amount_fen for each in paid))
        branch.bookings += [paid_line(branch, each, number) for each, number in zip(paid, given, strict=True)]
        with self._office.at_work():
            return import_statuses(self._office.ledger, read_report(self._office.read(name)), CLERK)

    # ── in the evening: statements, previewed and committed, then bank and ledger ──

    def _statements(self, hour: int) -> None:
        self._at(hour)
        for number, branch in enumerate(self._branches):
            branch.bookings += self._other_lines(branch, number)
            write, ending = (camt053, "xml") if branch.form == "camt053" else (icbc, "csv")
            content = write(branch.school.account_id, BANK_DAY, branch.opening_fen, branch.bookings)
            name = f"{FOLDER}/statement-{branch.id}.{ending}"
            lines, fen = len(branch.bookings), sum(each.fen for each in branch.bookings)
            self._note(branch, "statement", name, content, lines, fen)
            self._import(branch, name)

    def _other_lines(self, branch: Branch, number: int) -> Iterator[Booking]:
        """The new family pays; one paid for a contract not entered; one refund comes back; one line nobody knows."""
        yield self._credit(PRICE_FEN, f"{branch.id}-N1", f"合同 {branch.id}-N1 学费")
        if number == 0:
            yield self._credit(UNREGISTERED_FEN, branch.unregistered, f"合同 {branch.unregistered} 学费")
        elif number == 1:
            holder, account = "某装饰工程公司", person("stray")[1]
            yield Booking(-STRAY_FEN, next(self._serials), holder, account, "转账")
        else:
            payment = next(
                each
                for file in branch.files
                for each in file.payments
                if file.kind == "refund" and each.contract_id == branch.joining
            )
            self.told.refunds_back.append(Back(branch.id, payment.refund_id or "", payment.amount_fen))
            holder, account = branch.payee(payment)
            text = f"退汇 {payment.payment_id} 账户已销户"
            yield Booking(payment.amount_fen, next(self._serials), holder, account, text)

    def _credit(self, fen: int, contract_id: str, text: str) -> Booking:
        return Booking(fen, next(self._serials), *person(contract_id), text)

    def _import(self, branch: Branch, name: str) -> None:
        statements = read_statements(self._office.read(name), self._office.parties)
        filing = Filing(self._office.ledger, branch.id, CLERK)
        with self._office.at_work():
            preview_file(filing, statements)
            (done,) = commit_file(filing, statements).statements
        assert done.committed is not None, "it was committed"
        opening_fen, closing_fen = done.opening_fen or 0, done.closing_fen or 0
        became = done.committed.became
        self.told.imported.append(Imported(branch.id, name, done.format, done.lines, opening_fen, closing_fen, became))

    def _compared(self, hour: int) -> None:
        self._at(hour)
        for branch in self._branches:
            with self._office.at_work():
                found = reconcile(self._office.ledger, branch.id, CLERK, on=BANK_DAY)
            self.told.compared.append(
                Compared(
                    branch.id,
                    found.bank_fen,
                    found.custody_fen,
                    found.in_transit_fen,
                    found.drift_fen,
                    found.unexplained_fen,
                )
            )

    def _explained(self, hour: int) -> None:
        """The school enters the contract it forgot: its money is applied, and the break is closed with the reason."""
        self._at(hour)
        branch = self._branches[0]
        deposit_id = next(
            event.deposit_id
            for recorded in reversed(self._office.ledger.stream(branch.id))
            if isinstance(event := recorded.event, DepositReceived) and event.amount_fen == UNREGISTERED_FEN
        )
        share = {"contract_id": branch.unregistered, "amount_fen": UNREGISTERED_FEN}
        apply = branch.school.office(c.ApplyDeposit, deposit_id=deposit_id, shares=[share], basis="补录合同")
        self._submit([registered(branch, branch.unregistered, UNREGISTERED_FEN), apply])
        (broken,) = self._breaks(branch.id)
        note = f"合同 {branch.unregistered} 当日补录"
        self._submit([branch.school.officer(c.ResolveBreak, break_id=broken, resolution="explained", note=note)])

    def _breaks(self, institution_id: str) -> list[str]:
        found = list_breaks(ReadModels(self._office.ledger.engine), institution_id=institution_id, state="open").data
        return [each.break_id for each in found]

    # ── the next morning: the day is ended and sealed, for everybody ──

    def _sealed(self, hour: int) -> None:
        self._at(hour, after(BANK_DAY, 1))
        office, told = self._office, self.told
        ids = office.ledger.institutions()
        with office.at_work() as receipts:
            for done in end_day(office.ledger, ids, BANK_DAY, DISTRICT, now=office.clock()):
                assert not done.failure, f"{done.institution_id}: {done.failure}"
                told.sealed += done.state == "sealed"
                for finding in {each.kind for each in done.findings}:
                    told.findings[finding] = told.findings.get(finding, 0) + 1
                if any(each.kind == "breaks_alarming" for each in done.findings):
                    told.alarms.append(done.institution_id)
        told.findings = dict(sorted(told.findings.items()))
        mine = {branch.id for branch in self._branches}
        for receipt in receipts:
            event = receipt.events[0].event
            if receipt.institution_id in mine and isinstance(event, DaySealed):
                roots = event.balances_root, event.statements_root or ""
                told.ended.append(Ended(receipt.institution_id, event.statements or 0, *roots))
        office.catch_up()
        models = ReadModels(office.ledger.engine)
        for branch in self._branches:
            for row in list_breaks(models, institution_id=branch.id).data:
                told.breaks.append(
                    Broken(
                        row.institution_id,
                        row.cause,
                        row.owner,
                        row.signed_fen,
                        row.drift_fen,
                        row.alarming,
                        row.state,
                        row.note,
                        row.resolution_note,
                    )
                )


def _answered(institution_id: str, results: Sequence[LineResult]) -> Answered:
    settled = [each.amount_fen or 0 for each in results if each.status == "settled"]
    returned = [each.amount_fen or 0 for each in results if each.status == "returned"]
    assert len(settled) + len(returned) == len(results), "the bank says of every payment what became of it"
    return Answered(institution_id, len(settled), sum(settled), len(returned), sum(returned))
