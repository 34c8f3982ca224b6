"""The demo's bank day and closure from the files on disk: told rightly, and once, however often they are run."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from sqlalchemy import select

from api.approvals.approval import find
from api.bankday.ending import end_day
from api.bankday.numbers import Kind, file_id
from api.bankday.payees import PayeeBook, Payees
from api.bankday.payments import PaymentFile
from api.bankday.plans import Ask
from api.bankday.reports import read_report
from api.bankday.runs import run_payments
from api.bankday.statuses import import_statuses
from api.bankday.writing import rendered
from api.bankfiles.filing import Filing, commit_file, preview_file
from api.bankfiles.parties import Parties
from api.bankfiles.reading import read_statements
from api.bankfiles.reconcile import reconcile
from api.closing.closure import Closure, Declaration
from api.demo.bank import person
from api.demo.bankday import STRAY_FEN, UNREGISTERED_FEN
from api.demo.days import BANK_DAY, after
from api.demo.facts import BankDay, SentFile
from api.demo.office import CLERK, DISTRICT, officer, party_key, vault_key
from api.demo.run import Run, run
from api.demo.telling import at
from api.security.access_log import AccessLog, access_log
from api.security.mandate import Mandate
from api.vault.masters import read_masters
from api.vault.vault import Vault
from ledger import events as e
from ledger.application import Ledger, open_ledger
from ledger.identifiers import Role
from ledger.money import format_yuan
from ledger.statements import Statement
from projections.reader import ReadModels
from projections.reconciliation import list_breaks
from projections.runner import Runner
from tests.conftest import Clock, PostgresDatabases, migrate
from tests.packs.opening import Opened

SCALE, SEED = 0.05, 3
CAMT = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}"


@dataclass
class City:
    """A story that was told, with its files, and the next morning's ledger."""

    told: Run
    folder: Path
    ledger: Ledger
    clock: Clock

    @property
    def day(self) -> BankDay:
        """What was told of the bank day."""
        return self.told.bank_day

    def files(self, kind: str) -> list[SentFile]:
        """The files of a kind."""
        return [each for each in self.day.files if each.kind == kind]

    def read(self, name: str) -> bytes:
        """A file of the folder."""
        return (self.folder / name).read_bytes()

    def statements(self, name: str) -> list[Statement]:
        """A bank's file, read."""
        return read_statements(self.read(name), Parties(party_key(SEED).encode()))

    def payees(self, file: PaymentFile) -> Payees:
        """The payees of a file, for an officer."""
        engine, parties = self.ledger.engine, Parties(party_key(SEED).encode())
        vault = Vault(engine, read_masters(vault_key(SEED)), self.clock)
        reader = Mandate("officer-lin", Role.REGULATOR, jurisdiction="CN")
        return PayeeBook(engine, vault, parties, AccessLog(engine, self.clock)).of(file, reader, "test", purpose="test")

    def heads(self) -> dict[str, str]:
        """The hash at the end of every stream."""
        heads = {each: self.ledger.head(each) for each in self.ledger.institutions()}
        return {each: head.hash for each, head in heads.items() if head is not None}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Told once on each database."""
    folder = tmp_path_factory.mktemp("city")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'ledger.sqlite'}"
        migrate(url)
    else:
        databases: PostgresDatabases = request.getfixturevalue("postgres_databases")
        url = databases.create()
    told = run(url, SCALE, SEED, lambda _moment, _tally: None, folder / "files")
    clock = Clock()
    clock.now = at(after(BANK_DAY, 1), 10)
    ledger = open_ledger(url, clock)
    yield City(told, folder / "files", ledger, clock)
    ledger.close()
    if request.param != "sqlite":
        databases.drop(url)


def test_every_file_that_was_told_of_lies_in_the_folder(city: City) -> None:
    assert {each.kind for each in city.day.files} == {"release", "refund", "status", "statement"}
    for each in city.day.files:
        assert sha256(city.read(each.name)).hexdigest() == each.sha256
    closed = city.told.closed
    on_disk = {str(path.relative_to(city.folder)) for path in city.folder.rglob("*") if path.is_file()}
    assert on_disk == {*(each.name for each in city.day.files), *closed.payments, *closed.statuses, closed.pack}


def test_the_files_are_what_banks_send(city: City) -> None:
    formats = {each.institution_id: each.format for each in city.day.imported}
    assert sorted(formats.values()) == ["camt.053", "camt.053", "icbc"]
    for sent, done in zip(city.files("statement"), city.day.imported, strict=True):
        (statement,) = city.statements(sent.name)
        assert (statement.format, len(statement.lines)) == (done.format, done.lines)
        assert statement.net_fen == sent.amount_fen == done.closing_fen - done.opening_fen
        if done.format == "icbc":
            with pytest.raises(UnicodeDecodeError):
                city.read(sent.name).decode("utf-8")
            rows = list(csv.reader(io.StringIO(city.read(sent.name).decode("gb18030"))))
            assert rows[0] == ["明细查询文件下载"]
        else:
            root: Element = fromstring(city.read(sent.name))
            assert root.tag == f"{CAMT}Document"
            assert len(list(root.iter(f"{CAMT}Ntry"))) == done.lines


def test_payment_files_their_answers_and_the_statements_tell_the_same_sums(city: City) -> None:
    for answered, imported in zip(city.day.answered, city.day.imported, strict=True):
        mine = [each for each in city.day.files if each.institution_id == answered.institution_id]
        instructed_fen = sum(each.amount_fen for each in mine if each.kind in {"release", "refund"})
        assert instructed_fen == answered.settled_fen + answered.returned_fen
        (statement,) = city.statements(imported.file)
        debits_fen = -sum(line.amount_fen for line in statement.lines if line.amount_fen < 0)
        stray_fen = STRAY_FEN if imported.became.get("break") else 0
        assert debits_fen == answered.settled_fen + stray_fen
    assert sum(each.returned for each in city.day.answered) == 1


def test_one_break_explains_itself_and_one_does_not(city: City) -> None:
    explained, unknown = city.day.breaks
    assert (explained.cause, explained.state, explained.signed_fen) == (
        "unregistered_contract",
        "explained",
        UNREGISTERED_FEN,
    )
    assert (explained.drift_fen, explained.alarming) == (0, False)
    assert (unknown.cause, unknown.owner, unknown.state) == ("unknown", "regulator", "open")
    assert (unknown.drift_fen, unknown.alarming) == (-STRAY_FEN, True)
    assert city.day.alarms == [unknown.institution_id]
    open_now = list_breaks(ReadModels(city.ledger.engine), state="open").data
    assert [(each.institution_id, each.drift_fen) for each in open_now] == [(unknown.institution_id, -STRAY_FEN)]


def test_bank_and_ledger_differ_by_the_unknown_line_and_by_nothing_else(city: City) -> None:
    for each in city.day.compared:
        assert each.unexplained_fen == 0
        assert each.bank_fen == each.custody_fen + each.drift_fen - each.in_transit_fen
    assert sum(each.drift_fen for each in city.day.compared) == -STRAY_FEN


def test_a_refund_that_came_back_is_owed_again(city: City) -> None:
    (back,) = city.day.refunds_back
    happened = [each.event for each in city.ledger.stream(back.institution_id)]
    returned = [each for each in happened if isinstance(each, e.RefundReturned) and each.refund_id == back.refund_id]
    assert len(returned) == 1
    dues = {each.refund_id: each for each in city.told.findings.dues if each.institution_id == back.institution_id}
    assert dues[back.refund_id].open_fen == back.amount_fen


def test_the_day_is_sealed_with_everybodys_figure(city: City) -> None:
    for each in city.day.ended:
        (sealed,) = [
            recorded.event
            for recorded in city.ledger.stream(each.institution_id)
            if isinstance(recorded.event, e.DaySealed) and recorded.event.business_on == BANK_DAY
        ]
        assert (sealed.balances_root, sealed.statements_root) == (each.balances_root, each.statements_root)
        assert sealed.statements == each.statements > 0
    assert len(city.day.ended) == len(city.day.imported)


def test_running_the_day_again_changes_nothing(city: City) -> None:
    before = city.heads()
    Runner(city.ledger.engine).catch_up()
    for sent in city.files("statement"):
        filing = Filing(city.ledger, sent.institution_id, CLERK)
        statements = city.statements(sent.name)
        (seen,) = preview_file(filing, statements).statements
        (done,) = commit_file(filing, statements).statements
        assert (seen.fresh, done.committed and done.committed.booked) == (0, 0)
        assert reconcile(city.ledger, sent.institution_id, CLERK, on=BANK_DAY).opened == 0
    kinds: tuple[Kind, ...] = ("release", "refund")
    for kind in kinds:
        for sent in city.files(kind):
            ask = Ask(file_id(kind, sent.institution_id, BANK_DAY), DISTRICT, city.clock())
            again = run_payments(city.ledger, sent.institution_id, ask)
            written = [rendered(each, "pain.001", city.payees(each).find) for each in again.files]
            assert (again.recorded, written) == (0, [city.read(sent.name)])
    reports = [read_report(city.read(sent.name)) for sent in city.files("status")]
    results = [each for report in reports for each in import_statuses(city.ledger, report, CLERK)]
    contradicted = [each for each in results if each.status != "already"]  # settled once, and sent back since
    assert [(each.code, each.amount_fen) for each in contradicted] == [
        ("payment_contradicted", city.day.refunds_back[0].amount_fen)
    ]
    ended = end_day(city.ledger, city.ledger.institutions(), BANK_DAY, DISTRICT, now=city.clock())
    assert {each.state for each in ended} <= {"sealed_before", "closed"}
    assert city.heads() == before


def test_the_distribution_is_the_pot_to_the_fen_and_nobody_gets_more_than_is_due(city: City) -> None:
    closed = city.told.closed
    shares = closed.distribution
    assert shares is not None
    happened = [each.event for each in city.ledger.stream(closed.institution_id)]
    (ordered,) = [each for each in happened if isinstance(each, e.DistributionOrdered)]
    lines = [each for each in happened if isinstance(each, e.DistributionShareApproved)]
    assert ordered.list_sha256 == shares.list_sha256
    assert sum(line.share_fen for line in lines) == shares.pot_fen == shares.shared_fen == closed.paid_fen
    dues = {
        each.refund_id: each.amount_fen
        for each in happened
        if isinstance(each, e.RefundOrdered) and each.refund_id is not None
    }
    assert len(lines) == shares.families == len(dues)
    assert all(0 <= line.share_fen <= dues[line.refund_id] for line in lines)
    floors = [dues[line.refund_id] * shares.pot_fen // shares.due_fen for line in lines]
    over = [line.share_fen - floor for line, floor in zip(lines, floors, strict=True)]
    assert set(over) <= {0, 1}
    assert sum(over) == shares.remainder_fen
    assert shares.left_fen == shares.due_fen - shares.pot_fen == city.told.findings.shortfall_fen


def test_two_officers_stand_for_the_closure_and_for_the_distribution(city: City) -> None:
    closed = city.told.closed
    stands = {
        type(each.event).__name__: (each.envelope.actor, getattr(each.event, "approved_by", None))
        for each in city.ledger.stream(closed.institution_id)
    }
    two = officer(closed.institution_id)
    for name in ("ClosureDeclared", "DistributionOrdered"):
        assert stands[name] == (two.name, two.second)


def test_the_closure_and_the_distribution_waited_for_the_second_officer(city: City) -> None:
    closed, two = city.told.closed, officer(city.told.closed.institution_id)
    events = city.ledger.stream(closed.institution_id)
    with city.ledger.engine.connect() as connection:
        found = [find(connection, each, city.clock()) for each in closed.approvals]
    shown = [each.shown for each in found if each is not None]
    assert [(each.act, each.state) for each in shown] == [
        ("declare_closure", "recorded"),
        ("order_distribution", "recorded"),
    ]
    for each in shown:
        assert (each.proposed_by, each.decided_by) == (two.name, two.second)
        assert each.first_version is not None
        assert events[each.first_version - 1].envelope.command_id == f"approval-{each.approval_id}"


def test_who_paid_by_a_card_in_the_vault_is_named_by_it_and_the_others_by_reference(city: City) -> None:
    references, cards = 0, []
    for sent in city.files("refund"):
        root: Element = fromstring(city.read(sent.name))
        space = root.tag.removesuffix("Document")
        for account in root.iter(f"{space}CdtrAcct"):
            if account.findtext(f".//{space}Prtry") == "LEDGER-REFERENCE":
                references += 1
            else:
                cards.append(account.findtext(f"{space}Id/{space}Othr/{space}Id"))
    assert cards == [person(f"{each.institution_id}-N0")[1] for each in city.files("refund")]
    assert (city.day.by_account, city.day.by_reference) == (len(cards), references)
    assert references
    with city.ledger.engine.connect() as connection:
        reads = connection.execute(select(access_log)).all()
    assert len([each for each in reads if each.what == "ledger refund-run"]) == len(cards)
    assert not any(card.encode() in each.state for card in cards if card for each in city.ledger.stream("BJ-A03"))


def test_the_closure_run_again_orders_nothing(city: City) -> None:
    closed = city.told.closed
    assert closed.stopped_on is not None
    before = city.heads()
    declared = Declaration("abnormal", closed.stopped_on, "x")
    done = Closure(city.ledger, officer(closed.institution_id)).run(declared, "1")
    assert (done.refunds, done.undetermined, done.refused) == (0, [], [])
    assert city.heads() == before


def test_the_resolution_pack_opens_and_tells_every_family(city: City) -> None:
    closed = city.told.closed
    pack = Opened(city.read(closed.pack))
    pack.check_manifest()
    rows = pack.csv("families.csv")
    assert sum(int(row["due_fen"] or 0) for row in rows) == closed.pack_due_fen == closed.ordered_fen
    assert len([row for row in rows if int(row["due_fen"] or 0)]) == closed.ordered
    assert len(pack.sheet("families")) == len(rows)


def test_the_shares_stand_in_the_payment_file_of_the_closure(city: City) -> None:
    closed = city.told.closed
    (name,) = closed.payments
    root: Element = fromstring(city.read(name))
    space = root.tag.removesuffix("Document")
    assert root.findtext(f".//{space}CtrlSum") == format_yuan(closed.paid_fen)
    assert datetime.fromisoformat(root.findtext(f".//{space}CreDtTm") or "") < datetime(2026, 11, 1, tzinfo=UTC)
