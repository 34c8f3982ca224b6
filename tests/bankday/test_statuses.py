"""What the bank says of payments is taken in line by line: once, and a wrong line stops no other."""

from collections.abc import Sequence

import pytest

from api.bankday.reports import read_report
from api.bankday.runs import Run
from api.bankday.statuses import LineResult, import_statuses
from api.bankfiles import refusals as no_file
from api.bankfiles.posting import Poster
from ledger import commands as c
from ledger import events as e
from ledger.application import Ledger
from ledger.identifiers import Role
from ledger.money import format_yuan
from tests import examples as x
from tests.bankday.day import MONDAY, happened, run, school_with, texts
from tests.conftest import Clock
from tests.projections.school import School

BANK = Poster("bank-1", Role.BANK)
AMOUNT = '<InstdAmt Ccy="CNY">{}</InstdAmt>'
Line = tuple[str, str, int | None]
"""Payment, status, fen."""


@pytest.fixture
def school(ledger: Ledger, clock: Clock) -> School:
    """Three families with a lesson each, one of which asked for its money and got a yes."""
    school = school_with(ledger, clock, 3)
    for number in (1, 2, 3):
        school.asks(*x.taught("a", contract_id=f"c{number}"))
    return school.on(MONDAY)


@pytest.fixture
def released(school: School) -> Run:
    return run(school, "release")


def pain002(lines: Sequence[Line], *, group: str = "", version: str = "10") -> bytes:
    """A report of these transactions, or of a whole file."""
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{payment}</OrgnlEndToEndId><TxSts>{status}</TxSts>"
        "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>account closed</AddtlInf></StsRsnInf>"
        + (
            ""
            if fen is None
            else f'<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">{format_yuan(fen)}</InstdAmt></Amt></OrgnlTxRef>'
        )
        + "</TxInfAndSts>"
        for payment, status, fen in lines
    )
    return (
        f'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}"><CstmrPmtStsRpt>'
        "<GrpHdr><MsgId>m</MsgId><CreDtTm>2026-09-08T09:00:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>f</OrgnlMsgId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>{group}{told}"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def table(*rows: str) -> bytes:
    return "\n".join(("payment_id,status,amount,bank_serial,reason", *rows)).encode()


def taken(school: School, data: bytes, **facts: bool) -> list[LineResult]:
    return import_statuses(school.ledger, read_report(data), BANK, **facts)


def told(results: Sequence[LineResult]) -> list[tuple[int, str, str]]:
    return [(each.line, each.status, each.code) for each in results]


def test_each_line_settles_or_returns_its_own_payment(school: School, released: Run) -> None:
    first = released.first
    data = pain002([(f"{first}.1", "ACSC", 100_00), (f"{first}.2", "RJCT", None), (f"{first}.3", "ACSP", None)])
    assert told(taken(school, data)) == [(1, "settled", ""), (2, "returned", ""), (3, "pending", "")]
    last = happened(school.ledger)[-2:]
    assert [(type(each), getattr(each, "contract_id", "")) for each in last] == [
        (e.ReleaseSettled, "c1"),
        (e.ReleaseReturned, "c2"),
    ]
    assert getattr(last[1], "reason", "") == "account closed"


def test_a_report_that_is_sent_again_changes_nothing(school: School, released: Run) -> None:
    data = pain002([(f"{released.first}.1", "ACSC", None), (f"{released.first}.2", "RJCT", None)])
    taken(school, data)
    before = texts(school.ledger)
    assert told(taken(school, data)) == [(1, "already", ""), (2, "already", "")]
    other = table(f"{released.first}.1,paid,100.00,another-serial,")
    assert told(taken(school, other)) == [(2, "already", "")]
    assert texts(school.ledger) == before


def test_a_line_twice_in_one_file_counts_once(school: School, released: Run) -> None:
    data = table(f"{released.first}.1,settled,,b1,", f"{released.first}.1,settled,,b1,")
    assert told(taken(school, data)) == [(2, "settled", ""), (3, "already", "")]


def test_wrong_lines_are_refused_by_name_and_the_others_go_on(school: School, released: Run) -> None:
    first = released.first
    school.asks(c.SettleRelease(release_id=str(first), contract_ids=["c3"], bank_serial="b"))
    results = taken(
        school,
        table(
            "nonsense,settled,,,",
            f"{first}.9,settled,,,",
            f"{first}.1,done?,,,",
            f"{first}.1,settled,100.01,,",
            f"{first}.3,returned,,,",
            f"{first}.2,settled,100.00,b2,",
        ),
    )
    assert told(results) == [
        (2, "refused", "payment_unknown"),
        (3, "refused", "payment_unknown"),
        (4, "refused", "status_unknown"),
        (5, "refused", "payment_amount_differs"),
        (6, "refused", "payment_contradicted"),
        (7, "settled", ""),
    ]


def test_refunds_come_back_the_same_way(school: School) -> None:
    school.asks(x.request("f1", "c1", requested_on=MONDAY), x.approve("f1"))
    done = run(school, "refund")
    assert told(taken(school, pain002([(f"{done.first}.1", "RJCT", None)]))) == [(1, "returned", "")]
    assert isinstance(happened(school.ledger)[-1], e.RefundReturned)
    school.asks(c.SubstitutePayee(refund_id="f1", payee_ref="p.new", evidence="doc"))
    again = run(school, "refund", number=2)
    assert told(taken(school, table(f"{again.first}.1,已付,,流水/1,"))) == [(2, "settled", "")]
    assert any(isinstance(each, e.RefundSettled) for each in happened(school.ledger))


def test_a_bank_may_speak_of_a_whole_file(school: School, released: Run) -> None:
    group = f"<OrgnlPmtInfId>{released.first}</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>"
    assert [each.status for each in taken(school, pain002([], group=group))] == ["returned"] * 3
    assert [each.status for each in taken(school, pain002([], group=group))] == ["already"] * 3
    unknown = group.replace(str(released.first), "other")
    assert told(taken(school, pain002([], group=unknown))) == [(1, "refused", "payment_unknown")]


def test_what_is_said_of_a_file_counts_for_all_that_are_not_told_one_by_one(school: School, released: Run) -> None:
    group = f"<OrgnlPmtInfId>{released.first}</OrgnlPmtInfId><PmtInfSts>ACSC</PmtInfSts>"
    data = pain002([(f"{released.first}.2", "RJCT", None)], group=group)
    results = taken(school, data)
    assert [(each.payment_id[-1], each.status) for each in results] == [
        ("2", "returned"), ("1", "settled"), ("3", "settled"),
    ]  # fmt: skip
    assert [each.status for each in taken(school, data)] == ["already"] * 3


def of_message(data: bytes, first: object, status: str) -> bytes:
    """The report, with a word about the whole message."""
    word = f"<OrgnlMsgId>{first}</OrgnlMsgId><GrpSts>{status}</GrpSts>"
    return data.replace(b"<OrgnlMsgId>f</OrgnlMsgId>", word.encode())


def test_a_payment_without_a_word_of_its_own_has_that_of_its_message(school: School, released: Run) -> None:
    told = pain002([(f"{released.first}.{number}", "", None) for number in (1, 2)]).replace(b"<TxSts></TxSts>", b"")
    assert [each.outcome for each in read_report(told).lines] == [None, None]
    results = taken(school, of_message(told, released.first, "RJCT"))
    assert [(each.payment_id[-1], each.status) for each in results] == [
        ("1", "returned"), ("2", "returned"), ("3", "returned"),
    ]  # fmt: skip


def test_the_nearest_word_counts(school: School, released: Run) -> None:
    group = f"<OrgnlPmtInfId>{released.first}</OrgnlPmtInfId><PmtInfSts>ACSC</PmtInfSts>"
    data = of_message(pain002([(f"{released.first}.1", "PDNG", None)], group=group), released.first, "RJCT")
    assert sorted(each.status for each in taken(school, data)) == ["pending", "settled", "settled"]


@pytest.mark.parametrize("status", ["PART", "ACSP"])
def test_a_word_about_the_rest_that_is_not_final_says_nothing(school: School, released: Run, status: str) -> None:
    data = of_message(pain002([(f"{released.first}.1", "RJCT", None)]), "another message", status)
    assert told(taken(school, data)) == [(1, "returned", "")]


def test_a_final_word_about_what_is_not_here_is_refused(school: School, released: Run) -> None:
    data = of_message(pain002([(f"{released.first}.1", "RJCT", None)]), "another message", "ACSC")
    assert told(taken(school, data)) == [(1, "returned", ""), (2, "refused", "payment_unknown")]


def test_a_dry_run_tells_and_records_nothing(school: School, released: Run) -> None:
    before = texts(school.ledger)
    assert told(taken(school, table(f"{released.first}.1,settled,,,"), dry_run=True)) == [(2, "settled", "")]
    assert texts(school.ledger) == before


def test_another_institutions_payments_do_not_exist_for_its_bank(school: School, released: Run) -> None:
    report = read_report(table(f"{released.first}.1,settled,,,"))
    assert told(import_statuses(school.ledger, report, BANK, "other")) == [(2, "refused", "payment_unknown")]


def test_the_file_and_the_line_stand_in_the_event(school: School, released: Run) -> None:
    data = table("", f"{released.first}.1,settled,,,")
    taken(school, data)
    source = school.ledger.stream("school")[-1].envelope.source
    assert source is not None
    assert (source.sha256, source.line) == (read_report(data).sha256, 3)


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", no_file.EmptyFile),
        (b"a,b\n1,2\n", no_file.ColumnMissing),
        (b"payment_id,status,status\nx,settled,settled\n", no_file.ColumnTwice),
        (b"payment_id,status\nx,settled,more\n", no_file.UnexpectedCell),
        (b"payment_id,status,amount\nx,settled,1.234\n", no_file.UnreadableAmount),
        (BOMB, no_file.ExternalEntity),
        (b"<a>", no_file.MalformedFile),
        (b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'/>", no_file.UnsupportedVersion),
        (pain002([]), no_file.EmptyFile),
        (pain002([("x", "ACSC", 1)]).replace(b'"CNY"', b'"USD"'), no_file.ForeignLine),
        (pain002([("x", "ACSC", 1)], version="99"), no_file.UnsupportedVersion),
        (b"payment_id,status\nx,\x00", no_file.NulByte),
    ],
)
def test_a_file_that_cannot_be_read_without_losing_something_is_refused(
    data: bytes, refusal: type[no_file.FileRefused]
) -> None:
    with pytest.raises(refusal):
        read_report(data)
