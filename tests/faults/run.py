"""The long drill, row by row: `python -m tests.faults.run [FILE|ROW…]`; figures go to docs/reliability.jsonl and .md.

Names of test files choose what is run, a suite by any of its paths or by the number of its row (`14`); everything is
run when nothing is named. Each file runs in a process of its own, one after the other.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.faults import suites
from tests.faults.report import page, read

ROOT = Path(__file__).parents[2]
FIGURES, PAGE = ROOT / "docs" / "reliability.jsonl", ROOT / "docs" / "reliability.md"
ELSEWHERE = ("tests/backup/test_disasters.py",)
"""Files that keep figures of their own and stand beside what they drill."""
MOST_SECONDS = 3 * 3600
"""No file goes on longer."""


def drill(path: str) -> int:
    """One file of rows; its exit status."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", path]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=MOST_SECONDS).returncode


def main(chosen: list[str]) -> int:
    """Run, and write the page; 1 where something failed, 2 where something was chosen that is no row."""
    own = [*ELSEWHERE, *(str(path.relative_to(ROOT)) for path in sorted(Path(__file__).parent.glob("test_*.py")))]
    suited = [suite for suite in suites.SUITES if not chosen or {str(suite.row), *suite.paths} & set(chosen)]
    if unknown := set(chosen) - {*own, *(name for suite in suited for name in (str(suite.row), *suite.paths))}:
        print(f"no row is drilled by: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    os.environ |= {"LEDGER_DRILL": "long", "LEDGER_DRILL_RESULTS": str(FIGURES)}
    if not chosen:
        FIGURES.unlink(missing_ok=True)
    failed = [path for path in own if (not chosen or path in chosen) and drill(path)]
    failed += [suite.paths[0] for suite in suited if not suites.run(suite, long=True).passed]
    PAGE.write_text(page(read(FIGURES)), "utf-8")
    for path in failed:
        print(f"failed: {path}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
