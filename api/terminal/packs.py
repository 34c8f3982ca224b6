"""`ledger export resolution-pack` and `ledger export evidence`: packs to hand over."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.notarizing import log_key
from api.packs.evidence import Subject, write_evidence_pack
from api.packs.resolution import Asked, write_resolution_pack
from api.terminal.environment import OK, USAGE, Stop, load_settings
from api.terminal.output import Show, out, print_json, progress
from api.terminal.questions import NOW, When, asking, today
from ledger.money import format_yuan
from projections.contract_statement import list_contract_statements
from projections.institution import find_institution
from projections.reading import Reader

SHOW = Show()


def resolution_pack(institution: str, output: Path, /, *, when: When = NOW, show: Show = SHOW) -> int:
    """For every family of an institution: contract, paid, used, due and why, bank route, clocks; one zip."""
    with asking() as question:
        write_pack(question.models, institution, output, show, when)
    return OK


def evidence(
    subject: str,
    output: Path,
    /,
    *,
    institution: Annotated[str | None, Parameter(help="Of a contract, where several have one of this number")] = None,
    when: When = NOW,
    show: Show = SHOW,
) -> int:
    """What proves the figures of a contract or an institution: events, computation, bank lines, journal; one zip."""
    with asking() as question:
        found = _subject(question.models, subject, institution, when)
        engine = question.ledger.engine if log_key(load_settings()) is not None else None
        try:
            with output.open("wb") as file:
                facts = write_evidence_pack(question.models, found, file, engine)
        except OSError as error:
            raise Stop(f"无法写入 {output} cannot be written: {error.strerror}", USAGE) from None
    if show.json:
        print_json(facts)
    elif not show.quiet:
        out().print(f"证据包 {output}: {facts['events']:,} events, {facts['proofs']} proofs", markup=False)
    return OK


def write_pack(reader: Reader, institution: str, output: Path, show: Show, when: When = NOW) -> None:
    """Write the resolution pack of an institution to a file and say what it came to. Raises Stop, UnknownRow."""
    with progress("处置包 resolution pack", show) as watch:
        asked = Asked(institution, when.as_of or today(), when.moment, watch=lambda count: watch(count, 0))
        try:
            with output.open("wb") as file:
                made = write_resolution_pack(reader, asked, file)
        except OSError as error:
            raise Stop(f"无法写入 {output} cannot be written: {error.strerror}", USAGE) from None
    if show.json:
        print_json(made.facts)
    elif not show.quiet:
        due, missing = made.totals.debt_fen["due_fen"], made.totals.debt_fen["missing_fen"]
        out().print(
            f"处置包 {output}: {made.totals.contracts:,} contracts, due {format_yuan(due)}, "
            f"missing {format_yuan(missing)}",
            markup=False,
        )


def _subject(reader: Reader, name: str, institution: str | None, when: When) -> Subject:
    if institution is None and find_institution(reader, name).data is not None:
        return Subject(name, moment=when.moment)
    found = list_contract_statements(reader, institution_id=institution, contract_id=name, limit=2).data
    if not found:
        raise Stop(f"没有机构或合同 There is no institution or contract {name}", USAGE)
    if len(found) > 1:
        raise Stop(f"多家机构都有合同 Several institutions have a contract {name}: --institution", USAGE)
    return Subject(found[0].institution_id, name, when.moment)
