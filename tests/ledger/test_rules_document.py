"""docs/rules.md names only rules, refusals and tests that exist, and every rule that is not known."""

import re
from pathlib import Path

import ledger.decisions
import ledger.distribution
import ledger.entitlement.refusals
from ledger.rejections import Rejection
from ledger.rulebook.files import parameters

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
ROWS = [row for book in ("administrative", "judicial", "rates") for row in parameters(book)]
LOADED = (ledger.decisions, ledger.distribution, ledger.entitlement.refusals)


def column(number: int) -> set[str]:
    """Words in backticks in one column of every table."""
    cells = [line.split("|")[number] for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_parameter_on_the_page_is_in_the_rulebook() -> None:
    keys = {row.key for row in ROWS} | {"select(place, category, date)"}
    named = {word for word in column(4) if not word.startswith("ledger/")}
    assert len(named) > 60
    assert named <= keys


def test_every_module_on_the_page_exists() -> None:
    modules = {word for word in column(4) if word.startswith("ledger/")}
    assert modules
    assert [module for module in modules if not (ROOT / module).is_file()] == []


def test_every_refusal_on_the_page_is_a_code_of_the_ledger() -> None:
    def below(kind: type[Rejection]) -> set[str]:
        return {kind.code}.union(*(below(direct) for direct in kind.__subclasses__()))

    assert all(LOADED)
    assert column(5) <= below(Rejection)


def test_every_test_on_the_page_exists() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in column(6) if f"def {name}(" not in written] == []


def test_every_unknown_rule_is_listed_and_nothing_else() -> None:
    listed = set(re.findall(r"`([^`]+)`", PAGE.split("## Not known")[1])) - {"unknown = true"}
    assert listed == {row.key for row in ROWS if row.unknown}
