"""Rows of the drill that are suites elsewhere: they are run as they are, and their cases are counted."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

from tests.faults.drill import TEMPORARY, Tally, keep

ROOT = Path(__file__).parents[2]
OBJECTS = 14_000
"""Routes × roles × objects that there were when this was written: a run that asks fewer has lost some."""


@dataclass(frozen=True)
class Suite:
    """Tests that belong to a row; each case is a fault that was injected."""

    row: int
    fault: str
    paths: tuple[str, ...]
    wanted: int
    select: str = ""
    longer: dict[str, str] = field(default_factory=dict)
    """Environment of the long run."""
    each: dict[str, int] = field(default_factory=dict)
    """How often a case of the test of this name tries, where that is not once and it does not count itself."""
    most_seconds: int = 3_600


SUITES = (
    Suite(
        12,
        "bundle tampered with",
        ("tests/verifier/test_tampering.py",),
        3_000,
        "not clean",
        {"LEDGER_TAMPER_POSITIONS": "50"},
    ),
    Suite(13, "bank file mutated", ("tests/bankfiles/test_mutations.py",), 300),
    Suite(
        14,
        "generated requests held against the description",
        (
            "tests/api/test_schemathesis.py",
            "tests/api/test_schemathesis_stateful.py",
            "tests/api/test_schemathesis_access.py",
        ),
        200_000,
        longer={"LEDGER_FUZZ_EXAMPLES": "150"},
        most_seconds=4 * 3_600,
    ),
    Suite(
        15,
        "every route × role × foreign object",
        (
            "tests/api/test_foreign_objects.py",
            "tests/security/test_access_matrix.py",
            "tests/api/test_access.py",
        ),
        OBJECTS,
    ),
    Suite(
        16,
        "signature replayed, expired, changed, another's",
        ("tests/security/test_mutations.py", "tests/security/test_signatures.py"),
        500,
        each={"test_no_change_of_a_signed_request_is_taken": 250},
    ),
)
"""Each case of a test counts once, unless it says itself how much it asked (`asked`) or stands in `each`."""


def run(suite: Suite, *, long: bool) -> Tally:
    """Run the suite in a process of its own and count its cases."""
    tally, started = Tally(suite.row, suite.fault, "both or none", suite.wanted), time.monotonic()
    tally.judges, tally.long = "its own tests", long
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-n", "auto", "-q", f"--junitxml={report}", *suite.paths]
        command += ["-k", suite.select] if suite.select else []
        environment = os.environ | (suite.longer if long else {})
        try:
            subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=suite.most_seconds)
            _count(report, suite, tally)
        except subprocess.TimeoutExpired:
            tally.count("stopped, too slow")
    tally.seconds = round(time.monotonic() - started, 2)
    tally.passed = tally.clean
    keep(tally)
    return tally


def _count(report: Path, suite: Suite, tally: Tally) -> None:
    for case in ET.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if "skipped" in kinds:
            tally.count("skipped")
            continue
        name = str(case.get("name")).partition("[")[0]
        told = case.find("./properties/property[@name='asked']")
        asked = suite.each.get(name, 1) if told is None else int(str(told.get("value")))
        tally.injected += asked
        if told is not None:
            tally.count(name.removeprefix("test_").replace("_", " "), asked)
        if kinds & {"failure", "error"}:
            tally.undetected += 1
            tally.count(f"failed: {case.get('name')}")
