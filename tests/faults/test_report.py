"""The page of the drill says what its figures say."""

from tests.faults.drill import Tally
from tests.faults.report import ROWS, latest, page, read
from tests.faults.run import FIGURES, PAGE


def test_the_page_is_that_of_the_figures() -> None:
    assert PAGE.read_text("utf-8") == page(read(FIGURES))


def test_every_line_of_the_long_run_held_and_missing_rows_are_named() -> None:
    lines = latest(read(FIGURES))
    for row in ROWS - {line["row"] for line in lines}:
        assert str(row) in page(lines).partition("Rows without a figure here: ")[2].partition(".")[0].split(", ")
    assert [line["fault"] for line in lines if not line["passed"] or line["undetected"] or line["lost"]] == []


def test_a_row_without_a_fault_is_not_clean() -> None:
    tally = Tally(1, "nothing", "none", 10)
    assert not tally.clean
    tally.injected = 1
    assert tally.clean
    for name in ("lost", "doubled", "unbalanced", "undetected"):
        setattr(tally, name, 1)
        assert not tally.clean
        setattr(tally, name, 0)
