"""What a command prints: answers to standard output, everything else to standard error."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ledger.money import format_yuan

WIDTH_WITHOUT_TERMINAL = 160
STEPS = 10


@Parameter(name="*")
@dataclass(frozen=True)
class Show:
    """How a command shows what it found."""

    json: Annotated[bool, Parameter(negative="", help="Print the JSON that the API answers with")] = False
    quiet: Annotated[bool, Parameter(negative="", help="No progress and no notes; the exit code tells")] = False


@dataclass(frozen=True)
class Column:
    """A column of a printed table."""

    heading: str
    money: bool = False
    """Fen, printed in yuan."""
    right: bool = False


def out() -> Console:
    """Standard output. Made when it is used, because it may have been redirected since."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """A value as JSON on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]], caption: str = "") -> None:
    """Rows on standard output; an empty table says so."""
    table = Table(caption=caption or None, caption_justify="left")
    for column in columns:
        table.add_column(column.heading, justify="right" if column.money or column.right else "left", overflow="fold")
    count = 0
    for row in rows:
        count += 1
        table.add_row(*(_cell(column, value) for column, value in zip(columns, row, strict=True)))
    if count:
        out().print(table, soft_wrap=False)
    else:
        out().print("没有记录 nothing found" + (f" · {caption}" if caption else ""), markup=False)


def _cell(column: Column, value: object) -> str:
    if value is None or value == "":
        return "–"
    return format_yuan(value) if column.money and isinstance(value, int) else str(value)


@contextmanager
def progress(label: str, show: Show) -> Iterator[Callable[[int, int], None]]:
    """Tells how far a long command is: a bar on a terminal, a line at every tenth elsewhere, nothing when quiet."""
    console = err()
    if show.quiet:
        yield lambda _done, _all: None
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        both = sys.stdout.isatty()  # what is printed meanwhile goes above the bar; into a file it goes as it is
        with Progress(*columns, console=console, transient=True, redirect_stdout=both) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total or None)
    else:
        yield _lines(console, label)


def _lines(console: Console, label: str) -> Callable[[int, int], None]:
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        step = STEPS * done // total if total else 0
        if step > told:
            told = step
            console.print(f"{label} {done:,}/{total:,}", markup=False)

    return tell
