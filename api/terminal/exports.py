"""`ledger export`: the books in the formats of other programs."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from api.terminal.environment import OK, USAGE, Stop, the_ledger
from projections.journal import journal as journal_of

app = App(name="export", help="Write the books in the formats of other programs.")
app.command("api.terminal.packs:resolution_pack", name="resolution-pack", help="What every family is owed, one zip.")
app.command(
    "api.terminal.packs:evidence", name="evidence", help="What proves a contract's or an institution's figures."
)
app.command("api.terminal.proofs:bundle", name="bundle", help="The audit bundle, to be checked offline.")


@app.command
def journal(
    *,
    format: Annotated[Literal["beancount", "hledger"], Parameter(help="Whose format")],  # noqa: A002 - the option's name
    institution: Annotated[str | None, Parameter(help="One escrow; all when left out")] = None,
    output: Annotated[Path | None, Parameter(help="Write to this file instead of standard output")] = None,
) -> int:
    """The double-entry journal of one escrow, or of all."""
    with the_ledger() as ledger, journal_of(ledger.engine, format, institution) as pieces:
        if output is None:
            for piece in pieces:
                sys.stdout.write(piece)
            return OK
        try:
            with output.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
        except OSError as error:
            raise Stop(f"无法写入 {output} cannot be written: {error.strerror}", USAGE) from None
    return OK
