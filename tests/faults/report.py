"""Writes the page of the drill from its results: `python -m tests.faults.report RESULTS > docs/reliability.md`."""

import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Line = dict[str, Any]

HEAD = Path(__file__).with_name("page.md")
"""What stands before and after the tables, which go where `{tables}` is."""
KEYS = ("row", "fault", "database")
ROWS = set(range(1, 19))
MOST_NOTES = 6


def latest(lines: Iterable[Line]) -> list[Line]:
    """The last result of each row on each database, in the order of the rows."""
    found = {tuple(line[key] for key in KEYS): line for line in lines}
    return sorted(found.values(), key=lambda line: (line["row"], line["fault"], line["database"]))


def read(path: Path) -> list[Line]:
    """Results, one a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def figures(lines: list[Line]) -> str:
    """The table of figures."""
    head = (
        "| row | fault | database | injected | long run wants | events acknowledged | lost | doubled | unbalanced "
        "| undetected | until it answered again, s (median, worst) | s |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(map(_figure, lines))


def _figure(line: Line) -> str:
    reached = f"{line['injected']:,}" + ("" if line["injected"] >= line["wanted"] else " *below*")
    seconds = line["restore_seconds"]
    again = f"{statistics.median(seconds):.2f}, {max(seconds):.2f}" if seconds else "–"
    short = not line["long"] and line["injected"] < line["wanted"]
    name = f"{line['fault']} (short run)" if short else line["fault"]
    counts = [f"{line[key]:,}" for key in ("lost", "doubled", "unbalanced", "undetected")]
    acknowledged = f"{line['acknowledged']:,}" if line["acknowledged"] else "–"
    wanted = f"{line['wanted']:,}"
    cells = [str(line["row"]), name, line["database"], reached, wanted, acknowledged, *counts, again]
    return "| " + " | ".join([*cells, f"{line['seconds']:,.0f}"]) + " |"


def notes(lines: list[Line]) -> str:
    """What else was counted, and who judged."""
    told = []
    for line in lines:
        found = sorted(line["found"].items(), key=lambda item: -item[1])[:MOST_NOTES]
        counted = ", ".join(f"{name} {number:,}" for name, number in found)
        text = f"- {line['row']}, {line['fault']}, {line['database']}: judged by {line['judges']}"
        told.append(text + (f"; {counted}" if counted else "") + ".")
    return "\n".join(told)


def totals(lines: list[Line]) -> str:
    """Everything together."""
    names = ("injected", "acknowledged", "lost", "doubled", "unbalanced", "undetected")
    faults, acknowledged, *bad = (sum(line[name] for line in lines) for name in names)
    lost, doubled, unbalanced, undetected = bad
    below = sum(line["injected"] < line["wanted"] for line in lines)
    return (
        f"**{faults:,} faults injected, {acknowledged:,} events acknowledged: lost {lost:,}, doubled {doubled:,}, "
        f"unbalanced {unbalanced:,}, undetected {undetected:,}.** {len(lines)} lines, {below} of them below the count "
        f"that the long run wants.{_missing(lines)}"
    )


def _missing(lines: list[Line]) -> str:
    """Rows without a figure are named."""
    rows = sorted(ROWS - {line["row"] for line in lines})
    return f" **Rows without a figure here: {', '.join(map(str, rows))}.**" if rows else ""


def page(lines: list[Line]) -> str:
    """The whole page."""
    told = latest(lines)
    return HEAD.read_text("utf-8").format(totals=totals(told), figures=figures(told), notes=notes(told))


if __name__ == "__main__":
    sys.stdout.write(page([line for name in sys.argv[1:] for line in read(Path(name))]))
