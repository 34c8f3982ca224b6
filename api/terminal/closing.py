"""`ledger close`: the end of an institution, proposed by one officer and approved by another."""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.closing.closure import Closure, Declaration, Kind, Ordered, declare_command
from api.closing.forecast import forecast
from api.closing.officer import Officer
from api.terminal.environment import FINDING, OK, USAGE, Stop
from api.terminal.officers import ApproveId, As, Propose, approved, show_proposed, signed_in
from api.terminal.output import Column, Show, err, out, print_json, print_table
from api.terminal.packs import write_pack
from api.terminal.questions import asking, today
from ledger.money import format_yuan
from projections.institution import find_institution

SHOW = Show()


def close(  # noqa: PLR0913 - each is an option
    institution: str,
    /,
    *,
    cause: Annotated[Kind | None, Parameter(help="orderly, or abnormal: it ran away")] = None,
    reason: Annotated[str, Parameter(help="In words")] = "",
    date_: Annotated[date | None, Parameter(name="--date", help="The last day of teaching; today if left out")] = None,
    order_no: Annotated[str, Parameter(help="Number of the order that freezes an abnormal closure")] = "closure",
    as_: As = None,
    propose: Propose = False,
    approve: ApproveId = None,
    dry_run: Annotated[bool, Parameter(negative="", help="What it would come to; records nothing")] = False,
    output: Annotated[Path | None, Parameter(help="Where the resolution pack goes")] = None,
    show: Show = SHOW,
) -> int:
    """Close an institution: declared by two, releases frozen, every contract made due, resolution pack written.

    Without --propose or --approve a closure that is declared goes on where it stopped. 1 where something is left over.
    """
    if dry_run:
        return _forecast(institution, date_ or today(), show)
    with signed_in(as_) as desk:
        if propose:
            if cause is None:
                raise Stop("缺少 --cause orderly|abnormal is needed", USAGE)
            declaration = Declaration(cause, date_ or today(), reason or cause, order_no)
            return show_proposed(desk.propose(institution, declare_command(declaration)), show)
        closure = Closure(desk.runtime.ledger, Officer(institution, desk.mandate.subject))
        if approve is not None:
            body = approved(desk, approve, institution, "declare_closure")
            closure.freeze(Declaration(body["kind"], date.fromisoformat(body["stopped_on"]), body["reason"], order_no))
        desk.require(institution)
        outcome = closure.order()
        _tell(outcome, show)
        path = output or Path(f"resolution-{institution}-{today()}.zip")
        write_pack(desk.runtime.reader, institution, path, show)
    return FINDING if outcome.undetermined or outcome.refused else OK


def _forecast(institution: str, stopped_on: date, show: Show) -> int:
    with asking() as question:
        if find_institution(question.models, institution).data is None:
            raise Stop(f"没有机构 There is no institution {institution}", USAGE)
        found = forecast(question.models, institution, stopped_on, today())
    facts = {name: getattr(found, name) for name in found.__slots__} | {"missing_fen": found.missing_fen}
    if show.json:
        print_json(facts)
    else:
        print_table([Column("项 item"), Column("值 value", right=True)], [
            (name.replace("_fen", " 元 yuan"), format_yuan(value) if name.endswith("_fen") else f"{value:,}")
            for name, value in facts.items()
        ])  # fmt: skip
    return OK


def _tell(outcome: Ordered, show: Show) -> None:
    if show.json:
        print_json({
            "frozen": outcome.frozen, "refunds": outcome.refunds, "amount_fen": outcome.amount_fen,
            "undetermined": [{"contract_id": each.contract_id, "code": each.code} for each in outcome.undetermined],
            "refused": [{"id": name, "code": refusal.code} for name, refusal in outcome.refused],
        })  # fmt: skip
        return
    for each in outcome.undetermined:
        err().print(f"待查 undetermined: {each.contract_id}: {each.code}", markup=False)
    for name, refusal in outcome.refused:
        err().print(f"未下达 refused: {name}: {refusal.code}", markup=False)
    if not show.quiet:
        out().print(f"应退 ordered {outcome.refunds:,} · {format_yuan(outcome.amount_fen)} 元 yuan", markup=False)
