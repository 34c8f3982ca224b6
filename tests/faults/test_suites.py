"""The rows that are suites: they are there, are chosen by row or path, and what they asked is what they say."""

from pathlib import Path

import pytest

from tests.faults.drill import Tally
from tests.faults.run import ROOT, main
from tests.faults.suites import SUITES, _count

CASES = """<testsuites><testsuite>
<testcase name="test_many[1]"><properties><property name="asked" value="40"/></properties></testcase>
<testcase name="test_many[2]"><properties><property name="asked" value="2"/></properties><failure/></testcase>
<testcase name="test_no_change_of_a_signed_request_is_taken[0]"/>
<testcase name="test_one"/>
<testcase name="test_left_out"><skipped/></testcase>
</testsuite></testsuites>"""


def test_every_suite_is_there() -> None:
    assert [path for suite in SUITES for path in suite.paths if not (ROOT / path).is_file()] == []


def test_what_is_no_row_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["14", "tests/faults/nothing.py"]) == 2
    assert "tests/faults/nothing.py" in capsys.readouterr().err


def test_a_case_counts_what_it_says_it_asked_else_once(tmp_path: Path) -> None:
    suite = next(each for each in SUITES if each.row == 16)
    report, tally = tmp_path / "report.xml", Tally(16, suite.fault, "none", 1)
    report.write_text(CASES, "utf-8")
    _count(report, suite, tally)
    assert tally.injected == 40 + 2 + 250 + 1
    assert (tally.undetected, tally.found["many"], tally.found["skipped"]) == (1, 42, 1)
