"""The bank's day at the terminal and over HTTP: exit codes, files on disk, and the same answers on both."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from api.bankday import ending
from api.cli import run
from ledger import commands as c
from ledger.application import open_ledger
from tests import examples as x
from tests.bankday.day import school_with
from tests.conftest import Clock
from tests.projections.school import School

OK, FINDING, USAGE = 0, 1, 2


@pytest.fixture(autouse=True)
def _school(monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path, clock: Clock) -> Iterator[None]:
    """A school with two earned lessons and an approved refund, on Monday, the seventh of September."""
    monkeypatch.setenv("LEDGER_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    ledger = open_ledger(sqlite_url, clock)
    school = school_with(ledger, clock)
    school.asks(*x.taught("a"), *x.taught("a", contract_id="c2"), x.claim("b"))
    school.asks(x.request("f2", "c2", requested_on=x.STARTS_ON), x.approve("f2"))
    ledger.close()
    with time_machine.travel("2026-09-08T02:00:00+00:00", tick=False):
        yield


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = OK) -> str:
    assert run(arguments) == code, capsys.readouterr()
    return capsys.readouterr().out


def test_a_release_is_recorded_once_and_its_file_written_twice_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ("release", "school", "--date", "2026-09-07", "--out", str(tmp_path / "bank"), "--json")
    first = json.loads(printed(capsys, *asked))
    (path,) = (tmp_path / "bank").iterdir()
    content = path.read_bytes()
    path.unlink()
    again = json.loads(printed(capsys, *asked))
    assert (first[0]["recorded"], again[0]["recorded"]) == (1, 0)
    assert path.read_bytes() == content
    assert first[0]["files"] == again[0]["files"]
    printed(capsys, "payment-file", first[0]["files"][0]["file_id"], "--out", str(tmp_path / "other"))
    assert (tmp_path / "other" / path.name).read_bytes() == content


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = printed(capsys, "release", "--all", "--date", "2026-09-07", "--dry-run", "--out", str(tmp_path / "bank"))
    assert "dry run" in text
    assert not (tmp_path / "bank").exists()


def test_a_refund_is_paid_and_its_status_taken_in(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    done = json.loads(printed(capsys, "refund-run", "school", "--date", "2026-09-07", "--format", "csv", "--json"))
    payment_id = done[0]["payments"][0]["payment_id"]
    assert payment_id in (tmp_path / f"{done[0]['files'][0]['file_id']}.csv").read_text("utf-8-sig")
    report = tmp_path / "status.csv"
    report.write_text(f"payment_id,status\n{payment_id},paid\nF-unknown,paid\n")
    text = printed(capsys, "import-payment-status", str(report), code=FINDING)
    assert "no such payment" in text
    report.write_text(f"payment_id,status\n{payment_id},paid\n")
    assert json.loads(printed(capsys, "import-payment-status", str(report), "--json"))[0]["status"] == "already"


def test_an_end_of_day_seals_once_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "sealed 1" in printed(capsys, "eod", "--date", "2026-09-07")
    assert "nothing was done" in printed(capsys, "eod", "school", "--date", "2026-09-07")


def test_what_an_end_of_day_finds_is_printed_before_the_next_school_is_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, sqlite_url: str, clock: Clock
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    school_with(ledger, clock, 1, "a-short").asks(
        *x.taught("a"), x.release(100_00), x.settle_release(), x.dispute("a"), x.decide_dispute("a", "reversed")
    )
    ledger.close()
    end = ending._Evening.end

    def stopped(self: ending._Evening, institution_id: str) -> ending.DayEnd:
        if institution_id == "school":
            raise KeyboardInterrupt
        return end(self, institution_id)

    monkeypatch.setattr(ending._Evening, "end", stopped)
    with pytest.raises(SystemExit):
        run(["eod", "--date", "2026-09-07"])
    assert "a-short 2026-09-07 Custody is short" in capsys.readouterr().out


@pytest.mark.parametrize(("language", "said"), [("zh_CN.UTF-8", "尚未结束"), ("en_US.UTF-8", "is not over in Beijing")])
def test_today_is_not_over_and_the_command_says_that(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    assert run(["eod", "--date", "2026-09-08"]) == USAGE
    assert f"2026-09-08 {said}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ("release", "--all"), ("release", "school"), ("refund-run", "--all"), ("refund-run", "school"),
        ("eod",), ("eod", "school"),
    ],
)  # fmt: skip
def test_a_day_that_has_not_come_is_misuse_whatever_is_asked(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert run([*command, "--date", "2026-09-30"]) == USAGE
    assert "which lies after today, 2026-09-08" in capsys.readouterr().err


def test_a_run_asked_again_ends_alike_and_lists_the_same(
    capsys: pytest.CaptureFixture[str], sqlite_url: str, clock: Clock
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    School(ledger, clock).asks(
        c.RecordAttachment(attachment_id="a", authority="court", order_no="1", amount_fen=4_000_00)
    )
    ledger.close()
    asked = ("refund-run", "school", "--date", "2026-09-07", "--json")
    first, again = (json.loads(printed(capsys, *asked, code=FINDING))[0] for _ in range(2))
    assert [each["code"] for each in first["withheld"]] == ["custody_short"]
    assert (first["recorded"], again["recorded"], again["withheld"]) == (1, 0, first["withheld"])


def test_missed_days_are_ended_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    days = json.loads(printed(capsys, "eod", "--from", "2026-09-04", "--date", "2026-09-07", "--json"))
    assert [(each["date"], each["state"]) for each in days] == [(f"2026-09-0{day}", "sealed") for day in (4, 5, 6, 7)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("release", "--date", "2026-09-07"),
        ("release", "school", "--all", "--date", "2026-09-07"),
        ("release", "nobody", "--date", "2026-09-07"),
        ("release", "school", "--date", "2026-09-30"),
        ("release", "school", "--date", "2026-09-07", "--run", "0"),
        ("eod", "--date", "2026-09-08"),
        ("eod", "nobody", "--date", "2026-09-07"),
        ("payment-file", "nonsense"),
        ("import-payment-status", "missing.csv"),
    ],
)
def test_misuse_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code = run(arguments)
    said = capsys.readouterr()
    assert code in {FINDING, USAGE}
    assert "Traceback" not in said.err
    assert said.err.strip()


def test_a_frozen_school_is_a_finding_with_its_name(
    capsys: pytest.CaptureFixture[str], sqlite_url: str, clock: Clock
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    school_with(ledger, clock, 1, "frozen").asks(x.freeze())
    ledger.close()
    assert run(["release", "--all", "--date", "2026-09-07"]) == FINDING
    said = capsys.readouterr()
    assert "frozen: escrow_is_frozen" in said.err
    assert "school" in said.out


def test_a_rule_that_refuses_many_schools_is_said_once(
    capsys: pytest.CaptureFixture[str], sqlite_url: str, clock: Clock
) -> None:
    ledger = open_ledger(sqlite_url, clock)
    for number in range(12):
        school_with(ledger, clock, 0, f"frozen-{number:02d}").asks(x.freeze())
    ledger.close()
    assert run(["release", "--all", "--date", "2026-09-07", "--quiet"]) == FINDING
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "escrow_is_frozen" in each]
    assert "frozen-00, frozen-01" in line
    assert "12 家 institutions" in line


@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "en_US.UTF-8"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf\r\n", "empty_file"),
        (b"a,b\n1,2\n", "column_missing"),
        (b"payment_id,status" + b"," * 10**6, "row_too_long"),
        (b"payment_id,status,amount\nR1,paid,1.234\n", "unreadable_amount"),
        (b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'/>", "unsupported_version"),
        (b"<!DOCTYPE a [<!ENTITY x 'x'>]><a>&x;</a>", "external_entity"),
        (b"<Document", "malformed_file"),
        (b"PK\x03\x04\x00\x00", "nul_byte"),
    ],
)
def test_a_status_file_that_cannot_be_read_is_one_sentence_in_the_readers_language(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str, data: bytes,
    code: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("LC_ALL", language)
    (tmp_path / "status").write_bytes(data)
    assert run(["import-payment-status", str(tmp_path / "status")]) == FINDING
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"ledger: {code}")
    sentence = line.partition(": ")[2].partition(": ")[2]
    assert ("一" <= sentence[0] <= "鿿") is (language == "zh_CN.UTF-8")
    assert not any(each in line for each in ("第 0 行", "第 0 列", "line 0", "column 0"))
